"""Session and API tokens: random, recognisable, and stored as their sha256 only."""

import hashlib
import re
import secrets
import string
import zlib

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_LENGTH = 32
_CHECK_LENGTH = 6
_API_TOKEN = re.compile(rf"pg_[0-9A-Za-z]{{{_RANDOM_LENGTH + _CHECK_LENGTH}}}")
_SESSION_TOKEN = re.compile(r"[0-9A-Za-z_-]{43}")


def new_session_token() -> str:
    """Return a fresh session token: 32 random bytes, URL-safe."""
    return secrets.token_urlsafe(32)


def new_api_token() -> str:
    """Return a fresh API token: `pg_`, 190 random bits, and a checksum against typing errors."""
    body = "pg_" + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LENGTH))
    return body + _checksum(body)


def is_api_token(text: str) -> bool:
    """Return whether text has the shape and checksum of an API token; says nothing about its being known."""
    return bool(_API_TOKEN.fullmatch(text)) and _checksum(text[:-_CHECK_LENGTH]) == text[-_CHECK_LENGTH:]


def is_session_token(text: str) -> bool:
    """Return whether text has the shape of a session token."""
    return bool(_SESSION_TOKEN.fullmatch(text))


def digest(token: str) -> str:
    """Return what is stored of a token: its sha256, 64 hex digits."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _checksum(body: str) -> str:
    rest, digits = zlib.crc32(body.encode("ascii")), ""
    for _ in range(_CHECK_LENGTH):
        rest, digit = divmod(rest, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
