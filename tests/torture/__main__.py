"""`python -m tests.torture`: purges and exports under kills, crashes and an adversary, seed by seed."""

import argparse
import asyncio
import random
import sys
from collections import Counter

from tests.torture.faults import Plan
from tests.torture.run import Outcome, torture

# For 50,000 patrons; a smaller library gets by with fewer.
KILLS, RESTARTS, FLUSHES = 104, 5, 5


def main() -> int:
    """Run the seeds one after the other; exit code 1 when anything was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds")
    parser.add_argument("--first", type=int, default=None, help="the first seed; the others follow it")
    parser.add_argument("--patrons", type=int, default=50_000, help="patrons of the library")
    parser.add_argument("--kills", type=int, default=KILLS, help="SIGKILLs of workers and API per seed")
    parser.add_argument("--restarts", type=int, default=RESTARTS, help="crashes of PostgreSQL per seed")
    parser.add_argument("--flushes", type=int, default=FLUSHES, help="flushes of Valkey per seed")
    parser.add_argument("--every", type=float, default=1.5, help="seconds between two faults on average")
    parser.add_argument("--at-rest", choices=["always"], default="", help="workers also wipe the data files meanwhile")
    chosen = parser.parse_args()
    first = random.randrange(2**31) if chosen.first is None else chosen.first
    plan = Plan(chosen.kills, chosen.restarts, chosen.flushes, chosen.every)
    outcomes = [
        asyncio.run(torture(first + number, chosen.patrons, plan, tell, chosen.at_rest))
        for number in range(chosen.seeds)
    ]
    for outcome in outcomes:
        report(outcome)
    return total(outcomes)


def tell(text: str) -> None:
    """Print at once."""
    print(text, flush=True)


def report(outcome: Outcome) -> None:
    """Print what one seed came to."""
    faults = outcome.faults
    tell(
        f"seed {outcome.seed}: {outcome.patrons:,} patrons, {outcome.erased:,} erased in {outcome.seconds:.0f} s; "
        f"{outcome.sigkills} SIGKILLs ({faults['worker']} workers, {faults['in the middle of a job']} of them "
        f"in the middle of a job, {faults['api']} API), "
        f"{faults['postgres']} PostgreSQL crashes, {faults['flush']} flushes and {faults['valkey']} kills of Valkey"
    )
    tell(f"  jobs: {', '.join(outcome.jobs)}")
    tell(f"  followers: {outcome.events} events over {outcome.connections} connections")
    tell("  desk: " + ", ".join(f"{text} {n}" for text, n in sorted(outcome.said.items())))
    for complaint in outcome.complaints:
        tell(f"  WRONG {complaint}")
    for broken in outcome.broken:
        tell(f"  BROKEN {broken}")
    tell(f"  {'every invariant held' if outcome.held else 'NOT HELD'}")


def total(outcomes: list[Outcome]) -> int:
    """Print the sums; return the exit code."""
    faults: Counter[str] = sum((outcome.faults for outcome in outcomes), Counter())
    broken = sum(len(outcome.broken) + len(outcome.complaints) for outcome in outcomes)
    tell(
        f"total: {len(outcomes)} seeds, {sum(o.seconds for o in outcomes) / 60:.1f} min, "
        f"{faults['worker'] + faults['api']} SIGKILLs, {faults['postgres']} PostgreSQL crashes, "
        f"{faults['flush']} flushes, {broken} broken invariants"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
