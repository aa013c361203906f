"""Decides once for a whole file how its bytes are to be read, and hands them on as UTF-8.

UTF-8 and UTF-16 say so by their byte order mark, and UTF-8 also by being valid. What is neither is Latin-1 as
Windows writes it (code page 1252), unless at least half of its letters are UTF-8: then the file is UTF-8 with damaged
places, and only the rows that hold them are lost.
"""

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from patrongraph.imports.models import FileReason, ImportNoteCode
from patrongraph.imports.notes import Note

BLOCK_BYTES = 262_144
_STRAYS = re.compile("[\udc80-\udcff]")
_LETTERS = re.compile("[^\0-\x7f\udc80-\udcff]")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Windows leaves five of its codes without a letter; like browsers we take them for the control characters
# that Latin-1 has there, so that no byte is lost.
_LATIN = "".join(bytes([code]).decode("cp1252", "ignore") or chr(code) for code in range(256))


class UnreadableFile(Exception):  # noqa: N818 - a fact about the input, caught and turned into a Problem
    """A file that cannot be read at all; the text names the file, and the column where there is one.

    `columns` and `limit` are what the reason is about, for who says it in another language.
    """

    def __init__(self, text: str, reason: FileReason, columns: Sequence[str] = (), limit: int | None = None) -> None:
        super().__init__(text)
        self.reason = reason
        self.columns = list(columns)
        self.limit = limit


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a file is encoded: `name` is utf-8, utf-8-sig, latin-1 or utf-16, `label` what people call it."""

    name: str
    codec: str
    bom: bytes = b""
    notes: tuple[Note, ...] = ()

    @property
    def label(self) -> str:
        """The name for messages."""
        return {"latin-1": "Latin-1", "utf-16": "UTF-16"}.get(self.name, "UTF-8")


def detect(file: BinaryIO, name: str) -> Encoding:
    """Read the whole file once and decide. Raises UnreadableFile for an empty file, and for UTF-16 without a mark."""
    file.seek(0)
    start = file.read(4)
    for bom, encoding in _BOMS:
        if start.startswith(bom):
            big = bom == codecs.BOM_UTF16_BE
            codec = "utf-8" if encoding == "utf-8-sig" else f"utf-16-{'be' if big else 'le'}"
            return _marked(file, Encoding(encoding, codec, bom), name)
    if not start:
        raise UnreadableFile(f"{name} is empty; choose the file that holds the patrons.", FileReason.EMPTY)
    if len(start) > 1 and 0 in start[:2] and start[:2] != b"\0\0":
        words = f"{name} looks like UTF-16 without a byte order mark; save it as UTF-8."
        raise UnreadableFile(words, FileReason.ENCODING)
    return _unmarked(file, Encoding("utf-8", "utf-8"))


def _marked(file: BinaryIO, encoding: Encoding, name: str) -> Encoding:
    file.seek(len(encoding.bom))
    if not file.read(1):
        words = f"{name} holds nothing but a byte order mark; choose the file that holds the patrons."
        raise UnreadableFile(words, FileReason.EMPTY)
    if encoding.name == "utf-16":
        return encoding
    strays, _ = _count(file, len(encoding.bom))
    return _damaged(encoding) if strays else encoding


def _unmarked(file: BinaryIO, utf8: Encoding) -> Encoding:
    strays, letters = _count(file, 0)
    if not strays:
        return utf8
    if letters >= strays:
        return _damaged(utf8)
    return Encoding("latin-1", "latin-1", notes=(Note(ImportNoteCode.READ_AS_LATIN),))


def _damaged(encoding: Encoding) -> Encoding:
    return replace(encoding, notes=(Note(ImportNoteCode.DAMAGED_TEXT),))


def _count(file: BinaryIO, offset: int) -> tuple[int, int]:
    """Return how many bytes are not UTF-8, and how many letters beyond ASCII are."""
    decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
    strays = letters = 0
    file.seek(offset)
    while block := file.read(BLOCK_BYTES):
        text = decode(block)
        if not text.isascii():
            strays += len(_STRAYS.findall(text))
            letters += len(_LETTERS.findall(text))
    return strays + len(decode(b"", True)), letters


class Utf8:
    """A file's bytes as UTF-8, without the byte order mark, in blocks; `read` returns b"" at the end."""

    def __init__(self, file: BinaryIO, encoding: Encoding, skip: int = 0) -> None:
        self._file = file
        self._encoding = encoding
        self._skip = skip
        file.seek(len(encoding.bom))
        self._utf16 = (
            codecs.getincrementaldecoder(encoding.codec)("surrogatepass") if encoding.name == "utf-16" else None
        )

    def read(self, size: int = BLOCK_BYTES) -> bytes:
        """Return the next block, of about `size` bytes of the file; what is no text stays no text."""
        block = self._next(max(size, 4))
        while self._skip and block:
            skipped = min(self._skip, len(block))
            self._skip -= skipped
            block = block[skipped:] or self._next(max(size, 4))
        return block

    def _next(self, size: int) -> bytes:
        if self._utf16 is not None:
            return self._next_utf16(self._utf16, size)
        block = self._file.read(size)
        if self._encoding.name != "latin-1" or block.isascii():
            return block
        return block.decode("latin-1").translate(_LATIN).encode()

    def _next_utf16(self, decoder: codecs.IncrementalDecoder, size: int) -> bytes:
        while block := self._file.read(size):
            # A letter may be cut by the block's end, so that a short block decodes to nothing yet.
            if text := decoder.decode(block):
                return text.encode("utf-8", "surrogatepass")
        rest, _ = decoder.getstate()
        decoder.reset()
        return b"\xff" if rest else b""
