"""Reads of the cohorts that are not the graph's: the library's whole chain, with its members counted."""

from collections.abc import Sequence
from dataclasses import dataclass

from patrongraph import db

# Every cohort of a library, by code, with how many patrons are in it, and how many of them are active.
COHORTS = """
SELECT cohort.id, cohort.code, cohort.name, cohort.next_cohort_id AS next_id, cohort.graduated,
       (SELECT code FROM cohort following WHERE following.id = cohort.next_cohort_id) AS next_code,
       count(patron.id)::int AS members, count(patron.id) FILTER (WHERE patron.status = 'ACTIVE')::int AS active
FROM cohort LEFT JOIN patron ON patron.cohort_id = cohort.id
WHERE cohort.library_id = $1
GROUP BY cohort.id
ORDER BY cohort.code
"""

# The chain alone, without counting.
CHAIN = "SELECT id, code, name, next_cohort_id AS next_id, graduated FROM cohort WHERE library_id = $1 ORDER BY code"

# Held by whoever changes cohorts or starts a rollover, so that a chain is looked at and changed by one at a time.
HOLD_LIBRARY = "SELECT id FROM library WHERE id = $1 FOR NO KEY UPDATE"


@dataclass(frozen=True, slots=True)
class Link:
    """One cohort and where it leads."""

    id: int
    code: str
    name: str
    next_id: int | None
    graduated: bool


@dataclass(frozen=True, slots=True)
class Counted(Link):
    """The same with the next one's code and its members: all of them, and the active ones."""

    next_code: str | None
    members: int
    active: int


async def hold(library_id: int) -> None:
    """Let nobody else change the library's cohorts, or roll them over, before the open transaction has ended."""
    await db.rows(HOLD_LIBRARY, library_id)


async def chain(library_id: int) -> dict[int, Link]:
    """Return the library's cohorts by id, in the order of their codes."""
    return {row["id"]: Link(**row) for row in await db.rows(CHAIN, library_id)}


async def counted(library_id: int) -> Sequence[Counted]:
    """Return the library's cohorts with their members counted, by code."""
    return [Counted(**row) for row in await db.rows(COHORTS, library_id)]
