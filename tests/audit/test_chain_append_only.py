"""The database refuses to change trail and seals: by a trigger, and to the application's role by its rights."""

from collections.abc import AsyncIterator
from types import ModuleType
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio
from tests.audit.tampering import note, told, verified
from tests.conftest import RunCli
from tests.contracts.conftest import NewDatabase, new_database  # noqa: F401 - a fixture
from tests.town import Town, contents, nothing_changes

from patrongraph.audit.sealing import seal_all
from patrongraph.settings import Settings

CHANGES = [
    "UPDATE {table} SET library_id = library_id",
    "DELETE FROM {table}",
    "DELETE FROM {table} WHERE false",
    "TRUNCATE {table}",
    "TRUNCATE library CASCADE",
]
TABLES = ["audit_event", "audit_seal"]

# As docs/audit.md has it.
RIGHTS = """
GRANT USAGE ON SCHEMA public TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role};
REVOKE UPDATE, DELETE ON audit_event, audit_seal FROM {role};
"""


@pytest_asyncio.fixture
async def application(database: ModuleType, settings: Settings, worker_number: int) -> AsyncIterator[str]:
    """A role with the rights that docs/audit.md gives to the application."""
    role = f"application_{worker_number}"
    connection = await asyncpg.connect(settings.database_url)
    await connection.execute(f"CREATE ROLE {role} LOGIN")
    await connection.execute(RIGHTS.format(role=role))
    yield role
    await connection.execute(f"DROP OWNED BY {role}")
    await connection.execute(f"DROP ROLE {role}")
    await connection.close()


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("change", CHANGES)
async def test_the_owner_is_refused_by_the_trigger(database: ModuleType, town: Town, table: str, change: str) -> None:
    await note(town)
    await seal_all()
    async with nothing_changes():
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match=r"is append-only: (UPDATE|DELETE|TRUNCATE)"):
            await database.rows(change.format(table=table))


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("change", [*CHANGES, "ALTER TABLE {table} DISABLE TRIGGER ALL",
                                    "SET session_replication_role = replica"])  # fmt: skip
async def test_the_applications_role_has_no_such_right(
    settings: Settings, application: str, town: Town, table: str, change: str
) -> None:
    await note(town)
    await seal_all()
    connection = await asyncpg.connect(settings.database_url)
    async with nothing_changes():
        # Without the triggers: the right itself is missing.
        await connection.execute("SET session_replication_role = replica" if "SET s" not in change else "SELECT 1")
        await connection.execute(f"SET ROLE {application}")
        if "session_replication_role" in change:
            await connection.execute("SET SESSION AUTHORIZATION DEFAULT")
            await connection.execute(f"SET SESSION AUTHORIZATION {application}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match=r"permission denied|must be owner"):
            await connection.execute(change.format(table=table))
    await connection.close()


async def test_the_applications_role_seals_and_verifies(
    settings: Settings, application: str, town: Town, run_cli: RunCli
) -> None:
    await note(town)
    parts = urlsplit(settings.database_url)
    url = parts._replace(netloc=f"{application}@{parts.netloc.rpartition('@')[2]}").geturl()
    assert run_cli("audit", "seal", PATRONGRAPH_DATABASE_URL=url).stdout == "Sealed 1 events.\n"
    assert run_cli("audit", "verify", PATRONGRAPH_DATABASE_URL=url).returncode == 0
    assert told(await verified("NORTH")) == []


async def test_the_doctor_tells_when_a_trigger_is_off(
    database: ModuleType, settings: Settings, run_cli: RunCli
) -> None:
    well = "audit trail: its tables refuse changes"
    assert f"ok    {well}" in run_cli("doctor").stdout
    connection = await asyncpg.connect(settings.database_url)
    for table in TABLES:
        before = await contents()
        try:
            await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_append_only")
            found = run_cli("doctor")
        finally:
            await connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER {table}_append_only")
        assert f"wrong audit trail: {table} may be changed" in found.stdout
        assert found.returncode == 1
        assert await contents() == before
    await connection.close()


async def test_the_doctor_on_a_database_without_tables(run_cli: RunCli, new_database: NewDatabase) -> None:  # noqa: F811
    found = run_cli("doctor", PATRONGRAPH_DATABASE_URL=await new_database())
    assert "wrong audit trail: has no tables yet: run `patrongraph migrate`" in found.stdout
