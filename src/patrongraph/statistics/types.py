"""Loans counted by groups, as reporting tools see them."""

import datetime as dt

import strawberry

from patrongraph.graph.declare import FROM_PARENT, column, expression, graph_type, one
from patrongraph.libraries.types import Branch, LibrarySummary
from patrongraph.statistics.grouping import MOST_VALUES, StatisticDimension, StatisticRecord

strawberry.enum(StatisticDimension, description="What loans can be grouped by.")
strawberry.enum(
    StatisticRecord,
    description="Where a loan that is counted stands: LIVE with a patron, RETAINED without, since the patron's purge.",
)

_AT_MOST = f"at most {MOST_VALUES} of them"


@strawberry.input(description="Which loans are counted; what is left out or null does not restrict.")
class StatisticFilter:
    """All given parts must hold; of a list any value."""

    branch_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description=f"Lent at one of these branches, {_AT_MOST}."
    )
    item_branch_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description=f"Of items that belong to one of these branches of your library, {_AT_MOST}."
    )
    material_types: list[str] | None = strawberry.field(
        default=None, description=f"Of items of one of these kinds, {_AT_MOST}; an empty text for not known."
    )
    categories: list[str] | None = strawberry.field(
        default=None, description=f"By patrons of one of these categories, {_AT_MOST}; an empty text for none."
    )
    cohorts: list[str] | None = strawberry.field(
        default=None, description=f"By patrons of one of the cohorts with these codes, {_AT_MOST}."
    )
    lost: bool | None = strawberry.field(default=None, description="Whether the item was declared lost on the loan.")
    record: StatisticRecord | None = strawberry.field(
        default=None, description="Only loans of present patrons, or only those that purges have kept."
    )


# The rows are read from the query that grouping composes; each table in it carries the library.
@graph_type(
    source=None,
    scope=FROM_PARENT,
    description="A group of loans and how many they are. What is not in `by` is null; null in what is means not known.",
)
class LoanStatisticRow:
    """One field for each dimension, then the counts."""

    year: int | None = column("year", "YEAR: the year of lending.")
    month: dt.date | None = column("month", "MONTH: the first day of the month of lending.")
    day: dt.date | None = column("day", "DAY: the day of lending, in UTC.")
    weekday: int | None = column("weekday", "WEEKDAY: Monday is 1, Sunday 7.")
    branch: Branch | None = one("{t}.id = {p}.branch_id", "BRANCH: where it was lent.")
    item_branch: LibrarySummary | None = one(
        "{t}.id = {p}.item_branch_id",
        "ITEM_BRANCH: the branch that the item belongs to, by name; it may be another library's.",
        source="(SELECT b.id, b.code, b.name FROM branch b)",
    )
    item_library: LibrarySummary | None = one(
        "{t}.id = (SELECT b.library_id FROM branch b WHERE b.id = {p}.item_branch_id)",
        "ITEM_BRANCH: the library of that branch.",
    )
    material_type: str | None = column("material_type", "MATERIAL_TYPE: kind of material; empty when not known.")
    category: str | None = column("category", "CATEGORY: the patron's category; empty when there is none.")
    cohort: str | None = column("cohort", "COHORT: code of the patron's school year group.")
    declared_lost: bool | None = column("declared_lost", "LOST: whether the item was declared lost on the loan.")
    loans: int = column("loans", "How many loans.")
    returned: int = column("returned", "Loans of which the item came back: closed, and not as lost.")
    lost: int = column("lost", "Loans on which the item was declared lost, closed or not.")
    open: int = column("open", "Loans that are not closed, lost ones too.")
    average_days: float | None = expression(
        "round({t}.days::numeric / nullif({t}.returned, 0), 1)",
        "Average time of `returned`, in whole days from the day of lending to that of return; null without any.",
    )
