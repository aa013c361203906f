"""Root fields of the circulation desk."""

from dataclasses import asdict

import strawberry

from patrongraph.circulation.models import ItemStatus
from patrongraph.desk import actions, money, reservations
from patrongraph.desk.queries import Borrower
from patrongraph.desk.types import (
    CancelReservationInput,
    CancelReservationResult,
    CancelReservationSuccess,
    ChargeDebtInput,
    ChargeDebtResult,
    ChargeDebtSuccess,
    CheckInInput,
    CheckInResult,
    CheckInSuccess,
    CheckOutInput,
    CheckOutResult,
    CheckOutSuccess,
    PayDebtInput,
    PayDebtResult,
    PlaceReservationInput,
    PlaceReservationResult,
    PlaceReservationSuccess,
    RenewLoanInput,
    RenewLoanResult,
    RenewLoanSuccess,
    SettleDebtSuccess,
    WaiveDebtInput,
    WaiveDebtResult,
)
from patrongraph.graph.declare import mutation
from patrongraph.graph.engine import Operation
from patrongraph.graph.ids import decode_id
from patrongraph.patrons.resolvers import PatronRef, patron_key
from patrongraph.permissions import Permission


def _borrower(by: PatronRef) -> Borrower:
    return Borrower(
        id=patron_key(by.id) if isinstance(by.id, str) else None,
        barcode=by.barcode if isinstance(by.barcode, str) else None,
        username=by.username if isinstance(by.username, str) else None,
    )


def _optional(prefix: str, id: strawberry.ID | None) -> int | None:
    return None if id is None else decode_id(prefix, id)


@strawberry.type
class DeskMutation:
    """Mutation.checkOut, checkIn, renewLoan, placeReservation, cancelReservation, chargeDebt, payDebt, waiveDebt."""

    @mutation(
        "Lend an item. Refused with every reason: the patron's blocks, debts and status, and the item's.",
        permission=Permission.CIRCULATION_DESK,
    )
    async def check_out(self, info: strawberry.Info[Operation], input: CheckOutInput) -> CheckOutResult:
        done = await actions.check_out(
            info.context.actor,
            _borrower(input.patron),
            input.item_barcode,
            due_at=input.due_at,
            branch_id=_optional("branch", input.branch_id),
            idempotency_key=input.idempotency_key,
        )
        return CheckOutSuccess(**asdict(done))

    @mutation(
        "Take an item back, whatever the patron's status. An item written off comes back too; nothing is refunded.",
        permission=Permission.CIRCULATION_DESK,
    )
    async def check_in(self, info: strawberry.Info[Operation], input: CheckInInput) -> CheckInResult:
        done = await actions.check_in(info.context.actor, input.item_barcode, idempotency_key=input.idempotency_key)
        said = asdict(done)
        return CheckInSuccess(item_status=ItemStatus(said.pop("status")), **said)

    @mutation(
        "Let a loan run for 21 days from today. Refused with every reason, as a loan is.",
        permission=Permission.CIRCULATION_DESK,
    )
    async def renew_loan(self, info: strawberry.Info[Operation], input: RenewLoanInput) -> RenewLoanResult:
        done = await actions.renew(
            info.context.actor, decode_id("loan", input.loan_id), idempotency_key=input.idempotency_key
        )
        return RenewLoanSuccess(**asdict(done))

    @mutation(
        "Put a patron into the queue for an item. Refused with every reason, as a loan is.",
        permission=Permission.CIRCULATION_DESK,
    )
    async def place_reservation(
        self, info: strawberry.Info[Operation], input: PlaceReservationInput
    ) -> PlaceReservationResult:
        done = await reservations.place(
            info.context.actor,
            _borrower(input.patron),
            input.item_barcode,
            pickup_branch_id=_optional("branch", input.pickup_branch_id),
            idempotency_key=input.idempotency_key,
        )
        return PlaceReservationSuccess(**asdict(done))

    @mutation("Take a patron out of the queue, whatever the patron's status.", permission=Permission.CIRCULATION_DESK)
    async def cancel_reservation(
        self, info: strawberry.Info[Operation], input: CancelReservationInput
    ) -> CancelReservationResult:
        done = await reservations.cancel(
            info.context.actor, decode_id("res", input.reservation_id), idempotency_key=input.idempotency_key
        )
        return CancelReservationSuccess(**asdict(done))

    @mutation("Charge a patron.", permission=Permission.CIRCULATION_DESK)
    async def charge_debt(self, info: strawberry.Info[Operation], input: ChargeDebtInput) -> ChargeDebtResult:
        done = await money.charge(
            info.context.actor,
            patron_key(input.patron_id),
            input.amount,
            input.reason,
            note=input.note,
            loan_id=_optional("loan", input.loan_id),
            idempotency_key=input.idempotency_key,
        )
        return ChargeDebtSuccess(**asdict(done))

    @mutation(
        "Take a payment of a patron, at most what is owed. It always works, and ends a block for debts at once.",
        permission=Permission.CIRCULATION_DESK,
    )
    async def pay_debt(self, info: strawberry.Info[Operation], input: PayDebtInput) -> PayDebtResult:
        done = await money.pay(
            info.context.actor,
            patron_key(input.patron_id),
            input.amount,
            debt_id=_optional("debt", input.debt_id),
            idempotency_key=input.idempotency_key,
        )
        return SettleDebtSuccess(**asdict(done))

    @mutation("Forgive a debt, wholly or in part, with a reason.", permission=Permission.CIRCULATION_DESK)
    async def waive_debt(self, info: strawberry.Info[Operation], input: WaiveDebtInput) -> WaiveDebtResult:
        done = await money.waive(
            info.context.actor,
            decode_id("debt", input.debt_id),
            input.reason,
            amount=input.amount,
            idempotency_key=input.idempotency_key,
        )
        return SettleDebtSuccess(**asdict(done))
