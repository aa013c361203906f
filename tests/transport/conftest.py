"""A running peer for the transports' tests."""

from collections.abc import AsyncIterator

import pytest_asyncio
from tests.transport.peer import Peer, serving


@pytest_asyncio.fixture
async def peer() -> AsyncIterator[Peer]:
    async with serving() as running:
        yield running
