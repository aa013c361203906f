"""Each export file has its own key, kept in its row only, wrapped by a master key that the database never sees.

Without the row nobody can read any copy of the file. The master keys come from the settings: PATRONGRAPH_EXPORT_KEYS,
of which the first wraps and all unwrap, and last one derived from the secret key. No key is ever logged.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from patrongraph.settings import Settings, get_settings, parse_export_keys

KEY_BYTES = 32
_NONCE_BYTES = 12
_DERIVED = "derived-"


class UnusableKey(Exception):  # noqa: N818 - what is wrong, in a word
    """A file's key cannot be had; the text is for the operator and names master keys by their ids only."""


@dataclass(frozen=True, slots=True)
class FileKey:
    """The key of one file, and what of it is kept: wrapped, and by which master key."""

    key: bytes = field(repr=False)
    key_id: str
    wrapped: bytes = field(repr=False)


def master_keys(settings: Settings | None = None) -> Mapping[str, bytes]:
    """Return the master keys by id, the one in use first; empty when neither setting is there."""
    settings = settings or get_settings()
    keys = parse_export_keys(settings.export_keys.get_secret_value())
    secret = settings.secret_key.get_secret_value().encode()
    if secret:
        # Its id tells one secret key from another, so that a changed one is missed, not tried.
        name = _derive(secret, b"patrongraph export key name", 4).hex()
        keys[f"{_DERIVED}{name}"] = _derive(secret, b"patrongraph export master key", KEY_BYTES)
    return keys


def current_key_id() -> str:
    """Return the id of the master key in use. Raises UnusableKey when there is none."""
    found = next(iter(master_keys()), None)
    if found is None:
        raise UnusableKey("neither PATRONGRAPH_EXPORT_KEYS nor PATRONGRAPH_SECRET_KEY is set")
    return found


def new_file_key(export_id: int) -> FileKey:
    """Return a fresh key for an export's file. Raises UnusableKey when there is no master key to wrap it with."""
    return _wrap(export_id, secrets.token_bytes(KEY_BYTES))


def unwrap(export_id: int, key_id: str | None, wrapped: bytes | None) -> bytes:
    """Return the key of an export's file. Raises UnusableKey with what the operator has to know."""
    if key_id is None or wrapped is None:
        raise UnusableKey(f"export {export_id} has no key: its file cannot be read any more")
    master = master_keys().get(key_id)
    if master is None:
        raise UnusableKey(
            f"export {export_id} is sealed with the key {key_id}, which is neither in PATRONGRAPH_EXPORT_KEYS "
            "nor made of PATRONGRAPH_SECRET_KEY"
        )
    try:
        return AESGCM(master).decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], _bound_to(export_id, key_id))
    except (InvalidTag, ValueError):
        raise UnusableKey(
            f"the key of export {export_id} does not open with the key {key_id}: another key had this id, "
            "or the row was changed"
        ) from None


def rewrap(export_id: int, key_id: str | None, wrapped: bytes | None) -> FileKey:
    """Return the same file key wrapped by the master key in use. Raises UnusableKey."""
    return _wrap(export_id, unwrap(export_id, key_id, wrapped))


def _wrap(export_id: int, key: bytes) -> FileKey:
    key_id = current_key_id()
    master = master_keys()[key_id]
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(master).encrypt(nonce, key, _bound_to(export_id, key_id))
    return FileKey(key, key_id, nonce + sealed)


def _bound_to(export_id: int, key_id: str) -> bytes:
    """Return what a wrapped key is good for only, so that it does not open in another row."""
    return f"patrongraph export {export_id} {key_id}".encode()


def _derive(secret: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose).derive(secret)
