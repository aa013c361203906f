"""A running job belongs to one worker for a short time that it must renew; whoever dies loses it, and nothing else.

The lease is a pair of columns of the job's row, so that no other server decides who works. A chunk of work first
advances its job in its own transaction: that locks the row, proves the lease and the state, and so a pause, a
cancel or another worker waits for the chunk or is seen by it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncpg
import orjson

from patrongraph import db, metrics
from patrongraph.audit.actions import record
from patrongraph.context import Actor, ActorKind, system_actor
from patrongraph.jobs.models import JobKind, JobState

# What may be taken: new, let go, or left behind by a worker whose lease has run out. A locked row is at work.
CLAIM = """
UPDATE job SET state = 'RUNNING', lease_owner = $1, lease_until = clock_timestamp() + make_interval(secs => $2),
               started_at = coalesce(started_at, now()), version = version + 1
WHERE id IN (
    SELECT id FROM job
    WHERE state IN ('QUEUED', 'RUNNING')
      AND (state = 'QUEUED' OR lease_until IS NULL OR lease_until < clock_timestamp())
      AND kind = ANY($3::text[]) AND ($4::bigint IS NULL OR id = $4)
    ORDER BY id LIMIT $5
    FOR UPDATE SKIP LOCKED
)
RETURNING id, library_id, kind, params, started_by_id, token_id, version
"""

# Keeps the job for another while. SKIP LOCKED: a chunk that is at work holds the row, and renews by itself.
RENEW = """
UPDATE job SET lease_until = clock_timestamp() + make_interval(secs => $3)
WHERE id IN (
    SELECT id FROM job WHERE id = $1 AND lease_owner = $2 AND state = 'RUNNING' FOR NO KEY UPDATE SKIP LOCKED
)
RETURNING id
"""

# Whether the job is still this worker's to do.
HELD = "SELECT id FROM job WHERE id = $1 AND lease_owner = $2 AND state = 'RUNNING'"

# Begins a chunk: holds the row until the chunk commits; no row when the job was paused, cancelled or taken.
ADVANCE = """
UPDATE job SET version = version + 1, lease_until = clock_timestamp() + make_interval(secs => $3)
WHERE id = $1 AND lease_owner = $2 AND state = 'RUNNING'
RETURNING version
"""

RELEASE = """
UPDATE job SET lease_owner = NULL, lease_until = NULL WHERE id = $1 AND lease_owner = $2 RETURNING id
"""

# Ends a job whose items are all settled, or that has none, with the state that its numbers give.
FINISH = """
WITH counted AS (
    SELECT count(*) FILTER (WHERE state = 'PENDING') AS pending,
           count(*) FILTER (WHERE state IN ('SKIPPED', 'FAILED')) AS issues
    FROM job_item WHERE job_id = $1
)
UPDATE job SET
    state = CASE WHEN (CASE WHEN itemised THEN counted.issues ELSE job.skipped + job.failed END) = 0
                 THEN 'SUCCEEDED' ELSE 'COMPLETED_WITH_ISSUES' END,
    finished_at = now(), lease_owner = NULL, lease_until = NULL, version = version + 1
FROM counted
WHERE job.id = $1 AND job.lease_owner = $2 AND job.state = 'RUNNING' AND counted.pending = 0
RETURNING job.state, job.version
"""

# Ends a job that cannot go on; locks the job before its items, as a chunk and a cancel do.
FAIL = """
UPDATE job SET state = 'FAILED', error = $3, finished_at = now(), lease_owner = NULL, lease_until = NULL,
               version = version + 1
WHERE id = $1 AND lease_owner = $2 AND state = 'RUNNING'
RETURNING version
"""

CANCEL_PENDING = """
UPDATE job_item SET state = 'CANCELLED', finished_at = now() WHERE job_id = $1 AND state = 'PENDING' RETURNING id
"""


class JobFailed(Exception):  # noqa: N818 - what happened to the job
    """Raised by a job's function to end the job as FAILED; the text is shown to staff, so without personal data."""


@dataclass(slots=True)
class Lease:
    """One job held by this worker: what to do, for whom, and whether to stop.

    `stopping` is set when the worker shuts down, `lost` when the lease could not be kept.
    """

    job_id: int
    library_id: int
    kind: JobKind
    params: dict[str, object]
    actor: Actor
    owner: str
    seconds: float
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    lost: bool = False

    async def should_stop(self) -> bool:
        """Return whether to leave now: shut down, lost, paused or cancelled. Ask between pieces of work."""
        if self.stopping.is_set() or self.lost:
            return True
        return await db.value(HELD, self.job_id, self.owner) is None

    async def advance(self) -> int | None:
        """Hold the job's row for the open transaction and return its new version; None when it is not to go on."""
        if self.stopping.is_set() or self.lost:
            return None
        version: int | None = await db.value(ADVANCE, self.job_id, self.owner, self.seconds)
        return version


async def claim(
    owner: str, seconds: float, kinds: Sequence[JobKind], limit: int, job_id: int | None = None
) -> list[tuple[Lease, int]]:
    """Take at most limit jobs of these kinds for seconds, or only that one job; return each with its version."""
    names = [kind.value for kind in kinds]
    found = await db.rows(CLAIM, owner, float(seconds), names, job_id, limit)
    return [(_lease(job, owner, seconds), job["version"]) for job in found]


async def renew(lease: Lease) -> bool:
    """Keep the job for another lease; false when it is not to go on, or a chunk holds the row just now."""
    return await db.value(RENEW, lease.job_id, lease.owner, lease.seconds) is not None


async def release(lease: Lease) -> None:
    """Give the job back, so that another worker need not wait for the lease to run out."""
    await db.rows(RELEASE, lease.job_id, lease.owner)


async def finish(lease: Lease) -> int | None:
    """End a job that is done and audit it; return its version, or None when it is not done or not ours."""
    async with db.transaction():
        ended = await db.row(FINISH, lease.job_id, lease.owner)
        if ended is None:
            return None
        await _audit(lease, JobState(ended["state"]))
    metrics.JOBS_ENDED.labels(lease.kind.value, ended["state"]).inc()
    version: int = ended["version"]
    return version


async def fail(lease: Lease, error: str) -> int | None:
    """End a job as FAILED with a text for staff; items not reached become CANCELLED. Return its version."""
    async with db.transaction():
        version: int | None = await db.value(FAIL, lease.job_id, lease.owner, error)
        if version is None:
            return None
        await db.rows(CANCEL_PENDING, lease.job_id)
        await _audit(lease, JobState.FAILED)
    metrics.JOBS_ENDED.labels(lease.kind.value, JobState.FAILED.value).inc()
    return version


async def _audit(lease: Lease, state: JobState) -> None:
    await record(
        system_actor(lease.library_id),
        "job.finish",
        ("job", lease.job_id),
        job_id=lease.job_id,
        state=state.value,
    )


def _lease(job: asyncpg.Record, owner: str, seconds: float) -> Lease:
    library_id: int = job["library_id"]
    if job["started_by_id"] is not None:
        actor = Actor(ActorKind.STAFF, job["started_by_id"], library_id)
    elif job["token_id"] is not None:
        actor = Actor(ActorKind.TOKEN, job["token_id"], library_id)
    else:
        actor = system_actor(library_id)
    params = orjson.loads(job["params"])
    return Lease(job["id"], library_id, JobKind(job["kind"]), params, actor, owner, float(seconds))
