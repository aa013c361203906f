"""The patron and everything that hangs on it, as front ends see it."""

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import strawberry

from patrongraph.audit.types import AuditEvent
from patrongraph.circulation.models import ReservationState
from patrongraph.circulation.types import (
    Debt,
    DebtState,
    Loan,
    LoanState,
    Reservation,
    where_debts,
    where_loans,
    where_reservations,
)
from patrongraph.cohorts.types import Cohort
from patrongraph.graph.arguments import Where
from patrongraph.graph.connections import Connection, Node
from patrongraph.graph.declare import (
    FROM_PARENT,
    IN_LIBRARY,
    NEWEST,
    Many,
    Pages,
    column,
    compiled,
    declared,
    expression,
    graph_type,
    key,
    many,
    one,
)
from patrongraph.libraries.types import Branch, LibrarySummary
from patrongraph.patrons.problems import AddressKind, ObstacleCode, PatronStatus
from patrongraph.patrons.queries import (
    ACTIVE_BLOCK,
    BLOCK_LEVEL,
    ErasureAction,
    block_reasons_sql,
    obstacles_sql,
)
from patrongraph.patrons.queries import BlockReasonCode as BlockReasonCode
from patrongraph.permissions import Permission
from patrongraph.staff.types import StaffUser

if TYPE_CHECKING:
    from patrongraph.groups.types import PatronGroup

LazyGroup = Annotated["PatronGroup", strawberry.lazy("patrongraph.groups.types")]

# AddressKind, PatronStatus and ObstacleCode are made GraphQL enumerations in patrons.problems, which lies lower.
strawberry.enum(ErasureAction, description="The two ways to erase a patron.")
strawberry.enum(BlockReasonCode, description="Why a patron is refused service.")


@graph_type(source="address", scope=IN_LIBRARY, prefix="addr", description="One address of one patron.")
class Address(Node):
    """Copied when a patron is cloned, never shared."""

    id: strawberry.ID = key()
    kind: AddressKind = column("kind", "What it is for.")
    street: str = column("street", "Street and number.")
    postal_code: str = column("postal_code", "Postal code.")
    city: str = column("city", "City.")
    region: str = column("region", "State, county or region.")
    country: str = column("country", "Country.")


@graph_type(source="card", scope=IN_LIBRARY, prefix="card", description="One barcode of a patron.")
class Card(Node):
    """An inactive card still names the patron in a search, and opens nothing."""

    id: strawberry.ID = key()
    barcode: str = column("barcode", "Unique in the library.")
    active: bool = column("active", "Whether it may be used.")
    created_at: dt.datetime = column("created_at", "When it was issued.")


@graph_type(source="block", scope=IN_LIBRARY, prefix="block", description="A block placed by staff.")
class Block(Node):
    """Kept after it is lifted. The block for debts is none of these: it is in blockReasons."""

    id: strawberry.ID = key()
    comment: str = column("comment", "Why, for staff.")
    message: str | None = column("message", "What the patron is told.")
    placed_at: dt.datetime = column("placed_at", "When it was placed.")
    placed_by: StaffUser | None = one(
        "{t}.id = {p}.placed_by_id", "Who placed it; null for a program, an import or the command line."
    )
    expires_at: dt.datetime | None = column("expires_at", "When it ends by itself.")
    lifted_at: dt.datetime | None = column("lifted_at", "When staff lifted it.")
    lifted_by: StaffUser | None = one("{t}.id = {p}.lifted_by_id", "Who lifted it; null as for placedBy.")
    lift_reason: str | None = column("lift_reason", "Why it was lifted.")
    active: bool = expression(
        "({t}.lifted_at IS NULL AND ({t}.expires_at IS NULL OR {t}.expires_at > now()))",
        "Whether it blocks the patron now.",
    )


# Level 0 means any debt; a patron who owes nothing is never blocked for it.
_DEBT_BLOCKS = f"{{debt}}.total > 0 AND {{debt}}.total >= {BLOCK_LEVEL}"


@graph_type(source=None, scope=FROM_PARENT, description="One reason why a patron is refused service.")
class BlockReason:
    """Worked out when asked."""

    code: BlockReasonCode = column("code", "Which kind of reason.")
    message: str = column("message", "The reason, for people.")
    block: Block | None = one("{t}.id = {p}.block_id", "The block placed by staff, when that is the reason.")
    debt: Decimal | None = column("debt", "What the patron owes, when that is the reason.")
    level: Decimal | None = column("level", "The library's limit, when debt is the reason.")
    amount_to_clear: Decimal | None = column(
        "amount_to_clear", "The least payment that ends the block, when debt is the reason."
    )


@graph_type(source=None, scope=FROM_PARENT, description="One thing that stands in the way of erasing a patron.")
class Obstacle:
    """Worked out when asked, by the same SQL that a purge uses at the patron's turn."""

    code: ObstacleCode = column("code", "Which kind of obstacle.")
    count: int = column("count", "How many loans, reservations, charges or exports it is.")
    ids: list[strawberry.ID] = expression(
        "ARRAY(SELECT CASE {t}.code WHEN 'OPEN_LOANS' THEN 'loan_' WHEN 'OPEN_RESERVATIONS' THEN 'res_'"
        " WHEN 'EXPORT_IN_PROGRESS' THEN 'export_' ELSE 'debt_' END || each FROM unnest({t}.ids) AS each)",
        "Ids of the loans, reservations, debts or exports; empty for a flag of the account.",
    )


def where_blocks(where: Where) -> None:
    """Leave out blocks that have ended, unless they are asked for."""
    if not where.choice("includeEnded"):
        where.add("{t}.lifted_at IS NULL AND ({t}.expires_at IS NULL OR {t}.expires_at > now())")


def where_obstacles(where: Where) -> None:
    """Ask for the obstacles of the chosen action."""
    purge = "true" if where.choice("to") is ErasureAction.PURGE else "false"
    where.read_from(f"({obstacles_sql('ARRAY[{p}.id]', purge)})")


@graph_type(
    source="patron",
    scope=IN_LIBRARY,
    prefix="pat",
    description="One account at your library.",
    laterals={
        "open_loans": (
            "SELECT count(*) AS total, count(*) FILTER (WHERE NOT l.lost AND l.due_at < now()) AS overdue FROM loan l"
            " WHERE l.patron_id = {t}.id AND l.library_id = {library} AND l.returned_at IS NULL"
        ),
        "holds": (
            "SELECT count(*) AS total FROM reservation r"
            " WHERE r.patron_id = {t}.id AND r.library_id = {library} AND r.state = 'OPEN'"
        ),
        "debt": (
            "SELECT coalesce(sum(e.outstanding), 0.00) AS total FROM ledger_entry e"
            " WHERE e.patron_id = {t}.id AND e.library_id = {library} AND e.kind = 'CHARGE' AND e.outstanding <> 0"
        ),
    },
)
class Patron(Node):
    """The PIN is nowhere here: no type knows it."""

    id: strawberry.ID = key()
    barcode: str | None = expression(
        "(SELECT c.barcode FROM card c WHERE c.patron_id = {t}.id AND c.library_id = {library} AND c.active"
        " ORDER BY c.id DESC LIMIT 1)",
        "Barcode of the newest active card.",
    )
    cards: list[Card] = many("{t}.patron_id = {p}.id", "All cards, oldest first.", order="{t}.id")
    external_id: str | None = column("external_id", "Key of this patron in the system that it was imported from.")
    username: str | None = column("username", "Name to sign in with, unique in the library.")
    first_name: str = column("first_name", "Given name.")
    middle_name: str | None = column("middle_name", "Middle name.")
    last_name: str = column("last_name", "Family name.")
    preferred_name: str | None = column("preferred_name", "What the patron wants to be called.")
    display_name: str = expression(
        "btrim(coalesce({t}.preferred_name, {t}.first_name) || ' ' || {t}.last_name)",
        "Preferred or given name, and family name.",
    )
    date_of_birth: dt.date | None = column("date_of_birth", "Date of birth.")
    email: str | None = column("email", "E-mail address.")
    phone: str | None = column("phone", "Telephone number.")
    addresses: list[Address] = many("{t}.patron_id = {p}.id", "All addresses.", order="{t}.id")
    category: str = column("category", "Patron category; empty when not known.")
    cohort: Cohort | None = one("{t}.id = {p}.cohort_id", "School year group.")
    branch: Branch | None = one("{t}.id = {p}.branch_id", "Home branch.")
    registered_at: dt.datetime = column("registered_at", "When the account was opened.")
    expires_on: dt.date | None = column("expires_on", "Last day on which the account may be used.")
    expired: bool = expression("coalesce({t}.expires_on < current_date, false)", "Whether that day has passed.")
    last_activity_at: dt.datetime | None = column("last_activity_at", "When the account was last used.")
    status: PatronStatus = column("status", "Whether the account is in use.")
    status_changed_at: dt.datetime = column("status_changed_at", "Since when it has that status.")
    purge_after: dt.datetime | None = column(
        "purge_after", "When the account that is PENDING_PURGE will be erased; until then it can be restored."
    )
    protected: bool = column("protected", "Whether it is kept from deletion and purge.")
    version: int = column("version", "Grows with each edit; an edit names the version that it saw.")
    notes: str | None = column("notes", "What staff wrote about the patron.")
    blocked: bool = expression(
        "({t}.status <> 'ACTIVE' OR coalesce({t}.expires_on < current_date, false)"
        f" OR coalesce({_DEBT_BLOCKS}, false) OR EXISTS (SELECT FROM block b WHERE b.patron_id = {{t}}.id"
        f" AND b.library_id = {{library}} AND {ACTIVE_BLOCK}))",
        "Whether the patron is refused service, for any reason.",
    )
    block_reasons: list[BlockReason] = many(
        "true",
        "Every reason why, with the payment that would clear a debt.",
        order="{t}.place, {t}.block_id",
        source=f"({block_reasons_sql('{p}', '{library}')})",
    )
    open_loan_count: int = expression("{open_loans}.total", "Loans not yet returned, lost ones included.")
    overdue_loan_count: int = expression("{open_loans}.overdue", "Open loans past their due time, not lost ones.")
    open_reservation_count: int = expression("{holds}.total", "Reservations still waiting.")
    debt_total: Decimal = expression("{debt}.total", "What is left of all charges, in the library's currency.")
    group: LazyGroup | None = one(
        "{t}.patron_id = {p}.id",
        "The group that the patron belongs to.",
        source="(SELECT g.*, m.patron_id FROM patron_group g JOIN group_membership m ON m.group_id = g.id)",
    )
    group_lead: bool = expression(
        "coalesce((SELECT m.lead FROM group_membership m WHERE m.patron_id = {t}.id AND m.library_id = {library}),"
        " false)",
        "Whether the patron leads that group.",
    )
    other_accounts: list[LibrarySummary] = many(
        "{t}.person_id = {p}.person_id AND {t}.id <> {library}",
        "Other libraries where this person has an account: their names, and nothing else.",
        order="{t}.code",
        source="(SELECT DISTINCT other.id, other.code, other.name, account.person_id FROM patron account"
        " JOIN library other ON other.id = account.library_id)",
    )

    @declared(Pages("{t}.patron_id = {p}.id", NEWEST, where=where_blocks), "Blocks placed by staff, newest first.")
    def blocks(self, first: int, after: str | None = None, include_ended: bool = False) -> Connection[Block]:
        compiled()

    @declared(Pages("{t}.patron_id = {p}.id", NEWEST, where=where_loans), "Loans, newest first.")
    def loans(self, first: int, after: str | None = None, state: LoanState | None = LoanState.OPEN) -> Connection[Loan]:
        compiled()

    @declared(Pages("{t}.patron_id = {p}.id", NEWEST, where=where_reservations), "Reservations, newest first.")
    def reservations(
        self, first: int, after: str | None = None, state: ReservationState | None = ReservationState.OPEN
    ) -> Connection[Reservation]:
        compiled()

    @declared(Pages("{t}.patron_id = {p}.id", NEWEST, where=where_debts), "Debts, newest first.")
    def debts(self, first: int, after: str | None = None, state: DebtState | None = DebtState.OPEN) -> Connection[Debt]:
        compiled()

    @declared(
        Many("true", "{t}.code", where=where_obstacles),
        "Everything that stands in the way of deleting or purging the patron; empty when nothing does.",
    )
    def obstacles(self, to: ErasureAction) -> list[Obstacle]:
        compiled()

    @declared(
        Pages("{t}.subject_kind = 'patron' AND {t}.subject_id = {p}.id", NEWEST),
        "What was done to this account, newest first.",
        permission=Permission.AUDIT_VIEW,
    )
    def activity(self, first: int, after: str | None = None) -> Connection[AuditEvent]:
        compiled()
