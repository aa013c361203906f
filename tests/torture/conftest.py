"""Crash points and controls run on databases of their own beside those of the other tests."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.torture.crashes import Crashes, Story

from patrongraph import db
from patrongraph.embedded import Servers
from patrongraph.settings import Settings, use_settings


@pytest.fixture(scope="session")
def crashes(settings: Settings, worker_number: int) -> Iterator[Crashes]:
    """Where stories are told and played, on the servers of this test run."""
    folder = Path(tempfile.mkdtemp(prefix="crash-", dir=settings.data_dir.parent))
    with Servers(settings.data_dir.parent / "data", durable=False) as servers:
        yield Crashes(servers, folder, mark=f"w{worker_number}")
    shutil.rmtree(folder)
    use_settings(settings)


@pytest_asyncio.fixture(scope="session")
async def purge(crashes: Crashes) -> Story:
    """A purge that was asked for."""
    return await told(crashes, "purge")


async def told(crashes: Crashes, name: str) -> Story:
    """Tell a story; the pools of the other tests are closed for it."""
    await db.close_pools()
    return await crashes.tell(name)


@pytest_asyncio.fixture(autouse=True)
async def _own_settings(settings: Settings) -> AsyncIterator[None]:
    yield
    use_settings(settings)
