"""What the files of an import are called, which columns they have, and how the text of a cell becomes a value.

Beside the six names because reader, checks and generator must agree on one description of the files.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from patrongraph.circulation.models import ItemStatus


class Kind(StrEnum):
    """How the text of a cell is read."""

    TEXT = "TEXT"
    DATE = "DATE"
    TIME = "TIME"
    FLAG = "FLAG"
    MONEY = "MONEY"
    COUNT = "COUNT"
    STATUS = "STATUS"


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `required`: the column must exist and no cell of it may be empty.

    `present`: only the column must exist. `personal`: its values are never repeated in a report.
    `longest` is the most characters of a TEXT cell.
    """

    name: str
    kind: Kind = Kind.TEXT
    required: bool = False
    present: bool = False
    personal: bool = False
    longest: int = 200

    @property
    def sql_type(self) -> str:
        """The PostgreSQL type of the value."""
        return _SQL_TYPES[self.kind]


@dataclass(frozen=True, slots=True)
class File:
    """One file of a snapshot; `key` names the columns by which a report calls a row."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def file_name(self) -> str:
        """The name in the folder, for example patrons.csv."""
        return f"{self.name}.csv"

    @property
    def column_names(self) -> tuple[str, ...]:
        """All columns that the import knows."""
        return tuple(column.name for column in self.columns)

    def missing(self, header: Collection[str]) -> list[str]:
        """Return the columns that must be there and are not in this header."""
        return [c.name for c in self.columns if (c.required or c.present) and c.name not in header]


ITEM_STATUSES: tuple[str, ...] = tuple(status.value for status in ItemStatus)

_SQL_TYPES = {
    Kind.TEXT: "text",
    Kind.DATE: "date",
    Kind.TIME: "timestamptz",
    Kind.FLAG: "boolean",
    Kind.MONEY: "numeric",
    Kind.COUNT: "integer",
    Kind.STATUS: "text",
}
_TIME_PATTERN = r"^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?\s?(Z|z|[+-]\d{2}(:?\d{2})?)?)?$"
_CASTS = {
    Kind.DATE: r"CASE WHEN {v} ~ '^\d{{4}}-\d{{2}}-\d{{2}}$' AND pg_input_is_valid({v}, 'date')"
    " THEN {v}::date END",
    Kind.TIME: "CASE WHEN {v} ~ '" + _TIME_PATTERN.replace("{", "{{").replace("}", "}}") + "'"
    " AND pg_input_is_valid({v}, 'timestamptz') THEN {v}::timestamptz END",
    Kind.FLAG: "CASE WHEN lower({v}) IN ('true', 't', 'yes', 'y', '1') THEN true"
    " WHEN lower({v}) IN ('false', 'f', 'no', 'n', '0') THEN false END",
    Kind.MONEY: r"CASE WHEN {v} ~ '^\d{{1,10}}(\.\d{{1,2}})?$' THEN {v}::numeric(12,2) END",
    Kind.COUNT: r"CASE WHEN {v} ~ '^\d{{1,4}}$' THEN {v}::integer END",
    Kind.STATUS: "CASE WHEN upper({v}) IN (" + ", ".join(f"'{s}'" for s in ITEM_STATUSES) + ") THEN upper({v}) END",
}
_WRONG = {
    Kind.DATE: "is not a date; write YYYY-MM-DD",
    Kind.TIME: "is not a time; write YYYY-MM-DD HH:MM:SS+00, with the offset from UTC",
    Kind.FLAG: "is neither TRUE nor FALSE",
    Kind.MONEY: "is not an amount; write digits with a point and at most two decimals, not below 0",
    Kind.COUNT: "is not a whole number from 0 to 9999",
    Kind.STATUS: "is not a status; one of " + ", ".join(ITEM_STATUSES),
}


def value_sql(column: Column, text: str) -> str:
    """Return the SQL that reads `text` (an SQL expression) as this column's value, or NULL when it cannot."""
    if column.kind is Kind.TEXT:
        return f"CASE WHEN length({text}) <= {column.longest} THEN {text} END"
    return _CASTS[column.kind].format(v=text)


def what_is_wrong(column: Column) -> str:
    """Return the end of the sentence that starts with the cell, for a cell that could not be read."""
    return _WRONG.get(column.kind, f"is longer than {column.longest} characters")


def _text(name: str, longest: int = 200, *, personal: bool = False) -> Column:
    return Column(name, longest=longest, personal=personal)


def _needed(name: str, kind: Kind = Kind.TEXT, longest: int = 100) -> Column:
    return Column(name, kind, required=True, longest=longest)


LIBRARY = _needed("library", longest=40)

BRANCHES = File(
    "branches",
    (LIBRARY, _needed("code", longest=40), _text("name"), _text("phone", 60), _text("email", 320)),
    ("code",),
)
PATRONS = File(
    "patrons",
    (
        LIBRARY,
        _text("external_id", 100),
        Column("barcode", present=True, longest=100),
        _text("username", 100, personal=True),
        _text("first_name", personal=True),
        _text("middle_name", personal=True),
        _text("last_name", personal=True),
        Column("date_of_birth", Kind.DATE, personal=True),
        _text("email", 320, personal=True),
        _text("phone", 60, personal=True),
        _text("street", personal=True),
        _text("postal_code", 20, personal=True),
        _text("city", 100, personal=True),
        _text("region", 100, personal=True),
        _text("country", 100, personal=True),
        _text("category", 100),
        _text("branch", 40),
        Column("registered_at", Kind.TIME),
        Column("expires_on", Kind.DATE),
        Column("enabled", Kind.FLAG),
        Column("barred", Kind.FLAG),
        _text("group", 100),
        Column("group_lead", Kind.FLAG),
    ),
    ("barcode", "external_id"),
)
ITEMS = File(
    "items",
    (
        LIBRARY,
        _text("branch", 40),
        _needed("barcode"),
        _text("title", 10_000),
        _text("author", 10_000),
        _text("call_number"),
        _text("material_type", 60),
        Column("price", Kind.MONEY),
        Column("status", Kind.STATUS),
    ),
    ("barcode",),
)
LOANS = File(
    "loans",
    (
        LIBRARY,
        _needed("patron_barcode"),
        _needed("item_barcode"),
        _needed("checked_out_at", Kind.TIME),
        _needed("due_at", Kind.TIME),
        Column("returned_at", Kind.TIME),
        Column("renewals_left", Kind.COUNT),
        Column("lost", Kind.FLAG),
        _text("branch", 40),
    ),
    ("patron_barcode", "item_barcode"),
)
RESERVATIONS = File(
    "reservations",
    (
        LIBRARY,
        _needed("patron_barcode"),
        _needed("item_barcode"),
        _needed("requested_at", Kind.TIME),
        _text("pickup_branch", 40),
        Column("frozen", Kind.FLAG),
        Column("cancelled_at", Kind.TIME),
        Column("fulfilled_at", Kind.TIME),
    ),
    ("patron_barcode", "item_barcode"),
)
DEBTS = File(
    "debts",
    (
        LIBRARY,
        _needed("external_id", longest=90),
        _needed("patron_barcode"),
        _text("item_barcode", 100),
        _needed("charged_at", Kind.TIME),
        _needed("amount", Kind.MONEY),
        Column("paid", Kind.MONEY),
        _text("reason", 60),
        _text("note", 2_000, personal=True),
    ),
    ("external_id",),
)

FILES: tuple[File, ...] = (BRANCHES, PATRONS, ITEMS, LOANS, RESERVATIONS, DEBTS)

# What a column of a file of patrons can mean (formats/); the file itself may call it otherwise.
PEOPLE = File(
    "people",
    (
        _text("library", 40),
        _text("external_id", 100),
        _text("barcode", 100),
        _text("username", 100, personal=True),
        _text("first_name", personal=True),
        _text("middle_name", personal=True),
        _text("last_name", personal=True),
        _text("preferred_name", personal=True),
        Column("date_of_birth", Kind.DATE, personal=True),
        _text("email", 320, personal=True),
        _text("phone", 60, personal=True),
        _text("street", personal=True),
        _text("postal_code", 20, personal=True),
        _text("city", 100, personal=True),
        _text("region", 100, personal=True),
        _text("country", 100, personal=True),
        _text("category", 100),
        _text("cohort", 40),
        _text("branch", 40),
        Column("registered_at", Kind.TIME),
        Column("expires_on", Kind.DATE),
        Column("enabled", Kind.FLAG),
        _text("notes", 10_000, personal=True),
    ),
    ("external_id", "barcode", "username"),
)
