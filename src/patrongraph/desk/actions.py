"""The three verbs of a loan: check out, check in, renew. `reservations` and `money` hold the desk's other writes."""

import datetime as dt
from dataclasses import asdict, dataclass

from patrongraph import db
from patrongraph.audit.actions import record
from patrongraph.circulation.models import ItemStatus
from patrongraph.context import Actor
from patrongraph.desk import problems, queries
from patrongraph.desk.problems import Refusal, RefusalCode, of_item
from patrongraph.desk.queries import Borrower, LockedItem, LockedPatron, OpenLoan, OwnLoan
from patrongraph.jobs import idempotency
from patrongraph.patrons.queries import service_refusals
from patrongraph.problems import InputReason, invalid

LOAN_DAYS = 21
"""Days of a loan, and of each renewal counted from its day."""

RENEWALS = 2
"""How often a new loan may be renewed."""

# Wall-clock time, read while the locks are held, so that loans of one item never overlap.
INSERT_LOAN = """
INSERT INTO loan (library_id, patron_id, item_id, checked_out_at, due_at, renewals_left, branch_id)
VALUES ($1, $2, $3, clock_timestamp(), $4, $5, $6)
RETURNING id
"""

# That a loan was lost stays on record after the item has come back.
CLOSE_LOAN = "UPDATE loan SET returned_at = clock_timestamp() WHERE id = $1 RETURNING id"

EXTEND_LOAN = "UPDATE loan SET due_at = $2, renewals_left = renewals_left - 1 WHERE id = $1 RETURNING id"

SET_ITEM_STATUS = "UPDATE item SET status = $2 WHERE id = $1 RETURNING id"

FULFIL = "UPDATE reservation SET state = 'FULFILLED', fulfilled_at = clock_timestamp() WHERE id = $1 RETURNING id"

# Use of the account, not an edit of it: the version that an editor saw stays good.
USED_NOW = "UPDATE patron SET last_activity_at = clock_timestamp() WHERE id = $1 RETURNING id"

LENDABLE = frozenset({ItemStatus.AVAILABLE, ItemStatus.ON_HOLD_SHELF})

DECIDED = frozenset(
    {ItemStatus.DAMAGED, ItemStatus.ON_ORDER, ItemStatus.IN_PROCESS, ItemStatus.WITHDRAWN, ItemStatus.OTHER}
)
"""What somebody has decided about an item; that it passes the desk does not undo it."""


@dataclass(frozen=True, slots=True)
class CheckedOut:
    """The new loan, and the patron's reservation that it fulfilled."""

    loan_id: int
    patron_id: int
    reservation_id: int | None


@dataclass(frozen=True, slots=True)
class CheckedIn:
    """What came back.

    `loan_id`, `patron_id`: the loan now closed, when it is the library's. `own_item_id`: the item, when it is the
    library's. `reservation_id`: whom the item waits for now, when that is the library's patron.
    """

    was_on_loan: bool
    was_lost: bool
    status: str
    own_item_id: int | None
    loan_id: int | None
    patron_id: int | None
    reservation_id: int | None


@dataclass(frozen=True, slots=True)
class Renewed:
    """The loan with its new due date."""

    loan_id: int
    patron_id: int


class _ChangedMeanwhile(Exception):  # noqa: N818 - rolls a try back, never seen outside
    """The item was lent or returned between finding its loan and locking its borrower."""


async def check_out(
    actor: Actor,
    borrower: Borrower,
    item_barcode: str,
    *,
    due_at: dt.datetime | None = None,
    branch_id: int | None = None,
    idempotency_key: str | None = None,
) -> CheckedOut:
    """Lend an item to a patron until due_at, else until the end (UTC) of the day LOAN_DAYS from now.

    The library's own item is meant, else the only one of that barcode in the consortium. Raises Refused:
    NOT_FOUND, INVALID_INPUT for a due_at that is not to come, CIRCULATION_REFUSED with every reason,
    IDEMPOTENCY_MISMATCH.
    """
    body = (borrower, item_barcode, due_at, branch_id)
    async with queries.at_the_desk():
        earlier = await idempotency.find(actor, idempotency_key, "checkOut", body)
        if earlier is not None:
            if await queries.own_loan(actor.library, earlier["loan_id"]) is None:
                raise problems.missing("loan")
            return CheckedOut(**earlier)
        now = dt.datetime.now(dt.UTC)
        if due_at is not None and due_at <= now:
            raise invalid("input.dueAt", "The due date must lie in the future.", InputReason.IN_PAST)
        patron, item = await lock_both(actor, borrower, item_barcode, branch_id)
        refusals = [*await refusals_of(actor, patron), *_lending_refusals(item, patron.id)]
        if refusals:
            raise problems.circulation_refused(refusals)
        due = due_at or _end_of_loan(now)
        loan_id: int = await db.value(INSERT_LOAN, actor.library, patron.id, item.id, due, RENEWALS, branch_id)
        await set_status(item, ItemStatus.ON_LOAN)
        reservation = item.reservation_of(patron.id)
        if reservation is not None:
            await db.rows(FULFIL, reservation.id)
        await db.rows(USED_NOW, patron.id)
        done = CheckedOut(loan_id, patron.id, None if reservation is None else reservation.id)
        await record(actor, "desk.check_out", ("patron", patron.id), loan=loan_id, reservation=done.reservation_id)
        await idempotency.remember(actor, idempotency_key, asdict(done))
    return done


async def check_in(actor: Actor, item_barcode: str, *, idempotency_key: str | None = None) -> CheckedIn:
    """Take an item back, from whomever, blocked, inactive or unknown; close its loan and set its status right.

    Raises Refused: NOT_FOUND, CIRCULATION_REFUSED when neither item nor loan is the library's,
    IDEMPOTENCY_MISMATCH.
    """
    while True:  # each further turn means that somebody else has just lent or returned the item
        try:
            return await _check_in(actor, item_barcode, idempotency_key)
        except _ChangedMeanwhile:
            continue


async def _check_in(actor: Actor, item_barcode: str, idempotency_key: str | None) -> CheckedIn:
    async with queries.at_the_desk():
        earlier = await idempotency.find(actor, idempotency_key, "checkIn", item_barcode)
        if earlier is not None:
            return CheckedIn(**earlier)
        item_id = await queries.find_returned_item(actor.library, item_barcode)
        if item_id is None:
            raise problems.missing("item")
        item, loan = await _lock_returned(item_id)
        own_loan = loan is not None and loan.library_id == actor.library
        if loan is not None and not own_loan and item.library_id != actor.library:
            raise problems.circulation_refused([of_item(RefusalCode.ON_LOAN_ELSEWHERE)])
        if loan is not None:
            await db.rows(CLOSE_LOAN, loan.id)
        waiting = None if item.status in DECIDED else item.next_waiting
        status = item.status
        if status not in DECIDED:
            status = ItemStatus.AVAILABLE if waiting is None else ItemStatus.ON_HOLD_SHELF
        await set_status(item, status)
        done = CheckedIn(
            was_on_loan=loan is not None,
            was_lost=item.status is ItemStatus.LOST or (loan is not None and loan.lost),
            status=status.value,
            own_item_id=item.id if item.library_id == actor.library else None,
            loan_id=loan.id if loan is not None and own_loan else None,
            patron_id=loan.patron_id if loan is not None and own_loan else None,
            reservation_id=waiting.id if waiting is not None and waiting.library_id == actor.library else None,
        )
        subject = ("item", item.id) if done.patron_id is None else ("patron", done.patron_id)
        await record(actor, "desk.check_in", subject, loan=done.loan_id, lost=done.was_lost)
        await idempotency.remember(actor, idempotency_key, asdict(done))
    return done


async def _lock_returned(item_id: int) -> tuple[LockedItem, OpenLoan | None]:
    """Lock the borrower, if there is one, then the item; the loan in between must be the same still."""
    found = await queries.open_loan(item_id)
    if found is not None and await queries.lock_patron(found.library_id, found.patron_id) is None:
        raise _ChangedMeanwhile
    item = await queries.lock_item(item_id)
    if item is None:
        raise problems.missing("item")
    if (found and found.id) != (item.loan and item.loan.id):
        raise _ChangedMeanwhile
    return item, item.loan


async def renew(actor: Actor, loan_id: int, *, idempotency_key: str | None = None) -> Renewed:
    """Let a loan run for LOAN_DAYS from today; an overdue one too, unless something else forbids it.

    Raises Refused: NOT_FOUND, CIRCULATION_REFUSED with every reason, IDEMPOTENCY_MISMATCH.
    """
    async with queries.at_the_desk():
        earlier = await idempotency.find(actor, idempotency_key, "renewLoan", loan_id)
        found = await queries.own_loan(actor.library, loan_id)
        if found is None:
            raise problems.missing("loan")
        if earlier is not None:
            return Renewed(**earlier)
        patron = await queries.lock_patron(actor.library, found.patron_id)
        item = await queries.lock_item(found.item_id)
        loan = await queries.own_loan(actor.library, loan_id)
        if patron is None or item is None or loan is None:
            raise problems.missing("loan")
        due = _end_of_loan(dt.datetime.now(dt.UTC))
        refusals = [*await refusals_of(actor, patron), *_renewal_refusals(loan, item, due)]
        if refusals:
            raise problems.circulation_refused(refusals)
        await db.rows(EXTEND_LOAN, loan.id, due)
        await db.rows(USED_NOW, patron.id)
        await record(actor, "desk.renew", ("patron", patron.id), loan=loan.id)
        done = Renewed(loan.id, patron.id)
        await idempotency.remember(actor, idempotency_key, asdict(done))
    return done


async def lock_both(
    actor: Actor, borrower: Borrower, item_barcode: str, branch_id: int | None
) -> tuple[LockedPatron, LockedItem]:
    """Lock a patron, then an item. Raises Refused (NOT_FOUND) naming everything that is not there."""
    patron = await queries.lock_borrower(actor.library, borrower)
    item_id = await queries.find_item(actor.library, item_barcode)
    item = None if item_id is None else await queries.lock_item(item_id)
    branch_known = await queries.is_branch(actor.library, branch_id)
    if patron is None or item is None or not branch_known:
        found = {"patron": patron is not None, "item": item is not None, "branch": branch_known}
        raise problems.missing(*(name for name, there in found.items() if not there))
    return patron, item


async def refusals_of(actor: Actor, patron: LockedPatron) -> list[Refusal]:
    """Return every reason why this patron, held still, gets no service."""
    refusals = problems.of_patron(await service_refusals(actor.library, patron.id))
    if not patron.card_active:
        refusals.append(of_item(RefusalCode.CARD_INACTIVE))
    return refusals


async def set_status(item: LockedItem, status: ItemStatus) -> None:
    """Give an item, held still, this status."""
    if item.status is not status:
        await db.rows(SET_ITEM_STATUS, item.id, status.value)


def status_refusals(status: ItemStatus, allowed: frozenset[ItemStatus]) -> list[Refusal]:
    """Return why an item of this status cannot be had, unless the status is among those allowed."""
    if status in allowed:
        return []
    named = {ItemStatus.LOST: RefusalCode.LOST, ItemStatus.WITHDRAWN: RefusalCode.WITHDRAWN}
    if status in named:
        return [of_item(named[status])]
    return [of_item(RefusalCode.NOT_AVAILABLE, f"The item has the status {status.value}.")]


def _lending_refusals(item: LockedItem, patron_id: int) -> list[Refusal]:
    refusals = []
    if item.loan is not None or item.status is ItemStatus.ON_LOAN:
        refusals.append(of_item(RefusalCode.ON_LOAN))
    refusals += status_refusals(item.status, LENDABLE | {ItemStatus.ON_LOAN})
    if item.next_waiting is not None and item.next_waiting.patron_id != patron_id:
        refusals.append(of_item(RefusalCode.RESERVED_BY_ANOTHER))
    return refusals


def _renewal_refusals(loan: OwnLoan, item: LockedItem, due: dt.datetime) -> list[Refusal]:
    if loan.returned_at is not None:
        return [of_item(RefusalCode.NOT_ON_LOAN)]
    refusals = []
    if loan.lost:
        refusals.append(of_item(RefusalCode.LOST))
    if loan.renewals_left < 1:
        refusals.append(of_item(RefusalCode.NO_RENEWALS_LEFT))
    if due <= loan.due_at:
        refusals.append(of_item(RefusalCode.TOO_EARLY))
    if any(each.patron_id != loan.patron_id and not each.frozen for each in item.queue):
        refusals.append(of_item(RefusalCode.RESERVED_BY_ANOTHER))
    return refusals


def _end_of_loan(now: dt.datetime) -> dt.datetime:
    day = now.date() + dt.timedelta(days=LOAN_DAYS)
    return dt.datetime.combine(day, dt.time(23, 59, 59), dt.UTC)
