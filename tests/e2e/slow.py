"""Erasing takes its time here, so that somebody at a page can see it go on and act in the middle."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from patrongraph import db


@asynccontextmanager
async def slowly_erased() -> AsyncIterator[None]:
    """Each patron's deletion takes 20 ms."""
    await db.rows(
        "CREATE OR REPLACE FUNCTION test_slow() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_sleep(0.02); RETURN OLD; END $$"
    )
    await db.rows(
        "CREATE OR REPLACE TRIGGER test_slow BEFORE DELETE ON patron FOR EACH ROW EXECUTE FUNCTION test_slow()"
    )
    try:
        yield
    finally:
        await db.rows("DROP TRIGGER test_slow ON patron")
