"""A running peer for the transports' tests."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
from tests.transport.peer import Peer, serving


@pytest_asyncio.fixture(scope="session")
async def ending() -> AsyncIterator[list[asyncio.Task[bool | None]]]:
    """Peers that have been told to stop; a server takes a while for it, and the next test need not wait."""
    told: list[asyncio.Task[bool | None]] = []
    yield told
    await asyncio.gather(*told)


@pytest_asyncio.fixture
async def peer(ending: list[asyncio.Task[bool | None]]) -> AsyncIterator[Peer]:
    running = serving()
    yield await running.__aenter__()
    ending.append(asyncio.create_task(running.__aexit__(None, None, None)))
