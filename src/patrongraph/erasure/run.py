"""A purge goes on chunk by chunk; a patron that cannot be erased is found by halving, and the others go on."""

from collections.abc import Sequence

from patrongraph import db
from patrongraph.erasure.chunk import MOST_PATRONS, ChunkDone, remove_files, run_chunk
from patrongraph.jobs import progress
from patrongraph.jobs.chunks import Chunks
from patrongraph.jobs.leases import Lease
from patrongraph.settings import get_settings

LOANS_GUESSED = 20

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


class _Run(Chunks[ChunkDone]):
    """One worker's pass over one purge."""

    FAILED = "patrons in a row could not be erased"

    async def next(self, after: int, size: int) -> ChunkDone | None:
        """Do the next chunk; return None when the job is not to go on."""
        done, poisoned = await self.unless_poisoned(lambda: self._chunk(after=after, limit=size))
        if not poisoned:
            return done
        named = [row["id"] for row in await db.rows(PENDING_ITEMS, self.lease.job_id, after, size)]
        if named and not await self.isolate(named):
            return None
        return ChunkDone(len(named), 0, 0, named[-1] if named else after, 0)

    async def do(self, items: Sequence[int]) -> ChunkDone | None:
        """Purge these items."""
        return await self._chunk(items=list(items))

    async def halved(self, items: Sequence[int]) -> None:
        """Count the attempt."""
        await db.rows(COUNT_ATTEMPT, list(items))

    async def give_up(self, item: int, reason: str) -> None:
        """Settle one item as FAILED."""
        await db.rows(FAIL_ITEM, item, reason)

    async def _chunk(
        self, *, after: int = 0, limit: int = MOST_PATRONS, items: list[int] | None = None
    ) -> ChunkDone | None:
        """Do one chunk and tell the subscribers."""
        done = await run_chunk(self.lease, after=after, limit=limit, items=items)
        if done is not None and done.items:
            await progress.publish(self.lease.job_id, self.lease.library_id, done.version)
        if done is not None and done.files:
            await remove_files(job_id=self.lease.job_id)
        return done
