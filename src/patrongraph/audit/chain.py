"""What a seal is made of; a name of its own because it is neither read nor write: both build on these bytes.

digest = HMAC(key, event), hash = HMAC(key, library, sequence, time, hash of the seal before, digest). So a changed
event no longer has its digest, and a changed, moved or added seal breaks the chain; neither is made without the key.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import digest as hmac_digest

import asyncpg
import orjson
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from patrongraph.settings import Settings

FIRST = bytes(32)
"""Stands for the hash before a chain's first seal."""

EVENT_COLUMNS = (
    "id", "library_id", "at", "actor_kind", "actor_id", "action", "subject_kind", "subject_id", "job_id", "detail",
)  # fmt: skip
"""Every column of an event. One that is added later is sealed too, and null until then, which changes no digest."""

# An event `e` as it is digested: a moment as its eight bytes, which no setting changes, a document as its own text.
EVENT = ", ".join(
    {"at": "timestamptz_send(e.at) AS at", "detail": "e.detail::text AS detail"}.get(name, f"e.{name}")
    for name in EVENT_COLUMNS
)

_SHORTEST_SECRET = 32
_PLACE = struct.Struct(">qqq")


class NoKey(Exception):  # noqa: N818 - what it is, as the operator reads it
    """There is no secret to derive a key from."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the chain; `id` tells which, and nothing about it."""

    id: str
    secret: bytes


@dataclass(frozen=True, slots=True)
class Keyring:
    """The key that seals, and by id all those that verify."""

    current: Key
    known: Mapping[str, Key]


def keyring(settings: Settings) -> Keyring:
    """Derive the keys from secret_key and audit_keys. Raises NoKey when there is no secret of 32 characters."""
    secret = settings.secret_key.get_secret_value()
    if len(secret) < _SHORTEST_SECRET:
        raise NoKey("the audit chain needs PATRONGRAPH_SECRET_KEY, of at least 32 characters")
    current = _key(secret)
    earlier = [_key(line) for line in settings.audit_keys.get_secret_value().splitlines() if line]
    return Keyring(current, {key.id: key for key in (*earlier, current)})


def _key(secret: str) -> Key:
    made = HKDF(SHA256(), 32, salt=None, info=b"patrongraph audit chain").derive(secret.encode())
    return Key(sha256(b"id of " + made).hexdigest()[:8], made)


def digest(key: Key, event: asyncpg.Record) -> bytes:
    """Return the digest of an event that was selected as EVENT: of its columns by name, those that are not null."""
    said = {name: value for name in EVENT_COLUMNS if (value := event[name]) is not None}
    if "at" in said:
        said["at"] = int.from_bytes(said["at"], "big", signed=True)  # microseconds since 2000-01-01 UTC
    return hmac_digest(key.secret, b"event\0" + orjson.dumps(said), "sha256")


def place(library_id: int, sequence: int, sealed_at: bytes) -> bytes:
    """Return a seal's place; `sealed_at` is PostgreSQL's eight bytes, as timestamptz_send gives them."""
    return _PLACE.pack(library_id, sequence, int.from_bytes(sealed_at, "big", signed=True))


def link(key: Key, at: bytes, previous: bytes, event_digest: bytes) -> bytes:
    """Return the hash of the seal at a place, after the one with the hash `previous`; each part has its one length."""
    return hmac_digest(key.secret, b"link\0" + at + previous + event_digest, "sha256")
