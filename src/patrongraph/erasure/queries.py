"""Whom a purge is about: inactive patrons of one library, by the same criteria as every list of patrons."""

from dataclasses import dataclass

from patrongraph import db
from patrongraph.patrons.filters import PatronCriteria
from patrongraph.patrons.queries import OBSTACLE_COUNTS

# Patron ids that a predicate over p names; only inactive patrons are candidates.
MATCHING = "SELECT p.id FROM patron p WHERE p.status = 'INACTIVE' AND {predicate} ORDER BY p.id"

# The library's limits on a purge.
POLICY = "SELECT max_purge_per_operation, grace_days FROM library WHERE id = $1"


@dataclass(frozen=True, slots=True)
class ObstacleCounts:
    """How many patrons have any obstacle, and how many have each."""

    patrons: int
    by_code: dict[str, int]


async def matching_ids(library_id: int, criteria: PatronCriteria) -> list[int]:
    """Return the ids of the library's inactive patrons that match, ascending."""
    predicate, arguments = criteria.where(library_id)
    return [row["id"] for row in await db.rows(MATCHING.format(predicate=predicate), *arguments)]


async def obstacle_counts(patron_ids: list[int]) -> ObstacleCounts:
    """Count the purge obstacles of these patrons, who must be the library's."""
    found = {row["code"]: row["patrons"] for row in await db.rows(OBSTACLE_COUNTS, patron_ids)}
    return ObstacleCounts(found.pop(None, 0), found)
