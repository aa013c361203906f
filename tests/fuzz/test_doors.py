"""The doors by themselves, without a server that would keep the wildest from them: 2xx, 4xx or a protocol's close."""

import asyncio

from hypothesis import strategies as st
from tests.fuzz import drawing
from tests.fuzz.doors import answer, converse, door
from tests.fuzz.hunting import hunt
from tests.fuzz.target import INIT, LAST

from patrongraph.graph.http import GraphQLOverHTTP
from patrongraph.graph.sse import GraphQLOverSSE

ENDPOINTS = (GraphQLOverHTTP, GraphQLOverSSE)
QUERIES = st.text('query=&variables{}%"[]09af') | st.binary().map(lambda raw: raw.hex("%", 1))
NAMES = ["accept", "content-type", "authorization", "cookie", "origin", "host", "sec-fetch-site", "content-length"]
HEADERS = st.dictionaries(st.sampled_from(NAMES), drawing.texts.map(lambda text: text.encode("latin-1")) | st.binary())


def test_any_body() -> None:
    def check(body: bytes) -> None:
        for endpoint in ENDPOINTS:
            assert 200 <= answer(endpoint(door()), body) < 500

    hunt("bodies at the doors", drawing.bodies, check, 120)


def test_any_address() -> None:
    def check(query: str) -> None:
        for endpoint in ENDPOINTS:
            assert 200 <= answer(endpoint(door()), b"", "GET", query.encode()) < 500

    hunt("addresses at the doors", QUERIES, check, 150)


def test_any_header() -> None:
    def check(headers: dict[str, bytes]) -> None:
        for endpoint in ENDPOINTS:
            assert 200 <= answer(endpoint(door()), b'{"query":"mutation { set(value: 1) }"}', headers=headers) < 500

    hunt("headers at the doors", HEADERS, check, 150)


def test_any_conversation() -> None:
    """Either the server closes with a code of the protocol, or it still answers a ping."""

    def check(example: tuple[bool, list[str]]) -> None:
        init, sent = example
        asyncio.run(converse([*([INIT] if init else []), *sent, LAST]))

    hunt("conversations at the doors", st.tuples(st.booleans(), drawing.conversations), check, 100)
