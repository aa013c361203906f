"""The library and its branches, as front ends see them."""

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import strawberry

from patrongraph.graph.connections import Node
from patrongraph.graph.declare import FROM_PARENT, IN_LIBRARY, IS_LIBRARY, column, graph_type, key, many, read_back
from patrongraph.problems import InvalidInput

if TYPE_CHECKING:
    from patrongraph.cohorts.types import Cohort


@graph_type(source="branch", scope=IN_LIBRARY, prefix="branch", node=None, description="A place of the library.")
class Branch(Node):
    """A patron's home branch, an item's place, a reservation's pickup branch."""

    id: strawberry.ID = key()
    code: str = column("code", "Short code, unique in the library.")
    name: str = column("name", "Name for people.")
    phone: str | None = column("phone", "Telephone number.")
    email: str | None = column("email", "E-mail address.")


@graph_type(
    source="library", scope=FROM_PARENT, description="A library by name only, where another one's item is seen."
)
class LibrarySummary:
    """All that one library sees of another."""

    code: str = column("code", "Short code, unique in the system.")
    name: str = column("name", "Name for people.")


@graph_type(
    source="(SELECT DISTINCT patron.category, patron.library_id FROM patron)",
    scope=IN_LIBRARY,
    description="A patron category in use.",
)
class PatronCategory:
    """Categories are what the patrons' records say; they have no table."""

    name: str = column("category", "The category, as the patrons' records have it.")


@graph_type(
    source="library",
    scope=IS_LIBRARY,
    prefix="lib",
    node=None,
    description="Your library: its policy, branches and cohorts.",
)
class Library(Node):
    """The tenant of whoever asks."""

    id: strawberry.ID = key()
    code: str = column("code", "Short code, unique in the system.")
    name: str = column("name", "Name for people.")
    locale: str = column("locale", "Language of the library, such as en or sv.")
    currency: str = column("currency", "ISO 4217 code of the currency of all amounts.")
    block_level: Decimal | None = column(
        "block_level", "Debt from which a patron is blocked: 0 for any debt, null for never."
    )
    retain_deleted_patron_loans: bool = column(
        "retain_deleted_patron_loans", "Whether loans of purged patrons remain as anonymous statistics."
    )
    purge_waive_limit: Decimal = column("purge_waive_limit", "Debt up to which a purge writes it off.")
    grace_days: int = column("grace_days", "Days between a purge's start and erasure, in which it can be undone.")
    max_purge_per_operation: int = column("max_purge_per_operation", "Most patrons that one purge by tagging may name.")
    export_ttl_hours: int = column("export_ttl_hours", "Hours that an export file is kept.")
    group_lead_access: bool = column(
        "group_lead_access", "Whether a group's lead who signs in sees the group's counts and totals."
    )
    created_at: dt.datetime = column("created_at", "When the library was added.")
    branches: list[Branch] = many("true", "All branches, by code.", order="{t}.code")
    categories: list[PatronCategory] = many("true", "The patron categories in use.", order="{t}.category")
    cohorts: list[Annotated["Cohort", strawberry.lazy("patrongraph.cohorts.types")]] = many(
        "true", "School year groups, by code.", order="{t}.code"
    )


_KEPT = "Null is refused."


@strawberry.input(description="What changes of the library's policy; what is left out stays.")
class UpdateLibraryPolicyInput:
    """Input of updateLibraryPolicy. What has begun under the former policy goes on as it was settled."""

    name: strawberry.Maybe[str | None] = strawberry.field(
        description=f"Name for people, at most 200 characters. {_KEPT}"
    )
    locale: strawberry.Maybe[str | None] = strawberry.field(
        description=f"Language of the library, such as en or sv. {_KEPT}"
    )
    block_level: strawberry.Maybe[Decimal | None] = strawberry.field(
        description="Debt from which a patron is blocked: 0 for any debt, null for never."
    )
    retain_deleted_patron_loans: strawberry.Maybe[bool | None] = strawberry.field(
        description=f"Whether loans of purged patrons remain as anonymous statistics. {_KEPT}"
    )
    purge_waive_limit: strawberry.Maybe[Decimal | None] = strawberry.field(
        description=f"Debt up to which a purge writes it off. {_KEPT}"
    )
    grace_days: strawberry.Maybe[int | None] = strawberry.field(
        description=f"Days between a purge's start and erasure, 0 to 365. {_KEPT}"
    )
    max_purge_per_operation: strawberry.Maybe[int | None] = strawberry.field(
        description=f"Most patrons that one purge by tagging may name, 1 to 200. {_KEPT}"
    )
    export_ttl_hours: strawberry.Maybe[int | None] = strawberry.field(
        description=f"Hours that an export file is kept, 1 to 720. {_KEPT}"
    )
    group_lead_access: strawberry.Maybe[bool | None] = strawberry.field(
        description=f"Whether a group's lead who signs in sees the group's counts and totals. {_KEPT}"
    )


@strawberry.type(description="The library with its policy as it is now.")
class UpdateLibraryPolicySuccess:
    """Payload of updateLibraryPolicy."""

    library_id: strawberry.Private[int]
    changed: bool = strawberry.field(description="Whether anything of it is other than before.")
    library: Library = read_back("library_id", "The library.")


UpdateLibraryPolicyResult = Annotated[
    UpdateLibraryPolicySuccess | InvalidInput,
    strawberry.union("UpdateLibraryPolicyResult", description="The library, or why nothing of it was changed."),
]
