"""What lies on the disk after a run, read by what the documentation says of the bytes and not by the product."""

import hashlib
import hmac
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from patrongraph.settings import Settings

HEADER = struct.Struct(">8sB3xIq")
NONCE, TAG = 12, 16
MASTER = b"patrongraph export master key"


@dataclass(frozen=True, slots=True)
class Disk:
    """A data directory, and the secret that its export files' master key is derived from."""

    folder: Path
    secret: bytes = field(repr=False)

    @classmethod
    def of(cls, settings: Settings) -> "Disk":
        """Return the disk of these settings."""
        return cls(settings.data_dir, settings.secret_key.get_secret_value().encode())

    def exports(self) -> dict[str, Path]:
        """Return the export files there are, by name, finished or not."""
        folder = self.folder / "exports"
        return {path.name: path for path in folder.iterdir()} if folder.is_dir() else {}

    def plain(self, export: Mapping[str, Any]) -> bytes | None:
        """Return what a row of data_export opens its file to; None when it has no key, no file, or they do not fit."""
        file = self.folder / "exports" / str(export["path"])
        if export["sealed_key"] is None or not file.is_file():
            return None
        try:
            return _opened(file.read_bytes(), export["id"], self._key(export))
        except (InvalidTag, ValueError, struct.error):
            return None

    def _key(self, export: Mapping[str, Any]) -> bytes:
        sealed: bytes = export["sealed_key"]
        about = f"patrongraph export {export['id']} {export['key_id']}".encode()
        # HKDF-SHA256 (RFC 5869) without salt, of which one block is enough.
        drawn = hmac.digest(bytes(hashlib.sha256().digest_size), self.secret, "sha256")
        master = hmac.digest(drawn, MASTER + b"\x01", "sha256")
        return AESGCM(master).decrypt(sealed[:NONCE], sealed[NONCE:], about)

    def tombstones(self) -> tuple[list[dict[str, Any]], list[str]]:
        """Return the lines of tombstones.ndjson, and where lines are that say nothing.

        A kill in the middle of writing cuts a line off, and then it is written once more: that is no fault.
        """
        file = self.folder / "tombstones.ndjson"
        lines = file.read_bytes().split(b"\n") if file.exists() else []
        read, wrong = [], []
        for number, line in enumerate(lines, start=1):
            try:
                read += [_stone(line)] if line else []
            except (ValueError, KeyError, TypeError):
                if not any(later.startswith(line) for later in lines[number:]):
                    wrong.append(f"line {number}")
        return read, wrong


def _opened(data: bytes, export: int, key: bytes) -> bytes:
    header, rest = data[: HEADER.size], data[HEADER.size :]
    magic, version, plain_bytes, number = HEADER.unpack(header)
    if (magic, version, number) != (b"PGEXPORT", 1, export):
        raise ValueError("another file's header")
    segments = [rest[at : at + plain_bytes + TAG] for at in range(0, len(rest), plain_bytes + TAG)]
    cipher = AESGCM(key)
    return b"".join(
        cipher.decrypt(place.to_bytes(11, "big") + bytes([place == len(segments) - 1]), segment, header)
        for place, segment in enumerate(segments)
    )


def _stone(line: bytes) -> dict[str, Any]:
    said = json.loads(line)
    return {name: said[name] for name in ("library", "patron", "key", "job", "erasedAt", "rows")}
