"""Why a patron is refused service, and what stands in the way of erasing one: one SQL text each, for every door."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from patrongraph import db
from patrongraph.patrons.models import ObstacleCode


class ErasureAction(StrEnum):
    """The two ways to erase; only a purge asks for an inactive patron and forgives small debts."""

    DELETE = "DELETE"
    PURGE = "PURGE"


class BlockReasonCode(StrEnum):
    """A manual block, too high a debt, an inactive or an expired account."""

    MANUAL = "MANUAL"
    DEBT = "DEBT"
    INACTIVE = "INACTIVE"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class ServiceRefusal:
    """One reason why a patron gets no service; block_id names a manual block, the sums belong to DEBT."""

    code: BlockReasonCode
    message: str
    block_id: int | None
    debt: Decimal | None
    level: Decimal | None
    amount_to_clear: Decimal | None


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One reason, how many loans, reservations, charges or exports make it, and their ids (none for a flag)."""

    patron_id: int
    code: ObstacleCode
    count: int
    ids: tuple[int, ...]


# Whether block b stands now.
ACTIVE_BLOCK = "b.lifted_at IS NULL AND (b.expires_at IS NULL OR b.expires_at > now())"

# The debt from which library {library} refuses service: null for never, 0 for any debt.
BLOCK_LEVEL = "(SELECT policy.block_level FROM library policy WHERE policy.id = {library})"

# {patron}: the alias of a patron row. {library}: an SQL bigint. Debt is what is left of all charges together, so a
# credit on one counts against what is owed on another. Who owes nothing is never blocked for it, and the amount that
# clears is the whole debt or, where less is enough, what brings it one cent below the level.
_BLOCK_REASONS = f"""
SELECT 1 AS place, 'MANUAL' AS code, b.id AS block_id, coalesce(b.message, 'Blocked by staff.') AS message,
       NULL::numeric AS debt, NULL::numeric AS level, NULL::numeric AS amount_to_clear
FROM block b
WHERE b.patron_id = {{patron}}.id AND b.library_id = {{library}} AND {ACTIVE_BLOCK}
UNION ALL
SELECT 2, 'DEBT', NULL, 'Owes as much as the library allows, or more; payment lifts this block.',
       owed.total, owed.level, least(owed.total, owed.total - owed.level + 0.01)
FROM (
    SELECT sum(e.outstanding) AS total, {BLOCK_LEVEL} AS level
    FROM ledger_entry e
    WHERE e.patron_id = {{patron}}.id AND e.library_id = {{library}} AND e.kind = 'CHARGE' AND e.outstanding <> 0
) AS owed
WHERE owed.total > 0 AND owed.total >= owed.level
UNION ALL
SELECT 3, 'INACTIVE', NULL, 'The account is not in use.', NULL, NULL, NULL
WHERE {{patron}}.status <> 'ACTIVE'
UNION ALL
SELECT 4, 'EXPIRED', NULL, 'The account has expired.', NULL, NULL, NULL
WHERE {{patron}}.expires_on < current_date
"""


def block_reasons_sql(patron: str, library: str) -> str:
    """Return the SELECT of all reasons why one patron is refused service, beside an outer row of it.

    Columns: place (their order, then by block_id), code, block_id, message, debt, level, amount_to_clear.
    `patron` is the alias of the outer row, `library` an SQL expression of type bigint.
    """
    return _BLOCK_REASONS.format(patron=patron, library=library)


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

# Every reason why one patron of a library is refused service.
SERVICE_REFUSALS = f"""
SELECT reason.code, reason.message, reason.block_id, reason.debt, reason.level, reason.amount_to_clear
FROM patron p
JOIN LATERAL ({block_reasons_sql("p", "$1::bigint")}) AS reason ON true
WHERE p.id = $2 AND p.library_id = $1::bigint
ORDER BY reason.place, reason.block_id
"""

# Held together by whatever erases patrons of a library, alone by whatever must not meet an erasure half done: the
# request for a file of many patrons, and each chunk of an import. That one waits for the erasures under way, and later
# ones see what it did. So no export begins with patrons that go before it is asked for, and nothing of an erased
# patron is left in an import's rows.
PURGE_LIBRARY = "SELECT pg_advisory_xact_lock_shared(hashtext('patrongraph export'), ($1::bigint % 2147483647)::int)"
HOLD_LIBRARY = "SELECT pg_advisory_xact_lock(hashtext('patrongraph export'), ($1::bigint % 2147483647)::int)"

# Which of these patrons are the library's.
OWN_PATRONS = "SELECT id FROM patron WHERE id = ANY($1::bigint[]) AND library_id = $2 ORDER BY id"


async def obstacles(library_id: int, patron_ids: Iterable[int], action: ErasureAction) -> list[Obstacle]:
    """Return every obstacle of these patrons of the library, ordered by patron and code."""
    found = await db.rows(OBSTACLES, list(patron_ids), library_id, action is ErasureAction.PURGE)
    return [Obstacle(row["patron_id"], ObstacleCode(row["code"]), row["count"], tuple(row["ids"])) for row in found]


async def own_patrons(library_id: int, patron_ids: Iterable[int]) -> list[int]:
    """Return which of these ids are patrons of the library, ascending."""
    return [row["id"] for row in await db.rows(OWN_PATRONS, list(patron_ids), library_id)]


async def service_refusals(library_id: int, patron_id: int) -> list[ServiceRefusal]:
    """Return every reason why the patron gets no loan, renewal or reservation now; empty when there is none.

    The same as Patron.blockReasons. To decide on it, lock the patron's row first: blocks, ledger entries and
    changes of status lock it too. Also empty for a patron that is not the library's.
    """
    found = await db.rows(SERVICE_REFUSALS, library_id, patron_id)
    return [
        ServiceRefusal(
            BlockReasonCode(row["code"]),
            row["message"],
            row["block_id"],
            row["debt"],
            row["level"],
            row["amount_to_clear"],
        )
        for row in found
    ]
