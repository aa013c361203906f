"""restorePatron through the API: back from the days of grace, and only from there."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.clients import Api
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.erasure import actions
from patrongraph.jobs.queries import codes
from patrongraph.permissions import Permission

RESTORE = """
mutation($id: ID!) { restorePatron(input: {patronId: $id}) {
  __typename
  ... on RestorePatronSuccess { patron { id status purgeAfter version } }
  ... on Problem { code message }
  ... on NotPendingPurge { status }
} }
"""
DELETE = """
mutation($id: ID!, $code: String) { deletePatron(input: {patronId: $id, confirmationToken: $code}) {
  __typename ... on DeletePatronPreview { confirmationToken }
} }
"""
WAIT = "UPDATE patron SET status = 'PENDING_PURGE', purge_after = now() + interval '3 days' WHERE id = $1 RETURNING id"


async def restore(api: Api, token: str, patron: int) -> Any:
    return (await api.data(RESTORE, {"id": f"pat_{patron}"}, token))["restorePatron"]


async def refused(api: Api, token: str, patron: int) -> Any:
    async with nothing_changes():
        return await restore(api, token, patron)


async def delete(api: Api, token: str, patron: int) -> str:
    variables = {"id": f"pat_{patron}"}
    shown = (await api.data(DELETE, variables, token))["deletePatron"]
    variables["code"] = shown["confirmationToken"]
    answer = (await api.data(DELETE, variables, token))["deletePatron"]
    return str(answer["__typename"])


@pytest.fixture
async def token(town: Town) -> str:
    return await town.token(Permission.PATRONS_DELETE)


async def test_a_deleted_patron_is_brought_back_inactive(
    api: Api, town: Town, token: str, work: Callable[[int, int], Awaitable[Any]]
) -> None:
    await town.policy(grace_days=7)
    [patron] = await town.patrons(1, loans=1, status="ACTIVE")
    assert await delete(api, token, patron) == "DeletePatronSuccess"
    assert await restore(api, token, patron) == {
        "__typename": "RestorePatronSuccess",
        "patron": {"id": f"pat_{patron}", "status": "INACTIVE", "purgeAfter": None, "version": 3},
    }
    row = await db.row("SELECT status_changed_at = updated_at AS together FROM patron")
    assert row["together"]
    event = await db.row(
        "SELECT actor_kind, subject_kind, subject_id, detail FROM audit_event WHERE action = 'patron.restore'"
    )
    assert tuple(event) == ("TOKEN", "patron", patron, "{}")
    assert await actions.start_due() == []
    assert await db.value("SELECT count(*) FROM loan WHERE patron_id = $1", patron) == 1
    # It can be deleted anew.
    assert await delete(api, token, patron) == "DeletePatronSuccess"
    assert await db.value("SELECT status FROM patron") == "PENDING_PURGE"


async def test_one_that_a_purge_made_wait_is_brought_back_too(
    api: Api, town: Town, token: str, work: Callable[[int, int], Awaitable[Any]]
) -> None:
    await town.policy(grace_days=7)
    ids = await town.patrons(2)
    started = await actions.start(town.system, patron_ids=ids)
    assert isinstance(started, actions.PurgeStarted)
    await work(town.id, started.job_id)
    assert (await restore(api, token, ids[0]))["patron"]["status"] == "INACTIVE"
    await db.rows("UPDATE patron SET purge_after = now() WHERE id = $1 RETURNING id", ids[1])
    [due] = await actions.start_due()
    assert (await work(town.id, due)).done == 1
    assert await town.remaining() == [ids[0]]


async def test_restored_after_the_job_was_made_it_is_not_erased(
    api: Api, town: Town, token: str, work: Callable[[int, int], Awaitable[Any]]
) -> None:
    [patron] = await town.patrons(1)
    await db.rows(WAIT, patron)
    await db.rows("UPDATE patron SET purge_after = now() RETURNING id")
    [due] = await actions.start_due()
    # An obstacle has put the erasure off in the meantime, so there are days of grace again.
    await db.rows("UPDATE patron SET purge_after = now() + interval '1 day' RETURNING id")
    assert (await restore(api, token, patron))["patron"]["status"] == "INACTIVE"
    job = await work(town.id, due)
    assert (job.done, job.skipped, await codes(town.id, due)) == (0, 1, {"RESTORED": 1})
    assert await town.remaining() == [patron]


@pytest.mark.parametrize("status", ["ACTIVE", "INACTIVE"])
async def test_one_that_does_not_wait_is_refused(api: Api, town: Town, token: str, status: str) -> None:
    [patron] = await town.patrons(1, status=status)
    assert await refused(api, token, patron) == {
        "__typename": "NotPendingPurge",
        "code": "NOT_PENDING_PURGE",
        "message": f"The patron is {status}; only one that is PENDING_PURGE can be restored.",
        "status": status,
    }


async def test_after_the_days_of_grace_it_is_too_late(api: Api, town: Town, token: str) -> None:
    [patron] = await town.patrons(1)
    await db.rows(WAIT, patron)
    await db.rows("UPDATE patron SET purge_after = now() - interval '1 second' RETURNING id")
    assert await refused(api, token, patron) == {
        "__typename": "NotPendingPurge",
        "code": "NOT_PENDING_PURGE",
        "message": "The days of grace are over: the patron is about to be erased and cannot be restored any more.",
        "status": "PENDING_PURGE",
    }


async def test_twice_at_once_it_is_restored_once(api: Api, town: Town, token: str) -> None:
    [patron] = await town.patrons(1)
    await db.rows(WAIT, patron)
    answers = await asyncio.gather(*(restore(api, token, patron) for _ in range(4)))
    assert sorted(each["__typename"] for each in answers) == ["NotPendingPurge"] * 3 + ["RestorePatronSuccess"]
    assert await db.value("SELECT version FROM patron") == 2
    assert await db.value("SELECT count(*) FROM audit_event WHERE action = 'patron.restore'") == 1


async def test_another_librarys_patron_is_as_unknown_as_one_that_never_was(
    api: Api, town: Town, other_town: Town, token: str
) -> None:
    [theirs] = await other_town.patrons(1)
    await db.rows(WAIT, theirs)
    foreign, unknown = await refused(api, token, theirs), await refused(api, token, 999_999)
    assert foreign == unknown
    assert foreign["code"] == "NOT_FOUND"


async def test_without_the_permission_nothing_happens(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1)
    await db.rows(WAIT, patron)
    lesser = await town.token(*(frozenset(Permission) - {Permission.PATRONS_DELETE}))
    variables = {"id": f"pat_{patron}"}
    async with nothing_changes():
        assert await api.refused(RESTORE, variables, lesser) == ["FORBIDDEN"]
        assert await api.refused(RESTORE, variables) == ["UNAUTHENTICATED"]
        answer = await api.post(RESTORE, {"id": "job_1"}, lesser)
        assert answer.json().get("data") is None
