"""Failed sign-ins are counted by address and in all, whoever they were for; apart, as staff and patrons share it.

The counts are in Valkey, for all API processes; while it is away each process counts for itself. An account's own
lock (LOCK_AFTER) stands in PostgreSQL and holds beside this.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from patrongraph.addresses import digest
from patrongraph.problems import ProblemCode, Refused
from patrongraph.settings import Settings, get_settings
from patrongraph.staff.problems import sign_in_busy, sign_in_throttled

T = TypeVar("T")

log = logging.getLogger(__name__)

KNOWN_SECONDS = 14 * 86_400
"""How long an address counts as known after staff have signed in from it, s."""
ANSWER_SECONDS = 1.0
AT_ONCE = 4
MOST_WAITING = 100
MOST_KEPT = 10_000
_EVERYWHERE = "all"


@dataclass(frozen=True, slots=True)
class Counted:
    """Failures under one key, and for how many seconds more they count."""

    failures: int
    seconds: float


class Counts(Protocol):
    """Where failures are counted."""

    async def look(self, keys: Sequence[str], known: str) -> tuple[list[Counted], bool]:
        """Return the failures under each key, and whether the address is known."""

    async def add(self, keys: Sequence[str], seconds: int) -> None:
        """Count one failure under each key; the first begins the time in which they count."""

    async def know(self, known: str) -> None:
        """Remember an address."""


class SharedCounts:
    """In Valkey; every key runs out by itself."""

    def __init__(self, client: Redis, prefix: str) -> None:
        self._client = client
        self._prefix = f"{prefix}:sign-in"

    async def look(self, keys: Sequence[str], known: str) -> tuple[list[Counted], bool]:
        """Return the failures under each key, and whether the address is known."""
        pipe = self._client.pipeline(transaction=False)
        for key in keys:
            pipe.get(f"{self._prefix}:failed:{key}")
            pipe.pttl(f"{self._prefix}:failed:{key}")
        pipe.exists(f"{self._prefix}:known:{known}")
        *found, is_known = await pipe.execute()
        pairs = zip(found[::2], found[1::2], strict=True)
        return [Counted(int(count or 0), max(left, 0) / 1000) for count, left in pairs], bool(is_known)

    async def add(self, keys: Sequence[str], seconds: int) -> None:
        """Count one failure under each key; the first begins the time in which they count."""
        pipe = self._client.pipeline()
        for key in keys:
            pipe.set(f"{self._prefix}:failed:{key}", 0, ex=seconds, nx=True)
            pipe.incr(f"{self._prefix}:failed:{key}")
        await pipe.execute()

    async def know(self, known: str) -> None:
        """Remember an address."""
        await self._client.set(f"{self._prefix}:known:{known}", 1, ex=KNOWN_SECONDS)


class OwnCounts:
    """In this process: at most MOST_KEPT keys, the oldest go first."""

    def __init__(self) -> None:
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._known: OrderedDict[str, float] = OrderedDict()

    def _counted(self, key: str) -> Counted:
        failures, until = self._failed.get(key, (0, 0.0))
        left = until - time.monotonic()
        return Counted(failures, left) if left > 0 else Counted(0, 0.0)

    async def look(self, keys: Sequence[str], known: str) -> tuple[list[Counted], bool]:
        """Return the failures under each key, and whether the address is known."""
        return [self._counted(key) for key in keys], self._known.get(known, 0.0) > time.monotonic()

    async def add(self, keys: Sequence[str], seconds: int) -> None:
        """Count one failure under each key; the first begins the time in which they count."""
        for key in keys:
            before = self._counted(key)
            until = time.monotonic() + (before.seconds if before.failures else seconds)
            self._failed[key] = (before.failures + 1, until)
            self._failed.move_to_end(key)
        while len(self._failed) > MOST_KEPT:
            self._failed.popitem(last=False)

    async def know(self, known: str) -> None:
        """Remember an address."""
        self._known[known] = time.monotonic() + KNOWN_SECONDS
        while len(self._known) > MOST_KEPT:
            self._known.popitem(last=False)


@dataclass(slots=True)
class _Turn:
    """The attempts of one address that are under way: few at once, so that few can run past a limit."""

    free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    waiting: int = 0


@dataclass(slots=True)
class _State:
    shared: Counts | None = None
    own: Counts = field(default_factory=OwnCounts)
    turns: dict[str, _Turn] = field(default_factory=dict)


_state = _State()


def share(client: "Redis | None", prefix: str = "") -> None:
    """Count in this Valkey from now on; None: in this process, from nothing."""
    _state.shared = None if client is None else SharedCounts(client, prefix)
    _state.own = OwnCounts()


@asynccontextmanager
async def attempt(address: str, *, staff: bool = False) -> AsyncIterator[None]:
    """Let one attempt to sign in through, and count it when it raises SIGN_IN_FAILED; `address`: the client's, or "".

    After `staff` have signed in from an address, a flood of failures elsewhere does not keep it out.
    Raises Refused: SIGN_IN_THROTTLED with the seconds to wait, TOO_MANY when too many of one address wait.
    """
    who = digest(address)
    async with _in_turn(who):
        settings = get_settings()
        await _check(who, settings)
        try:
            yield
        except Refused as refused:
            if refused.problem.code is ProblemCode.SIGN_IN_FAILED:
                seconds = settings.sign_in_minutes * 60
                await _ask(lambda counts: counts.add([_EVERYWHERE, who] if who else [_EVERYWHERE], seconds))
            raise
        if staff and who:
            await _ask(lambda counts: counts.know(who))


@asynccontextmanager
async def _in_turn(who: str) -> AsyncIterator[None]:
    if not who:
        yield
        return
    turn = _state.turns.setdefault(who, _Turn())
    if turn.waiting >= MOST_WAITING:
        raise sign_in_busy()
    turn.waiting += 1
    try:
        async with turn.free:
            yield
    finally:
        turn.waiting -= 1
        if not turn.waiting:
            _state.turns.pop(who, None)


async def _check(who: str, settings: Settings) -> None:
    [everywhere, here], known = await _ask(lambda counts: counts.look([_EVERYWHERE, who], who))
    if who and 0 < settings.sign_in_failures_per_address <= here.failures:
        raise sign_in_throttled(here.seconds, everywhere=False)
    if not known and 0 < settings.sign_in_failures <= everywhere.failures:
        raise sign_in_throttled(everywhere.seconds, everywhere=True)


async def _ask(question: Callable[[Counts], Awaitable[T]]) -> T:
    if _state.shared is not None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await question(_state.shared)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("failed sign-ins are counted in this process alone: %s", type(error).__name__)
    return await question(_state.own)
