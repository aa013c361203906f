"""Loans that nobody will bring back are given up: items LOST, loans closed, the books balanced, all or nothing.

A file of its own beside actions.py, which starts purges: this is what staff do before one, or together with it. What it
locks and in which order is the desk's: the patron, then the items by id, then the loans.
"""

import datetime as dt
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from decimal import Decimal

import asyncpg

from patrongraph import db
from patrongraph.audit.actions import record
from patrongraph.circulation.models import LedgerKind
from patrongraph.context import Actor, ActorKind
from patrongraph.desk.money import SETTLE
from patrongraph.desk.queries import lock_patron
from patrongraph.erasure import problems
from patrongraph.erasure.actions import create_job
from patrongraph.jobs import actions as jobs
from patrongraph.jobs import idempotency
from patrongraph.patrons.queries import ErasureAction, Obstacle, obstacles
from patrongraph.permissions import Forbidden, Permission
from patrongraph.problems import InputReason, invalid, not_found
from patrongraph.staff.actions import require_reauthentication

REASON = "Lost item"
NOTE = "Marked as lost and written off."
NOTHING = Decimal("0.00")

# Holds the items of a patron's open loans still; another library's too, whose item this library has lent.
LOCK_ITEMS = """
SELECT item.id FROM item
WHERE item.id IN (SELECT loan.item_id FROM loan WHERE loan.patron_id = $1 AND loan.returned_at IS NULL)
ORDER BY item.id
FOR NO KEY UPDATE
"""

# A patron's open loans, with the price that a lost item is charged at and what is open of the loan's own charges.
# The price of an item of another library counts only in the same currency: the ledger has no other.
OPEN_LOANS = """
SELECT loan.id, loan.due_at, item.barcode, item.title, coalesce(owed.total, 0.00) AS open_charges, own.currency,
       CASE WHEN owner.currency = own.currency AND item.price > 0 THEN item.price END AS price
FROM loan
JOIN item ON item.id = loan.item_id
JOIN library owner ON owner.id = item.library_id
JOIN library own ON own.id = loan.library_id
LEFT JOIN LATERAL (
    SELECT sum(charge.outstanding) AS total FROM ledger_entry charge
    WHERE charge.loan_id = loan.id AND charge.patron_id = loan.patron_id
      AND charge.kind = 'CHARGE' AND charge.outstanding > 0
) AS owed ON true
WHERE loan.patron_id = $1 AND loan.library_id = $2 AND loan.returned_at IS NULL
ORDER BY loan.id
FOR NO KEY UPDATE OF loan
"""

# Closed and lost together mean that the loan was written off.
CLOSE = """
WITH closed AS (
    UPDATE loan SET returned_at = clock_timestamp(), lost = true
    WHERE id = ANY($1::bigint[]) AND returned_at IS NULL
    RETURNING item_id
)
UPDATE item SET status = 'LOST' FROM closed WHERE item.id = closed.item_id RETURNING item.id
"""

CHARGE_PRICES = """
INSERT INTO ledger_entry (library_id, patron_id, loan_id, kind, amount, outstanding, reason, created_by_id)
SELECT $1, $2, lost.loan_id, 'CHARGE', lost.price, lost.price, $5, $6
FROM unnest($3::bigint[], $4::numeric[]) AS lost(loan_id, price)
ORDER BY lost.loan_id
RETURNING id
"""

# All that is open of the charges of these loans: fines, and the prices just charged. Credits stay as they are.
OPEN_CHARGES = """
SELECT id, outstanding FROM ledger_entry
WHERE patron_id = $1 AND loan_id = ANY($2::bigint[]) AND kind = 'CHARGE' AND outstanding > 0
ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class Loss:
    """One loan to give up, in the library's currency: the price it is charged at, and what is open already."""

    loan_id: int
    item_barcode: str
    title: str
    due_at: dt.datetime
    price: Decimal | None
    open_charges: Decimal

    @property
    def written_off(self) -> Decimal:
        """What is written off because of this loan."""
        return (self.price or NOTHING) + self.open_charges


@dataclass(frozen=True, slots=True)
class LostPreview:
    """What marking would do now, and what would still stand in the way of a purge after it."""

    patron_id: int
    losses: list[Loss]
    written_off: Decimal
    currency: str | None
    obstacles: list[Obstacle]


@dataclass(frozen=True, slots=True)
class MarkedLost:
    """The loans now closed as lost, the prices charged, all that was written off, and the purge that follows."""

    patron_id: int
    loan_ids: list[int]
    charged: Decimal
    written_off: Decimal
    job_id: int | None


class _OnlyLooked(Exception):  # noqa: N818 - rolls a preview back, never seen outside
    """The preview has seen what it wanted."""


async def mark(
    actor: Actor,
    patron_id: int,
    loan_ids: Sequence[int],
    *,
    dry_run: bool = False,
    purge: bool = False,
    idempotency_key: str | None = None,
) -> MarkedLost | LostPreview:
    """Close all open loans of a patron, who may be active, as lost; with `purge` start the patron's purge as well.

    `loan_ids` are the loans that staff saw: exactly the open ones, or, in a dry run, none. Each price is charged and
    written off, and so is what is open of the loans' own charges; other debts stay. Raises Forbidden for a purge
    without PATRONS_PURGE, and Refused: NOT_FOUND, INVALID_INPUT for no loans, LOANS_DIFFER, OBSTACLES with everything
    else that stands in the way of the purge, REAUTHENTICATION_REQUIRED for a purge, IDEMPOTENCY_MISMATCH. After any of
    them nothing has changed.
    """
    if purge and Permission.PATRONS_PURGE not in actor.permissions:
        raise Forbidden("Marking as lost and purging", Permission.PATRONS_PURGE)
    named = sorted(set(loan_ids))
    if dry_run:
        return await _preview(actor, patron_id, named)
    async with db.transaction():
        body = (patron_id, named, purge)
        earlier = await idempotency.find(actor, idempotency_key, "markLoansLost", body)
        if earlier is not None:
            return _replayed(earlier)
        if purge:
            await require_reauthentication(actor)
        losses, _ = await _look(actor, patron_id, named)
        if not named:
            raise invalid("input.loanIds", "Name the patron's open loans, all of them.", InputReason.REQUIRED)
        written_off = await _give_up(actor, patron_id, losses)
        left = await obstacles(actor.library, [patron_id], ErasureAction.PURGE) if purge else []
        if left:
            raise problems.obstacles(left, "purged")
        done = await _settle(actor, patron_id, losses, written_off, purge)
        await idempotency.remember(actor, idempotency_key, _plain(done))
    if done.job_id is not None:
        await jobs.announce([done.job_id])
    return done


async def _preview(actor: Actor, patron_id: int, named: list[int]) -> LostPreview:
    """Do it and take it back: so what is shown, obstacles included, is what would happen."""
    with suppress(_OnlyLooked):
        async with db.transaction():
            losses, currency = await _look(actor, patron_id, named)
            written_off = await _give_up(actor, patron_id, losses)
            left = await obstacles(actor.library, [patron_id], ErasureAction.PURGE)
            preview = LostPreview(patron_id, losses, written_off, currency, left)
            raise _OnlyLooked
    return preview


async def _look(actor: Actor, patron_id: int, named: list[int]) -> tuple[list[Loss], str | None]:
    """Lock the patron, the items and the loans; return what there is to give up, and the currency.

    Raises Refused: NOT_FOUND, LOANS_DIFFER unless the loans named, if any, are the open ones.
    """
    if await lock_patron(actor.library, patron_id) is None:
        raise not_found("The patron")
    await db.rows(LOCK_ITEMS, patron_id)
    found = await db.rows(OPEN_LOANS, patron_id, actor.library)
    there = [row["id"] for row in found]
    if named and named != there:
        raise problems.loans_differ(sorted(set(there) - set(named)), sorted(set(named) - set(there)))
    return [_loss(row) for row in found], found[0]["currency"] if found else None


def _loss(row: asyncpg.Record) -> Loss:
    return Loss(row["id"], row["barcode"], row["title"], row["due_at"], row["price"], row["open_charges"])


async def _give_up(actor: Actor, patron_id: int, losses: list[Loss]) -> Decimal:
    """Close the loans, charge the prices and write everything off; return the sum written off."""
    loans = [each.loan_id for each in losses]
    staff = actor.id if actor.kind is ActorKind.STAFF else None
    await db.rows(CLOSE, loans)
    priced = [each for each in losses if each.price is not None]
    prices = [each.loan_id for each in priced], [each.price for each in priced]
    await db.rows(CHARGE_PRICES, actor.library, patron_id, *prices, REASON, staff)
    owed = await db.rows(OPEN_CHARGES, patron_id, loans)
    charges, parts = [row["id"] for row in owed], [row["outstanding"] for row in owed]
    await db.rows(SETTLE, charges, parts, actor.library, patron_id, LedgerKind.WRITE_OFF.value, NOTE, staff)
    return sum(parts, NOTHING)


async def _settle(actor: Actor, patron_id: int, losses: list[Loss], written_off: Decimal, purge: bool) -> MarkedLost:
    """Start the purge that was asked for, and tell the audit."""
    job_id = await create_job(actor, [patron_id], {"by": ["MARKED_LOST"]}) if purge else None
    loans = [each.loan_id for each in losses]
    await record(actor, "patron.loans_lost", ("patron", patron_id), job_id=job_id, loans=loans, written_off=written_off)
    charged = sum((each.price for each in losses if each.price is not None), NOTHING)
    return MarkedLost(patron_id, loans, charged, written_off, job_id)


def _plain(done: MarkedLost) -> dict[str, object]:
    return asdict(done) | {"charged": str(done.charged), "written_off": str(done.written_off)}


def _replayed(earlier: dict[str, object]) -> MarkedLost:
    sums = {name: Decimal(str(earlier[name])) for name in ("charged", "written_off")}
    return MarkedLost(**(earlier | sums))  # type: ignore[arg-type]  # as _plain() wrote it
