"""GraphQL over WebSocket: graphql-transport-ws only, and each of its rules with its close code."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from patrongraph.addresses import network
from patrongraph.context import ANONYMOUS, Actor, Context
from patrongraph.graph import door as doors
from patrongraph.graph.crowds import Crowd
from patrongraph.graph.door import NO_CREDENTIALS, Credentials, Door, Receive, Scope, Send
from patrongraph.graph.engine import Answer, Request
from patrongraph.graph.limits import BAD_INPUT, Malformed, decode, request_from
from patrongraph.graph.payers import payer
from patrongraph.graph.sse import close, until_gone

PROTOCOL = "graphql-transport-ws"
MAX_REASON = 100
"""Longest reason of a close, characters; the frame holds 123 bytes."""
MAX_ID = 256
"""Longest id of an operation, characters."""


class _Close(Exception):  # noqa: N818 - it says what to do
    """The client broke a rule of the protocol; the socket closes with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class _Gone(Exception):  # noqa: N818 - it says what the client is
    """Nothing can be sent any more."""


class GraphQLOverWebSocket:
    """The ASGI endpoint of /graphql for WebSockets."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket until it closes."""
        await receive()
        protocol = PROTOCOL if PROTOCOL in scope.get("subprotocols", ()) else None
        try:
            await send({"type": "websocket.accept", "subprotocol": protocol})
            if protocol is None:
                reason = f"Subprotocol not acceptable: use {PROTOCOL}"
                await send({"type": "websocket.close", "code": 4406, "reason": reason})
                return
        except OSError:
            return
        with contextlib.ExitStack() as places:
            await _Socket(self._door, scope, receive, send, places).run()


class _Socket:
    """One connection: who it is, and its running operations."""

    def __init__(self, door: Door, scope: Scope, receive: Receive, send: Send, places: contextlib.ExitStack) -> None:
        self._door = door
        self._places = places
        self._address = doors.client(scope)
        self._headers: dict[bytes, bytes] = dict(scope["headers"])
        self._receive = receive
        self._send = send
        self._request_id = doors.request_id(self._headers)
        self._count = 0
        self._closed = False
        self._asked = False
        self._acknowledged = asyncio.Event()
        self._writing = asyncio.Lock()
        self._credentials: Credentials = NO_CREDENTIALS
        self._actor: Actor = ANONYMOUS
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._verbs: dict[str, Callable[[dict[str, Any]], Awaitable[None]]] = {
            "connection_init": self._init,
            "ping": self._ping,
            "pong": self._pong,
            "subscribe": self._subscribe,
            "complete": self._complete,
        }

    async def run(self) -> None:
        """Read messages until the socket closes; then cancel everything it started."""
        watch = asyncio.create_task(self._watch())
        try:
            self._hold(self._door.crowds.by_address, network(self._address))
            while (message := await self._receive())["type"] == "websocket.receive":
                if not self._closed:
                    await self._handle(message)
        except _Close as broken:
            await self._close(broken.code, broken.reason)
        except _Gone:
            pass
        except Exception as error:  # the last resort of a door
            status, _ = doors.fault(error, self._request_id)
            # A client comes back after 1013, and gives up after 4500.
            again = status == 503
            await self._close(1013 if again else 4500, "Try again later" if again else "Internal server error")
        finally:
            self._closed = True
            watch.cancel()
            await asyncio.gather(watch, *self._cancel_all(), return_exceptions=True)

    def _hold(self, crowd: Crowd, who: str) -> None:
        try:
            self._places.enter_context(crowd.place(who))
        except Malformed as full:  # a client comes back after 1013
            raise _Close(1013, full.message[:MAX_REASON]) from None

    def _cancel_all(self) -> "list[asyncio.Task[None]]":
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        return tasks

    async def _close(self, code: int, reason: str) -> None:
        if self._closed:
            return
        self._closed = True
        self._cancel_all()
        with contextlib.suppress(OSError):
            await self._send({"type": "websocket.close", "code": code, "reason": reason})

    async def _write(self, *parts: bytes) -> None:
        # The server's send waits while the client does not read. One operation at a time is in it, and only that one
        # has a frame made for it: the others hold the event that all subscribers share, and there is no queue.
        async with self._writing:
            if self._closed:
                raise _Gone
            try:
                await self._send({"type": "websocket.send", "text": b"".join(parts).decode()})
            except OSError:
                self._closed = True
                raise _Gone from None

    async def _watch(self) -> None:
        try:
            async with asyncio.timeout(self._door.init_seconds):
                await self._acknowledged.wait()
        except TimeoutError:
            await self._close(4408, "Connection initialisation timeout")
            return
        if self._actor.signed_in:
            await until_gone(self._door, self._credentials, self._actor, self._request_id)
            await self._close(4403, "Forbidden")

    async def _handle(self, message: Any) -> None:
        text = message.get("text")
        if text is None:
            raise _Close(4400, "Only text frames in UTF-8 are understood")
        if len(text) > self._door.max_body_bytes:
            raise _Close(1009, "Message too big")
        try:
            data = decode(text, "The message")
        except Malformed as malformed:
            raise _Close(4400, malformed.message) from None
        if not isinstance(data, dict):
            raise _Close(4400, "A message must be a JSON object")
        kind = data.get("type")
        verb = self._verbs.get(kind) if isinstance(kind, str) else None
        if verb is None:
            raise _Close(4400, "The type of a message must be one a client may send")
        await verb(data)

    async def _init(self, data: dict[str, Any]) -> None:
        if self._asked:
            raise _Close(4429, "Too many initialisation requests")
        self._asked = True
        self._credentials = self._shown(_payload(data))
        try:
            self._actor = await self._door.look_up(self._credentials)
        except Malformed as malformed:
            raise _Close(4403, f"Forbidden: {malformed.message}"[:MAX_REASON]) from None
        self._hold(self._door.crowds.by_actor, payer(self._actor, self._address))
        await self._write(b'{"type":"connection_ack"}')
        self._acknowledged.set()

    def _shown(self, payload: dict[str, Any]) -> Credentials:
        for name, value in payload.items():
            if name.lower() == "authorization":
                if not isinstance(value, str):
                    raise _Close(4400, "Authorization must be a string")
                return Credentials(authorization=value)
        credentials = self._door.credentials(self._headers)
        if credentials.session_token is not None and not self._door.same_origin(self._headers, required=True):
            raise _Close(4403, "Forbidden: a page of another site may not use your session")
        return credentials

    async def _ping(self, data: dict[str, Any]) -> None:
        payload = _payload(data)
        await self._write(orjson.dumps({"type": "pong", "payload": payload} if payload else {"type": "pong"}))

    async def _pong(self, data: dict[str, Any]) -> None:
        _payload(data)

    async def _complete(self, data: dict[str, Any]) -> None:
        task = self._operations.pop(_id(data), None)
        if task is not None:
            task.cancel()

    async def _subscribe(self, data: dict[str, Any]) -> None:
        if not self._acknowledged.is_set():
            raise _Close(4401, "Unauthorized")
        name = _id(data)
        if name in self._operations:
            raise _Close(4409, "Subscriber for this id already exists")
        try:
            request = request_from(data.get("payload"))
        except Malformed as malformed:
            if malformed.code != BAD_INPUT:
                raise _Close(4400, malformed.message) from None
            await self._error(name, doors.errors(malformed.message, malformed.code))
            return
        if len(self._tasks) >= self._door.max_operations:
            most = self._door.max_operations
            message = f"Too many operations on this socket: this would be number {most + 1}, {most} are allowed."
            await self._error(name, doors.errors(message, "TOO_MANY_OPERATIONS"))
            return
        self._count += 1
        task = asyncio.create_task(self._operate(name, request, f"{self._request_id}-{self._count}"))
        self._operations[name] = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _operate(self, name: str, request: Request, request_id: str) -> None:
        try:
            last = await self._answer(name, request, request_id)
        except _Gone:
            return
        except Malformed as malformed:
            last = _failure(name, doors.envelope(malformed))
        except Exception as error:  # one operation's fault must not end its siblings
            last = _failure(name, doors.fault(error, request_id)[1])
        # The id is free again before the client can know that it is.
        self._operations.pop(name, None)
        try:
            await self._write(last)
        except _Gone:
            return

    async def _answer(self, name: str, request: Request, request_id: str) -> bytes:
        """Run one operation, sending its results; return its last message."""
        engine, actor = self._door.engine, self._actor
        kind = self._door.kind_of(request, actor, self._address)
        if kind == "mutation":
            self._door.refuse_foreign(self._headers, self._credentials, changes=True)
        if actor.signed_in:
            actor = await self._door.look_up(self._credentials, fresh=kind == "mutation")
        context = Context(actor, request_id, self._address)
        if kind != "subscription":
            answer = await engine.execute(request, context)
            if not answer.executed:
                return _failure(name, answer.body)
            await self._write(*_next(name, answer.body))
            return _done(name)
        with self._door.crowds.subscriptions.place(payer(actor, self._address)):
            source = await engine.subscribe(request, context)
            if isinstance(source, Answer):
                return _failure(name, source.body)
            try:
                async for body in source:
                    await self._write(*_next(name, body))
            finally:
                await close(source)
        return _done(name)

    async def _error(self, name: str, body: bytes) -> None:
        await self._write(_failure(name, body))


def _payload(data: dict[str, Any]) -> dict[str, Any]:
    payload = data.get("payload")
    if payload is None:
        return {}
    if not isinstance(payload, dict):
        raise _Close(4400, "payload must be an object")
    return payload


def _id(data: dict[str, Any]) -> str:
    name = data.get("id")
    if not isinstance(name, str) or not 0 < len(name) <= MAX_ID:
        raise _Close(4400, f"id must be a string of 1 to {MAX_ID} characters")
    return name


def _next(name: str, body: bytes) -> tuple[bytes, bytes, bytes]:
    return b'{"type":"next","id":%b,"payload":' % orjson.dumps(name), body, b"}"


def _done(name: str) -> bytes:
    return b'{"type":"complete","id":%b}' % orjson.dumps(name)


def _failure(name: str, body: bytes) -> bytes:
    return orjson.dumps({"type": "error", "id": name, "payload": orjson.loads(body)["errors"]})
