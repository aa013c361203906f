"""Every column of the migrated database is in the registry of personal data, and nothing else is."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from types import ModuleType

import pytest

from patrongraph import personal_data
from patrongraph.personal_data import PATRON_TABLES, Erasure, Shown, Withheld

COLUMNS = """
SELECT c.table_name, c.column_name
FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE'
"""

# Foreign keys as (child, parent), for the order of deletion.
FOREIGN_KEYS = """
SELECT c.conrelid::regclass::text AS child, c.confrelid::regclass::text AS parent
FROM pg_constraint c WHERE c.contype = 'f' AND c.conrelid <> c.confrelid
"""


@asynccontextmanager
async def changed(database: ModuleType, change: str) -> AsyncIterator[None]:
    """Change the tables for the length of the block, in a transaction that is not kept."""
    with suppress(_UndoError):
        async with database.transaction() as connection:
            await connection.execute(change)
            yield
            raise _UndoError


class _UndoError(Exception):
    """Ends a transaction without keeping what it did."""


async def in_database(database: ModuleType) -> set[tuple[str, str]]:
    return {(row["table_name"], row["column_name"]) for row in await database.rows(COLUMNS)}


def registered() -> set[tuple[str, str]]:
    return {(entry.table, entry.column) for entry in personal_data.entries()}


def duplicates(values: Iterable[object]) -> set[object]:
    seen: set[object] = set()
    return {value for value in values if value in seen or seen.add(value)}  # type: ignore[func-returns-value]  # add gives None


async def test_every_column_is_registered_and_nothing_else(database: ModuleType) -> None:
    found = await in_database(database)
    assert found - registered() == set(), "say in personal_data.py how these are exported and erased"
    assert registered() - found == set(), "these are registered but not in the database"
    assert duplicates((entry.table, entry.column) for entry in personal_data.entries()) == set()


@pytest.mark.parametrize(
    ("change", "unregistered"),
    [
        ("ALTER TABLE patron ADD COLUMN shoe_size text", {("patron", "shoe_size")}),
        ("ALTER TABLE audit_event ADD COLUMN remark text", {("audit_event", "remark")}),
        ("CREATE TABLE hobby (patron_id bigint)", {("hobby", "patron_id")}),
    ],
)
async def test_an_added_column_is_noticed(
    database: ModuleType, change: str, unregistered: set[tuple[str, str]]
) -> None:
    async with changed(database, change):
        assert await in_database(database) - registered() == unregistered
    assert await in_database(database) == registered()


async def test_a_dropped_column_is_noticed(database: ModuleType) -> None:
    async with changed(database, "ALTER TABLE address DROP COLUMN region"):
        assert registered() - await in_database(database) == {("address", "region")}


async def test_no_foreign_key_stands_in_the_way_of_the_erasure_order(database: ModuleType) -> None:
    order = [table for table, _ in personal_data.erasure_order()]
    assert order[-1] == "patron"
    for key in await database.rows(FOREIGN_KEYS):
        if key["parent"] in order:
            assert key["child"] in order, f"{key['child']} refers to {key['parent']}, which is erased"
            assert order.index(key["child"]) < order.index(key["parent"])


async def test_every_table_that_names_a_patron_is_erased_or_kept_as_opaque(database: ModuleType) -> None:
    erased = {table.name for table in PATRON_TABLES}
    opaque = {kept.name for kept in personal_data.KEPT_TABLES if kept.erasure is Erasure.KEPT_OPAQUE}
    naming = {table for table, column in await in_database(database) if column == "patron_id"}
    assert naming <= erased | opaque
    assert naming & opaque == {"job_item", "tombstone"}


async def test_the_statements_and_the_order_run(database: ModuleType) -> None:
    order = personal_data.erasure_order()
    statements = personal_data.erasure_statements()
    rows = personal_data.erasable_rows()
    assert [table for table, _ in order] == [table for table, _ in statements] == [table for table, _ in rows]
    async with database.transaction():
        for _, statement in statements:
            await database.rows(statement, [1])
        for table, column in order:
            await database.rows(f"DELETE FROM {table} WHERE {column} = ANY($1::bigint[])", [1])
        for _, source in rows:
            assert await database.value(f"SELECT count(*) FROM {source}", [1]) == 0


def test_secrets_staff_and_keys_are_withheld() -> None:
    for entry in personal_data.entries():
        if entry.column in {"pin_hash", "token_sha256", "path"} and entry.exported is not None:
            assert entry.exported is Withheld.SECRET
        if entry.column in {"placed_by_id", "lifted_by_id", "created_by_id", "staff_user_id"} and entry.exported:
            assert entry.exported is Withheld.STAFF_IDENTITY
        if entry.column == "group_id" and entry.exported is not None:
            assert entry.exported is Withheld.OTHER_PEOPLE
        assert entry.erased is Erasure.ROW_DELETED or entry.exported is None


def test_json_names_are_unique_in_their_section_and_in_one_style() -> None:
    for table in PATRON_TABLES:
        shown = [column for column in table.columns.values() if isinstance(column, Shown)]
        assert duplicates((column.section, column.name) for column in shown) == set()
        assert all(column.name.isalnum() and column.name[0].islower() for column in shown)
        assert bool(shown) == bool(table.section) or table.name == "patron"
    assert all(kept.why.endswith(".") for kept in personal_data.KEPT_TABLES)
