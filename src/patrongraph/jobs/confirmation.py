"""A confirmation is a keyed digest of what was shown, to whom and when: good for that, and for fifteen minutes.

A file of its own because several features confirm so: the deletion of one patron, the purge by filter, the rollover.
Nothing is stored between the preview and the call that quotes it.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto

import orjson

from patrongraph.context import Actor
from patrongraph.settings import get_settings

SECONDS = 15 * 60
"""How long a confirmation holds."""

SKEW_SECONDS = 60
"""How far the clocks of two processes may be apart."""


class Verdict(Enum):
    """What a confirmation is worth."""

    HOLDS = auto()
    EXPIRED = auto()
    VOID = auto()


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a preview hands out, and when it ends by itself."""

    token: str
    until: datetime


def issue(actor: Actor, purpose: str, about: object, now: int) -> Confirmation:
    """Return the confirmation of what `about` (plain JSON values) stands for; `now` is in seconds since 1970.

    It is good for this actor, library, purpose and `about` only.
    """
    return Confirmation(_token(actor, purpose, about, now), datetime.fromtimestamp(now + SECONDS, UTC))


def judge(token: str, actor: Actor, purpose: str, about: object, now: int) -> Verdict:
    """Return whether the token is what issue() gave the actor for the same, not longer ago than SECONDS."""
    issued, _, _ = token.partition(".")
    if not (issued.isascii() and issued.isdigit() and len(issued) <= 12):
        return Verdict.VOID
    age = now - int(issued)
    if age > SECONDS:
        return Verdict.EXPIRED
    right = _token(actor, purpose, about, int(issued))
    if age < -SKEW_SECONDS or not hmac.compare_digest(token.encode(errors="surrogatepass"), right.encode()):
        return Verdict.VOID
    return Verdict.HOLDS


def _token(actor: Actor, purpose: str, about: object, issued_at: int) -> str:
    secret = get_settings().secret_key.get_secret_value().encode()
    text = orjson.dumps([actor.library, actor.key, about, issued_at])
    code = hmac.new(secret, purpose.encode() + b"\x00" + text, hashlib.sha256).digest()
    return f"{issued_at}.{urlsafe_b64encode(code).rstrip(b'=').decode()}"
