"""The operator's `patrongraph statistics`: loans counted by groups, as a table, CSV or JSON."""

from collections.abc import Mapping
from typing import Any

import click
import orjson
import strawberry
from rich.markup import escape
from rich.table import Table
from strawberry.schema.config import StrawberryConfig

from patrongraph.context import Context
from patrongraph.graph.attach import attach
from patrongraph.graph.engine import Engine
from patrongraph.graph.ids import BadArgument, encode_id
from patrongraph.graph.scalars import SCALARS
from patrongraph.libraries import queries as libraries
from patrongraph.libraries.commands import operator
from patrongraph.settings import get_settings
from patrongraph.statistics import report
from patrongraph.statistics.grouping import StatisticDimension, StatisticRecord
from patrongraph.statistics.resolvers import StatisticsQuery
from patrongraph.terminal import answers, run

_DIMENSIONS = ", ".join(dimension.lower() for dimension in StatisticDimension)


@click.command("statistics")
@click.argument("library_code", metavar="LIBRARY")
@click.option("--from", "first", required=True, metavar="DAY", help="First day of lending (UTC), like 2026-01-01.")
@click.option("--to", "last", required=True, metavar="DAY", help="Last day of lending (UTC), included.")
@click.option("--by", default="", metavar="WORDS", help=f"What to group by, with commas: {_DIMENSIONS}.")
@click.option("--branch", "branches", multiple=True, metavar="CODE", help="Only lent at this branch; may be repeated.")
@click.option("--item-branch", "item_branches", multiple=True, metavar="CODE", help="Only items of this branch.")
@click.option("--material-type", "material_types", multiple=True, metavar="WORD", help="Only items of this kind.")
@click.option("--category", "categories", multiple=True, metavar="WORD", help="Only patrons of this category.")
@click.option("--cohort", "cohorts", multiple=True, metavar="CODE", help="Only patrons of this cohort.")
@click.option("--lost/--not-lost", "lost", default=None, help="Only loans on which the item was lost, or was not.")
@click.option("--record", type=click.Choice([r.value for r in StatisticRecord], case_sensitive=False),
              help="Only loans of present patrons, or only those kept of purged ones.")  # fmt: skip
@click.option("--csv", "as_csv", is_flag=True, help="Answer in CSV, as the API gives it.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for scripts.")
def command(library_code: str, first: str, last: str, by: str, *, as_csv: bool, as_json: bool, **filters: Any) -> None:
    """Count the loans of a library, live ones and those kept of purged patrons together."""
    if as_csv and as_json:
        raise click.UsageError("--csv and --json are two forms of one answer: choose one")

    async def work() -> tuple[report.Question, list[dict[str, Any]]]:
        actor = await operator(library_code)
        asked = report.Question(
            report.day("--from", first),
            report.day("--to", last),
            report.dimensions(word for word in by.split(",") if word.strip()),
            await _filter(actor.library, filters),
        )
        return asked, await report.ask(_engine(), Context(actor, "command line"), asked)

    try:
        asked, rows = run(work)
    except (BadArgument, report.Refusal) as refused:
        raise click.ClickException(str(refused)) from None
    if as_csv:
        for piece in report.csv_pieces(asked, rows):
            click.echo(piece, nl=False)
    elif as_json:
        answers.print(orjson.dumps(rows).decode(), markup=False)
    else:
        answers.print(_table(asked, rows))


def _engine() -> Engine:
    """Return an engine that knows the statistics only: the same declarations as the API's."""
    schema = strawberry.Schema(query=StatisticsQuery, config=StrawberryConfig(scalar_map=SCALARS))
    return Engine(attach(schema), get_settings())


async def _filter(library_id: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the StatisticFilter of the options; branches are named by their codes here."""
    known = await libraries.branches(library_id)
    for code in (*given["branches"], *given["item_branches"]):
        if code not in known:
            there = ", ".join(known) or "none"
            raise BadArgument(f"there is no branch with the code {code!r} in this library; there are: {there}")
    lists = {
        "branchIds": [encode_id("branch", known[code]) for code in given["branches"]],
        "itemBranchIds": [encode_id("branch", known[code]) for code in given["item_branches"]],
        "materialTypes": list(given["material_types"]),
        "categories": list(given["categories"]),
        "cohorts": list(given["cohorts"]),
    }
    parts: dict[str, Any] = {name: values for name, values in lists.items() if values}
    if given["lost"] is not None:
        parts["lost"] = given["lost"]
    if given["record"] is not None:
        parts["record"] = report.record("--record", given["record"])
    return parts


def _table(asked: report.Question, rows: list[dict[str, Any]]) -> Table:
    """Return the answer for people: numbers to the right, and a dash for what is not known."""
    table = Table()
    for column in asked.columns:
        table.add_column(column.heading.replace("_", " "), justify="right" if column.counted else "left")
    for values in report.cells(asked, rows):
        table.add_row(*(_shown(value, column) for value, column in zip(values, asked.columns, strict=True)))
    return table


def _shown(value: Any, column: report.Column) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if column.counted else escape(str(value))
