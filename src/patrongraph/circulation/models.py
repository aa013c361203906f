"""Tables of the circulation facts: items, loans, reservations and the ledger."""

from decimal import Decimal
from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.models import Model

from patrongraph.tables import (
    Identity,
    index,
    moment,
    one_of,
    optional_reference,
    reference,
    rule,
    set_index,
    unique,
    word,
)


class ItemStatus(StrEnum):
    """Where an item is."""

    AVAILABLE = "AVAILABLE"
    ON_LOAN = "ON_LOAN"
    ON_HOLD_SHELF = "ON_HOLD_SHELF"
    IN_TRANSIT = "IN_TRANSIT"
    LOST = "LOST"
    DAMAGED = "DAMAGED"
    MISSING = "MISSING"
    ON_ORDER = "ON_ORDER"
    IN_PROCESS = "IN_PROCESS"
    WITHDRAWN = "WITHDRAWN"
    OTHER = "OTHER"  # a source system's status that has no counterpart here


class ReservationState(StrEnum):
    """What became of a reservation."""

    OPEN = "OPEN"
    FULFILLED = "FULFILLED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


class LedgerKind(StrEnum):
    """What an entry does: a charge owes, the others settle or give back."""

    CHARGE = "CHARGE"
    PAYMENT = "PAYMENT"
    WAIVE = "WAIVE"
    WRITE_OFF = "WRITE_OFF"
    REFUND = "REFUND"


class Item(Model):
    """One copy that a library owns and lends, also to other libraries' patrons."""

    id = Identity(primary_key=True)
    library = reference("Library")
    library_id: int
    branch = optional_reference("Branch")
    branch_id: int | None
    barcode = fields.CharField(max_length=100)
    title = fields.TextField()
    author = fields.TextField(db_default="")
    call_number = fields.CharField(max_length=200, db_default="")
    material_type = fields.CharField(max_length=60, db_default="")
    price: Any = fields.DecimalField(max_digits=12, decimal_places=2, null=True)
    status = word(ItemStatus, db_default=ItemStatus.AVAILABLE)

    class Meta:
        table = "item"
        constraints = (unique("item", "library_id", "barcode"), one_of("item", "status", ItemStatus))
        indexes = (index("item", "branch_id"), index("item", "barcode"))


class Loan(Model):
    """One loan, open until returned_at is set; lost and returned_at together mean closed as lost."""

    id = Identity(primary_key=True)
    library_id = fields.BigIntField()
    patron = reference("Patron")
    patron_id: int
    item = reference("Item")
    item_id: int
    checked_out_at = moment()
    due_at = fields.DatetimeField()
    returned_at = fields.DatetimeField(null=True)
    renewals_left = fields.IntField(db_default=0)
    lost = fields.BooleanField(db_default=False)
    branch = optional_reference("Branch")
    branch_id: int | None

    class Meta:
        table = "loan"
        constraints = (
            unique("loan", "patron_id", "item_id", "checked_out_at"),
            unique("loan", "item_id", where="returned_at IS NULL"),
        )
        indexes = (
            index("loan", "patron_id", "id DESC", name="patron_id"),
            index("loan", "patron_id", name="open", include=("due_at", "lost"), where="returned_at IS NULL"),
            index("loan", "item_id"),
            index("loan", "branch_id"),
            index(
                "loan", "library_id", "checked_out_at",
                name="statistics", include=("patron_id", "item_id", "branch_id", "returned_at", "lost"),
            ),
        )  # fmt: skip


class Reservation(Model):
    """One patron's place in the queue for an item."""

    id = Identity(primary_key=True)
    library_id = fields.BigIntField()
    patron = reference("Patron")
    patron_id: int
    item = reference("Item")
    item_id: int
    requested_at = moment()
    pickup_branch = optional_reference("Branch")
    pickup_branch_id: int | None
    frozen = fields.BooleanField(db_default=False)
    state = word(ReservationState, db_default=ReservationState.OPEN)
    fulfilled_at = fields.DatetimeField(null=True)
    cancelled_at = fields.DatetimeField(null=True)

    class Meta:
        table = "reservation"
        constraints = (
            unique("reservation", "patron_id", "item_id", "requested_at"),
            one_of("reservation", "state", ReservationState),
        )
        indexes = (
            index("reservation", "patron_id", name="open", where="state = 'OPEN'"),
            index("reservation", "patron_id", "id DESC", name="patron_id"),
            index("reservation", "item_id"),
            index("reservation", "pickup_branch_id"),
        )


class LedgerEntry(Model):
    """One entry of a patron's account; a charge carries what is left of it, negative for a credit."""

    id = Identity(primary_key=True)
    library_id = fields.BigIntField()
    patron = reference("Patron")
    patron_id: int
    charge = optional_reference("LedgerEntry")
    charge_id: int | None
    loan = optional_reference("Loan")
    loan_id: int | None
    kind = word(LedgerKind)
    amount: Decimal = fields.DecimalField(max_digits=12, decimal_places=2)
    reason = fields.CharField(max_length=60, db_default="")
    note = fields.TextField(null=True)
    external_id = fields.CharField(max_length=100, null=True)
    created_at = moment()
    created_by = optional_reference("StaffUser")
    created_by_id: int | None
    outstanding: Any = fields.DecimalField(max_digits=12, decimal_places=2, null=True)

    class Meta:
        table = "ledger_entry"
        constraints = (
            unique("ledger_entry", "library_id", "external_id", where="external_id IS NOT NULL"),
            one_of("ledger_entry", "kind", LedgerKind),
            rule("ledger_entry", "amount", "amount > 0"),
            rule("ledger_entry", "outstanding", "(kind = 'CHARGE') = (outstanding IS NOT NULL)"),
        )
        indexes = (
            index(
                "ledger_entry", "patron_id",
                name="unsettled", include=("outstanding",), where="kind = 'CHARGE' AND outstanding <> 0",
            ),
            index("ledger_entry", "patron_id", "id DESC", name="patron_id"),
            set_index("ledger_entry", "charge_id"),
            set_index("ledger_entry", "loan_id"),
            set_index("ledger_entry", "created_by_id"),
        )  # fmt: skip
