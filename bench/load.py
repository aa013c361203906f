"""The load client: a process of its own that keeps every connection busy with one request at a time.

`python -m bench.load FILE` reads a plan (JSON: host, port, connections, warmup, seconds, requests), connects, warms
up, writes "ready", waits for a line on standard input, runs, and writes what it counted as one line of JSON.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import cast

import uvloop


@dataclass(slots=True)
class Tally:
    """What was counted since the last start. Latencies in seconds, bytes as received with headers."""

    open: bool = True
    received: int = 0
    failed: int = 0
    first_failure: str = ""
    latencies: list[float] = field(default_factory=list)


class Connection(asyncio.Protocol):
    """One keep-alive connection; an answer must have a Content-Length."""

    def __init__(self, requests: list[bytes], offset: int) -> None:
        self.requests = cycle(requests[offset:] + requests[:offset])
        self.buffer = bytearray()
        self.missing = -1  # bytes of the body still to come; -1 while the headers are not complete
        self.tally = Tally()
        self.idle = asyncio.Event()
        self.idle.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def start(self, tally: Tally) -> None:
        """Begin to send, until the tally is closed."""
        self.tally = tally
        self.idle.clear()
        self.send()

    def send(self) -> None:
        self.sent_at = time.perf_counter()
        self.transport.write(next(self.requests))

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self.tally.received += len(data)
        if self.missing < 0:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self.buffer[:end]).lower()
            at = head.find(b"content-length:")
            if at < 0:
                self.fail("an answer without Content-Length")
                return
            length = int(head[at + 15 :].split(b"\r\n", 1)[0])
            self.missing = end + 4 + length
            if not head.startswith(b"http/1.1 200"):
                self.fail(head.split(b"\r\n", 1)[0].decode("latin-1"))
        if len(self.buffer) >= self.missing:
            self.finish()

    def finish(self) -> None:
        if b'"errors":' in self.buffer[-self.missing :][:400]:
            self.fail(bytes(self.buffer[:900]).decode("utf-8", "replace"))
        self.tally.latencies.append(time.perf_counter() - self.sent_at)
        self.buffer.clear()
        self.missing = -1
        if self.tally.open:
            self.send()
        else:
            self.idle.set()

    def fail(self, what: str) -> None:
        self.tally.failed += 1
        self.tally.first_failure = self.tally.first_failure or what

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.idle.is_set():
            self.fail("the server closed the connection")
            self.idle.set()


async def run(connections: list[Connection], seconds: float) -> tuple[Tally, float]:
    """Keep all connections busy for so many seconds; return the tally and how long it really took."""
    tally = Tally()
    begun = time.perf_counter()
    for connection in connections:
        connection.start(tally)
    await asyncio.sleep(seconds)
    tally.open = False
    for connection in connections:
        await connection.idle.wait()
    return tally, time.perf_counter() - begun


async def main(plan_file: str) -> None:
    plan = json.loads(Path(plan_file).read_text())  # noqa: ASYNC240 - nothing runs beside it yet
    requests = [text.encode("latin-1") for text in plan["requests"]]
    count = plan["connections"]
    loop = asyncio.get_running_loop()
    connections = []
    for number in range(count):
        offset = number * len(requests) // count
        _, connection = await loop.create_connection(
            lambda offset=offset: Connection(requests, offset),  # type: ignore[misc]
            plan["host"],
            plan["port"],
        )
        connections.append(connection)
    await run(connections, plan["warmup"])
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    cpu = time.process_time()
    tally, seconds = await run(connections, plan["seconds"])
    cpu = time.process_time() - cpu
    ordered = sorted(tally.latencies) or [0.0]
    answer = {
        "requests": len(tally.latencies),
        "seconds": seconds,
        "failed": tally.failed,
        "first_failure": tally.first_failure,
        "bytes": tally.received,
        "p50_ms": ordered[len(ordered) // 2] * 1000,
        "p99_ms": ordered[int(len(ordered) * 0.99)] * 1000,
        "client_cpu": cpu / seconds,
    }
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
