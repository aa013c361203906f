"""A purge goes on chunk by chunk; a patron that cannot be erased is found by halving, and the others go on."""

import asyncio
import logging
import secrets

from patrongraph import db
from patrongraph.erasure.chunk import MOST_PATRONS, ChunkDone, remove_files, run_chunk
from patrongraph.jobs import progress
from patrongraph.jobs.leases import JobFailed, Lease
from patrongraph.logs import fault
from patrongraph.problems import Refused
from patrongraph.settings import get_settings

log = logging.getLogger(__name__)

LOANS_GUESSED = 20
MOST_RETRIES = 6
MOST_FAILURES_IN_A_ROW = 20

# The items a failed chunk was about: nobody has settled them.
PENDING_ITEMS = """
SELECT id FROM job_item WHERE job_id = $1 AND state = 'PENDING' AND id > $2 ORDER BY id LIMIT $3
"""

COUNT_ATTEMPT = "UPDATE job_item SET attempts = attempts + 1 WHERE id = ANY($1::bigint[]) RETURNING id"

FAIL_ITEM = """
UPDATE job_item SET state = 'FAILED', reason = $2, attempts = attempts + 1, finished_at = now()
WHERE id = $1 AND state = 'PENDING'
RETURNING id
"""


async def run_purge(lease: Lease) -> None:
    """Purge the job's items until none is left or it is not to go on; what is committed stands.

    Raises JobFailed when the starter's permission is gone or patrons fail one after the other, and connection
    errors that outlast a few seconds.
    """
    run = _Run(lease)
    after, size = 0, min(get_settings().chunk_loans // LOANS_GUESSED, MOST_PATRONS)
    while (done := await run.next(after, size)) is not None:
        if done.items:
            after = done.last_item
            size = _next_size(size, done)
        elif after:
            after = 0  # items that were locked by somebody else when they were passed
        else:
            return


def _next_size(size: int, done: ChunkDone) -> int:
    """Return how many patrons the next chunk takes, so that it erases about `chunk_loans` loans."""
    if not done.erased:
        return min(size * 2, MOST_PATRONS)
    per_patron = max(done.loans / done.erased, 0.1)
    wanted = int(get_settings().chunk_loans / per_patron)
    return max(1, min(wanted, size * 4, MOST_PATRONS))


class _Run:
    """One worker's pass over one purge."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._failures = 0

    async def next(self, after: int, size: int) -> ChunkDone | None:
        """Do the next chunk; return None when the job is not to go on."""
        try:
            return await self._chunk(after=after, limit=size)
        except (JobFailed, Refused):
            raise
        except Exception as error:
            if db.is_transient(error):
                raise
            fault(log, error, job_id=self._lease.job_id)
        named = [row["id"] for row in await db.rows(PENDING_ITEMS, self._lease.job_id, after, size)]
        if named and not await self._isolate(named):
            return None
        return ChunkDone(len(named), 0, 0, named[-1] if named else after, 0)

    async def _isolate(self, items: list[int]) -> bool:
        """Try these items in halves until those that fail stand alone; false when the job is not to go on."""
        try:
            done = await self._chunk(items=items)
        except (JobFailed, Refused):
            raise
        except Exception as error:
            if db.is_transient(error):
                raise
            if len(items) == 1:
                return await self._give_up(items[0], error)
            await db.rows(COUNT_ATTEMPT, items)
            half = len(items) // 2
            return await self._isolate(items[:half]) and await self._isolate(items[half:])
        self._failures = 0
        return done is not None

    async def _give_up(self, item: int, error: Exception) -> bool:
        """Settle one item as FAILED; its reason is a class and a number to look for in the log."""
        number = secrets.token_hex(4)
        fault(log, error, job_id=self._lease.job_id, code=number)
        reason = f"{type(error).__name__} {number}"
        async with db.transaction():
            version = await self._lease.advance()
            if version is None:
                return False
            await db.rows(FAIL_ITEM, item, reason)
        await progress.publish(self._lease.job_id, self._lease.library_id, version)
        self._failures += 1
        if self._failures >= MOST_FAILURES_IN_A_ROW:
            raise JobFailed(f"{self._failures} patrons in a row could not be erased ({reason}).")
        return True

    async def _chunk(
        self, *, after: int = 0, limit: int = MOST_PATRONS, items: list[int] | None = None
    ) -> ChunkDone | None:
        """Do one chunk, again after a deadlock or a lost connection, and tell the subscribers."""
        for attempt in range(MOST_RETRIES):
            try:
                done = await run_chunk(self._lease, after=after, limit=limit, items=items)
            except Exception as error:
                if not db.is_transient(error) or attempt == MOST_RETRIES - 1:
                    raise
                log.warning("a chunk is tried again: %s", type(error).__name__)
                await asyncio.sleep(0.1 * 2**attempt)
            else:
                if done is not None and done.items:
                    await progress.publish(self._lease.job_id, self._lease.library_id, done.version)
                if done is not None and done.files:
                    await remove_files(job_id=self._lease.job_id)
                return done
        raise AssertionError("unreachable")
