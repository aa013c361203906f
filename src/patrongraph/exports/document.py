"""A patron's document is one SQL expression, built from the personal data registry and nothing else."""

from collections.abc import Callable, Coroutine, Mapping
from functools import cache
from typing import Any

import asyncpg

from patrongraph import db
from patrongraph.personal_data import PATRON_TABLES, Form, Shown

SCHEMA_NAME = "patrongraph/patron-data/1"

PATRON = next(table for table in PATRON_TABLES if table.name == "patron")
LISTS = tuple(table for table in reversed(PATRON_TABLES) if table.section)
"""The tables whose rows make a list, in the document's order."""

LIBRARY_COLUMNS = ("code", "name", "currency")
"""What the document says about the library, in the document's names, which are the columns' too."""
ITEM_COLUMNS = ("title", "author", "barcode")
"""What it says about an item."""

_LIBRARY = (
    f"(SELECT row_to_json(one) FROM (SELECT {', '.join(LIBRARY_COLUMNS)} FROM library"
    ' WHERE library.id = p.library_id) one) AS "library"'
)
_NAME_OF = "(SELECT named.name FROM {table} named WHERE named.id = {value})"
_ITEM = ", ".join(f"item.{column}" for column in ITEM_COLUMNS)
_ITEM_OF = f"(SELECT row_to_json(one) FROM (SELECT {_ITEM} FROM item WHERE item.id = {{value}}) one)"
# A payment is about the item of the charge it settles.
_ITEM_OF_LOAN = (
    f"(SELECT row_to_json(one) FROM (SELECT {_ITEM} FROM loan of_item"
    " JOIN item ON item.id = of_item.item_id WHERE of_item.id = coalesce({value},"
    " (SELECT charge.loan_id FROM ledger_entry charge WHERE charge.id = {row}.charge_id))) one)"
)
# The driver stores the first and the last day of its calendar as infinite, which is no date in JSON.
_DATE = "CASE {value} WHEN '-infinity' THEN '0001-01-01' WHEN 'infinity' THEN '9999-12-31' ELSE {value} END"
_OBJECT = '(SELECT row_to_json(one) FROM (SELECT {columns}) one) AS "{name}"'
# A list is made by ARRAY(…), because json_agg would break the line between its elements.
_LIST = (
    "array_to_json(ARRAY(SELECT row_to_json(listed) FROM (SELECT {columns} FROM {table} t"
    ' WHERE t.patron_id = p.id AND t.library_id = p.library_id ORDER BY t.id) listed)) AS "{name}"'
)

# The documents of the patrons p that {where} chooses, one a row, by id; sorted before they are made.
DOCUMENTS = """
SELECT row_to_json(document)::text AS document
FROM (SELECT * FROM patron p WHERE {where} ORDER BY p.id) p
CROSS JOIN LATERAL (
SELECT {parts}
) document
"""

# One statement sees one snapshot; this says so to PostgreSQL, and that nothing will be written.
SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"

# Compiling such a statement costs more than it saves.
NO_JIT = "SET LOCAL jit = off"


@cache
def documents_sql(where: str) -> str:
    """Return the statement that yields `document`, JSON on one line, for each patron p of `where`."""
    parts = [
        f"'{SCHEMA_NAME}' AS \"schema\"",
        'transaction_timestamp() AS "exportedAt"',
        _LIBRARY,
        *(_OBJECT.format(columns=_columns("p", fields), name=name) for name, fields in objects().items()),
        *(_named("p", column, field) for column, field in PATRON.shown().items() if not field.section),
        *(_LIST.format(columns=_columns("t", t.shown()), table=t.name, name=t.section) for t in LISTS),
    ]
    return DOCUMENTS.format(where=where, parts=",\n".join(parts))


async def fetch_document(where: str, *args: object) -> bytes:
    """Return one patron's document as a line of UTF-8, or b"" when there is no such patron.

    A single statement, so that it sees one snapshot without a transaction around it.
    """
    text: str | None = await db.value(documents_sql(where), *args)
    return b"" if text is None else text.encode() + b"\n"


async def stream_documents(
    connection: "asyncpg.Connection[asyncpg.Record]",
    sink: Callable[[bytes], Coroutine[Any, Any, None]],
    where: str,
    *args: object,
) -> None:
    """Send the documents of many patrons to sink as NDJSON, in pieces of any length; constant memory.

    What sink raises ends the transfer and comes through. The connection is at the beginning of a transaction,
    which becomes a read-only snapshot.
    """
    await connection.execute(SNAPSHOT)
    await connection.execute(NO_JIT)
    # JSON holds neither control character, so COPY neither quotes nor escapes: its lines are the documents.
    await connection.copy_from_query(
        documents_sql(where), *args, output=sink, format="csv", delimiter="\x02", quote="\x01"
    )


def objects() -> dict[str, dict[str, Shown]]:
    """Return section → column → place in the document, for the sections made of the patron row's own columns."""
    sections: dict[str, dict[str, Shown]] = {}
    for column, field in PATRON.shown().items():
        if field.section:
            sections.setdefault(field.section, {})[column] = field
    return sections


def _columns(row: str, fields: Mapping[str, Shown]) -> str:
    return ", ".join(_named(row, column, field) for column, field in fields.items())


def _named(row: str, column: str, field: Shown) -> str:
    value = f"{row}.{column}"
    match field.form:
        case Form.VALUE:
            text = value
        case Form.DATE:
            text = _DATE.format(value=value)
        case Form.MONEY:
            text = f"{value}::text"
        case Form.BRANCH:
            text = _NAME_OF.format(table="branch", value=value)
        case Form.COHORT:
            text = _NAME_OF.format(table="cohort", value=value)
        case Form.ITEM:
            text = _ITEM_OF.format(value=value)
        case Form.LOAN_ITEM:
            text = _ITEM_OF_LOAN.format(value=value, row=row)
    return f'{text} AS "{field.name}"'
