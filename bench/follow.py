"""The subscribers: a process of its own that holds many WebSockets to one API, each following the same job.

`python -m bench.follow FILE` reads a plan (JSON: host, port, tokens, job, documents, operations, silent), opens one
socket for each token, subscribes, writes "ready", and reads until every subscription has completed. Each event's
version and the moment at which it came in go to standard output as one line of JSON at the end. With `silent` it
subscribes (`operations` times on each socket) and after the first event reads nothing more, with the smallest of
buffers, until a line comes in on standard input.
"""

import asyncio
import base64
import json
import os
import re
import socket
import sys
import time
from pathlib import Path
from typing import cast

import uvloop

VERSION = re.compile(rb'"version":(\d+)')
LONGEST = 900
AT_ONCE = 50


def masked(text: str) -> bytes:
    """Return a text frame as clients send it; the mask is nought, so that the payload stays as it is."""
    data = text.encode()
    size = len(data)
    head = bytes([0x81, 0x80 | size]) if size < 126 else bytes([0x81, 0x80 | 126]) + size.to_bytes(2, "big")
    return head + bytes(4) + data


class Subscriber(asyncio.Protocol):
    """One socket: the handshake, connection_init, subscribe, and what comes back."""

    def __init__(self, plan: dict[str, object], token: str, document: str) -> None:
        self.token = token
        self.subscribe = {"query": document, "variables": {"id": plan["job"]}}
        self.silent = bool(plan["silent"])
        self.operations = int(str(plan["operations"]))
        self.buffer = bytearray()
        self.shaken = False
        self.following = asyncio.Event()
        self.ended = asyncio.Event()
        self.failure = ""
        self.events: list[tuple[int, float]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        key = base64.b64encode(os.urandom(16)).decode()
        self.transport.write(
            (
                "GET /graphql HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
            ).encode()
        )

    def send(self, **message: object) -> None:
        self.transport.write(masked(json.dumps(message)))

    def data_received(self, data: bytes) -> None:
        now = time.time()
        self.buffer += data
        if not self.shaken:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            if not self.buffer.startswith(b"HTTP/1.1 101"):
                self.fail(bytes(self.buffer[:200]).decode("latin-1"))
                return
            del self.buffer[: end + 4]
            self.shaken = True
            self.send(type="connection_init", payload={"Authorization": f"Bearer {self.token}"})
        while (frame := self.frame()) is not None:
            self.take(*frame, now)

    def frame(self) -> tuple[int, bytes] | None:
        """Return the next whole frame, its kind and payload."""
        buffer = self.buffer
        if len(buffer) < 2:
            return None
        size, start = buffer[1] & 0x7F, 2
        if size == 126:
            size, start = int.from_bytes(buffer[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(buffer[2:10], "big"), 10
        if len(buffer) < start + size:
            return None
        found = buffer[0] & 0x0F, bytes(buffer[start : start + size])
        del buffer[: start + size]
        return found

    def take(self, kind: int, data: bytes, now: float) -> None:
        if kind == 9:
            self.transport.write(bytes([0x8A, 0x80 | len(data)]) + bytes(4) + data)
        elif kind == 8:
            self.fail(f"closed: {data!r}")
        elif data.startswith(b'{"type":"connection_ack"'):
            for number in range(self.operations):
                self.send(type="subscribe", id=str(number), payload=self.subscribe)
        elif data.startswith(b'{"type":"next"'):
            found = VERSION.search(data)
            self.events.append((int(found[1]) if found else -1, now))
            self.following.set()
            if self.silent:
                self.transport.pause_reading()
        elif data.startswith(b'{"type":"complete"'):
            self.ended.set()
            self.transport.close()
        else:
            self.fail(data[:300].decode("utf-8", "replace"))

    def fail(self, why: str) -> None:
        self.failure = self.failure or why
        self.following.set()
        self.ended.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.is_set():
            self.fail("the connection was lost")


async def main(plan_file: str) -> None:
    plan = json.loads(Path(plan_file).read_text())  # noqa: ASYNC240 - nothing runs beside it yet
    loop = asyncio.get_running_loop()
    documents = plan["documents"]
    subscribers: list[Subscriber] = []
    for number, token in enumerate(plan["tokens"]):
        one = Subscriber(plan, token, documents[number % len(documents)])
        opened = socket.socket()
        opened.setblocking(False)
        if one.silent:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await loop.sock_connect(opened, (plan["host"], plan["port"]))
        await loop.create_connection(lambda one=one: one, sock=opened)  # type: ignore[misc]
        subscribers.append(one)
        if len(subscribers) % AT_ONCE == 0:
            await asyncio.gather(*(each.following.wait() for each in subscribers))
    await asyncio.gather(*(one.following.wait() for one in subscribers))
    print("ready", flush=True)
    cpu = time.process_time()
    if plan["silent"]:
        await loop.run_in_executor(None, sys.stdin.readline)
    else:
        async with asyncio.timeout(LONGEST):
            await asyncio.gather(*(one.ended.wait() for one in subscribers))
    failures = [one.failure for one in subscribers if one.failure]
    answer = {
        "events": [one.events for one in subscribers],
        "failed": len(failures),
        "first_failure": failures[0] if failures else "",
        "client_cpu": time.process_time() - cpu,
    }
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
