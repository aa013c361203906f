"""How loans are counted: what they are grouped by, which are left out, and the one query that both become.

Beside the six names because it is neither a read outside the graph nor a type of it: the compiler reads a list's rows
from the query that is composed here, for the API, for CSV and for the command line alike.

A live loan is counted under what a purge would keep of it at this moment: the patron's category and cohort, the
item's branch and material type as they are now, and days in UTC. So a purge that retains loans moves no total.
"""

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from patrongraph.db import storable
from patrongraph.graph.arguments import Where
from patrongraph.graph.ids import BadArgument, decode_id

FIRST_DAY, LAST_DAY = dt.date(1900, 1, 1), dt.date(2199, 12, 31)
"""Days that may be asked for; what lies outside is a slip of the keyboard."""
MOST_DAYS = 9_132
"""Longest time, in days: 25 years."""
MOST_ROWS = 10_000
"""Most rows of an answer."""
MOST_VALUES = 200
"""Most values in one part of a filter."""

TOO_MANY = (
    f"The answer would have more than {MOST_ROWS:,} rows: name fewer dimensions in by (DAY makes the most rows), "
    "a shorter time between from and to, or a filter."
)


class StatisticDimension(StrEnum):
    """What loans can be grouped by, in the order of the schema."""

    YEAR = "YEAR"
    MONTH = "MONTH"
    DAY = "DAY"
    WEEKDAY = "WEEKDAY"
    BRANCH = "BRANCH"
    ITEM_BRANCH = "ITEM_BRANCH"
    MATERIAL_TYPE = "MATERIAL_TYPE"
    CATEGORY = "CATEGORY"
    COHORT = "COHORT"
    LOST = "LOST"


class StatisticRecord(StrEnum):
    """Where a loan that is counted stands: with a patron, or anonymous since the patron was purged."""

    LIVE = "LIVE"
    RETAINED = "RETAINED"


@dataclass(frozen=True, slots=True)
class _Key:
    """One column to group by: its type, its value in a live loan (l, i, p, c) and in a retained one (s).

    `derived`: a part of the day, taken from the groups of a day instead of from every loan.
    """

    column: str
    sql_type: str
    live: str = ""
    retained: str = ""
    derived: str = ""
    order: str = ""


_DAY = _Key("day", "date", "(l.checked_out_at AT TIME ZONE 'UTC')::date", "s.checked_out_on")

_KEYS: Mapping[StatisticDimension, _Key] = {
    StatisticDimension.YEAR: _Key("year", "int", derived="extract(year FROM day)::int"),
    StatisticDimension.MONTH: _Key("month", "date", derived="date_trunc('month', day::timestamp)::date"),
    StatisticDimension.DAY: _DAY,
    StatisticDimension.WEEKDAY: _Key("weekday", "int", derived="extract(isodow FROM day)::int"),
    StatisticDimension.BRANCH: _Key(
        "branch_id", "bigint", "l.branch_id", "s.branch_id", order="lent.code, total.branch_id"
    ),
    StatisticDimension.ITEM_BRANCH: _Key(
        "item_branch_id", "bigint", "i.branch_id", "s.item_branch_id", order="owning.code, total.item_branch_id"
    ),
    StatisticDimension.MATERIAL_TYPE: _Key("material_type", "text", "i.material_type", "s.material_type"),
    StatisticDimension.CATEGORY: _Key("category", "text", "p.category", "s.category"),
    StatisticDimension.COHORT: _Key("cohort", "text", "c.code", "s.cohort_code"),
    StatisticDimension.LOST: _Key("declared_lost", "boolean", "l.lost", "s.lost"),
}

# What is joined to a live loan, when a value of it is wanted.
_JOINS = {
    "i": "JOIN item i ON i.id = l.item_id",
    "p": "JOIN patron p ON p.id = l.patron_id",
    "c": "LEFT JOIN cohort c ON c.id = p.cohort_id",
}

_JOINED = re.compile(r"\b[ipc](?=\.)")

# What the groups are joined to for their order; an item may belong to another library.
_ORDERING_JOINS = {
    "branch_id": "LEFT JOIN branch lent ON lent.id = total.branch_id AND lent.library_id = {library}",
    "item_branch_id": "LEFT JOIN branch owning ON owning.id = total.item_branch_id",
}

# Loans of the library that were lent from day FIRST to day LAST. The two comparisons of pairs say exactly what the
# index serves. Of two plain ones the planner, which does not know the days, would expect so few loans that it looked up
# the patron and the item of each in turn, a million times over.
_LIVE = """
l.library_id = {library}
AND (l.library_id, l.checked_out_at) >= ({library}, FIRST::timestamp AT TIME ZONE 'UTC')
AND (l.library_id, l.checked_out_at) < ({library}, (LAST + 1)::timestamp AT TIME ZONE 'UTC')
"""
_RETAINED = "s.library_id = {library} AND s.checked_out_on >= FIRST AND s.checked_out_on <= LAST"

# What is counted of a group, in a live loan and in a retained one. A loan that was closed as lost did not come back.
_LIVE_COUNTS = """
count(*) AS loans,
count(*) FILTER (WHERE l.returned_at IS NOT NULL AND NOT l.lost) AS returned,
count(*) FILTER (WHERE l.lost) AS lost,
count(*) FILTER (WHERE l.returned_at IS NULL) AS open,
sum((l.returned_at AT TIME ZONE 'UTC')::date - (l.checked_out_at AT TIME ZONE 'UTC')::date)
    FILTER (WHERE l.returned_at IS NOT NULL AND NOT l.lost) AS days
"""
_RETAINED_COUNTS = """
count(*) AS loans,
count(*) FILTER (WHERE s.returned_on IS NOT NULL AND NOT s.lost) AS returned,
count(*) FILTER (WHERE s.lost) AS lost,
count(*) FILTER (WHERE s.returned_on IS NULL) AS open,
sum(s.returned_on - s.checked_out_on) FILTER (WHERE NOT s.lost) AS days
"""
_TOTALS = ", ".join(
    f"coalesce(sum(part.{count}), 0)::bigint AS {count}" for count in ("loans", "returned", "lost", "open", "days")
)


@dataclass(frozen=True, slots=True)
class _Filter:
    """A part of the filter: predicates over a live and a retained loan with VALUE."""

    sql_type: str
    live: str
    retained: str
    prefix: str | None = None


# An item may be another library's, but the id of that library's branch is as one that does not exist.
_OWN = "ANY (ARRAY(SELECT own.id FROM branch own WHERE own.library_id = {library} AND own.id = ANY (VALUE)))"

_FILTERS: Mapping[str, _Filter] = {
    "branchIds": _Filter("bigint[]", "l.branch_id = ANY (VALUE)", "s.branch_id = ANY (VALUE)", "branch"),
    "itemBranchIds": _Filter("bigint[]", f"i.branch_id = {_OWN}", f"s.item_branch_id = {_OWN}", "branch"),
    "materialTypes": _Filter("text[]", "i.material_type = ANY (VALUE)", "s.material_type = ANY (VALUE)"),
    "categories": _Filter("text[]", "p.category = ANY (VALUE)", "s.category = ANY (VALUE)"),
    "cohorts": _Filter("text[]", "c.code = ANY (VALUE)", "s.cohort_code = ANY (VALUE)"),
    "lost": _Filter("boolean", "l.lost = VALUE", "s.lost = VALUE"),
}


def check_range(arguments: Mapping[str, Any]) -> None:
    """Refuse days that are no sensible time. Raises BadArgument."""
    first, last = arguments["from"], arguments["to"]
    for name, day in (("from", first), ("to", last)):
        if not FIRST_DAY <= day <= LAST_DAY:
            raise BadArgument(f"Argument {name} is {day}: it must lie between {FIRST_DAY} and {LAST_DAY}.")
    if last < first:
        raise BadArgument(f"Argument to is {last}, before from, which is {first}: the first day comes first.")
    if (last - first).days >= MOST_DAYS:
        raise BadArgument(
            f"From {first} to {last} are {(last - first).days + 1:,} days, and {MOST_DAYS:,} (25 years) may be asked "
            "for at once: ask for less."
        )


def loans_source(where: Where) -> str:
    """Return the query of the groups that the arguments ask for, `place` numbering them in their total order.

    Of more groups than are answered any MOST_ROWS + 1 come: enough to refuse, and no time is lost on sorting them.
    """
    where.check(check_range)
    dimensions: tuple[StatisticDimension, ...] = where.classify(_once, "by")
    record = where.choice("filter", "record")
    keys = [_KEYS[dimension] for dimension in dimensions]
    inner = [key for key in keys if not key.derived]
    if len(inner) < len(keys) and _DAY not in inner:
        inner.append(_DAY)
    parts = []
    if record is not StatisticRecord.RETAINED:
        parts.append(_live(where, inner))
    if record is not StatisticRecord.LIVE:
        parts.append(_retained(where, inner))
    groups = ", ".join([*(f"{key.derived or key.column} AS {key.column}" for key in keys), _TOTALS])
    others = [f"NULL::{key.sql_type} AS {key.column}" for key in _KEYS.values() if key not in keys]
    order = ", ".join(key.order or f"total.{key.column}" for key in keys)
    # Not LIMIT: for its sake the planner would sort all loans instead of hashing them.
    return f"""(
SELECT total.*, {", ".join([*others, f"row_number() OVER ({f'ORDER BY {order}' * bool(order)}) AS place"])}
FROM (SELECT {groups}, row_number() OVER () AS nth FROM ({" UNION ALL ".join(parts)}) part GROUP BY {_numbers(keys)})
    total {" ".join(_ORDERING_JOINS[key.column] for key in keys if key.column in _ORDERING_JOINS)}
WHERE total.nth <= {MOST_ROWS + 1})"""


def _once(by: Iterable[StatisticDimension]) -> tuple[StatisticDimension, ...]:
    return tuple(dict.fromkeys(by))


def _numbers(keys: list[_Key]) -> str:
    """Return what to group by: the first columns, or all rows as one group, which is there without any row too."""
    return ", ".join(str(place) for place in range(1, len(keys) + 1)) or "()"


def _live(where: Where, keys: list[_Key]) -> str:
    predicates = [_days(where, _LIVE), *_filters(where, "live")]
    columns = [f"{key.live} AS {key.column}" for key in keys]
    wanted = {name for text in (*columns, *predicates) for name in _JOINED.findall(text)}
    if "c" in wanted:
        wanted.add("p")
    joins = " ".join(join for name, join in _JOINS.items() if name in wanted)
    return f"""SELECT {", ".join([*columns, _LIVE_COUNTS])} FROM loan l {joins}
WHERE {" AND ".join(predicates)} GROUP BY {_numbers(keys)}"""


def _retained(where: Where, keys: list[_Key]) -> str:
    columns = [f"{key.retained} AS {key.column}" for key in keys]
    predicates = [_days(where, _RETAINED), *_filters(where, "retained")]
    return f"""SELECT {", ".join([*columns, _RETAINED_COUNTS])} FROM loan_statistic s
WHERE {" AND ".join(predicates)} GROUP BY {_numbers(keys)}"""


def _days(where: Where, predicate: str) -> str:
    return predicate.replace("FIRST", where.bind("date", "from")).replace("LAST", where.bind("date", "to"))


def _filters(where: Where, kind: str) -> list[str]:
    found = []
    for name, part in _FILTERS.items():
        if where.given("filter", name):
            value = where.bind(part.sql_type, "filter", name, convert=_CONVERT[name])
            found.append(getattr(part, kind).replace("VALUE", value))
    return found


@dataclass(frozen=True, slots=True)
class _Values:
    """Takes the values of a part of the filter out of its list. Raises BadArgument."""

    prefix: str | None

    def __call__(self, values: Any) -> Any:
        if isinstance(values, bool):
            return values
        if len(values) > MOST_VALUES:
            raise BadArgument(f"it has {len(values):,} values, and {MOST_VALUES} are allowed.")
        if self.prefix is not None:
            return [decode_id(self.prefix, value) for value in values]
        if not all(storable(value) for value in values):
            raise BadArgument("it holds a character that no stored text has.")
        return values


_CONVERT = {name: _Values(part.prefix) for name, part in _FILTERS.items()}
