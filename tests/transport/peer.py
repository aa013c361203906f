"""A small engine over graphql-core and a real server, to test the transports by themselves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import orjson
import uvicorn
from graphql import (
    GraphQLError,
    GraphQLSyntaxError,
    build_schema,
    get_operation_ast,
    graphql,
    parse,
    validate,
)
from tests.clients import Api

from patrongraph.app import Application, Server, SocketProtocol
from patrongraph.context import Actor, ActorKind, Context
from patrongraph.graph.door import BadCredentials, Door
from patrongraph.graph.engine import Answer, Request
from patrongraph.permissions import Permission
from patrongraph.settings import Settings

SCHEMA = build_schema(
    """
    type Query { hello(name: String): String!  boom: String  slow: String  who: String!  secret: String }
    type Mutation { set(value: Int!): Int!  signIn: String! }
    type Subscription { count(to: Int!): Int!  forever: Int!  breaks: Int!  secret: Int! }
    """
)


class PeerEngine:
    """Answers the schema above; `value`, `running` and `released` show what really happened."""

    def __init__(self) -> None:
        self.value = 0
        self.counted = 0
        self.running: set[str] = set()
        self.released: list[str] = []
        self.go = asyncio.Event()

    def _parse(self, request: Request) -> Any:
        document = parse(request.query, max_tokens=1000)
        operation = get_operation_ast(document, request.operation_name)
        if operation is None:
            raise GraphQLError("Unknown operation.")
        errors = validate(SCHEMA, document)
        if errors:
            raise errors[0]
        return operation

    def operation_kind(self, request: Request, actor: Actor) -> str | None:
        try:
            return str(self._parse(request).operation.value)
        except GraphQLError:
            return None

    def _refusal(self, request: Request, actor: Actor) -> Answer | None:
        try:
            self._parse(request)
        except GraphQLError as error:
            code = "SYNTAX" if isinstance(error, GraphQLSyntaxError) else "INVALID"
            return refused(error.message, code, 400)
        if "secret" in request.query and not actor.signed_in:
            return refused("Sign in.", "UNAUTHENTICATED", 401)
        if "secret" in request.query and Permission.AUDIT_VIEW not in actor.permissions:
            return refused("Not you.", "FORBIDDEN", 403)
        return None

    async def execute(self, request: Request, context: Context) -> Answer:
        refusal = self._refusal(request, context.actor)
        if refusal:
            return refusal
        root = {
            "hello": lambda info, name=None: f"Hello {name or 'you'}",
            "boom": self._boom,
            "slow": self._slow,
            "who": lambda info: context.actor.key,
            "secret": lambda info: "s",
            "set": self._set,
            "signIn": lambda info: context.set_cookies.append("pg_session=abc; HttpOnly; SameSite=Lax; Path=/") or "ok",
        }
        result = await graphql(
            SCHEMA,
            request.query,
            root,
            variable_values=request.variables,
            operation_name=request.operation_name,
        )
        if result.data is None and result.errors and not result.errors[0].path:
            return refused(result.errors[0].message, "INVALID", 400)
        return Answer(orjson.dumps({"data": result.data}), True)

    def _boom(self, info: Any) -> str:
        raise SystemError("Anna Andersson, 1234567890")

    async def _slow(self, info: Any) -> str:
        self.running.add("slow")
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.released.append("slow")
            raise
        return "done"

    def _set(self, info: Any, value: int) -> int:
        self.value = value
        return value

    async def subscribe(self, request: Request, context: Context) -> Answer | AsyncIterator[bytes]:
        refusal = self._refusal(request, context.actor)
        if refusal:
            return refusal
        if "count" in request.query:
            return self._count(request.variables.get("to", 3))
        return self._breaks() if "breaks" in request.query else self._forever()

    async def _count(self, to: int) -> AsyncIterator[bytes]:
        try:
            for number in range(1, to + 1):
                self.counted = number
                yield b'{"data":\n{"count":%d}}' % number
                if number % 100 == 0:
                    await asyncio.sleep(0)  # as a source that waits for the next event does
        finally:
            self.released.append("count")

    async def _breaks(self) -> AsyncIterator[bytes]:
        yield b'{"data":{"breaks":1}}'
        raise SystemError("Anna Andersson, 1234567890")

    async def _forever(self) -> AsyncIterator[bytes]:
        self.running.add("forever")
        try:
            yield b'{"data":{"forever":0}}'
            await self.go.wait()
        finally:
            self.released.append("forever")


class BoomEngine(PeerEngine):
    """Fails where the real engine would have a bug."""

    async def execute(self, request: Request, context: Context) -> Answer:
        if "boom" in request.query:
            raise SystemError("Anna Andersson, 1234567890")
        return await super().execute(request, context)


def refused(message: str, code: str, status: int) -> Answer:
    body = orjson.dumps({"errors": [{"message": message, "extensions": {"code": code}}]})
    return Answer(body, False, status)


class People:
    """Who the credentials belong to; a test may take one away or let the look-up fail."""

    def __init__(self) -> None:
        staff = Actor(ActorKind.STAFF, 1, 1, frozenset({Permission.AUDIT_VIEW}), session_id=5)
        token = Actor(ActorKind.TOKEN, 2, 1, frozenset({Permission.AUDIT_VIEW}))
        self.known = {
            "good-session": staff,
            "Bearer good": token,
            "Bearer weak": replace(token, permissions=frozenset()),
        }
        self.fresh_looks = 0
        self.error: Exception | None = None

    async def identify(self, session_token: str | None, authorization: str | None, fresh: bool) -> Actor:
        self.fresh_looks += fresh
        if self.error:
            raise self.error
        try:
            return self.known[authorization or session_token or ""]
        except KeyError:
            raise BadCredentials("The token is unknown.") from None


class Peer(Api):
    """A running server of the peer engine."""

    engine: PeerEngine
    people: People
    door: Door
    server: Server


@asynccontextmanager
async def serving(engine: Any = None, **options: Any) -> AsyncIterator[Peer]:
    """Serve the transports on loopback, with other durations than the real ones where a test asks for it."""
    engine, people = engine or BoomEngine(), People()
    door = Door(engine=engine, identify=people.identify, max_body_bytes=16_384, **options)
    app = Application(door, Settings(), [])

    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="off", ws_max_size=16_384,
        ws=SocketProtocol, timeout_graceful_shutdown=5,
    )  # fmt: skip
    server = Server(config)
    task = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    peer = Peer(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")
    peer.engine, peer.people, peer.door, peer.server = engine, people, door, server
    try:
        yield peer
    finally:
        server.should_exit = True
        await task


async def until(condition: Any) -> None:
    """Wait until something has happened; the test runner's limit ends a wait for what never does."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)
