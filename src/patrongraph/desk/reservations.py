"""The two verbs of a reservation, apart from the loan's because both together are too long for one file."""

from dataclasses import asdict, dataclass

from patrongraph import db
from patrongraph.audit.actions import record
from patrongraph.circulation.models import ItemStatus, ReservationState
from patrongraph.context import Actor
from patrongraph.desk import problems, queries
from patrongraph.desk.actions import LENDABLE, USED_NOW, lock_both, refusals_of, set_status, status_refusals
from patrongraph.desk.problems import Refusal, RefusalCode, of_item
from patrongraph.desk.queries import Borrower, LockedItem
from patrongraph.jobs import idempotency

# Placed by the wall clock, read while the item is held still: the queue is in the order of the desk's decisions.
INSERT_RESERVATION = """
INSERT INTO reservation (library_id, patron_id, item_id, requested_at, pickup_branch_id, state)
VALUES ($1, $2, $3, clock_timestamp(), $4, 'OPEN')
RETURNING id
"""

CANCEL = "UPDATE reservation SET state = 'CANCELLED', cancelled_at = clock_timestamp() WHERE id = $1 RETURNING id"

RESERVABLE = LENDABLE | {ItemStatus.ON_LOAN, ItemStatus.IN_TRANSIT, ItemStatus.ON_ORDER, ItemStatus.IN_PROCESS}


@dataclass(frozen=True, slots=True)
class Reserved:
    """The new reservation."""

    reservation_id: int
    patron_id: int


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The reservation, and whether the call changed it."""

    reservation_id: int
    patron_id: int
    changed: bool


async def place(
    actor: Actor,
    borrower: Borrower,
    item_barcode: str,
    *,
    pickup_branch_id: int | None = None,
    idempotency_key: str | None = None,
) -> Reserved:
    """Put a patron into the queue for an item, to be fetched at that branch, else at the patron's home branch.

    Raises Refused: NOT_FOUND, CIRCULATION_REFUSED with every reason, IDEMPOTENCY_MISMATCH.
    """
    body = (borrower, item_barcode, pickup_branch_id)
    async with queries.at_the_desk():
        earlier = await idempotency.find(actor, idempotency_key, "placeReservation", body)
        if earlier is not None:
            if await queries.own_reservation(actor.library, earlier["reservation_id"]) is None:
                raise problems.missing("reservation")
            return Reserved(**earlier)
        patron, item = await lock_both(actor, borrower, item_barcode, pickup_branch_id)
        refusals = [*await refusals_of(actor, patron), *_refusals(item, patron.id)]
        if refusals:
            raise problems.circulation_refused(refusals)
        branch_id = patron.branch_id if pickup_branch_id is None else pickup_branch_id
        made: int = await db.value(INSERT_RESERVATION, actor.library, patron.id, item.id, branch_id)
        await db.rows(USED_NOW, patron.id)
        await record(actor, "desk.reserve", ("patron", patron.id), reservation=made)
        done = Reserved(made, patron.id)
        await idempotency.remember(actor, idempotency_key, asdict(done))
    return done


async def cancel(actor: Actor, reservation_id: int, *, idempotency_key: str | None = None) -> Cancelled:
    """Take a patron out of the queue; an item kept for that patron is free, or the next one's. Again changes nothing.

    Raises Refused: NOT_FOUND, CIRCULATION_REFUSED for one that was fulfilled or has expired, IDEMPOTENCY_MISMATCH.
    """
    async with queries.at_the_desk():
        earlier = await idempotency.find(actor, idempotency_key, "cancelReservation", reservation_id)
        if earlier is not None:
            return Cancelled(**earlier)
        found = await queries.own_reservation(actor.library, reservation_id)
        patron = None if found is None else await queries.lock_patron(actor.library, found.patron_id)
        item = None if found is None else await queries.lock_item(found.item_id)
        now = await queries.own_reservation(actor.library, reservation_id)
        if patron is None or item is None or now is None:
            raise problems.missing("reservation")
        if now.state not in (ReservationState.OPEN, ReservationState.CANCELLED):
            raise problems.circulation_refused([of_item(RefusalCode.NOT_OPEN)])
        done = Cancelled(now.id, patron.id, changed=now.state == ReservationState.OPEN)
        if done.changed:
            await db.rows(CANCEL, now.id)
            others = any(not each.frozen and each.id != now.id for each in item.queue)
            if item.status is ItemStatus.ON_HOLD_SHELF and not others:
                await set_status(item, ItemStatus.AVAILABLE)
            await record(actor, "desk.cancel_reservation", ("patron", patron.id), reservation=now.id)
        await idempotency.remember(actor, idempotency_key, asdict(done))
    return done


def _refusals(item: LockedItem, patron_id: int) -> list[Refusal]:
    refusals = []
    if item.loan is not None and item.loan.patron_id == patron_id:
        refusals.append(of_item(RefusalCode.ALREADY_BORROWED))
    if item.reservation_of(patron_id) is not None:
        refusals.append(of_item(RefusalCode.ALREADY_RESERVED))
    return refusals + status_refusals(item.status, RESERVABLE)
