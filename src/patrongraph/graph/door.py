"""What HTTP, WebSocket and SSE share: who asks, from where, and how an error is told without its values."""

import asyncio
import logging
import os
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from asyncpg import QueryCanceledError

from patrongraph import metrics
from patrongraph.context import ANONYMOUS, Actor
from patrongraph.graph.budget import OPERATION, Budget
from patrongraph.graph.crowds import Crowds
from patrongraph.graph.engine import Engine, Request
from patrongraph.graph.errors import RATE_LIMITED, UNAVAILABLE, masked, too_poor
from patrongraph.graph.limits import BAD_INPUT, Malformed
from patrongraph.graph.payers import payer
from patrongraph.settings import Origin, Settings, parse_origin

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = Mapping[bytes, bytes]

Identify = Callable[[str | None, str | None, bool], Awaitable[Actor]]
"""(session token, Authorization header, fresh) to the actor. Raises BadCredentials."""

JSON = b"application/json; charset=utf-8"
logger = logging.getLogger("patrongraph.graph")

# At least 16 characters: no barcode or name fits, and ids of the usual generators do.
_REQUEST_ID = re.compile(rb"[A-Za-z0-9_-]{16,64}")


CHALLENGE = ((b"www-authenticate", b'Bearer realm="patrongraph", error="invalid_token"'),)


class BadCredentials(Exception):  # noqa: N818 - said to the client in these words
    """A session or a token that is malformed, unknown, expired, revoked or disabled."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client showed. A bearer token is never sent by a browser on its own, a cookie is."""

    session_token: str | None = None
    authorization: str | None = None

    @property
    def ambient(self) -> bool:
        """Whether a foreign page could have made the browser send this."""
        return self.authorization is None


NO_CREDENTIALS = Credentials()


@dataclass(frozen=True, slots=True)
class Door:
    """What the transports need; durations in seconds."""

    engine: Engine
    identify: Identify
    max_body_bytes: int
    max_upload_bytes: int = 67_108_864
    cookie_name: str = "pg_session"
    https_only: bool = False
    origins: frozenset[Origin] = frozenset()
    init_seconds: float = 10.0
    recheck_seconds: float = 40.0
    keepalive_seconds: float = 12.0
    max_operations: int = 100
    crowds: Crowds = field(default_factory=lambda: Crowds(Settings.model_construct()))
    budget: Budget | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _streams: "set[asyncio.Task[None]]" = field(default_factory=set)

    def admit_stream(self, stream: "asyncio.Task[None]") -> None:
        """Remember the task of a stream, so that stop() can end it."""
        self._streams.add(stream)
        stream.add_done_callback(self._streams.discard)
        if self.stopping.is_set():
            stream.cancel()

    def stop(self) -> None:
        """End every stream, because the server stops; it closes the WebSockets itself."""
        self.stopping.set()
        for stream in tuple(self._streams):
            stream.cancel()

    def credentials(self, headers: Headers) -> Credentials:
        """Return what the headers show; a bearer token hides the cookie."""
        authorization = headers.get(b"authorization")
        if authorization is not None:
            return Credentials(authorization=authorization.decode("latin-1"))
        cookies = headers.get(b"cookie")
        if cookies is None:
            return NO_CREDENTIALS
        for cookie in cookies.decode("latin-1").split(";"):
            name, _, value = cookie.strip().partition("=")
            if name == self.cookie_name and value:
                return Credentials(session_token=value)
        return NO_CREDENTIALS

    async def admit(self, headers: Headers, *, fresh: bool = False) -> Actor:
        """Return who asks for what is only read. Raises Malformed: 401 for a bad token, 403 for a foreign page."""
        credentials = self.credentials(headers)
        self.refuse_foreign(headers, credentials)
        return await self.look_up(credentials, fresh=fresh)

    def refuse_foreign(self, headers: Headers, credentials: Credentials, *, changes: bool = False) -> None:
        """Raise Malformed 403 when a page of another site makes a browser use its session here.

        `changes`: also without a session, so that no foreign page signs somebody in, or fails to.
        """
        by_session = credentials.session_token is not None
        if (by_session or (changes and credentials.ambient)) and not self.same_origin(headers):
            raise Malformed(403, "CROSS_ORIGIN", "A page of another site may not do this with your session.")

    async def look_up(self, credentials: Credentials, *, fresh: bool = False) -> Actor:
        """Return who shows these credentials, ANONYMOUS without any. Raises Malformed 401 for a bad token.

        A session that ended is as good as none: it must not keep anybody from signing in.
        """
        if credentials is NO_CREDENTIALS:
            return ANONYMOUS
        try:
            return await self.identify(credentials.session_token, credentials.authorization, fresh)
        except BadCredentials as bad:
            if credentials.ambient:
                return ANONYMOUS
            raise Malformed(401, "UNAUTHENTICATED", str(bad), CHALLENGE) from None

    async def look_again(self, credentials: Credentials, before: Actor) -> Actor | None:
        """Return the actor of a long connection as of now; None when gone or allowed less than before."""
        if not before.signed_in:
            return before
        try:
            now = await self.identify(credentials.session_token, credentials.authorization, True)
        except BadCredentials:
            return None
        same = (now.key, now.library_id) == (before.key, before.library_id)
        return now if same and now.permissions >= before.permissions else None

    def kind_of(self, request: Request, actor: Actor, address: str) -> str | None:
        """Return query, mutation or subscription; None when refused. Raises Malformed: too deep, no points left."""
        poor = None if self.budget is None else self.budget.look(payer(actor, address))
        if poor is not None:  # before a text is parsed for somebody who cannot pay for it
            error = too_poor(poor, OPERATION)
            raise Malformed(429, RATE_LIMITED, error.message, tuple(poor.headers), error.extensions)
        try:
            return self.engine.operation_kind(request, actor)
        except RecursionError:
            raise Malformed(400, BAD_INPUT, "The query is nested too deeply.") from None

    def same_origin(self, headers: Headers, *, required: bool = False) -> bool:
        """Whether a browser says that one of our own pages asks; required: the Origin header must be there.

        Neither header means that it is not a browser: every current one sends Origin with a POST.
        """
        if headers.get(b"sec-fetch-site", b"same-origin") not in (b"same-origin", b"none"):
            return False
        origin = headers.get(b"origin")
        if origin is None:
            return not required
        return self._is_ours(origin.decode("latin-1"), headers.get(b"host", b"").decode("latin-1"))

    def _is_ours(self, origin: str, host: str) -> bool:
        theirs = parse_origin(origin)
        if theirs is None or (self.https_only and theirs.scheme != "https"):
            return False
        # TLS ends before us, so what a Host without a port means depends on how the browser came.
        return theirs in self.origins if self.origins else theirs == parse_origin(f"{theirs.scheme}://{host}")


def request_id(headers: Headers) -> str:
    """Return the caller's X-Request-Id when it looks like one, else a new one."""
    given = headers.get(b"x-request-id")
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given.decode()
    return os.urandom(12).hex()


def client(scope: Scope) -> str:
    """Return the address of the caller, for lockouts."""
    address = scope.get("client")
    return str(address[0]) if address else ""


def errors(message: str, code: str, told: Mapping[str, Any] | None = None) -> bytes:
    """Return the envelope of one request error; `told` stands beside the code."""
    metrics.REFUSED.labels(code).inc()
    return orjson.dumps({"errors": [{"message": message, "extensions": {**(told or {}), "code": code}}]})


def envelope(malformed: Malformed) -> bytes:
    """Return the envelope of a refusal."""
    return errors(malformed.message, malformed.code, malformed.told)


def fault(error: Exception, request_id: str) -> tuple[int, bytes]:
    """Log an unexpected exception by class, id and place; return the status and the envelope to answer."""
    hidden = masked(error, request_id)
    status = 503 if isinstance(error, (*UNAVAILABLE, QueryCanceledError)) else 500
    return status, orjson.dumps({"errors": [hidden.formatted]})
