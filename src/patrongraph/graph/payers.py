"""Who pays and counts as one, an actor or an address while nobody is signed in; and what is left to them."""

import math
from dataclasses import dataclass
from functools import lru_cache

from patrongraph.addresses import digest, network
from patrongraph.context import Actor

WINDOW_SECONDS = 60
_ADDRESS = "from "


def payer(actor: Actor, address: str) -> str:
    """Return whose points an operation costs, and whose places it takes."""
    return actor.key if actor.signed_in else f"{_ADDRESS}{network(address)}"


def is_address(who: str) -> bool:
    """Return whether a payer is an address."""
    return who.startswith(_ADDRESS)


def shared_key(who: str) -> str:
    """Return the name under which all processes count a payer."""
    return f"{_ADDRESS}{digest(who.removeprefix(_ADDRESS))}" if is_address(who) else who


@dataclass(slots=True)
class Balance:
    """What is left of a bucket of `size` points; `wait`: s until there is enough, 0 when there is."""

    size: int
    left: float
    wait: int = 0

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """What a client may know, as draft-ietf-httpapi-ratelimit-headers-11 has it."""
        left, seconds = max(0, math.floor(self.left)), self.wait or WINDOW_SECONDS
        found = [_policy(self.size), (b"ratelimit", b'"points";r=%d;t=%d' % (left, seconds))]
        return [*found, (b"retry-after", b"%d" % self.wait)] if self.wait else found


@lru_cache(maxsize=8)
def _policy(size: int) -> tuple[bytes, bytes]:
    return b"ratelimit-policy", b'"points";q=%d;w=%d;patrongraph-unit="points"' % (size, WINDOW_SECONDS)
