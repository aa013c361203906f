"""createDownloadLink and the download itself, through the API: once, for 15 minutes, for the own library."""

import datetime as dt
import hashlib
from typing import Any

import httpx
import pytest
from tests.clients import Api
from tests.exported import add_export
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.context import Actor
from patrongraph.exports.actions import create_link, start_patron_export
from patrongraph.permissions import Permission
from patrongraph.staff.tokens import digest, new_session_token

LINK = """
mutation($id: ID!) { createDownloadLink(input: {exportId: $id}) {
  __typename
  ... on DownloadLink { url expiresAt }
  ... on Problem { code message }
  ... on ExportNotReady { state }
} }
"""
ADD_SESSION = """
INSERT INTO session (library_id, staff_user_id, token_sha256, created_at, expires_at, last_seen_at)
VALUES ($1, $2, $3, now(), now() + interval '1 hour', now()) RETURNING id
"""
CONTENT = b'{"schema":"for this test"}\n'


async def add(town: Town, minutes: int = 600) -> int:
    """A finished export of a new patron, made without a worker."""
    [patron] = await town.patrons(1)
    return await add_export(town.id, CONTENT, patron=patron, minutes=minutes)


@pytest.fixture
async def token(town: Town) -> str:
    return await town.token(Permission.PATRONS_DOWNLOAD_DATA)


async def make(api: Api, token: str, key: int) -> Any:
    return (await api.data(LINK, {"id": f"export_{key}"}, token))["createDownloadLink"]


async def fetch(api: Api, url: str, token: str | None = None, **headers: str) -> httpx.Response:
    async with api.client() as client:
        return await client.get(url, headers=api.headers(token, **headers))


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["extensions"]["code"]


async def test_a_link_works_once_for_whoever_made_it(api: Api, town: Town, token: str) -> None:
    key = await add(town)
    link = await make(api, token, key)
    assert link["__typename"] == "DownloadLink"
    answer = await fetch(api, link["url"], token)
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == f'attachment; filename="patrongraph-NORTH-export-{key}.json"'
    async with nothing_changes():
        assert code_of(await fetch(api, link["url"], token)) == (410, "LINK_USED")
    assert await db.value("SELECT downloads FROM data_export") == 1
    events = await db.rows("SELECT action, actor_kind FROM audit_event WHERE action LIKE 'export%' ORDER BY id")
    assert [tuple(event) for event in events] == [("export.link", "TOKEN"), ("export.download", "TOKEN")]
    # The database knows the link's hash only.
    secret = link["url"].removeprefix("/exports/")
    assert await db.value("SELECT token_sha256 FROM download_link") == hashlib.sha256(secret.encode()).hexdigest()


async def test_it_says_truly_when_it_ends(api: Api, town: Town, token: str) -> None:
    for minutes in (600, 5):
        link = await make(api, token, await add(town, minutes))
        kept = await db.value("SELECT expires_at FROM download_link ORDER BY id DESC LIMIT 1")
        told = dt.datetime.fromisoformat(link["expiresAt"])
        assert abs(told - kept) < dt.timedelta(seconds=10)


async def test_a_link_whose_time_is_over(api: Api, town: Town, token: str) -> None:
    link = await make(api, token, await add(town))
    await db.rows("UPDATE download_link SET expires_at = now() RETURNING id")
    async with nothing_changes():
        assert code_of(await fetch(api, link["url"], token)) == (410, "LINK_EXPIRED")


async def test_an_export_that_is_not_ready_or_over(api: Api, town: Town, token: str) -> None:
    [patron] = await town.patrons(1)
    await start_patron_export(town.system, patron)  # no worker runs
    waiting = await db.value("SELECT id FROM data_export")
    over = await add(town, minutes=0)
    async with nothing_changes():
        found = await make(api, token, waiting)
        assert (found["code"], found["state"]) == ("EXPORT_NOT_READY", "REQUESTED")
        found = await make(api, token, over)
        assert (found["code"], found["state"]) == ("EXPORT_NOT_READY", "EXPIRED")


async def test_another_librarys_export_is_as_unknown_as_one_that_never_was(
    api: Api, town: Town, other_town: Town, token: str
) -> None:
    theirs = await add(other_town)
    async with nothing_changes():
        foreign, unknown = await make(api, token, theirs), await make(api, token, 999_999)
        assert foreign == unknown
        assert foreign["code"] == "NOT_FOUND"
        node = "query($id: ID!) { node(id: $id) { id } }"
        assert await api.data(node, {"id": f"export_{theirs}"}, token) == {"node": None}
    owner = await other_town.token()
    link = await make(api, owner, theirs)
    async with nothing_changes():
        # Whoever is signed in elsewhere is told nothing, and the link stays good for its owner.
        assert code_of(await fetch(api, link["url"], token)) == (404, "NOT_FOUND")
    assert (await fetch(api, link["url"], owner)).content == CONTENT


async def test_without_the_permission_nothing_happens(api: Api, town: Town) -> None:
    key = await add(town)
    token = await town.token()
    lesser = await town.token(*(frozenset(Permission) - {Permission.PATRONS_DOWNLOAD_DATA}))
    async with nothing_changes():
        assert await api.refused(LINK, {"id": f"export_{key}"}, lesser) == ["FORBIDDEN"]
        assert await api.refused(LINK, {"id": f"export_{key}"}) == ["UNAUTHENTICATED"]
        answer = await api.post(LINK, {"id": f"job_{key}"}, token)
        assert [error["extensions"]["code"] for error in answer.json()["errors"]] == ["BAD_ARGUMENT"]


async def test_a_link_that_got_about_is_of_no_use(api: Api, town: Town, token: str) -> None:
    link = await make(api, token, await add(town))
    colleague = await town.token()
    async with nothing_changes():
        answer = await fetch(api, link["url"])
        assert code_of(answer) == (401, "UNAUTHENTICATED")
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert "whoever made it" in answer.json()["errors"][0]["message"]
        assert code_of(await fetch(api, link["url"], colleague)) == (404, "NOT_FOUND")
        assert code_of(await fetch(api, link["url"], "pg_nobody")) == (401, "UNAUTHENTICATED")
        assert code_of(await fetch(api, link["url"], cookie="pg_session=nobody")) == (401, "UNAUTHENTICATED")
        # Nor does it tell strangers whether it ever was one.
        assert code_of(await fetch(api, "/exports/never-was")) == (401, "UNAUTHENTICATED")
    assert (await fetch(api, link["url"], token)).content == CONTENT


async def test_in_a_browser_the_session_that_made_it_is_enough(api: Api, town: Town) -> None:
    _, session = await sign_in(town, Permission.PATRONS_DOWNLOAD_DATA)
    cookie = f"pg_session={session}"
    made = await api.post(LINK, {"id": f"export_{await add(town)}"}, headers={"cookie": cookie, "origin": api.url})
    url = made.json()["data"]["createDownloadLink"]["url"]
    token = await town.token()
    async with nothing_changes():
        assert code_of(await fetch(api, url, token)) == (404, "NOT_FOUND")
    async with api.client() as client:
        answer = await client.get(url, headers={"cookie": cookie, "accept": "text/html", "sec-fetch-mode": "navigate"})
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["cache-control"] == "no-store"
    told = await db.row("SELECT actor_kind, actor_id FROM audit_event WHERE action = 'export.download'")
    assert told is not None
    assert tuple(told) == ("STAFF", await db.value("SELECT id FROM staff_user"))


async def test_who_lost_the_permission_since_gets_nothing(api: Api, town: Town) -> None:
    staff, session = await sign_in(town, Permission.PATRONS_DOWNLOAD_DATA)
    link = await create_link(staff, await add(town))
    await db.rows("UPDATE role SET permissions = '{}' RETURNING id")
    async with nothing_changes():
        answer = await fetch(api, f"/exports/{link.token}", cookie=f"pg_session={session}")
        assert code_of(answer) == (403, "FORBIDDEN")


async def sign_in(town: Town, *permissions: Permission) -> tuple[Actor, str]:
    """A member of the staff with a session; its cookie's value."""
    staff = await town.staff(*permissions)
    session = new_session_token()
    await db.rows(ADD_SESSION, town.id, staff.id, digest(session))
    return staff, session
