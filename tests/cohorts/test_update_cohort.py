"""updateCohort through the API: one thing at a time, chains that end, and every way it says no."""

import asyncio
from typing import Any

import orjson
import pytest
from tests.clients import Api, why
from tests.cohorts.conftest import School
from tests.town import contents, nothing_changes

from patrongraph import db
from patrongraph.cohorts import actions
from patrongraph.permissions import Permission
from patrongraph.problems import ProblemCode, Refused

ANSWER = """{
  __typename
  ... on CohortSuccess { changed cohort { id code name graduated nextCode } }
  ... on Problem { code message }
  ... on InvalidInput { field fields { reason limit } }
  ... on CohortCycle { codes }
  ... on GraduatedTaken { graduatedCode }
}"""
UPDATE = f"mutation($input: UpdateCohortInput!) {{ found: updateCohort(input: $input) {ANSWER} }}"


async def update(api: Api, token: str, cohort: int, **given: Any) -> Any:
    return (await api.data(UPDATE, {"input": {"id": f"cohort_{cohort}"} | given}, token))["found"]


async def refused(api: Api, token: str, cohort: int, **given: Any) -> Any:
    async with nothing_changes():
        return await update(api, token, cohort, **given)


@pytest.fixture
async def token(school: School) -> str:
    return await school.town.token(Permission.COHORTS_ROLL_OVER, Permission.PATRONS_VIEW)


async def test_what_is_left_out_stays(api: Api, school: School, other_school: School, token: str) -> None:
    others = await contents(other_school.town.id)
    y8 = school.cohorts["Y8"]
    shown = {"id": f"cohort_{y8}", "code": "Y8", "name": "Y8", "graduated": False, "nextCode": "Y9"}
    for given, changed in (
        ({"name": "Year 8"}, {"name": "Year 8"}),
        ({"code": "EIGHT"}, {"code": "EIGHT"}),
        ({"nextCohortId": f"cohort_{school.cohorts['Y10']}"}, {"nextCode": "Y10"}),
        ({"nextCohortId": None}, {"nextCode": None}),
        ({"code": "Y8", "name": "Y8"}, {"code": "Y8", "name": "Y8"}),
    ):
        shown |= changed
        assert await update(api, token, y8, **given) == {
            "__typename": "CohortSuccess", "changed": True, "cohort": shown,
        }  # fmt: skip
    for same in ({}, {"name": " Y8 "}, {"nextCohortId": None}, {"graduated": False}):
        assert await refused(api, token, y8, **same) == {
            "__typename": "CohortSuccess", "changed": False, "cohort": shown,
        }  # fmt: skip
    events = await db.rows("SELECT detail FROM audit_event WHERE action = 'cohort.update' ORDER BY id")
    assert [orjson.loads(event["detail"])["changed"] for event in events] == [
        ["NAME"], ["CODE"], ["NEXT_ID"], ["NEXT_ID"], ["CODE", "NAME"],
    ]  # fmt: skip
    assert await contents(other_school.town.id) == others


async def test_a_chain_that_would_go_round(api: Api, school: School, token: str) -> None:
    cohorts = school.cohorts
    await update(api, token, cohorts["GRAD"], graduated=False)
    for code, following, codes in (
        ("STAFF", "STAFF", ["STAFF", "STAFF"]),
        ("Y8", "Y7", ["Y8", "Y7", "Y8"]),
        ("GRAD", "Y7", ["GRAD", "Y7", "Y8", "Y9", "Y10", "Y11", "Y12", "GRAD"]),
    ):
        no = await refused(api, token, cohorts[code], nextCohortId=f"cohort_{cohorts[following]}")
        assert no == {
            "__typename": "CohortCycle", "code": "COHORT_CYCLE", "codes": codes,
            "message": f"The chain would go round: {' → '.join(codes)}. It has to end in a cohort without a next one.",
        }  # fmt: skip
    # A branch is no round: two cohorts may lead to one.
    assert (await update(api, token, cohorts["STAFF"], nextCohortId=f"cohort_{cohorts['Y7']}"))["changed"] is True


async def test_two_who_close_a_round_at_the_same_time(school: School) -> None:
    """Each alone would be right; one of them is refused."""
    system, staff = school.system, school.cohorts["STAFF"]
    other = await actions.create(system, code="A", name="A")
    done = await asyncio.gather(
        actions.update(system, staff, {"next_id": other}),
        actions.update(system, other, {"next_id": staff}),
        return_exceptions=True,
    )
    [no] = [each for each in done if isinstance(each, BaseException)]
    assert isinstance(no, Refused)
    assert no.problem.code is ProblemCode.COHORT_CYCLE


async def test_the_graduated_one(api: Api, school: School, token: str) -> None:
    cohorts = school.cohorts
    no = await refused(api, token, cohorts["STAFF"], graduated=True)
    assert (no["code"], no["graduatedCode"]) == ("GRADUATED_TAKEN", "GRAD")
    no = await refused(api, token, cohorts["GRAD"], nextCohortId=f"cohort_{cohorts['STAFF']}")
    assert (no["code"], no["field"]) == ("INVALID_INPUT", "input.nextCohortId")
    assert why(no) == [("CONTRADICTION", None)]
    await update(api, token, cohorts["GRAD"], graduated=False)
    no = await refused(api, token, cohorts["Y12"], graduated=True)
    assert (no["code"], no["field"]) == ("INVALID_INPUT", "input.nextCohortId")
    assert why(no) == [("CONTRADICTION", None)]
    done = await update(api, token, cohorts["Y12"], graduated=True, nextCohortId=None)
    assert (done["cohort"]["graduated"], done["cohort"]["nextCode"]) == (True, None)


async def test_what_is_not_there_or_taken(api: Api, school: School, other_school: School, token: str) -> None:
    y8, theirs = school.cohorts["Y8"], other_school.cohorts["Y8"]
    for missing in (theirs, 999_999):
        assert (await refused(api, token, missing, name="x"))["message"] == "The cohort was not found in your library."
        no = await refused(api, token, y8, nextCohortId=f"cohort_{missing}")
        assert no["message"] == "The next cohort was not found in your library."
    assert (await refused(api, token, y8, code="Y9"))["code"] == "COHORT_CODE_TAKEN"
    no = await refused(api, token, y8, name="")
    assert (no["field"], why(no)) == ("input.name", [("REQUIRED", None)])


@pytest.mark.parametrize("name", ["code", "name", "graduated"])
async def test_null_is_no_value_for_what_a_cohort_must_have(api: Api, school: School, token: str, name: str) -> None:
    no = await refused(api, token, school.cohorts["Y8"], **{name: None})
    assert (no["code"], no["field"], why(no)) == ("INVALID_INPUT", f"input.{name}", [("REQUIRED", None)])
    assert no["message"] == "This cannot be null; leave it out to keep it as it is."
