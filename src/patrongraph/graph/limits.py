"""Nothing from outside is used before its size, its encoding, its depth and its types were checked here."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from patrongraph.graph.documents import plain_id, sha256
from patrongraph.graph.engine import Request

Receive = Callable[[], Awaitable[Any]]

MAX_NESTING = 32
"""Deepest lists and objects in variables."""
BODY_SECONDS = 30.0
"""Longest wait for the rest of a request body, s."""

BAD_REQUEST = "BAD_REQUEST"
BAD_INPUT = "BAD_INPUT"
REQUEST_PARTS = ("query", "documentId", "operationName", "variables", "extensions")
_SHA256 = re.compile(r"(?:sha256:)?[0-9a-f]{64}")
_ESCAPED_NUL = re.compile(r"\\u(?:0000|\{0+\})")


class Malformed(Exception):  # noqa: N818 - it says what the request is
    """A request that is refused before GraphQL sees it, with its HTTP status, its code and what is right.

    `told` stands beside the code in the error's extensions.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        told: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.told = told or {}
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers


class Gone(Exception):  # noqa: N818 - it says what the client is
    """The client went away before its request was complete."""


def bad(message: str) -> Malformed:
    """Return the refusal of a request that is not put together as it should be."""
    return Malformed(400, BAD_REQUEST, message)


def too_large(limit: int, found: int | None = None) -> Malformed:
    """Return the refusal of a request of more than limit bytes; `found`: how many there are, where it is known."""
    size = f"more than {limit}" if found is None else str(found)
    return Malformed(413, "TOO_LARGE", f"The request is too large: it has {size} bytes, and {limit} are allowed.")


def check_length(headers: Mapping[bytes, bytes], limit: int) -> None:
    """Refuse a body that is announced as larger than limit bytes, before any of it is read. Raises Malformed."""
    length = headers.get(b"content-length", b"0")
    if len(length) > 12:
        raise too_large(limit)
    if length.isdigit() and int(length) > limit:
        raise too_large(limit, int(length))


async def read_body(headers: Mapping[bytes, bytes], receive: Receive, limit: int) -> bytes:
    """Return the request body, at most limit bytes. Raises Malformed, or Gone when the client left."""
    check_length(headers, limit)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Gone
    body: bytes = message.get("body", b"")
    if message.get("more_body", False):
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await _read_rest(body, receive, limit)
        except TimeoutError:
            raise Malformed(408, "TIMEOUT", "The request body did not arrive in time.") from None
    if len(body) > limit:
        raise too_large(limit)
    return body


async def _read_rest(first: bytes, receive: Receive, limit: int) -> bytes:
    chunks, size, more = [first], len(first), True
    while more:
        if size > limit:
            raise too_large(limit)
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        chunk: bytes = message.get("body", b"")
        chunks.append(chunk)
        size += len(chunk)
        more = message.get("more_body", False)
    if size > limit:
        raise too_large(limit)
    return b"".join(chunks)


def decode(text: bytes | str, what: str = "The request body") -> Any:
    """Return the value of a JSON text; UTF-8 only. Raises Malformed with line and column."""
    if not text:
        raise bad(f"{what} is empty; send a JSON object with a query.")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise bad(f"{what} is not valid JSON (line {error.lineno}, column {error.colno}).") from None


def refuse_repeated(text: bytes, what: str = "The request body") -> None:
    """Refuse JSON that has two values for one name: which of them counts would depend on who reads it."""

    def check(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise bad(f"{what} names a key twice in one object.")
        return found

    try:
        json.loads(text, object_pairs_hook=check)
    except (RecursionError, ValueError):
        raise bad(f"{what} is not valid JSON.") from None


def request_from_body(body: bytes, what: str = "The request body") -> Request:
    """Return the GraphQL request in a JSON text; `what` names it in errors. Raises Malformed."""
    payload = decode(body, what)
    if any(body.count(b'"%s"' % name.encode()) > 1 for name in REQUEST_PARTS):
        refuse_repeated(body, what)
    return request_from(payload)


def request_from(payload: Any) -> Request:
    """Return the GraphQL request in a decoded JSON value. Raises Malformed."""
    if isinstance(payload, list):
        raise bad("Batches are not supported; send one operation per request.")
    if not isinstance(payload, dict):
        raise bad("A request is a JSON object with a query.")
    query = payload.get("query")
    operation_name = payload.get("operationName")
    variables = payload.get("variables")
    extensions = payload.get("extensions")
    if query is not None and not isinstance(query, str):
        raise bad("query must be a string.")
    if operation_name is not None and not isinstance(operation_name, str):
        raise bad("operationName must be a string or null.")
    if variables is not None and not isinstance(variables, dict):
        raise bad("variables must be an object or null.")
    if extensions is not None and not isinstance(extensions, dict):
        raise bad("extensions must be an object or null.")
    document_id = _document_id(payload.get("documentId"), extensions or {})
    if query is None:
        if document_id is None:
            raise bad("query is missing; it holds the GraphQL document as a string, unless documentId names one.")
        query = ""
    elif document_id is not None:
        _check_hash(query, document_id)
        document_id = None
    if "\x00" in query or ("\\u" in query and _ESCAPED_NUL.search(query)):
        raise Malformed(400, BAD_INPUT, "The query holds the character U+0000, which cannot be stored.")
    if variables:
        _check_values(variables)
    return Request(query, operation_name, variables or {}, extensions or {}, document_id)


def _document_id(given: Any, extensions: dict[str, Any]) -> str | None:
    """Return the id of a persisted document: documentId of GraphQL over HTTP, or the extension of Apollo's clients."""
    if given is None:
        persisted = extensions.get("persistedQuery")
        if persisted is None:
            return None
        if not isinstance(persisted, dict) or persisted.get("version", 1) != 1:
            raise bad("extensions.persistedQuery must be an object of version 1 with a sha256Hash.")
        given = persisted.get("sha256Hash")
        if not isinstance(given, str):
            raise bad("extensions.persistedQuery.sha256Hash must be a string.")
    if not isinstance(given, str):
        raise bad("documentId must be a string or null.")
    return given


def _check_hash(query: str, document_id: str) -> None:
    # The text is what runs. An id beside it that is another's shows a client that was built wrongly.
    if _SHA256.fullmatch(document_id) and plain_id(document_id) != sha256(query):
        raise Malformed(400, BAD_INPUT, "The document's id is not the sha256 of query; send one of the two.")


def _check_values(variables: dict[str, Any]) -> None:
    level: list[Any] = [variables]
    for _ in range(MAX_NESTING):
        deeper: list[Any] = []
        for container in level:
            if isinstance(container, dict) and any("\x00" in key for key in container):
                raise _nul()
            for value in container.values() if isinstance(container, dict) else container:
                if isinstance(value, str):
                    if "\x00" in value:
                        raise _nul()
                elif isinstance(value, dict | list):
                    deeper.append(value)
        if not deeper:
            return
        level = deeper
    raise Malformed(400, BAD_INPUT, f"The variables are nested more than {MAX_NESTING} levels deep.")


def _nul() -> Malformed:
    return Malformed(400, BAD_INPUT, "The variables hold the character U+0000, which cannot be stored.")
