"""Whatever is sent, the answer is a 2xx or 4xx, or a close of the protocol: never a 500, never silence."""

import asyncio
import itertools
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.transport.peer import PeerEngine, People
from tests.transport.uploads import END, FORM, engine, form, operations, part

from patrongraph.graph.door import Door
from patrongraph.graph.http import GraphQLOverHTTP
from patrongraph.graph.sse import GraphQLOverSSE
from patrongraph.graph.websocket import GraphQLOverWebSocket

CODES = {1007, 1009, 4400, 4401, 4403, 4409, 4429}

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
documents = st.sampled_from(
    ["{ hello }", "query($n: String) { hello(name: $n) }", "{ who", "mutation { set(value: 1) }"]
)
requests = st.fixed_dictionaries(
    {},
    optional={
        "query": documents | values,
        "operationName": values,
        "variables": st.dictionaries(st.text(), values) | values,
        "extensions": values,
    },
)
bodies = (
    st.binary()
    | values.map(lambda value: json.dumps(value).encode())
    | requests.map(lambda value: json.dumps(value).encode())
)
kinds = st.sampled_from(["connection_init", "ping", "pong", "subscribe", "complete", "next", ""])
messages = (
    values.map(json.dumps)
    | st.text()
    | st.fixed_dictionaries(
        {"type": kinds | values}, optional={"id": st.just("1") | values, "payload": requests | values}
    ).map(json.dumps)
)


def door() -> Door:
    return Door(engine=PeerEngine(), identify=People().identify, max_body_bytes=16_384)


def answer(endpoint: Any, body: bytes, method: str = "POST", query: bytes = b"", **headers: bytes) -> int:
    return exchange(endpoint, [body], method, query, **headers)


def exchange(endpoint: Any, pieces: list[bytes], method: str = "POST", query: bytes = b"", **headers: bytes) -> int:
    sent: list[Any] = []
    inbox = [{"type": "http.request", "body": piece, "more_body": True} for piece in reversed(pieces)]
    inbox[0]["more_body"] = False

    async def receive() -> Any:
        if inbox:
            return inbox.pop()
        return await asyncio.Future()

    async def send(message: Any) -> None:
        sent.append(message)

    named = {"content_type": b"application/json"} | headers
    scope = {
        "type": "http",
        "method": method,
        "path": "/",
        "query_string": query,
        "client": None,
        "headers": [(name.replace("_", "-").encode(), value) for name, value in named.items()],
    }
    asyncio.run(endpoint(scope, receive, send))
    assert sent[0]["type"] == "http.response.start"
    assert not sent[-1].get("more_body", False)
    if dict(sent[0]["headers"])[b"content-type"].startswith(b"application/"):
        assert set(json.loads(sent[1]["body"])) <= {"data", "errors"}
    return int(sent[0]["status"])


@settings(max_examples=300, deadline=None)
@given(body=bodies)
def test_any_body(body):
    for endpoint in (GraphQLOverHTTP(door()), GraphQLOverSSE(door())):
        assert 200 <= answer(endpoint, body) < 500


@settings(max_examples=200, deadline=None)
@given(
    query=st.binary().map(lambda raw: raw.hex("%", 1).encode()) | st.text('query=&variables{}%"[]09af').map(str.encode)
)
def test_any_address(query):
    for endpoint in (GraphQLOverHTTP(door()), GraphQLOverSSE(door())):
        assert 200 <= answer(endpoint, b"", "GET", query) < 500


@settings(max_examples=200, deadline=None)
@given(
    headers=st.dictionaries(
        st.sampled_from(
            ["accept", "content_type", "authorization", "cookie", "origin", "host", "sec_fetch_site", "content_length"]
        ),
        st.binary(),
    )
)
def test_any_header(headers):
    for endpoint in (GraphQLOverHTTP(door()), GraphQLOverSSE(door())):
        assert 200 <= answer(endpoint, b'{"query":"mutation { set(value: 1) }"}', **headers) < 500


texts = st.sampled_from(
    [
        operations(),
        operations("mutation($file: Upload) { nothing(file: $file) }"),
        operations("mutation($input: KeepInput!) { keepInput(input: $input) }", {"input": {"note": "", "file": None}}),
        operations("query($file: Upload) { hello(file: $file) }"),
        '{"0": ["variables.file"]}',
        '{"0": ["variables.input.file"]}',
    ]
)
parts = st.builds(
    part,
    st.sampled_from(["operations", "map", "0", "1"]) | st.none(),
    texts | st.binary() | requests.map(json.dumps) | values.map(json.dumps),
    filename=st.none() | st.sampled_from(["a.csv", "å", ""]),
    headers=st.lists(
        st.sampled_from(["Content-Type: text/csv", "Content-Disposition: form-data", "x", ""]), max_size=2
    ),
)
usual = st.tuples(
    st.builds(part, st.just("operations"), texts),
    st.builds(part, st.just("map"), texts | st.dictionaries(st.text(), st.lists(st.text())).map(json.dumps)),
    st.builds(part, st.just("0"), st.binary(), filename=st.just("a.csv")),
)
forms = st.builds(
    lambda chosen, end, cut: b"".join((*chosen, end))[: None if cut < 0 else cut],
    usual | st.lists(parts, max_size=5),
    st.sampled_from([END, END[:-4], b"", END + b"more"]),
    st.integers(-1, 400),
)
spoilt = st.builds(
    lambda body, at, value: body[: at % len(body)] + value + body[at % len(body) + 1 :],
    st.binary(max_size=50).map(form),
    st.integers(0, 1000),
    st.binary(max_size=3),
)


@settings(max_examples=500, deadline=None)
@given(
    body=forms | spoilt | st.binary(),
    cuts=st.lists(st.integers(0, 600), max_size=4),
    content_type=st.just(FORM["content-type"].encode()) | st.binary(max_size=60).map(b"multipart/form-data;".__add__),
)
def test_any_form(body, cuts, content_type):
    """However it is put together, spoilt, cut off and cut into pieces."""
    at = [0, *sorted(cuts), len(body)]
    pieces = [body[begin:end] for begin, end in itertools.pairwise(at)]
    taking = Door(engine=engine(), identify=People().identify, max_body_bytes=400, max_upload_bytes=40)
    for authorization in (b"Bearer good", b"Bearer weak"):
        found = exchange(GraphQLOverHTTP(taking), pieces, content_type=content_type, authorization=authorization)
        assert 200 <= found < 500


@settings(max_examples=300, deadline=None)
@given(sent=st.lists(messages, max_size=6), init=st.booleans())
def test_any_conversation(sent, init):
    """Either the server closes with a code of the protocol, or it still answers a ping."""
    first = ['{"type":"connection_init"}'] if init else []
    asyncio.run(converse([*first, *sent, '{"type":"ping","payload":{"last":1}}']))


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
