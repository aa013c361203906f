"""What the desk holds still and looks at, always in one order: the patron, then the item, then the facts of both.

A purge locks patrons too; whoever comes second finds nobody, or an obstacle.
"""

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal

import asyncpg

from patrongraph import db
from patrongraph.circulation.models import ItemStatus
from patrongraph.desk.problems import RefusalCode, circulation_refused, missing, of_item

PATRON_BY_BARCODE = "SELECT patron_id FROM card WHERE library_id = $1 AND barcode = $2"
PATRON_BY_USERNAME = "SELECT id FROM patron WHERE library_id = $1 AND lower(username) = lower($2)"

# Holds a patron of the library still. It conflicts with a purge, and with every other verb of the desk.
LOCK_PATRON = "SELECT id, branch_id FROM patron WHERE id = $1 AND library_id = $2 FOR NO KEY UPDATE"

# Whether the card that was read is still the patron's, and active.
CARD = "SELECT active FROM card WHERE library_id = $1 AND barcode = $2 AND patron_id = $3"

# Every item of the consortium with the barcode; `lent`: on loan to a patron of library $1.
ITEMS_BY_BARCODE = """
SELECT item.id, item.library_id = $1 AS own, loan.id IS NOT NULL AS lent
FROM item
LEFT JOIN loan ON loan.item_id = item.id AND loan.returned_at IS NULL AND loan.library_id = $1
WHERE item.barcode = $2
ORDER BY item.id
"""

LOCK_ITEM = "SELECT id, library_id, status FROM item WHERE id = $1 FOR NO KEY UPDATE"

# The loan that is not closed yet; a unique index sees to it that an item has one at most.
OPEN_LOAN = "SELECT id, library_id, patron_id, lost FROM loan WHERE item_id = $1 AND returned_at IS NULL"

ONE_OPEN_LOAN = "loan_item_id_key"
"""The name of that index."""

# Who waits for an item, the longest first, in all libraries.
QUEUE = """
SELECT id, library_id, patron_id, frozen FROM reservation
WHERE item_id = $1 AND state = 'OPEN'
ORDER BY requested_at, id
"""

LOAN = """
SELECT id, patron_id, item_id, due_at, returned_at, renewals_left, lost FROM loan WHERE id = $1 AND library_id = $2
"""

RESERVATION = "SELECT id, patron_id, item_id, state FROM reservation WHERE id = $1 AND library_id = $2"

BRANCH = "SELECT id FROM branch WHERE id = $1 AND library_id = $2"

# What a patron still owes, the oldest first; credits (below 0) are not debts.
OPEN_CHARGES = """
SELECT id, outstanding FROM ledger_entry
WHERE patron_id = $1 AND library_id = $2 AND kind = 'CHARGE' AND outstanding <> 0 AND outstanding > 0
ORDER BY created_at, id
"""

CHARGE = """
SELECT id, patron_id, outstanding FROM ledger_entry WHERE id = $1 AND library_id = $2 AND kind = 'CHARGE'
"""


@dataclass(frozen=True, slots=True)
class Borrower:
    """A patron as the desk names one: exactly one of the three is given."""

    id: int | None = None
    barcode: str | None = None
    username: str | None = None


@dataclass(frozen=True, slots=True)
class LockedPatron:
    """A patron held still; `card_active` is False only when an inactive card was read."""

    id: int
    branch_id: int | None
    card_active: bool = True


@dataclass(frozen=True, slots=True)
class OpenLoan:
    """The open loan of an item, which may be another library's."""

    id: int
    library_id: int
    patron_id: int
    lost: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """An open reservation, which may be another library's."""

    id: int
    library_id: int
    patron_id: int
    frozen: bool


@dataclass(frozen=True, slots=True)
class LockedItem:
    """An item held still, its open loan and its queue."""

    id: int
    library_id: int
    status: ItemStatus
    loan: OpenLoan | None
    queue: tuple[Waiting, ...]

    @property
    def next_waiting(self) -> Waiting | None:
        """Whose turn it is: the longest wait that is not suspended."""
        return next((each for each in self.queue if not each.frozen), None)

    def reservation_of(self, patron_id: int) -> Waiting | None:
        """Return the patron's open reservation, suspended or not."""
        return next((each for each in self.queue if each.patron_id == patron_id), None)


@dataclass(frozen=True, slots=True)
class OwnLoan:
    """A loan of the library."""

    id: int
    patron_id: int
    item_id: int
    due_at: dt.datetime
    returned_at: dt.datetime | None
    renewals_left: int
    lost: bool


@dataclass(frozen=True, slots=True)
class OwnReservation:
    """A reservation of the library."""

    id: int
    patron_id: int
    item_id: int
    state: str


@dataclass(frozen=True, slots=True)
class Charge:
    """A charge, and what is left of it."""

    id: int
    patron_id: int
    outstanding: Decimal


@asynccontextmanager
async def at_the_desk() -> AsyncIterator[None]:
    """Open the transaction of one verb; what disappears while it runs is NOT_FOUND, as if it had gone before.

    A snapshot import takes none of the desk's locks: when it writes the open loan first, the item is on loan.
    """
    try:
        async with db.transaction():
            yield
    except asyncpg.ForeignKeyViolationError:
        raise missing("patron, item or branch") from None
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name != ONE_OPEN_LOAN:
            raise
        raise circulation_refused([of_item(RefusalCode.ON_LOAN)]) from None


async def lock_patron(library_id: int, patron_id: int) -> LockedPatron | None:
    """Hold a patron of the library still until the transaction ends; None when there is none."""
    found = await db.row(LOCK_PATRON, patron_id, library_id)
    return None if found is None else LockedPatron(found["id"], found["branch_id"])


async def lock_borrower(library_id: int, borrower: Borrower) -> LockedPatron | None:
    """Hold still the patron whom id, card or user name names; None when there is none."""
    patron_id = borrower.id
    if borrower.barcode is not None:
        patron_id = await db.value(PATRON_BY_BARCODE, library_id, borrower.barcode)
    elif borrower.username is not None:
        patron_id = await db.value(PATRON_BY_USERNAME, library_id, borrower.username)
    locked = None if patron_id is None else await lock_patron(library_id, patron_id)
    if locked is None or borrower.barcode is None:
        return locked
    active = await db.value(CARD, library_id, borrower.barcode, locked.id)
    return None if active is None else LockedPatron(locked.id, locked.branch_id, active)


async def find_item(library_id: int, barcode: str) -> int | None:
    """Return the library's own item, else the only one of that barcode in the consortium."""
    found = await db.rows(ITEMS_BY_BARCODE, library_id, barcode)
    own = [row["id"] for row in found if row["own"]]
    if own:
        return int(own[0])
    return int(found[0]["id"]) if len(found) == 1 else None


async def find_returned_item(library_id: int, barcode: str) -> int | None:
    """Return the item that the library has lent, whoever owns it, else as find_item()."""
    found = await db.rows(ITEMS_BY_BARCODE, library_id, barcode)
    lent = sorted((row for row in found if row["lent"]), key=lambda row: not row["own"])
    return int(lent[0]["id"]) if lent else await find_item(library_id, barcode)


async def lock_item(item_id: int) -> LockedItem | None:
    """Hold an item still and see who has it and who waits; call it after the patron is locked."""
    found = await db.row(LOCK_ITEM, item_id)
    if found is None:
        return None
    loan = await open_loan(item_id)
    queue = tuple(Waiting(**row) for row in await db.rows(QUEUE, item_id))
    return LockedItem(found["id"], found["library_id"], ItemStatus(found["status"]), loan, queue)


async def open_loan(item_id: int) -> OpenLoan | None:
    """Return the item's open loan, of whatever library."""
    found = await db.row(OPEN_LOAN, item_id)
    return None if found is None else OpenLoan(**found)


async def own_loan(library_id: int, loan_id: int) -> OwnLoan | None:
    """Return a loan of the library."""
    found = await db.row(LOAN, loan_id, library_id)
    return None if found is None else OwnLoan(**found)


async def own_reservation(library_id: int, reservation_id: int) -> OwnReservation | None:
    """Return a reservation of the library."""
    found = await db.row(RESERVATION, reservation_id, library_id)
    return None if found is None else OwnReservation(**found)


async def is_branch(library_id: int, branch_id: int | None) -> bool:
    """Return whether the branch is the library's; naming none is right too."""
    return branch_id is None or await db.value(BRANCH, branch_id, library_id) is not None


async def open_charges(library_id: int, patron_id: int) -> list[Charge]:
    """Return what the patron owes, the oldest charge first."""
    found = await db.rows(OPEN_CHARGES, patron_id, library_id)
    return [Charge(row["id"], patron_id, row["outstanding"]) for row in found]


async def own_charge(library_id: int, charge_id: int) -> Charge | None:
    """Return a charge of the library."""
    found = await db.row(CHARGE, charge_id, library_id)
    return None if found is None else Charge(**found)
