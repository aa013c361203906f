"""A library made by few statements, what tests do to it, and what all of its tables hold."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from patrongraph import db
from patrongraph.context import Actor, ActorKind, system_actor
from patrongraph.permissions import ALL_PERMISSIONS, Permission
from patrongraph.staff.actions import create_token

PATRONS = """
WITH made AS (
    INSERT INTO patron (library_id, first_name, last_name, category, status, branch_id, cohort_id, notes, email,
                        status_changed_at, registered_at, updated_at)
    SELECT $1, 'First' || n, 'Last' || n, 'Pupil', $2, $4, $5, 'a note', 'p' || n || '@example.org',
           now(), now(), now()
    FROM generate_series(1, $3::int) AS n
    RETURNING id
), cards AS (
    INSERT INTO card (library_id, patron_id, barcode) SELECT $1, id, 'B' || id FROM made
), homes AS (
    INSERT INTO address (library_id, patron_id, street) SELECT $1, id, 'Street ' || id FROM made
), pins AS (
    INSERT INTO patron_pin (patron_id, library_id, pin_hash, changed_at) SELECT id, $1, 'hash', now() FROM made
), blocks AS (
    INSERT INTO block (library_id, patron_id, comment, placed_at, lifted_at)
    SELECT $1, id, 'noisy', now(), now() FROM made
)
SELECT id FROM made ORDER BY id
"""

LOANS = """
WITH item_made AS (
    INSERT INTO item (library_id, branch_id, barcode, title, material_type, status)
    SELECT $1, $3, 'I' || p || '-' || n, 'Title ' || n, 'BOOK', 'AVAILABLE'
    FROM unnest($2::bigint[]) AS p, generate_series(1, $4::int) AS n
    RETURNING id, split_part(substr(barcode, 2), '-', 1)::bigint AS patron_id
)
INSERT INTO loan (library_id, patron_id, item_id, checked_out_at, due_at, returned_at, branch_id)
SELECT $1, patron_id, id, '2025-03-04 23:30+00', '2025-04-01 12:00+00', '2025-03-20 12:00+00', $3 FROM item_made
RETURNING id
"""

PAID_DEBTS = """
WITH charge AS (
    INSERT INTO ledger_entry (library_id, patron_id, kind, amount, outstanding, created_at)
    SELECT $1, p, 'CHARGE', 3, 0, now() FROM unnest($2::bigint[]) AS p RETURNING id, patron_id
)
INSERT INTO ledger_entry (library_id, patron_id, charge_id, kind, amount, created_at)
SELECT $1, patron_id, id, 'PAYMENT', 3, now() FROM charge RETURNING id
"""


# The tables, and whether a row says whose it is.
TABLES = """
SELECT c.relname AS name, EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'library_id')
       AS owned
FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY c.relname
"""

# How many rows a table has, and a hash over all of them; when somebody was last seen is left out.
CONTENTS = """
SELECT '{table}' AS name, count(*) AS rows,
       md5(coalesce(string_agg(said, chr(10) ORDER BY said), '')) AS hash
FROM (SELECT (to_jsonb(t) - ARRAY['last_used_at', 'last_seen_at'])::text AS said
      FROM {table} t WHERE {where}) AS all_rows
"""


@dataclass(frozen=True)
class Town:
    """One library with a branch and a cohort, and what tests do to its patrons."""

    id: int
    branch: int
    cohort: int

    @property
    def system(self) -> Actor:
        return system_actor(self.id)

    async def patrons(self, count: int, *, loans: int = 0, status: str = "INACTIVE") -> list[int]:
        """Patrons with card, address, PIN and lifted block; `loans` finished loans each, and a settled debt."""
        made = await db.rows(PATRONS, self.id, status, count, self.branch, self.cohort)
        ids = [row["id"] for row in made]
        if loans:
            await db.rows(LOANS, self.id, ids, self.branch, loans)
            await db.rows(PAID_DEBTS, self.id, ids)
        return ids

    async def open_loan(self, patron: int, *, lost: bool = False) -> int:
        item = await db.value(
            "INSERT INTO item (library_id, barcode, title, status) VALUES ($1, $2, 'Open', 'ON_LOAN') RETURNING id",
            self.id,
            f"open-{patron}-{lost}",
        )
        return await db.value(
            "INSERT INTO loan (library_id, patron_id, item_id, checked_out_at, due_at, lost)"
            " VALUES ($1, $2, $3, now(), now(), $4) RETURNING id",
            self.id,
            patron,
            item,
            lost,
        )

    async def open_reservation(self, patron: int) -> int:
        item = await db.value(
            "INSERT INTO item (library_id, barcode, title, status) VALUES ($1, $2, 'Held', 'AVAILABLE') RETURNING id",
            self.id,
            f"held-{patron}",
        )
        return await db.value(
            "INSERT INTO reservation (library_id, patron_id, item_id, requested_at, state)"
            " VALUES ($1, $2, $3, now(), 'OPEN') RETURNING id",
            self.id,
            patron,
            item,
        )

    async def charge(self, patron: int, outstanding: str) -> int:
        return await db.value(
            "INSERT INTO ledger_entry (library_id, patron_id, kind, amount, outstanding, created_at)"
            " VALUES ($1, $2, 'CHARGE', abs($3::text::numeric), $3::text::numeric, now()) RETURNING id",
            self.id,
            patron,
            outstanding,
        )

    async def group(self, *members: int) -> int:
        made: int = await db.value(
            "INSERT INTO patron_group (library_id, created_at) VALUES ($1, now()) RETURNING id", self.id
        )
        for member in members:
            await db.rows(
                "INSERT INTO group_membership (library_id, group_id, patron_id, lead, joined_at)"
                " VALUES ($1, $2, $3, $4, now()) RETURNING id",
                self.id,
                made,
                member,
                member == members[0],
            )
        return made

    async def policy(self, **columns: Any) -> None:
        for name, value in columns.items():
            await db.rows(f"UPDATE library SET {name} = $2 WHERE id = $1 RETURNING id", self.id, value)

    async def staff(self, *permissions: Permission) -> Actor:
        user = await db.value(
            "INSERT INTO staff_user (library_id, username, display_name, password_hash)"
            " VALUES ($1, 'anna', 'Anna', 'x') RETURNING id",
            self.id,
        )
        role = await db.value(
            "INSERT INTO role (library_id, name, permissions) VALUES ($1, 'purger', $2) RETURNING id",
            self.id,
            [permission.value for permission in permissions],
        )
        await db.rows("INSERT INTO staff_role (staff_user_id, role_id) VALUES ($1, $2) RETURNING id", user, role)
        return await self.signed_in(user, *permissions)

    async def signed_in(self, staff: int, *permissions: Permission) -> Actor:
        """Somebody who has just given the password."""
        session = await db.value(
            "INSERT INTO session (staff_user_id, library_id, token_sha256, expires_at, reauthenticated_at)"
            " VALUES ($1, $2, md5(random()::text) || md5(clock_timestamp()::text), now() + interval '1 hour', now())"
            " RETURNING id",
            staff,
            self.id,
        )
        return Actor(ActorKind.STAFF, staff, self.id, frozenset(permissions), session)

    async def token(self, *permissions: Permission) -> str:
        """A new API token; without permissions named it has all of them."""
        _, token = await create_token(self.system, "tests", permissions or ALL_PERMISSIONS)
        return token

    async def remaining(self) -> list[int]:
        return [r["id"] for r in await db.rows("SELECT id FROM patron WHERE library_id = $1 ORDER BY id", self.id)]


async def make_town(code: str) -> Town:
    library = await db.value("INSERT INTO library (code, name) VALUES ($1, $1) RETURNING id", code)
    branch = await db.value(
        "INSERT INTO branch (library_id, code, name) VALUES ($1, 'MAIN', 'Main') RETURNING id", library
    )
    cohort = await db.value(
        "INSERT INTO cohort (library_id, code, name) VALUES ($1, 'Y9', 'Year 9') RETURNING id", library
    )
    return Town(library, branch, cohort)


async def wait_until(condition: Callable[[], Awaitable[Any]], seconds: float = 60) -> Any:
    async with asyncio.timeout(seconds):
        while not (found := await condition()):
            await asyncio.sleep(0.02)
    return found


async def contents(library: int | None = None) -> dict[str, tuple[int, str]]:
    """Rows and hash of every table, or of one library's rows in every table whose rows name their library."""
    tables = await db.rows(TABLES)
    if library is None:
        statements = [CONTENTS.format(table=table["name"], where="true") for table in tables]
    else:
        statements = [
            CONTENTS.format(table=table["name"], where=f"library_id = {library}") for table in tables if table["owned"]
        ]
    return {row["name"]: (row["rows"], row["hash"]) for row in await db.rows(" UNION ALL ".join(statements))}


@asynccontextmanager
async def nothing_changes() -> AsyncIterator[None]:
    """Compare every row of every table before and after."""
    before = await contents()
    yield
    assert await contents() == before
