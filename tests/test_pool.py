"""A pooled connection that comes back holds no lock, however its statement ended."""

import asyncio
from contextlib import suppress
from types import ModuleType

import asyncpg
import pytest

from patrongraph import db
from patrongraph.settings import Settings


async def lock_at_once(settings: Settings) -> None:
    """Lock the table of patrons as a migration does. Raises when another session holds it."""
    connection = await asyncpg.connect(settings.database_url)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE patron IN ACCESS EXCLUSIVE MODE NOWAIT")
    finally:
        await connection.close()


async def test_arguments_that_do_not_fit(database: ModuleType, settings: Settings) -> None:
    with pytest.raises(asyncpg.DataError):
        await db.rows("SELECT id AS does_not_fit FROM patron WHERE id = $1", "one")
    await lock_at_once(settings)
    with pytest.raises(asyncpg.DataError):
        await db.read_pool().fetchval("SELECT id AS does_not_fit_either FROM patron WHERE id = $1", "one")
    await lock_at_once(settings)


async def test_a_caller_who_is_cancelled_at_any_moment(database: ModuleType, settings: Settings) -> None:
    for moment in range(60):
        asked = asyncio.create_task(db.rows(f"SELECT id AS cancelled_{moment} FROM patron"))
        for _ in range(moment):
            await asyncio.sleep(0)
        asked.cancel()
        with suppress(asyncio.CancelledError):
            await asked
        await lock_at_once(settings)
