"""`python -m bench`: generate, load, measure, print and write bench/results.json; SCALE=0.05 for a quick look."""

import argparse
import asyncio
import os
import signal
import tempfile
from pathlib import Path
from types import FrameType

from bench import at_rest, exports, imports, loading, product, purge, reads, reports, results
from bench.house import ROOT, Child, House, house
from bench.meter import megabytes, resident
from bench.results import Result, judged

PARTS = ("reads", "statistics", "export", "memory", "import", "purge", "at-rest")
IDLE_TARGET = "<= 150"

LIBRARIES = """
SELECT library_id, count(*) AS patrons FROM patron GROUP BY library_id ORDER BY patrons DESC, library_id LIMIT 1
"""


def arguments() -> argparse.Namespace:
    """Read the command line; SCALE in the environment multiplies the totals."""
    scale = float(os.environ.get("SCALE", "1"))
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--scale", type=float, default=scale, help="share of the full size (default: SCALE, or 1)")
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts with commas: {','.join(PARTS)}")
    parser.add_argument("--seconds", type=float, help="length of one read round (default 4; 1.5 below scale 0.5)")
    parser.add_argument("--rounds", type=int, help="rounds of each read workload (default 5; 3 below scale 0.5)")
    parser.add_argument("--data-dir", type=Path, default=Path(tempfile.gettempdir()) / "patrongraph-bench")
    parser.add_argument("--keep", action="store_true", help="leave the data directory")
    parser.add_argument("--reuse", action="store_true", help="use what a kept run left, and keep it again")
    parser.add_argument("--output", type=Path, default=ROOT / "bench" / "results.json")
    given = parser.parse_args()
    given.only = [part.strip() for part in given.only.split(",")]
    unknown = set(given.only) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    if not 0.001 <= given.scale <= 10:
        parser.error("SCALE is a number from 0.001 to 10")
    small = given.scale < 0.5
    given.seconds = given.seconds or (1.5 if small else 4.0)
    given.rounds = given.rounds or (3 if small else 5)
    return given


async def _look(opened: House) -> tuple[str, int]:
    connection = await opened.connect()
    try:
        version: str = await connection.fetchval("SHOW server_version")
        largest = await connection.fetchrow(LIBRARIES)
        if largest is None:
            raise SystemExit("there are no patrons to measure with")
        return version, largest["library_id"]
    finally:
        await connection.close()


def idle_memory(api: Child, when: str) -> Result:
    """Return what the API holds while nothing is asked of it."""
    return judged(f"memory: API idle, {when}", "MB", megabytes(resident(api.pid)), target=IDLE_TARGET)


def measure(opened: House, given: argparse.Namespace, library: int) -> list[Result]:
    """Run the chosen parts; the purge last, because it takes half of the patrons away."""
    found: list[Result] = []
    if {"reads", "statistics", "memory"} & set(given.only):
        asyncio.run(opened.vacuum())
        api = opened.start_api()
        token = product.with_pools(opened.settings, lambda: product.make_token(library))
        if "memory" in given.only:
            found.append(idle_memory(api, "just started"))
        if "reads" in given.only:
            found += reads.run(opened, api, library, token, seconds=given.seconds, rounds=given.rounds)
        if "statistics" in given.only:
            found += reports.run(opened, api, library, token, rounds=given.rounds)
        if {"reads", "memory"} <= set(given.only):
            found.append(idle_memory(api, "after the read workloads"))
        opened.stop(api)
    if {"export", "import", "purge"} & set(given.only):
        worker = opened.start_worker()
        if "export" in given.only:
            found += exports.run(opened, worker, library, rounds=3)
        if "import" in given.only:
            found += imports.run(opened, worker)
        if "purge" in given.only:
            found += purge.run(opened, worker)
        opened.stop(worker)
    if "at-rest" in given.only:
        found += at_rest.run(opened)
    return found


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def main() -> None:
    given = arguments()
    signal.signal(signal.SIGTERM, _end)  # so that what was started is ended too
    with house(given.data_dir, given.scale, keep=given.keep, reuse=given.reuse) as opened:
        found = loading.run(opened)
        version, library = asyncio.run(_look(opened))
        found += measure(opened, given, library)
        machine = results.machine_line(version, given.scale)
        results.write(given.output, machine, found)
    results.show(machine, found)


if __name__ == "__main__":
    main()
