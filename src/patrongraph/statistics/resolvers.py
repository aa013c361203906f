"""Root field of the circulation statistics."""

import datetime as dt
from typing import Annotated

import strawberry

from patrongraph.graph.arguments import Where
from patrongraph.graph.declare import RootRows, compiled, declared
from patrongraph.permissions import Permission
from patrongraph.statistics.grouping import MOST_ROWS, TOO_MANY, StatisticDimension, loans_source
from patrongraph.statistics.types import LoanStatisticRow, StatisticFilter


def _all_groups(_where: Where) -> None:
    """Leave out no group: what is not asked for is not counted in the first place."""


@strawberry.type
class StatisticsQuery:
    """Query.loanStatistics."""

    @declared(
        RootRows(_all_groups, "{t}.place", source=loans_source, limit=MOST_ROWS, too_many=TOO_MANY),
        f"Loans that were lent in a time, counted by groups, live ones and those kept of purged patrons together. "
        f"In the order of `by`, branches by their code, nulls last; at most {MOST_ROWS:,} rows.",
        permission=Permission.REPORTS_VIEW,
    )
    def loan_statistics(
        self,
        from_: Annotated[dt.date, strawberry.argument(name="from", description="First day of lending, in UTC.")],
        to: Annotated[dt.date, strawberry.argument(description="Last day of lending, in UTC; at most 25 years on.")],
        by: Annotated[
            list[StatisticDimension],
            strawberry.argument(description="What to group by; without any, one row has the totals."),
        ],
        filter: Annotated[
            StatisticFilter | None, strawberry.argument(description="Which loans are counted; all by default.")
        ] = None,
    ) -> list[LoanStatisticRow]:
        compiled()
