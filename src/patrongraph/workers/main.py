"""The worker process: a runner that needs PostgreSQL only, arq as its doorbell, housekeeping; each outlives Valkey."""

import asyncio
import logging
import signal
from contextlib import suppress
from typing import Any

import orjson
from arq.worker import Worker, func

from patrongraph import db, metrics, tracing
from patrongraph.jobs import heartbeat, progress
from patrongraph.settings import Settings, use_settings
from patrongraph.workers.housekeeping import keep_files_wiped, keep_folder_read, keep_house
from patrongraph.workers.runner import Runner

log = logging.getLogger(__name__)

HEALTH_SECONDS = 15
LISTEN_SECONDS = 0.1
LONGEST_WAIT = 5.0


def main(settings: Settings) -> None:
    """Run a worker until SIGTERM or SIGINT; the chunk at work is finished first."""
    use_settings(settings)
    tracing.start("patrongraph-worker")
    asyncio.run(_main(settings))


async def _main(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await _open_database(settings, stop)
    if stop.is_set():
        return
    try:
        await progress.open_progress(settings)
        await run_worker(settings, stop)
    finally:
        await progress.close_progress()
        await db.close_pools()


async def _open_database(settings: Settings, stop: asyncio.Event) -> None:
    """Wait for PostgreSQL as long as it takes: a worker may be started first."""
    wait = 0.2
    while not stop.is_set():
        try:
            await db.open_pools(settings)
        except Exception as error:
            await db.close_pools()
            if not db.is_transient(error):
                raise
            log.warning("the database is away: %s", type(error).__name__)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await stop.wait()
            wait = min(wait * 2, LONGEST_WAIT)
        else:
            return


async def run_worker(settings: Settings, stop: asyncio.Event) -> None:
    """Do jobs in this event loop until `stop` is set; the caller has opened db and progress."""
    runner = Runner(settings)
    helpers = [
        asyncio.create_task(_listen(settings, runner), name="bell"),
        asyncio.create_task(keep_house(stop), name="housekeeping"),
        asyncio.create_task(keep_files_wiped(stop), name="at-rest"),
        asyncio.create_task(keep_folder_read(stop), name="drop-folder"),
        asyncio.create_task(heartbeat.beat(settings, runner.name, runner.is_working), name="heartbeat"),
    ]
    listener = metrics.listen(settings.worker_metrics_listen, runner.is_working)
    log.info("worker started")
    try:
        await runner.run(stop)
    finally:
        for helper in helpers:
            helper.cancel()
        await asyncio.wait(helpers, timeout=LONGEST_WAIT)
        if listener is not None:
            listener.close()
        log.info("worker stopped")


async def _listen(settings: Settings, runner: Runner) -> None:
    """Keep an arq worker at the bell; when Valkey goes away it ends, and a new one is made until Valkey is back."""
    wait = LISTEN_SECONDS
    while True:
        bell = _arq_worker(settings, runner)
        started = asyncio.get_running_loop().time()
        try:
            await bell.async_run()
        except Exception as error:
            log.warning("the bell is away: %s", type(error).__name__)
        finally:
            with suppress(Exception):
                await _close(bell)
        if asyncio.get_running_loop().time() - started > LONGEST_WAIT:
            wait = LISTEN_SECONDS
        await asyncio.sleep(wait)
        wait = min(wait * 2, LONGEST_WAIT)


async def _close(bell: Worker) -> None:
    if bell.main_task is not None:
        bell.main_task.cancel()
    await bell.pool.aclose(close_connection_pool=True)


def _arq_worker(settings: Settings, runner: Runner) -> Worker:
    """Return arq as a doorbell: its one function returns at once, so its retries and leases never matter."""

    async def ring(ctx: dict[Any, Any], job_id: int) -> None:
        """Wake the runner."""
        runner.start(int(job_id))

    return Worker(
        functions=[func(ring, name=progress.RING, keep_result=0, timeout=5, max_tries=1)],
        redis_pool=progress.connect(settings),
        queue_name=progress.queue_name(settings),
        handle_signals=False,
        health_check_interval=HEALTH_SECONDS,
        poll_delay=LISTEN_SECONDS,
        keep_result=0,
        job_serializer=orjson.dumps,
        job_deserializer=orjson.loads,
        log_results=False,
    )
