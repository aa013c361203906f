"""graphql-transport-ws: every rule of the protocol with its close code, and nothing left behind."""

import asyncio
import json

import pytest
import websockets
from tests.clients import Socket
from tests.transport.peer import Peer, serving, until

COUNT = "subscription($to: Int!) { count(to: $to) }"
COOKIE = {"cookie": "pg_session=good-session"}


async def closed_after(peer: Peer, *messages: object, init: bool = False, **options) -> tuple[int, str]:
    """Send messages (text as it is, anything else as JSON); return how the server closed."""
    async with peer.raw_socket(**options) as connection:
        socket = Socket(connection)
        if init:
            await socket.init()
        for message in messages:
            await connection.send(message if isinstance(message, str | bytes) else json.dumps(message))
        return await socket.close_code()


async def still_works(socket: Socket) -> None:
    assert [event async for event in socket.events("{ hello }")] == [{"data": {"hello": "Hello you"}}]


# The handshake


@pytest.mark.parametrize("subprotocols", [(), ("graphql-ws",), ("graphql-ws", "other")])
async def test_another_subprotocol_is_4406(peer, subprotocols):
    async with peer.raw_socket(subprotocols or None) as connection:
        assert connection.subprotocol is None
        assert await Socket(connection).close_code() == (
            4406,
            "Subprotocol not acceptable: use graphql-transport-ws",
        )


async def test_our_subprotocol_is_chosen_among_others(peer):
    async with peer.raw_socket(("graphql-ws", "graphql-transport-ws")) as connection:
        assert connection.subprotocol == "graphql-transport-ws"


async def test_another_address_is_refused(peer):
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(peer.url.replace("http", "ws") + "/graphql/stream", proxy=None)
    assert refused.value.response.status_code == 403


async def test_the_initialisation_takes_too_long_4408():
    async with serving(init_seconds=0.2) as peer:
        assert await closed_after(peer) == (4408, "Connection initialisation timeout")
        assert await closed_after(peer, {"type": "ping"}) == (4408, "Connection initialisation timeout")


async def test_a_second_initialisation_is_4429(peer):
    assert await closed_after(peer, {"type": "connection_init"}, init=True) == (
        4429,
        "Too many initialisation requests",
    )


async def test_an_operation_before_the_acknowledgement_is_4401(peer):
    message = {"type": "subscribe", "id": "1", "payload": {"query": "mutation { set(value: 7) }"}}
    assert await closed_after(peer, message) == (4401, "Unauthorized")
    assert peer.engine.value == 0


# Malformed messages


@pytest.mark.parametrize("init", [False, True])
@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "nonsense",
        "[" * 3000,
        "null",
        "7",
        '"connection_init"',
        "[]",
        '[{"type":"ping"}]',
        "{}",
        '{"type":null}',
        '{"type":7}',
        '{"type":["ping"]}',
        '{"type":{}}',
        '{"type":"unknown"}',
        '{"type":"connection_ack"}',
        '{"type":"next","id":"1","payload":{}}',
        '{"type":"error","id":"1","payload":[]}',
        '{"type":"start","id":"1","payload":{"query":"{ hello }"}}',
        '{"type":"connection_terminate"}',
        '{"type":"ping","payload":7}',
        '{"type":"ping","payload":[]}',
        '{"type":"pong","payload":"x"}',
        '{"type":"complete"}',
        '{"type":"complete","id":7}',
        '{"type":"complete","id":null}',
        '{"type":"complete","id":""}',
        b'{"type":"ping"}',
        b"\x00\xff",
    ],
)
async def test_a_malformed_message_is_4400(peer, message, init):
    code, reason = await closed_after(peer, message, init=init)
    assert code == 4400
    assert reason


@pytest.mark.parametrize(
    "payload",
    [7, "x", [], True, {"Authorization": 7}, {"authorization": None}, {"Authorization": ["Bearer good"]}],
)
async def test_a_malformed_initialisation_is_4400(peer, payload):
    code, _ = await closed_after(peer, {"type": "connection_init", "payload": payload})
    assert code == 4400


SET = "mutation { set(value: 7) }"


@pytest.mark.parametrize(
    "message",
    [
        {"payload": {"query": SET}},
        {"id": 1, "payload": {"query": SET}},
        {"id": None, "payload": {"query": SET}},
        {"id": "", "payload": {"query": SET}},
        {"id": "x" * 257, "payload": {"query": SET}},
        {"id": "1"},
        {"id": "1", "payload": None},
        {"id": "1", "payload": 7},
        {"id": "1", "payload": SET},
        {"id": "1", "payload": [{"query": SET}]},
        {"id": "1", "payload": {}},
        {"id": "1", "payload": {"query": None}},
        {"id": "1", "payload": {"query": 7}},
        {"id": "1", "payload": {"query": [SET]}},
        {"id": "1", "payload": {"query": SET, "operationName": 7}},
        {"id": "1", "payload": {"query": SET, "variables": 7}},
        {"id": "1", "payload": {"query": SET, "variables": []}},
        {"id": "1", "payload": {"query": SET, "variables": "{}"}},
        {"id": "1", "payload": {"query": SET, "extensions": []}},
    ],
)
async def test_a_malformed_operation_is_4400_and_does_nothing(peer, message):
    code, reason = await closed_after(peer, {"type": "subscribe", **message}, init=True)
    assert code == 4400
    assert reason
    assert peer.engine.value == 0


async def test_a_large_frame_is_1009(peer):
    code, _ = await closed_after(peer, {"type": "ping", "payload": {"a": "x" * 20_000}}, init=True)
    assert code == 1009


async def test_bytes_that_are_no_text_are_4400(peer):
    async with peer.raw_socket() as connection:
        await connection.send(b"\xff\xfe", text=True)
        assert await Socket(connection).close_code() == (4400, "Only text frames in UTF-8 are understood")


# Ping


async def test_ping_is_answered_also_before_the_initialisation(peer):
    async with peer.raw_socket() as connection:
        socket = Socket(connection)
        await socket.send(type="ping")
        assert await socket.receive() == {"type": "pong"}
        await socket.init()
        await socket.send(type="pong", payload={"unasked": True})
        await socket.send(type="ping", payload={"a": 1})
        assert await socket.receive() == {"type": "pong", "payload": {"a": 1}}


# Operations


async def test_a_subscription_from_beginning_to_end(peer):
    async with peer.socket() as socket:
        await socket.start(COUNT, {"to": 2}, id="Å-1")
        assert await socket.receive() == {"type": "next", "id": "Å-1", "payload": {"data": {"count": 1}}}
        assert await socket.receive() == {"type": "next", "id": "Å-1", "payload": {"data": {"count": 2}}}
        assert await socket.receive() == {"type": "complete", "id": "Å-1"}
        await socket.start("{ hello }", id="Å-1")
        assert (await socket.receive())["payload"] == {"data": {"hello": "Hello you"}}


async def test_queries_and_mutations(peer):
    async with peer.socket() as socket:
        await still_works(socket)
        assert [event async for event in socket.events(SET)] == [{"data": {"set": 7}}]
    assert peer.engine.value == 7


async def test_an_id_in_use_is_4409(peer):
    async with peer.socket() as socket:
        await socket.start("subscription { forever }", id="1")
        await until(lambda: peer.engine.running)
        await socket.start(SET, id="1")
        assert await socket.close_code() == (4409, "Subscriber for this id already exists")
    await until(lambda: peer.engine.released)
    assert (peer.engine.released, peer.engine.value) == (["forever"], 0)


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"query": "{ hello"}, "SYNTAX"),
        ({"query": ""}, "SYNTAX"),
        ({"query": "{ unknown }"}, "INVALID"),
        ({"query": "{ hello }", "operationName": "B"}, "INVALID"),
        ({"query": "query($n: Int!) { hello }"}, "INVALID"),
        ({"query": "{ secret }"}, "UNAUTHENTICATED"),
        ({"query": "subscription { secret }"}, "UNAUTHENTICATED"),
        ({"query": "{ hello }", "variables": {"a": "\x00"}}, "BAD_INPUT"),
        ({"query": '{ hello(name: "\\u0000") }'}, "BAD_INPUT"),
        ({"query": "{ boom }"}, "INTERNAL"),
    ],
)
async def test_an_operations_error_leaves_its_siblings_alone(peer, payload, code):
    async with peer.socket() as socket:
        await socket.start("subscription { forever }", id="sibling")
        assert (await socket.receive())["payload"] == {"data": {"forever": 0}}
        await socket.send(type="subscribe", id="bad", payload=payload)
        message = await socket.receive()
        assert (message["type"], message["id"]) == ("error", "bad")
        [error] = message["payload"]
        assert error["extensions"]["code"] == code
        assert "Anna" not in error["message"]
        await still_works(socket)
        assert peer.engine.released == []
        peer.engine.go.set()
        assert await socket.receive() == {"type": "complete", "id": "sibling"}


async def test_a_subscription_that_breaks_ends_with_a_masked_error(peer):
    async with peer.socket() as socket:
        await socket.start("subscription { breaks }", id="1")
        assert (await socket.receive())["payload"] == {"data": {"breaks": 1}}
        message = await socket.receive()
        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "INTERNAL")
        assert "Anna" not in json.dumps(message)
        await still_works(socket)


async def test_the_client_completes(peer):
    async with peer.socket() as socket:
        await socket.start("subscription { forever }", id="1")
        assert (await socket.receive())["type"] == "next"
        await socket.send(type="complete", id="1")
        await until(lambda: peer.engine.released)
        await socket.send(type="complete", id="1")
        await socket.send(type="complete", id="never there")
        await socket.start("{ hello }", id="1")
        assert await socket.receive() == {
            "type": "next",
            "id": "1",
            "payload": {"data": {"hello": "Hello you"}},
        }
        assert await socket.receive() == {"type": "complete", "id": "1"}


async def test_no_more_than_so_many_operations():
    async with serving(max_operations=2) as peer, peer.socket() as socket:
        for id in "12":
            await socket.start("subscription { forever }", id=id)
            assert (await socket.receive())["type"] == "next"
        await socket.start(SET, id="3")
        message = await socket.receive()
        assert (message["type"], message["id"]) == ("error", "3")
        assert message["payload"][0]["extensions"]["code"] == "TOO_MANY_OPERATIONS"
        assert peer.engine.value == 0
        await socket.send(type="complete", id="1")
        await until(lambda: peer.engine.released)
        await still_works(socket)


@pytest.mark.parametrize("abruptly", [False, True])
async def test_a_client_that_leaves_leaves_nothing(peer, abruptly):
    async with peer.socket() as socket:
        for _ in range(3):
            await socket.start("subscription { forever }")
            await socket.receive()
        await socket.start("{ slow }")
        await until(lambda: "slow" in peer.engine.running)
        if abruptly:
            socket.connection.transport.abort()
    await until(lambda: len(peer.engine.released) == 4)
    assert sorted(peer.engine.released) == ["forever", "forever", "forever", "slow"]


# Who asks


async def who(socket: Socket) -> str:
    [event] = [event async for event in socket.events("{ who }")]
    return event["data"]["who"]


async def test_who_asks(peer):
    async with peer.socket() as socket:
        assert await who(socket) == "ANONYMOUS:0"
    async with peer.socket("good") as socket:
        assert await who(socket) == "TOKEN:2"
    async with peer.socket(additional_headers={"authorization": "Bearer good"}) as socket:
        assert await who(socket) == "TOKEN:2"
    async with peer.socket(additional_headers=COOKIE, origin=peer.url) as socket:
        assert await who(socket) == "STAFF:1"
    async with peer.socket("good", additional_headers=COOKIE, origin="https://partner.example") as socket:
        assert await who(socket) == "TOKEN:2"
    async with peer.socket(additional_headers={"cookie": "pg_session=ended"}, origin=peer.url) as socket:
        assert await who(socket) == "ANONYMOUS:0"


async def test_a_bad_token_is_4403(peer):
    payload = {"Authorization": "Bearer bad"}
    assert await closed_after(peer, {"type": "connection_init", "payload": payload}) == (
        4403,
        "Forbidden: The token is unknown.",
    )


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null", "http://127.0.0.1:1"])
async def test_a_foreign_page_cannot_use_the_session(peer, origin):
    code, reason = await closed_after(peer, {"type": "connection_init"}, additional_headers=COOKIE, origin=origin)
    assert (code, reason) == (4403, "Forbidden: a page of another site may not use your session")


async def test_a_session_that_ends_closes_the_socket():
    async with serving(recheck_seconds=0.1) as peer:
        async with peer.socket(additional_headers=COOKIE, origin=peer.url) as socket:
            await socket.start("subscription { forever }")
            await until(lambda: peer.people.fresh_looks >= 2)
            assert peer.engine.released == []
            del peer.people.known["good-session"]
            assert await socket.close_code() == (4403, "Forbidden")
        await until(lambda: peer.engine.released)


async def test_a_permission_that_is_taken_away_closes_the_socket():
    async with serving(recheck_seconds=0.1) as peer, peer.socket("good") as socket:
        peer.people.known["Bearer good"] = peer.people.known["Bearer weak"]
        assert await socket.close_code() == (4403, "Forbidden")


async def test_a_database_that_is_away_once_is_forgiven_and_twice_is_not():
    async with serving(recheck_seconds=0.2) as peer, peer.socket("good") as socket:
        peer.people.error = ConnectionRefusedError()
        looks = peer.people.fresh_looks
        await until(lambda: peer.people.fresh_looks == looks + 1)
        peer.people.error = None
        await until(lambda: peer.people.fresh_looks == looks + 3)
        await still_works(socket)
        peer.people.error = ConnectionRefusedError()
        assert await socket.close_code() == (4403, "Forbidden")


async def test_a_mutation_by_someone_who_is_gone_does_nothing(peer):
    async with peer.socket("good") as socket:
        del peer.people.known["Bearer good"]
        await socket.start(SET, id="1")
        message = await socket.receive()
        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "UNAUTHENTICATED")
    assert peer.engine.value == 0


@pytest.mark.parametrize(
    ("error", "closed"),
    [(ConnectionRefusedError(), (1013, "Try again later")), (SystemError("Anna"), (4500, "Internal server error"))],
    ids=["an absent database", "a bug"],
)
async def test_a_failing_initialisation_is_1013_or_4500(peer, error, closed):
    peer.people.error = error
    message = {"type": "connection_init", "payload": {"Authorization": "Bearer good"}}
    assert await closed_after(peer, message) == closed
    peer.people.error = None
    assert await closed_after(peer, message, {"type": "nonsense"}) == (
        4400,
        "The type of a message must be one a client may send",
    )


async def test_a_server_that_stops_says_1012():
    async with serving() as peer, peer.socket() as socket:
        await socket.start("subscription { forever }")
        await socket.receive()
        peer.server.should_exit = True
        code, _ = await socket.close_code()
        assert code == 1012
        await until(lambda: peer.engine.released)


async def test_a_slow_reader_holds_up_only_itself():
    async with serving() as peer:
        received = 0
        reader, writer = await asyncio.open_connection("127.0.0.1", int(peer.url.rpartition(":")[2]), limit=1024)
        writer.write(
            b"GET /graphql HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"sec-websocket-protocol: graphql-transport-ws\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        for message in (
            {"type": "connection_init"},
            {"type": "subscribe", "id": "1", "payload": {"query": COUNT, "variables": {"to": 2_000_000}}},
        ):
            data = json.dumps(message).encode()
            writer.write(bytes([0x81, 0x80 | 126]) + len(data).to_bytes(2, "big") + bytes(4) + data)
        async with peer.socket() as socket:
            await until_quiet(peer)
            await still_works(socket)
        received = peer.engine.counted
        writer.transport.abort()
        await until(lambda: "count" in peer.engine.released)
        assert received < 2_000_000


async def until_quiet(peer: Peer) -> None:
    """Wait until the source of a subscriber that does not read stands still."""
    before = -1
    while before != peer.engine.counted or before <= 0:
        before = peer.engine.counted
        await asyncio.sleep(0.2)
