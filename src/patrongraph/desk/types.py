"""What the desk takes and answers; whatever it changed is read back as it is now."""

import datetime as dt
from decimal import Decimal
from typing import Annotated

import strawberry

from patrongraph.circulation.models import ItemStatus
from patrongraph.circulation.types import Debt, Item, LedgerEntry, Loan, Reservation
from patrongraph.desk.problems import CirculationRefused, MoreThanOwed
from patrongraph.graph.declare import read_back
from patrongraph.jobs.problems import IdempotencyMismatch
from patrongraph.patrons.resolvers import PatronRef
from patrongraph.patrons.types import Patron
from patrongraph.problems import InvalidInput, NotFound

_KEY = "A text of your choice; the same request sent again with it is not done again and answers the same."
_ITEM = "Barcode of the item: your library's own, else the only one of that barcode in the consortium."
_PATRON = "The patron as it is now, blocks and debts included; null when it was erased in the meantime."


@strawberry.input(description="What to lend to whom.")
class CheckOutInput:
    """Input of checkOut."""

    patron: PatronRef = strawberry.field(description="Who borrows. An inactive card is refused.")
    item_barcode: str = strawberry.field(description=_ITEM)
    due_at: dt.datetime | None = strawberry.field(
        default=None, description="When it is due, in the future; otherwise at the end (UTC) of the 21st day from now."
    )
    branch_id: strawberry.ID | None = strawberry.field(default=None, description="Where it is lent.")
    idempotency_key: str | None = strawberry.field(default=None, description=_KEY)


@strawberry.input(description="What came back.")
class CheckInInput:
    """Input of checkIn."""

    item_barcode: str = strawberry.field(
        description="Barcode of the item: one that your library has lent, else its own, else the only one in the"
        " consortium."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=_KEY)


@strawberry.input(description="Which loan goes on.")
class RenewLoanInput:
    """Input of renewLoan."""

    loan_id: strawberry.ID = strawberry.field(description="Id of the loan.")
    idempotency_key: str | None = strawberry.field(default=None, description=_KEY)


@strawberry.input(description="Who wants what.")
class PlaceReservationInput:
    """Input of placeReservation."""

    patron: PatronRef = strawberry.field(description="Who wants it. An inactive card is refused.")
    item_barcode: str = strawberry.field(description=_ITEM)
    pickup_branch_id: strawberry.ID | None = strawberry.field(
        default=None, description="Where the patron will fetch it; otherwise at the home branch."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=_KEY)


@strawberry.input(description="Which reservation ends.")
class CancelReservationInput:
    """Input of cancelReservation."""

    reservation_id: strawberry.ID = strawberry.field(description="Id of the reservation.")
    idempotency_key: str | None = strawberry.field(default=None, description=_KEY)


@strawberry.input(description="What a patron is to pay, and why.")
class ChargeDebtInput:
    """Input of chargeDebt."""

    patron_id: strawberry.ID = strawberry.field(description="Id of the patron.")
    amount: Decimal = strawberry.field(description="More than 0, with at most two decimals, in the library's currency.")
    reason: str = strawberry.field(description="Why, in 1 to 60 characters.")
    note: str | None = strawberry.field(default=None, description="More about it, in 1 to 2000 characters.")
    loan_id: strawberry.ID | None = strawberry.field(
        default=None, description="The patron's loan that it arises from, open or closed."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=_KEY)


@strawberry.input(description="What a patron pays.")
class PayDebtInput:
    """Input of payDebt."""

    patron_id: strawberry.ID = strawberry.field(description="Id of the patron.")
    amount: Decimal = strawberry.field(description="More than 0 and at most what is owed.")
    debt_id: strawberry.ID | None = strawberry.field(
        default=None, description="The debt that it is for; otherwise all of them, the oldest first."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=_KEY)


@strawberry.input(description="What is forgiven, and why.")
class WaiveDebtInput:
    """Input of waiveDebt."""

    debt_id: strawberry.ID = strawberry.field(description="Id of the debt.")
    amount: Decimal | None = strawberry.field(
        default=None, description="More than 0 and at most what is left; otherwise all that is left."
    )
    reason: str = strawberry.field(description="Why, in 1 to 2000 characters; kept as the note of the entry.")
    idempotency_key: str | None = strawberry.field(default=None, description=_KEY)


@strawberry.type(description="The item is lent.")
class CheckOutSuccess:
    """Payload of checkOut."""

    loan_id: strawberry.Private[int]
    patron_id: strawberry.Private[int]
    reservation_id: strawberry.Private[int | None]
    loan: Loan = read_back("loan_id", "The loan.")
    patron: Patron = read_back("patron_id", "The patron as it is now.")
    reservation: Reservation | None = read_back("reservation_id", "The patron's reservation that the loan fulfilled.")


@strawberry.type(description="The item is back.")
class CheckInSuccess:
    """Payload of checkIn."""

    own_item_id: strawberry.Private[int | None]
    loan_id: strawberry.Private[int | None]
    patron_id: strawberry.Private[int | None]
    reservation_id: strawberry.Private[int | None]
    was_on_loan: bool = strawberry.field(description="Whether it was on loan, and that loan is closed now.")
    was_lost: bool = strawberry.field(
        description="Whether it was recorded as lost or written off. Nothing is refunded; charges stay as they are."
    )
    item_status: ItemStatus = strawberry.field(
        description="Where the item is now: ON_HOLD_SHELF when somebody waits for it, in whatever library."
    )
    item: Item | None = read_back("own_item_id", "The item, when your library owns it; another's is under `loan`.")
    loan: Loan | None = read_back("loan_id", "The loan that was closed, when it was your library's.")
    patron: Patron | None = read_back("patron_id", "Who had it, as the patron is now, when it was your library's loan.")
    reservation: Reservation | None = read_back(
        "reservation_id", "The reservation that the item is kept for, when it is your library's."
    )


@strawberry.type(description="The loan goes on.")
class RenewLoanSuccess:
    """Payload of renewLoan."""

    loan_id: strawberry.Private[int]
    patron_id: strawberry.Private[int]
    loan: Loan = read_back("loan_id", "The loan, with its new due date.")
    patron: Patron = read_back("patron_id", "The patron as it is now.")


@strawberry.type(description="The patron is in the queue.")
class PlaceReservationSuccess:
    """Payload of placeReservation."""

    reservation_id: strawberry.Private[int]
    patron_id: strawberry.Private[int]
    reservation: Reservation = read_back("reservation_id", "The reservation.")
    patron: Patron = read_back("patron_id", "The patron as it is now.")


@strawberry.type(description="The reservation is cancelled.")
class CancelReservationSuccess:
    """Payload of cancelReservation."""

    reservation_id: strawberry.Private[int]
    patron_id: strawberry.Private[int]
    changed: bool = strawberry.field(description="False when it had been cancelled before.")
    reservation: Reservation | None = read_back(
        "reservation_id", "The reservation; null when its patron was erased in the meantime."
    )
    patron: Patron | None = read_back("patron_id", _PATRON)


@strawberry.type(description="The patron owes it.")
class ChargeDebtSuccess:
    """Payload of chargeDebt."""

    debt_id: strawberry.Private[int]
    patron_id: strawberry.Private[int]
    debt: Debt | None = read_back("debt_id", "The debt; null when its patron was erased in the meantime.")
    patron: Patron | None = read_back("patron_id", _PATRON)


@strawberry.type(description="The debts are settled, wholly or in part.")
class SettleDebtSuccess:
    """Payload of payDebt and waiveDebt."""

    patron_id: strawberry.Private[int]
    debt_ids: strawberry.Private[list[int]]
    entry_ids: strawberry.Private[list[int]]
    debts: list[Debt] = read_back("debt_ids", "The debts that were touched, in the order in which they were settled.")
    entries: list[LedgerEntry] = read_back("entry_ids", "What was written, one entry for each of those debts.")
    patron: Patron | None = read_back("patron_id", _PATRON)


CheckOutResult = Annotated[
    CheckOutSuccess | CirculationRefused | InvalidInput | NotFound | IdempotencyMismatch,
    strawberry.union("CheckOutResult", description="The loan, or why nothing was lent."),
]
CheckInResult = Annotated[
    CheckInSuccess | CirculationRefused | InvalidInput | NotFound | IdempotencyMismatch,
    strawberry.union("CheckInResult", description="What came back, or why it could not be taken."),
]
RenewLoanResult = Annotated[
    RenewLoanSuccess | CirculationRefused | InvalidInput | NotFound | IdempotencyMismatch,
    strawberry.union("RenewLoanResult", description="The loan, or why it was not renewed."),
]
PlaceReservationResult = Annotated[
    PlaceReservationSuccess | CirculationRefused | InvalidInput | NotFound | IdempotencyMismatch,
    strawberry.union("PlaceReservationResult", description="The reservation, or why there is none."),
]
CancelReservationResult = Annotated[
    CancelReservationSuccess | CirculationRefused | InvalidInput | NotFound | IdempotencyMismatch,
    strawberry.union("CancelReservationResult", description="The reservation, or why it was not cancelled."),
]
ChargeDebtResult = Annotated[
    ChargeDebtSuccess | InvalidInput | NotFound | IdempotencyMismatch,
    strawberry.union("ChargeDebtResult", description="The debt, or why nothing was charged."),
]
PayDebtResult = Annotated[
    SettleDebtSuccess | MoreThanOwed | InvalidInput | NotFound | IdempotencyMismatch,
    strawberry.union("PayDebtResult", description="What was paid, or why nothing was."),
]
WaiveDebtResult = Annotated[
    SettleDebtSuccess | MoreThanOwed | InvalidInput | NotFound | IdempotencyMismatch,
    strawberry.union("WaiveDebtResult", description="What was waived, or why nothing was."),
]
