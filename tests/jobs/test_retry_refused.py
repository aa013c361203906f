"""retryFailedItems says no, or that it was done before; no worker runs here, so jobs stay as they are."""

import asyncio

import pytest
from tests.clients import Api, why
from tests.jobs.test_retry_failed_items import RETRY, refused, retry, start
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.exports.actions import start_patron_export
from patrongraph.jobs import actions as jobs
from patrongraph.permissions import Permission

ENDED = "UPDATE job SET state = 'COMPLETED_WITH_ISSUES', finished_at = now() RETURNING id"


@pytest.fixture
async def token(town: Town) -> str:
    return await town.token(Permission.PATRONS_VIEW, Permission.PATRONS_PURGE)


async def test_only_a_purge_that_has_ended_by_itself_is_retried(api: Api, town: Town, token: str) -> None:
    ids = await town.patrons(2)
    job = await start(town.system, ids)
    await db.rows("UPDATE job_item SET state = 'FAILED', reason = 'X 1' WHERE patron_id = $1 RETURNING id", ids[0])
    for state in ("QUEUED", "RUNNING", "PAUSED", "CANCELLED"):
        await db.rows("UPDATE job SET state = $2 WHERE id = $1 RETURNING id", job, state)
        found = await refused(api, token, job)
        assert (found["__typename"], found["code"], found["state"]) == ("JobStateConflict", "JOB_STATE", state)
        assert found["message"] == f"A job that is {state} cannot be retried."
    await db.rows("UPDATE job_item SET state = 'DONE' WHERE job_id = $1 RETURNING id", job)
    for state in ("SUCCEEDED", "COMPLETED_WITH_ISSUES", "FAILED"):
        await db.rows("UPDATE job SET state = $2 WHERE id = $1 RETURNING id", job, state)
        assert (await refused(api, token, job))["code"] == "NOTHING_TO_RETRY"
    export = await start_patron_export(town.system, ids[0])
    await db.rows("UPDATE job SET state = 'FAILED' WHERE id = $1 RETURNING id", export)
    everything = await town.token()
    assert (await refused(api, everything, export))["code"] == "NOTHING_TO_RETRY"


async def test_what_somebody_cancelled_stays_cancelled_when_the_job_ended_with_issues(
    api: Api, town: Town, token: str
) -> None:
    ids = await town.patrons(3)
    job = await start(town.system, ids)
    await db.rows("UPDATE job_item SET state = 'CANCELLED' WHERE patron_id <> $1 RETURNING id", ids[0])
    await db.rows("UPDATE job_item SET state = 'FAILED' WHERE patron_id = $1 RETURNING id", ids[0])
    await db.rows(ENDED)
    again = await retry(api, token, job)
    assert (again["count"], again["job"]["cancelled"], again["job"]["failed"]) == (1, 2, 0)
    await db.rows("UPDATE job_item SET state = 'FAILED' WHERE patron_id = $1 RETURNING id", ids[0])
    await db.rows("UPDATE job SET state = 'FAILED', error = 'all went wrong' RETURNING id")
    again = await retry(api, token, job)
    assert (again["count"], again["job"]["cancelled"], again["job"]["error"]) == (3, 0, None)


async def test_who_may_not_and_what_is_not_there(api: Api, town: Town, other_town: Town, token: str) -> None:
    job = await start(town.system, await town.patrons(1))
    await db.rows("UPDATE job SET state = 'FAILED' WHERE id = $1 RETURNING id", job)
    stranger = await other_town.token()
    assert await refused(api, stranger, job) == await refused(api, stranger, 999_999)
    assert (await refused(api, stranger, job))["code"] == "NOT_FOUND"
    lesser = await town.token(*(frozenset(Permission) - {Permission.PATRONS_PURGE}))
    async with nothing_changes():
        assert await api.refused(RETRY, {"job": f"job_{job}"}, lesser) == ["FORBIDDEN"]
        assert await api.refused(RETRY, {"job": f"job_{job}"}) == ["UNAUTHENTICATED"]
        answer = (await api.post(RETRY, {"job": "pat_1"}, token)).json()
        assert answer["errors"][0]["extensions"]["code"] == "BAD_ARGUMENT"


async def test_the_same_request_sent_again_starts_nothing_new(api: Api, town: Town, token: str) -> None:
    job = await start(town.system, await town.patrons(2))
    await db.rows("UPDATE job_item SET state = 'FAILED' RETURNING id")
    await db.rows(ENDED)
    first = await retry(api, token, job, "k")
    assert (first["count"], first["job"]["finishedAt"], first["job"]["state"]) == (2, None, "QUEUED")
    assert await refused(api, token, job, "k") == first
    assert (await refused(api, token, job))["code"] == "JOB_STATE"
    assert (await refused(api, token, job + 1, "k"))["code"] == "IDEMPOTENCY_MISMATCH"
    no = await refused(api, token, job, "")
    assert (no["field"], why(no)) == ("input.idempotencyKey", [("REQUIRED", None)])


async def test_two_at_once_retry_once(town: Town) -> None:
    job = await start(town.system, await town.patrons(2))
    await db.rows("UPDATE job_item SET state = 'FAILED' RETURNING id")
    await db.rows(ENDED)
    both = await asyncio.gather(*(jobs.retry(town.system, job) for _ in range(2)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in both) == ["Refused", "Retried"]
    assert await db.value("SELECT count(*) FROM audit_event WHERE action = 'job.retry'") == 1
