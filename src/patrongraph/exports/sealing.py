"""The format of a file at rest, and nothing of where it lies: segments sealed one by one with AES-256-GCM.

A STREAM construction: the nonce of a segment is its number and whether it is the last, the associated data is the
header with the export's id. So segments that are changed, moved, left out, cut off or of another file do not open.
Each file has a key of its own, used for nothing else; that is why a counter may be a nonce. docs/exports.md
describes the bytes.
"""

import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"PGEXPORT"
VERSION = 1
SEGMENT_BYTES = 262_144
"""Plain bytes of each segment but the last, which has the rest: from none to as many."""
TAG_BYTES = 16
SEALED_BYTES = SEGMENT_BYTES + TAG_BYTES

# Magic, version, three zero bytes, plain bytes of a segment, export id; big-endian.
_HEADER = struct.Struct(">8sB3xIq")
HEADER_BYTES = _HEADER.size


class DamagedError(Exception):
    """The file is not the one that was written: `segment` (from 0) does not open, or is not there."""

    def __init__(self, segment: int) -> None:
        super().__init__(f"segment {segment} of the export file does not open")
        self.segment = segment


class _Stream:
    def __init__(self, key: bytes, export_id: int) -> None:
        self.header = _HEADER.pack(MAGIC, VERSION, SEGMENT_BYTES, export_id)
        self._cipher = AESGCM(key)
        self._next = 0

    def _nonce(self, *, last: bool) -> bytes:
        number = self._next
        self._next += 1
        return number.to_bytes(11, "big") + bytes([last])


class Sealer(_Stream):
    """Seals the segments of one file, in their order, after `header`."""

    def seal(self, plain: bytes | bytearray | memoryview, *, last: bool) -> bytes:
        """Return the next segment sealed; all but the last have SEGMENT_BYTES."""
        return self._cipher.encrypt(self._nonce(last=last), plain, self.header)


class Opener(_Stream):
    """Opens the segments of one file, in their order."""

    def check_header(self, header: bytes) -> None:
        """Raise DamagedError unless this is the header of the export's file."""
        if header != self.header:
            raise DamagedError(0)

    def open(self, sealed: bytes | bytearray | memoryview, *, last: bool) -> bytes:
        """Return the next segment's plain bytes. Raises DamagedError."""
        number = self._next
        try:
            return self._cipher.decrypt(self._nonce(last=last), sealed, self.header)
        except (InvalidTag, ValueError):
            raise DamagedError(number) from None
