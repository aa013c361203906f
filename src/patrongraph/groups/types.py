"""Groups of linked accounts, as front ends see them. A group's debt is information and blocks nobody."""

import datetime as dt
from decimal import Decimal

import strawberry

from patrongraph.graph.connections import Connection, Node
from patrongraph.graph.declare import (
    BY_ID,
    FROM_PARENT,
    IN_LIBRARY,
    Pages,
    column,
    compiled,
    declared,
    expression,
    graph_type,
    key,
    one,
)
from patrongraph.patrons.types import Patron
from patrongraph.permissions import Permission


def _over_members(columns: str, table: str, condition: str) -> str:
    """Return a query over the rows of a table that belong to the members of group {t}."""
    return (
        f"SELECT {columns} FROM group_membership m JOIN {table} x ON x.patron_id = m.patron_id"
        f" WHERE m.group_id = {{t}}.id AND m.library_id = {{library}} AND x.library_id = {{library}} AND {condition}"
    )


@graph_type(
    source=None,
    scope=FROM_PARENT,
    description="Sums over the members of a group.",
    laterals={
        "loans": _over_members(
            "count(*) AS total, count(*) FILTER (WHERE NOT x.lost AND x.due_at < now()) AS overdue,"
            " count(*) FILTER (WHERE x.lost) AS lost",
            "loan",
            "x.returned_at IS NULL",
        ),
        "holds": _over_members("count(*) AS total", "reservation", "x.state = 'OPEN'"),
        "debts": _over_members(
            "coalesce(sum(x.outstanding), 0.00) AS total", "ledger_entry", "x.kind = 'CHARGE' AND x.outstanding <> 0"
        ),
    },
)
class GroupTotals:
    """Only a patron's own debt blocks; these sums never do."""

    open_loans: int = expression("{loans}.total", "Loans not yet returned, lost ones included.")
    overdue_loans: int = expression("{loans}.overdue", "Open loans past their due time, not lost ones.")
    lost_loans: int = expression("{loans}.lost", "Open loans of lost items.")
    reservations: int = expression("{holds}.total", "Reservations still waiting.")
    debt: Decimal = expression("{debts}.total", "What is left of all charges, in the library's currency.")
    informational_only: bool = expression("true", "Always true: what a group owes blocks nobody.")


@graph_type(source="group_membership", scope=IN_LIBRARY, prefix="member", description="One patron's place in a group.")
class GroupMember(Node):
    """A patron is in at most one group."""

    id: strawberry.ID = key()
    patron: Patron = one("{t}.id = {p}.patron_id", "The member.")
    lead: bool = column("lead", "Whether this member leads the group.")
    joined_at: dt.datetime = column("joined_at", "Since when.")


@graph_type(source="patron_group", scope=IN_LIBRARY, prefix="grp", description="Linked accounts, such as a family.")
class PatronGroup(Node):
    """Goes with its last member; may be without a lead."""

    id: strawberry.ID = key()
    created_at: dt.datetime = column("created_at", "When the group was made.")
    lead: Patron | None = one(
        "{t}.id = (SELECT m.patron_id FROM group_membership m"
        " WHERE m.group_id = {p}.id AND m.library_id = {library} AND m.lead)",
        "The member who leads the group, if one does.",
    )
    member_count: int = expression(
        "(SELECT count(*) FROM group_membership m WHERE m.group_id = {t}.id AND m.library_id = {library})",
        "How many members it has.",
    )
    totals: GroupTotals = one(
        "true",
        "Sums over all members.",
        source="(SELECT {p}.id)",
        permission=Permission.GROUPS_VIEW_TOTALS,
    )

    @declared(Pages("{t}.group_id = {p}.id", BY_ID), "The members, in the order in which they joined.")
    def members(self, first: int, after: str | None = None) -> Connection[GroupMember]:
        compiled()
