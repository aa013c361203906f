"""The runner takes jobs by lease and does them side by side; PostgreSQL tells what there is, a bell only hurries it."""

import asyncio
import logging
import os
import secrets
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

from patrongraph import db
from patrongraph.jobs import leases, progress, watch
from patrongraph.jobs.leases import JobFailed, Lease
from patrongraph.jobs.models import JobKind
from patrongraph.logs import fault
from patrongraph.problems import Refused
from patrongraph.settings import Settings
from patrongraph.workers.kinds import KINDS, JobFunction

log = logging.getLogger(__name__)

LEAVE_SECONDS = 5.0
LONGEST_WAIT = 5.0
STUCK_SECONDS = 15.0


class Runner:
    """One worker's jobs. `start` never waits; `run` polls until it is told to stop."""

    def __init__(self, settings: Settings, kinds: Mapping[JobKind, JobFunction] = KINDS) -> None:
        self._settings = settings
        self._kinds = kinds
        self._owner = f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._running: dict[asyncio.Task[None], Lease] = {}
        self._awake = asyncio.Event()
        self._stopping = False
        self._looked = time.monotonic()

    @property
    def name(self) -> str:
        """What leases and heartbeats call this worker: host, process id and a random part."""
        return self._owner

    def is_working(self) -> bool:
        """Return whether it has looked for work lately: false when the database is away or the loop is stuck."""
        return time.monotonic() - self._looked < 3 * self._settings.job_poll_seconds + STUCK_SECONDS

    @property
    def free(self) -> int:
        """How many more jobs this worker would take."""
        return 0 if self._stopping else self._settings.job_concurrency - len(self._running)

    def start(self, job_id: int) -> None:
        """Hurry: look for work now. The id is a hint only; what may be taken stands in PostgreSQL."""
        log.debug("the bell rang", extra={"job_id": job_id})
        self._awake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Take and do jobs until `stop` is set; then let each finish its chunk, and give the leases back."""
        stopper = asyncio.create_task(self._wake_at(stop))
        wait = self._settings.job_poll_seconds
        try:
            while not stop.is_set():
                self._awake.clear()
                try:
                    await self._take()
                    self._looked = time.monotonic()
                    wait = self._settings.job_poll_seconds
                except Exception as error:
                    # The database may be away for a while: this loop must outlive it.
                    fault(log, error)
                    wait = min(self._settings.job_poll_seconds, LONGEST_WAIT)
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._awake.wait()
        finally:
            stopper.cancel()
            await self._leave()

    async def _wake_at(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._awake.set()

    async def _take(self) -> None:
        if self.free <= 0:
            return
        seconds = self._settings.job_lease_seconds
        for lease, version in await leases.claim(self._owner, seconds, list(self._kinds), self.free):
            log.info("job taken", extra={"job_id": lease.job_id, "library_id": lease.library_id})
            task = asyncio.create_task(self._do(lease, version), name=f"job-{lease.job_id}")
            self._running[task] = lease
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        self._awake.set()  # there is room again

    async def _do(self, lease: Lease, version: int) -> None:
        beating = asyncio.create_task(self._beat(lease), name=f"lease-{lease.job_id}")
        try:
            await progress.publish(lease.job_id, lease.library_id, version)
            with watch.job(lease):
                await self._kinds[lease.kind](lease)
            ended = await leases.finish(lease)
        except (JobFailed, Refused) as error:
            ended = await self._fail(lease, str(error))
        except Exception as error:
            if db.is_transient(error):
                log.warning("job left for later: %s", type(error).__name__, extra={"job_id": lease.job_id})
                ended = None
            else:
                number = secrets.token_hex(4)
                fault(log, error, job_id=lease.job_id, code=number)
                ended = await self._fail(lease, f"Unexpected error {type(error).__name__} {number}.")
        finally:
            beating.cancel()
            with suppress(Exception):  # it runs out by itself
                await leases.release(lease)
        if ended is not None:
            log.info("job ended", extra={"job_id": lease.job_id})
            await progress.publish(lease.job_id, lease.library_id, ended)

    async def _fail(self, lease: Lease, error: str) -> int | None:
        try:
            return await leases.fail(lease, error)
        except Exception as unwritten:
            # The job stays RUNNING without a lease; the next worker meets the same error and writes it down.
            fault(log, unwritten, job_id=lease.job_id)
            return None

    async def _beat(self, lease: Lease) -> None:
        """Renew the lease at a third of its time; when that has failed for its whole length it is lost."""
        loop = asyncio.get_running_loop()
        kept = loop.time()
        while not lease.lost:
            await asyncio.sleep(lease.seconds / 3)
            try:
                if await leases.renew(lease):
                    kept = loop.time()
                # Not renewed: paused, cancelled, or a chunk holds the row. The chunk asks again for itself.
            except Exception as error:
                log.warning("lease not renewed: %s", type(error).__name__, extra={"job_id": lease.job_id})
                lease.lost = loop.time() - kept > lease.seconds

    async def _leave(self) -> None:
        """Ask each job to stop at its next pause, wait a little, and end what has none."""
        self._stopping = True
        for lease in self._running.values():
            lease.stopping.set()
        if self._running:
            await asyncio.wait(list(self._running), timeout=LEAVE_SECONDS)
        left = list(self._running)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=LEAVE_SECONDS)
