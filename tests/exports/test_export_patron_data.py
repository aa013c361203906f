"""exportPatronData through the API and a worker: one patron's file, and every way it says no."""

import hashlib
from typing import Any

import orjson
import pytest
from tests.clients import Api, why
from tests.exported import content_of
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.permissions import Permission

EXPORT = """
mutation($input: ExportPatronDataInput!) { exportPatronData(input: $input) {
  __typename
  ... on ExportStarted { job { id kind state total export { id state format } } }
  ... on Problem { code message }
  ... on InvalidInput { field fields { reason limit } }
} }
"""
RESULT = """
query($id: ID!) { job(id: $id) {
  state total done error export { id state format size sha256 readyAt expiresAt downloads }
} }
"""


async def export(api: Api, token: str, **given: Any) -> Any:
    return (await api.data(EXPORT, {"input": given}, token))["exportPatronData"]


async def refused(api: Api, token: str, **given: Any) -> Any:
    async with nothing_changes():
        return await export(api, token, **given)


@pytest.fixture
async def token(town: Town) -> str:
    return await town.token(Permission.PATRONS_VIEW, Permission.PATRONS_DOWNLOAD_DATA)


@pytest.mark.usefixtures("worker_process")
async def test_one_patron_is_written_to_a_file(api: Api, town: Town, token: str, settings: Any) -> None:
    ids = await town.patrons(2, loans=2)
    started = await export(api, token, patronId=f"pat_{ids[0]}")
    assert (started["job"]["kind"], started["job"]["total"]) == ("EXPORT_PATRON", 1)
    assert started["job"]["export"]["format"] == "JSON"
    assert (await api.follow(started["job"]["id"], token))[-1]["state"] == "SUCCEEDED"
    job = (await api.data(RESULT, {"id": started["job"]["id"]}, token))["job"]
    [file] = settings.exports_dir.iterdir()
    content = await content_of(file.name)
    assert (job["done"], job["export"]["state"], job["export"]["downloads"]) == (1, "READY", 0)
    assert (job["export"]["size"], job["export"]["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    document = orjson.loads(content)
    assert document["identity"]["firstName"] == "First1"
    assert "hash" not in content.decode()  # the PIN's
    assert "First2" not in content.decode()
    events = await db.rows("SELECT action, subject_id FROM audit_event WHERE action LIKE 'export%' ORDER BY id")
    assert [tuple(event) for event in events] == [("export.request", ids[0]), ("export.ready", ids[0])]


@pytest.mark.usefixtures("worker_process")
async def test_the_same_key_makes_one_file(api: Api, town: Town, token: str) -> None:
    ids = await town.patrons(2)
    first = await export(api, token, patronId=f"pat_{ids[0]}", idempotencyKey="once")
    await api.follow(first["job"]["id"], token)
    again = await refused(api, token, patronId=f"pat_{ids[0]}", idempotencyKey="once")
    assert (again["job"]["id"], again["job"]["export"]["state"]) == (first["job"]["id"], "READY")
    other = await refused(api, token, patronId=f"pat_{ids[1]}", idempotencyKey="once")
    assert other["code"] == "IDEMPOTENCY_MISMATCH"


async def test_another_librarys_patron_is_as_unknown_as_one_that_never_was(
    api: Api, town: Town, other_town: Town, token: str
) -> None:
    [theirs] = await other_town.patrons(1)
    foreign = await refused(api, token, patronId=f"pat_{theirs}")
    unknown = await refused(api, token, patronId="pat_999999")
    assert foreign == unknown
    assert foreign == {
        "__typename": "NotFound", "code": "NOT_FOUND", "message": "The patron was not found in your library.",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "field", "reason"),
    [
        ({"format": "NDJSON"}, "input.format", ("NOT_ALLOWED", None)),
        ({"idempotencyKey": "k" * 201}, "input.idempotencyKey", ("TOO_LONG", 200)),
        ({"idempotencyKey": ""}, "input.idempotencyKey", ("REQUIRED", None)),
    ],
)
async def test_a_request_that_is_not_right_is_refused(
    api: Api, town: Town, token: str, given: dict[str, Any], field: str, reason: tuple[str, int | None]
) -> None:
    [patron] = await town.patrons(1)
    found = await refused(api, token, patronId=f"pat_{patron}", **given)
    assert (found["code"], found["field"], why(found)) == ("INVALID_INPUT", field, [reason])


async def test_without_the_permission_nothing_happens(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1)
    lesser = await town.token(*(frozenset(Permission) - {Permission.PATRONS_DOWNLOAD_DATA}))
    variables = {"input": {"patronId": f"pat_{patron}"}}
    async with nothing_changes():
        assert await api.refused(EXPORT, variables, lesser) == ["FORBIDDEN"]
        assert await api.refused(EXPORT, variables) == ["UNAUTHENTICATED"]
        assert await api.refused("mutation { exportPatronData(input: {}) { __typename } }", {}, lesser) == [
            "GRAPHQL_VALIDATION_FAILED"
        ]
