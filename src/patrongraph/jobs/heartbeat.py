"""Workers say in Valkey that they look for work, each by a name that runs out; readiness counts the names."""

import asyncio
import logging
from collections.abc import Callable

from redis.exceptions import RedisError

from patrongraph.jobs import progress
from patrongraph.settings import Settings

log = logging.getLogger(__name__)

BEAT_SECONDS = 5.0
ALIVE_SECONDS = 20
"""A worker that has not said anything for so long is not counted, s."""


def heartbeat_key(settings: Settings) -> str:
    """Return the key of the sorted set of workers: name to the moment at which it runs out, by Valkey's clock."""
    return f"{settings.redis_prefix}:workers"


async def count(settings: Settings, seconds: float) -> int:
    """Return how many workers live. Raises RedisError, OSError or TimeoutError after so many seconds."""
    held = progress.opened()
    client = held or progress.connect(settings, answer_seconds=seconds, connections=1)
    try:
        async with asyncio.timeout(seconds):
            now, _ = await client.time()
            found: int = await client.zcount(heartbeat_key(settings), now, "+inf")
            return found
    finally:
        if held is None:
            await client.aclose()


async def beat(settings: Settings, name: str, working: Callable[[], bool]) -> None:
    """Say every few seconds that the worker `name` lives, as long as working() is true; never ends by itself.

    When it is cancelled it takes the name away, so that a worker that was stopped is not counted.
    """
    key = heartbeat_key(settings)
    client = progress.connect(settings, connections=1)
    try:
        while True:
            if working():
                try:
                    now, _ = await client.time()
                    pipe = client.pipeline(transaction=False)
                    pipe.zadd(key, {name: now + ALIVE_SECONDS})
                    pipe.zremrangebyscore(key, "-inf", now - 1)
                    pipe.expire(key, 3 * ALIVE_SECONDS)
                    await pipe.execute()
                except (RedisError, OSError, TimeoutError) as error:
                    log.debug("no heartbeat: %s", type(error).__name__)
            await asyncio.sleep(BEAT_SECONDS)
    finally:
        try:
            await client.zrem(key, name)
        except (RedisError, OSError, TimeoutError, asyncio.CancelledError):
            log.debug("the heartbeat runs out by itself")
        finally:
            await client.aclose()
