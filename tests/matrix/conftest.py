"""The libraries, made once for all tests of a file; and the table of what was looked at."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest_asyncio
from tests.graph.conftest import ROOMY
from tests.matrix import table
from tests.matrix.ground import Ground

from patrongraph.graph.engine import Engine
from patrongraph.jobs import progress
from patrongraph.jobs.progress import ProgressReader
from patrongraph.schema import schema
from patrongraph.settings import Settings


@pytest_asyncio.fixture(scope="module")
async def ground(settings: Settings, empty: Callable[[], Awaitable[None]]) -> AsyncIterator[Ground]:
    """The libraries, and an engine with room for large operations; whoever changes them builds them anew."""
    made = Ground(Engine(schema, settings.model_copy(update=ROOMY)), empty)
    await made.build()
    await progress.open_progress(settings)
    async with ProgressReader(settings):
        yield made
    await progress.close_progress()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table; with pytest-xdist it is in the workers, and not printed."""
    for line in table.lines():
        terminalreporter.write_line(line)
