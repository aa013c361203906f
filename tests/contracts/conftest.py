"""Databases that a contract test may make and break: new, empty, gone afterwards."""

from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit

import asyncpg
import pytest_asyncio

from patrongraph.settings import Settings

NewDatabase = Callable[[], Awaitable[str]]


@pytest_asyncio.fixture
async def new_database(settings: Settings, worker_number: int) -> AsyncIterator[NewDatabase]:
    """Make an empty database on the tests' server and return its address."""
    server = await asyncpg.connect(settings.database_url)
    made: list[str] = []

    async def make() -> str:
        name = f"contract_{worker_number}_{len(made)}"
        made.append(name)
        await server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await server.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return urlsplit(settings.database_url)._replace(path=f"/{name}").geturl()

    yield make
    for name in made:
        await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await server.close()
