"""Brings a database to this version's schema: one transaction behind an advisory lock, all or nothing."""

import pkgutil
from dataclasses import dataclass

import asyncpg
from tortoise.context import TortoiseContext
from tortoise.migrations.executor import MigrationExecutor
from tortoise.migrations.schema_editor import AsyncpgSchemaEditor
from tortoise.transactions import in_transaction

from patrongraph import migrations
from patrongraph.db import tortoise_config
from patrongraph.settings import Settings
from patrongraph.tables import APP

# Any fixed number: every process that migrates waits for the same one.
LOCK = 7_273_004_162

# Waits until no other process migrates this database; the end of the transaction frees it.
TAKE_LOCK = "SELECT pg_advisory_xact_lock($1)"

# Whether the record of applied migrations exists yet.
RECORD_EXISTS = "SELECT to_regclass('tortoise_migrations') IS NOT NULL"

# The migrations that this database has, in the order in which it got them.
APPLIED = "SELECT name FROM tortoise_migrations WHERE app = $1 ORDER BY applied_at, name"


@dataclass(frozen=True, slots=True)
class Status:
    """Names of migrations: those the database has, those it lacks, and those this version does not know."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def current(self) -> bool:
        """Whether the schema is exactly this version's."""
        return not self.pending and not self.unknown


class NewerDatabase(Exception):  # noqa: N818 - what it is, as the operator reads it
    """The database has migrations of a newer version; this one must not touch it."""


def known() -> tuple[str, ...]:
    """Return the names of this version's migrations, in order."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(migrations.__path__)))


def _compare(names: list[str]) -> Status:
    """Compare the names of applied migrations with this version's."""
    return Status(
        applied=tuple(names),
        pending=tuple(name for name in known() if name not in names),
        unknown=tuple(name for name in names if name not in known()),
    )


async def status(database_url: str) -> Status:
    """Compare the database with this version, changing nothing.

    Raises OSError or asyncpg.PostgresError when the database is away.
    """
    connection = await asyncpg.connect(database_url)
    try:
        exists = await connection.fetchval(RECORD_EXISTS)
        return _compare([row["name"] for row in await connection.fetch(APPLIED, APP)] if exists else [])
    finally:
        await connection.close()


async def apply(database_url: str) -> Status:
    """Apply what is pending and return the status after it; does nothing when nothing is pending.

    Safe to run from several processes at once. If a migration fails, none of this run's is applied.
    Raises NewerDatabase, OSError, asyncpg.PostgresError or Tortoise's OperationalError.
    """
    config = tortoise_config(Settings(database_url=database_url))
    config["connections"]["default"]["credentials"]["max_size"] = 1
    async with TortoiseContext() as context:
        await context.init(config=config)
        async with in_transaction("default") as transaction:
            await transaction.execute_query(TAKE_LOCK, [LOCK])
            executor = MigrationExecutor(transaction, config["apps"])
            # Before anything reads it: a read that fails would spoil the transaction.
            await executor.recorder.ensure_schema(AsyncpgSchemaEditor(transaction, atomic=False))
            before = _compare([row["name"] for row in await transaction.execute_query_dict(APPLIED, [APP])])
            if before.unknown:
                raise NewerDatabase(
                    f"the database was migrated by a newer version (it has {', '.join(before.unknown)});"
                    " run that version, or restore a backup made before it"
                )
            if before.pending:
                await executor.migrate()
    return await status(database_url)
