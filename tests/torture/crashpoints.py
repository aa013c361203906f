"""`python -m tests.torture.crashpoints`: a kill before and after every statement of a purge and of both exports.

Each point has a database of its own. A worker dies there by SIGKILL, a second finishes the job, and the checker looks.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.torture.crashes import NOWHERE, Crashes, Swept

from patrongraph.embedded import Servers

STORIES = ("purge", "export of one patron", "export of many")


async def crash_everywhere(servers: Servers, folder: Path, chance: random.Random | None, sample: int) -> list[Swept]:
    """Sweep every story; with `chance` only `sample` points of each, chosen by it."""
    crashes = Crashes(servers, folder)
    found = []
    for name in STORIES:
        story = await crashes.tell(name)
        broken = await crashes.count(story)
        points = None
        if chance is not None:
            points = sorted(
                chance.sample(story.points, min(sample, len(story.points))), key=lambda p: (p.number, p.after)
            )
        swept = await crashes.sweep(story, points)
        swept.broken += [(NOWHERE, each) for each in broken]
        found.append(swept)
    return found


def main() -> int:
    """Sweep all points, or a sample; exit code 1 when anything was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.crashpoints", description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help="only so many points of each job, by chance")
    parser.add_argument("--seed", type=int, default=None, help="the chance's seed")
    chosen = parser.parse_args()
    seed = random.randrange(2**31) if chosen.seed is None else chosen.seed
    chance = random.Random(seed) if chosen.sample else None
    begun = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="patrongraph-crash-") as name,
        Servers(Path(name), durable=False) as servers,
    ):
        found = asyncio.run(crash_everywhere(servers, Path(name), chance, chosen.sample))
    for swept in found:
        print(f"{swept.story.name}: {swept.story.statements} statements, killed at {swept.points} points")
        for point, broken in swept.broken:
            print(f"  {point}: BROKEN {broken}")
    wrong = sum(len(swept.broken) for swept in found)
    points = sum(swept.points for swept in found)
    how = f" (a sample, seed {seed})" if chance else ""
    print(f"total: {points} crash points{how}, {wrong} broken invariants, {time.monotonic() - begun:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
