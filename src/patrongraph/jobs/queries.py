"""How far a job is comes from the states of its items, so it cannot drift from what was done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import orjson

from patrongraph import db
from patrongraph.jobs.models import JobKind, JobState

# How many items of job row {job} are in each state.
COUNTS = """
    SELECT coalesce(sum(by_state.n), 0)::int AS total,
           coalesce(sum(by_state.n) FILTER (WHERE by_state.state = 'DONE'), 0)::int AS done,
           coalesce(sum(by_state.n) FILTER (WHERE by_state.state = 'SKIPPED'), 0)::int AS skipped,
           coalesce(sum(by_state.n) FILTER (WHERE by_state.state = 'FAILED'), 0)::int AS failed,
           coalesce(sum(by_state.n) FILTER (WHERE by_state.state = 'CANCELLED'), 0)::int AS cancelled
    FROM (SELECT item.state, count(*) AS n FROM job_item item WHERE item.job_id = {job}.id GROUP BY item.state)
         AS by_state
"""

# A job with its numbers: counted from items, or the job's own counters where there are none.
PROGRESS = f"""
SELECT job.id, job.library_id, job.kind, job.state, job.itemised, job.params, job.error, job.version,
       job.created_at, job.started_at, job.finished_at, job.started_by_id, job.token_id,
       CASE WHEN job.itemised THEN count.total ELSE job.total END AS total,
       CASE WHEN job.itemised THEN count.done ELSE job.done END AS done,
       CASE WHEN job.itemised THEN count.skipped ELSE job.skipped END AS skipped,
       CASE WHEN job.itemised THEN count.failed ELSE job.failed END AS failed,
       count.cancelled
FROM job
CROSS JOIN LATERAL ({COUNTS.format(job="job")}) AS count
"""

ONE_PROGRESS = PROGRESS + "WHERE job.id = $1 AND job.library_id = $2"

# The latest jobs of a library, newest first.
LATEST = (
    PROGRESS
    + """
WHERE job.library_id = $1 AND ($2::text IS NULL OR job.kind = $2) AND ($3::text IS NULL OR job.state = $3)
ORDER BY job.id DESC
LIMIT $4
"""
)

# How often each code stands on the items of a job.
CODES = """
SELECT code, count(*)::int AS count
FROM job_item item CROSS JOIN LATERAL unnest(item.codes) AS code
WHERE item.job_id = $1 AND item.library_id = $2
GROUP BY code ORDER BY code
"""

# The state of one job.
STATE = "SELECT state FROM job WHERE id = $1 AND library_id = $2"

# The newest jobs of a library, oldest of them first; of a kind, or of a set, where given.
RECENT = """
SELECT id FROM (
    SELECT id FROM job
    WHERE library_id = $1 AND ($2::text IS NULL OR kind = $2) AND ($3::bigint[] IS NULL OR id = ANY($3))
    ORDER BY id DESC LIMIT $4
) AS newest
ORDER BY id
"""

# The library of a job, for an operator who names only the job.
LIBRARY_OF = "SELECT library_id FROM job WHERE id = $1"


@dataclass(frozen=True, slots=True)
class Progress:
    """A job and its numbers; total = done + skipped + failed + cancelled + what is still to do."""

    id: int
    library_id: int
    kind: JobKind
    state: JobState
    itemised: bool
    params: dict[str, object]
    error: str | None
    version: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    started_by_id: int | None
    token_id: int | None
    total: int
    done: int
    skipped: int
    failed: int
    cancelled: int

    @property
    def finished(self) -> bool:
        """Whether the state is final."""
        return self.finished_at is not None


async def progress(library_id: int, job_id: int) -> Progress | None:
    """Return the job with its numbers, or None when the library has no such job."""
    found = await db.row(ONE_PROGRESS, job_id, library_id)
    return None if found is None else _progress(found)


async def latest(
    library_id: int, limit: int, kind: JobKind | None = None, state: JobState | None = None
) -> list[Progress]:
    """Return the library's newest jobs, at most limit, newest first."""
    found: Sequence[asyncpg.Record] = await db.rows(
        LATEST, library_id, None if kind is None else kind.value, None if state is None else state.value, limit
    )
    return [_progress(job) for job in found]


async def state(library_id: int, job_id: int) -> JobState | None:
    """Return the state of a job of the library, or None."""
    found = await db.value(STATE, job_id, library_id)
    return None if found is None else JobState(found)


async def recent(
    library_id: int, limit: int, kind: JobKind | None = None, among: Sequence[int] | None = None
) -> list[int]:
    """Return the ids of the library's newest jobs, oldest first."""
    found = await db.rows(RECENT, library_id, None if kind is None else kind.value, among, limit)
    return [row["id"] for row in found]


async def codes(library_id: int, job_id: int) -> dict[str, int]:
    """Return how many of the job's items carry each reason code."""
    return {found["code"]: found["count"] for found in await db.rows(CODES, job_id, library_id)}


async def library_of(job_id: int) -> int | None:
    """Return the library a job belongs to, or None."""
    found: int | None = await db.value(LIBRARY_OF, job_id)
    return found


def _progress(found: asyncpg.Record) -> Progress:
    values = dict(found)
    values["kind"] = JobKind(values["kind"])
    values["state"] = JobState(values["state"])
    values["params"] = orjson.loads(values["params"])
    return Progress(**values)
