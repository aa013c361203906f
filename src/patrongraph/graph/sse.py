"""GraphQL over Server-Sent Events, one operation a connection (graphql-sse, distinct connections mode)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

from patrongraph.addresses import network
from patrongraph.context import Actor, Context
from patrongraph.graph import door as doors
from patrongraph.graph.door import Credentials, Door, Headers, Receive, Scope, Send
from patrongraph.graph.engine import Answer, Request
from patrongraph.graph.http import (
    HARDENING,
    MAX_HEADER,
    Reply,
    admit_mutation,
    quality,
    read_request,
    refusal,
)
from patrongraph.graph.limits import Gone, Malformed
from patrongraph.graph.payers import payer

EVENT_STREAM = b"text/event-stream; charset=utf-8"
COMPLETE = b"event: complete\ndata: \n\n"
KEEP_ALIVE = b":\n\n"
LAST_SECONDS = 5.0
"""Longest wait for a client to take the last event, s."""


def event(body: bytes) -> bytes:
    """Return the `next` event of an envelope. Line ends in JSON are white space, so they are left out."""
    return b"event: next\ndata: " + body.replace(b"\n", b"").replace(b"\r", b"") + b"\n\n"


class GraphQLOverSSE:
    """The ASGI endpoint of /graphql/stream."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: 4xx with JSON when it is malformed, else a stream of events.

        An operation that is refused is told so in an event, as the protocol asks: EventSource shows no other answer.
        """
        with contextlib.ExitStack() as places:
            await self._answer(scope, receive, send, places)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, places: contextlib.ExitStack) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        request_id = doors.request_id(headers)
        try:
            places.enter_context(self._door.crowds.by_address.place(network(doors.client(scope))))
            opened = await self._open(scope, headers, receive, request_id, places)
        except Malformed as malformed:
            opened = refusal(malformed)
        except Gone:
            return
        except Exception as error:  # the last resort of a door
            opened = Reply(*doors.fault(error, request_id))
        if isinstance(opened, Reply):
            await opened.send(send, request_id)
        else:
            await opened.run(receive, send)

    async def _open(
        self, scope: Scope, headers: Headers, receive: Receive, request_id: str, places: contextlib.ExitStack
    ) -> "Reply | _Stream":
        door = self._door
        accept = headers.get(b"accept", b"").decode("latin-1").strip()
        if accept and quality(accept[:MAX_HEADER], "text/event-stream")[0] <= 0:
            raise Malformed(406, "NOT_ACCEPTABLE", "Answers here are text/event-stream; name it in Accept.")
        request = await read_request(door, scope, headers, receive)
        credentials = door.credentials(headers)
        door.refuse_foreign(headers, credentials)
        actor = await door.look_up(credentials)
        address = doors.client(scope)
        places.enter_context(door.crowds.by_actor.place(payer(actor, address)))
        context = Context(actor, request_id, address)
        try:
            kind = door.kind_of(request, actor, address)
            if kind == "subscription":
                places.enter_context(door.crowds.subscriptions.place(payer(actor, address)))
        except Malformed as malformed:
            if malformed.status != 429:
                raise
            context.headers.extend(malformed.headers)
            return _Stream(door, _once(doors.envelope(malformed)), credentials, context)
        if kind == "mutation":
            context = replace(context, actor=await admit_mutation(door, scope, headers, credentials, actor))
        found = await self._start(request, context, kind)
        if isinstance(found, Answer):
            found = _once(found.body)
        return _Stream(door, found, credentials, context)

    async def _start(self, request: Request, context: Context, kind: str | None) -> Answer | AsyncIterator[bytes]:
        if kind == "subscription":
            return await self._door.engine.subscribe(request, context)
        return await self._door.engine.execute(request, context)


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


class _Stream:
    """One open stream; what it holds of a slow client is the one event being sent."""

    def __init__(self, door: Door, source: AsyncIterator[bytes], credentials: Credentials, context: Context) -> None:
        self._door = door
        self._source = source
        self._credentials = credentials
        self._context = context
        self._actor: Actor = context.actor

    async def run(self, receive: Receive, send: Send) -> None:
        """Send events until the source ends, the client leaves, the actor is gone or the server stops."""
        headers = [
            (b"content-type", EVENT_STREAM),
            (b"x-accel-buffering", b"no"),
            (b"x-request-id", self._context.request_id.encode()),
            *HARDENING,
            *self._context.headers,
            *((b"set-cookie", cookie.encode("latin-1")) for cookie in self._context.set_cookies),
        ]
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send(_chunk(KEEP_ALIVE))
            last = await self._follow(receive, send)
        finally:
            await close(self._source)
        if last is not None:
            async with asyncio.timeout(LAST_SECONDS):
                await send({"type": "http.response.body", "body": last, "more_body": False})

    async def _follow(self, receive: Receive, send: Send) -> bytes | None:
        # Returns the last bytes to send; None when nobody is there to read them.
        pump = asyncio.create_task(self._pump(send))
        gone = asyncio.create_task(until_gone(self._door, self._credentials, self._actor, self._context.request_id))
        left = asyncio.create_task(_until_left(receive))
        tasks = (pump, gone, left)
        self._door.admit_stream(pump)
        try:
            while True:
                await asyncio.wait(tasks, timeout=self._door.keepalive_seconds, return_when=asyncio.FIRST_COMPLETED)
                if left.done():
                    return None
                if pump.done() or gone.done():
                    return self._last_words(pump)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(send(_chunk(KEEP_ALIVE)), self._door.keepalive_seconds)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _last_words(self, pump: "asyncio.Task[None]") -> bytes:
        if not pump.done():
            return event(doors.errors("You are no longer signed in.", "UNAUTHENTICATED")) + COMPLETE
        if pump.cancelled():
            # The server stops. A stream that ends without `complete` makes the client come back.
            return b""
        error = pump.exception()
        if isinstance(error, Exception):
            return event(doors.fault(error, self._context.request_id)[1]) + COMPLETE
        return COMPLETE

    async def _pump(self, send: Send) -> None:
        async for body in self._source:
            await send(_chunk(event(body)))


async def until_gone(door: Door, credentials: Credentials, actor: Actor, request_id: str) -> None:
    """Return when an actor is gone, may do less than before, or could not be looked up twice running."""
    failures = 0
    while failures < 2:
        await asyncio.sleep(door.recheck_seconds)
        try:
            if await door.look_again(credentials, actor) is None:
                return
            failures = 0
        except Exception as error:  # an absent database must not end every stream at once
            doors.fault(error, request_id)
            failures += 1


async def close(source: AsyncIterator[bytes]) -> None:
    """Close an iterator that knows how to be closed, so that what it watches is let go at once."""
    closing = getattr(source, "aclose", None)
    if closing is not None:
        await closing()


def _chunk(body: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": body, "more_body": True}


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
