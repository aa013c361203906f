"""A rollover, or taking one back, goes on chunk by chunk: each a transaction over some thousand patrons.

A file of its own beside actions.py, which starts them, as in `erasure`. Where a patron goes stands in their step, and a
step that is done says so in the transaction that did it: killed anywhere, nobody is moved twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import asyncpg

from patrongraph import db
from patrongraph.audit.actions import record, record_many
from patrongraph.jobs.item_chunks import ChunkDone, Which, Words, check_permission, settle, take, work_off
from patrongraph.jobs.leases import Lease
from patrongraph.patrons.actions import change_status
from patrongraph.patrons.models import PatronStatus
from patrongraph.settings import get_settings

ROLL_OVER = Words("rollover", "roll over", "rolled over")
TAKE_BACK = Words("undoing", "roll over", "taken back")

# Cohorts that the steps name stay until the commit. One that is being deleted is waited for; its steps then name none.
HOLD_COHORTS = """
SELECT id FROM cohort WHERE id IN (
    SELECT unnest(ARRAY[from_cohort_id, to_cohort_id]) FROM rollover_step
    WHERE rollover_id = $1 AND patron_id = ANY($2::bigint[])
)
ORDER BY id FOR KEY SHARE
"""

# Holds the patrons still, in id order, as every other writer does.
LOCK_PATRONS = """
SELECT id, cohort_id, status, status_changed_at FROM patron WHERE id = ANY($1::bigint[]) AND library_id = $2
ORDER BY id FOR NO KEY UPDATE
"""

# The steps of a rollover's patrons, who are locked.
STEPS = """
SELECT patron_id, from_cohort_id, to_cohort_id, deactivate, deactivated, done_at
FROM rollover_step WHERE rollover_id = $1 AND patron_id = ANY($2::bigint[])
"""

# Whose status changes too, gets the new version with that.
MOVE = """
UPDATE patron SET cohort_id = way.cohort_id, updated_at = now(),
                  version = version + CASE WHEN way.more THEN 0 ELSE 1 END
FROM unnest($1::bigint[], $2::bigint[], $3::boolean[]) AS way(patron_id, cohort_id, more)
WHERE patron.id = way.patron_id
RETURNING patron.id
"""

MARK_DONE = """
UPDATE rollover_step SET done_at = now(), deactivated = patron_id = ANY($3::bigint[])
WHERE rollover_id = $1 AND patron_id = ANY($2::bigint[])
RETURNING id
"""

MARK_UNDONE = """
UPDATE rollover_step SET undone_at = now() WHERE rollover_id = $1 AND patron_id = ANY($2::bigint[]) RETURNING id
"""

ADD_UP = """
UPDATE rollover SET moved = moved + $2, deactivated = deactivated + $3 WHERE id = $1 RETURNING id
"""

# A rollover is taken back when nobody is left to be reached, or to be tried again. The year is open then.
FINISH_UNDO = """
UPDATE rollover SET undone_at = now()
WHERE id = $1 AND undo_job_id = $2
  AND NOT EXISTS (SELECT FROM job_item WHERE job_id = $2 AND state IN ('PENDING', 'FAILED'))
RETURNING id
"""


@dataclass(slots=True)
class _Outcome:
    """What becomes of the patrons of a chunk: way (from, to) by patron, whose status changes, codes by patron."""

    ways: dict[int, tuple[int, int]] = field(default_factory=dict)
    switched: list[int] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)
    done: dict[int, str] = field(default_factory=dict)
    skipped: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Now:
    """A locked patron."""

    cohort_id: int | None
    status: PatronStatus
    status_changed_at: datetime


async def run_rollover(lease: Lease) -> None:
    """Move and deactivate whom the job's items name, until none is left or it is not to go on.

    Raises as work_off() does.
    """
    await work_off(lease, _roll_over, ROLL_OVER, size=get_settings().chunk_patrons)


async def run_undo(lease: Lease) -> None:
    """Take back what was done to whom the job's items name; raises as work_off() does."""
    await work_off(lease, _take_back, TAKE_BACK, size=get_settings().chunk_patrons)


async def _roll_over(lease: Lease, which: Which) -> ChunkDone | None:
    async with db.transaction():
        version = await lease.advance()
        if version is None:
            return None
        await check_permission(lease, ROLL_OVER)
        taken = await take(lease, which)
        if not taken:
            return ChunkDone(0, which.after, version)
        rollover_id = _rollover_id(lease)
        patron_ids, steps, now = await _hold(lease, rollover_id, taken)
        outcome = _Outcome()
        for patron_id in patron_ids:
            _decide(outcome, patron_id, steps.get(patron_id), now.get(patron_id))
        await _move(lease, outcome)
        await change_status(lease.actor, outcome.switched, PatronStatus.INACTIVE, job_id=lease.job_id)
        await db.rows(MARK_DONE, rollover_id, outcome.settled, outcome.switched)
        await db.rows(ADD_UP, rollover_id, len(outcome.ways), len(outcome.switched))
        await _settle(lease, "rollover.chunk", taken, outcome, "deactivated")
    return ChunkDone(len(taken), taken[-1]["id"], version)


async def _take_back(lease: Lease, which: Which) -> ChunkDone | None:
    async with db.transaction():
        version = await lease.advance()
        if version is None:
            return None
        await check_permission(lease, TAKE_BACK)
        taken = await take(lease, which)
        rollover_id = _rollover_id(lease)
        if not taken:
            await db.rows(FINISH_UNDO, rollover_id, lease.job_id)
            return ChunkDone(0, which.after, version)
        patron_ids, steps, now = await _hold(lease, rollover_id, taken)
        outcome = _Outcome()
        for patron_id in patron_ids:
            _decide_back(outcome, patron_id, steps.get(patron_id), now.get(patron_id))
        await _move(lease, outcome)
        await change_status(lease.actor, outcome.switched, PatronStatus.ACTIVE, job_id=lease.job_id)
        await db.rows(MARK_UNDONE, rollover_id, outcome.settled)
        await _settle(lease, "rollover.undo_chunk", taken, outcome, "reactivated")
    return ChunkDone(len(taken), taken[-1]["id"], version)


def _rollover_id(lease: Lease) -> int:
    found = lease.params["rollover"]
    if not isinstance(found, int):
        raise TypeError("a rollover's job names it by number")
    return found


async def _hold(
    lease: Lease, rollover_id: int, taken: Sequence[asyncpg.Record]
) -> tuple[list[int], dict[int, asyncpg.Record], dict[int, _Now]]:
    """Lock cohorts and patrons, then read the steps: what is seen now cannot change before the commit."""
    patron_ids = [row["patron_id"] for row in taken]
    await db.rows(HOLD_COHORTS, rollover_id, patron_ids)
    locked = await db.rows(LOCK_PATRONS, patron_ids, lease.library_id)
    now = {row["id"]: _Now(row["cohort_id"], PatronStatus(row["status"]), row["status_changed_at"]) for row in locked}
    steps = {row["patron_id"]: row for row in await db.rows(STEPS, rollover_id, patron_ids)}
    return patron_ids, steps, now


def _decide(outcome: _Outcome, patron_id: int, step: asyncpg.Record | None, now: _Now | None) -> None:
    """Say what becomes of one patron: only somebody who is still where the step begins is moved."""
    if step is None or now is None:
        outcome.skipped[patron_id] = "ALREADY_GONE"
    elif now.cohort_id is None or now.cohort_id != step["from_cohort_id"]:
        outcome.skipped[patron_id] = "COHORT_CHANGED"
    elif step["to_cohort_id"] is None:
        outcome.skipped[patron_id] = "COHORT_GONE"
    else:
        outcome.settled.append(patron_id)
        if step["to_cohort_id"] != step["from_cohort_id"]:
            outcome.ways[patron_id] = (step["from_cohort_id"], step["to_cohort_id"])
        if step["deactivate"] and now.status is PatronStatus.ACTIVE:
            outcome.switched.append(patron_id)
        elif step["deactivate"]:
            outcome.done[patron_id] = "ALREADY_INACTIVE"


def _decide_back(outcome: _Outcome, patron_id: int, step: asyncpg.Record | None, now: _Now | None) -> None:
    """Say what becomes of one patron: only what nobody has changed since is taken back."""
    if step is None or now is None:
        outcome.skipped[patron_id] = "ALREADY_GONE"
        return
    if now.cohort_id is None or now.cohort_id != step["to_cohort_id"]:
        outcome.skipped[patron_id] = "COHORT_CHANGED"
        return
    if step["from_cohort_id"] is None:
        outcome.skipped[patron_id] = "COHORT_GONE"
        return
    # The status was changed in the transaction that marked the step, so the two moments are one.
    ours = now.status is PatronStatus.INACTIVE and now.status_changed_at == step["done_at"]
    moves, switches = step["from_cohort_id"] != step["to_cohort_id"], step["deactivated"] and ours
    if not moves and not switches:
        outcome.skipped[patron_id] = "STATUS_CHANGED"
        return
    outcome.settled.append(patron_id)
    if moves:
        outcome.ways[patron_id] = (step["to_cohort_id"], step["from_cohort_id"])
    if switches:
        outcome.switched.append(patron_id)
    elif step["deactivated"]:
        outcome.done[patron_id] = "STATUS_CHANGED"


async def _move(lease: Lease, outcome: _Outcome) -> None:
    """Change cohorts, and audit each patron's way."""
    if not outcome.ways:
        return
    switched = frozenset(outcome.switched)
    movers = list(outcome.ways)
    more = [patron_id in switched for patron_id in movers]
    await db.rows(MOVE, movers, [outcome.ways[patron_id][1] for patron_id in movers], more)
    together: dict[tuple[int, int], list[int]] = {}
    for patron_id, way in outcome.ways.items():
        together.setdefault(way, []).append(patron_id)
    for (left, entered), patron_ids in together.items():
        way_detail = {"from_cohort": left, "to_cohort": entered}
        await record_many(lease.actor, "patron.change_cohort", "patron", patron_ids, job_id=lease.job_id, **way_detail)


async def _settle(lease: Lease, action: str, taken: Sequence[asyncpg.Record], outcome: _Outcome, switched: str) -> None:
    """Settle the items and audit the chunk in numbers."""
    await settle(taken, outcome.done, outcome.skipped)
    detail: dict[str, object] = {
        "moved": len(outcome.ways),
        switched: len(outcome.switched),
        "skipped": len(outcome.skipped),
    }
    reasons: dict[str, int] = {}
    for code in outcome.skipped.values():
        reasons[code] = reasons.get(code, 0) + 1
    if reasons:
        detail["reasons"] = reasons
    await record(lease.actor, action, ("job", lease.job_id), job_id=lease.job_id, **detail)
