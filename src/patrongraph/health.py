"""Whether the process lives, and whether it can serve: the database must be there, Valkey only should be."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import orjson
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import Response

from patrongraph import db, migrate
from patrongraph.jobs import progress
from patrongraph.settings import Settings
from patrongraph.tables import APP

CHECK_SECONDS = 2.0
"""Longest wait for one of the servers, s."""


def _answer(status_code: int, **found: str) -> Response:
    return Response(orjson.dumps(found), status_code, media_type="application/json")


async def alive(_: Request) -> Response:
    """Answer 200 as long as the event loop turns."""
    return _answer(200, status="ok")


def readiness(settings: Settings) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint that answers 200 when requests can be served, else 503 with what is missing."""

    async def ready(_: Request) -> Response:
        database, valkey = await asyncio.gather(_database(), _valkey(settings))
        parts = {"database": database, "valkey": valkey}
        if database != "ok":
            return _answer(503, status="unavailable", **parts)
        # Without Valkey everything works; progress and waking up workers come a few seconds later.
        return _answer(200, status="ok" if valkey == "ok" else "degraded", **parts)

    return ready


async def _database() -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            names = {found["name"] for found in await db.rows(migrate.APPLIED, APP)}
    except asyncpg.UndefinedTableError:
        return "not migrated: run `patrongraph migrate`"
    except (OSError, RuntimeError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        return "away"
    pending = [name for name in migrate.known() if name not in names]
    return f"{len(pending)} migrations to apply: run `patrongraph migrate`" if pending else "ok"


async def _valkey(settings: Settings) -> str:
    client = progress.connect(settings, answer_seconds=CHECK_SECONDS, connections=1)
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await client.ping()
    except (OSError, RedisError):
        return "away"
    finally:
        await client.aclose()
    return "ok"
