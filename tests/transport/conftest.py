"""A running peer for the transports' tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest_asyncio
from tests.transport.peer import Peer, serving

Ending = list[asyncio.Task[bool | None]]


@pytest_asyncio.fixture(scope="session")
async def ending() -> AsyncIterator[Ending]:
    """Peers that have been told to stop; a server takes a while for it, and the next test need not wait."""
    told: Ending = []
    yield told
    await asyncio.gather(*told)


@asynccontextmanager
async def left_to_end(serving: AbstractAsyncContextManager[Peer], ending: Ending) -> AsyncIterator[Peer]:
    """A peer that ends beside the tests that follow."""
    yield await serving.__aenter__()
    ending.append(asyncio.create_task(serving.__aexit__(None, None, None)))


@pytest_asyncio.fixture
async def peer(ending: Ending) -> AsyncIterator[Peer]:
    async with left_to_end(serving(), ending) as running:
        yield running
