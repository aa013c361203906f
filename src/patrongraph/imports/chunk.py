"""A chunk of an import is one transaction: hold the job, check the rows again, lock the patrons, apply, count, forget.

Beside the six names because it is the one place that writes for a file. Killed at any statement nothing of it is done;
a dry run does the same and takes the applying back. An erasure in the library comes before a chunk or after it.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import orjson

from patrongraph import db
from patrongraph.context import Actor
from patrongraph.imports import people_rows
from patrongraph.imports.models import ImportNoteCode, ImportRowState, MissingState
from patrongraph.imports.notes import Note
from patrongraph.imports.runs import TUNE, Counts, Run, check_permission, count, load, reject
from patrongraph.jobs.leases import Lease
from patrongraph.patrons.actions import change_status
from patrongraph.patrons.models import PatronStatus
from patrongraph.patrons.queries import HOLD_LIBRARY

# The next rows in the order of the file; those who are missing from it, in patron order.
NEXT_ROWS = """
SELECT id FROM import_row WHERE job_id = $1 AND state = 'PENDING' AND line > $2 ORDER BY line LIMIT $3
"""
NEXT_MISSING = """
SELECT id FROM import_row WHERE job_id = $1 AND line IS NULL AND state = 'MISSING' ORDER BY id LIMIT $2
"""

# How many of the patrons named still wait; an erasure may have taken some.
STILL_MISSING = """
SELECT count(*)::int FROM import_row WHERE id = ANY($1::bigint[]) AND job_id = $2 AND state = 'MISSING'
"""

# Locks who is still ACTIVE, and of the category, branch and cohort that were asked for, in id order.
LOCK_MISSING = """
SELECT p.id FROM patron p
WHERE p.id = ANY(ARRAY(SELECT patron_id FROM import_row WHERE id = ANY($1::bigint[]) AND state = 'MISSING'))
  AND p.library_id = $2 AND p.status = 'ACTIVE' AND ($3::text IS NULL OR p.category = $3)
  AND ($4::bigint IS NULL OR p.branch_id = $4) AND ($5::bigint IS NULL OR p.cohort_id = $5)
ORDER BY p.id FOR NO KEY UPDATE
"""

# What is done is not kept.
FORGET = "DELETE FROM import_row WHERE id = ANY($1::bigint[]) AND job_id = $2 AND state = $3"
FORGET_MISSING = """
WITH gone AS (DELETE FROM import_row WHERE job_id = $1 AND state = 'MISSING' RETURNING id)
SELECT count(*)::int FROM gone
"""

SET_MISSING_STATE = "UPDATE import_run SET missing_state = $2 WHERE job_id = $1 RETURNING id"

# Rows that an erasure took away while they waited: who they were about is gone. They count as rejected; patrons who
# are gone and were to be deactivated count as done.
CLOSE = """
WITH lost AS (
    SELECT job_id, rows - created - updated - deactivated - reactivated - unchanged - rejected AS rows
    FROM import_run WHERE job_id = $1
), report AS (
    UPDATE import_run SET rejected = rejected + lost.rows, warnings = warnings || format($2, lost.rows),
                          notes = notes || ($3::jsonb || jsonb_build_object('number', lost.rows))
    FROM lost WHERE import_run.job_id = lost.job_id AND lost.rows > 0
    RETURNING import_run.id
)
UPDATE job SET skipped = skipped + lost.rows, done = total - skipped - failed - lost.rows
FROM lost WHERE job.id = lost.job_id
RETURNING job.id
"""
LOST = Note(ImportNoteCode.PATRONS_ERASED, number="%s")


@dataclass(frozen=True, slots=True)
class ChunkDone:
    """How many rows a chunk settled, the line of the last, and the job's version. No rows: none was left."""

    rows: int
    last_line: int
    version: int


class _DryRun(Exception):  # noqa: N818 - ends the savepoint of a dry run, is not an error
    pass


async def next_rows(job_id: int, after: int, limit: int) -> list[int]:
    """Return the ids of the next rows of the file after that line."""
    return [row["id"] for row in await db.rows(NEXT_ROWS, job_id, after, limit)]


async def next_missing(job_id: int, limit: int) -> list[int]:
    """Return the ids of the next rows of patrons who are missing from the file."""
    return [row["id"] for row in await db.rows(NEXT_MISSING, job_id, limit)]


async def run_chunk(lease: Lease, ids: Sequence[int], state: ImportRowState) -> ChunkDone | None:
    """Settle these rows of the file (PENDING), or of patrons missing from it (MISSING), in one transaction.

    Returns None when the job is not to go on: paused, cancelled, taken over or shut down. Raises JobFailed when
    whoever started it may not import any more.
    """
    async with db.transaction() as connection:
        version = await lease.advance()
        if version is None:
            return None
        await check_permission(lease)
        await db.rows(HOLD_LIBRARY, lease.library_id)
        await connection.execute(TUNE)
        run = await load(lease)
        counts = Counts()
        if state is ImportRowState.PENDING:
            rows, last_line = await _settle_rows(run, lease.actor, ids, counts)
        else:
            rows, last_line = await _settle_missing(run, lease.actor, ids, counts), 0
        if rows:
            await db.rows(FORGET, list(ids), run.job_id, state.value)
            await count(run.job_id, counts, done=rows - counts.rejected, skipped=counts.rejected)
    return ChunkDone(rows, last_line, version)


async def _settle_rows(run: Run, actor: Actor, ids: Sequence[int], counts: Counts) -> tuple[int, int]:
    """Reject and apply what still waits of these rows; return how many waited and the line of the last."""
    checked = await people_rows.check(run, ids)
    looked = await db.row(people_rows.LOOKED_AT)
    if looked is None:
        raise AssertionError("an aggregate has a row")
    if looked["rows"]:
        counts.rejected = await reject(run, people_rows.CHECKED)
        with suppress(_DryRun):
            async with db.transaction():
                await people_rows.apply(run, actor, checked, counts)
                _take_back(run)
    return looked["rows"], looked["last_line"]


async def _settle_missing(run: Run, actor: Actor, ids: Sequence[int], counts: Counts) -> int:
    """Deactivate whom those of these rows that still wait are about; return how many waited."""
    if run.missing_state is not MissingState.PLANNED:
        return 0
    rows: int = await db.value(STILL_MISSING, list(ids), run.job_id)
    with suppress(_DryRun):
        async with db.transaction():
            await _deactivate(run, actor, ids, counts)
            _take_back(run)
    return rows


def _take_back(run: Run) -> None:
    """End the savepoint of a dry run."""
    if run.dry_run:
        raise _DryRun


async def _deactivate(run: Run, actor: Actor, rows: Sequence[int], counts: Counts) -> None:
    asked = run.missing_asked
    locked = await db.rows(LOCK_MISSING, rows, run.library_id, asked.category, asked.branch_id, asked.cohort_id)
    ids = [row["id"] for row in locked]
    await change_status(actor, ids, PatronStatus.INACTIVE, job_id=run.job_id)
    counts.missing_deactivated = len(ids)


async def begin_missing(lease: Lease) -> bool | None:
    """Look, when the file is done, whether those missing from it are to be deactivated; None: the job may not go on.

    Not when any row was rejected: the patron whom it was about would seem to be missing.
    """
    async with db.transaction():
        if await lease.advance() is None:
            return None
        run = await load(lease)
        if run.missing_state is not MissingState.PLANNED:
            return False
        if not run.rejected:
            return True
        refused = await db.value(FORGET_MISSING, run.job_id)
        await db.value(SET_MISSING_STATE, run.job_id, MissingState.ROWS_REJECTED.value)
        await count(run.job_id, Counts(), done=0, skipped=refused)
    return False


async def close(lease: Lease) -> int | None:
    """Settle what is left to settle when no row waits any more; return the job's version, or None."""
    async with db.transaction():
        version = await lease.advance()
        if version is None:
            return None
        run = await load(lease)
        if run.missing_state is MissingState.PLANNED:
            await db.value(SET_MISSING_STATE, run.job_id, MissingState.DONE.value)
        await db.value(CLOSE, run.job_id, str(LOST), orjson.dumps(LOST.stored()).decode())
    return version
