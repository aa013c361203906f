"""GraphQL uploads: operations, then map, then one file, looked at in this order as they come in.

This is the GraphQL multipart request specification for one file in one variable. What is asked for is known before
the first byte of the file is kept, and the file is never in memory as a whole: up to SPOOL_BYTES it is, then it lies
in a temporary file without a name, which is gone when it is closed or the process ends.
"""

import asyncio
import hashlib
import logging
import re
import unicodedata
from collections import deque
from collections.abc import Mapping
from enum import Enum, auto
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Any, BinaryIO, cast

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from patrongraph.graph.engine import Request
from patrongraph.graph.limits import (
    BODY_SECONDS,
    Gone,
    Malformed,
    Receive,
    bad,
    check_length,
    decode,
    refuse_repeated,
    request_from_body,
)
from patrongraph.graph.scalars import Upload
from patrongraph.logs import fault

FORM_DATA = "multipart/form-data"
MAX_HEADERS = 8
"""Most headers of one part."""
MAX_HEADER_BYTES = 4096
"""Longest header of one part, bytes."""
FRAME_BYTES = 3 * MAX_HEADERS * MAX_HEADER_BYTES
"""Room for the boundaries and headers of the three parts, bytes."""
UPLOAD_SECONDS = 600.0
"""Longest that a whole upload may take, s; each piece of it has BODY_SECONDS."""
SPOOL_BYTES = 1 << 20
WRITE_BYTES = 256 << 10
"""How much of a file is hashed and written in one go, in a thread, bytes."""
LONGEST_NAME = 100
"""Most characters of a file name."""

_BOUNDARY = re.compile(rb"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_ORDER = "A multipart request has three parts in this order: operations, map, and the file that map names."
_EXAMPLE = 'like {"0": ["variables.file"]}'
_ABSENT = object()

log = logging.getLogger("patrongraph.graph")


class _Mark(Enum):
    PART_ENDS = auto()
    BODY_ENDS = auto()


class _Part:
    """The beginning of a part: its name, and its file name where it has one."""

    __slots__ = ("filename", "name")

    def __init__(self, headers: list[tuple[bytes, bytes]], number: int) -> None:
        found = [value for name, value in headers if name == b"content-disposition"]
        kind, options = parse_options_header(found[0]) if len(found) == 1 else (b"", {})
        if kind != b"form-data" or b"name" not in options:
            raise bad(f'Part {number} needs one header Content-Disposition: form-data; name="…".')
        for name, value in headers:
            if name == b"content-transfer-encoding" and value.strip().lower() not in (b"binary", b"8bit", b"7bit"):
                raise bad(f"Part {number} has a Content-Transfer-Encoding; send its bytes as they are.")
        try:
            self.name = options[b"name"].decode()
        except UnicodeDecodeError:
            raise bad(f"The name of part {number} is not UTF-8.") from None
        given = options.get(b"filename")
        self.filename = None if given is None else given.decode(errors="replace")


_Event = _Part | bytes | _Mark


class _Parts:
    """Turns the bytes of a body into events: a part begins, its data, it ends, the body ends."""

    def __init__(self, boundary: bytes) -> None:
        self.events: deque[_Event] = deque()
        self.ended = False
        self._count = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._name, self._value = bytearray(), bytearray()
        self._fed = 0
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_end,
                "on_part_data": self._data,
                "on_part_end": self._part_end,
                "on_end": self._end,
            },
            max_header_count=MAX_HEADERS,
            max_header_size=MAX_HEADER_BYTES,
        )

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes. Raises Malformed."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            at = self._fed + max(getattr(error, "offset", 0), 0)
            raise bad(
                f"The multipart body cannot be read at byte {at}: each part begins with the boundary of Content-Type "
                f"on a line of its own and has at most {MAX_HEADERS} headers of {MAX_HEADER_BYTES} bytes."
            ) from None
        self._fed += len(chunk)

    def _begin(self) -> None:
        self._count += 1
        self._headers = []

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers.append((bytes(self._name).lower(), bytes(self._value)))
        self._name, self._value = bytearray(), bytearray()

    def _headers_end(self) -> None:
        self.events.append(_Part(self._headers, self._count))

    def _data(self, data: bytes, start: int, end: int) -> None:
        self.events.append(data[start:end])

    def _part_end(self) -> None:
        self.events.append(_Mark.PART_ENDS)

    def _end(self) -> None:
        self.ended = True
        self.events.append(_Mark.BODY_ENDS)


class _Spool:
    """The bytes of one file, counted and hashed; the disk is waited for in a thread, one block at a time."""

    def __init__(self) -> None:
        self.size = 0
        self._digest = hashlib.sha256()
        self._waiting = bytearray()
        # Closed by close(), after the last block: a thread cannot be called back.
        self.file = cast(BinaryIO, SpooledTemporaryFile(max_size=SPOOL_BYTES))  # noqa: SIM115
        self._writing: asyncio.Future[None] | None = None

    async def write(self, data: bytes) -> None:
        """Append data. Raises Malformed when there is no room."""
        self.size += len(data)
        self._waiting += data
        if len(self._waiting) >= WRITE_BYTES:
            await self._write()

    async def finish(self) -> str:
        """Write the rest, go back to the beginning, and return the digest in hex."""
        await self._write()
        self.file.seek(0)
        return self._digest.hexdigest()

    async def close(self) -> None:
        """Let go of the file, once the block under way is written."""
        if self._writing is not None:
            await asyncio.wait({self._writing})
        self.file.close()

    async def _write(self) -> None:
        block, self._waiting = bytes(self._waiting), bytearray()
        self._writing = asyncio.ensure_future(asyncio.to_thread(self._keep, block))
        try:
            await asyncio.shield(self._writing)
        except OSError as error:
            fault(log, error)
            message = "The server has no room for the file at the moment; tell its operator, and try again later."
            raise Malformed(503, "UNAVAILABLE", message) from None

    def _keep(self, block: bytes) -> None:
        self._digest.update(block)
        self.file.write(block)


class UploadRequest:
    """One multipart request: operation() reads what is asked for, then fetch() the file. Nothing outlives the block."""

    def __init__(self, headers: Mapping[bytes, bytes], receive: Receive, max_body: int, max_upload: int) -> None:
        """Read nothing yet; max_body is for operations and map together, max_upload for the file, bytes."""
        self._receive = receive
        self._max_fields, self._max_upload = max_body, max_upload
        self._max_bytes = max_body + max_upload + FRAME_BYTES
        check_length(headers, self._max_bytes)
        self._parts = _Parts(boundary_of(headers.get(b"content-type", b"")))
        self._more = True
        self._received = 0
        self._fields = 0
        self._name = ""
        self._container: Any = None
        self._key: Any = None
        self._until = asyncio.get_running_loop().time() + UPLOAD_SECONDS
        self._spool: _Spool | None = None

    async def __aenter__(self) -> "UploadRequest":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the file."""
        if self._spool is not None:
            await self._spool.close()

    async def operation(self) -> Request:
        """Return the request as operations has it, null where the file will be. Raises Malformed or Gone."""
        request = request_from_body(await self._field("operations", 1), "operations")
        text = await self._field("map", 2)
        mapping = decode(text, "map")
        refuse_repeated(text, "map")
        self._name, self._container, self._key = place_of(mapping, request.variables)
        return request

    async def fetch(self) -> None:
        """Read the file and put it where map says, in the variables of operation(). Raises Malformed or Gone."""
        self._container[self._key] = await self._file()

    async def _field(self, name: str, number: int) -> bytes:
        part = await self._event()
        if not isinstance(part, _Part) or part.name != name or part.filename is not None:
            raise bad(f"Part {number} must be the field {name}. {_ORDER}")
        text = bytearray()
        while isinstance(piece := await self._event(), bytes):
            text += piece
            self._fields += len(piece)
            if self._fields > self._max_fields:
                message = f"operations and map are larger than {self._max_fields} bytes together."
                raise Malformed(413, "TOO_LARGE", message)
        return bytes(text)

    async def _file(self) -> Upload:
        part = await self._event()
        if not isinstance(part, _Part) or part.name != self._name:
            raise bad(f"Part 3 must be the file that map names. {_ORDER}")
        self._spool = spool = _Spool()
        while isinstance(piece := await self._event(), bytes):
            if spool.size + len(piece) > self._max_upload:
                message = f"The file is larger than {self._max_upload} bytes; send it in several files."
                raise Malformed(413, "TOO_LARGE", message)
            await spool.write(piece)
        if await self._event() is not _Mark.BODY_ENDS:
            raise bad(f"A request carries one file, and nothing may follow it. {_ORDER}")
        while self._more:  # what follows the last boundary means nothing, and is not left in the connection
            await self._feed()
        return Upload(safe_name(part.filename or ""), spool.size, await spool.finish(), spool.file)

    async def _event(self) -> _Event:
        while not self._parts.events:
            if not self._more:
                raise bad("The multipart body was cut off: it ends before its closing boundary.")
            await self._feed()
        return self._parts.events.popleft()

    async def _feed(self) -> None:
        soon = asyncio.get_running_loop().time() + BODY_SECONDS
        try:
            async with asyncio.timeout_at(min(soon, self._until)):
                message = await self._receive()
        except TimeoutError:
            raise Malformed(408, "TIMEOUT", "The request body did not arrive in time.") from None
        if message["type"] == "http.disconnect":
            raise Gone
        chunk: bytes = message.get("body", b"")
        self._more = message.get("more_body", False)
        self._received += len(chunk)
        if self._received > self._max_bytes:
            raise Malformed(413, "TOO_LARGE", f"The request is larger than {self._max_bytes} bytes.")
        if not self._parts.ended:
            self._parts.feed(chunk)


def is_form(content_type: bytes) -> bool:
    """Return whether a Content-Type says multipart/form-data."""
    return content_type.partition(b";")[0].strip().lower() == FORM_DATA.encode()


def boundary_of(content_type: bytes) -> bytes:
    """Return the boundary in a Content-Type. Raises Malformed."""
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not _BOUNDARY.fullmatch(boundary):
        raise bad("Content-Type needs the boundary between the parts, of 1 to 70 characters: boundary=….")
    return boundary


def place_of(mapping: object, variables: dict[str, Any]) -> tuple[str, Any, Any]:
    """Return which part holds the file, and the container and key where it belongs in the variables.

    Raises Malformed unless map names one file and one place, and operations has null there.
    """
    if not isinstance(mapping, dict) or len(mapping) != 1:
        raise bad(f"map must be a JSON object that names one file and where it belongs, {_EXAMPLE}.")
    [(name, paths)] = mapping.items()
    if not isinstance(paths, list) or len(paths) != 1 or not isinstance(paths[0], str):
        raise bad(f"map must give the file one place, {_EXAMPLE}.")
    first, *steps = paths[0].split(".")
    if first != "variables" or not steps:
        raise bad(f"map must put the file into the variables, {_EXAMPLE}.")
    container: Any = variables
    for step in steps[:-1]:
        container = _inside(container, step)[1]
    key, found = _inside(container, steps[-1])
    if found is _ABSENT:
        raise bad("map puts the file where operations has nothing: write null there, in the variables.")
    if found is not None:
        raise bad("map puts the file where operations has a value: it must be null.")
    return name, container, key


def _inside(container: Any, step: str) -> tuple[Any, Any]:
    """Return the key that a step of a path means, and what is there, or _ABSENT."""
    if isinstance(container, dict):
        return step, container.get(step, _ABSENT)
    if isinstance(container, list) and re.fullmatch("[0-9]{1,6}", step) and int(step) < len(container):
        return int(step), container[int(step)]
    return step, _ABSENT


def safe_name(given: str) -> str:
    """Return a file's name as it may be shown and kept: no folders, nothing invisible, at most LONGEST_NAME long."""
    last = re.split(r"[/\\]", given)[-1]
    visible = "".join(one if unicodedata.category(one)[0] != "C" else " " for one in last)
    return " ".join(visible.split()).lstrip(". ")[:LONGEST_NAME].rstrip() or "upload"
