"""Subscribers that asked the same share one reading: each event is read and serialised once, the latest one kept."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable

Source = Callable[[], AsyncIterator[int]]
MOST_ROWS = 200
"""Rows whose latest event is kept for subscribers that come later."""
Read = Callable[[int], Awaitable[bytes | None]]


class Mailbox:
    """What one subscriber has not taken yet: at most one event for each row, the newest."""

    def __init__(self) -> None:
        self._waiting: dict[int, bytes] = {}
        self._ready = asyncio.Event()
        self._end: BaseException | None = None
        self._ended = False

    def put(self, row: int, event: bytes) -> None:
        """Keep an event; an older one of the same row is replaced."""
        self._waiting[row] = event
        self._ready.set()

    def end(self, error: BaseException | None) -> None:
        """Say that nothing follows."""
        self._ended, self._end = True, error
        self._ready.set()

    async def take(self) -> bytes | None:
        """Return the next event, or None at the end. Raises what ended the feed, if an error did."""
        while not self._waiting:
            if self._ended:
                if self._end is not None:
                    raise self._end
                return None
            self._ready.clear()
            await self._ready.wait()
        return self._waiting.pop(next(iter(self._waiting)))


class Feed:
    """One source that several mailboxes follow; it lives as long as somebody listens."""

    def __init__(self, source: Source, read: Read, on_end: Callable[["Feed"], None]) -> None:
        self._source = source
        self._read = read
        self._on_end = on_end
        self._members: set[Mailbox] = set()
        self._last: dict[int, bytes] = {}
        self.started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run())

    @property
    def followers(self) -> int:
        """How many mailboxes follow."""
        return len(self._members)

    def add(self, mailbox: Mailbox) -> None:
        """Let a mailbox follow, beginning with the latest event of each row."""
        for row, event in self._last.items():
            mailbox.put(row, event)
        self._members.add(mailbox)

    def remove(self, mailbox: Mailbox) -> None:
        """Let a mailbox go; the last one ends the feed."""
        self._members.discard(mailbox)
        if not self._members:
            self._on_end(self)
            self._task.cancel()

    async def _run(self) -> None:
        error: BaseException | None = None
        try:
            async for row in self._source():
                event = await self._read(row)
                if event is not None and self._last.get(row) != event:
                    self._last.pop(row, None)
                    self._last[row] = event
                    if len(self._last) > MOST_ROWS:
                        del self._last[next(iter(self._last))]
                    for mailbox in self._members:
                        mailbox.put(row, event)
                if not self.started.done():
                    self.started.set_result(None)
        except Exception as raised:
            error = raised
        finally:
            self._on_end(self)
            self._settle(error)

    def _settle(self, error: BaseException | None) -> None:
        if not self.started.done():
            if error is None:
                self.started.set_result(None)
            else:
                self.started.set_exception(error)
        for mailbox in self._members:
            mailbox.end(error)


class Feeds:
    """The feeds of one process by what their subscribers asked."""

    def __init__(self) -> None:
        self._feeds: dict[Hashable, Feed] = {}

    @property
    def size(self) -> tuple[int, int]:
        """How many feeds there are, and how many mailboxes follow them."""
        return len(self._feeds), sum(feed.followers for feed in self._feeds.values())

    async def join(self, key: Hashable, source: Source, read: Read) -> AsyncIterator[bytes]:
        """Return the events of a feed, starting it if nobody follows it yet. Raises what its first step raises."""
        feed = self._feeds.get(key)
        if feed is None:
            feed = Feed(source, read, lambda ended: self._forget(key, ended))
            self._feeds[key] = feed
        mailbox = Mailbox()
        feed.add(mailbox)
        try:
            await asyncio.shield(feed.started)
        except BaseException:
            feed.remove(mailbox)
            raise
        return self._events(feed, mailbox)

    def _forget(self, key: Hashable, ended: Feed) -> None:
        if self._feeds.get(key) is ended:
            del self._feeds[key]

    async def _events(self, feed: Feed, mailbox: Mailbox) -> AsyncIterator[bytes]:
        try:
            while (event := await mailbox.take()) is not None:
                yield event
        finally:
            feed.remove(mailbox)
