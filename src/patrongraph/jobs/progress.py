"""Valkey only wakes: a bell for workers, one bounded stream for subscribers; the rows in PostgreSQL are the truth."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, cast

import orjson
from arq.connections import ArqRedis
from redis.asyncio import BlockingConnectionPool, ConnectionPool
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.exceptions import RedisError

from patrongraph import db
from patrongraph.settings import SENTINEL, Settings, sentinels

log = logging.getLogger(__name__)

RING = "ring"
STREAM_LENGTH = 10_000
STREAM_SECONDS = 3_600
BELL_SECONDS = 300
ANSWER_SECONDS = 2.0
SELF_WAKE_SECONDS = 5.0
BLOCK_MS = 5_000
READ_AT_ONCE = 1_000
MAILBOX_JOBS = 1_000

# What is told about a job: never more than its id, library and version.
VERSIONS = "SELECT id, library_id, version FROM job WHERE id = ANY($1::bigint[]) ORDER BY id"


@dataclass(slots=True)
class _Client:
    redis: ArqRedis | None = None
    prefix: str = ""
    reader: "ProgressReader | None" = None


_client = _Client()


def queue_name(settings: Settings) -> str:
    """Return the arq queue that the workers listen to."""
    return f"{settings.redis_prefix}:bell"


def stream_name(settings: Settings) -> str:
    """Return the key of the progress stream."""
    return f"{settings.redis_prefix}:progress"


def connect(settings: Settings, *, answer_seconds: float = ANSWER_SECONDS, connections: int = 10) -> ArqRedis:
    """Return a client that connects when first used and again whenever the server was away; JSON, not pickle."""
    pool = _connection_pool(settings.redis_url, answer_seconds, connections)
    client = ArqRedis(
        pool_or_conn=pool,
        job_serializer=orjson.dumps,
        job_deserializer=orjson.loads,
        default_queue_name=queue_name(settings),
    )
    # A client made around a pool does not own it, and closing it would leave the sockets open.
    client.auto_close_connection_pool = True
    return client


def _connection_pool(url: str, answer_seconds: float, connections: int) -> ConnectionPool:
    waits: dict[str, Any] = {"socket_connect_timeout": ANSWER_SECONDS, "socket_timeout": answer_seconds}
    if url.startswith(SENTINEL):
        watched = sentinels(url)
        options = {"username": watched.username, "password": watched.password, "db": watched.db}
        manager, pool = cast("Any", Sentinel), cast("Any", SentinelConnectionPool)  # the library has no types for them
        known = manager(watched.addresses, sentinel_kwargs=waits, **waits)
        return cast("ConnectionPool", pool(watched.name, known, max_connections=connections, **options, **waits))
    return BlockingConnectionPool.from_url(url, max_connections=connections, timeout=answer_seconds, **waits)


async def open_progress(settings: Settings) -> None:
    """Let this process ring and announce; until it is called both do nothing."""
    await close_progress()
    _client.redis = connect(settings)
    _client.prefix = settings.redis_prefix


async def close_progress() -> None:
    """Close what open_progress opened."""
    if _client.redis is not None:
        redis, _client.redis = _client.redis, None
        await redis.aclose()


def opened() -> ArqRedis | None:
    """Return the client that this process holds open, or None."""
    return _client.redis


def reader() -> "ProgressReader":
    """Return the reader of this process. Raises RuntimeError where none follows the stream."""
    if _client.reader is None:
        raise RuntimeError("this process does not follow the progress stream: enter a ProgressReader first")
    return _client.reader


async def announce(job_ids: Iterable[int]) -> None:
    """Ring the workers' bell for these committed jobs and tell the subscribers. Never raises for Valkey."""
    if _client.redis is None:
        return
    found = await db.rows(VERSIONS, list(job_ids))
    for job in found:
        await _quietly(
            _client.redis.enqueue_job(RING, job["id"], _expires=BELL_SECONDS),
        )
        await publish(job["id"], job["library_id"], job["version"])


async def publish(job_id: int, library_id: int, version: int) -> None:
    """Tell the subscribers that a job has changed. Never raises for Valkey; they re-read by themselves too."""
    if _client.redis is None:
        return
    key = f"{_client.prefix}:progress"
    pipe = _client.redis.pipeline(transaction=False)
    pipe.xadd(key, {"job": job_id, "library": library_id, "version": version}, maxlen=STREAM_LENGTH, approximate=True)
    pipe.expire(key, STREAM_SECONDS)
    await _quietly(pipe.execute())


async def _quietly(told: Awaitable[object]) -> None:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await told
    except (RedisError, OSError, TimeoutError) as error:
        log.warning("valkey did not hear: %s", type(error).__name__)


@dataclass(frozen=True, slots=True)
class Wake:
    """Reason to read again: these jobs changed, or `timed`: time has passed, or too much changed to list."""

    job_ids: frozenset[int]
    timed: bool


class Mailbox:
    """One subscriber's wake-ups: coalesced, bounded, and one at least every five seconds."""

    def __init__(self, reader: "ProgressReader", job_id: int | None, library_id: int | None) -> None:
        self.job_id = job_id
        self.library_id = library_id
        self._reader = reader
        self._changed: set[int] = set()
        self._overflowed = False
        self._arrived = asyncio.Event()
        self._closed = False

    def put(self, job_id: int) -> None:
        """Note that a job changed; many notes about one job are one."""
        if len(self._changed) < MAILBOX_JOBS:
            self._changed.add(job_id)
        else:
            self._overflowed = True
        self._arrived.set()

    def wake(self) -> None:
        """Wake the subscriber to read everything again."""
        self._overflowed = True
        self._arrived.set()

    def close(self) -> None:
        """End the iteration and leave the reader."""
        self._closed = True
        self._reader.forget(self)
        self._arrived.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Wake:
        with suppress(TimeoutError):
            async with asyncio.timeout(SELF_WAKE_SECONDS):
                await self._arrived.wait()
        if self._closed:
            raise StopAsyncIteration
        self._arrived.clear()
        changed, self._changed = frozenset(self._changed), set()
        timed, self._overflowed = self._overflowed or not changed, False
        return Wake(changed, timed)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class ProgressReader:
    """One per API process: follows the stream and fans out to the mailboxes; survives Valkey's absence."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._by_job: defaultdict[int, set[Mailbox]] = defaultdict(set)
        self._by_library: defaultdict[int, set[Mailbox]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None

    def subscribe(self, *, job_id: int | None = None, library_id: int | None = None) -> Mailbox:
        """Register for one job, or for every job of one library; use it in `with`, then read the row first.

        Registration is done when this returns, so a change after the first read is not missed.
        """
        if (job_id is None) == (library_id is None):
            raise ValueError("subscribe to a job or to a library")
        mailbox = Mailbox(self, job_id, library_id)
        if job_id is not None:
            self._by_job[job_id].add(mailbox)
        elif library_id is not None:
            self._by_library[library_id].add(mailbox)
        return mailbox

    def forget(self, mailbox: Mailbox) -> None:
        """Remove a mailbox; a second time does nothing."""
        for index, key in ((self._by_job, mailbox.job_id), (self._by_library, mailbox.library_id)):
            if key is not None and key in index:
                index[key].discard(mailbox)
                if not index[key]:
                    del index[key]

    @property
    def subscribers(self) -> int:
        """How many mailboxes are open."""
        return sum(map(len, self._by_job.values())) + sum(map(len, self._by_library.values()))

    async def start(self) -> None:
        """Begin to follow the stream, in a task of its own."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="progress-reader")

    async def stop(self) -> None:
        """Stop following and end every subscription."""
        if self._task is not None:
            # Again until it ends: a cancellation that meets the client's own time-outs may be lost in them.
            while not self._task.done():
                self._task.cancel()
                await asyncio.wait([self._task], timeout=ANSWER_SECONDS)
            self._task = None
        for mailbox in [*self._all()]:
            mailbox.close()

    async def __aenter__(self) -> Self:
        await self.start()
        _client.reader = self
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _client.reader = None
        await self.stop()

    def _all(self) -> list[Mailbox]:
        boxes = [*self._by_job.values(), *self._by_library.values()]
        return [mailbox for group in boxes for mailbox in group]

    async def _run(self) -> None:
        redis = connect(self._settings, answer_seconds=BLOCK_MS / 1000 + ANSWER_SECONDS, connections=1)
        wait = 0.1
        try:
            while True:
                try:
                    last = await self._latest(redis)
                    # Whatever was said while nobody listened is in the rows.
                    for mailbox in self._all():
                        mailbox.wake()
                    wait = 0.1
                    await self._follow(redis, last)
                except (RedisError, OSError, TimeoutError) as error:
                    log.warning("the progress stream is away: %s", type(error).__name__)
                    await asyncio.sleep(wait)
                    wait = min(wait * 2, SELF_WAKE_SECONDS)
        finally:
            await redis.aclose()

    async def _latest(self, redis: ArqRedis) -> bytes:
        newest: list[Any] = await redis.xrevrange(stream_name(self._settings), count=1)
        return newest[0][0] if newest else b"0-0"

    async def _follow(self, redis: ArqRedis, last: bytes) -> None:
        key = stream_name(self._settings)
        while True:
            answer: list[Any] = await redis.xread({key: last}, count=READ_AT_ONCE, block=BLOCK_MS)
            for _, entries in answer:
                for entry_id, fields in entries:
                    last = entry_id
                    self._deliver(fields)

    def _deliver(self, fields: dict[bytes, bytes]) -> None:
        try:
            job_id, library_id = int(fields[b"job"]), int(fields[b"library"])
        except (KeyError, ValueError):
            return  # not ours; whoever can write here can at most wake us
        for mailbox in (*self._by_job.get(job_id, ()), *self._by_library.get(library_id, ())):
            mailbox.put(job_id)
