"""GraphQL over HTTP: one POST or GET in, one JSON answer out; malformed input is a 4xx, never a 500.

A POST is JSON, or a multipart form that brings a file to a mutation.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl

from patrongraph.context import Actor, Context
from patrongraph.graph import door as doors
from patrongraph.graph.door import Credentials, Door, Headers, Receive, Scope, Send
from patrongraph.graph.engine import Answer, Request
from patrongraph.graph.limits import (
    BAD_REQUEST,
    REQUEST_PARTS,
    Gone,
    Malformed,
    decode,
    read_body,
    request_from,
    request_from_body,
    too_large,
)
from patrongraph.graph.uploads import FORM_DATA, UploadRequest, is_form

GRAPHQL_JSON = b"application/graphql-response+json; charset=utf-8"
MAX_HEADER = 1024
"""Longest Accept or Content-Type that is looked at (and remembered), bytes."""
_MODERN, _LEGACY = "application/graphql-response+json", "application/json"

HARDENING = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
CHALLENGE = ((b"www-authenticate", b'Bearer realm="patrongraph"'),)


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete HTTP response."""

    status: int
    body: bytes
    content_type: bytes = doors.JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
    cookies: Iterable[str] = ()

    async def send(self, send: Send, request_id: str) -> None:
        """Send it, with the headers every response has."""
        headers = [
            (b"content-type", self.content_type),
            (b"content-length", b"%d" % len(self.body)),
            (b"x-request-id", request_id.encode()),
            *HARDENING,
            *self.headers,
            *((b"set-cookie", cookie.encode("latin-1")) for cookie in self.cookies),
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def refusal(malformed: Malformed, content_type: bytes = doors.JSON) -> Reply:
    """Return the response that tells a malformed request what is wrong."""
    return Reply(malformed.status, doors.envelope(malformed), content_type, malformed.headers)


@lru_cache(maxsize=256)
def quality(accept: str, media_type: str) -> tuple[float, bool]:
    """Return how much an Accept header wants a media type (0 to 1), and whether it names it in full."""
    best, precision = 0.0, -1
    family = media_type.partition("/")[0] + "/*"
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if name not in (media_type, family, "*/*"):
            continue
        rank = ("*/*", family, media_type).index(name)
        if rank <= precision:
            continue
        wanted = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                try:
                    wanted = min(max(float(value), 0.0), 1.0)
                except ValueError:
                    wanted = 0.0
        best, precision = wanted, rank
    return best, precision == 2


@lru_cache(maxsize=256)
def negotiate(accept: bytes) -> bytes | None:
    """Return the content type an Accept header asks for; None when we have nothing for it.

    Without a header, or with wildcards only, it is application/json, which every client reads.
    """
    text = accept.decode("latin-1").strip()
    if not text:
        return doors.JSON
    modern, named = quality(text, _MODERN)
    legacy, legacy_named = quality(text, _LEGACY)
    if modern <= 0 and legacy <= 0:
        return None
    prefers_modern = named and (modern > legacy or (modern == legacy and modern > 0))
    if prefers_modern or legacy <= 0 or (modern > legacy and legacy_named):
        return GRAPHQL_JSON
    return doors.JSON


@lru_cache(maxsize=64)
def check_content_type(content_type: bytes) -> Malformed | None:
    """Return the refusal of a request body that is not JSON in UTF-8, or None."""
    name, *parameters = (piece.strip().lower() for piece in content_type.decode("latin-1").split(";"))
    if name == FORM_DATA:
        return Malformed(415, "UNSUPPORTED_MEDIA_TYPE", "Files go to /graphql; send the request as application/json.")
    if name != _LEGACY:
        return Malformed(415, "UNSUPPORTED_MEDIA_TYPE", "Send the request as application/json.")
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "charset" and value.strip(' "') not in ("utf-8", "utf8"):
            return Malformed(415, "UNSUPPORTED_MEDIA_TYPE", "Send the request in UTF-8.")
    return None


def request_from_address(query_string: bytes, limit: int) -> Request:
    """Return the GraphQL request in the parameters of a GET. Raises Malformed."""
    if len(query_string) > limit:
        raise too_large(limit)
    try:
        pairs = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError:
        raise Malformed(400, BAD_REQUEST, "The address is not percent-encoded UTF-8.") from None
    payload: dict[str, object] = {}
    for name, value in pairs:
        if name not in REQUEST_PARTS:
            continue
        if name in payload:
            raise Malformed(400, BAD_REQUEST, f"The address names {name} twice.")
        if name in ("variables", "extensions"):
            payload[name] = decode(value, f"The parameter {name}") if value else None
        else:
            payload[name] = value
    if not payload.get("operationName"):
        payload.pop("operationName", None)
    return request_from(payload)


async def read_request(door: Door, scope: Scope, headers: Headers, receive: Receive) -> Request:
    """Return the GraphQL request of an HTTP POST or GET. Raises Malformed or Gone."""
    if scope["method"] == "GET":
        return request_from_address(scope["query_string"], door.max_body_bytes)
    if scope["method"] != "POST":
        raise not_allowed(b"GET, POST", "Send GraphQL requests by POST, or queries by GET.")
    content_type = headers.get(b"content-type", b"")
    if content_type != b"application/json":
        refused = check_content_type(content_type[:MAX_HEADER])
        if refused is not None:
            raise refused
    check_encoding(headers)
    return request_from_body(await read_body(headers, receive, door.max_body_bytes))


def check_encoding(headers: Headers) -> None:
    """Refuse a compressed body: its size says nothing of what would come out of it. Raises Malformed."""
    if b"content-encoding" in headers:
        raise Malformed(415, "UNSUPPORTED_MEDIA_TYPE", "Send the request without compression.")


def not_allowed(allow: bytes, message: str) -> Malformed:
    """Return the refusal of a method, with the methods that are right."""
    return Malformed(405, "METHOD_NOT_ALLOWED", message, ((b"allow", allow),))


async def admit_mutation(door: Door, scope: Scope, headers: Headers, credentials: Credentials, actor: Actor) -> Actor:
    """Return who asks for a mutation, looked up afresh. Raises Malformed: GET, foreign page, bad token."""
    if scope["method"] != "POST":
        raise not_allowed(b"POST", "Mutations are sent by POST.")
    door.refuse_foreign(headers, credentials, changes=True)
    return await door.look_up(credentials, fresh=True) if actor.signed_in else actor


async def admit_upload(door: Door, headers: Headers, credentials: Credentials) -> Actor:
    """Return who wants to send a file, before any of the body is read. Raises Malformed.

    A browser sends a form to any site without asking first: with a session it must say that the page is ours.
    """
    by_session = credentials.session_token is not None
    if credentials.ambient and not door.same_origin(headers, required=by_session):
        message = "A page of another site may not send a file with your session; scripts send Authorization: Bearer."
        raise Malformed(403, "CROSS_ORIGIN", message)
    actor = await door.look_up(credentials)
    if not actor.signed_in:
        message = "Sign in before you send a file: with a session cookie or Authorization: Bearer pg_…."
        raise Malformed(401, "UNAUTHENTICATED", message, CHALLENGE)
    return actor


class GraphQLOverHTTP:
    """The ASGI endpoint of /graphql for HTTP."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        request_id = doors.request_id(headers)
        accept = headers.get(b"accept", b"")
        content_type = negotiate(accept) if len(accept) <= MAX_HEADER else None
        try:
            if content_type is None:
                reply = refusal(_not_acceptable(headers))
            else:
                reply = await self._answer(scope, headers, receive, request_id, content_type)
        except Malformed as malformed:
            reply = refusal(malformed, content_type or doors.JSON)
        except Gone:
            return
        except Exception as error:  # the last resort of a door
            status, body = doors.fault(error, request_id)
            reply = Reply(status, body, content_type or doors.JSON)
        await reply.send(send, request_id)

    async def _answer(
        self, scope: Scope, headers: Headers, receive: Receive, request_id: str, content_type: bytes
    ) -> Reply:
        door = self._door
        credentials = door.credentials(headers)
        address = doors.client(scope)
        context = (request_id, address)
        if scope["method"] == "POST" and is_form(headers.get(b"content-type", b"")[:MAX_HEADER]):
            check_encoding(headers)
            actor = await admit_upload(door, headers, credentials)
            async with UploadRequest(headers, receive, door.max_body_bytes, door.max_upload_bytes) as upload:
                request = await upload.operation()
                kind = door.kind_of(request, actor, address)
                if kind is not None:  # else it is refused, and nobody needs the file
                    if kind != "mutation":
                        raise Malformed(400, "UPLOAD_NEEDS_MUTATION", "A file goes with a mutation, and with no other.")
                    await upload.fetch()
                    actor = await admit_mutation(door, scope, headers, credentials, actor)
                return await self._run(request, Context(actor, *context), content_type)
        door.refuse_foreign(headers, credentials)
        request = await read_request(door, scope, headers, receive)
        actor = await door.look_up(credentials)
        kind = door.kind_of(request, actor, address)
        if kind == "mutation":
            actor = await admit_mutation(door, scope, headers, credentials, actor)
        elif kind == "subscription":
            raise Malformed(
                400,
                "SUBSCRIPTION_NEEDS_STREAM",
                "Send subscriptions to /graphql/stream (Server-Sent Events) or over a WebSocket on /graphql.",
            )
        return await self._run(request, Context(actor, *context), content_type)

    async def _run(self, request: Request, context: Context, content_type: bytes) -> Reply:
        answer: Answer = await self._door.engine.execute(request, context)
        # 429 is not about the operation: clients and proxies look for it whatever they read.
        status = answer.status if content_type is GRAPHQL_JSON or answer.status == 429 else 200
        extra = (*context.headers, *(CHALLENGE if status == 401 else ()))
        return Reply(status, answer.body, content_type, extra, context.set_cookies)


def _not_acceptable(headers: Headers) -> Malformed:
    message = f"Answers are {_MODERN} or {_LEGACY}; name one of them in Accept."
    if b"text/event-stream" in headers.get(b"accept", b""):
        message += " Server-Sent Events are on /graphql/stream."
    return Malformed(406, "NOT_ACCEPTABLE", message)
