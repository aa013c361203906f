"""The three libraries of tests/graph/library.py, with something for every mutation to work on, and who asks."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
from tests.graph import library
from tests.graph.library import ADMIN, ASA, CODES, LETTERS, NORTH, number
from tests.graph.reference import NODE_TABLES
from tests.matrix.recipes import IDLE, OWN_ROW, PASSWORD, PIN, ROLLED

from patrongraph import db
from patrongraph.context import Actor, ActorKind, Context
from patrongraph.graph.engine import Answer, Engine, Request
from patrongraph.patrons.pins import hash_pin
from patrongraph.permissions import ALL_PERMISSIONS, Permission
from patrongraph.staff import tokens
from patrongraph.staff.passwords import hash_secret

# One patron with one of everything, in library $1, whose first branch and cohort have its number; $2 is its letter,
# and the others are the numbers of rows. Years of before are taken back, so that one more can begin.
MORE = """
WITH people AS (
    INSERT INTO patron (id, library_id, first_name, username, status, branch_id, cohort_id, registered_at,
                        status_changed_at, updated_at)
    VALUES ($3, $1, 'Cleo', 'clean' || $2, 'ACTIVE', $1, $1, now(), now(), now()),
           ($4, $1, 'Ida', 'idle' || $2, 'INACTIVE', $1, $1, now(), now(), now())
), named AS (
    INSERT INTO card (library_id, patron_id, barcode) VALUES ($1, $3, $2 || '-300')
), shelf AS (
    INSERT INTO item (id, library_id, barcode, title, status, price)
    VALUES ($3, $1, $2 || '-shelf', 'On the shelf', 'AVAILABLE', 9), ($4, $1, $2 || '-lent', 'Lent', 'ON_LOAN', 9),
           ($4 + 3, $1, $2 || '-kept', 'Wanted', 'AVAILABLE', 9)
), loans AS (
    INSERT INTO loan (id, library_id, patron_id, item_id, checked_out_at, due_at, renewals_left)
    VALUES ($3, $1, $3, $4, now() - interval '9 days', now() + interval '1 day', 2)
), wanted AS (
    INSERT INTO reservation (id, library_id, patron_id, item_id, requested_at, state)
    VALUES ($3, $1, $3, $4 + 3, now(), 'OPEN')
), owed AS (
    INSERT INTO ledger_entry (id, library_id, patron_id, kind, amount, outstanding, reason, created_at)
    VALUES ($3, $1, $3, 'CHARGE', 2, 2, 'Fee', now())
), jobs AS (
    INSERT INTO job (id, library_id, kind, state, started_at, finished_at, started_by_id)
    VALUES ($3, $1, 'PURGE', 'COMPLETED_WITH_ISSUES', now(), now(), $5), ($4, $1, 'PURGE', 'PAUSED', now(), null, $5),
           ($4 + 3, $1, 'EXPORT_PATRON', 'SUCCEEDED', now(), now(), $5)
), spare AS (
    INSERT INTO cohort (id, library_id, code, name) VALUES ($3, $1, $2 || '-spare', 'Nobody')
), earlier AS (
    UPDATE rollover SET undone_at = now() WHERE library_id = $1 AND undone_at IS NULL
), over AS (
    INSERT INTO job (id, library_id, kind, state, started_at, finished_at, started_by_id, params)
    VALUES ($6, $1, 'ROLLOVER', 'SUCCEEDED', now(), now(), $5, jsonb_build_object('rollover', $3::bigint))
), year AS (
    INSERT INTO rollover (id, library_id, year, job_id, created_at, moved) VALUES ($3, $1, 2020, $6, now(), 1)
), step AS (
    INSERT INTO rollover_step (library_id, rollover_id, patron_id, from_cohort_id, to_cohort_id, deactivate, done_at)
    VALUES ($1, $3, $3, $1 + 3, $1, false, now())
), kept AS (
    INSERT INTO loan_statistic (library_id, checked_out_on, returned_on, branch_id, item_branch_id, category,
                                cohort_code, material_type)
    VALUES ($1, current_date - 9, current_date - 2, $1, $1, $2 || '-pupils', $2 || '-spare', $2 || '-maps')
), items AS (
    INSERT INTO job_item (job_id, library_id, patron_id, state, reason, finished_at)
    VALUES ($3, $1, $4, 'FAILED', 'disk full', now()), ($4, $1, $4, 'PENDING', null, null)
), exports AS (
    INSERT INTO data_export (id, library_id, job_id, patron_id, format, state, path, sha256, size, ready_at, expires_at)
    VALUES ($3, $1, $4 + 3, $3, 'JSON', 'READY', 'export-' || $3, repeat('ab', 32), 9, now(), now() + interval '1 day')
)
SELECT 1
"""
SET_PIN = "INSERT INTO patron_pin (patron_id, library_id, pin_hash, changed_at) VALUES ($1, $2, $3, now())"
SESSION = """
INSERT INTO session (staff_user_id, patron_id, library_id, token_sha256, expires_at, reauthenticated_at)
VALUES ($1, $2, $3, $4, now() + interval '1 hour', now()) RETURNING id
"""

_hashes: list[str] = []


@dataclass
class Said:
    """An answer: status, whether anything ran, and the envelope."""

    status: int
    executed: bool
    envelope: dict[str, Any]

    @property
    def codes(self) -> list[str]:
        return [error["extensions"]["code"] for error in self.envelope.get("errors", ())]

    def root(self, name: str) -> Any:
        return self.envelope["data"][name]


@dataclass
class Ground:
    """The libraries and an engine over them; `sessions` are those of NORTH's admin and patron."""

    engine: Engine
    empty: Callable[[], Awaitable[None]]
    sessions: dict[ActorKind, tuple[int, str]] = field(default_factory=dict)

    async def build(self) -> None:
        """Empty the database and fill it anew."""
        await self.empty()
        await library.build()
        if not _hashes:
            _hashes.extend((await hash_secret(PASSWORD), await hash_pin(PIN)))
        for each in CODES:
            mine, idle, admin = number(each, OWN_ROW), number(each, IDLE), number(each, ADMIN)
            await db.rows(MORE, each, LETTERS[each], mine, idle, admin, number(each, ROLLED))
            await db.rows(SET_PIN, mine, each, _hashes[1])
            await db.rows("UPDATE staff_user SET password_hash = $2 WHERE id = $1", admin, _hashes[0])
        self.sessions = {}
        for kind, staff, patron in (
            (ActorKind.STAFF, number(NORTH, ADMIN), None),
            (ActorKind.PATRON, None, number(NORTH, ASA)),
        ):
            token = secrets.token_urlsafe(32)
            made = await db.value(SESSION, staff, patron, NORTH, tokens.digest(token))
            self.sessions[kind] = (made, token)

    def staff(self, *permissions: Permission) -> Actor:
        """NORTH's admin, with exactly these permissions."""
        return Actor(
            ActorKind.STAFF, number(NORTH, ADMIN), NORTH, frozenset(permissions), self.sessions[ActorKind.STAFF][0]
        )

    def of(self, library_id: int) -> Actor:
        """Somebody who may do everything in that library."""
        return Actor(ActorKind.STAFF, number(library_id, ADMIN), library_id, ALL_PERMISSIONS)

    def token(self, *permissions: Permission) -> Actor:
        return Actor(ActorKind.TOKEN, number(NORTH, 1), NORTH, frozenset(permissions))

    def patron(self, *permissions: Permission) -> Actor:
        return Actor(
            ActorKind.PATRON, number(NORTH, ASA), NORTH, frozenset(permissions), self.sessions[ActorKind.PATRON][0]
        )

    async def ask(self, who: Actor, text: str, variables: dict[str, Any] | None = None) -> Said:
        """Send a query or a mutation."""
        found = await self.engine.execute(Request(text, None, variables or {}), Context(who, "matrix", "127.0.0.1"))
        return Said(found.status, found.executed, orjson.loads(found.body))

    async def follow(self, who: Actor, text: str, variables: dict[str, Any]) -> Said | list[dict[str, Any]]:
        """Begin a subscription; return its refusal, or the events that it begins with."""
        found = await self.engine.subscribe(Request(text, None, variables), Context(who, "matrix"))
        if isinstance(found, Answer):
            return Said(found.status, found.executed, orjson.loads(found.body))
        return await _first(found)


async def _first(events: AsyncIterator[bytes]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    async with aclosing(events):  # type: ignore[type-var]
        with suppress(StopAsyncIteration):
            found.append(orjson.loads(await anext(events)))
            # What is there already comes at once.
            with suppress(TimeoutError):
                while True:
                    async with asyncio.timeout(0.2):
                        found.append(orjson.loads(await anext(events)))
    return found


def ids_in(found: Any) -> set[tuple[str, int]]:
    """Return every id in an answer, as prefix and key."""
    if isinstance(found, dict):
        return set().union(*(ids_in(each) for each in found.values()), set())
    if isinstance(found, list):
        return set().union(*(ids_in(each) for each in found), set())
    prefix, _, digits = found.partition("_") if isinstance(found, str) else ("", "", "")
    return {(prefix, int(digits))} if prefix in NODE_TABLES and digits.isdigit() else set()


async def of_others(found: Any, library_id: int = NORTH) -> list[str]:
    """Return the ids in an answer that belong to another library; items may, because libraries lend to each other."""
    foreign: list[str] = []
    by_prefix: dict[str, list[int]] = {}
    for prefix, key in ids_in(found):
        by_prefix.setdefault(prefix, []).append(key)
    for prefix, keys in by_prefix.items():
        if prefix == "item":
            continue
        column = "id" if prefix == "lib" else "library_id"
        rows = await db.rows(
            f"SELECT id FROM {NODE_TABLES[prefix]} WHERE id = ANY($1) AND {column} <> $2", keys, library_id
        )
        foreign.extend(f"{prefix}_{row['id']}" for row in rows)
    return foreign
