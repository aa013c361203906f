"""A purge by filter starts only with the count and the confirmation of the actor's own dry run of the same patrons."""

import datetime as dt
import time
from typing import Any

import pytest
from tests.clients import Api
from tests.erasure.support import purge_all, shown
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.context import Actor, ActorKind
from patrongraph.erasure import actions
from patrongraph.patrons.filters import PatronCriteria
from patrongraph.permissions import Permission

PURGE = """
mutation($input: PurgePatronsInput!) { purgePatrons(input: $input) {
  __typename
  ... on PurgePatronsSuccess { count }
  ... on PurgePreview { matched confirmationToken confirmUntil }
  ... on Problem { code message }
  ... on ConfirmationMismatch { currentCount }
  ... on ConfirmationVoid { expired }
} }
"""
DELETE = """
mutation($id: ID!) { deletePatron(input: {patronId: $id}) { ... on DeletePatronPreview { confirmationToken } } }
"""
VOID = (
    "The confirmation is missing, or was not made for you, this filter and exactly the patrons who match now."
    " Nothing was started: make a new dry run and confirm that."
)


async def ask(api: Api, token: str, **given: Any) -> Any:
    return (await api.data(PURGE, {"input": {"dryRun": False} | given}, token))["purgePatrons"]


async def confirm(api: Api, token: str, **chosen: Any) -> dict[str, Any]:
    """What to quote back after a dry run."""
    preview = await ask(api, token, dryRun=True, **chosen)
    return {"confirmCount": preview["matched"], "confirmationToken": preview["confirmationToken"]}


async def is_void(api: Api, token: str, *, expired: bool = False, **given: Any) -> None:
    async with nothing_changes():
        found = await ask(api, token, **given)
    assert (found["code"], found.get("expired")) == ("CONFIRMATION_VOID", expired), found
    assert expired or found["message"] == VOID


@pytest.fixture
async def token(town: Town) -> str:
    return await town.token(Permission.PATRONS_PURGE, Permission.PATRONS_DELETE)


async def test_count_and_confirmation_start_it(api: Api, town: Town, token: str) -> None:
    await town.patrons(3)
    preview = await ask(api, token, dryRun=True, filter={})
    until = dt.datetime.fromisoformat(preview["confirmUntil"])
    assert dt.timedelta(minutes=14) < until - dt.datetime.now(dt.UTC) <= dt.timedelta(minutes=15)
    started = await ask(api, token, filter={}, confirmCount=3, confirmationToken=preview["confirmationToken"])
    assert started == {"__typename": "PurgePatronsSuccess", "count": 3}


async def test_one_without_the_other_starts_nothing(api: Api, town: Town, token: str) -> None:
    await town.patrons(3)
    quoted = await confirm(api, token, filter={})
    await is_void(api, token, filter={}, confirmCount=3)
    async with nothing_changes():
        found = await ask(api, token, filter={}, confirmationToken=quoted["confirmationToken"])
        assert (found["code"], found["currentCount"]) == ("CONFIRMATION_MISMATCH", 3)
        found = await ask(api, token, filter={}, **quoted | {"confirmCount": 2})
        assert (found["code"], found["currentCount"]) == ("CONFIRMATION_MISMATCH", 3)


async def test_as_many_other_patrons_are_not_those_confirmed(api: Api, town: Town, token: str) -> None:
    """The count alone would not notice."""
    ids = await town.patrons(3)
    quoted = await confirm(api, token, filter={})
    await db.rows("UPDATE patron SET status = 'ACTIVE' WHERE id = $1 RETURNING id", ids[0])
    [newcomer] = await town.patrons(1)
    await is_void(api, token, filter={}, **quoted)
    await db.rows("UPDATE patron SET status = 'INACTIVE' WHERE id = $1 RETURNING id", ids[0])
    await db.rows("UPDATE patron SET status = 'ACTIVE' WHERE id = $1 RETURNING id", newcomer)
    assert (await ask(api, token, filter={}, **quoted))["count"] == 3


async def test_it_is_for_this_filter_although_another_matches_the_same(api: Api, town: Town, token: str) -> None:
    await town.patrons(2)
    quoted = await confirm(api, token, filter={"category": "Pupil"})
    for chosen in ({"filter": {}}, {"filter": {"category": "Pupil"}, "search": "last"}):
        await is_void(api, token, **chosen, **quoted)
    assert (await ask(api, token, filter={"category": "Pupil"}, **quoted))["count"] == 2


async def test_it_is_one_actors_in_one_library_for_this_purpose(
    api: Api, town: Town, other_town: Town, token: str
) -> None:
    [patron] = await town.patrons(1)
    await other_town.patrons(1)
    quoted = await confirm(api, token, filter={})
    await is_void(api, await town.token(), filter={}, **quoted)
    await is_void(api, await other_town.token(), filter={}, **quoted)
    deletion = (await api.data(DELETE, {"id": f"pat_{patron}"}, token))["deletePatron"]["confirmationToken"]
    await is_void(api, token, filter={}, confirmCount=1, confirmationToken=deletion)
    issued, _, code = quoted["confirmationToken"].partition(".")
    for wrong in (
        "",
        ".",
        "x",
        issued,
        f"{issued}.",
        f"{issued}.{code[:-1]}",
        f"{int(issued) - 1}.{code}",
        f"{issued}é",
    ):
        await is_void(api, token, filter={}, confirmCount=1, confirmationToken=wrong)


async def test_days_of_grace_that_were_not_shown_are_not_confirmed(api: Api, town: Town, token: str) -> None:
    await town.policy(grace_days=30)
    await town.patrons(1)
    quoted = await confirm(api, token, filter={})
    await town.policy(grace_days=0)
    await is_void(api, token, filter={}, **quoted)


async def test_what_came_into_the_way_meanwhile_does_not_make_it_void(api: Api, town: Town, token: str) -> None:
    """Obstacles are looked at again at each patron's turn."""
    ids = await town.patrons(2)
    quoted = await confirm(api, token, filter={})
    await town.open_loan(ids[0])
    assert (await ask(api, token, filter={}, **quoted))["count"] == 2


@pytest.mark.parametrize(("seconds", "expired"), [(901, True), (86_400, True), (-120, False)])
async def test_a_confirmation_of_another_time_is_void(
    api: Api, town: Town, token: str, seconds: int, expired: bool
) -> None:
    await town.patrons(1)
    who = Actor(ActorKind.TOKEN, await db.value("SELECT id FROM api_token"), town.id)
    made = (await shown(who, clock=lambda: time.time() - seconds)).confirmation
    assert made is not None
    await is_void(api, token, filter={}, confirmCount=1, confirmationToken=made.token, expired=expired)
    almost = (await shown(who, clock=lambda: time.time() - 840)).confirmation
    assert almost is not None
    done = await ask(api, token, filter={}, confirmCount=1, confirmationToken=almost.token)
    assert done["count"] == 1


async def test_the_same_confirmed_request_is_the_same_purge(town: Town) -> None:
    await town.patrons(2)
    preview = await shown(town.system)
    assert preview.confirmation is not None
    asked = {
        "criteria": PatronCriteria(),
        "confirm_count": 2,
        "confirmation_token": preview.confirmation.token,
        "idempotency_key": "k",
    }
    first = await actions.start(town.system, **asked)
    again = await actions.start(town.system, **asked)
    assert isinstance(first, actions.PurgeStarted)
    assert again == actions.PurgeStarted(first.job_id, 2, replayed=True)
    other = await purge_all(town.system, idempotency_key="other")
    assert other.job_id != first.job_id
