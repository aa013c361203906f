"""What runs in a forked worker: the product's own runner until one job has ended, and nothing that looks at a clock."""

import asyncio
import logging
import multiprocessing
from contextlib import suppress
from typing import Any

import asyncpg

from patrongraph import db
from patrongraph.audit import chain, queries, sealing, verify
from patrongraph.settings import Settings, use_settings
from patrongraph.workers import housekeeping
from patrongraph.workers.runner import Runner

ENDED = "SELECT state NOT IN ('QUEUED', 'RUNNING', 'PAUSED') FROM job WHERE id = $1"

FORKS = multiprocessing.get_context("forkserver")
# With everything imported, a worker is there in a few hundredths of a second.
FORKS.set_forkserver_preload(
    ["tests.torture.crash_child", "tests.torture.broken", "asyncpg", "tortoise.backends.asyncpg"]
)


def start(settings: Settings, watch_url: str, job_id: int, variant: str | None = None) -> Any:
    """Fork a worker with these settings; it leaves when the job has ended, which it sees through `watch_url`."""
    values = {name: getattr(settings, name) for name in Settings.model_fields}
    process = FORKS.Process(target=run, args=(values, watch_url, job_id, variant), daemon=True)
    process.start()
    return process


def run(values: dict[str, Any], watch_url: str, job_id: int, variant: str | None) -> None:
    """Be the worker."""
    from tests.torture import broken

    if variant is not None:
        broken.apply(variant)
    logging.disable(logging.WARNING)  # thousands of jobs are taken and ended here
    settings = Settings(**values)
    use_settings(settings)
    asyncio.run(_run(settings, watch_url, job_id))


async def _run(settings: Settings, watch_url: str, job_id: int) -> None:
    await db.open_pools(settings)
    stop = asyncio.Event()
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(Runner(settings).run(stop))
            both.create_task(_stop_at_the_end(watch_url, job_id, stop))
        await housekeeping.tidy()
        if settings.database_url == watch_url:  # nobody counts what is done here
            await _audit_holds(settings)
    finally:
        with suppress(Exception):
            await db.close_pools()


async def _audit_holds(settings: Settings) -> None:
    """Seal what waits and follow every chain, as `patrongraph audit` does; raise AssertionError when one is broken."""
    await sealing.seal_all()
    keys = chain.keyring(settings)
    for library in await queries.chains(None):
        report = await verify.follow(library, keys)
        assert report.well, report.findings


async def _stop_at_the_end(watch_url: str, job_id: int, stop: asyncio.Event) -> None:
    connection = await asyncpg.connect(watch_url)
    try:
        while not await connection.fetchval(ENDED, job_id):
            await asyncio.sleep(0.02)
    finally:
        stop.set()
        await connection.close()
