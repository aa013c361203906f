"""What stands in the way of erasing a patron is asked by one SQL text, in a page, a preview and a purge alike."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from patrongraph import db


class ErasureAction(StrEnum):
    """The two ways to erase; only a purge asks for an inactive patron and forgives small debts."""

    DELETE = "DELETE"
    PURGE = "PURGE"


class ObstacleCode(StrEnum):
    """Why a patron cannot be erased now."""

    OPEN_LOANS = "OPEN_LOANS"
    OPEN_RESERVATIONS = "OPEN_RESERVATIONS"
    DEBTS = "DEBTS"
    CREDIT_BALANCE = "CREDIT_BALANCE"
    EXPORT_IN_PROGRESS = "EXPORT_IN_PROGRESS"
    PROTECTED = "PROTECTED"
    NOT_INACTIVE = "NOT_INACTIVE"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One reason, how many loans, reservations, charges or exports make it, and their ids (none for a flag)."""

    patron_id: int
    code: ObstacleCode
    count: int
    ids: tuple[int, ...]


# {ids}: an SQL bigint[] of patrons. {purge}: an SQL boolean. One row for each patron and code.
_OBSTACLES = """
SELECT loan.patron_id, 'OPEN_LOANS' AS code, count(*)::int AS count, array_agg(loan.id ORDER BY loan.id) AS ids
FROM loan
WHERE loan.patron_id = ANY({ids}) AND loan.returned_at IS NULL
GROUP BY loan.patron_id
UNION ALL
SELECT hold.patron_id, 'OPEN_RESERVATIONS', count(*)::int, array_agg(hold.id ORDER BY hold.id)
FROM reservation hold
WHERE hold.patron_id = ANY({ids}) AND hold.state = 'OPEN'
GROUP BY hold.patron_id
UNION ALL
SELECT debt.patron_id, 'DEBTS', debt.count, debt.ids
FROM (
    SELECT charge.patron_id, charge.library_id, sum(charge.outstanding) AS total, count(*)::int AS count,
           array_agg(charge.id ORDER BY charge.id) AS ids
    FROM ledger_entry charge
    WHERE charge.patron_id = ANY({ids}) AND charge.kind = 'CHARGE' AND charge.outstanding <> 0
          AND charge.outstanding > 0
    GROUP BY charge.patron_id, charge.library_id
) AS debt
JOIN library ON library.id = debt.library_id
WHERE NOT ({purge} AND debt.total <= library.purge_waive_limit)
UNION ALL
SELECT credit.patron_id, 'CREDIT_BALANCE', count(*)::int, array_agg(credit.id ORDER BY credit.id)
FROM ledger_entry credit
WHERE credit.patron_id = ANY({ids}) AND credit.kind = 'CHARGE' AND credit.outstanding <> 0
      AND credit.outstanding < 0
GROUP BY credit.patron_id
UNION ALL
SELECT patron.id, 'EXPORT_IN_PROGRESS', count(*)::int, array_agg(export.id ORDER BY export.id)
FROM patron
JOIN LATERAL (
    SELECT own.id, own.job_id, own.state FROM data_export own WHERE own.patron_id = patron.id
    UNION ALL
    SELECT whole.id, whole.job_id, whole.state
    FROM data_export whole
    WHERE whole.patron_id IS NULL AND whole.library_id = patron.library_id
          AND whole.state IN ('REQUESTED', 'RUNNING')
) AS export ON export.state IN ('REQUESTED', 'RUNNING')
JOIN job ON job.id = export.job_id AND job.state IN ('QUEUED', 'RUNNING', 'PAUSED')
WHERE patron.id = ANY({ids})
GROUP BY patron.id
UNION ALL
SELECT patron.id, flag.code, 1, '{{}}'::bigint[]
FROM patron
JOIN LATERAL (
    SELECT 'PROTECTED' AS code WHERE patron.protected
    UNION ALL
    SELECT 'NOT_INACTIVE' WHERE {purge} AND patron.status = 'ACTIVE'
) AS flag ON true
WHERE patron.id = ANY({ids})
"""


def obstacles_sql(ids: str, purge: str) -> str:
    """Return the SELECT of all obstacles: columns patron_id, code, count, ids (bigint[]).

    `ids` is an SQL expression of type bigint[]: `$1::bigint[]` for a set, `ARRAY[p.id]` beside an outer row.
    `purge` is an SQL boolean: true asks what stops a purge, false what stops a deletion. Its patrons must be
    scoped to the library by whoever makes them.
    """
    return _OBSTACLES.format(ids=ids, purge=purge)


# All obstacles of a set of patrons of one library.
OBSTACLES = f"""
SELECT obstacle.patron_id, obstacle.code, obstacle.count, obstacle.ids
FROM ({obstacles_sql("$1::bigint[]", "$3::boolean")}) AS obstacle
JOIN patron ON patron.id = obstacle.patron_id AND patron.library_id = $2
ORDER BY obstacle.patron_id, obstacle.code
"""

# The codes alone, for a set that was locked and scoped just before.
OBSTACLE_CODES = f"""
SELECT obstacle.patron_id, array_agg(obstacle.code ORDER BY obstacle.code) AS codes
FROM ({obstacles_sql("$1::bigint[]", "true")}) AS obstacle
GROUP BY obstacle.patron_id
"""

# How many patrons of a set each code stops, and how many are stopped at all (code null).
OBSTACLE_COUNTS = f"""
SELECT obstacle.code, count(DISTINCT obstacle.patron_id)::int AS patrons
FROM ({obstacles_sql("$1::bigint[]", "true")}) AS obstacle
GROUP BY GROUPING SETS ((obstacle.code), ())
ORDER BY obstacle.code
"""

# Which of these patrons are the library's.
OWN_PATRONS = "SELECT id FROM patron WHERE id = ANY($1::bigint[]) AND library_id = $2 ORDER BY id"


async def obstacles(library_id: int, patron_ids: Iterable[int], action: ErasureAction) -> list[Obstacle]:
    """Return every obstacle of these patrons of the library, ordered by patron and code."""
    found = await db.rows(OBSTACLES, list(patron_ids), library_id, action is ErasureAction.PURGE)
    return [Obstacle(row["patron_id"], ObstacleCode(row["code"]), row["count"], tuple(row["ids"])) for row in found]


async def own_patrons(library_id: int, patron_ids: Iterable[int]) -> list[int]:
    """Return which of these ids are patrons of the library, ascending."""
    return [row["id"] for row in await db.rows(OWN_PATRONS, list(patron_ids), library_id)]
