"""Server-Sent Events: the distinct connections mode of graphql-sse, and nothing left behind."""

import asyncio
import json

import httpx
import pytest
from tests.clients import sse
from tests.transport.peer import Peer, serving, until

COUNT = "subscription($to: Int!) { count(to: $to) }"
FOREVER = {"query": "subscription { forever }"}
SET = {"query": "mutation { set(value: 7) }"}
COOKIE = {"cookie": "pg_session=good-session"}


def ask(peer: Peer, client: httpx.AsyncClient, payload: object, **headers: str):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.stream("POST", "/graphql/stream", json=payload, headers={"accept": "text/event-stream"} | headers)


async def events(peer: Peer, payload: object, **headers: str) -> list[tuple[str, str]]:
    async with peer.client() as client, ask(peer, client, payload, **headers) as answer:
        assert answer.status_code == 200
        return [event async for event in sse(answer)]


async def refused(peer: Peer, payload: object, **headers: str) -> tuple[int, str]:
    async with peer.client() as client, ask(peer, client, payload, **headers) as answer:
        body = json.loads(await answer.aread())
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert len(answer.headers["x-request-id"]) == 24
        assert set(body) == {"errors"}
        return answer.status_code, body["errors"][0]["extensions"]["code"]


async def test_a_subscription_by_post(peer):
    async with peer.client() as client, ask(peer, client, {"query": COUNT, "variables": {"to": 2}}) as answer:
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-accel-buffering"] == "no"
        assert len(answer.headers["x-request-id"]) == 24
        text = (await answer.aread()).decode()
    assert text == (
        ":\n\n"
        'event: next\ndata: {"data":{"count":1}}\n\n'
        'event: next\ndata: {"data":{"count":2}}\n\n'
        "event: complete\ndata: \n\n"
    )


async def test_a_subscription_by_get(peer):
    async with peer.client() as client:
        parameters = {"query": COUNT, "variables": '{"to":1}'}
        async with client.stream("GET", "/graphql/stream", params=parameters) as answer:
            assert [event async for event in sse(answer)] == [
                ("next", '{"data":{"count":1}}'),
                ("complete", ""),
            ]


async def test_queries_and_mutations_are_one_event(peer):
    hello = [("next", '{"data":{"hello":"Hello you"}}'), ("complete", "")]
    assert await events(peer, {"query": "{ hello }"}) == hello
    assert await events(peer, SET) == [("next", '{"data":{"set":7}}'), ("complete", "")]
    assert peer.engine.value == 7


@pytest.mark.parametrize(
    ("payload", "status", "code"),
    [
        ([], 400, "BAD_REQUEST"),
        ({}, 400, "BAD_REQUEST"),
        ({"query": 7}, 400, "BAD_REQUEST"),
        ({"query": COUNT, "variables": []}, 400, "BAD_REQUEST"),
        ({"query": COUNT, "variables": {"to": "x" * 20_000}}, 413, "TOO_LARGE"),
        ({"query": "{ boom }"}, 500, "INTERNAL"),
    ],
)
async def test_a_malformed_request_is_an_error_in_json(peer, payload, status, code):
    assert await refused(peer, payload) == (status, code)


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"query": "subscription { forever"}, "SYNTAX"),
        ({"query": "subscription { unknown }"}, "INVALID"),
        ({"query": COUNT, "operationName": "B"}, "INVALID"),
        ({"query": "subscription { secret }"}, "UNAUTHENTICATED"),
        ({"query": "{ secret }"}, "UNAUTHENTICATED"),
    ],
)
async def test_a_refused_operation_is_told_in_an_event(peer, payload, code):
    [(name, data), last] = await events(peer, payload)
    assert (name, last) == ("next", ("complete", ""))
    envelope = json.loads(data)
    assert (set(envelope), envelope["errors"][0]["extensions"]["code"]) == ({"errors"}, code)


async def test_the_door(peer):
    assert await refused(peer, FOREVER, accept="text/html") == (406, "NOT_ACCEPTABLE")
    assert await refused(peer, FOREVER, accept="application/json") == (406, "NOT_ACCEPTABLE")
    assert await refused(peer, FOREVER, content_type="text/plain") == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert await refused(peer, FOREVER, authorization="Bearer bad") == (401, "UNAUTHENTICATED")
    for foreign in ({"origin": "https://evil.example"}, {"sec-fetch-site": "same-site"}):
        assert await refused(peer, FOREVER, **COOKIE, **foreign) == (403, "CROSS_ORIGIN")
    assert await refused(peer, SET, origin="https://evil.example") == (403, "CROSS_ORIGIN")
    assert (peer.engine.running, peer.engine.value) == (set(), 0)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS"])
async def test_another_method_is_405(peer, method):
    async with peer.client() as client:
        answer = await client.request(method, "/graphql/stream")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


async def test_a_mutation_by_get_is_405_and_does_nothing(peer):
    async with peer.client() as client:
        answer = await client.get("/graphql/stream", params=SET)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert peer.engine.value == 0


async def test_a_subscription_that_breaks_ends_with_a_masked_error(peer):
    first, broken, last = await events(peer, {"query": "subscription { breaks }"})
    assert (first, last) == (("next", '{"data":{"breaks":1}}'), ("complete", ""))
    assert broken[0] == "next"
    assert json.loads(broken[1])["errors"][0]["extensions"] == {"code": "INTERNAL"}
    assert "Anna" not in broken[1]


async def test_a_quiet_stream_is_kept_alive():
    async with (
        serving(keepalive_seconds=0.1) as peer,
        peer.client() as client,
        ask(peer, client, FOREVER) as answer,
    ):
        lines = answer.aiter_lines()
        found = [await anext(lines) for _ in range(9)]
    assert found == [":", "", "event: next", 'data: {"data":{"forever":0}}', "", ":", "", ":", ""]


async def test_a_client_that_leaves_leaves_nothing(peer):
    async with peer.client() as client, ask(peer, client, FOREVER) as answer:
        assert await anext(sse(answer)) == ("next", '{"data":{"forever":0}}')
        assert peer.engine.released == []
    await until(lambda: peer.engine.released == ["forever"])


@pytest.mark.parametrize("change", ["gone", "weaker"])
async def test_somebody_who_is_gone_is_told(change):
    async with serving(recheck_seconds=0.1) as peer, peer.client() as client:
        async with ask(peer, client, FOREVER, authorization="Bearer good") as answer:
            following = sse(answer)
            assert (await anext(following))[0] == "next"
            await until(lambda: peer.people.fresh_looks >= 2)
            assert peer.engine.released == []
            if change == "gone":
                del peer.people.known["Bearer good"]
            else:
                peer.people.known["Bearer good"] = peer.people.known["Bearer weak"]
            name, data = await anext(following)
            assert (name, json.loads(data)["errors"][0]["extensions"]["code"]) == ("next", "UNAUTHENTICATED")
            assert await anext(following) == ("complete", "")
        assert peer.engine.released == ["forever"]


async def test_a_server_that_stops_ends_the_stream_without_complete():
    async with serving() as peer, peer.client() as client, ask(peer, client, FOREVER) as answer:
        following = sse(answer)
        assert (await anext(following))[0] == "next"
        peer.server.should_exit = True
        assert [event async for event in following] == []
        assert peer.engine.released == ["forever"]
        await until(lambda: not peer.server.server_state.tasks)


async def test_a_slow_reader_is_not_buffered_for(peer):
    body = json.dumps({"query": COUNT, "variables": {"to": 2_000_000}}).encode()
    _, writer = await asyncio.open_connection("127.0.0.1", int(peer.url.rpartition(":")[2]), limit=1024)
    writer.write(
        b"POST /graphql/stream HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%b" % (len(body), body)
    )
    before = -1
    while before != peer.engine.counted or before <= 0:
        before = peer.engine.counted
        await asyncio.sleep(0.2)
    assert peer.engine.counted < 2_000_000
    assert await events(peer, {"query": "{ hello }"}) != []
    writer.transport.abort()
    await until(lambda: peer.engine.released == ["count"])
