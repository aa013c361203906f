"""Statistics as a table: the columns of an answer, the operation that fills them, and CSV for spreadsheets.

Beside the six names because it asks the graph instead of being a part of it: what a person or a reporting tool
downloads is the answer to `loanStatistics` itself, so that the two cannot differ.
"""

import csv
import datetime as dt
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from patrongraph.context import Context
from patrongraph.graph.engine import Answer, Engine, Request
from patrongraph.graph.ids import BadArgument
from patrongraph.jobs.item_rows import BOM, cell
from patrongraph.statistics.grouping import StatisticDimension, StatisticRecord

LINES = 1_000
"""Lines in one piece of a CSV."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, what to select for it, and where its value stands in a row of the answer.

    `select` is empty where the column before it selects it too: selected twice it would cost twice.
    """

    heading: str
    select: str
    path: tuple[str, ...]
    counted: bool = False


def _column(heading: str, name: str, *, counted: bool = False) -> Column:
    return Column(heading, name, (name,), counted)


_OF_DIMENSION: Mapping[StatisticDimension, tuple[Column, ...]] = {
    StatisticDimension.YEAR: (_column("year", "year"),),
    StatisticDimension.MONTH: (_column("month", "month"),),
    StatisticDimension.DAY: (_column("day", "day"),),
    StatisticDimension.WEEKDAY: (_column("weekday", "weekday"),),
    StatisticDimension.BRANCH: (
        Column("branch_code", "branch { code name }", ("branch", "code")),
        Column("branch_name", "", ("branch", "name")),
    ),
    StatisticDimension.ITEM_BRANCH: (
        Column("item_branch_code", "itemBranch { code name }", ("itemBranch", "code")),
        Column("item_branch_name", "", ("itemBranch", "name")),
        Column("item_library_code", "itemLibrary { code }", ("itemLibrary", "code")),
    ),
    StatisticDimension.MATERIAL_TYPE: (_column("material_type", "materialType"),),
    StatisticDimension.CATEGORY: (_column("category", "category"),),
    StatisticDimension.COHORT: (_column("cohort", "cohort"),),
    StatisticDimension.LOST: (_column("declared_lost", "declaredLost"),),
}
_COUNTS = (
    _column("loans", "loans", counted=True),
    _column("returned", "returned", counted=True),
    _column("lost", "lost", counted=True),
    _column("open", "open", counted=True),
    _column("average_days", "averageDays", counted=True),
)

OPERATION = """
query($from: Date!, $to: Date!, $by: [StatisticDimension!]!, $filter: StatisticFilter) {{
  loanStatistics(from: $from, to: $to, by: $by, filter: $filter) {{ {fields} }}
}}
"""


class Refusal(Exception):  # noqa: N818 - what the graph said
    """The graph did not answer; `answer` is what it said, `message` the words of it."""

    def __init__(self, answer: Answer, error: Mapping[str, Any]) -> None:
        super().__init__(error["message"])
        self.answer = answer
        self.code: str = error["extensions"]["code"]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: first and last day (UTC, both included), dimensions, and the parts of a StatisticFilter."""

    first: dt.date
    last: dt.date
    by: tuple[StatisticDimension, ...] = ()
    filter: Mapping[str, Any] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of the answer: those of each dimension in the order asked, then the counts."""
        return (*(column for dimension in self.by for column in _OF_DIMENSION[dimension]), *_COUNTS)

    @property
    def name(self) -> str:
        """The name of a file with the answer."""
        return f"loans-{self.first}-{self.last}.csv"


def dimensions(words: Iterable[str]) -> tuple[StatisticDimension, ...]:
    """Return the dimensions that words name, in any case, each once. Raises BadArgument."""
    found: dict[StatisticDimension, None] = {}
    for word in words:
        name = word.strip().upper().replace("-", "_")
        if name not in StatisticDimension.__members__:
            known = ", ".join(StatisticDimension)
            raise BadArgument(f"by names {word[:40]!r}, which is no dimension; there are {known}.")
        found[StatisticDimension(name)] = None
    return tuple(found)


def day(name: str, text: str) -> dt.date:
    """Return the day that a text says. Raises BadArgument."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise BadArgument(f"{name} is {text[:40]!r}; a day is written like 2026-01-31.") from None


def flag(name: str, text: str) -> bool:
    """Return what true or false means. Raises BadArgument."""
    known = {"true": True, "false": False}
    if text.lower() not in known:
        raise BadArgument(f"{name} is {text[:40]!r}; it is true or false.")
    return known[text.lower()]


def record(name: str, text: str) -> str:
    """Return the name of a StatisticRecord. Raises BadArgument."""
    if text.upper() not in StatisticRecord.__members__:
        raise BadArgument(f"{name} is {text[:40]!r}; it is one of {', '.join(StatisticRecord)}.")
    return text.upper()


async def ask(engine: Engine, context: Context, question: Question) -> list[dict[str, Any]]:
    """Return the rows of the answer as the graph gives them, for whoever the context says. Raises Refusal."""
    selected = " ".join(column.select for column in question.columns if column.select)
    variables = {
        "from": question.first.isoformat(),
        "to": question.last.isoformat(),
        "by": [dimension.value for dimension in question.by],
        "filter": dict(question.filter),
    }
    answer = await engine.execute(Request(OPERATION.format(fields=selected), None, variables), context)
    said = orjson.loads(answer.body)
    if "errors" in said:
        raise Refusal(answer, said["errors"][0])
    rows: list[dict[str, Any]] = said["data"]["loanStatistics"]
    return rows


def cells(question: Question, rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Any]]:
    """Yield the values of each row, in the order of the columns; None for null."""
    columns = question.columns
    for row in rows:
        yield [_value(row, column.path) for column in columns]


def _value(row: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = row
    for name in path:
        value = None if value is None else value[name]
    return value


def csv_pieces(question: Question, rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the answer as CSV in pieces of whole lines: a byte order mark and the headings first.

    Null is an empty cell, true and false are TRUE and FALSE; no text is taken for a formula by a spreadsheet. Lines
    end as RFC 4180 says.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    out.write(BOM)
    writer.writerow([column.heading for column in question.columns])
    for number, values in enumerate(cells(question, rows), start=1):
        writer.writerow([_printed(value) for value in values])
        if number % LINES == 0:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()


def _printed(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).upper()
    return cell(value) if isinstance(value, str) else value
