"""createDownloadLink and the download itself, through the API: once, for 15 minutes, for the own library."""

import datetime as dt
import hashlib
from typing import Any

import httpx
import pytest
from tests.clients import Api
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.exports.actions import start_patron_export
from patrongraph.permissions import Permission

LINK = """
mutation($id: ID!) { createDownloadLink(input: {exportId: $id}) {
  __typename
  ... on DownloadLink { url expiresAt }
  ... on Problem { code message }
  ... on ExportNotReady { state }
} }
"""
CONTENT = b'{"schema":"for this test"}\n'
ADD_EXPORT = """
INSERT INTO data_export (library_id, job_id, patron_id, format, state, path, sha256, size, ready_at, expires_at)
VALUES ($1, $2, $3, 'JSON', 'READY', $4, $5, $6, now(), now() + make_interval(mins => $7)) RETURNING id
"""


async def add_export(settings: Any, town: Town, minutes: int = 600) -> int:
    """A finished export with its file, made without a worker."""
    [patron] = await town.patrons(1)
    job = await db.value(
        "INSERT INTO job (library_id, kind, itemised, state, finished_at)"
        " VALUES ($1, 'EXPORT_PATRON', false, 'SUCCEEDED', now()) RETURNING id",
        town.id,
    )
    name = f"patron-{patron}-{patron:032x}.json"
    settings.exports_dir.mkdir(exist_ok=True)
    (settings.exports_dir / name).write_bytes(CONTENT)
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    made: int = await db.value(ADD_EXPORT, town.id, job, patron, name, sha256, len(CONTENT), minutes)
    return made


@pytest.fixture
async def token(town: Town) -> str:
    return await town.token(Permission.PATRONS_DOWNLOAD_DATA)


async def make(api: Api, token: str, key: int) -> Any:
    return (await api.data(LINK, {"id": f"export_{key}"}, token))["createDownloadLink"]


async def fetch(api: Api, url: str, **headers: str) -> httpx.Response:
    async with api.client() as client:
        return await client.get(url, headers=headers)


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["extensions"]["code"]


async def test_a_link_needs_no_sign_in_and_works_once(api: Api, town: Town, token: str, settings: Any) -> None:
    key = await add_export(settings, town)
    link = await make(api, token, key)
    assert link["__typename"] == "DownloadLink"
    answer = await fetch(api, link["url"])
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == f'attachment; filename="patrongraph-NORTH-export-{key}.json"'
    async with nothing_changes():
        assert code_of(await fetch(api, link["url"])) == (410, "LINK_USED")
    assert await db.value("SELECT downloads FROM data_export") == 1
    events = await db.rows("SELECT action, actor_kind FROM audit_event WHERE action LIKE 'export%' ORDER BY id")
    assert [tuple(event) for event in events] == [("export.link", "TOKEN"), ("export.download", "TOKEN")]
    # The database knows the link's hash only.
    secret = link["url"].removeprefix("/exports/")
    assert await db.value("SELECT token_sha256 FROM download_link") == hashlib.sha256(secret.encode()).hexdigest()


async def test_it_says_truly_when_it_ends(api: Api, town: Town, token: str, settings: Any) -> None:
    for minutes in (600, 5):
        link = await make(api, token, await add_export(settings, town, minutes))
        kept = await db.value("SELECT expires_at FROM download_link ORDER BY id DESC LIMIT 1")
        told = dt.datetime.fromisoformat(link["expiresAt"])
        assert abs(told - kept) < dt.timedelta(seconds=10)


async def test_a_link_whose_time_is_over(api: Api, town: Town, token: str, settings: Any) -> None:
    link = await make(api, token, await add_export(settings, town))
    await db.rows("UPDATE download_link SET expires_at = now() RETURNING id")
    async with nothing_changes():
        assert code_of(await fetch(api, link["url"])) == (410, "LINK_EXPIRED")


async def test_an_export_that_is_not_ready_or_over(api: Api, town: Town, token: str, settings: Any) -> None:
    [patron] = await town.patrons(1)
    await start_patron_export(town.system, patron)  # no worker runs
    waiting = await db.value("SELECT id FROM data_export")
    over = await add_export(settings, town, minutes=0)
    async with nothing_changes():
        found = await make(api, token, waiting)
        assert (found["code"], found["state"]) == ("EXPORT_NOT_READY", "REQUESTED")
        found = await make(api, token, over)
        assert (found["code"], found["state"]) == ("EXPORT_NOT_READY", "EXPIRED")


async def test_another_librarys_export_is_as_unknown_as_one_that_never_was(
    api: Api, town: Town, other_town: Town, token: str, settings: Any
) -> None:
    theirs = await add_export(settings, other_town)
    async with nothing_changes():
        foreign, unknown = await make(api, token, theirs), await make(api, token, 999_999)
        assert foreign == unknown
        assert foreign["code"] == "NOT_FOUND"
        node = "query($id: ID!) { node(id: $id) { id } }"
        assert await api.data(node, {"id": f"export_{theirs}"}, token) == {"node": None}
    link = await make(api, await other_town.token(), theirs)
    async with nothing_changes():
        # Whoever is signed in elsewhere is told nothing, and the link stays good for its owner.
        answer = await fetch(api, link["url"], authorization=f"Bearer {token}")
        assert code_of(answer) == (404, "NOT_FOUND")
    assert (await fetch(api, link["url"])).content == CONTENT


async def test_without_the_permission_nothing_happens(api: Api, town: Town, settings: Any) -> None:
    key = await add_export(settings, town)
    token = await town.token()
    lesser = await town.token(*(frozenset(Permission) - {Permission.PATRONS_DOWNLOAD_DATA}))
    async with nothing_changes():
        assert await api.refused(LINK, {"id": f"export_{key}"}, lesser) == ["FORBIDDEN"]
        assert await api.refused(LINK, {"id": f"export_{key}"}) == ["UNAUTHENTICATED"]
        answer = await api.post(LINK, {"id": f"job_{key}"}, token)
        assert [error["extensions"]["code"] for error in answer.json()["errors"]] == ["BAD_ARGUMENT"]
