"""A rollover begins as one transaction that writes down where each patron goes; then workers do it, once a year."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from patrongraph import db
from patrongraph.audit.actions import record
from patrongraph.cohorts import queries as cohorts
from patrongraph.cohorts.queries import Counted
from patrongraph.context import Actor
from patrongraph.jobs import actions as jobs
from patrongraph.jobs import confirmation
from patrongraph.jobs.confirmation import Confirmation, Verdict
from patrongraph.jobs.models import JobKind
from patrongraph.jobs.queries import progress
from patrongraph.problems import invalid, not_found, out_of_range
from patrongraph.rollover import problems, queries
from patrongraph.rollover.models import UndoObstacle
from patrongraph.rollover.queries import OfYear, Part, Plan

PURPOSE = "rollover"
"""What a confirmation is for; one for something else is void here."""

YEARS_AROUND = 1
"""How far a year may lie from the present one."""

INSERT_ROLLOVER = "INSERT INTO rollover (library_id, year, job_id) VALUES ($1, $2, $3) RETURNING id"

# The rest of a year is another job's.
SET_JOB = "UPDATE rollover SET job_id = $2 WHERE id = $1 RETURNING id"

SET_UNDO_JOB = "UPDATE rollover SET undo_job_id = $2 WHERE id = $1 RETURNING id"

# A job's parameters name the rollover, whose row names the job.
SET_PARAMS = "UPDATE job SET params = $2::jsonb WHERE id = $1 RETURNING id"

# Writes down where each patron goes (library $1, rollover $2), and an item of job $3 for each, in id order. The patrons
# are locked in that order too, so that none is erased before the step that goes with them is there.
INSERT_STEPS = f"""
WITH planned AS MATERIALIZED (
    {queries.PLAN}
    ORDER BY patron.id FOR KEY SHARE OF patron
), steps AS (
    INSERT INTO rollover_step (library_id, rollover_id, patron_id, from_cohort_id, to_cohort_id, deactivate)
    SELECT $1, $2, patron_id, from_id, to_id, deactivate FROM planned ORDER BY patron_id
), items AS (
    INSERT INTO job_item (job_id, library_id, patron_id, state)
    SELECT $3, $1, patron_id, 'PENDING' FROM planned ORDER BY patron_id
    RETURNING id
)
SELECT count(*)::int FROM items
"""

# An item of job $4 for each step that job $2 of rollover $1 has left (library $3).
INSERT_REST = f"""
WITH items AS (
    INSERT INTO job_item (job_id, library_id, patron_id, state)
    SELECT $4, $3, rest.patron_id, 'PENDING' FROM ({queries.REST}) AS rest ORDER BY rest.patron_id
    RETURNING id
)
SELECT count(*)::int FROM items
"""

# An item of job $3 for each patron whom rollover $1 has moved or deactivated (library $2).
INSERT_UNDO = f"""
WITH items AS (
    INSERT INTO job_item (job_id, library_id, patron_id, state)
    SELECT $3, $2, done.patron_id, 'PENDING' FROM ({queries.DONE}) AS done ORDER BY done.patron_id
    RETURNING id
)
SELECT count(*)::int FROM items
"""


@dataclass(frozen=True, slots=True)
class CohortPreview:
    """What a rollover would do with one cohort's members: where they go, who moves, is deactivated, stays as is."""

    id: int
    code: str
    name: str
    to_code: str | None
    to_name: str | None
    members: int
    moving: int
    deactivating: int
    staying: int


@dataclass(frozen=True, slots=True)
class RolloverPreview:
    """What a rollover of the year would do now; `count` patrons move, are deactivated, or both.

    `continues`: the job whose rest it would do. `confirmation`: what starts it; None when there is nothing to do.
    """

    year: int
    count: int
    moving: int
    deactivating: int
    staying: int
    cohorts: list[CohortPreview]
    continues: int | None
    confirmation: Confirmation | None


@dataclass(frozen=True, slots=True)
class RolloverStarted:
    """The job, how many patrons it is about, and whether an earlier request with the same key had started it."""

    job_id: int
    count: int
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class UndoPreview:
    """What taking the rollover back would do now; `left_alone`: whom staff have moved on since, or changed."""

    year: int
    moving: int
    reactivating: int
    left_alone: int


async def roll_over(
    actor: Actor,
    year: int,
    *,
    dry_run: bool = False,
    confirm_count: int | None = None,
    confirmation_token: str | None = None,
    idempotency_key: str | None = None,
    clock: Callable[[], float] = time.time,
) -> RolloverStarted | RolloverPreview:
    """Start the rollover of a year, or the rest of one that was cancelled or failed; a dry run only counts.

    Everybody moves to the cohort after their own, once; active members of the graduated cohort are then
    deactivated. `clock` gives seconds since 1970. Raises Refused: INVALID_INPUT for a year that is not near,
    ALREADY_ROLLED_OVER, ROLLOVER_UNDER_WAY while another year is, NOTHING_TO_ROLL_OVER, CONFIRMATION_MISMATCH
    unless confirm_count is the number of patrons, CONFIRMATION_VOID unless confirmation_token is what the actor's
    dry run gave for the same year and exactly the same ways within 15 minutes, IDEMPOTENCY_MISMATCH.
    """
    now = clock()
    async with db.transaction():
        body = _body_hash([year, confirm_count, confirmation_token])
        if not dry_run:
            earlier = await jobs.find_replay(actor, idempotency_key, body)
            if earlier is not None:
                return await _replayed(actor, earlier)
        _check_year(year, datetime.fromtimestamp(now, UTC).year)
        await cohorts.hold(actor.library)
        begun = await queries.of_year(actor.library, year)
        await _check_open(actor, year, begun)
        if dry_run:
            return await _preview(actor, year, begun, int(now))
        job_id, plan = await _write_down(actor, year, begun, idempotency_key, body)
        if not plan.patrons:
            raise problems.nothing_to_roll_over()
        # What was written is compared with what was shown: a refusal takes all of it back.
        if confirm_count != plan.patrons:
            raise problems.confirmation_mismatch(confirm_count, plan.patrons)
        verdict = confirmation.judge(confirmation_token or "", actor, PURPOSE, [year, plan.digest], int(now))
        if verdict is not Verdict.HOLDS:
            raise problems.confirmation_void(expired=verdict is Verdict.EXPIRED)
        counts = {"patrons": plan.patrons, "moving": plan.moving, "deactivating": plan.deactivating}
        subject, is_rest = ("job", job_id), begun is not None
        await record(actor, "rollover.start", subject, job_id=job_id, year=year, rest=is_rest, **counts)
    await jobs.announce([job_id])
    return RolloverStarted(job_id, plan.patrons)


async def undo(
    actor: Actor, job_id: int, *, dry_run: bool = False, idempotency_key: str | None = None
) -> RolloverStarted | UndoPreview:
    """Start taking back what the rollover of that job has done; a dry run only counts.

    Whoever is still where it put them goes back, and whom it deactivated is reactivated if nobody has changed that
    since. Raises Refused: NOT_FOUND, ROLLOVER_NOT_UNDOABLE, IDEMPOTENCY_MISMATCH.
    """
    body = _body_hash(["undo", job_id])
    async with db.transaction():
        if not dry_run:
            earlier = await jobs.find_replay(actor, idempotency_key, body)
            if earlier is not None:
                return await _replayed(actor, earlier)
        await cohorts.hold(actor.library)
        found = await queries.of_job(actor.library, job_id)
        if found is None:
            raise not_found("The rollover")
        if found["obstacle"] is not None:
            raise problems.not_undoable(found["year"], UndoObstacle(found["obstacle"]))
        if dry_run:
            counts = await queries.undo_counts(found["id"])
            return UndoPreview(found["year"], counts.moving, counts.reactivating, counts.left_alone)
        params = {"rollover": found["id"], "year": found["year"]}
        made = await jobs.create(
            actor, JobKind.UNDO_ROLLOVER, params, itemised=True, idempotency_key=idempotency_key, body_hash=body
        )
        count: int = await db.value(INSERT_UNDO, found["id"], actor.library, made.id)
        await db.value(SET_UNDO_JOB, found["id"], made.id)
        await record(actor, "rollover.undo", ("job", made.id), job_id=made.id, year=found["year"], patrons=count)
    await jobs.announce([made.id])
    return RolloverStarted(made.id, count)


def _check_year(year: int, present: int) -> None:
    if abs(year - present) > YEARS_AROUND:
        least, most = present - YEARS_AROUND, present + YEARS_AROUND
        message = f"{year} is not near: a rollover is of a year from {least} to {most}."
        raise invalid("input.year", message, *out_of_range(least, most, is_less=year < least))


async def _check_open(actor: Actor, year: int, begun: OfYear | None) -> None:
    """Refuse while another year is under way, and a year that has a rollover, unless that left something undone."""
    other = await queries.under_way(actor.library, year)
    if other is not None:
        raise problems.under_way(other["year"], other["job_id"])
    if begun is None:
        return
    left = begun.finished and begun.undo_job_id is None and (await queries.rest(begun.id, begun.job_id)).patrons
    if not left:
        raise problems.already_rolled_over(
            year, begun.job_id, begun.created_at, finished=begun.finished, undo_job_id=begun.undo_job_id
        )


async def _write_down(actor: Actor, year: int, begun: OfYear | None, key: str | None, body: str) -> tuple[int, Plan]:
    """Insert job, rollover, steps and items; return the job's id and what it is to do."""
    made = await jobs.create(actor, JobKind.ROLLOVER, {}, itemised=True, idempotency_key=key, body_hash=body)
    if begun is None:
        rollover_id: int = await db.value(INSERT_ROLLOVER, actor.library, year, made.id)
        await db.value(INSERT_STEPS, actor.library, rollover_id, made.id)
    else:
        rollover_id = begun.id
        await db.value(INSERT_REST, rollover_id, begun.job_id, actor.library, made.id)
        await db.value(SET_JOB, rollover_id, made.id)
    await db.value(SET_PARAMS, made.id, orjson.dumps({"rollover": rollover_id, "year": year}).decode())
    return made.id, await queries.written(rollover_id, made.id)


async def _preview(actor: Actor, year: int, begun: OfYear | None, now: int) -> RolloverPreview:
    plan = await (queries.plan(actor.library) if begun is None else queries.rest(begun.id, begun.job_id))
    counted = await cohorts.counted(actor.library)
    named = {each.id: each for each in counted}
    shown = [_cohort_preview(each, plan.parts.get(each.id), named) for each in counted]
    made = confirmation.issue(actor, PURPOSE, [year, plan.digest], now) if plan.patrons else None
    staying = sum(each.staying for each in shown)
    continues = None if begun is None else begun.job_id
    return RolloverPreview(year, plan.patrons, plan.moving, plan.deactivating, staying, shown, continues, made)


def _cohort_preview(cohort: Counted, part: Part | None, named: Mapping[int, Counted]) -> CohortPreview:
    to_id = cohort.next_id if part is None else part.to_id
    to = None if to_id is None or to_id == cohort.id else named.get(to_id)
    return CohortPreview(
        id=cohort.id,
        code=cohort.code,
        name=cohort.name,
        to_code=None if to is None else to.code,
        to_name=None if to is None else to.name,
        members=cohort.members,
        moving=0 if part is None else part.moving,
        deactivating=0 if part is None else part.deactivating,
        # In the rest of a year somebody may have left the cohort since, and is skipped at their turn.
        staying=max(cohort.members - (0 if part is None else part.patrons), 0),
    )


async def _replayed(actor: Actor, job_id: int) -> RolloverStarted:
    job = await progress(actor.library, job_id)
    return RolloverStarted(job_id, 0 if job is None else job.total, replayed=True)


def _body_hash(body: list[object]) -> str:
    return hashlib.sha256(orjson.dumps(body)).hexdigest()
