"""The doors without a server: what they say to one request or conversation, by ASGI alone."""

import asyncio
import json
from typing import Any

from tests.transport.peer import PeerEngine, People

from patrongraph.graph.door import Door
from patrongraph.graph.websocket import GraphQLOverWebSocket

CODES = {1009, 4400, 4401, 4403, 4409, 4429}


def door() -> Door:
    return Door(engine=PeerEngine(), identify=People().identify, max_body_bytes=16_384)


def answer(endpoint: Any, body: bytes, method: str = "POST", query: bytes = b"", headers: Any = ()) -> int:
    return exchange(endpoint, [body], method, query, headers)


def exchange(endpoint: Any, pieces: list[bytes], method: str = "POST", query: bytes = b"", headers: Any = ()) -> int:
    """Send a body in pieces; return the status of an answer that is whole, and JSON where it says so."""
    sent: list[Any] = []
    inbox = [{"type": "http.request", "body": piece, "more_body": True} for piece in reversed(pieces)]
    inbox[0]["more_body"] = False

    async def receive() -> Any:
        if inbox:
            return inbox.pop()
        return await asyncio.Future()

    async def send(message: Any) -> None:
        sent.append(message)

    named = {"content-type": b"application/json"} | dict(headers)
    scope = {
        "type": "http",
        "method": method,
        "path": "/",
        "query_string": query,
        "client": None,
        "headers": [(name.encode(), value) for name, value in named.items()],
    }
    asyncio.run(endpoint(scope, receive, send))
    assert sent[0]["type"] == "http.response.start"
    assert not sent[-1].get("more_body", False)
    if dict(sent[0]["headers"])[b"content-type"].startswith(b"application/"):
        assert set(json.loads(sent[1]["body"])) <= {"data", "errors", "extensions"}
    return int(sent[0]["status"])


async def converse(texts: list[str]) -> None:
    inbox: asyncio.Queue[Any] = asyncio.Queue()
    outbox: list[Any] = []
    inbox.put_nowait({"type": "websocket.connect"})
    for text in texts:
        inbox.put_nowait({"type": "websocket.receive", "text": text})

    async def send(message: Any) -> None:
        outbox.append(message)
        if message["type"] == "websocket.close" or '"last":1' in message.get("text", ""):
            inbox.put_nowait({"type": "websocket.disconnect", "code": 1000})

    scope = {
        "type": "websocket",
        "path": "/graphql",
        "subprotocols": ["graphql-transport-ws"],
        "headers": [],
        "client": None,
    }
    async with asyncio.timeout(20):
        await GraphQLOverWebSocket(door())(scope, inbox.get, send)
    last = outbox[-1]
    closes = [message["code"] for message in outbox if message["type"] == "websocket.close"]
    if closes:
        assert last["type"] == "websocket.close"
        assert set(closes) <= CODES
        assert len(last["reason"].encode()) <= 123
    else:
        assert any('"last":1' in message.get("text", "") for message in outbox)
