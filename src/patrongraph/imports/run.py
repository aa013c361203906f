"""An import goes on chunk by chunk: planned once, then the rows of the file, then those who are missing from it.

Beside the six names because it is what a worker calls. A row that cannot be applied is found by halving and rejected.
"""

from collections.abc import Sequence

import asyncpg

from patrongraph import db
from patrongraph.context import system_actor
from patrongraph.imports import chunk
from patrongraph.imports.chunk import ChunkDone
from patrongraph.imports.models import ImportRowState
from patrongraph.imports.people_rows import MovedMeanwhile
from patrongraph.imports.planning import plan
from patrongraph.imports.runs import Counts, count
from patrongraph.jobs import actions as jobs
from patrongraph.jobs import leases, progress, watch
from patrongraph.jobs.chunks import Chunks
from patrongraph.jobs.leases import Lease
from patrongraph.settings import get_settings

# A row that fails again and again, alone.
FAIL_ROW = """
UPDATE import_row SET state = 'REJECTED', code = 'FAILED', column_name = '', reason = $2
WHERE id = $1 AND state IN ('PENDING', 'MISSING')
RETURNING line
"""
COULD_NOT = "could not be applied: {}; an operator finds more in the log"

# Rows of a job that ended before it came to them are never applied, so nothing of them is kept.
FORGET_UNREACHED = """
WITH gone AS (
    DELETE FROM import_row USING job
    WHERE job.id = import_row.job_id AND job.state IN ('CANCELLED', 'FAILED') AND job.kind = 'IMPORT'
      AND import_row.state <> 'REJECTED'
    RETURNING import_row.id
)
SELECT count(*)::int FROM gone
"""

# Imports that were paused and not resumed for as long as export files wait to be fetched: their rows are not kept for
# ever.
FORGOTTEN = """
SELECT job.id, job.library_id
FROM job JOIN library ON library.id = job.library_id
WHERE job.kind = 'IMPORT' AND job.state = 'PAUSED'
  AND now() - make_interval(hours => library.export_ttl_hours) > coalesce(
      (SELECT max(at) FROM audit_event WHERE audit_event.job_id = job.id AND action = 'job.pause'), job.created_at)
ORDER BY job.id FOR NO KEY UPDATE OF job SKIP LOCKED
"""

# Files that wait to be mended wait as long as export files do to be fetched, by the library's policy.
EXPIRE_CELLS = """
WITH over AS (
    SELECT run.job_id
    FROM import_run run JOIN job ON job.id = run.job_id JOIN library ON library.id = run.library_id
    WHERE job.finished_at < now() - make_interval(hours => library.export_ttl_hours)
), emptied AS (
    UPDATE import_row SET cells = NULL FROM over
    WHERE import_row.job_id = over.job_id AND import_row.cells IS NOT NULL
    RETURNING import_row.id
)
SELECT count(*)::int FROM emptied
"""


async def run_import(lease: Lease) -> None:
    """Import the job's rows until none is left or it is not to go on; what is committed stands.

    Raises JobFailed when the starter's permission is gone or rows fail one after the other, and connection errors
    that outlast a few seconds.
    """
    if not await _finished(lease):
        # Whoever holds a job without items and returns has done it; this one is not done, so let it go.
        await leases.release(lease)


async def _finished(lease: Lease) -> bool:
    """Do the job; false when it is not to go on and something is left to do."""
    size = get_settings().chunk_import_rows
    version = await plan(lease)
    if version is None:
        return False
    await progress.publish(lease.job_id, lease.library_id, version)
    rows = _Rows(lease)
    after = 0
    while waiting := await chunk.next_rows(lease.job_id, after, size):
        done = await rows.next(waiting)
        if done is None:
            return False
        after = done.last_line
    missing = _Missing(lease)
    begun = await chunk.begin_missing(lease)
    while begun and (waiting := await chunk.next_missing(lease.job_id, size)):
        if await missing.next(waiting) is None:
            return False
    version = None if begun is None else await chunk.close(lease)
    if version is not None:
        await progress.publish(lease.job_id, lease.library_id, version)
    return version is not None


async def forget_unreached() -> int:
    """Delete the rows that jobs which ended early did not reach; return how many."""
    gone: int = await db.value(FORGET_UNREACHED)
    return gone


async def cancel_forgotten() -> int:
    """Cancel imports that stay paused longer than the library's export_ttl_hours; return how many."""
    async with db.transaction():
        forgotten = await db.rows(FORGOTTEN)
        for job in forgotten:
            await jobs.cancel(system_actor(job["library_id"]), job["id"])
    if forgotten:
        await jobs.announce([job["id"] for job in forgotten])
    return len(forgotten)


async def expire_cells() -> int:
    """Empty the cells of rejected rows whose time is over: the library's export_ttl_hours after the job's end."""
    emptied: int = await db.value(EXPIRE_CELLS)
    return emptied


class _Rows(Chunks[ChunkDone]):
    """One worker's pass over the rows of a file."""

    FAILED = "rows in a row could not be applied"
    STATE = ImportRowState.PENDING

    async def next(self, items: Sequence[int]) -> ChunkDone | None:
        """Do these rows; return None when the job is not to go on."""
        done, poisoned = await self.unless_poisoned(lambda: self.do(items))
        if not poisoned:
            return done
        return ChunkDone(len(items), 0, 0) if await self.isolate(items) else None

    async def do(self, items: Sequence[int]) -> ChunkDone | None:
        """Settle these rows and tell the subscribers."""
        for last in (False, False, True):
            try:
                with watch.chunk(self.lease) as watched:
                    done = await chunk.run_chunk(self.lease, items, self.STATE)
                    watched.items = 0 if done is None else done.rows
                break
            except (asyncpg.UniqueViolationError, MovedMeanwhile):
                # Somebody took a barcode or username between the check and the writing: the next check sees it.
                if last:
                    raise
        if done is not None and done.rows:
            await progress.publish(self.lease.job_id, self.lease.library_id, done.version)
        return done

    async def give_up(self, item: int, reason: str) -> None:
        """Reject one row as FAILED."""
        if await db.rows(FAIL_ROW, item, COULD_NOT.format(reason)):
            rejected = Counts(rejected=int(self.STATE is ImportRowState.PENDING))
            await count(self.lease.job_id, rejected, done=0, skipped=0, failed=1)


class _Missing(_Rows):
    """One worker's pass over the patrons who are missing from the file."""

    FAILED = "patrons in a row could not be deactivated"
    STATE = ImportRowState.MISSING
