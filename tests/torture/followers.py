"""Subscribers that are cut again and again: each must see versions rise, and end on what the database says."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import websockets
from tests.clients import FOLLOW, Api

FINAL = {"SUCCEEDED", "COMPLETED_WITH_ISSUES", "CANCELLED", "FAILED"}
NUMBERS = ("total", "done", "skipped", "failed", "cancelled")

# What the client library makes of an API that dies: a cut stream, a refused door, an answer that is an error.
CUT = (
    httpx.HTTPError,
    OSError,
    AssertionError,
    websockets.WebSocketException,
    json.JSONDecodeError,
    KeyError,
    TypeError,
)


@dataclass(slots=True)
class Follower:
    """Follows one job over "ws" or "sse" and reconnects until it has seen the end."""

    api: Api
    job: str
    door: str
    last: dict[str, Any] = field(default_factory=dict)
    connections: int = 0
    events: int = 0
    complaints: list[str] = field(default_factory=list)

    async def run(self) -> None:
        """Follow until the stream completes after a final state."""
        while self.last.get("state") not in FINAL:
            self.connections += 1
            version = 0
            try:
                async for event in self._stream():
                    self._see(event["data"]["jobProgress"], version)
                    version = self.last["version"]
                if self.last.get("state") not in FINAL:
                    self.complaints.append(f"the stream completed in the state {self.last.get('state')}")
            except CUT:
                await asyncio.sleep(0.2)

    def _see(self, progress: dict[str, Any], version: int) -> None:
        self.events += 1
        if progress["version"] < version:
            self.complaints.append(f"version {progress['version']} after {version} on one connection")
        if self.last and progress["version"] < self.last["version"]:
            self.complaints.append(f"version {progress['version']} after {self.last['version']} before a reconnection")
        self.last = progress

    async def _stream(self) -> AsyncIterator[dict[str, Any]]:
        if self.door == "sse":
            async for event in self.api.events(FOLLOW, {"id": self.job}):
                yield event
            return
        async with self.api.socket(open_timeout=10, close_timeout=1) as socket:
            async for event in socket.events(FOLLOW, {"id": self.job}):
                yield event

    def compare(self, truth: dict[str, Any]) -> list[str]:
        """Return complaints about the end against {state, version, total, …} of the database."""
        wrong = {name: (self.last.get(name), truth[name]) for name in ("state", "version", *NUMBERS)}
        told = [f"{name} is {seen}, the database says {true}" for name, (seen, true) in wrong.items() if seen != true]
        return [f"{self.door} follower of {self.job}: {text}" for text in self.complaints + told]
