"""Clients of a running API for tests: JSON over HTTP, Server-Sent Events, graphql-transport-ws."""

import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import websockets
from websockets.asyncio.client import ClientConnection

MODERN = "application/graphql-response+json"
FOLLOW = """
subscription($id: ID!) { jobProgress(id: $id) { id state total done skipped failed cancelled version } }
"""


def why(refused: Any) -> list[tuple[str, int | None]]:
    """The reason and the bound of each field that an InvalidInput names, in an answer or as a Problem."""
    if isinstance(refused, dict):
        return [(each["reason"], each["limit"]) for each in refused["fields"]]
    return [(each.reason.value, each.limit) for each in refused.fields]


@dataclass
class Api:
    """A running API at `url` (http://127.0.0.1:port); `token` is used unless a call names another."""

    url: str
    token: str | None = None

    def headers(self, token: str | None = None, **more: str) -> dict[str, str]:
        token = token or self.token
        return {"accept": MODERN} | ({"authorization": f"Bearer {token}"} if token else {}) | more

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, timeout=60, trust_env=False)

    async def post(
        self,
        query: str,
        variables: dict[str, Any] | None = None,
        token: str | None = None,
        *,
        operation: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Send one operation; return the response as it came."""
        payload = {"query": query, "variables": variables or {}, "operationName": operation}
        async with self.client() as client:
            return await client.post("/graphql", json=payload, headers=self.headers(token) | (headers or {}))

    async def data(self, query: str, variables: dict[str, Any] | None = None, token: str | None = None) -> Any:
        """Send one operation that must succeed; return its data."""
        answer = await self.post(query, variables, token)
        assert (answer.status_code, answer.json().get("errors")) == (200, None), answer.text
        return answer.json()["data"]

    async def refused(self, query: str, variables: dict[str, Any] | None = None, token: str | None = None) -> list[str]:
        """Send one operation that must be refused before anything runs; return the codes of its errors."""
        answer = await self.post(query, variables, token)
        assert 400 <= answer.status_code < 500, answer.text
        assert "data" not in answer.json()
        return [error["extensions"]["code"] for error in answer.json()["errors"]]

    async def events(
        self, query: str, variables: dict[str, Any] | None = None, token: str | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Follow one operation over Server-Sent Events; yields each envelope, ends with `complete`."""
        payload = {"query": query, "variables": variables or {}}
        headers = self.headers(token) | {"accept": "text/event-stream"}
        async with (
            self.client() as client,
            client.stream("POST", "/graphql/stream", json=payload, headers=headers) as r,
        ):
            assert r.status_code == 200, await r.aread()
            async for name, data in sse(r):
                if name == "complete":
                    return
                yield json.loads(data)
        raise AssertionError("the stream ended without `complete`")

    async def follow(self, job: str, token: str | None = None) -> list[dict[str, Any]]:
        """Follow a job over Server-Sent Events to its end; return what each event said."""
        return [event["data"]["jobProgress"] async for event in self.events(FOLLOW, {"id": job}, token)]

    @asynccontextmanager
    async def socket(self, token: str | None = None, **options: Any) -> "AsyncIterator[Socket]":
        """Open a socket, initialised with the token."""
        async with self.raw_socket(**options) as connection:
            socket = Socket(connection)
            token = token or self.token
            await socket.init({"Authorization": f"Bearer {token}"} if token else None)
            yield socket

    def raw_socket(self, subprotocols: tuple[str, ...] = ("graphql-transport-ws",), **options: Any) -> Any:
        """Open a socket that has said nothing yet."""
        url = self.url.replace("http", "ws", 1) + "/graphql"
        return websockets.connect(url, subprotocols=subprotocols, proxy=None, compression=None, **options)


@dataclass
class Socket:
    """One connection speaking graphql-transport-ws."""

    connection: ClientConnection
    ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        text = await self.connection.recv()
        assert isinstance(text, str)
        found: dict[str, Any] = json.loads(text)
        return found

    async def init(self, payload: dict[str, Any] | None = None) -> None:
        await self.send(type="connection_init", **({"payload": payload} if payload else {}))
        assert await self.receive() == {"type": "connection_ack"}

    async def start(self, query: str, variables: dict[str, Any] | None = None, id: str | None = None) -> str:
        """Begin an operation; return its id."""
        id = id or str(next(self.ids))
        await self.send(id=id, type="subscribe", payload={"query": query, "variables": variables or {}})
        return id

    async def events(self, query: str, variables: dict[str, Any] | None = None) -> AsyncIterator[dict[str, Any]]:
        """Run one operation alone on this socket; yields each envelope."""
        id = await self.start(query, variables)
        while (message := await self.receive())["type"] == "next":
            assert message["id"] == id
            yield message["payload"]
        assert message == {"type": "complete", "id": id}

    async def close_code(self) -> tuple[int, str]:
        """Read until the server closes; return its code and reason."""
        with suppress(websockets.ConnectionClosed):
            while True:
                await self.connection.recv()
        closed = self.connection.protocol.close_rcvd
        assert closed is not None, "no close frame"
        return closed.code, closed.reason


async def sse(response: httpx.Response) -> AsyncIterator[tuple[str, str]]:
    """Yield (event, data) from an event stream; comments are left out."""
    name, data = "", []
    async for line in response.aiter_lines():
        if not line:
            if name or data:
                yield name, "\n".join(data)
            name, data = "", []
        elif line.startswith("event:"):
            name = line.removeprefix("event:").strip()
        elif line.startswith("data:"):
            data.append(line.removeprefix("data:").removeprefix(" "))
        else:
            assert line.startswith(":"), line


def beside_cost(envelope: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without its cost, which must be there and be all of its extensions."""
    rest = dict(envelope)
    cost = rest.pop("extensions")
    assert set(cost) == {"cost"}
    assert set(cost["cost"]) == {"requested", "limit"}
    return rest
