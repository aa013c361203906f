"""Workers in this process and as processes, and a checker in plain SQL."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
import pytest
import pytest_asyncio
from tests import processes
from tests.processes import Running
from tests.town import Town, wait_until

from patrongraph import db
from patrongraph.jobs.queries import Progress, progress
from patrongraph.settings import Settings, use_settings
from patrongraph.workers.runner import Runner


@pytest.fixture
def quick(settings: Settings, database: ModuleType) -> Settings:
    """Settings of a worker that looks often, holds short leases and takes small chunks."""
    changed = settings.model_copy(
        update={"job_poll_seconds": 0.1, "job_lease_seconds": 2.0, "chunk_loans": 100, "job_concurrency": 2}
    )
    use_settings(changed)
    return changed


RunToEnd = Callable[[int, int], Awaitable[Progress]]


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[Runner]:
    runner, stop = Runner(settings), asyncio.Event()
    task = asyncio.create_task(runner.run(stop))
    try:
        yield runner
    finally:
        stop.set()
        await task


@pytest.fixture
def work(quick: Settings) -> RunToEnd:
    """Run a worker in this process until the job has ended; return its numbers."""

    async def run(library: int, job_id: int) -> Progress:
        async def ended() -> Progress | None:
            found = await progress(library, job_id)
            assert found is not None
            return found if found.finished else None

        async with working(quick):
            return await wait_until(ended)

    return run


@pytest.fixture
def start_worker(quick: Settings) -> Iterator[Callable[..., Running]]:
    """Start `patrongraph worker` as a process; keywords: its log, variables. All are killed when the test ends."""
    started: list[Running] = []

    def start(log: Path | str = os.devnull, **variables: str) -> Running:
        with Path(log).open("ab") as out:
            environment = os.environ | quick.as_environment() | variables
            process = processes.start("worker", env=environment, stderr=out.fileno())
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest_asyncio.fixture
async def slow_patrons(database: ModuleType) -> AsyncIterator[None]:
    """Each patron's deletion takes 5 ms, so that a test can act in the middle of a run."""
    await db.rows(
        "CREATE OR REPLACE FUNCTION test_slow() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_sleep(0.005); RETURN OLD; END $$"
    )
    await db.rows(
        "CREATE OR REPLACE TRIGGER test_slow BEFORE DELETE ON patron FOR EACH ROW EXECUTE FUNCTION test_slow()"
    )
    yield
    await db.rows("DROP TRIGGER test_slow ON patron")


async def check_purge(
    town: Town, job: Progress, *, erased: list[int], kept: list[int], loans: int, retained: bool = True
) -> None:
    """Compare every table with what must be true after a purge of `erased`, who had `loans` loans each."""
    assert await town.remaining() == kept
    assert (job.done, job.total) == (len(erased), job.done + job.skipped + job.failed + job.cancelled)
    tombstones = await db.rows("SELECT patron_id, job_id, rows FROM tombstone ORDER BY patron_id")
    assert [row["patron_id"] for row in tombstones] == erased
    assert {row["job_id"] for row in tombstones} == {job.id}
    every_loan = {"loan": loans, "ledger_entry": 2} if loans else {}
    expected = {"patron": 1, "card": 1, "address": 1, "patron_pin": 1, "block": 1} | every_loan
    assert all(expected.items() <= orjson.loads(row["rows"]).items() for row in tombstones)
    for table in ("card", "address", "patron_pin", "block", "loan", "ledger_entry", "group_membership"):
        left = await db.value(f"SELECT count(*) FROM {table} WHERE patron_id = ANY($1::bigint[])", erased)
        assert left == 0, table
    statistics = await db.value("SELECT count(*) FROM loan_statistic")
    assert statistics == (len(erased) * loans if retained else 0)
    chunks = await db.rows("SELECT detail FROM audit_event WHERE action = 'purge.chunk' AND job_id = $1", job.id)
    assert sum(orjson.loads(row["detail"])["patrons"] for row in chunks) == len(erased)


@pytest.fixture
def check() -> Callable[..., Awaitable[None]]:
    return check_purge


@pytest.fixture
def until() -> Callable[..., Awaitable[Any]]:
    """Wait until an async condition gives something true, and return it."""
    return wait_until
