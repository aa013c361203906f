"""Patrons, items and loans by hand, and what the API counts of them."""

import datetime as dt
import itertools
from dataclasses import dataclass
from typing import Any

from tests.clients import Api
from tests.town import Town

from patrongraph import db

FIELDS = {
    "YEAR": "year", "MONTH": "month", "DAY": "day", "WEEKDAY": "weekday", "BRANCH": "branch { code }",
    "ITEM_BRANCH": "itemBranch { code } itemLibrary { code }", "MATERIAL_TYPE": "materialType", "CATEGORY": "category",
    "COHORT": "cohort", "LOST": "declaredLost",
}  # fmt: skip
COUNTS = ("loans", "returned", "lost", "open", "averageDays")
QUERY = """
query($from: Date!, $to: Date!, $by: [StatisticDimension!]!, $filter: StatisticFilter) {
  loanStatistics(from: $from, to: $to, by: $by, filter: $filter) { %s }
}
"""
_numbers = itertools.count(1)


def moment(text: str | None) -> dt.datetime | None:
    return None if text is None else dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@dataclass
class Lender:
    """A library, and what is written straight into its tables."""

    town: Town

    async def branch(self, code: str) -> int:
        made: int = await db.value(
            "INSERT INTO branch (library_id, code, name) VALUES ($1, $2::text, $2::text || ' branch') RETURNING id",
            self.town.id, code,
        )  # fmt: skip
        return made

    async def cohort(self, code: str) -> int:
        made: int = await db.value(
            "INSERT INTO cohort (library_id, code, name) VALUES ($1, $2::text, $2::text) RETURNING id",
            self.town.id,
            code,
        )
        return made

    async def patron(self, category: str = "Pupil", cohort: int | None = None, status: str = "INACTIVE") -> int:
        made: int = await db.value(
            "INSERT INTO patron (library_id, first_name, last_name, category, cohort_id, status, status_changed_at,"
            " registered_at, updated_at) VALUES ($1, 'A', 'B', $2, $3, $4, now(), now(), now()) RETURNING id",
            self.town.id, category, cohort, status,
        )  # fmt: skip
        return made

    async def item(self, material: str = "BOOK", branch: int | None = None) -> int:
        made: int = await db.value(
            "INSERT INTO item (library_id, branch_id, barcode, title, material_type) VALUES ($1, $2, $3, 'T', $4)"
            " RETURNING id", self.town.id, branch, f"I{next(_numbers)}", material,
        )  # fmt: skip
        return made

    async def lend(
        self, patron: int, item: int, out: str, back: str | None = None, *, branch: int | None = None,
        lost: bool = False,
    ) -> int:  # fmt: skip
        made: int = await db.value(
            "INSERT INTO loan (library_id, patron_id, item_id, checked_out_at, due_at, returned_at, branch_id, lost)"
            " VALUES ($1, $2, $3, $4::timestamptz, $4::timestamptz + interval '28 days', $5, $6, $7) RETURNING id",
            self.town.id, patron, item, moment(out), moment(back), branch, lost,
        )  # fmt: skip
        return made


async def ask(
    api: Api, *by: str, first: str = "2020-01-01", last: str = "2030-12-31", token: str | None = None, **chosen: Any
) -> list[dict[str, Any]]:
    """Return the rows of the answer, with the fields of the dimensions and all counts."""
    fields = " ".join([*(FIELDS[name] for name in by), *COUNTS])
    variables = {"from": first, "to": last, "by": list(by), "filter": chosen or None}
    found: list[dict[str, Any]] = (await api.data(QUERY % fields, variables, token))["loanStatistics"]
    return found


def flat(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return each row as its values, branches and libraries as their codes."""
    return [tuple(value["code"] if isinstance(value, dict) else value for value in row.values()) for row in rows]
