"""Databases that a contract test may make and break: empty, or as `patrongraph migrate` leaves them."""

from collections.abc import AsyncIterator
from typing import Protocol
from urllib.parse import urlsplit

import asyncpg
import pytest_asyncio

from patrongraph.settings import Settings


class NewDatabase(Protocol):
    """Makes a database on the tests' server and returns its address."""

    async def __call__(self, *, migrated: bool = False) -> str: ...


@pytest_asyncio.fixture
async def new_database(settings: Settings, worker_number: int) -> AsyncIterator[NewDatabase]:
    """Make databases; the migrated ones are copies of the one that the tests' own are copied from."""
    server = await asyncpg.connect(settings.database_url)
    made: list[str] = []

    async def make(*, migrated: bool = False) -> str:
        name = f"contract_{worker_number}_{len(made)}"
        made.append(name)
        await server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        template = "test_template STRATEGY FILE_COPY" if migrated else "template0"
        await server.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        url = urlsplit(settings.database_url)._replace(path=f"/{name}").geturl()
        if migrated:
            connection = await asyncpg.connect(url)
            await connection.execute("DROP FUNCTION test_empty_tables")
            await connection.close()
        return url

    yield make
    for name in made:
        await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await server.close()
