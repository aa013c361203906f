"""Bodies, addresses, headers and plain bytes over HTTP: never a 5xx, never silence, never a trace in the log."""

from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import strategies as st
from tests.fuzz import drawing
from tests.fuzz.hunting import hunt
from tests.fuzz.target import Target

PATHS = ["/graphql", "/graphql/stream"]
WAITING = {"content-length", "transfer-encoding", "expect", "connection"}


def accepting(path: str) -> list[tuple[str, str]]:
    return [("Accept", "text/event-stream" if path.endswith("stream") else "application/graphql-response+json")]


@pytest.mark.parametrize("path", PATHS)
def test_any_body(target: Target, path: str) -> None:
    def check(body: bytes) -> None:
        target.unhurt(target.request(body, path=path, headers=accepting(path)))

    hunt(f"bodies to {path}", drawing.bodies, check, 120)
    assert target.executed > 0 < target.refused


@pytest.mark.parametrize("path", PATHS)
def test_any_address(target: Target, path: str) -> None:
    def check(parts: Any) -> None:
        query = quote(parts) if isinstance(parts, bytes) else urlencode(parts, errors="surrogatepass")
        target.unhurt(target.request(method="GET", path=f"{path}?{query}", headers=accepting(path)))

    hunt(f"addresses of {path}", drawing.addresses, check, 150)
    assert target.executed > 0 < target.refused


def test_any_header(target: Target) -> None:
    body = b'{"query":"mutation { reauthenticate(input: {password: \\"x\\"}) { __typename } }"}'

    def check(example: tuple[str, list[tuple[str, str]]]) -> None:
        path, headers = example
        reply = target.request(body, path=path, headers=headers)
        if reply is not None and "x-request-id" in reply.headers:
            target.unhurt(reply)
        else:
            # The HTTP server refused it by itself, or waited in vain for what the header promised.
            assert reply is None or reply.status in (400, 413, 426, 501), reply
            assert reply is not None or {name.lower() for name, _ in headers} & WAITING

    hunt("headers", st.tuples(st.sampled_from(PATHS), drawing.headers), check, 150)


REQUEST = b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 25\r\n\r\n"


def test_any_bytes(target: Target) -> None:
    whole = st.just(REQUEST + b'{"query":"{ __typename }"}')
    broken = drawing.broken(whole) | drawing.broken(drawing.broken(whole)) | st.binary()

    def check(sent: bytes) -> None:
        # The blank lines end whatever head is unfinished.
        came = target.torn(sent + b"\r\n\r\n")
        assert not came or came.startswith((b"HTTP/1.1 2", b"HTTP/1.1 4")), came

    hunt("bytes", broken, check, 150)
    target.unhurt(target.request(b'{"query":"{ __typename }"}'))
