"""Frames that break the rules of WebSocket itself end in a close frame that says so, never in a torn connection."""

import asyncio
import zlib

import pytest
from tests.transport.frames import BINARY, CLOSE, DEFLATE, PING, PONG, TEXT, frame, wire

INIT = b'{"type":"connection_init"}'
ASK = b'{"type":"ping"}'


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return (packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(TEXT, ASK, masked=False), 1002),
        (frame(TEXT, ASK, reserved=4), 1002),
        (frame(0x3, ASK), 1002),
        (frame(0xB, b""), 1002),
        (frame(0x0, ASK), 1002),
        (frame(TEXT, b"{", final=False) + frame(TEXT, b"}"), 1002),
        (frame(PING, b"x" * 126), 1002),
        (frame(PING, b"x", final=False), 1002),
        (frame(CLOSE, b"\x03"), 1002),
        (frame(CLOSE, (1005).to_bytes(2, "big")), 1002),
        (frame(CLOSE, (1000).to_bytes(2, "big") + b"\xff"), 1007),
        (frame(TEXT, b"\xff\xfe"), 4400),
        (frame(TEXT, b'"\xc3', final=False) + frame(0x0, b'"'), 4400),
        (frame(TEXT, b"x" * 20_000), 1009),
        (frame(TEXT, b"x" * 10_000, final=False) + frame(0x0, b"x" * 10_000), 1009),
        (frame(TEXT, b"")[:1] + b"\xff" + (2**63 - 1).to_bytes(8, "big"), 1009),
        # A client may say all of it at once, and go.
        (frame(TEXT, b"\xff") + frame(CLOSE, (1000).to_bytes(2, "big")), 1000),
        (frame(TEXT, b"\xff") + frame(TEXT, b"\xff"), 4400),
        (frame(TEXT, b"{") + frame(TEXT, b"x", masked=False), 1002),
        (frame(TEXT, b""), 4400),
        (frame(BINARY, ASK), 4400),
        (frame(TEXT, b'"\x00"'), 4400),
        (frame(CLOSE, (1000).to_bytes(2, "big") + b"bye"), 1000),
        (frame(CLOSE, (4321).to_bytes(2, "big")), 4321),
        (frame(CLOSE, b""), 1005),
    ],
)
@pytest.mark.parametrize("init", [False, True])
async def test_a_broken_frame_is_closed_with_its_code(peer, sent, code, init):
    async with asyncio.timeout(20), wire(peer.url) as socket:
        if init:
            await socket.send(frame(TEXT, INIT))
            assert await socket.received() == (TEXT, b'{"type":"connection_ack"}')
        await socket.send(sent)
        assert await socket.close_code() == code
    assert peer.engine.value == 0


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(TEXT, deflated(b'"' + b"x" * 50_000_000 + b'"'), reserved=4), 1009),
        (frame(TEXT, b"\xff\xff\xff\xff", reserved=4), 1002),
        (frame(TEXT, deflated(b"[]"), reserved=4), 4400),
    ],
    ids=["a bomb", "not deflated", "deflated nonsense"],
)
async def test_a_compressed_frame(peer, sent, code):
    async with asyncio.timeout(20), wire(peer.url, DEFLATE) as socket:
        await socket.send(sent)
        assert await socket.close_code() == code


async def test_control_frames_between_the_parts_of_a_message(peer):
    async with asyncio.timeout(20), wire(peer.url) as socket:
        await socket.send(frame(TEXT, INIT[:9], final=False) + frame(PING, b"still there?") + frame(PONG, b""))
        assert await socket.received() == (PONG, b"still there?")
        await socket.send(frame(0x0, INIT[9:]))
        assert await socket.received() == (TEXT, b'{"type":"connection_ack"}')


async def test_a_connection_that_is_torn_leaves_nothing(peer):
    operation = b'{"type":"subscribe","id":"1","payload":{"query":"subscription { forever }"}}'
    async with asyncio.timeout(20):
        async with wire(peer.url) as socket:
            await socket.send(frame(TEXT, INIT) + frame(TEXT, operation) + frame(TEXT, ASK)[:7])
            await socket.received()
            await socket.received()
            assert peer.engine.released == []
        while peer.engine.released != ["forever"]:
            await asyncio.sleep(0.01)
