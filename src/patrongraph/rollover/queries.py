"""Who goes where in a rollover, counted and digested; what stands in the way of taking one back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from patrongraph import db

# Everybody of library $1 moves once, to the cohort after the one that they are in now, whatever their status: who is
# restored later must not have stayed a year behind. Who is then in the graduated cohort and active is deactivated.
PLAN = """
SELECT patron.id AS patron_id, cohort.id AS from_id, coalesce(following.id, cohort.id) AS to_id,
       patron.status = 'ACTIVE' AND coalesce(following.graduated, cohort.graduated) AS deactivate
FROM patron
JOIN cohort ON cohort.id = patron.cohort_id
LEFT JOIN cohort following ON following.id = cohort.next_cohort_id
WHERE patron.library_id = $1 AND cohort.library_id = $1
  AND (following.id IS NOT NULL OR cohort.graduated AND patron.status = 'ACTIVE')
"""

# The steps of those patrons of rollover $1 whose items in job $2 fulfil {which}. An array, not a join: nothing has
# counted rows that were just written, and a plan made for a few would compare each step with each item.
_OF_ITEMS = """
SELECT step.patron_id, step.from_cohort_id AS from_id, step.to_cohort_id AS to_id, step.deactivate
FROM rollover_step step
WHERE step.rollover_id = $1
  AND step.patron_id = ANY(ARRAY(SELECT item.patron_id FROM job_item item WHERE item.job_id = $2 AND {which}))
"""

# What a job of a rollover has left: whom it did not reach, and who failed. Whom it skipped, staff had moved.
REST = _OF_ITEMS.replace("{which}", "item.state IN ('FAILED', 'CANCELLED')") + "  AND step.done_at IS NULL\n"

# What a job of a rollover is to do, once it is written down.
WRITTEN = _OF_ITEMS.replace("{which}", "true")

# A plan summed up by cohort, and once over all (whole), each with a digest of who goes where.
SUM_UP = """
SELECT plan.from_id, min(plan.to_id) AS to_id, count(*)::int AS patrons,
       count(*) FILTER (WHERE plan.to_id IS DISTINCT FROM plan.from_id)::int AS moving,
       count(*) FILTER (WHERE plan.deactivate)::int AS deactivating,
       grouping(plan.from_id) = 1 AS whole,
       encode(sha256(convert_to(coalesce(string_agg(
           concat_ws(':', plan.patron_id, coalesce(plan.from_id, 0), coalesce(plan.to_id, 0), plan.deactivate),
           ',' ORDER BY plan.patron_id), ''), 'UTF8')), 'hex') AS digest
FROM ({plan}) AS plan
GROUP BY GROUPING SETS ((plan.from_id), ())
ORDER BY plan.from_id
"""

# {r}: a rollover, {library}: an SQL bigint. The purge that counts is one asked for after the rollover: it erases on the
# ground of what the rollover did. Taking back what is taken back in part may always be finished.
_UNDO_OBSTACLE = """
CASE
    WHEN {r}.undone_at IS NOT NULL THEN 'ALREADY_UNDONE'
    WHEN EXISTS (SELECT FROM job j WHERE j.id = {r}.job_id AND j.library_id = {library} AND j.finished_at IS NULL)
        THEN 'RUNNING'
    WHEN EXISTS (SELECT FROM job j WHERE j.id = {r}.undo_job_id AND j.library_id = {library} AND j.finished_at IS NULL)
        THEN 'UNDO_RUNNING'
    WHEN {r}.undo_job_id IS NULL AND EXISTS (SELECT FROM job j WHERE j.library_id = {library} AND j.kind = 'PURGE'
                                             AND j.created_at > {r}.created_at) THEN 'PURGED_SINCE'
    WHEN EXISTS (SELECT FROM rollover later WHERE later.library_id = {library} AND later.id > {r}.id
                 AND later.undone_at IS NULL) THEN 'LATER_ROLLOVER'
END
"""


def undo_obstacle_sql(rollover: str, library: str) -> str:
    """Return the SQL of what stands in the way of taking a rollover back: an UndoObstacle, or null for nothing."""
    return _UNDO_OBSTACLE.replace("{r}", rollover).replace("{library}", library)


# The rollover of a year that stands, with its job's state; one that was taken back does not.
OF_YEAR = """
SELECT rollover.id, rollover.job_id, rollover.created_at, rollover.undo_job_id,
       job.finished_at IS NOT NULL AS finished
FROM rollover JOIN job ON job.id = rollover.job_id
WHERE rollover.library_id = $1 AND rollover.year = $2 AND rollover.undone_at IS NULL
"""

# A rollover of another year than $2 that is under way, there or back: its cohorts are half moved.
UNDER_WAY = """
SELECT rollover.year, coalesce(rollover.undo_job_id, rollover.job_id) AS job_id
FROM rollover JOIN job ON job.id = rollover.job_id
WHERE rollover.library_id = $1 AND rollover.year <> $2 AND rollover.undone_at IS NULL
  AND (job.finished_at IS NULL OR rollover.undo_job_id IS NOT NULL)
ORDER BY rollover.id LIMIT 1
"""

# The rollover that a job was for, with what stands in the way of taking it back.
OF_JOB = f"""
SELECT rollover.id, rollover.year, ({undo_obstacle_sql("rollover", "$1::bigint")}) AS obstacle
FROM rollover JOIN job ON job.id = $2 AND job.library_id = $1 AND job.kind = 'ROLLOVER'
WHERE rollover.library_id = $1 AND rollover.id = (job.params->>'rollover')::bigint
"""

# Whom rollover $1 has moved or deactivated, and what became of them since.
DONE = """
SELECT step.patron_id,
       patron.cohort_id = step.to_cohort_id AND step.from_cohort_id IS NOT NULL AS there,
       step.deactivated AND patron.status = 'INACTIVE' AND patron.status_changed_at = step.done_at AS reactivate,
       step.to_cohort_id IS DISTINCT FROM step.from_cohort_id AS moved
FROM rollover_step step JOIN patron ON patron.id = step.patron_id
WHERE step.rollover_id = $1 AND step.done_at IS NOT NULL AND step.undone_at IS NULL
  AND (step.deactivated OR step.to_cohort_id IS DISTINCT FROM step.from_cohort_id)
"""

# The same, counted.
COUNT_DONE = f"""
SELECT count(*)::int AS patrons, count(*) FILTER (WHERE there AND moved)::int AS moving,
       count(*) FILTER (WHERE there AND reactivate)::int AS reactivating,
       count(*) FILTER (WHERE there IS NOT TRUE OR NOT moved AND reactivate IS NOT TRUE)::int AS left_alone
FROM ({DONE}) AS done
"""


@dataclass(frozen=True, slots=True)
class Part:
    """What a plan does with the members of one cohort: where they go, how many move, how many are deactivated."""

    from_id: int
    to_id: int | None
    patrons: int
    moving: int
    deactivating: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Who goes where, summed up: patrons in all, by cohort, and a digest of each patron's way (sha256, hex)."""

    patrons: int
    moving: int
    deactivating: int
    digest: str
    parts: dict[int, Part]


@dataclass(frozen=True, slots=True)
class OfYear:
    """A year's rollover that stands: its latest job, when it began, and how far it is."""

    id: int
    job_id: int
    created_at: datetime
    undo_job_id: int | None
    finished: bool


@dataclass(frozen=True, slots=True)
class UndoCounts:
    """Patrons whom a rollover touched: in all, who go back, who are reactivated, whom staff have moved on since."""

    patrons: int
    moving: int
    reactivating: int
    left_alone: int


async def plan(library_id: int) -> Plan:
    """Sum up the rollover that the library's cohorts make now."""
    return _plan(await db.rows(SUM_UP.format(plan=PLAN), library_id))


async def rest(rollover_id: int, job_id: int) -> Plan:
    """Sum up what that job of a rollover has left to do."""
    return _plan(await db.rows(SUM_UP.format(plan=REST), rollover_id, job_id))


async def written(rollover_id: int, job_id: int) -> Plan:
    """Sum up what that job of a rollover is to do, as it is written down."""
    return _plan(await db.rows(SUM_UP.format(plan=WRITTEN), rollover_id, job_id))


async def of_year(library_id: int, year: int) -> OfYear | None:
    """Return the rollover of that year, unless there is none or it was taken back."""
    found = await db.row(OF_YEAR, library_id, year)
    return None if found is None else OfYear(**found)


async def under_way(library_id: int, year: int) -> asyncpg.Record | None:
    """Return year and job_id of a rollover of another year that has not come to its end, there or back, or None."""
    return await db.row(UNDER_WAY, library_id, year)


async def of_job(library_id: int, job_id: int) -> asyncpg.Record | None:
    """Return id and year of the rollover that a job was for, and `obstacle`, or None."""
    return await db.row(OF_JOB, library_id, job_id)


async def undo_counts(rollover_id: int) -> UndoCounts:
    """Count whom taking the rollover back would be about."""
    found = await db.row(COUNT_DONE, rollover_id)
    assert found is not None  # noqa: S101 - one row always
    return UndoCounts(**found)


def _plan(found: Sequence[asyncpg.Record]) -> Plan:
    [whole] = [row for row in found if row["whole"]]
    parts = [
        Part(row["from_id"], row["to_id"], row["patrons"], row["moving"], row["deactivating"])
        for row in found
        if not row["whole"] and row["from_id"] is not None
    ]
    by_cohort = {each.from_id: each for each in parts}
    return Plan(whole["patrons"], whole["moving"], whole["deactivating"], whole["digest"], by_cohort)
