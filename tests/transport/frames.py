"""WebSocket frames as bytes on a TCP connection, to send what no client library would."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
HANDSHAKE = (
    b"GET /graphql HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"sec-websocket-protocol: graphql-transport-ws\r\n%b\r\n"
)
DEFLATE = b"sec-websocket-extensions: permessage-deflate\r\n"


def frame(opcode: int, data: bytes, *, final: bool = True, reserved: int = 0, masked: bool = True) -> bytes:
    """Return one frame; the mask is of zeros."""
    size = len(data)
    if size < 126:
        length, more = size, b""
    elif size < 65_536:
        length, more = 126, size.to_bytes(2, "big")
    else:
        length, more = 127, size.to_bytes(8, "big")
    head = bytes([final << 7 | reserved << 4 | opcode, masked << 7 | length])
    return head + more + (bytes(4) if masked else b"") + data


@dataclass
class Wire:
    """One connection after its handshake."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def received(self) -> tuple[int, bytes] | None:
        """Return opcode and data of the next frame; None when the server ended without one."""
        try:
            first, second = await self.reader.readexactly(2)
            size = second & 0x7F
            if size >= 126:
                size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
            return first & 0x0F, await self.reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionResetError):
            return None

    async def close_code(self) -> int:
        """Read to the end; return the code of the server's close frame, 1006 when it sent none."""
        code = 1006
        while (found := await self.received()) is not None:
            opcode, data = found
            if opcode == CLOSE:
                code = int.from_bytes(data[:2], "big") if data else 1005
                self.writer.write(frame(CLOSE, data[:2]))
        return code


@asynccontextmanager
async def wire(url: str, headers: bytes = b"") -> AsyncIterator[Wire]:
    """Open a socket on the address of an API."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(HANDSHAKE % headers)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()
