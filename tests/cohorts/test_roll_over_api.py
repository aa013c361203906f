"""rollOverCohorts, undoRollover and rollovers through the API: what they show, and every way they say no."""

import datetime as dt
from typing import Any

import pytest
from tests.clients import Api, why
from tests.cohorts.conftest import School
from tests.town import nothing_changes

from patrongraph import db
from patrongraph.permissions import ALL_PERMISSIONS, Permission

ROLL_OVER = """
mutation($input: RollOverCohortsInput!) { found: rollOverCohorts(input: $input) {
  __typename
  ... on RollOverCohortsSuccess { count job { id kind state total } }
  ... on RolloverPreview {
    year count moving deactivating staying continues { id } confirmationToken confirmUntil
    cohorts { cohortId code name toCode toName members moving deactivating staying }
  }
  ... on Problem { code message }
  ... on InvalidInput { field fields { reason limit } }
  ... on AlreadyRolledOver { year startedAt job { id state } }
  ... on ConfirmationMismatch { currentCount }
  ... on ConfirmationVoid { expired }
} }
"""
UNDO = """
mutation($input: UndoRolloverInput!) { found: undoRollover(input: $input) {
  __typename
  ... on UndoRolloverSuccess { count job { id kind state total } }
  ... on UndoRolloverPreview { year moving reactivating leftAlone }
  ... on Problem { code message }
  ... on RolloverNotUndoable { obstacle }
} }
"""
ROLLOVERS = """
{ rollovers(first: 10) { totalCount edges { node {
  year moved deactivated undone undoable undoObstacle job { id kind state } undoJob { id kind }
} } } }
"""


async def ask(api: Api, token: str, text: str = ROLL_OVER, **given: Any) -> Any:
    return (await api.data(text, {"input": given}, token))["found"]


async def refused(api: Api, token: str, text: str = ROLL_OVER, **given: Any) -> Any:
    """What must not change anything."""
    async with nothing_changes():
        return await ask(api, token, text, **given)


@pytest.fixture
async def token(school: School) -> str:
    return await school.town.token(Permission.PATRONS_VIEW, Permission.COHORTS_ROLL_OVER)


async def test_what_is_quoted_must_be_what_was_shown(api: Api, school: School, token: str, year: int) -> None:
    await school.pupils(3)
    preview = await ask(api, token, year=year, dryRun=True)
    quoted = preview["confirmationToken"]
    for count, said in ((None, "was not confirmed"), (2, "was confirmed for 2")):
        no = await refused(api, token, year=year, dryRun=False, confirmCount=count, confirmationToken=quoted)
        assert no == {
            "__typename": "ConfirmationMismatch", "code": "CONFIRMATION_MISMATCH", "currentCount": 3,
            "message": f"The rollover is about 3 patrons and {said}: confirm exactly 3.",
        }  # fmt: skip
    for wrong in (None, "", "x", quoted[:-1], f"9{quoted}"):
        no = await refused(api, token, year=year, dryRun=False, confirmCount=3, confirmationToken=wrong)
        assert (no["__typename"], no["expired"]) == ("ConfirmationVoid", False)
    no = await refused(api, token, year=year + 1, dryRun=False, confirmCount=3, confirmationToken=quoted)
    assert no["message"] == (
        "The confirmation is missing, or was not made for you, this year and exactly who would go where now. Nothing"
        " was started: make a new dry run and confirm that."
    )
    someone_else = await school.town.token(Permission.COHORTS_ROLL_OVER, Permission.PATRONS_VIEW)
    no = await refused(api, someone_else, year=year, dryRun=False, confirmCount=3, confirmationToken=quoted)
    assert no["__typename"] == "ConfirmationVoid"
    bad = await refused(api, token, year=year + 5, dryRun=True)
    assert (bad["__typename"], bad["field"]) == ("InvalidInput", "input.year")
    [(reason, most)] = why(bad)
    assert (reason, most, bad["message"]) == (
        "TOO_LARGE", most, f"{year + 5} is not near: a rollover is of a year from {(most or 0) - 2} to {most}.",
    )  # fmt: skip
    early = await refused(api, token, year=year - 5, dryRun=True)
    assert why(early) == [("TOO_SMALL", (most or 0) - 2)]


async def test_without_the_permission(api: Api, school: School, year: int) -> None:
    await school.pupils(3)
    token = await school.town.token(*(ALL_PERMISSIONS - {Permission.COHORTS_ROLL_OVER}))
    for text, given in ((ROLL_OVER, {"year": year, "dryRun": True}), (UNDO, {"jobId": "job_1"})):
        async with nothing_changes():
            answer = await api.post(text, {"input": given}, token)
        [error] = answer.json()["errors"]
        assert error["extensions"]["code"] == "FORBIDDEN"
        assert error["extensions"]["permission"] == "COHORTS_ROLL_OVER"


async def test_another_librarys_rollover_is_not_found(
    api: Api, school: School, other_school: School, token: str, year: int
) -> None:
    await school.pupils(3)
    theirs = await other_school.start(year)
    made = await db.value(
        "INSERT INTO job (library_id, kind, state, created_at) VALUES ($1, 'PURGE', 'QUEUED', now()) RETURNING id",
        school.town.id,
    )
    for job in (theirs, made, 999_999):
        no = await refused(api, token, UNDO, jobId=f"job_{job}")
        assert (no["code"], no["message"]) == ("NOT_FOUND", "The rollover was not found in your library.")
    assert (await api.data(ROLLOVERS, {}, token))["rollovers"]["totalCount"] == 0


# Last in the file: a worker lives on for the tests after it, and does what they leave behind.
@pytest.mark.usefixtures("worker_process")
async def test_a_whole_year_with_its_undo(api: Api, school: School, token: str, year: int) -> None:
    before = dict.fromkeys(await school.pupils(4, "Y11", "Y12"), "ACTIVE")
    preview = await refused(api, token, year=year, dryRun=True)
    quoted = {"confirmCount": preview["count"], "confirmationToken": preview.pop("confirmationToken")}
    seconds = (dt.datetime.fromisoformat(preview.pop("confirmUntil")) - dt.datetime.now(dt.UTC)).total_seconds()
    assert 800 < seconds <= 900
    lines = {line["code"]: line for line in preview.pop("cohorts")}
    assert preview == {
        "__typename": "RolloverPreview", "year": year, "count": 4, "moving": 4, "deactivating": 2, "staying": 0,
        "continues": None,
    }  # fmt: skip
    assert list(lines) == sorted(lines)
    assert len(lines) == 8
    assert lines["Y12"] == {
        "cohortId": f"cohort_{school.cohorts['Y12']}", "code": "Y12", "name": "Y12", "toCode": "GRAD",
        "toName": "GRAD", "members": 2, "moving": 2, "deactivating": 2, "staying": 0,
    }  # fmt: skip
    assert (lines["STAFF"]["toCode"], lines["STAFF"]["toName"], lines["STAFF"]["members"]) == (None, None, 0)

    started = await ask(api, token, year=year, dryRun=False, **quoted)
    job = started["job"]["id"]
    assert started == {
        "__typename": "RollOverCohortsSuccess", "count": 4,
        "job": {"id": job, "kind": "ROLLOVER", "state": started["job"]["state"], "total": 4},
    }  # fmt: skip
    last = (await api.follow(job, token))[-1]
    assert (last["state"], last["done"]) == ("SUCCEEDED", 4)
    assert sorted(state[:2] for state in (await school.state()).values()) == [
        ("GRAD", "INACTIVE"), ("GRAD", "INACTIVE"), ("Y12", "ACTIVE"), ("Y12", "ACTIVE"),
    ]  # fmt: skip

    again = await ask(api, token, year=year, dryRun=False, **quoted)
    at = dt.datetime.fromisoformat(again.pop("startedAt"))
    assert again == {
        "__typename": "AlreadyRolledOver", "code": "ALREADY_ROLLED_OVER", "year": year,
        "job": {"id": job, "state": "SUCCEEDED"},
        "message": f"{year} has been rolled over (asked for on {at:%Y-%m-%d}, job {job.removeprefix('job_')}). Running"
        " it again would move nobody, so nothing was started.",
    }  # fmt: skip

    node = {"year": year, "moved": 4, "deactivated": 2, "undone": False, "undoable": True, "undoObstacle": None,
            "job": {"id": job, "kind": "ROLLOVER", "state": "SUCCEEDED"}, "undoJob": None}  # fmt: skip
    assert (await api.data(ROLLOVERS, {}, token))["rollovers"] == {"totalCount": 1, "edges": [{"node": node}]}

    shown = await ask(api, token, UNDO, jobId=job, dryRun=True)
    assert shown == {
        "__typename": "UndoRolloverPreview", "year": year, "moving": 4, "reactivating": 2, "leftAlone": 0,
    }  # fmt: skip
    undone = await ask(api, token, UNDO, jobId=job)
    assert (undone["__typename"], undone["count"], undone["job"]["kind"]) == ("UndoRolloverSuccess", 4, "UNDO_ROLLOVER")
    assert (await api.follow(undone["job"]["id"], token))[-1]["state"] == "SUCCEEDED"
    assert {patron: state[1] for patron, state in (await school.state()).items()} == before
    assert sorted(set((await school.places()).values())) == ["Y11", "Y12"]
    node |= {"undone": True, "undoable": False, "undoObstacle": "ALREADY_UNDONE",
             "undoJob": {"id": undone["job"]["id"], "kind": "UNDO_ROLLOVER"}}  # fmt: skip
    assert (await api.data(ROLLOVERS, {}, token))["rollovers"]["edges"] == [{"node": node}]
    no = await ask(api, token, UNDO, jobId=job)
    assert no == {
        "__typename": "RolloverNotUndoable", "code": "ROLLOVER_NOT_UNDOABLE", "obstacle": "ALREADY_UNDONE",
        "message": f"The rollover of {year} cannot be taken back: it was taken back already.",
    }  # fmt: skip
    assert await db.value("SELECT count(*) FROM job") == 2
