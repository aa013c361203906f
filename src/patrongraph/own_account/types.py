"""What a patron sees who is signed in: their own account, and of their group what the lead may see.

These types are apart from those of staff, so that what is added for staff is not shown to patrons by accident.
"""

import datetime as dt
from decimal import Decimal

import strawberry

from patrongraph.circulation.models import LedgerKind, ReservationState
from patrongraph.circulation.types import DebtState, LoanState, where_debts, where_loans, where_reservations
from patrongraph.graph.connections import Connection
from patrongraph.graph.declare import (
    BY_ID,
    FROM_PARENT,
    IN_LIBRARY,
    NEWEST,
    Pages,
    column,
    compiled,
    declared,
    expression,
    graph_type,
    many,
    one,
)
from patrongraph.libraries.types import LibrarySummary
from patrongraph.patrons.problems import AddressKind
from patrongraph.patrons.queries import block_reasons_sql
from patrongraph.patrons.types import BlockReasonCode

_BRANCH = "(SELECT b.id, b.code, b.name FROM branch b WHERE b.library_id = {library})"

# What is open of patron {t}.<key>; each is one row.
_OPEN_LOANS = (
    "SELECT count(*) AS total, count(*) FILTER (WHERE NOT l.lost AND l.due_at < now()) AS overdue FROM loan l"
    " WHERE l.patron_id = {{t}}.{key} AND l.library_id = {{library}} AND l.returned_at IS NULL"
)
_HOLDS = (
    "SELECT count(*) AS total FROM reservation r"
    " WHERE r.patron_id = {{t}}.{key} AND r.library_id = {{library}} AND r.state = 'OPEN'"
)
_DEBT = (
    "SELECT coalesce(sum(e.outstanding), 0.00) AS total FROM ledger_entry e"
    " WHERE e.patron_id = {{t}}.{key} AND e.library_id = {{library}} AND e.kind = 'CHARGE' AND e.outstanding <> 0"
)


def _counts(key: str) -> dict[str, str]:
    """Return the laterals that count what is open of a patron whose id is in column `key`."""
    return {
        "open_loans": _OPEN_LOANS.format(key=key),
        "holds": _HOLDS.format(key=key),
        "debt": _DEBT.format(key=key),
    }


@graph_type(source="item", scope=FROM_PARENT, description="One copy that a library lends, as patrons see it.")
class ItemSummary:
    """May belong to another library."""

    title: str = column("title", "Title of the work.")
    author: str = column("author", "Author; empty when not known.")
    call_number: str = column("call_number", "Shelf mark; empty when it has none.")
    material_type: str = column("material_type", "Kind of material; empty when not known.")
    library: LibrarySummary = one("{t}.id = {p}.library_id", "The library that owns it.")


@graph_type(source="address", scope=IN_LIBRARY, description="One address of the patron who asks.")
class OwnAddress:
    """As the library has it."""

    kind: AddressKind = column("kind", "What it is for.")
    street: str = column("street", "Street and number.")
    postal_code: str = column("postal_code", "Postal code.")
    city: str = column("city", "City.")
    region: str = column("region", "State, county or region.")
    country: str = column("country", "Country.")


@graph_type(source=None, scope=FROM_PARENT, description="One reason why the patron who asks is refused service.")
class OwnBlockReason:
    """Of a block placed by staff only what it tells the patron: neither its comment nor who placed it."""

    code: BlockReasonCode = column("code", "Which kind of reason.")
    message: str = column("message", "The reason, for the patron.")
    debt: Decimal | None = column("debt", "What you owe, when that is the reason.")
    level: Decimal | None = column("level", "The library's limit, when debt is the reason.")
    amount_to_clear: Decimal | None = column(
        "amount_to_clear", "The least payment that ends the block, when debt is the reason."
    )


@graph_type(source="loan", scope=IN_LIBRARY, description="One loan of the patron who asks.")
class OwnLoan:
    """The patron's own history is theirs to see."""

    id: strawberry.ID = expression("'loan_' || {t}.id", "Opaque id of the loan.")
    item: ItemSummary = one("{t}.id = {p}.item_id", "What was lent.", scope=FROM_PARENT)
    checked_out_at: dt.datetime = column("checked_out_at", "When it was lent.")
    due_at: dt.datetime = column("due_at", "When it is due back.")
    returned_at: dt.datetime | None = column("returned_at", "When the loan was closed; null while it is open.")
    renewals_left: int = column("renewals_left", "How often it may still be renewed.")
    lost: bool = column("lost", "Whether the item was declared lost on this loan.")
    overdue: bool = expression(
        "({t}.returned_at IS NULL AND NOT {t}.lost AND {t}.due_at < now())",
        "Whether it is open, not lost, and past its due time.",
    )
    branch: LibrarySummary | None = one("{t}.id = {p}.branch_id", "Where it was lent.", source=_BRANCH)


@graph_type(source="reservation", scope=IN_LIBRARY, description="One reservation of the patron who asks.")
class OwnReservation:
    """Nobody else in the queue shows."""

    id: strawberry.ID = expression("'res_' || {t}.id", "Opaque id of the reservation.")
    item: ItemSummary = one("{t}.id = {p}.item_id", "What is wanted.", scope=FROM_PARENT)
    state: ReservationState = column("state", "What became of it.")
    requested_at: dt.datetime = column("requested_at", "When it was placed.")
    frozen: bool = column("frozen", "Whether it is suspended for now.")
    fulfilled_at: dt.datetime | None = column("fulfilled_at", "When the item was lent for it.")
    cancelled_at: dt.datetime | None = column("cancelled_at", "When it was cancelled.")
    pickup_branch: LibrarySummary | None = one(
        "{t}.id = {p}.pickup_branch_id", "Where you will fetch it.", source=_BRANCH
    )


@graph_type(
    source="ledger_entry",
    scope=f"({IN_LIBRARY} AND {{t}}.kind <> 'CHARGE')",
    description="One entry that settles part of a charge.",
)
class OwnEntry:
    """Without what staff wrote beside it."""

    kind: LedgerKind = column("kind", "What the entry does.")
    amount: Decimal = column("amount", "Amount, always positive.")
    created_at: dt.datetime = column("created_at", "When it was made.")


@graph_type(
    source="ledger_entry",
    scope=f"({IN_LIBRARY} AND {{t}}.kind = 'CHARGE')",
    description="A charge to the patron who asks, and what is left of it.",
)
class OwnDebt:
    """Without what staff wrote beside it."""

    id: strawberry.ID = expression("'debt_' || {t}.id", "Opaque id of the debt.")
    reason: str = column("reason", "Why it was charged; empty when not known.")
    amount: Decimal = column("amount", "What was charged.")
    outstanding: Decimal = column("outstanding", "What is left to pay; negative when the library owes you.")
    created_at: dt.datetime = column("created_at", "When it was charged.")
    loan: OwnLoan | None = one("{t}.id = {p}.loan_id AND {t}.patron_id = {p}.patron_id", "The loan it arose from.")
    entries: list[OwnEntry] = many("{t}.charge_id = {p}.id", "What settled it so far, oldest first.", order="{t}.id")


# The member's consent, for this very group, as it stands at this moment.
_CONSENTS = (
    "EXISTS (SELECT FROM privacy_waiver w WHERE w.patron_id = {row}.patron_id AND w.group_id = {row}.group_id"
    " AND w.library_id = {{library}} AND w.revoked_at IS NULL)"
)


@graph_type(source="loan", scope=IN_LIBRARY, description="One open loan of a member who shares titles with the lead.")
class MemberLoan:
    """Only with the member's privacy waiver for this group, and only while it stands."""

    id: strawberry.ID = expression("'loan_' || {t}.id", "Opaque id of the loan.")
    title: str = expression("(SELECT i.title FROM item i WHERE i.id = {t}.item_id)", "Title of the work.")
    author: str = expression("(SELECT i.author FROM item i WHERE i.id = {t}.item_id)", "Author; empty when not known.")
    due_at: dt.datetime = column("due_at", "When it is due back.")
    overdue: bool = expression(
        "({t}.returned_at IS NULL AND NOT {t}.lost AND {t}.due_at < now())",
        "Whether it is past its due time, not lost.",
    )


@graph_type(
    source="group_membership",
    scope=IN_LIBRARY,
    laterals=_counts("patron_id"),
    description="One member of the group, as its lead sees them: a name and counts.",
)
class MemberOverview:
    """Neither barcode nor contact nor history."""

    id: strawberry.ID = expression("'member_' || {t}.id", "Opaque id of the membership.")
    display_name: str = expression(
        "(SELECT btrim(coalesce(m.preferred_name, m.first_name) || ' ' || m.last_name) FROM patron m"
        " WHERE m.id = {t}.patron_id AND m.library_id = {library})",
        "Preferred or given name, and family name.",
    )
    you: bool = expression("({t}.patron_id = {actor})", "Whether this is you.")
    open_loan_count: int = expression("{open_loans}.total", "Loans not yet returned, lost ones included.")
    overdue_loan_count: int = expression("{open_loans}.overdue", "Open loans past their due time, not lost ones.")
    open_reservation_count: int = expression("{holds}.total", "Reservations still waiting.")
    debt_total: Decimal = expression("{debt}.total", "What is left of all charges; it blocks nobody but the member.")
    shares_titles: bool = expression(
        _CONSENTS.format(row="{t}"), "Whether the member lets you see what is lent to them."
    )

    @declared(
        Pages(
            f"{{t}}.patron_id = {{p}}.patron_id AND {{t}}.returned_at IS NULL AND {_CONSENTS.format(row='{p}')}", NEWEST
        ),
        "The member's open loans, newest first; empty without their consent.",
    )
    def loans(self, first: int, after: str | None = None) -> Connection[MemberLoan]:
        compiled()


@graph_type(
    source=None,
    scope=FROM_PARENT,
    laterals={
        "sums": (
            "SELECT count(*) AS members,"
            " coalesce(sum(loans.total), 0) AS loans, coalesce(sum(loans.overdue), 0) AS overdue,"
            " coalesce(sum(holds.total), 0) AS holds, coalesce(sum(debt.total), 0.00) AS debt"
            " FROM group_membership m"
            f" CROSS JOIN LATERAL ({_OPEN_LOANS.format(key='patron_id').replace('{t}', 'm')}) loans"
            f" CROSS JOIN LATERAL ({_HOLDS.format(key='patron_id').replace('{t}', 'm')}) holds"
            f" CROSS JOIN LATERAL ({_DEBT.format(key='patron_id').replace('{t}', 'm')}) debt"
            " WHERE m.group_id = {t}.id AND m.library_id = {library}"
        )
    },
    description="Sums over the members of the group.",
)
class OverviewTotals:
    """What a group owes is information: it blocks nobody."""

    open_loans: int = expression("{sums}.loans::int", "Loans not yet returned, lost ones included.")
    overdue_loans: int = expression("{sums}.overdue::int", "Open loans past their due time, not lost ones.")
    reservations: int = expression("{sums}.holds::int", "Reservations still waiting.")
    debt: Decimal = expression("{sums}.debt", "What is left of all charges.")


# The rule of the whole overview is its scope, so that no way to it can forget the rule.
_LED_BY_ACTOR = (
    "EXISTS (SELECT FROM group_membership me JOIN library policy ON policy.id = me.library_id"
    " WHERE me.group_id = {t}.id AND me.patron_id = {actor} AND me.lead AND me.library_id = {library}"
    " AND policy.group_lead_access)"
)


@graph_type(
    source="patron_group",
    scope=f"({IN_LIBRARY} AND {_LED_BY_ACTOR})",
    description="The group as its lead sees it.",
)
class GroupOverview:
    """For the lead only, and only where the library allows it."""

    member_count: int = expression(
        "(SELECT count(*) FROM group_membership m WHERE m.group_id = {t}.id AND m.library_id = {library})",
        "How many members it has.",
    )
    totals: OverviewTotals = one("true", "Sums over all members.", source="(SELECT {p}.id)")

    @declared(Pages("{t}.group_id = {p}.id", BY_ID), "The members, in the order in which they joined.")
    def members(self, first: int, after: str | None = None) -> Connection[MemberOverview]:
        compiled()


@graph_type(source="group_membership", scope=IN_LIBRARY, description="The place in a group of the patron who asks.")
class OwnGroup:
    """An ordinary member sees that they are in a group, and no more."""

    lead: bool = column("lead", "Whether you lead the group.")
    joined_at: dt.datetime = column("joined_at", "Since when you are in it.")
    overview: GroupOverview | None = one(
        "{t}.id = {p}.group_id", "The group; null unless you lead it and the library lets leads see it."
    )


@graph_type(
    source="patron", scope=IN_LIBRARY, laterals=_counts("id"), description="The account of the patron who asks."
)
class OwnAccount:
    """No notes, no comments of blocks, no staff: those are for staff, or in the copy of one's data."""

    id: strawberry.ID = expression("'pat_' || {t}.id", "Opaque id of the account.")
    barcode: str | None = expression(
        "(SELECT c.barcode FROM card c WHERE c.patron_id = {t}.id AND c.library_id = {library} AND c.active"
        " ORDER BY c.id DESC LIMIT 1)",
        "Barcode of the newest active card.",
    )
    first_name: str = column("first_name", "Given name.")
    middle_name: str | None = column("middle_name", "Middle name.")
    last_name: str = column("last_name", "Family name.")
    preferred_name: str | None = column("preferred_name", "What you want to be called.")
    display_name: str = expression(
        "btrim(coalesce({t}.preferred_name, {t}.first_name) || ' ' || {t}.last_name)",
        "Preferred or given name, and family name.",
    )
    email: str | None = column("email", "E-mail address.")
    phone: str | None = column("phone", "Telephone number.")
    addresses: list[OwnAddress] = many("{t}.patron_id = {p}.id", "All addresses.", order="{t}.id")
    category: str = column("category", "Patron category; empty when not known.")
    branch: LibrarySummary | None = one("{t}.id = {p}.branch_id", "Home branch.", source=_BRANCH)
    registered_at: dt.datetime = column("registered_at", "When the account was opened.")
    expires_on: dt.date | None = column("expires_on", "Last day on which the account may be used.")
    expired: bool = expression("coalesce({t}.expires_on < current_date, false)", "Whether that day has passed.")
    blocked: bool = expression(
        f"EXISTS ({block_reasons_sql('{t}', '{library}')})", "Whether you are refused service, for any reason."
    )
    block_reasons: list[OwnBlockReason] = many(
        "true",
        "Every reason why, with the payment that would clear a debt.",
        order="{t}.place, {t}.block_id",
        source=f"({block_reasons_sql('{p}', '{library}')})",
    )
    open_loan_count: int = expression("{open_loans}.total", "Loans not yet returned, lost ones included.")
    overdue_loan_count: int = expression("{open_loans}.overdue", "Open loans past their due time, not lost ones.")
    open_reservation_count: int = expression("{holds}.total", "Reservations still waiting.")
    debt_total: Decimal = expression("{debt}.total", "What is left of all charges.")

    @declared(
        Pages("{t}.patron_id = {p}.id", NEWEST, where=where_loans), "Loans, newest first; null for the history too."
    )
    def loans(
        self, first: int, after: str | None = None, state: LoanState | None = LoanState.OPEN
    ) -> Connection[OwnLoan]:
        compiled()

    @declared(Pages("{t}.patron_id = {p}.id", NEWEST, where=where_reservations), "Reservations, newest first.")
    def reservations(
        self, first: int, after: str | None = None, state: ReservationState | None = ReservationState.OPEN
    ) -> Connection[OwnReservation]:
        compiled()

    @declared(Pages("{t}.patron_id = {p}.id", NEWEST, where=where_debts), "Debts, newest first.")
    def debts(
        self, first: int, after: str | None = None, state: DebtState | None = DebtState.OPEN
    ) -> Connection[OwnDebt]:
        compiled()


@graph_type(source="patron", scope=IN_LIBRARY, description="A patron who is signed in.")
class PatronViewer:
    """All that a patron can ask for."""

    patron: OwnAccount = one("{t}.id = {p}.id", "Your account.")
    group: OwnGroup | None = one("{t}.patron_id = {p}.id", "Your place in a group; null when you are in none.")
    library: LibrarySummary = one("{t}.id = {library}", "The library it is at.")
    currency: str = expression(
        "(SELECT home.currency FROM library home WHERE home.id = {library})",
        "ISO 4217 code of the currency of all amounts.",
    )


@strawberry.input(description="A patron's card and PIN.")
class SignInPatronInput:
    """The library is needed when several libraries know the barcode."""

    barcode: str = strawberry.field(description="Barcode of an active card.")
    pin: str = strawberry.field(description="PIN.")
    library_code: str | None = strawberry.field(default=None, description="Code of the library, in any case.")


@strawberry.type(description="Signed in: the answer set the session's cookie.")
class SignInPatronSuccess:
    """Ask `viewer` for the rest."""

    expires_at: dt.datetime = strawberry.field(description="When the session ends by itself.")
