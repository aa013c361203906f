"""A running API to throw bytes at, and what must hold of everything it says."""

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any
from urllib.parse import urlsplit

from tests.transport.frames import CLOSE, HANDSHAKE, TEXT, frame

SECONDS = 20
"""Silence for so long is a failure, s."""
FAULTS = {"INTERNAL", "UNAVAILABLE", "TIMEOUT"}
TOKEN_SLOT = b"authorization: Bearer %b\r\n"
Until = tuple[Callable[[bytes], bool], ...]
INIT = '{"type":"connection_init"}'
LAST = '{"type":"ping","payload":{"last":1}}'


@dataclass(frozen=True)
class Reply:
    """One response over HTTP."""

    status: int
    headers: dict[str, str]
    body: bytes

    def envelopes(self) -> list[dict[str, Any]]:
        """Return the GraphQL results in it: of JSON one, of an event stream any number."""
        if not self.headers["content-type"].startswith("text/event-stream"):
            return [json.loads(self.body)]
        events = [event.partition("\ndata: ") for event in self.body.decode().split("\n\n")]
        return [json.loads(data) for name, _, data in events if name == "event: next"]


@dataclass
class Target:
    """The address of a running API, and a token that may do everything there."""

    url: str
    token: str
    executed: int = 0
    refused: int = 0

    def exchange(self, *sent: bytes, until: Until = (), seconds: float = SECONDS) -> bytes:
        """Send bytes on a connection of their own; return all that comes back until the API ends it.

        Before each further piece it waits for what is asked of all that came. Raises TimeoutError on silence.
        """
        address = urlsplit(self.url)
        received = b""
        with socket.create_connection((address.hostname, address.port), timeout=seconds) as connection:
            try:
                for piece, enough in zip_longest(sent, until):
                    connection.sendall(piece)
                    while chunk := connection.recv(65_536):
                        received += chunk
                        if enough is not None and enough(received):
                            break
            except (ConnectionResetError, BrokenPipeError):
                pass
            except TimeoutError:
                if seconds == SECONDS:
                    raise
        return received

    def torn(self, *sent: bytes) -> bytes:
        """Send bytes and go; return what comes back at once."""
        return self.exchange(*sent, until=(_opened,) * (len(sent) - 1), seconds=0.02)

    def handshake(self) -> bytes:
        """Return the request that opens a socket as the token's."""
        return HANDSHAKE % (TOKEN_SLOT % self.token.encode())

    def request(
        self,
        body: bytes = b"",
        *,
        method: str = "POST",
        path: str = "/graphql",
        headers: list[tuple[str, str]] | None = None,
        token: str | None = None,
    ) -> Reply | None:
        """Send one request that is HTTP; return what came back, None when nothing did."""
        usual = {"Host": urlsplit(self.url).netloc, "Authorization": f"Bearer {token or self.token}"}
        if method == "POST":
            usual |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        named = {name for name, _ in headers or ()}
        lines = [(name, value) for name, value in usual.items() if name not in named]
        lines += [*(headers or ()), ("Connection", "close")]
        head = "".join(f"{name}: {value}\r\n" for name, value in lines)
        came = self.exchange(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body)
        return _parsed(came) if came else None

    def unhurt(self, reply: Reply | None) -> Reply:
        """Return a reply that is a 2xx or 4xx of GraphQL without a fault of ours in it."""
        assert reply is not None, "the API said nothing"
        assert 200 <= reply.status < 500, reply
        assert reply.status == 400 or len(reply.headers.get("x-request-id", "")) >= 16, reply
        envelopes = reply.envelopes()
        for envelope in envelopes:
            assert set(envelope) <= {"data", "errors", "extensions"}, reply
            codes = {error["extensions"]["code"] for error in envelope.get("errors", ())}
            assert not codes & FAULTS, reply
        self.executed += any("data" in envelope for envelope in envelopes)
        self.refused += not any("data" in envelope for envelope in envelopes)
        return reply

    def heard(self, status: int, headers: dict[str, list[str]], body: bytes) -> Reply:
        """Return what another client got, when it is unhurt."""
        return self.unhurt(Reply(status, {name.lower(): values[0] for name, values in headers.items()}, body))

    def converse(self, sent: bytes) -> tuple[list[dict[str, Any]], int]:
        """Open a socket, send frames and a ping, await its pong, close; return the messages and the close's code."""
        ping, bye = frame(TEXT, LAST.encode()), frame(CLOSE, b"\x03\xe8")
        came = self.exchange(self.handshake(), sent + ping, bye, until=(_opened, _answered))
        assert came.startswith(b"HTTP/1.1 101 "), came
        return _heard(came)


def _opened(came: bytes) -> bool:
    return b"\r\n\r\n" in came


def _answered(came: bytes) -> bool:
    messages, code = _heard(came)
    return code != 1006 or {"type": "pong", "payload": {"last": 1}} in messages


def _heard(came: bytes) -> tuple[list[dict[str, Any]], int]:
    rest = came.partition(b"\r\n\r\n")[2]
    messages: list[dict[str, Any]] = []
    while len(rest) >= 2:
        opcode, size, start = rest[0] & 0x0F, rest[1] & 0x7F, 2
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(rest[2:start], "big")
        if len(rest) < start + size:
            break
        found, rest = rest[start : start + size], rest[start + size :]
        if opcode == TEXT:
            messages.append(json.loads(found))
        elif opcode == CLOSE:
            return messages, int.from_bytes(found[:2], "big") if found else 1005
    return messages, 1006


def _parsed(came: bytes) -> Reply:
    head, _, body = came.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        whole = b""
        while body:
            size, _, body = body.partition(b"\r\n")
            whole, body = whole + body[: int(size, 16)], body[int(size, 16) + 2 :]
        body = whole
    return Reply(int(first.split()[1]), headers, body)
