"""Each HTTP address outside GraphQL, asked with the permission, without it, by nobody and by a patron."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from starlette.routing import Route
from tests.exported import add_export
from tests.graph.library import NORTH, SOUTH
from tests.matrix.ground import Ground
from tests.matrix.recipes import ADDRESSES, Address
from tests.matrix.table import looked_at
from tests.town import contents

from patrongraph import db
from patrongraph.app import create_app
from patrongraph.context import ActorKind, system_actor
from patrongraph.exports.actions import create_link
from patrongraph.exports.json_schema import FILE_NAME
from patrongraph.permissions import ALL_PERMISSIONS, Permission
from patrongraph.settings import Settings
from patrongraph.staff.actions import create_token
from patrongraph.staff.identify import forget_all, identify

GRAPHQL = {"/graphql", "/graphql/stream"}
NO_LINK = "A" * 43
PATHS = sorted(ADDRESSES)


def routes(settings: Settings) -> set[str]:
    """Return the paths that the application answers, with the schema's file name as a parameter."""
    app = create_app(settings)
    found = {route.path for route in app.router.routes if isinstance(route, Route)} | set(app._http)
    return {path.replace(FILE_NAME, "{file}") for path in found}


def test_every_address_is_known(settings: Settings) -> None:
    for path in routes(settings) - GRAPHQL:
        assert path in ADDRESSES, f"{path} is new: say in ADDRESSES of tests/matrix/recipes.py who may fetch it."
    assert routes(settings) == GRAPHQL | set(ADDRESSES)


@pytest_asyncio.fixture
async def client(ground: Ground, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(settings), client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://library.test") as opened:
        yield opened
    await ground.build()


async def bearer(library: int, permissions: frozenset[Permission]) -> dict[str, str]:
    _, token = await create_token(system_actor(library), "matrix", permissions or {Permission.REPORTS_VIEW})
    return {"authorization": f"Bearer {token}"}


async def link(library: int, headers: dict[str, str]) -> str:
    """Make a download link in the name of whoever has these headers."""
    export = await add_export(library, b"{}\n")
    actor = await identify(session_token=None, authorization=headers["authorization"])
    return (await create_link(actor, export)).token


async def filled(path: str, address: Address, library: int | None, headers: dict[str, str]) -> str:
    """Return the path with an id of that library in it; of none that exists for None."""
    if "{token}" in path:
        return path.replace("{token}", NO_LINK if library is None else await link(library, headers))
    if address.own is None:
        return path.replace("{file}", FILE_NAME)
    return path.replace("{id}", address.own.missing if library is None else address.own.of(library))


def said(answer: httpx.Response, path: str, template: str) -> Any:
    """Return all of an answer but the number of the request and the id that was asked for."""
    word = path.removeprefix(template.split("{", maxsplit=1)[0]).split("/")[0]
    headers = {name: value for name, value in answer.headers.items() if name not in ("x-request-id", "content-length")}
    return answer.status_code, headers, answer.text.replace(word, "…")


@pytest.mark.parametrize("template", PATHS)
async def test_an_address(client: httpx.AsyncClient, ground: Ground, template: str) -> None:
    address = ADDRESSES[template]
    if address.public:
        answer = await client.get(await filled(template, address, NORTH, {}))
        assert answer.status_code == address.answers, answer.text
        looked_at("HTTP addresses", template, "anonymous")
        return
    for whole in (template + query for query in address.queries):
        for permission in address.one_of:
            own = await bearer(NORTH, frozenset({permission}))
            answer = await client.get(await filled(whole, address, NORTH, own), headers=own)
            assert answer.status_code == 200, answer.text
        await nobody_else(client, ground, whole, address)
        await ground.build()
        await nothing_of_others(client, whole, address)
        await ground.build()
        looked_at("HTTP addresses", template, "own", "other library", "without permission", "anonymous", "patron")


async def nobody_else(client: httpx.AsyncClient, ground: Ground, template: str, address: Address) -> None:
    mine = await bearer(NORTH, ALL_PERMISSIONS)
    path = await filled(template, address, NORTH, mine)
    # The same token, and it may do all but this now.
    rest = [permission.value for permission in ALL_PERMISSIONS - set(address.one_of)]
    await db.rows("UPDATE api_token SET permissions = $1 WHERE name = 'matrix'", rest)
    forget_all()
    before = await contents()
    answer = await client.get(path, headers=mine)
    assert (answer.status_code, code(answer)) == (403, "FORBIDDEN"), answer.text
    assert address.one_of[0].value in answer.text
    answer = await client.get(path)
    assert (answer.status_code, code(answer)) == (401, "UNAUTHENTICATED"), answer.text
    assert answer.headers["www-authenticate"].startswith("Bearer")
    cookie = {"cookie": f"pg_session={ground.sessions[ActorKind.PATRON][1]}"}
    answer = await client.get(path, headers=cookie)
    # A link is bound to whoever made it, so for a patron there is none.
    assert (answer.status_code, code(answer)) in ((403, "FORBIDDEN"), (404, "NOT_FOUND")), answer.text
    assert await contents() == before


async def nothing_of_others(client: httpx.AsyncClient, template: str, address: Address) -> None:
    mine, theirs = await bearer(NORTH, ALL_PERMISSIONS), await bearer(SOUTH, ALL_PERMISSIONS)
    foreign, nowhere = [await filled(template, address, library, theirs) for library in (SOUTH, None)]
    before = await contents()
    answers = [said(await client.get(path, headers=mine), path, template) for path in (foreign, nowhere)]
    assert answers[0] == answers[1]
    assert answers[0][0] == address.missing
    assert await contents() == before
    # The own library's is something else, so the two above were not refused for something else.
    path = await filled(template, address, NORTH, mine)
    assert said(await client.get(path, headers=mine), path, template) != answers[1]
    answer = await client.get(foreign, headers=theirs)
    assert answer.status_code == 200, answer.text


def code(answer: httpx.Response) -> str:
    found: str = answer.json()["errors"][0]["extensions"]["code"]
    return found
