"""The erasure reaches the data files: what was deleted is still in them until the tables are written anew.

A file of its own beside chunk.py, which erases rows: DELETE, and VACUUM after it, leave every value in its page. So
each table that patrons' values were ever in is rewritten, then the planner's statistics, which quote values. A rewrite
drops a deleted row only when no snapshot needs it any more; the table's relfrozenxid tells how far it went, exactly,
whatever the role may see of other sessions. Killed anywhere it is begun again: tombstones are settled last.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial

import asyncpg

from patrongraph import db
from patrongraph.audit.actions import record
from patrongraph.context import system_actor
from patrongraph.personal_data import PATRON_TABLES
from patrongraph.settings import get_settings

log = logging.getLogger(__name__)

TABLES = (*(table.name for table in PATRON_TABLES), "patron_group", "person")
"""Every table that a purge deletes from."""

STATISTICS = "loan_statistic"
CATALOGS = ("pg_catalog.pg_statistic", "pg_catalog.pg_statistic_ext_data")
LOCK_TIMEOUT = "2s"
PATIENCE_SECONDS = 60.0
LONGEST_PAUSE = 5.0

# One run at a time; the end of the session frees it.
ONE_AT_A_TIME = "SELECT pg_try_advisory_lock(hashtext('patrongraph at rest'))"

# Deleting transactions that are committed now are older than the number drawn after this reading.
LIVE_ERASED = "SELECT id, erased_at FROM tombstone WHERE state = 'LIVE_ERASED'"
DRAW_NUMBER = "SELECT pg_current_xact_id()::xid"

# Whether there is anything to do, and no purge at work that would make more of it at once.
DUE = """
SELECT EXISTS (SELECT FROM tombstone WHERE state = 'LIVE_ERASED')
   AND NOT EXISTS (SELECT FROM job WHERE kind = 'PURGE' AND state = 'RUNNING')
"""

# Tables that this role may not rewrite: VACUUM itself would only warn and skip them, CLUSTER knows no database owner.
FORBIDDEN = """
SELECT c.relname::text AS name
FROM pg_class c JOIN pg_database d ON d.datname = current_database()
WHERE c.oid = ANY($1::text[]::regclass[])
  AND NOT (has_table_privilege(c.oid, 'MAINTAIN') OR c.oid <> $2::text::regclass AND pg_has_role(d.datdba, 'USAGE'))
ORDER BY c.relname
"""

# Before 18 nobody but a superuser can make the planner forget a value.
SERVER_VERSION = "SELECT current_setting('server_version_num')::int / 10000"

SMALLEST_FIRST = "SELECT name FROM unnest($1::text[]) AS name ORDER BY pg_table_size(name::regclass), name"

# A rewritten table has another file, and no row in it was deleted by a transaction older than its relfrozenxid.
FILE = "SELECT pg_relation_filenode($1::text::regclass)"
REWRITTEN = """
SELECT pg_relation_filenode(oid) <> $2 AS anew, age(relfrozenxid) <= age($3::xid) AS clean
FROM pg_class WHERE oid = $1::text::regclass
"""

# ANALYZE leaves the statistics of an empty table, or of an index without a row, as they were: so they go first.
FORGET = """
SELECT pg_clear_attribute_stats(c.relnamespace::regnamespace::text, c.relname::text, a.attname::text, false)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND (c.oid = $1::text::regclass
       OR c.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = $1::text::regclass AND indexprs IS NOT NULL))
"""

# Rows written by one transaction share its number, and a deletion's are one patron's: all get one number and new keys.
MIX_STATISTICS = """
UPDATE loan_statistic SET id = gen_random_uuid()
WHERE (SELECT count(*) FROM (SELECT DISTINCT xmin::text FROM loan_statistic LIMIT 2) AS writers) > 1
"""

# The tombstones that were read, but for those of patrons who came back meanwhile and were erased once more.
SETTLE = """
UPDATE tombstone SET state = 'AT_REST_ERASED', at_rest_at = now()
FROM unnest($1::bigint[], $2::timestamptz[]) AS seen(id, erased_at)
WHERE tombstone.id = seen.id AND tombstone.erased_at = seen.erased_at AND tombstone.state = 'LIVE_ERASED'
RETURNING tombstone.library_id
"""


class Why(StrEnum):
    """Why the data files could not be wiped now; nothing is lost, and the next run begins again."""

    BUSY = "BUSY"
    NO_RIGHT = "NO_RIGHT"
    OLD_SERVER = "OLD_SERVER"
    OLD_SNAPSHOT = "OLD_SNAPSHOT"
    TABLE_IN_USE = "TABLE_IN_USE"


_WORDS = {
    Why.BUSY: "another process is at it",
    Why.NO_RIGHT: "the database role may not rewrite {0}: it needs MAINTAIN on them, or to own them",
    Why.OLD_SERVER: "PostgreSQL 18 or newer is needed: an older one cannot be made to forget its statistics",
    Why.OLD_SNAPSHOT: "a long transaction, a prepared one or a replication slot still needs deleted rows of {0}",
    Why.TABLE_IN_USE: "{0} was in use all the time",
}


class NotNow(Exception):  # noqa: N818 - a state that people are told of, not a bug
    """The data files were not wiped to the end; tombstones stay LIVE_ERASED."""

    def __init__(self, why: Why, tables: str = "") -> None:
        super().__init__(_WORDS[why].format(tables))
        self.why = why


@dataclass(frozen=True, slots=True)
class Wiped:
    """What a run did: tombstones settled, tables rewritten, and seconds."""

    patrons: int
    tables: int
    seconds: float


async def due(now: datetime | None = None) -> bool:
    """Return whether a worker should begin: the hour is right, something is to be wiped, and no purge is at work."""
    if not get_settings().at_rest_is_open(now or datetime.now(UTC)):
        return False
    return bool(await db.value(DUE))


async def wipe(
    tell: Callable[[str], None] = lambda table: None, *, patience_seconds: float = PATIENCE_SECONDS
) -> Wiped:
    """Rewrite every table of patrons, so that tombstones written so far are erased at rest; then settle them.

    One table at a time is locked, for as long as its rewrite takes; `tell` hears its name before. Waits up to
    `patience_seconds` for each table's lock and for older snapshots. Raises NotNow, connection errors.
    """
    begun = time.monotonic()
    async with db.own_connection("at rest") as connection:
        if not await connection.fetchval(ONE_AT_A_TIME):
            raise NotNow(Why.BUSY)
        erased = await connection.fetch(LIVE_ERASED)
        if not erased:
            return Wiped(0, 0, 0.0)
        await check_possible(connection)
        await connection.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
        rewritten = await _Rewriter(connection, tell, patience_seconds).run()
    settled = await _settle(erased, rewritten)
    return Wiped(settled, rewritten, time.monotonic() - begun)


async def check_possible(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Raise NotNow when this server or role can never do it."""
    if await connection.fetchval(SERVER_VERSION) < 18:
        raise NotNow(Why.OLD_SERVER)
    found = await connection.fetch(FORBIDDEN, [*TABLES, STATISTICS, *CATALOGS], STATISTICS)
    forbidden = [row["name"] for row in found]
    if forbidden:
        raise NotNow(Why.NO_RIGHT, ", ".join(forbidden))


async def _settle(erased: Sequence[asyncpg.Record], tables: int) -> int:
    """Mark the tombstones and tell each library's audit how many of its patrons it was."""
    async with db.transaction():
        settled = await db.rows(SETTLE, [row["id"] for row in erased], [row["erased_at"] for row in erased])
        libraries = Counter(row["library_id"] for row in settled)
        for library, patrons in sorted(libraries.items()):
            await record(system_actor(library), "erasure.at_rest", patrons=patrons, tables=tables)
    return libraries.total()


class _Rewriter:
    """One run over all tables on one connection."""

    def __init__(
        self, connection: "asyncpg.Connection[asyncpg.Record]", tell: Callable[[str], None], patience: float
    ) -> None:
        self._connection = connection
        self._tell = tell
        self._patience = patience
        self._count = 0

    async def run(self) -> int:
        """Rewrite tables, then statistics, then the planner's; return how many rewrites that were."""
        ordered = [row["name"] for row in await self._connection.fetch(SMALLEST_FIRST, list(TABLES))]
        # The smallest comes first and shows, again and again at little cost, whether an older snapshot is open.
        number = await self._connection.fetchval(DRAW_NUMBER)
        for table in ordered:
            await self._rewrite(f"VACUUM (FULL) {table}", table, number)
            await self._patiently(table, partial(self._analyze, table))
        await self._patiently(STATISTICS, self._mix)
        number = await self._connection.fetchval(DRAW_NUMBER)
        await self._rewrite(f"VACUUM (FULL) {ordered[0]}", ordered[0], number)
        await self._rewrite(f"CLUSTER {STATISTICS} USING {STATISTICS}_pkey", STATISTICS, number)
        await self._connection.execute(f"ANALYZE {STATISTICS}")
        number = await self._connection.fetchval(DRAW_NUMBER)
        for catalog in CATALOGS:
            await self._rewrite(f"VACUUM (FULL) {catalog}", catalog, number)
        try:
            await self._connection.execute("CHECKPOINT")
        except asyncpg.InsufficientPrivilegeError:
            # The old files are empty since each commit; the server's own next checkpoint takes their names away.
            log.info("no right to CHECKPOINT; the server's next one removes the emptied files")
        return self._count

    async def _rewrite(self, statement: str, table: str, number: int) -> None:
        """Rewrite a table until nothing is in it that a transaction older than `number` deleted."""
        self._tell(table.removeprefix("pg_catalog."))
        await self._patiently(table, lambda: self._rewrite_once(statement, table, number))
        self._count += 1

    async def _rewrite_once(self, statement: str, table: str, number: int) -> None:
        before = await self._connection.fetchval(FILE, table)
        await self._connection.execute(statement)
        found = await self._connection.fetchrow(REWRITTEN, table, before, number)
        if found is None or not found["anew"]:
            raise NotNow(Why.NO_RIGHT, table)
        if not found["clean"]:
            raise NotNow(Why.OLD_SNAPSHOT, table)

    async def _mix(self) -> None:
        await self._connection.execute(MIX_STATISTICS)

    async def _analyze(self, table: str) -> None:
        async with self._connection.transaction():
            await self._connection.execute("SET LOCAL lock_timeout = DEFAULT")
            await self._connection.fetch(FORGET, table)
            await self._connection.execute(f"ANALYZE {table}")

    async def _patiently(self, table: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do it again while the table is locked or an older snapshot is open, for as long as patience lasts."""
        deadline, pause = time.monotonic() + self._patience, 0.2
        while True:
            try:
                return await work()
            except (asyncpg.LockNotAvailableError, NotNow) as error:
                reason = error if isinstance(error, NotNow) else NotNow(Why.TABLE_IN_USE, table)
                if reason.why is Why.NO_RIGHT or time.monotonic() > deadline:
                    raise reason from None
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
