"""Messages and frames over a socket: a close of the protocol or an answer, never 1006, never silence."""

import json
from typing import Any

import pytest
from hypothesis import strategies as st
from tests.fuzz import drawing
from tests.fuzz.hunting import hunt
from tests.fuzz.target import FAULTS, INIT, Target
from tests.transport.frames import CLOSE, TEXT, frame

OURS = {4400, 4401, 4403, 4409, 4429}
FRAMING = {1002, 1007, 1009}


def told(messages: list[dict[str, Any]]) -> None:
    for message in messages:
        if message["type"] == "error":
            assert not {error["extensions"]["code"] for error in message["payload"]} & FAULTS, message
        elif message["type"] == "next":
            codes = {error["extensions"]["code"] for error in message["payload"].get("errors", ())}
            assert not codes & FAULTS, message
        else:
            assert message["type"] in ("connection_ack", "pong", "complete"), message


def test_any_conversation(target: Target) -> None:
    def check(example: tuple[bool, list[str]]) -> None:
        init, texts = example
        sent = [INIT, *texts] if init else texts
        messages, code = target.converse(b"".join(frame(TEXT, text.encode("utf-8", "replace")) for text in sent))
        told(messages)
        if code == 1000:
            assert {"type": "pong", "payload": {"last": 1}} in messages
        else:
            assert code in OURS | {1009}, code

    hunt("conversations", st.tuples(drawing.mostly(st.just(True), st.just(False)), drawing.conversations), check, 150)


def test_any_operation(target: Target) -> None:
    """What is sent is well-formed, so nothing may close the socket: each operation has its own answer."""
    payloads = st.fixed_dictionaries(
        {"query": drawing.mostly(st.sampled_from(drawing.DOCUMENTS), st.text())},
        optional={"variables": drawing.variables, "operationName": drawing.OPERATION_NAMES},
    ).filter(lambda payload: "\\ud8" not in json.dumps(payload))  # half a character is no JSON

    def check(examples: list[dict[str, Any]]) -> None:
        sent = [
            json.dumps({"type": "subscribe", "id": str(number), "payload": payload}).encode("utf-8", "replace")
            for number, payload in enumerate(examples)
        ]
        messages, code = target.converse(b"".join(frame(TEXT, text) for text in (INIT.encode(), *sent)))
        told(messages)
        assert code == 1000, messages

    hunt("operations", st.lists(payloads, min_size=1, max_size=5), check, 100)


def test_any_frames(target: Target) -> None:
    def check(example: list[bytes]) -> None:
        messages, code = target.converse(b"".join([frame(TEXT, INIT.encode()), *example]))
        told(messages)
        if not any(sent[0] & 0x0F == CLOSE for sent in example):
            assert code in OURS | FRAMING | {1000}, code
        assert code != 1006

    hunt("frames", st.lists(drawing.frames, max_size=5), check, 150)


def test_any_torn_frames(target: Target) -> None:
    """Whatever the client leaves half said, the API goes on."""

    def check(sent: bytes) -> None:
        target.torn(target.handshake(), frame(TEXT, INIT.encode()) + sent)

    hunt("torn frames", drawing.broken(st.lists(drawing.frames, max_size=3).map(b"".join)), check, 100)
    target.unhurt(target.request(b'{"query":"{ __typename }"}'))


@pytest.mark.parametrize("extra", [b"", b"sec-websocket-protocol: graphql-ws\r\n", b"origin: https://[\r\n"])
def test_any_handshake(target: Target, extra: bytes) -> None:
    whole = b"GET /graphql HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n" + extra
    whole += b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

    def check(sent: bytes) -> None:
        came = target.torn(sent + b"\r\n\r\n")
        assert not came or came.startswith((b"HTTP/1.1 101", b"HTTP/1.1 2", b"HTTP/1.1 4")), came

    hunt("handshakes", drawing.broken(st.just(whole)), check, 50)
