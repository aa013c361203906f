"""Reads of libraries that are not the graph's: by code or id, for the doors and the command line."""

from collections.abc import Sequence

import asyncpg

from patrongraph import db

# One library with its policy, by code without regard to case; an exact spelling wins.
LIBRARY_BY_CODE = "SELECT * FROM library WHERE lower(code) = lower($1) ORDER BY (code = $1) DESC, id LIMIT 1"

# One library with its policy, by id.
LIBRARY_BY_ID = "SELECT * FROM library WHERE id = $1"

# Every library, for the command line and the choice when signing in.
LIBRARIES = "SELECT id, code, name FROM library ORDER BY code"

# The branches of a library, by code.
BRANCHES = "SELECT id, code FROM branch WHERE library_id = $1 ORDER BY code"

# The id behind a branch's or a cohort's code.
ID_BY_CODE = {
    "branch": "SELECT id FROM branch WHERE library_id = $1 AND code = $2",
    "cohort": "SELECT id FROM cohort WHERE library_id = $1 AND code = $2",
}


async def by_code(code: str) -> asyncpg.Record | None:
    """Return the library row of that code, or None."""
    return await db.row(LIBRARY_BY_CODE, code) if db.storable(code) else None


async def by_id(library_id: int) -> asyncpg.Record | None:
    """Return the library row with its policy columns, or None."""
    return await db.row(LIBRARY_BY_ID, library_id)


async def all_libraries() -> Sequence[asyncpg.Record]:
    """Return id, code and name of every library, by code."""
    return await db.rows(LIBRARIES)


async def branches(library_id: int) -> dict[str, int]:
    """Return the ids of a library's branches by their codes, in the order of these."""
    return {row["code"]: row["id"] for row in await db.rows(BRANCHES, library_id)}


async def id_by_code(kind: str, library_id: int, code: str) -> int | None:
    """Return the id of the library's "branch" or "cohort" with that code, or None."""
    found: int | None = await db.value(ID_BY_CODE[kind], library_id, code) if db.storable(code) else None
    return found
