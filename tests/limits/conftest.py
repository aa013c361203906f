"""APIs with limits that a test can reach, and the three doors through which an operation comes in."""

import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import pytest_asyncio
from tests.clients import Api
from tests.fixtures_api import serving
from tests.town import Town

from patrongraph import db
from patrongraph.settings import Settings

NUMBERS = itertools.count(1_000, 10)

Door = Callable[[Api, str], Awaitable[dict[str, Any]]]


async def over_http(api: Api, query: str) -> dict[str, Any]:
    envelope: dict[str, Any] = (await api.post(query)).json()
    return envelope


async def over_a_socket(api: Api, query: str) -> dict[str, Any]:
    """The envelope of the first answer; afterwards the socket must still be alive."""
    async with api.socket() as socket:
        name = await socket.start(query)
        message = await socket.receive()
        assert message["id"] == name
        envelope = {"errors": message["payload"]} if message["type"] == "error" else message["payload"]
        await socket.send(type="ping")
        while (message := await socket.receive())["type"] != "pong":
            pass
        return dict(envelope)


async def over_events(api: Api, query: str) -> dict[str, Any]:
    [envelope] = [event async for event in api.events(query)]
    return envelope


DOORS = {"http": over_http, "socket": over_a_socket, "events": over_events}


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest) -> Door:
    return DOORS[request.param]


Start = Callable[..., Api]


@pytest.fixture(scope="module")
def start(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """An API with some settings changed: a process that all tests of a file share who ask for the same ones."""
    folder = tmp_path_factory.mktemp("limits")
    running: dict[str, str] = {}
    with ExitStack() as stack:

        def started(**changed: Any) -> Api:
            name = repr(sorted(changed.items()))
            if name not in running:
                running[name] = stack.enter_context(serving(settings, folder / f"api-{len(running)}.log", **changed))
            return Api(running[name])

        yield started


@pytest_asyncio.fixture
async def town(town: Town) -> Town:
    """A library whose tokens have ids that no test before has had: the APIs remember whose bucket is empty."""
    await db.value("SELECT setval('api_token_id_seq', $1)", next(NUMBERS))
    return town
