"""Secrets that people type are hashed with argon2id in two threads of their own, never on the event loop."""

import asyncio
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import ParamSpec, TypeVar

import asyncpg
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from patrongraph import db
from patrongraph.problems import InputReason, invalid
from patrongraph.staff.problems import sign_in_busy

P = ParamSpec("P")
T = TypeVar("T")

MIN_LENGTH = 8
MAX_LENGTH = 1000

# 19 MiB and two passes for one hash: two threads keep the process's peak under 40 MiB.
HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_THREADS = 2
_MOST_WAITING = 100


@dataclass(slots=True)
class _Bench:
    threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_THREADS, thread_name_prefix="argon2")
    )
    waiting: int = 0


_bench = _Bench()


@dataclass(frozen=True, slots=True)
class Verified:
    """Whether a secret was right, and its hash by today's parameters when the stored one is older."""

    right: bool
    new_hash: str | None = field(default=None, repr=False)


async def hash_secret(secret: str) -> str:
    """Return the argon2id hash of a password or PIN. Raises Refused when too many wait."""
    return await _in_thread(HASHER.hash, _normalised(secret))


async def verify_secret(stored: str | None, secret: str) -> Verified:
    """Compare a secret with a stored hash; None costs the same work and is never right.

    Raises Refused when too many wait.
    """
    return await _in_thread(_verify, stored, secret)


async def verify_each(stored: Sequence[str], secret: str, times: int) -> list[Verified]:
    """Compare a secret with each stored hash, at the cost of `times` comparisons however few there are.

    Raises Refused when too many wait.
    """
    padded = [*stored, *[None] * (times - len(stored))]
    return [await verify_secret(each, secret) for each in padded][: len(stored)]


def attempts(accounts: Sequence[asyncpg.Record], outcomes: Sequence[Verified]) -> list[tuple[asyncpg.Record, Verified]]:
    """Return which accounts an attempt counts for: a secret that is right for one is no guess at another."""
    tried = list(zip(accounts, outcomes, strict=True))
    return [each for each in tried if each[1].right] or tried


def check_password(password: str, username: str, field_name: str = "input.password") -> None:
    """Raise Refused unless a new password is long enough, not a known-bad one and not the username."""
    if not db.storable(password):
        raise invalid(field_name, "The password holds characters that cannot be typed.", InputReason.NOT_PRINTABLE)
    if len(password) < MIN_LENGTH:
        message = f"The password needs at least {MIN_LENGTH} characters."
        raise invalid(field_name, message, InputReason.TOO_SHORT, MIN_LENGTH)
    if len(password) > MAX_LENGTH:
        message = f"The password may have at most {MAX_LENGTH} characters."
        raise invalid(field_name, message, InputReason.TOO_LONG, MAX_LENGTH)
    folded = _normalised(password).casefold()
    if folded == _normalised(username).casefold():
        raise invalid(field_name, "The password must not be the username.", InputReason.GUESSABLE)
    if folded in known_bad() or len(set(folded)) == 1:
        message = "This password is among the first that are guessed: choose another."
        raise invalid(field_name, message, InputReason.GUESSABLE)


@lru_cache(maxsize=1)
def known_bad() -> frozenset[str]:
    """Return the passwords that are refused for being guessed first, in lower case."""
    text = files("patrongraph.staff").joinpath("known_bad_passwords.txt").read_text("utf-8")
    return frozenset(line.strip() for line in text.splitlines() if line.strip())


async def _in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    if _bench.waiting >= _MOST_WAITING:
        raise sign_in_busy()
    _bench.waiting += 1
    try:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(_bench.threads, lambda: work(*args, **kwargs))
    finally:
        _bench.waiting -= 1


@lru_cache(maxsize=1)
def _decoy() -> str:
    return HASHER.hash("no account has this")


def _verify(stored: str | None, secret: str) -> Verified:
    # The decoy is made for every caller, so that the first unknown user costs no more than the others.
    decoy = _decoy()
    if not db.storable(secret) or len(secret) > MAX_LENGTH:
        stored, secret = None, ""
    normalised = _normalised(secret)
    try:
        HASHER.verify(decoy if stored is None else stored, normalised)
    except (VerificationError, InvalidHashError):
        return Verified(right=False)
    if stored is None:
        return Verified(right=False)
    older = HASHER.check_needs_rehash(stored)
    return Verified(right=True, new_hash=HASHER.hash(normalised) if older else None)


def _normalised(secret: str) -> str:
    # The same typed letters arrive composed or decomposed, by keyboard and system.
    return unicodedata.normalize("NFC", secret)
