"""exportPatrons through the API and a worker: one line for each patron who matches, and every way it says no."""

from typing import Any

import orjson
import pytest
from tests.clients import Api, why
from tests.exported import content_of
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.permissions import Permission

EXPORT = """
mutation($input: ExportPatronsInput!) { exportPatrons(input: $input) {
  __typename
  ... on ExportStarted { job { id kind total export { id format } } }
  ... on Problem { code message }
  ... on InvalidInput { field fields { reason limit } }
} }
"""


async def export(api: Api, token: str, **given: Any) -> Any:
    return (await api.data(EXPORT, {"input": given}, token))["exportPatrons"]


async def refused(api: Api, token: str, **given: Any) -> Any:
    async with nothing_changes():
        return await export(api, token, **given)


@pytest.fixture
async def token(town: Town) -> str:
    return await town.token(Permission.PATRONS_VIEW, Permission.PATRONS_DOWNLOAD_DATA)


@pytest.mark.usefixtures("worker_process")
async def test_all_or_those_that_match_are_written_line_by_line(
    api: Api, town: Town, other_town: Town, token: str, settings: Any
) -> None:
    ids = await town.patrons(5, loans=1)
    await other_town.patrons(3)
    await town.group(*ids[:2])
    await db.rows("UPDATE patron SET category = 'Adult', expires_on = '2020-02-02' WHERE id = $1 RETURNING id", ids[4])
    for given, expected in (
        ({}, ids),
        ({"filter": None}, ids),
        ({"filter": {}}, ids),
        ({"filter": {"category": "Adult"}}, ids[4:]),
        ({"filter": {"expiredBefore": "2020-02-03", "status": "INACTIVE"}}, ids[4:]),
        ({"filter": {"groupId": "grp_1"}}, ids[:2]),
        ({"filter": {"inactiveSince": "2999-01-01T00:00:00Z", "lastActivityBefore": "2020-01-01T00:00:00Z"}}, ids),
    ):
        started = await export(api, token, **given)
        assert (started["job"]["kind"], started["job"]["total"]) == ("EXPORT_PATRONS", len(expected))
        last = (await api.follow(started["job"]["id"], token))[-1]
        assert (last["state"], last["done"], last["total"]) == ("SUCCEEDED", len(expected), len(expected))
        name = await db.value("SELECT path FROM data_export ORDER BY id DESC LIMIT 1")
        lines = (await content_of(name)).splitlines()
        barcodes = [orjson.loads(line)["cards"][0]["barcode"] for line in lines]
        assert barcodes == [f"B{key}" for key in expected]


@pytest.mark.usefixtures("worker_process")
async def test_the_same_key_makes_one_file(api: Api, town: Town, token: str) -> None:
    await town.patrons(2)
    first = await export(api, token, filter={"category": "Pupil"}, idempotencyKey="once")
    await api.follow(first["job"]["id"], token)
    again = await refused(api, token, filter={"category": "Pupil"}, idempotencyKey="once")
    assert again["job"]["id"] == first["job"]["id"]
    other = await refused(api, token, idempotencyKey="once")
    assert other["code"] == "IDEMPOTENCY_MISMATCH"


async def test_a_filter_that_matches_nobody(api: Api, town: Town, other_town: Town, token: str) -> None:
    await town.patrons(2)
    group = await other_town.group(*await other_town.patrons(1))
    for chosen in (
        {"category": "pupil"},
        {"status": "ACTIVE"},
        {"groupId": f"grp_{group}"},
        {"groupId": "grp_999999"},
        {"lastActivityBefore": "2001-01-01T00:00:00Z", "expiredBefore": "2001-01-01"},
    ):
        found = await refused(api, token, filter=chosen)
        assert found == {
            "__typename": "NobodyToExport",
            "code": "NOTHING_MATCHES",
            "message": "No patron of your library matches this filter; nothing was exported.",
        }


async def test_another_librarys_branch_or_cohort_is_as_unknown_as_one_that_never_was(
    api: Api, town: Town, other_town: Town, token: str
) -> None:
    await town.patrons(1)
    for name, foreign in (("branchId", f"branch_{other_town.branch}"), ("cohortId", f"cohort_{other_town.cohort}")):
        kind = foreign.partition("_")[0]
        found = await refused(api, token, filter={name: foreign})
        assert found == await refused(api, token, filter={name: f"{kind}_999999"})
        assert (found["code"], found["field"]) == ("INVALID_INPUT", f"input.filter.{name}")
        assert why(found) == [("UNKNOWN", None)]


async def test_a_key_is_text_of_a_reasonable_length(api: Api, town: Town, token: str) -> None:
    await town.patrons(1)
    for key, reason in (("", ("REQUIRED", None)), ("k" * 201, ("TOO_LONG", 200))):
        found = await refused(api, token, idempotencyKey=key)
        assert (found["code"], found["field"]) == ("INVALID_INPUT", "input.idempotencyKey")
        assert why(found) == [reason]


async def test_without_the_permission_nothing_happens(api: Api, town: Town) -> None:
    await town.patrons(1)
    lesser = await town.token(*(frozenset(Permission) - {Permission.PATRONS_DOWNLOAD_DATA}))
    async with nothing_changes():
        assert await api.refused(EXPORT, {"input": {}}, lesser) == ["FORBIDDEN"]
        assert await api.refused(EXPORT, {"input": {}}) == ["UNAUTHENTICATED"]
        assert await api.refused(EXPORT, {"input": {"filter": {"nobody": 1}}}, lesser) == ["FORBIDDEN"]
