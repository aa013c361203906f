"""What is held open for long is counted, by who holds it: WebSockets, event streams, subscriptions of one process."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from patrongraph.graph.limits import Malformed
from patrongraph.settings import Settings

RETRY_SECONDS = 10
"""When it is worth to ask again for a place, s."""


class Crowd:
    """How many of one thing each holds open, with the limit for each."""

    def __init__(self, what: str, code: str, most: int) -> None:
        self._what = what
        self._code = code
        self._most = most
        self._held: Counter[str] = Counter()

    @contextmanager
    def place(self, who: str) -> Iterator[None]:
        """Hold one more. Raises Malformed 429 when there are as many as may be."""
        if self._held[who] >= self._most:
            number = self._held[who] + 1
            message = f"Too many {self._what}: this would be number {number}, {self._most} are allowed."
            told = {"requested": number, "limit": self._most, "retryAfter": RETRY_SECONDS}
            raise Malformed(429, self._code, message, ((b"retry-after", b"%d" % RETRY_SECONDS),), told)
        self._held[who] += 1
        try:
            yield
        finally:
            self._held[who] -= 1
            if not self._held[who]:
                del self._held[who]


class Crowds:
    """The three that are counted, nothing open yet; an address holds also what nobody has signed in at."""

    def __init__(self, settings: Settings) -> None:
        most = settings.max_address_connections
        self.by_address = Crowd("connections from this address", "TOO_MANY_CONNECTIONS", most)
        self.by_actor = Crowd("connections of yours", "TOO_MANY_CONNECTIONS", settings.max_connections)
        self.subscriptions = Crowd("subscriptions of yours", "TOO_MANY_SUBSCRIPTIONS", settings.max_subscriptions)
