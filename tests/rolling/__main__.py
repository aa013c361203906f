"""`python -m tests.rolling`: restart two APIs and two workers while a purge runs, and check what is left."""

import argparse
import asyncio
import sys

from tests.rolling.run import Outcome, rolling


def tell(text: str) -> None:
    """Print at once."""
    print(text, flush=True)


def report(outcome: Outcome) -> None:
    """Print what a run came to."""
    truth, restarts = outcome.truth, sum(outcome.restarts.values())
    tell(
        f"{outcome.patrons:,} patrons, {restarts} restarts ({outcome.restarts}) in {outcome.seconds:.0f} s: the purge "
        f"ended {truth['state']} with {truth['done']:,} done, {truth['skipped']:,} skipped, {truth['failed']} failed; "
        f"{outcome.erased:,} tombstones"
    )
    tell(
        f"  subscribers: {outcome.events} events over {outcome.connections} connections; "
        f"askers: {outcome.answers} answers, {outcome.away} times no answer"
    )
    for complaint in outcome.complaints:
        tell(f"  WRONG {complaint}")
    for broken in outcome.broken:
        tell(f"  BROKEN {broken}")
    tell(f"  {'nothing was lost, nobody saw a wrong state' if outcome.held else 'NOT HELD'}")


def main() -> int:
    """Run once; exit code 1 when anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.rolling", description=__doc__)
    parser.add_argument("--patrons", type=int, default=50_000, help="patrons of the library")
    parser.add_argument("--rounds", type=int, default=2, help="how often every process is restarted")
    chosen = parser.parse_args()
    outcome = asyncio.run(rolling(chosen.patrons, chosen.rounds, tell))
    report(outcome)
    return 0 if outcome.held else 1


if __name__ == "__main__":
    sys.exit(main())
