"""Migrating is all or nothing, and once however many ask; names are folded as people expect."""

import asyncio
import sys
from decimal import Decimal
from types import ModuleType
from typing import Any

import asyncpg
import pytest
from tests.contracts.conftest import NewDatabase
from tortoise.exceptions import OperationalError

from patrongraph import migrate
from patrongraph.libraries.models import Branch, Library
from patrongraph.settings import Settings

ALL = migrate.known()
NOTHING = migrate.Status(applied=(), pending=ALL, unknown=())
EVERYTHING = migrate.Status(applied=ALL, pending=(), unknown=())

RECORD = "SELECT id, app, name, applied_at FROM tortoise_migrations ORDER BY id"
TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"


async def ask(url: str, sql: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


async def test_applying_twice_is_applying_once(new_database: NewDatabase) -> None:
    url = await new_database()
    assert await migrate.apply(url) == EVERYTHING
    record = await ask(url, RECORD)
    assert [name for _id, _app, name, _at in record] == list(ALL)
    assert await migrate.apply(url) == EVERYTHING
    assert await ask(url, RECORD) == record


async def test_two_processes_at_once_apply_each_migration_once(new_database: NewDatabase) -> None:
    url = await new_database()
    program = f"import asyncio; from patrongraph import migrate; asyncio.run(migrate.apply({url!r}))"
    both = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        for _ in range(2)
    ]
    said = [(await process.communicate())[0].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], "\n".join(said)
    assert [row[0] for row in await ask(url, "SELECT name FROM tortoise_migrations ORDER BY id")] == list(ALL)


async def test_a_failing_migration_leaves_nothing_behind(new_database: NewDatabase) -> None:
    url = await new_database()
    await ask(url, "CREATE TABLE audit_event (in_the_way int)")
    with pytest.raises(OperationalError, match="audit_event"):
        await migrate.apply(url)
    assert await ask(url, TABLES) == [("audit_event",)]
    assert await migrate.status(url) == NOTHING
    await ask(url, "DROP TABLE audit_event")
    assert await migrate.apply(url) == EVERYTHING


async def test_the_status_changes_nothing(new_database: NewDatabase) -> None:
    url = await new_database()
    assert await migrate.status(url) == NOTHING
    assert not NOTHING.current
    assert await ask(url, TABLES) == []


async def test_a_newer_database_is_refused_and_left_alone(new_database: NewDatabase) -> None:
    url = await new_database(migrated=True)
    await ask(url, "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('patrongraph', '9999_x', now())")
    record = await ask(url, RECORD)
    status = await migrate.status(url)
    assert (status.pending, status.unknown, status.current) == ((), ("9999_x",), False)
    with pytest.raises(migrate.NewerDatabase, match="9999_x"):
        await migrate.apply(url)
    assert await ask(url, RECORD) == record


async def test_migrating_leaves_open_pools_working(
    database: ModuleType, settings: Settings, new_database: NewDatabase
) -> None:
    await migrate.apply(await new_database())
    library = await Library.create(code="here", name="Here")
    assert await database.value("SELECT name FROM library WHERE id = $1", library.id) == "Here"


async def test_the_database_fills_what_a_writer_leaves_out(database: ModuleType) -> None:
    library = await Library.create(code="a", name="A")
    branch = await Branch.create(library=library, code="m", name="Main")
    assert (library.locale, library.currency, library.block_level) == ("en", "USD", None)
    assert (library.purge_waive_limit, library.export_ttl_hours) == (Decimal(0), 72)
    assert (library.retain_deleted_patron_loans, library.group_lead_access) == (True, False)
    made = await database.row(
        "INSERT INTO patron (library_id, branch_id) VALUES ($1, $2) RETURNING *, now() AS at",
        library.id,
        branch.id,
    )
    at = made["at"]
    assert made["erasure_key"].version == 4
    set_here = {key: value for key, value in made.items() if value is not None}
    assert {key: value for key, value in set_here.items() if key not in ("id", "at", "erasure_key")} == {
        "library_id": library.id, "branch_id": branch.id, "first_name": "", "last_name": "", "category": "",
        "status": "ACTIVE", "status_changed_at": at, "registered_at": at, "updated_at": at,
        "protected": False, "version": 1, "sort_key": "", "search_key": "",
    }  # fmt: skip


async def test_names_sort_as_in_swedish(database: ModuleType) -> None:
    library = await Library.create(code="a", name="A")
    for name in ("Öberg", "Zorn", "ängström", "Åberg", "Abel", "A\u030alund", "Érard", "Ødegård", "Ærlig"):
        await database.rows("INSERT INTO patron (library_id, last_name) VALUES ($1, $2)", library.id, name)
    found = await database.rows("SELECT last_name FROM patron WHERE library_id = $1 ORDER BY sort_key", library.id)
    assert [row["last_name"] for row in found] == [
        "Abel", "Érard", "Zorn", "Åberg", "A\u030alund", "ängström", "Ærlig", "Öberg", "Ødegård",
    ]  # fmt: skip


async def test_the_surname_counts_before_the_first_name(database: ModuleType) -> None:
    library = await Library.create(code="a", name="A")
    names = [("Lind", "Örjan"), ("Lind", "Anna"), ("Linda", "Anna"), ("Li", "Zoe")]
    await database.rows(
        "INSERT INTO patron (library_id, last_name, first_name)"
        " SELECT $1, * FROM unnest($2::text[], $3::text[])",
        library.id, [last for last, _ in names], [first for _, first in names],
    )  # fmt: skip
    found = await database.rows("SELECT last_name, first_name FROM patron ORDER BY sort_key")
    assert [tuple(row) for row in found] == [
        ("Li", "Zoe"),
        ("Lind", "Anna"),
        ("Lind", "Örjan"),
        ("Linda", "Anna"),
    ]


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Öberg É", "oberg e"),
        ("  Öberg \t É ", "oberg e"),
        ("O\u0308BERG", "oberg"),
        ("Groß", "gross"),
        ("Ærø Łódź", "aero lodz"),
        ("Þóra", "thora"),
        ("", ""),
    ],
)
async def test_search_folds_case_accents_and_spaces(database: ModuleType, text: str, folded: str) -> None:
    assert await database.value("SELECT fold_search($1)", text) == folded


async def test_the_search_key_joins_all_names(database: ModuleType) -> None:
    library = await Library.create(code="a", name="A")
    await database.rows(
        "INSERT INTO patron (library_id, last_name, first_name, middle_name, preferred_name)"
        " VALUES ($1, 'Ångström', 'Åsa', 'Maria', 'Ossi'), ($1, 'Öz', 'Ali', NULL, 'Al')",
        library.id,
    )
    keys = await database.rows("SELECT search_key FROM patron ORDER BY id")
    assert [row["search_key"] for row in keys] == ["angstrom asa maria ossi", "oz ali al"]


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_event SET action = 'x'", "DELETE FROM audit_event", "TRUNCATE audit_event"]
)
async def test_the_audit_trail_is_append_only(database: ModuleType, statement: str) -> None:
    library = await Library.create(code="a", name="A")
    add = "INSERT INTO audit_event (library_id, actor_kind, action) VALUES ($1, 'SYSTEM', 'patron.block')"
    await database.rows(add, library.id)
    before = [tuple(row) for row in await database.rows("SELECT * FROM audit_event")]
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await database.rows(statement)
    assert [tuple(row) for row in await database.rows("SELECT * FROM audit_event")] == before


async def test_a_word_outside_the_enumeration_is_refused(database: ModuleType) -> None:
    library = await Library.create(code="a", name="A")
    with pytest.raises(asyncpg.CheckViolationError):
        await database.rows("INSERT INTO patron (library_id, status) VALUES ($1, 'BLOCKED')", library.id)
    assert await database.value("SELECT count(*) FROM patron") == 0
