"""createCohort through the API: a chain from its end, and every way it says no."""

from typing import Any

import pytest
from tests.clients import Api, why
from tests.cohorts.conftest import School
from tests.town import Town, contents, nothing_changes

from patrongraph import db
from patrongraph.permissions import ALL_PERMISSIONS, Permission

ANSWER = """{
  __typename
  ... on CohortSuccess { changed cohort { id code name graduated memberCount next { code next { code } } nextCode } }
  ... on Problem { code message }
  ... on InvalidInput { fields { field message reason limit } }
  ... on CohortCodeTaken { field }
  ... on GraduatedTaken { graduatedCode }
}"""
CREATE = f"mutation($input: CreateCohortInput!) {{ found: createCohort(input: $input) {ANSWER} }}"


async def create(api: Api, token: str, **given: Any) -> Any:
    return (await api.data(CREATE, {"input": given}, token))["found"]


async def refused(api: Api, token: str, **given: Any) -> Any:
    async with nothing_changes():
        return await create(api, token, **given)


@pytest.fixture
async def token(town: Town) -> str:
    return await town.token(Permission.COHORTS_ROLL_OVER, Permission.PATRONS_VIEW)


async def test_a_chain_from_its_end(api: Api, town: Town, other_town: Town, token: str) -> None:
    others = await contents(other_town.id)
    end = await create(api, token, code=" GRAD ", name="Left  school", graduated=True)
    key = end["cohort"]["id"]
    assert end == {
        "__typename": "CohortSuccess", "changed": True,
        "cohort": {"id": key, "code": "GRAD", "name": "Left school", "graduated": True, "memberCount": 0, "next": None,
                   "nextCode": None},
    }  # fmt: skip
    last = (await create(api, token, code="Y12", name="Year 12", nextCohortId=key))["cohort"]
    first = (await create(api, token, code="Y 11", name="Årskurs 11", nextCohortId=last["id"]))["cohort"]
    assert first["next"] == {"code": "Y12", "next": {"code": "GRAD"}}
    assert (first["code"], first["nextCode"], first["graduated"]) == ("Y 11", "Y12", False)
    events = await db.rows(
        "SELECT actor_kind, subject_kind, subject_id FROM audit_event WHERE action = 'cohort.create' ORDER BY id"
    )
    made = [int(each.removeprefix("cohort_")) for each in (key, last["id"], first["id"])]
    assert [tuple(event) for event in events] == [("TOKEN", "cohort", each) for each in made]
    assert await contents(other_town.id) == others


async def test_fields_that_are_not_right_are_all_named(api: Api, town: Town, token: str) -> None:
    no = await refused(api, token, code=" ", name="x" * 201, graduated=True, nextCohortId=f"cohort_{town.cohort}")
    assert no["fields"] == [
        {"field": "input.code", "message": "A cohort's code has 1 to 40 characters.", "reason": "REQUIRED",
         "limit": None},
        {"field": "input.name", "message": "A cohort's name has 1 to 200 characters.", "reason": "TOO_LONG",
         "limit": 200},
        {"field": "input.nextCohortId", "message": "The graduated cohort is the end of the chain: it has no next one.",
         "reason": "CONTRADICTION", "limit": None},
    ]  # fmt: skip
    for code, reason in (("x" * 41, ("TOO_LONG", 40)), ("a\x07b", ("NOT_PRINTABLE", None))):
        no = await refused(api, token, code=code, name="A name")
        assert ([each["field"] for each in no["fields"]], why(no)) == (["input.code"], [reason])


async def test_a_code_is_one_cohorts(api: Api, town: Town, other_town: Town, token: str) -> None:
    no = await refused(api, token, code="Y9", name="Another")
    assert no == {
        "__typename": "CohortCodeTaken", "code": "COHORT_CODE_TAKEN", "field": "input.code",
        "message": "There is already a cohort with this code in your library; choose another code.",
    }  # fmt: skip
    await db.rows("UPDATE cohort SET code = 'THEIRS' WHERE library_id = $1 RETURNING id", other_town.id)
    assert (await create(api, token, code="THEIRS", name="Ours"))["changed"] is True


async def test_the_next_one_is_the_librarys_own(api: Api, other_town: Town, token: str) -> None:
    for foreign in (other_town.cohort, 999_999):
        no = await refused(api, token, code="A", name="A", nextCohortId=f"cohort_{foreign}")
        assert (no["code"], no["message"]) == ("NOT_FOUND", "The next cohort was not found in your library.")


async def test_one_graduated_cohort(api: Api, school: School) -> None:
    token = await school.town.token()
    no = await refused(api, token, code="A", name="A", graduated=True)
    assert (no["__typename"], no["code"], no["graduatedCode"]) == ("GraduatedTaken", "GRADUATED_TAKEN", "GRAD")
    assert no["message"].startswith("GRAD is the graduated cohort of your library; there can be one only.")


async def test_the_same_request_again_makes_no_second(api: Api, town: Town, token: str) -> None:
    made = await create(api, token, code="A", name="A", idempotencyKey="one")
    assert await refused(api, token, code="A", name="A", idempotencyKey="one") == made
    other = await refused(api, token, code="B", name="A", idempotencyKey="one")
    assert other["code"] == "IDEMPOTENCY_MISMATCH"


async def test_without_the_permission(api: Api, town: Town) -> None:
    token = await town.token(*(ALL_PERMISSIONS - {Permission.COHORTS_ROLL_OVER}))
    async with nothing_changes():
        answer = await api.post(CREATE, {"input": {"code": "A", "name": "A"}}, token)
    [error] = answer.json()["errors"]
    assert error["extensions"]["permission"] == "COHORTS_ROLL_OVER"
