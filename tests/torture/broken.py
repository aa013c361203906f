"""Workers that are broken on purpose, to see that the checker notices: each replaces a statement or the transaction.

A variant is applied inside a process of its own and never anywhere else.
"""

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from patrongraph import db
from patrongraph.erasure import certificate, chunk
from patrongraph.jobs import item_chunks, leases

Rows = Sequence[asyncpg.Record]
Next = Callable[..., Awaitable[Rows]]
Replacement = Callable[[Next, str, tuple[Any, ...]], Awaitable[Rows]]

STATISTICS = """
INSERT INTO loan_statistic (library_id, checked_out_on, returned_on, item_id, title, material_type, item_branch_id,
                            branch_id, category, cohort_code, lost)
SELECT loan.library_id, (loan.checked_out_at AT TIME ZONE 'UTC')::date, (loan.returned_at AT TIME ZONE 'UTC')::date,
       item.id, item.title, item.material_type, item.branch_id, loan.branch_id, patron.category, cohort.code, loan.lost
FROM loan JOIN item ON item.id = loan.item_id JOIN patron ON patron.id = loan.patron_id
LEFT JOIN cohort ON cohort.id = patron.cohort_id
WHERE loan.patron_id = ANY($1::bigint[]) AND loan.returned_at IS NOT NULL
"""
# Whatever item there is, whoever has it and whatever it says already; twice at most, so that it ends.
TAKE_ANY = "SELECT id, patron_id FROM job_item WHERE job_id = $1 AND id > $2 AND attempts < 2 ORDER BY id LIMIT $3"
CLAIM_ANY = leases.CLAIM.replace("lease_until IS NULL OR", "true OR").replace("FOR UPDATE SKIP LOCKED", "FOR UPDATE")
ADVANCE_ANY = leases.ADVANCE.replace("lease_owner = $2", "$2::text IS NOT NULL")


@asynccontextmanager
async def _autocommit() -> "AsyncIterator[Any]":
    async with db.read_pool().acquire() as connection:
        token = db._transaction.set(connection)  # type: ignore[arg-type]
        try:
            yield connection
        finally:
            db._transaction.reset(token)


def _obstacles_before_the_lock() -> Replacement:
    seen: list[Rows] = []

    async def rows(go_on: Next, sql: str, args: tuple[Any, ...]) -> Rows:
        if sql is chunk.LOCK_PATRONS:
            seen[:] = [await go_on(chunk.OBSTACLE_CODES, args[0])]
        return seen[0] if sql is chunk.OBSTACLE_CODES else await go_on(sql, *args)

    return rows


async def _statistics_outside(go_on: Next, sql: str, args: tuple[Any, ...]) -> Rows:
    if sql is chunk.erase_statement():
        await db.read_pool().execute(STATISTICS, args[0])
        args = (*args[:3], False)
    return await go_on(sql, *args)


async def _no_tombstone(go_on: Next, sql: str, args: tuple[Any, ...]) -> Rows:
    found = await go_on(sql, *args)
    if sql is chunk.erase_statement():
        await go_on("DELETE FROM tombstone WHERE patron_id = ANY($1::bigint[])", args[0])
    return found


async def _no_certificate(go_on: Next, sql: str, args: tuple[Any, ...]) -> Rows:
    return [] if sql is certificate.ADD else await go_on(sql, *args)


async def _settled_twice(go_on: Next, sql: str, args: tuple[Any, ...]) -> Rows:
    instead = {item_chunks.TAKE_NEXT: TAKE_ANY, leases.CLAIM: CLAIM_ANY, leases.ADVANCE: ADVANCE_ANY}
    return await go_on(instead.get(sql, sql), *args)


async def _exports_kept(go_on: Next, sql: str, args: tuple[Any, ...]) -> Rows:
    return [] if sql is chunk.EXPIRE_LIBRARY_EXPORTS else await go_on(sql, *args)


async def _groups_left(go_on: Next, sql: str, args: tuple[Any, ...]) -> Rows:
    if sql is chunk.DISSOLVE_GROUPS:
        return await go_on("SELECT 0")
    return await go_on(sql, *args)


VARIANTS: dict[str, Callable[[], Replacement] | None] = {
    "no_transaction": None,
    "obstacles_before_the_lock": _obstacles_before_the_lock,
    "statistics_outside": lambda: _statistics_outside,
    "no_tombstone": lambda: _no_tombstone,
    "no_certificate": lambda: _no_certificate,
    "settled_twice": lambda: _settled_twice,
    "exports_kept": lambda: _exports_kept,
    "groups_left": lambda: _groups_left,
    "sound": None,
}

DIES = "+dies"
"""After a variant's name: the process kills itself as soon as the first erasure was executed."""


def apply(name: str) -> None:
    """Break this process in that way."""
    variant = name.removesuffix(DIES)
    make, real = VARIANTS[variant], db.rows
    replacement = None if make is None else make()
    if variant == "no_transaction":
        db.transaction = _autocommit

    async def rows(sql: str, *args: object) -> Rows:
        found = await (real(sql, *args) if replacement is None else replacement(real, sql, args))
        if sql is chunk.erase_statement() and name.endswith(DIES):
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    db.rows = rows
