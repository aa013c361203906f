"""Whether the process lives, and whether it can serve: the database must be; Valkey and a worker only should."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import orjson
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import Response

from patrongraph import db, migrate
from patrongraph.jobs import heartbeat
from patrongraph.settings import Settings
from patrongraph.tables import APP

UNKNOWN = "unknown"
CHECK_SECONDS = 2.0
"""Longest wait for one of the servers, s."""


def _answer(status_code: int, **found: str | int) -> Response:
    return Response(orjson.dumps(found), status_code, media_type="application/json")


async def alive(_: Request) -> Response:
    """Answer 200 as long as the event loop turns."""
    return _answer(200, status="ok")


def readiness(settings: Settings) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint that answers 200 when requests can be served, else 503 with what is missing."""

    async def ready(_: Request) -> Response:
        (database, migrations), (valkey, workers) = await asyncio.gather(_database(), _valkey(settings))
        parts = {"database": database, "migrations": migrations, "valkey": valkey, "workers": workers}
        if (database, migrations) != ("ok", "ok"):
            return _answer(503, status="unavailable", **parts)
        # Without Valkey everything works; progress and waking up workers come a few seconds later. Without a
        # worker everything is answered, and jobs wait.
        return _answer(200, status="ok" if valkey == "ok" and workers else "degraded", **parts)

    return ready


async def _database() -> tuple[str, str]:
    """Return how the database is, and how its migrations are."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            names = {found["name"] for found in await db.rows(migrate.APPLIED, APP)}
    except asyncpg.UndefinedTableError:
        return "ok", "none applied: run `patrongraph migrate`"
    except (OSError, RuntimeError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        return "away", UNKNOWN
    pending = [name for name in migrate.known() if name not in names]
    return "ok", f"{len(pending)} to apply: run `patrongraph migrate`" if pending else "ok"


async def _valkey(settings: Settings) -> tuple[str, int | str]:
    """Return how Valkey is, and how many workers have said there that they live."""
    try:
        return "ok", await heartbeat.count(settings, CHECK_SECONDS)
    except (OSError, RedisError):
        return "away", UNKNOWN
