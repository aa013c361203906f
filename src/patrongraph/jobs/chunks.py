"""What every job that goes on chunk by chunk does when a chunk fails: try again, then halve until the culprit is alone.

A file of its own because purges and imports share it. What is committed stands; a job whose items fail one after the
other ends, because then it is not the items.
"""

import asyncio
import logging
import secrets
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from patrongraph import db
from patrongraph.jobs import progress
from patrongraph.jobs.leases import JobFailed, Lease
from patrongraph.logs import fault
from patrongraph.problems import Refused

log = logging.getLogger(__name__)

Done = TypeVar("Done")

MOST_RETRIES = 6
MOST_FAILURES_IN_A_ROW = 20


class Chunks(ABC, Generic[Done]):
    """One worker's pass over one job."""

    FAILED: str
    """Why a job ends whose items fail one after the other, after their number: "patrons in a row could not …"."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self._failures = 0

    @abstractmethod
    async def do(self, items: Sequence[int]) -> Done | None:
        """Do exactly these items in one transaction; None when the job is not to go on."""

    @abstractmethod
    async def give_up(self, item: int, reason: str) -> None:
        """Settle one item as failed, in the open transaction that has advanced the job."""

    async def halved(self, items: Sequence[int]) -> None:
        """Note that a chunk of these items failed; they will be tried in halves."""

    async def attempt(self, work: Callable[[], Awaitable[Done | None]]) -> Done | None:
        """Do a chunk, again after a deadlock or a lost connection."""
        for attempt in range(MOST_RETRIES):
            try:
                return await work()
            except Exception as error:
                if not db.is_transient(error) or attempt == MOST_RETRIES - 1:
                    raise
                log.warning("a chunk is tried again: %s", type(error).__name__)
                await asyncio.sleep(0.1 * 2**attempt)
        raise AssertionError("unreachable")

    async def unless_poisoned(self, work: Callable[[], Awaitable[Done | None]]) -> tuple[Done | None, bool]:
        """Do a chunk; true beside it when it failed by itself, and its items are to be isolated."""
        try:
            return await self.attempt(work), False
        except (JobFailed, Refused):
            raise
        except Exception as error:
            if db.is_transient(error):
                raise
            fault(log, error, job_id=self.lease.job_id)
            return None, True

    async def isolate(self, items: Sequence[int]) -> bool:
        """Try these items in halves until those that fail stand alone; false when the job is not to go on."""
        try:
            done = await self.attempt(lambda: self.do(items))
        except (JobFailed, Refused):
            raise
        except Exception as error:
            if db.is_transient(error):
                raise
            if len(items) == 1:
                return await self._fail(items[0], error)
            await self.halved(items)
            half = len(items) // 2
            return await self.isolate(items[:half]) and await self.isolate(items[half:])
        self._failures = 0
        return done is not None

    async def _fail(self, item: int, error: Exception) -> bool:
        """Settle one item as failed; its reason is a class and a number to look for in the log."""
        number = secrets.token_hex(4)
        fault(log, error, job_id=self.lease.job_id, code=number)
        reason = f"{type(error).__name__} {number}"
        async with db.transaction():
            version = await self.lease.advance()
            if version is None:
                return False
            await self.give_up(item, reason)
        await progress.publish(self.lease.job_id, self.lease.library_id, version)
        self._failures += 1
        if self._failures >= MOST_FAILURES_IN_A_ROW:
            raise JobFailed(f"{self._failures} {self.FAILED} ({reason}).")
        return True
