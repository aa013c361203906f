"""The only door to PostgreSQL: a pool for compiled reads, transactions for actions, and rows() for raw SQL."""

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast

import asyncpg
from tortoise import Tortoise
from tortoise.transactions import in_transaction

from patrongraph.settings import Settings, get_settings

MODEL_MODULES = [
    f"patrongraph.{feature}.models"
    for feature in (
        "libraries", "staff", "audit", "jobs", "circulation", "patrons", "groups",
        "cohorts", "imports", "exports", "erasure", "statistics", "rollover",
    )
]  # fmt: skip

log = logging.getLogger(__name__)

OWN_CLOSE_SECONDS = 5.0
REPLICA_CONNECT_SECONDS = 2.0
REPLICA_AWAY_SECONDS = 5.0

_transaction: ContextVar["asyncpg.Connection[asyncpg.Record] | None"] = ContextVar("transaction", default=None)


class PooledConnection(asyncpg.Connection):
    """A connection whose release costs no round trip; so nothing may SET, LISTEN or lock per session on it.

    After a statement that did not come to its end it costs one. asyncpg has a statement parsed first and executed
    then, and ends only with the second step what the server began with the first: a caller who is cancelled, or
    whose arguments do not fit, between the two would leave an open transaction that locks the tables of the statement.
    So statements go through fetch() and fetchval(), which keep account of it.
    """

    _unfinished = False

    async def fetch(self, *args: Any, **options: Any) -> Any:
        """As asyncpg's."""
        return await self._to_the_end(super().fetch(*args, **options))

    async def fetchval(self, *args: Any, **options: Any) -> Any:
        """As asyncpg's."""
        return await self._to_the_end(super().fetchval(*args, **options))

    async def _to_the_end(self, statement: Awaitable[Any]) -> Any:
        self._unfinished = True
        found = await statement
        self._unfinished = False
        return found

    def get_reset_query(self) -> str:
        """Return what is sent on release: nothing, or what ends a transaction that nobody else ends."""
        return "SELECT" if self._unfinished else ""


@dataclass(slots=True)
class _Pools:
    reads: "asyncpg.Pool[asyncpg.Record] | None" = None
    replica: "asyncpg.Pool[asyncpg.Record] | None" = None
    replica_away_until: float = 0.0


_pools = _Pools()


def tortoise_config(settings: Settings, write_timeout_ms: int = 0) -> dict[str, Any]:
    """Return Tortoise's configuration: one connection, one app that owns every model and migration."""
    from urllib.parse import parse_qs, unquote, urlsplit

    parts = urlsplit(settings.database_url)
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    credentials: dict[str, Any] = {
        "host": query.get("host") or unquote(parts.hostname or "") or "localhost",
        "port": int(query.get("port") or parts.port or 5432),
        "user": unquote(parts.username or "postgres"),
        "password": unquote(parts.password or "") or None,
        "database": parts.path.lstrip("/") or "postgres",
        "min_size": 1,
        "max_size": settings.write_pool_size,
        "server_settings": {
            "timezone": "UTC",
            "application_name": "patrongraph",
            "statement_timeout": str(write_timeout_ms),
        },
        "statement_cache_size": 200,
    }
    return {
        "connections": {"default": {"engine": "tortoise.backends.asyncpg", "credentials": credentials}},
        "apps": {
            "patrongraph": {
                "models": MODEL_MODULES,
                "default_connection": "default",
                "migrations": "patrongraph.migrations",
            }
        },
        "use_tz": True,
        "timezone": "UTC",
    }


async def _set_json_codec(connection: Any) -> None:
    # Answers of compiled reads are spliced as bytes; nothing decodes them on the way.
    await connection.set_type_codec(
        "json", schema="pg_catalog", encoder=lambda value: value, decoder=bytes, format="binary"
    )


async def open_pools(settings: Settings, *, write_timeout_ms: int = 0) -> None:
    """Open Tortoise and the read pool. Raises OSError or asyncpg.PostgresError when the database is away.

    `write_timeout_ms`: longest statement of a transaction, 0 for any; jobs take what they need.
    """
    await Tortoise.init(config=tortoise_config(settings, write_timeout_ms), _enable_global_fallback=True)
    _pools.reads = await _open_reads(settings, settings.database_url, min_size=1)
    if settings.read_database_url:
        # Nothing is connected yet: the replica may be away, now as later.
        url, seconds = settings.read_database_url, REPLICA_CONNECT_SECONDS
        _pools.replica = await _open_reads(settings, url, min_size=0, timeout=seconds)


async def _open_reads(settings: Settings, url: str, **more: Any) -> "asyncpg.Pool[asyncpg.Record]":
    return await asyncpg.create_pool(
        url,
        **more,
        max_size=settings.pool_size,
        connection_class=PooledConnection,
        init=_set_json_codec,
        statement_cache_size=500,
        server_settings={
            "timezone": "UTC",
            "application_name": "patrongraph",
            "statement_timeout": str(settings.statement_timeout_ms),
            "jit": "off",
            # Statements are few and parameters many: a plan is made once, not weighed anew with each value.
            "plan_cache_mode": "force_generic_plan",
        },
    )


async def close_pools() -> None:
    """Close what open_pools opened."""
    if _pools.replica is not None:
        await _pools.replica.close()
        _pools.replica = None
    if _pools.reads is not None:
        await _pools.reads.close()
        _pools.reads = None
    await Tortoise.close_connections()


def pool_use() -> dict[str, tuple[int, int, int]]:
    """Return for each pool its connections, those of them that are idle, and how many it may have."""
    pools: dict[str, Any] = {"read": _pools.reads, "replica": _pools.replica}
    with suppress(Exception):  # not opened, or closing: there is nothing to tell
        pools["write"] = Tortoise.get_connection("default")._pool
    return {
        name: (pool.get_size(), pool.get_idle_size(), pool.get_max_size())
        for name, pool in pools.items()
        if pool is not None
    }


def replica_pool() -> "asyncpg.Pool[asyncpg.Record] | None":
    """Return the pool of the replica, for queries and nothing else: it lags; None without one, or while it is away."""
    if _pools.replica is None or time.monotonic() < _pools.replica_away_until:
        return None
    return _pools.replica


def replica_failed(error: BaseException) -> None:
    """Leave the replica alone for a while, unless the statement only met what it was replaying."""
    log.warning("the replica does not serve: %s", type(error).__name__)
    if not isinstance(error, asyncpg.SerializationError):
        _pools.replica_away_until = time.monotonic() + REPLICA_AWAY_SECONDS


def read_pool() -> "asyncpg.Pool[asyncpg.Record]":
    """Return the pool of the compiled reads."""
    if _pools.reads is None:
        raise RuntimeError("the database is not open: call open_pools() first")
    return _pools.reads


@asynccontextmanager
async def transaction() -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Open a transaction (a savepoint inside another) for models and rows() alike; yields the raw connection.

    The raw connection is for COPY and cursors. Everything rolls back when the block raises.
    """
    async with in_transaction() as client:
        connection = cast("asyncpg.Connection[asyncpg.Record]", client._connection)
        token = _transaction.set(connection)
        try:
            yield connection
        finally:
            _transaction.reset(token)


@asynccontextmanager
async def own_connection(name: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Open a connection beside the pools, in no transaction: for VACUUM, and for locks that last a session.

    `name` is how the server lists it. Raises as open_pools() does.
    """
    connection = await asyncpg.connect(
        get_settings().database_url,
        server_settings={"timezone": "UTC", "application_name": f"patrongraph {name}"},
    )
    try:
        yield connection
    finally:
        await connection.close(timeout=OWN_CLOSE_SECONDS)


def storable(text: str) -> bool:
    """Return whether PostgreSQL can hold text: no NUL and no half of a surrogate pair, both legal in JSON."""
    return "\x00" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def transaction_is_open() -> bool:
    """Return whether the caller runs inside transaction()."""
    return _transaction.get() is not None


async def rows(sql: str, *args: object) -> Sequence[asyncpg.Record]:
    """Run one statement and return its rows, inside the open transaction or else on a pooled connection."""
    connection = _transaction.get()
    if connection is not None:
        return await connection.fetch(sql, *args)
    return await read_pool().fetch(sql, *args)


async def row(sql: str, *args: object) -> asyncpg.Record | None:
    """Run one statement and return its first row, or None."""
    found = await rows(sql, *args)
    return found[0] if found else None


async def value(sql: str, *args: object) -> Any:
    """Run one statement and return the first column of its first row, or None."""
    found = await row(sql, *args)
    return None if found is None else found[0]


# Classes of SQLSTATE that say nothing about the statement: connection lost (08), rolled back for another's sake
# (40), out of disk, memory or connections (53), lock not to be had (55), shut down or restarting (57).
_TRANSIENT_CLASSES = frozenset({"08", "40", "53", "55", "57"})


def is_transient(error: BaseException) -> bool:
    """Return whether the same work may well succeed a little later, in a new transaction."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, asyncpg.PostgresError):
            return (seen.sqlstate or "")[:2] in _TRANSIENT_CLASSES
        if isinstance(seen, OSError | TimeoutError | asyncpg.InterfaceError | asyncpg.InternalClientError):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
