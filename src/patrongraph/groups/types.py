"""Groups of linked accounts, as front ends see them. A group's debt is information and blocks nobody."""

import datetime as dt
from decimal import Decimal
from typing import Annotated

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
    read_back,
)
from patrongraph.groups.problems import GroupChanged, NotInGroup
from patrongraph.patrons.problems import TooMany
from patrongraph.patrons.types import Patron
from patrongraph.permissions import Permission
from patrongraph.problems import InvalidInput, NotFound


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


@graph_type(
    source="privacy_waiver",
    scope=IN_LIBRARY,
    description="A member's consent that the group's lead may see their titles, not only counts and totals.",
)
class PrivacyWaiver:
    """Given for one group; it ends when it is revoked or the member leaves."""

    granted_at: dt.datetime = column("granted_at", "When it was given.")


@graph_type(source="group_membership", scope=IN_LIBRARY, prefix="member", description="One patron's place in a group.")
class GroupMember(Node):
    """A patron is in at most one group."""

    id: strawberry.ID = key()
    patron: Patron = one("{t}.id = {p}.patron_id", "The member.")
    lead: bool = column("lead", "Whether this member leads the group.")
    joined_at: dt.datetime = column("joined_at", "Since when.")
    waiver: PrivacyWaiver | None = one(
        "{t}.id = (SELECT w.id FROM privacy_waiver w WHERE w.patron_id = {p}.patron_id AND w.group_id = {p}.group_id"
        " AND w.library_id = {library} AND w.revoked_at IS NULL ORDER BY w.id LIMIT 1)",
        "The member's consent that the lead may see their titles; null without it.",
    )


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


@strawberry.input(one_of=True, description="Names a group of your library, in one of two ways.")
class GroupRef:
    """Exactly one of the fields."""

    group_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="Id, like grp_12.")
    member_barcode: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Barcode of any card of a member; of a patron in no group, to make a group with them.",
    )


@strawberry.input(description="Which patrons are to be moved into which group.")
class MoveToGroupInput:
    """Exactly one of patron_barcode and patron_ids."""

    into: GroupRef = strawberry.field(description="The group to move into.")
    confirm: bool = strawberry.field(description="False only shows who would move; true moves them.")
    patron_barcode: str | None = strawberry.field(
        default=None, description="Barcode of any card of the one patron to move."
    )
    patron_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Ids of the patrons to move, at most 200."
    )


@strawberry.type(description="Who would move into which group; nothing was changed.")
class MoveToGroupPreview:
    """The answer to a move that is not confirmed; a patron's own field `group` says where they are now."""

    patron_ids: strawberry.Private[list[int]]
    moving_ids: strawberry.Private[list[int]]
    group_id: strawberry.Private[int | None]
    member_id: strawberry.Private[int | None]
    dissolved_ids: strawberry.Private[list[int]]
    changed: int = strawberry.field(description="How many would change group.")
    patrons: list[Patron] = read_back("patron_ids", "The patrons asked for, in the order of the request.")
    moving: list[Patron] = read_back("moving_ids", "Those of them who would change group.")
    target_group: PatronGroup | None = read_back("group_id", "The group now; null where the move would make one.")
    target_member: Patron | None = read_back("member_id", "Whose barcode names the group; null when its id does.")
    dissolved: list[PatronGroup] = read_back("dissolved_ids", "Groups that would lose their last member, and so go.")


@strawberry.type(description="The patrons, all of them now in the group.")
class MoveToGroupSuccess:
    """Payload of a confirmed moveToGroup."""

    patron_ids: strawberry.Private[list[int]]
    group_id: strawberry.Private[int]
    changed: int = strawberry.field(description="How many of them changed group.")
    dissolved_count: int = strawberry.field(description="How many groups lost their last member, and so went.")
    group: PatronGroup = read_back("group_id", "The group.")
    patrons: list[Patron] = read_back("patron_ids", "The patrons, in the order of the request.")


@strawberry.type(description="The patrons, none of them now in a group.")
class RemoveFromGroupSuccess:
    """Payload of removeFromGroup."""

    patron_ids: strawberry.Private[list[int]]
    changed: int = strawberry.field(description="How many of them were in a group.")
    dissolved_count: int = strawberry.field(description="How many groups lost their last member, and so went.")
    patrons: list[Patron] = read_back("patron_ids", "The patrons, in the order of the request.")


@strawberry.input(description="Who is to lead a group.")
class SetGroupLeadInput:
    """Input of setGroupLead."""

    group_id: strawberry.ID = strawberry.field(description="Id of the group.")
    patron_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Id of a member; null for a group without a lead. Must be said."
    )


@strawberry.type(description="The group, led as asked for.")
class SetGroupLeadSuccess:
    """Payload of setGroupLead."""

    group_id: strawberry.Private[int]
    changed: bool = strawberry.field(description="Whether another led it before, or nobody.")
    group: PatronGroup = read_back("group_id", "The group.")


@strawberry.input(description="A patron whose consent is written down or taken back.")
class PrivacyWaiverInput:
    """Input of grantPrivacyWaiver and revokePrivacyWaiver."""

    patron_id: strawberry.ID = strawberry.field(description="Id of the patron.")


@strawberry.type(description="The lead of the patron's group may see the patron's titles.")
class GrantPrivacyWaiverSuccess:
    """Payload of grantPrivacyWaiver."""

    patron_id: strawberry.Private[int]
    waiver_id: strawberry.Private[int]
    changed: bool = strawberry.field(description="Whether there was no waiver before.")
    waiver: PrivacyWaiver = read_back("waiver_id", "The waiver that now stands.")
    patron: Patron = read_back("patron_id", "The patron.")


@strawberry.type(description="Nobody but the patron and the staff may see the patron's titles.")
class RevokePrivacyWaiverSuccess:
    """Payload of revokePrivacyWaiver."""

    patron_id: strawberry.Private[int]
    changed: bool = strawberry.field(description="Whether there was a waiver before.")
    patron: Patron = read_back("patron_id", "The patron.")


MoveToGroupResult = Annotated[
    MoveToGroupSuccess | MoveToGroupPreview | InvalidInput | NotFound | TooMany | GroupChanged,
    strawberry.union("MoveToGroupResult", description="The move, what it would be, or why nobody was moved."),
]
RemoveFromGroupResult = Annotated[
    RemoveFromGroupSuccess | InvalidInput | NotFound | TooMany | GroupChanged,
    strawberry.union("RemoveFromGroupResult", description="The patrons, or why none was removed."),
]
SetGroupLeadResult = Annotated[
    SetGroupLeadSuccess | InvalidInput | NotFound | NotInGroup | GroupChanged,
    strawberry.union("SetGroupLeadResult", description="The group, or why its lead stays."),
]
GrantPrivacyWaiverResult = Annotated[
    GrantPrivacyWaiverSuccess | NotFound | NotInGroup | GroupChanged,
    strawberry.union("GrantPrivacyWaiverResult", description="The waiver, or why there is none."),
]
RevokePrivacyWaiverResult = Annotated[
    RevokePrivacyWaiverSuccess | NotFound,
    strawberry.union("RevokePrivacyWaiverResult", description="The patron, or why nothing was revoked."),
]
