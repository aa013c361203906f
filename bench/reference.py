"""The limit: a bare ASGI application that answers each read workload by one statement written for it by hand.

No GraphQL, no sign-in, no permissions: a path names the statement, the rest of it holds the parameters. Run by
uvicorn with BENCH_DATABASE_URL set.
"""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import asyncpg
from bench.reference_sql import BY_BARCODE, DETAIL, GROUP_TOTALS, LONG_LIST, SEARCH

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class BareConnection(asyncpg.Connection):
    """A pooled connection whose release costs no round trip."""

    def get_reset_query(self) -> str:
        return ""


class Reference:
    """The application; opens its pool in the lifespan."""

    def __init__(self) -> None:
        self.pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.lifespan(receive, send)
            return
        status, body = 200, b"{}"
        if scope["path"] != "/healthz":
            status, body = await self.answer(scope["path"])
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def answer(self, path: str) -> tuple[int, bytes]:
        """Run the statement that the path names: /q1/LIBRARY/PARAMETER/and so on."""
        assert self.pool is not None
        _, name, library, *given = path.split("/")
        if name == "q1":
            found = await self.pool.fetchval(BY_BARCODE, int(library), given[0])
            return 200, b'{"data":{"patron":%b}}' % (found or b"null")
        if name == "q2":
            found = await self.pool.fetchval(DETAIL, int(library), given[0])
            return 200, b'{"data":{"patron":%b}}' % (found or b"null")
        if name == "q3":
            found = await self.pool.fetchval(GROUP_TOTALS, int(library), given[0], int(given[1]))
        elif name == "q4":
            found = await self.pool.fetchval(SEARCH, int(library), given[0])
        elif name == "q5":
            found = await self.pool.fetchval(LONG_LIST, int(library), given[0], int(given[1]))
        else:
            return 404, b"{}"
        return 200, b'{"data":{"patrons":%b}}' % found

    async def lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self.pool = await asyncpg.create_pool(
            os.environ["BENCH_DATABASE_URL"],
            min_size=1,
            max_size=16,
            connection_class=BareConnection,
            init=read_json_as_bytes,
            server_settings={"timezone": "UTC", "jit": "off", "plan_cache_mode": "force_generic_plan"},
        )
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.pool.close()
        await send({"type": "lifespan.shutdown.complete"})


async def read_json_as_bytes(connection: Any) -> None:
    """Hand JSON through as it comes from PostgreSQL."""
    await connection.set_type_codec(
        "json", schema="pg_catalog", encoder=lambda value: value, decoder=bytes, format="binary"
    )


app = Reference()
