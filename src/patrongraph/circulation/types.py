"""Items, loans, reservations and debts, as front ends see them."""

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import strawberry

from patrongraph.circulation.models import ItemStatus, LedgerKind, ReservationState
from patrongraph.graph.arguments import Where
from patrongraph.graph.connections import Node
from patrongraph.graph.declare import FROM_PARENT, IN_LIBRARY, column, expression, graph_type, key, many, one
from patrongraph.libraries.types import Branch, LibrarySummary

if TYPE_CHECKING:
    from patrongraph.patrons.types import Patron

LazyPatron = Annotated["Patron", strawberry.lazy("patrongraph.patrons.types")]

strawberry.enum(ItemStatus, description="Where an item is.")
strawberry.enum(LedgerKind, description="What an entry of a patron's account does.")
strawberry.enum(ReservationState, description="What became of a reservation.")


@strawberry.enum(description="Which loans; null asks for all of them.")
class LoanState(StrEnum):
    """Open means not returned; overdue and lost are open too."""

    OPEN = "OPEN"
    OVERDUE = "OVERDUE"
    LOST = "LOST"
    CLOSED = "CLOSED"


@strawberry.enum(description="Which debts; null asks for all of them.")
class DebtState(StrEnum):
    """A debt is open while anything is left of its charge."""

    OPEN = "OPEN"
    SETTLED = "SETTLED"


_LOANS = {
    LoanState.OPEN: "{t}.returned_at IS NULL",
    LoanState.OVERDUE: "{t}.returned_at IS NULL AND NOT {t}.lost AND {t}.due_at < now()",
    LoanState.LOST: "{t}.lost",
    LoanState.CLOSED: "{t}.returned_at IS NOT NULL",
}
_DEBTS = {
    DebtState.OPEN: "{t}.outstanding <> 0",
    DebtState.SETTLED: "{t}.outstanding = 0",
}


def where_loans(where: Where) -> None:
    """Keep the loans of the asked state."""
    state = where.choice("state")
    if state is not None:
        where.add(_LOANS[state])


def where_reservations(where: Where) -> None:
    """Keep the reservations of the asked state."""
    state = where.choice("state")
    if state is not None:
        # A literal, so that the partial index of open reservations serves.
        where.add(f"{{t}}.state = '{ReservationState(state).value}'")


def where_debts(where: Where) -> None:
    """Keep the debts of the asked state."""
    state = where.choice("state")
    if state is not None:
        where.add(_DEBTS[state])


@graph_type(source="item", scope=IN_LIBRARY, prefix="item", description="One copy that a library lends.")
class Item(Node):
    """Another library's item is seen only through a loan or reservation of one's own patron."""

    id: strawberry.ID = key()
    barcode: str = column("barcode", "Barcode, unique in the owning library.")
    title: str = column("title", "Title of the work.")
    author: str = column("author", "Author; empty when not known.")
    call_number: str = column("call_number", "Shelf mark; empty when it has none.")
    material_type: str = column("material_type", "Kind of material; empty when not known.")
    price: Decimal | None = column("price", "Price of replacement, in the owning library's currency.")
    status: ItemStatus = column("status", "Where the item is.")
    library: LibrarySummary = one("{t}.id = {p}.library_id", "The library that owns the item.")
    branch: LibrarySummary | None = one(
        "{t}.id = {p}.branch_id",
        "The branch that the item belongs to, by name.",
        source="(SELECT b.id, b.code, b.name FROM branch b)",
    )


@graph_type(source="loan", scope=IN_LIBRARY, prefix="loan", description="One loan of one item.")
class Loan(Node):
    """Belongs to the patron's library; the item may be another's."""

    id: strawberry.ID = key()
    item: Item = one("{t}.id = {p}.item_id", "What was lent.", scope=FROM_PARENT)
    patron: LazyPatron = one("{t}.id = {p}.patron_id", "Who borrowed it.")
    checked_out_at: dt.datetime = column("checked_out_at", "When it was lent.")
    due_at: dt.datetime = column("due_at", "When it is due back.")
    returned_at: dt.datetime | None = column("returned_at", "When the loan was closed; null while it is open.")
    renewals_left: int = column("renewals_left", "How often it may still be renewed.")
    lost: bool = column("lost", "Whether the item was declared lost on this loan.")
    overdue: bool = expression(
        "({t}.returned_at IS NULL AND NOT {t}.lost AND {t}.due_at < now())",
        "Whether it is open, not lost, and past its due time.",
    )
    branch: Branch | None = one("{t}.id = {p}.branch_id", "Where it was lent.")


@graph_type(
    source="reservation", scope=IN_LIBRARY, prefix="res", description="One patron's place in the queue for an item."
)
class Reservation(Node):
    """Belongs to the patron's library; the item may be another's."""

    id: strawberry.ID = key()
    item: Item = one("{t}.id = {p}.item_id", "What is wanted.", scope=FROM_PARENT)
    patron: LazyPatron = one("{t}.id = {p}.patron_id", "Who wants it.")
    state: ReservationState = column("state", "What became of it.")
    requested_at: dt.datetime = column("requested_at", "When it was placed.")
    frozen: bool = column("frozen", "Whether it is suspended for now.")
    fulfilled_at: dt.datetime | None = column("fulfilled_at", "When the item was lent for it.")
    cancelled_at: dt.datetime | None = column("cancelled_at", "When it was cancelled.")
    pickup_branch: Branch | None = one("{t}.id = {p}.pickup_branch_id", "Where the patron will fetch it.")


@graph_type(
    source="ledger_entry",
    scope=f"({IN_LIBRARY} AND {{t}}.kind <> 'CHARGE')",
    prefix="entry",
    description="One entry that settles part of a charge.",
)
class LedgerEntry(Node):
    """A payment, waiver, write-off or refund."""

    id: strawberry.ID = key()
    kind: LedgerKind = column("kind", "What the entry does.")
    amount: Decimal = column("amount", "Amount, always positive, in the library's currency.")
    note: str | None = column("note", "What staff wrote beside it.")
    created_at: dt.datetime = column("created_at", "When it was made.")


@graph_type(
    source="ledger_entry",
    scope=f"({IN_LIBRARY} AND {{t}}.kind = 'CHARGE')",
    prefix="debt",
    description="A charge, and what is left of it.",
)
class Debt(Node):
    """What a patron owes for one reason."""

    id: strawberry.ID = key()
    reason: str = column("reason", "Why it was charged; empty when not known.")
    note: str | None = column("note", "What staff wrote beside it.")
    amount: Decimal = column("amount", "What was charged, in the library's currency.")
    outstanding: Decimal = column("outstanding", "What is left to pay; negative when the library owes the patron.")
    created_at: dt.datetime = column("created_at", "When it was charged.")
    loan: Loan | None = one("{t}.id = {p}.loan_id", "The loan that it arose from.")
    entries: list[LedgerEntry] = many("{t}.charge_id = {p}.id", "What settled it so far, oldest first.", order="{t}.id")
