"""One patron is deleted on purpose and confirmed twice, or brought back from the days of grace.

A file of its own beside actions.py, which starts purges: a deletion is done at once, by the request itself. What the
first call showed is bound into the confirmation that the second one carries, so nothing is stored in between.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import asyncpg
import orjson

from patrongraph import db
from patrongraph.audit.actions import record
from patrongraph.context import Actor, ActorKind
from patrongraph.erasure import problems
from patrongraph.erasure.chunk import BEGIN_GRACE, Erased, erase, remove_files
from patrongraph.jobs import confirmation, idempotency
from patrongraph.patrons.models import PatronStatus
from patrongraph.patrons.queries import PURGE_LIBRARY, ErasureAction, obstacles
from patrongraph.personal_data import erasable_rows
from patrongraph.problems import not_found
from patrongraph.staff import identify
from patrongraph.staff.actions import require_reauthentication

PURPOSE = "patron deletion"
"""What a confirmation is for; one for something else is void here."""

# Holds the patron against everybody: from here on nobody lends, charges, edits, or erases the same one.
LOCK_PATRON = "SELECT id, status, purge_after FROM patron WHERE id = $1 AND library_id = $2 FOR UPDATE"

# Holds a patron who stays, and asks whether the days of grace are over.
LOCK_WAITING = """
SELECT id, status, purge_after <= now() AS due FROM patron WHERE id = $1 AND library_id = $2 FOR NO KEY UPDATE
"""

# What decides over an erasure beside the patron's own rows, and what stays after it.
AROUND = """
SELECT library.retain_deleted_patron_loans AS retain, library.grace_days,
       now() + make_interval(days => library.grace_days) AS grace_until,
       (SELECT count(*)::int FROM loan WHERE loan.patron_id = patron.id AND loan.returned_at IS NOT NULL) AS finished,
       (SELECT count(*)::int FROM patron other
        WHERE other.person_id = patron.person_id AND other.library_id <> patron.library_id) AS other_accounts
FROM patron JOIN library ON library.id = patron.library_id
WHERE patron.id = $1
"""

# Whoever is about to be erased is signed out at once.
END_SESSIONS = "DELETE FROM session WHERE patron_id = $1 RETURNING id"

RESTORE = """
UPDATE patron SET status = 'INACTIVE', purge_after = NULL, status_changed_at = now(), updated_at = now(),
                  version = version + 1
WHERE id = $1
RETURNING id
"""

# For a request that is sent again: what its first sending left behind.
CERTIFIED_ROWS = "SELECT rows FROM tombstone WHERE patron_id = $1 AND library_id = $2"
PENDING_UNTIL = "SELECT purge_after FROM patron WHERE id = $1 AND library_id = $2"


@dataclass(frozen=True, slots=True)
class DeletionPreview:
    """What a deletion would erase and keep now, and the confirmation that carries it out.

    `erase_after` is None when the patron would be gone at once.
    """

    patron_id: int
    rows: dict[str, int]
    statistics: int
    other_accounts: int
    grace_days: int
    erase_after: datetime | None
    confirmation_token: str
    confirm_until: datetime


@dataclass(frozen=True, slots=True)
class Deleted:
    """What a deletion did: the patron is gone with these rows, or waits until `erase_after`."""

    patron_id: int
    erased: bool
    rows: dict[str, int]
    statistics: int
    erase_after: datetime | None


@dataclass(frozen=True, slots=True)
class _Seen:
    """The locked patron with nothing in the way: its own rows, what is around them, and a digest of it all."""

    patron: asyncpg.Record
    around: asyncpg.Record
    rows: dict[str, int]
    fingerprint: str

    @property
    def confirmed(self) -> list[object]:
        """What a confirmation of it is about."""
        return [self.patron["id"], self.fingerprint]

    @property
    def at_once(self) -> bool:
        return int(self.around["grace_days"]) == 0

    @property
    def pending(self) -> bool:
        return str(self.patron["status"]) == PatronStatus.PENDING_PURGE

    @property
    def erase_after(self) -> datetime | None:
        if self.at_once:
            return None
        until: datetime = self.patron["purge_after"] if self.pending else self.around["grace_until"]
        return until


async def delete(
    actor: Actor,
    patron_id: int,
    *,
    confirmation_token: str | None = None,
    idempotency_key: str | None = None,
    clock: Callable[[], float] = time.time,
) -> DeletionPreview | Deleted:
    """Show what deleting this patron would do; with the confirmation shown, do it. Other libraries are not touched.

    In a library with days of grace the patron waits that long, and the housekeeping's purge erases. An active patron
    may be deleted. `clock` gives seconds since 1970. Raises Refused: NOT_FOUND, OBSTACLES with all of them,
    CONFIRMATION_VOID when the confirmation is older than 15 minutes, another actor's or patron's, or anything about
    the patron has changed since, REAUTHENTICATION_REQUIRED with it, IDEMPOTENCY_MISMATCH, INVALID_INPUT for a key
    that is none.
    """
    async with db.transaction():
        if confirmation_token is None:
            seen = await _look(actor, patron_id)
            return _preview(actor, seen, int(clock()))
        body = {"patron": patron_id, "token": confirmation_token}
        earlier = await idempotency.find(actor, idempotency_key, "deletePatron", body)
        if earlier is not None:
            return await _replayed(actor, patron_id, earlier)
        await require_reauthentication(actor)
        seen = await _look(actor, patron_id)
        _check_confirmation(confirmation_token, actor, seen, int(clock()))
        if seen.at_once:
            gone = await _erase(actor, seen)
            done = Deleted(patron_id, True, gone.rows, gone.statistics, None)
        else:
            gone = None
            done = Deleted(patron_id, False, {}, 0, await _begin_grace(actor, seen))
        result = {"patron": patron_id, "erased": done.erased, "statistics": done.statistics}
        await idempotency.remember(actor, idempotency_key, result)
    identify.forget_actor(ActorKind.PATRON, patron_id)
    if gone is not None and gone.files:
        await remove_files(library_id=actor.library)
    return done


async def restore(actor: Actor, patron_id: int) -> int:
    """Take a patron out of the days of grace, into INACTIVE, however they came there; return its id.

    Raises Refused: NOT_FOUND, NOT_PENDING_PURGE also when the days are over: then the erasure is promised.
    """
    async with db.transaction():
        patron = await db.row(LOCK_WAITING, patron_id, actor.library)
        if patron is None:
            raise not_found("The patron")
        status = PatronStatus(patron["status"])
        if status is not PatronStatus.PENDING_PURGE or patron["due"]:
            raise problems.not_pending_purge(status)
        await db.value(RESTORE, patron_id)
        await record(actor, "patron.restore", ("patron", patron_id))
    return patron_id


def _check_confirmation(token: str, actor: Actor, seen: _Seen, now: int) -> None:
    verdict = confirmation.judge(token, actor, PURPOSE, seen.confirmed, now)
    if verdict is not confirmation.Verdict.HOLDS:
        raise problems.confirmation_void(expired=verdict is confirmation.Verdict.EXPIRED)


async def _look(actor: Actor, patron_id: int) -> _Seen:
    """Lock the patron, then look: what is seen now cannot change before the commit."""
    await db.rows(PURGE_LIBRARY, actor.library)
    patron = await db.row(LOCK_PATRON, patron_id, actor.library)
    if patron is None:
        raise not_found("The patron")
    in_the_way = await obstacles(actor.library, [patron_id], ErasureAction.DELETE)
    if in_the_way:
        raise problems.obstacles(in_the_way)
    own = await db.rows(_own_rows_statement(), [patron_id])
    around = await db.row(AROUND, patron_id)
    assert around is not None  # noqa: S101 - the patron is locked
    decided_by = [around[name] for name in ("retain", "grace_days", "other_accounts")]
    said: list[Any] = [[row["name"], row["rows"], row["digest"]] for row in own]
    digest = hashlib.sha256(orjson.dumps([said, decided_by])).hexdigest()
    return _Seen(patron, around, {row["name"]: row["rows"] for row in own if row["rows"]}, digest)


@lru_cache(maxsize=1)
def _own_rows_statement() -> str:
    """Return the statement that counts and digests all rows of patrons $1, table by table in order of erasure.

    When a session was last used is left out: a patron who only looks changes nothing.
    """
    said = "(to_jsonb(erased) - 'last_seen_at')::text"
    all_said = f"coalesce(string_agg({said}, chr(10) ORDER BY {said}), '')"
    parts = [
        f"SELECT {place} AS place, '{table}' AS name, count(*)::int AS rows,"
        f" encode(sha256(convert_to({all_said}, 'UTF8')), 'hex') AS digest FROM {rows}"
        for place, (table, rows) in enumerate(erasable_rows())
    ]
    return f"SELECT name, rows, digest FROM ({' UNION ALL '.join(parts)}) AS each_table ORDER BY place"


def _preview(actor: Actor, seen: _Seen, now: int) -> DeletionPreview:
    patron_id: int = seen.patron["id"]
    made = confirmation.issue(actor, PURPOSE, seen.confirmed, now)
    return DeletionPreview(
        patron_id,
        seen.rows,
        seen.around["finished"] if seen.around["retain"] else 0,
        seen.around["other_accounts"],
        seen.around["grace_days"],
        seen.erase_after,
        made.token,
        made.until,
    )


async def _erase(actor: Actor, seen: _Seen) -> Erased:
    patron_id: int = seen.patron["id"]
    gone = await erase(actor.library, [patron_id], retain=seen.around["retain"])
    await record(actor, "patron.delete", ("patron", patron_id), job_id=None, **gone.detail)
    return gone


async def _begin_grace(actor: Actor, seen: _Seen) -> datetime | None:
    if seen.pending:
        return seen.erase_after  # it waits already, and no longer than it was told
    patron_id: int = seen.patron["id"]
    [waiting] = await db.rows(BEGIN_GRACE, [patron_id], seen.around["grace_days"])
    sessions = await db.rows(END_SESSIONS, patron_id)
    days: int = seen.around["grace_days"]
    await record(actor, "patron.delete", ("patron", patron_id), grace_days=days, sessions=len(sessions))
    until: datetime = waiting["purge_after"]
    return until


async def _replayed(actor: Actor, patron_id: int, earlier: dict[str, Any]) -> Deleted:
    if not earlier["erased"]:
        until: datetime | None = await db.value(PENDING_UNTIL, patron_id, actor.library)
        return Deleted(patron_id, False, {}, 0, until)
    rows: dict[str, int] = orjson.loads(await db.value(CERTIFIED_ROWS, patron_id, actor.library))
    return Deleted(patron_id, True, rows, earlier["statistics"], None)
