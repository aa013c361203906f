"""deleteCohort through the API: only what nobody is in and nothing leads to."""

import asyncio
from typing import Any

import pytest
from tests.clients import Api
from tests.cohorts.conftest import School
from tests.town import contents, nothing_changes, wait_until

from patrongraph import db
from patrongraph.cohorts import actions
from patrongraph.permissions import Permission
from patrongraph.problems import Refused

DELETE = """
mutation($input: DeleteCohortInput!) { found: deleteCohort(input: $input) {
  __typename
  ... on DeleteCohortSuccess { deletedId }
  ... on Problem { code message }
  ... on CohortInUse { memberCount previousCodes }
} }
"""


async def delete(api: Api, token: str, cohort: int) -> Any:
    return (await api.data(DELETE, {"input": {"id": f"cohort_{cohort}"}}, token))["found"]


@pytest.fixture
async def token(school: School) -> str:
    return await school.town.token(Permission.COHORTS_ROLL_OVER)


async def test_an_empty_one_at_the_beginning_of_the_chain(
    api: Api, school: School, other_school: School, token: str
) -> None:
    others = await contents(other_school.town.id)
    key = school.cohorts["Y7"]
    assert await delete(api, token, key) == {"__typename": "DeleteCohortSuccess", "deletedId": f"cohort_{key}"}
    assert await db.value("SELECT count(*) FROM cohort WHERE id = $1", key) == 0
    assert await db.value("SELECT subject_id FROM audit_event WHERE action = 'cohort.delete'") == key
    async with nothing_changes():
        assert (await delete(api, token, key))["code"] == "NOT_FOUND"
        assert (await delete(api, token, other_school.cohorts["Y7"]))["code"] == "NOT_FOUND"
    assert await contents(other_school.town.id) == others


async def test_one_that_is_in_use_says_by_whom(api: Api, school: School, token: str) -> None:
    await school.pupils(2, "Y9", status="INACTIVE")
    await school.pupils(1, "Y7")
    await actions.create(school.system, code="B8", name="B", next_id=school.cohorts["Y9"])
    for code, members, previous, said in (
        ("Y7", 1, [], "1 patron is in it"),
        ("Y8", 0, ["Y7"], "it is the next one of Y7"),
        ("Y9", 2, ["B8", "Y8"], "2 patrons are in it and it is the next one of B8, Y8"),
    ):
        async with nothing_changes():
            no = await delete(api, token, school.cohorts[code])
        assert no == {
            "__typename": "CohortInUse", "code": "COHORT_IN_USE", "memberCount": members, "previousCodes": previous,
            "message": f"The cohort was not deleted: {said}. Move them, and lead the chain past it, first.",
        }  # fmt: skip


async def test_somebody_who_joins_at_the_same_moment_is_seen(school: School) -> None:
    [patron] = await school.pupils(1, "STAFF")
    y7 = school.cohorts["Y7"]
    joined, go_on = asyncio.Event(), asyncio.Event()

    async def join() -> None:
        async with db.transaction():
            await school.put(patron, "Y7")
            joined.set()
            await go_on.wait()

    async def waiting() -> bool:
        return bool(await db.value(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ))  # fmt: skip

    joining = asyncio.create_task(join())
    await joined.wait()
    deleting = asyncio.create_task(actions.delete(school.system, y7))
    await wait_until(waiting)
    go_on.set()
    await joining
    with pytest.raises(Refused, match="1 patron is in it"):
        await deleting
    assert await school.places() == {patron: "Y7"}
