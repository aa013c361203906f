"""Points: what one actor's operations may cost in a minute, counted by all API processes together.

A bucket of each actor fills evenly. Every process decides by what it knows, which costs no waiting, and tells the
others through Valkey a moment later; what was spent twice meanwhile is owed. Without Valkey each process counts alone.
"""

import asyncio
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

from patrongraph.graph.payers import WINDOW_SECONDS, Balance, is_address, shared_key
from patrongraph.settings import Settings

log = logging.getLogger(__name__)

TELL_SECONDS = 0.2
ANSWER_SECONDS = 0.5
AWAY_SECONDS = 5.0
MOST_BUCKETS = 20_000
OPERATION = 10
"""Points of any operation, beside those of its rows: to answer the smallest one takes time too."""
PREPARING = 50
"""Points for a text that nobody has sent before, or that is refused: it is parsed and checked."""

# Fills a bucket up to now, takes points out, and returns what is left; below nothing it is owed, one bucket at most.
# A bucket that nobody knows of begins with what the asking process knows. A full one need not be remembered.
TAKE = """
local size, known, spent = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local kept = redis.call('HMGET', KEYS[1], 'left', 'at')
local left, at = tonumber(kept[1]) or known, tonumber(kept[2]) or now
local per_ms = size / (ARGV[4] * 1000)
left = math.max(math.min(size, left + math.max(0, now - at) * per_ms) - spent, -size)
redis.call('HSET', KEYS[1], 'left', left, 'at', now)
redis.call('PEXPIRE', KEYS[1], math.max(1, math.ceil((size - left) / per_ms)))
return tostring(left)
"""


@dataclass(slots=True)
class _Bucket:
    size: int
    left: float
    at: float
    untold: int = 0

    def fill(self, now: float) -> float:
        self.left = min(self.size, self.left + (now - self.at) * self.size / WINDOW_SECONDS)
        self.at = now
        return self.left

    def balance(self, points: int) -> Balance:
        """Return what is left; what costs more than a bucket holds needs a full one."""
        missing = min(points, self.size) - self.fill(time.monotonic())
        wait = math.ceil(missing * WINDOW_SECONDS / self.size) if missing > 0 else 0
        return Balance(self.size, self.left, wait)


class Budget:
    """The buckets that this process knows. `redis` returns the client of the moment, or None."""

    def __init__(self, settings: Settings, redis: Callable[[], "Redis | None"]) -> None:
        self._signed_in, self._anonymous = settings.points_per_minute, settings.anonymous_points_per_minute
        self._redis = redis
        self._prefix = f"{settings.redis_prefix}:points:"
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._untold: dict[str, _Bucket] = {}
        self._telling: asyncio.Task[None] | None = None
        self._away_until = 0.0

    def look(self, who: str) -> Balance | None:
        """Return the balance of somebody who cannot pay for anything at present; else None."""
        bucket = self._buckets.get(who)
        if bucket is None or bucket.left >= OPERATION:  # it only fills up meanwhile
            return None
        balance = bucket.balance(OPERATION)
        return balance if balance.wait else None

    async def spend(self, who: str, points: int) -> Balance | None:
        """Take points, all or none (`wait` says when to come back); None when this kind of actor has no limit."""
        bucket = self._buckets.get(who)
        if bucket is None:
            size = self._anonymous if is_address(who) else self._signed_in
            if size == 0:
                return None
            bucket = _Bucket(size, size, time.monotonic())
            await self._tell({who: bucket})
            bucket = self._buckets.setdefault(who, bucket)  # somebody may have been quicker
        self._buckets.move_to_end(who)
        balance = bucket.balance(points)
        if balance.wait:
            return balance
        balance.left = bucket.left = max(bucket.left - points, -bucket.size)
        bucket.untold += points
        self._untold[who] = bucket
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell_soon())
        return balance

    async def close(self) -> None:
        """Tell what is not told yet."""
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.wait([self._telling])
        await self._tell(self._untold)

    async def _tell_soon(self) -> None:
        await asyncio.sleep(TELL_SECONDS)
        untold, self._untold, self._telling = self._untold, {}, None
        await self._tell(untold)
        self._forget()

    async def _tell(self, buckets: dict[str, _Bucket]) -> None:
        """Tell the others what was spent here, and learn what they spent. Never raises for Valkey."""
        told = [(who, bucket, bucket.untold) for who, bucket in buckets.items()]
        for _, bucket, _ in told:
            bucket.fill(time.monotonic())
            bucket.untold = 0  # also when Valkey is away: what was spent alone is not owed afterwards
        redis = self._redis()
        if redis is None or not told or time.monotonic() < self._away_until:
            return
        pipe = redis.pipeline(transaction=False)
        for who, bucket, spent in told:
            numbers = (bucket.size, bucket.left + spent, spent, WINDOW_SECONDS)
            pipe.eval(TAKE, 1, f"{self._prefix}{shared_key(who)}", *map(str, numbers))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                found = await pipe.execute()
        except (RedisError, OSError, TimeoutError) as error:
            self._away_until = time.monotonic() + AWAY_SECONDS
            log.warning("valkey does not count points: %s", type(error).__name__)
            return
        for (_, bucket, _), left in zip(told, found, strict=True):
            bucket.left, bucket.at = float(left) - bucket.untold, time.monotonic()

    def _forget(self) -> None:
        """Let go of buckets that are full again, beginning with those not used for longest; and of some if need be."""
        now = time.monotonic()
        while self._buckets:
            who, bucket = next(iter(self._buckets.items()))
            if len(self._buckets) <= MOST_BUCKETS and (bucket.untold or bucket.fill(now) < bucket.size):
                return
            del self._buckets[who]
