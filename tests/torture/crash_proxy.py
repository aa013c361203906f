"""Stands between a worker and PostgreSQL, understands where a statement begins and ends, and kills at one of them.

A point is a group of messages that makes the server work and ends with ReadyForQuery: a simple Query, or Bind and
Execute up to Sync. Only groups from the first claim of a job on are counted: what comes before is the opening of pools.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

BEGINS = b"lease_owner = $1, lease_until"
SOCKET = ".s.PGSQL.5432"


@dataclass(slots=True)
class CrashProxy:
    """Listens in `folder` for PostgreSQL at `server` (a socket's path); use it in `async with`.

    `kill` is called once: before group number `point` (from 1) is passed on, or with `after` when the server has
    finished it and the worker does not know yet. `reached` says whether that happened, `counted` how many there were.
    """

    folder: Path
    server: str
    point: int = 0
    after: bool = False
    kill: Callable[[], None] = lambda: None
    counted: int = 0
    begun: bool = False
    reached: bool = False
    _listener: asyncio.Server | None = None
    _open: set["asyncio.Task[None]"] = field(default_factory=set)

    async def __aenter__(self) -> "CrashProxy":
        self.folder.mkdir(parents=True, exist_ok=True)
        self._listener = await asyncio.start_unix_server(self._accept, self.folder / SOCKET)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._listener is not None
        self._listener.close()
        if self._open:  # the worker is dead, so every link sees its end by itself
            _, stuck = await asyncio.wait(self._open, timeout=10)
            for task in stuck:
                task.cancel()
        (self.folder / SOCKET).unlink(missing_ok=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            from_server, to_server = await asyncio.open_unix_connection(self.server)
            await _Link(self, reader, writer, from_server, to_server).run()
        except asyncio.CancelledError:
            pass
        finally:
            writer.close()
            self._open.discard(task)

    def at(self, after: bool) -> bool:
        """Kill when this is the place; return whether anything may be passed on still."""
        if not self.reached and self.begun and self.counted == self.point and after == self.after:
            self.reached = True
            self.kill()
        return not self.reached


@dataclass(slots=True)
class _Link:
    """One connection."""

    proxy: CrashProxy
    from_worker: asyncio.StreamReader
    to_worker: asyncio.StreamWriter
    from_server: asyncio.StreamReader
    to_server: asyncio.StreamWriter
    watched: bool = False

    async def run(self) -> None:
        """Pass messages on in both directions until one side is gone; then close both."""
        sides = [asyncio.create_task(self._forward()), asyncio.create_task(self._back())]
        try:
            await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for writer in (self.to_worker, self.to_server):
                writer.close()
            for side in sides:
                side.cancel()
            await asyncio.wait(sides)
            for writer in (self.to_worker, self.to_server):
                with suppress(OSError):
                    await writer.wait_closed()

    async def _forward(self) -> None:
        """Worker to server: whole groups only."""
        with suppress(asyncio.IncompleteReadError, OSError):
            length = await self.from_worker.readexactly(4)
            self.to_server.write(length + await self.from_worker.readexactly(int.from_bytes(length) - 4))
            group = b""
            while True:
                head = await self.from_worker.readexactly(5)
                group += head + await self.from_worker.readexactly(int.from_bytes(head[1:]) - 4)
                if head[:1] not in b"SQHXdcf":
                    continue  # Parse, Bind, Describe, Execute, Close: more is to come
                self.proxy.begun |= BEGINS in group
                if head[:1] in b"SQ" and self.proxy.begun:
                    self.proxy.counted += 1
                    if not self.proxy.at(after=False):
                        return
                    self.watched = self.proxy.after and self.proxy.counted == self.proxy.point
                self.to_server.write(group)
                await self.to_server.drain()
                group = b""

    async def _back(self) -> None:
        """Server to worker."""
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                head = await self.from_server.readexactly(5)
                body = await self.from_server.readexactly(int.from_bytes(head[1:]) - 4)
                if self.watched and head[:1] == b"Z":
                    self.watched = False
                    self.proxy.counted = self.proxy.point  # another connection may have counted on meanwhile
                    if not self.proxy.at(after=True):
                        return
                self.to_worker.write(head + body)
                await self.to_worker.drain()
