"""Sockets and streams end soon after the reason for them: sign-out, expiry, a disabled account, a lost permission."""

import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from tests.clients import FOLLOW, Api, Socket, sse
from tests.fixtures_api import serving
from tests.town import Town

from patrongraph import db
from patrongraph.context import system_actor
from patrongraph.jobs import actions as jobs
from patrongraph.jobs.models import JobKind
from patrongraph.own_account import actions as own_account
from patrongraph.permissions import Permission
from patrongraph.settings import Settings
from patrongraph.staff import actions
from patrongraph.staff.identify import identify

from .conftest import PASSWORD, PIN

ME = "{ viewer { ... on PatronViewer { patron { id } } } }"


@pytest.fixture(scope="module")
def quick(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An API that looks often; a real one looks every 40 s, and never less often than every 50."""
    with serving(settings, tmp_path_factory.mktemp("quick") / "log", recheck_seconds=0.3) as url:
        yield url


@pytest_asyncio.fixture
async def job(town: Town) -> str:
    made = await jobs.create(town.system, JobKind.ROLLOVER, {}, itemised=False, total=1)
    return f"job_{made.id}"


async def sign_out(session: str) -> None:
    await actions.sign_out(await identify(session_token=session, authorization=None))


async def expire(session: str) -> None:
    await db.rows("UPDATE session SET expires_at = now() RETURNING id")


async def disable(session: str) -> None:
    who = await identify(session_token=session, authorization=None)
    assert who.id is not None
    await actions.set_active(system_actor(who.library), who.id, False)


async def strip(session: str) -> None:
    await db.rows("UPDATE role SET permissions = array_remove(permissions, 'PATRONS_VIEW') RETURNING id")


async def take_role(session: str) -> None:
    await db.rows("DELETE FROM staff_role RETURNING id")


async def change_password(session: str) -> None:
    who = await identify(session_token=session, authorization=None)
    await actions.set_password(who, who.id or 0, "eleven loud geese")


async def revoke(token: str) -> None:
    await db.rows("UPDATE api_token SET revoked_at = now() WHERE id = 1 RETURNING id")


async def expire_token(token: str) -> None:
    await db.rows("UPDATE api_token SET expires_at = now() WHERE id = 1 RETURNING id")


async def strip_token(token: str) -> None:
    await db.rows("UPDATE api_token SET permissions = '{REPORTS_VIEW}' WHERE id = 1 RETURNING id")


OF_SESSIONS = [sign_out, expire, disable, strip, take_role, change_password]
OF_TOKENS = [revoke, expire_token, strip_token]


@pytest_asyncio.fixture
async def shown(request: Any, quick: str, town: Town, anna: int) -> tuple[str, dict[str, str], str]:
    """What is taken away, the headers that go with it, and a token of which nothing is taken away."""
    token = await town.token(Permission.PATRONS_VIEW)
    kept = await town.token(Permission.PATRONS_VIEW)
    if request.param == "token":
        return token, {"authorization": f"Bearer {token}"}, kept
    session = await actions.sign_in("anna", PASSWORD)
    return session, {"cookie": f"pg_session={session}", "origin": quick}, kept


REASONS = [pytest.param("session", each, id=each.__name__) for each in OF_SESSIONS] + [
    pytest.param("token", each, id=each.__name__) for each in OF_TOKENS
]
Reason = Callable[[str], Awaitable[None]]


@pytest.mark.parametrize(("shown", "reason"), REASONS, indirect=["shown"])
async def test_what_is_open_ends(
    quick: str, shown: tuple[str, dict[str, str], str], reason: Reason, job: str, database: object
) -> None:
    secret, headers, kept = shown
    api = Api(quick)
    ask = {"query": FOLLOW, "variables": {"id": job}}
    async with (
        api.raw_socket(additional_headers=headers) as connection,
        api.socket(kept) as other,
        api.client() as client,
        client.stream("POST", "/graphql/stream", json=ask, headers=headers) as answer,
    ):
        socket, stream = Socket(connection), sse(answer)
        await socket.init()
        await socket.start(FOLLOW, {"id": job})
        await other.start(FOLLOW, {"id": job})
        for message in (await socket.receive(), await other.receive()):
            assert message["payload"]["data"]["jobProgress"]["state"] == "QUEUED"
        assert json.loads((await anext(stream))[1])["data"]["jobProgress"]["state"] == "QUEUED"
        await reason(secret)
        assert await socket.close_code() == (4403, "Forbidden")
        [(name, data), last] = [event async for event in stream]
        assert (name, json.loads(data)["errors"][0]["extensions"]["code"]) == ("next", "UNAUTHENTICATED")
        assert last == ("complete", "")
        # Nobody else is disturbed.
        await other.send(type="ping")
        assert await other.receive() == {"type": "pong"}


async def patron_signs_out(patron: int, session: str) -> None:
    await sign_out(session)


async def patron_expires(patron: int, session: str) -> None:
    await expire(session)


async def patron_is_deactivated(patron: int, session: str) -> None:
    await db.rows("UPDATE patron SET status = 'INACTIVE' WHERE id = $1 RETURNING id", patron)


async def patron_is_blocked(patron: int, session: str) -> None:
    sql = "INSERT INTO block (library_id, patron_id, comment, placed_at) VALUES (1, $1, 'x', now()) RETURNING id"
    await db.rows(sql, patron)


@pytest.mark.parametrize(
    "reason",
    [patron_signs_out, patron_expires, patron_is_deactivated, patron_is_blocked],
    ids=lambda each: each.__name__,
)
async def test_a_patrons_socket_ends(quick: str, patron: int, reason: Callable[[int, str], Awaitable[None]]) -> None:
    session = await own_account.sign_in(f"B{patron}", PIN)
    headers = {"cookie": f"pg_session={session}", "origin": quick}
    async with Api(quick).raw_socket(additional_headers=headers) as connection:
        socket = Socket(connection)
        await socket.init()
        [found] = [event async for event in socket.events(ME)]
        assert found["data"]["viewer"]["patron"]["id"] == f"pat_{patron}"
        await reason(patron, session)
        assert await socket.close_code() == (4403, "Forbidden")


async def test_an_open_socket_may_do_what_is_allowed_now(quick: str, town: Town, anna: int) -> None:
    """A socket asks who it is for each operation, at most a few seconds late, and for a mutation at once."""
    async with Api(quick).socket(await town.token()) as socket:
        mutation = 'mutation { deactivatePatrons(input: {patronIds: ["pat_1"]}) { __typename } }'
        await db.rows("UPDATE api_token SET permissions = '{PATRONS_VIEW}' RETURNING id")
        await socket.start(mutation)
        message = await socket.receive()
        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "FORBIDDEN")
        # From now on queries know it too.
        await socket.start("{ staff(first: 1) { totalCount } }")
        message = await socket.receive()
        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "FORBIDDEN")


def test_it_cannot_be_set_longer_than_a_minute() -> None:
    assert Settings().recheck_seconds == 40
    with pytest.raises(ValueError, match="less than or equal to 50"):
        Settings(recheck_seconds=51)
