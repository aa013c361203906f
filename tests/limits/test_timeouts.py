"""A statement that takes too long ends as TIMEOUT, which names the limits; never as INTERNAL. A lock makes it slow."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from tests.clients import Api, Socket
from tests.limits.conftest import Door, Start
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.settings import Settings

ITEM = '{ item(barcode: "x") { id } }'
JOB = "INSERT INTO job (library_id, kind, state, started_at) VALUES ($1, 'PURGE', 'RUNNING', now()) RETURNING id"
WORDS = "(300 ms to read, 400 ms to write)"


@pytest.fixture
async def api(start: Start, town: Town) -> Api:
    made = start(statement_timeout_ms=300, write_timeout_ms=400)
    return Api(made.url, await town.token())


@pytest.fixture
async def other(settings: Settings) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Somebody else's connection, in a transaction that holds what the test lets it lock."""
    connection = await asyncpg.connect(settings.database_url)
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield connection
    finally:
        await transaction.rollback()
        await connection.close()


async def test_a_query(api: Api, door: Door, other: "asyncpg.Connection[asyncpg.Record]") -> None:
    await other.execute("LOCK TABLE item IN ACCESS EXCLUSIVE MODE")
    envelope = await door(api, ITEM)
    [error] = envelope["errors"]
    assert (envelope["data"], error["extensions"]) == (None, {"code": "TIMEOUT"})
    assert WORDS in error["message"]
    await other.execute("ROLLBACK")
    assert (await door(api, ITEM))["data"] == {"item": None}


async def test_a_mutation(api: Api, door: Door, town: Town, other: "asyncpg.Connection[asyncpg.Record]") -> None:
    [patron] = await town.patrons(1, status="ACTIVE")
    mutation = f'mutation {{ deactivatePatrons(input: {{patronIds: ["pat_{patron}"]}}) {{ __typename }} }}'
    await other.execute("SELECT FROM patron WHERE id = $1 FOR UPDATE", patron)
    async with nothing_changes():
        envelope = await door(api, mutation)
    [error] = envelope["errors"]
    assert (envelope["data"], error["extensions"]) == (None, {"code": "TIMEOUT"})
    assert WORDS in error["message"]
    await other.execute("ROLLBACK")
    assert (await door(api, mutation))["data"] == {"deactivatePatrons": {"__typename": "PatronsStatusSuccess"}}


async def test_a_subscription(api: Api, town: Town, other: "asyncpg.Connection[asyncpg.Record]") -> None:
    job = await db.value(JOB, town.id)
    query = f'subscription {{ jobProgress(id: "job_{job}") {{ id }} }}'
    await other.execute("LOCK TABLE job IN ACCESS EXCLUSIVE MODE")
    async with api.socket() as socket:
        await socket.start(query)
        message = await socket.receive()
    assert message["type"] == "error"
    assert message["payload"][0]["extensions"] == {"code": "TIMEOUT"}
    headers = api.headers() | {"accept": "text/event-stream"}
    async with api.client() as client:
        answer = await client.post("/graphql/stream", json={"query": query}, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]) == (503, {"code": "TIMEOUT"})


async def test_who_acts_cannot_be_looked_up(api: Api, town: Town, other: "asyncpg.Connection[asyncpg.Record]") -> None:
    await other.execute("LOCK TABLE api_token IN ACCESS EXCLUSIVE MODE")
    answer = await api.post(ITEM)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]) == (503, {"code": "TIMEOUT"})
    async with api.raw_socket() as connection:
        socket = Socket(connection)
        await socket.send(type="connection_init", payload={"Authorization": f"Bearer {api.token}"})
        assert await socket.close_code() == (1013, "Try again later")
