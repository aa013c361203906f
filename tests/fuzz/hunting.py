"""How long to look for what breaks, from which seed, and how to look again where something was found.

`make test` draws the same few examples each time. `make fuzz SECONDS=600` draws new ones until the time is up, and
FUZZ_SEED=… repeats a round that failed.
"""

import itertools
import os
import random
import time
from collections.abc import Callable
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

SECONDS = float(os.environ.get("FUZZ_SECONDS") or 0)
"""Time for one target, s; 0 for the fixed examples only."""
SEED = os.environ.get("FUZZ_SEED")
_FIRST = int(SEED) if SEED else random.SystemRandom().randrange(2**32) if SECONDS else 0
_SETTINGS = settings(
    deadline=None, database=None, phases=(Phase.generate, Phase.shrink), suppress_health_check=list(HealthCheck)
)
Drawn = TypeVar("Drawn")


def hunt(what: str, strategy: SearchStrategy[Drawn], check: Callable[[Drawn], object], examples: int) -> None:
    """Check drawn examples: one round of them, or rounds with new seeds until the time is up."""
    end = time.monotonic() + SECONDS
    count = 0

    def counted(example: Drawn) -> None:
        nonlocal count
        count += 1
        try:
            check(example)
        except Exception as error:
            error.add_note(f"{what}: {example!r:.2000}")
            raise

    for number in itertools.count(_FIRST):
        one_round = seed(number)(settings(_SETTINGS, max_examples=examples)(given(strategy)(counted)))
        try:
            one_round()
        except BaseException as error:
            error.add_note(f"{what}: seed {number}; FUZZ_SEED={number} repeats it.")
            raise
        if SEED or time.monotonic() >= end:
            break
    print(f"\n{what}: {count} examples from seed {_FIRST}")
