"""A job is a row, written in the transaction of the request that asks for it; staff move its state only here."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import asyncpg
import orjson

from patrongraph import db, metrics
from patrongraph.audit.actions import record
from patrongraph.context import Actor, ActorKind
from patrongraph.jobs import idempotency, problems, progress
from patrongraph.jobs.models import JobKind, JobState
from patrongraph.permissions import Forbidden, Permission
from patrongraph.problems import not_found

FINISHED = frozenset({JobState.SUCCEEDED, JobState.COMPLETED_WITH_ISSUES, JobState.CANCELLED, JobState.FAILED})

PERMISSIONS = {
    JobKind.PURGE: Permission.PATRONS_PURGE,
    JobKind.EXPORT_PATRON: Permission.PATRONS_DOWNLOAD_DATA,
    JobKind.EXPORT_PATRONS: Permission.PATRONS_DOWNLOAD_DATA,
    JobKind.IMPORT: Permission.PATRONS_IMPORT,
    JobKind.ROLLOVER: Permission.COHORTS_ROLL_OVER,
    JobKind.UNDO_ROLLOVER: Permission.COHORTS_ROLL_OVER,
}
"""What it takes to start a job of a kind, and so to stop or retry one."""

VERB = "job"
"""Names a job to the idempotency keys; the body says which kind and about whom."""

INSERT_JOB = """
INSERT INTO job (library_id, kind, state, params, itemised, total, done, skipped, failed, version, created_at,
                 started_by_id, token_id, idempotency_key)
VALUES ($1, $2, 'QUEUED', $3::jsonb, $4, $5, 0, 0, 0, 1, now(), $6, $7, $8)
RETURNING id
"""

# Holds the job still while its state is decided on; waits for a chunk in flight to commit.
LOCK_JOB = "SELECT id, kind, state, started_at FROM job WHERE id = $1 AND library_id = $2 FOR NO KEY UPDATE"

# The lease is left to its owner: a worker that notices the pause gives it back, one that never noticed goes on.
SET_STATE = "UPDATE job SET state = $2, version = version + 1 WHERE id = $1 RETURNING version"

FINISH_CANCELLED = """
UPDATE job SET state = 'CANCELLED', finished_at = now(), lease_owner = NULL, lease_until = NULL,
               version = version + 1
WHERE id = $1
RETURNING version
"""

# What was not reached will not be.
CANCEL_ITEMS = """
WITH cancelled AS (
    UPDATE job_item SET state = 'CANCELLED', finished_at = now()
    WHERE job_id = $1 AND state = 'PENDING'
    RETURNING id
)
SELECT count(*)::int FROM cancelled
"""

# What failed is to be done again; what a job that failed as a whole did not reach, too ($2).
RETRY_ITEMS = """
WITH again AS (
    UPDATE job_item SET state = 'PENDING', codes = '{}', reason = NULL, finished_at = NULL
    WHERE job_id = $1 AND (state = 'FAILED' OR (state = 'CANCELLED' AND $2::boolean))
    RETURNING id
)
SELECT count(*)::int FROM again
"""

# As new, but for what it is about. From now on whoever retries answers for it: whose permission each chunk looks at.
REQUEUE = """
UPDATE job SET state = 'QUEUED', error = NULL, finished_at = NULL, lease_owner = NULL, lease_until = NULL,
               started_by_id = $2, token_id = $3, version = version + 1
WHERE id = $1
RETURNING version
"""


@dataclass(frozen=True, slots=True)
class Created:
    """A job's id, and whether an earlier request with the same idempotency key had made it."""

    id: int
    replayed: bool


@dataclass(frozen=True, slots=True)
class Moved:
    """A job's state after a pause, resume or cancel, and whether the call changed it."""

    id: int
    state: JobState
    changed: bool


@dataclass(frozen=True, slots=True)
class Retried:
    """A job that was finished and is QUEUED again, and how many of its items are to be done again."""

    id: int
    count: int


async def find_replay(actor: Actor, idempotency_key: str | None, body_hash: str | None) -> int | None:
    """Take the idempotency key for the open transaction, or return the job it made before.

    Call it before any check that the first request may have made fail, such as whether patrons exist.
    Raises Refused: IDEMPOTENCY_MISMATCH when the key came with another body, INVALID_INPUT when it is too long.
    """
    earlier = await idempotency.find(actor, idempotency_key, VERB, body_hash)
    return None if earlier is None else int(earlier["job_id"])


async def create(
    actor: Actor,
    kind: JobKind,
    params: Mapping[str, object],
    *,
    itemised: bool,
    total: int = 0,
    idempotency_key: str | None = None,
    body_hash: str | None = None,
) -> Created:
    """Insert a QUEUED job in the caller's transaction; after the commit the caller calls announce().

    `params` hold ids, codes and counts, never personal data. `total` is for jobs without items.
    `body_hash` is the sha256 (hex) of the request. The same key and body give the same job; raises Refused
    (IDEMPOTENCY_MISMATCH) for the same key with another body.
    """
    earlier = await find_replay(actor, idempotency_key, body_hash)
    if earlier is not None:
        return Created(earlier, replayed=True)
    job_id: int = await db.value(
        INSERT_JOB,
        actor.library,
        kind.value,
        orjson.dumps(params).decode(),
        itemised,
        total,
        *_starter(actor),
        None if idempotency_key is None else idempotency.opaque(idempotency_key),
    )
    await idempotency.remember(actor, idempotency_key, {"job_id": job_id})
    return Created(job_id, replayed=False)


async def announce(job_ids: list[int]) -> None:
    """Wake the workers and the subscribers of these jobs; call it after the commit. Never raises."""
    await progress.announce(job_ids)


async def pause(actor: Actor, job_id: int) -> Moved:
    """Pause a QUEUED or RUNNING job; what is committed stands. A PAUSED job stays so.

    Raises Refused: NOT_FOUND, or JOB_STATE for a finished job.
    """
    async with db.transaction():
        state = JobState((await _lock(actor, job_id))["state"])
        if state in FINISHED:
            raise problems.job_state("paused", state)
        if state is JobState.PAUSED:
            return Moved(job_id, state, changed=False)
        await db.value(SET_STATE, job_id, JobState.PAUSED.value)
        await record(actor, "job.pause", ("job", job_id), job_id=job_id)
    await announce([job_id])
    return Moved(job_id, JobState.PAUSED, changed=True)


async def resume(actor: Actor, job_id: int) -> Moved:
    """Let a PAUSED job go on. A QUEUED or RUNNING job stays so.

    Raises Refused: NOT_FOUND, or JOB_STATE for a finished job.
    """
    async with db.transaction():
        job = await _lock(actor, job_id)
        state = JobState(job["state"])
        if state in FINISHED:
            raise problems.job_state("resumed", state)
        if state is not JobState.PAUSED:
            return Moved(job_id, state, changed=False)
        state = JobState.QUEUED if job["started_at"] is None else JobState.RUNNING
        await db.value(SET_STATE, job_id, state.value)
        await record(actor, "job.resume", ("job", job_id), job_id=job_id)
    await announce([job_id])
    return Moved(job_id, state, changed=True)


async def cancel(actor: Actor, job_id: int) -> Moved:
    """End a job; what is committed stands, items not yet reached become CANCELLED. A CANCELLED job stays so.

    Raises Refused: NOT_FOUND, or JOB_STATE for a job that finished otherwise.
    """
    async with db.transaction():
        job = await _lock(actor, job_id)
        state = JobState(job["state"])
        if state is JobState.CANCELLED:
            return Moved(job_id, state, changed=False)
        if state in FINISHED:
            raise problems.job_state("cancelled", state)
        cancelled = await db.value(CANCEL_ITEMS, job_id)
        await db.value(FINISH_CANCELLED, job_id)
        await record(actor, "job.cancel", ("job", job_id), job_id=job_id, cancelled=cancelled)
    metrics.JOBS_ENDED.labels(job["kind"], JobState.CANCELLED.value).inc()
    await announce([job_id])
    return Moved(job_id, JobState.CANCELLED, changed=True)


async def retry(actor: Actor, job_id: int, *, idempotency_key: str | None = None) -> Retried:
    """Let a finished purge do again what failed in it, under the actor's name and permission.

    A job that FAILED as a whole also takes up what it did not reach. What was CANCELLED by somebody stays so.
    Raises Refused: NOT_FOUND, JOB_STATE unless the job has ended by itself, NOTHING_TO_RETRY, also for a job that
    is not a purge, IDEMPOTENCY_MISMATCH.
    """
    async with db.transaction():
        earlier = await idempotency.find(actor, idempotency_key, "retryFailedItems", job_id)
        if earlier is not None:
            return Retried(**earlier)
        job = await _lock(actor, job_id, "Retrying")
        state = JobState(job["state"])
        if state not in FINISHED or state is JobState.CANCELLED:
            raise problems.job_state("retried", state)
        if JobKind(job["kind"]) is not JobKind.PURGE:
            raise problems.nothing_to_retry()
        count: int = await db.value(RETRY_ITEMS, job_id, state is JobState.FAILED)
        if not count:
            raise problems.nothing_to_retry()
        await db.value(REQUEUE, job_id, *_starter(actor))
        await record(actor, "job.retry", ("job", job_id), job_id=job_id, patrons=count)
        done = Retried(job_id, count)
        await idempotency.remember(actor, idempotency_key, asdict(done))
    await announce([job_id])
    return done


def _starter(actor: Actor) -> tuple[int | None, int | None]:
    """Return the columns of a job that name the actor: a staff member, or a token; neither for the SYSTEM."""
    return (
        actor.id if actor.kind is ActorKind.STAFF else None,
        actor.id if actor.kind is ActorKind.TOKEN else None,
    )


async def _lock(actor: Actor, job_id: int, what: str = "Stopping or resuming") -> asyncpg.Record:
    job = await db.row(LOCK_JOB, job_id, actor.library)
    if job is None:
        raise not_found("The job")
    needed = PERMISSIONS[JobKind(job["kind"])]
    if needed not in actor.permissions:
        raise Forbidden(f"{what} a {job['kind']} job", needed)
    return job
