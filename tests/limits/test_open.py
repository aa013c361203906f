"""What is held open: operations of a socket, subscriptions and connections of an actor, connections of an address."""

from contextlib import AsyncExitStack, suppress

import pytest
from tests.clients import Api, Socket
from tests.limits.conftest import Start
from tests.town import Town, wait_until
from websockets import ConnectionClosed

from patrongraph import db

JOB = "INSERT INTO job (library_id, kind, state, started_at) VALUES ($1, 'PURGE', 'RUNNING', now()) RETURNING id"


@pytest.fixture
async def api(start: Start, town: Town) -> Api:
    made = start(max_socket_operations=3, max_subscriptions=4, max_connections=2, max_address_connections=3)
    return Api(made.url, await town.token())


@pytest.fixture
async def follow(town: Town) -> str:
    return f'subscription {{ jobProgress(id: "job_{await db.value(JOB, town.id)}") {{ state }} }}'


async def started(socket: Socket, query: str) -> None:
    name = await socket.start(query)
    message = await socket.receive()
    assert (message["type"], message["id"]) == ("next", name)


async def refused(socket: Socket, query: str) -> tuple[str, str]:
    name = await socket.start(query)
    message = await socket.receive()
    assert (message["type"], message["id"]) == ("error", name)
    [error] = message["payload"]
    return error["extensions"]["code"], error["message"]


async def test_operations_of_a_socket(api: Api, follow: str) -> None:
    async with api.socket() as socket:
        for _ in range(3):
            await started(socket, follow)
        assert await refused(socket, follow) == (
            "TOO_MANY_OPERATIONS", "Too many operations on this socket: this would be number 4, 3 are allowed."
        )  # fmt: skip
        await socket.send(id="1", type="complete")

        async def again() -> bool:
            name = await socket.start("{ __typename }")
            message = await socket.receive()
            done = message["type"] == "next"
            if done:
                assert await socket.receive() == {"type": "complete", "id": name}
            return done

        assert await wait_until(again)


async def test_subscriptions_of_an_actor(api: Api, follow: str) -> None:
    too_many = ("TOO_MANY_SUBSCRIPTIONS", "Too many subscriptions of yours: this would be number 5, 4 are allowed.")
    async with api.socket() as one:
        async with api.socket() as two:
            for socket in (one, two, one, two):
                await started(socket, follow)
            assert await refused(one, follow) == too_many
            await started(two, "{ __typename }")  # what is no subscription takes no place

        async def again() -> bool:
            await one.start(follow)
            return (await one.receive())["type"] == "next"

        assert await wait_until(again)


async def test_subscriptions_over_events(api: Api, follow: str, town: Town) -> None:
    """The same places: three by a socket, one by a stream; the stream that is too many says so in an event."""
    async with api.socket() as socket, AsyncExitStack() as stack:
        for _ in range(3):
            await started(socket, follow)
        events = api.events(follow)
        assert (await anext(events))["data"] == {"jobProgress": {"state": "RUNNING"}}
        stack.push_async_callback(events.aclose)  # type: ignore[attr-defined]
        # A connection more than two is refused before its subscription is looked at.
        headers = api.headers() | {"accept": "text/event-stream"}
        async with api.client() as client:
            answer = await client.post("/graphql/stream", json={"query": follow}, headers=headers)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "10")
        [error] = answer.json()["errors"]
        assert error["extensions"] == {
            "code": "TOO_MANY_CONNECTIONS", "requested": 3, "limit": 2, "retryAfter": 10
        }  # fmt: skip
        await events.aclose()  # type: ignore[attr-defined]


async def test_a_subscription_too_many_over_events(start: Start, town: Town, follow: str) -> None:
    api = Api(start(max_subscriptions=1).url, await town.token())
    async with api.socket() as socket:
        await started(socket, follow)
        [envelope] = [event async for event in api.events(follow)]
        [error] = envelope["errors"]
        assert error["extensions"] == {
            "code": "TOO_MANY_SUBSCRIPTIONS", "requested": 2, "limit": 1, "retryAfter": 10
        }  # fmt: skip
        other = await town.token()
        events = api.events(follow, token=other)
        assert "data" in await anext(events)
        await events.aclose()  # type: ignore[attr-defined]


async def closed(api: Api, token: str | None, **options: object) -> tuple[int, str]:
    async with api.raw_socket(**options) as connection:
        socket = Socket(connection)
        with suppress(ConnectionClosed):  # it may be closed before anything was said
            await socket.send(type="connection_init", payload={"Authorization": f"Bearer {token}"})
        return await socket.close_code()


async def test_connections_of_an_actor(api: Api, town: Town) -> None:
    other = await town.token()
    too_many = (1013, "Too many connections of yours: this would be number 3, 2 are allowed.")
    async with api.socket():
        async with api.socket():
            assert await closed(api, api.token) == too_many
            async with api.socket(other):
                pass

        async def again() -> bool:
            async with api.raw_socket() as connection:
                socket = Socket(connection)
                await socket.send(type="connection_init", payload={"Authorization": f"Bearer {api.token}"})
                return await connection.recv() == '{"type":"connection_ack"}'

        assert await wait_until(again)


async def test_connections_of_an_address(api: Api, town: Town) -> None:
    """Those that have not said who they are count, too; another address is another matter."""
    too_many = (1013, "Too many connections from this address: this would be number 4, 3 are allowed.")
    tokens = [await town.token() for _ in range(2)]
    async with api.raw_socket(), api.raw_socket(), api.raw_socket():
        assert await closed(api, tokens[0]) == too_many
        headers = {"accept": "text/event-stream"}
        async with api.client() as client:
            answer = await client.post("/graphql/stream", json={"query": "{ __typename }"}, headers=headers)
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (429, "TOO_MANY_CONNECTIONS")
        async with api.socket(tokens[1], additional_headers={"x-forwarded-for": "198.51.100.7"}):
            pass
