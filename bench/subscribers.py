"""`python -m bench.subscribers`: many follow one purge on one API process, and others never read what they asked for.

Lag is the time from the moment at which a worker told Valkey that a chunk is committed, by Valkey's clock on the same
machine, to the moment at which a subscriber had that version or a later one. An event that a slow subscriber never
got because a newer one replaced it counts with the newer one's time.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from bench import loading, product, purge, results
from bench.house import ROOT, Child, House, house
from bench.meter import PeakMemory, megabytes, resident, server_seconds
from bench.results import Result, judged
from redis import Redis

from patrongraph.context import system_actor
from patrongraph.erasure import actions as erasure
from patrongraph.jobs.progress import stream_name
from patrongraph.patrons.filters import PatronCriteria
from patrongraph.permissions import Permission
from patrongraph.staff.actions import create_token

LAG_TARGET = "<= 1"
SILENT_TARGET = "<= 50"

FIELDS = ("done", "skipped", "failed", "cancelled", "total", "ratePerSecond", "etaSeconds", "startedAt", "finishedAt")
SMALL = "subscription($id: ID!) {{ jobProgress(id: $id) {{ id state version {more} }} }}"
# What costs much to hold for somebody who does not read it: the purge with three times two hundred of its patrons.
ITEMS = "items(first: 200) { edges { cursor node { id patronId state codes reason finishedAt } } }"
LARGE = f"subscription($id: ID!) {{ jobProgress(id: $id) {{ id version a: {ITEMS} b: {ITEMS} c: {ITEMS} }} }}"
SILENT_OPERATIONS = 4
LARGEST_WORDS = "600 patrons an event"
OURS = "BENCH OURS"
JOB = "SELECT state, version, (SELECT count(*) FROM job_item WHERE job_id = $1) AS items FROM job WHERE id = $1"


@dataclass(frozen=True, slots=True)
class Crowd:
    """A process of subscribers."""

    process: "subprocess.Popen[str]"

    def ready(self) -> None:
        line = self.process.stdout.readline() if self.process.stdout else ""
        if line.strip() != "ready":
            raise SystemExit("the subscribers did not get ready; what they wrote is above")

    def answer(self) -> dict[str, Any]:
        """Return what it saw; whoever is silent is told to end."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        self.process.wait(30)
        return found


@contextmanager
def crowd(
    opened: House, api: Child, job: int, tokens: list[str], documents: list[str], silent: bool
) -> Iterator[Crowd]:
    """Start a process of subscribers; it is ended with the block."""
    plan = {
        "host": "127.0.0.1", "port": api.port, "tokens": tokens, "job": f"job_{job}", "documents": documents,
        "operations": SILENT_OPERATIONS if silent else 1, "silent": silent,
    }  # fmt: skip
    file = opened.folder / f"follow-{int(silent)}.json"
    file.write_text(json.dumps(plan))
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.follow", str(file)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        yield Crowd(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def documents(count: int) -> list[str]:
    """Return so many different documents: those who asked the same share one reading, so not all ask the same."""
    return [SMALL.format(more=" ".join(FIELDS[: 1 + number % len(FIELDS)])) for number in range(count)]


async def make_tokens(library: int, count: int) -> list[str]:
    """Return so many tokens, so that every subscriber is somebody else."""
    made = []
    for number in range(count):
        made.append((await create_token(system_actor(library), f"follow-{number}", (Permission.PATRONS_VIEW,)))[1])
    return made


async def start_purge(library: int, category: str, count: int) -> int:
    """Ask for a purge, which no worker takes up yet."""
    actor, chosen = system_actor(library), PatronCriteria(category=category)
    shown = await erasure.start(actor, criteria=chosen, dry_run=True)
    assert isinstance(shown, erasure.PurgePreview)
    assert shown.confirmation is not None
    started = await erasure.start(
        actor, criteria=chosen, confirm_count=count, confirmation_token=shown.confirmation.token
    )
    assert isinstance(started, erasure.PurgeStarted)
    return started.job_id


def told(opened: House, job: int) -> list[tuple[int, float]]:
    """Return each version of the job that Valkey's stream holds, and when it was told, s since 1970."""
    client = Redis.from_url(opened.settings.redis_url)
    found = []
    for entry, fields in client.xrange(stream_name(opened.settings)):  # type: ignore[misc]
        if int(fields[b"job"]) == job:
            found.append((int(fields[b"version"]), int(entry.split(b"-")[0]) / 1000))
    client.close()
    return sorted(found)


def lags(versions: list[tuple[int, float]], events: list[list[list[float]]]) -> list[float]:
    """Return for each subscriber and each version how long it took until that one or a later one was there, s."""
    found = []
    for seen in events:
        numbers = [int(version) for version, _ in seen]
        for version, at in versions:
            place = bisect_left(numbers, version)
            found.append(max(0.0, seen[place][1] - at) if place < len(seen) else float("inf"))
    return sorted(found)


async def fetch(opened: House, sql: str, *arguments: object) -> "list[asyncpg.Record]":
    connection = await opened.connect()
    try:
        return await connection.fetch(sql, *arguments)
    finally:
        await connection.close()


def follow(opened: House, given: argparse.Namespace) -> list[Result]:
    """Let both crowds follow one purge; return lag and memory."""
    api = opened.start_api()
    library, count = max(asyncio.run(purge.prepare(opened)), key=lambda half: half[1])

    async def prepare() -> tuple[list[str], int]:
        tokens = await make_tokens(library, given.subscribers + given.silent)
        return tokens, await start_purge(library, OURS, count)

    tokens, job = product.with_pools(opened.settings, prepare)
    active, silent = tokens[: given.subscribers], tokens[given.subscribers :]
    before = resident(api.pid)
    with (
        crowd(opened, api, job, active, documents(given.documents), silent=False) as readers,
        PeakMemory(api.pid) as memory,
    ):
        readers.ready()
        with_readers = resident(api.pid)
        with crowd(opened, api, job, silent, [LARGE], silent=True) as sleepers:
            sleepers.ready()
            begun, busy, load = time.time(), server_seconds(api.pid), os.getloadavg()[0]
            worker = opened.start_worker(PATRONGRAPH_CHUNK_LOANS=str(given.chunk_loans))
            seen = readers.answer()
            seconds, busy = time.time() - begun, server_seconds(api.pid) - busy
            slept = sleepers.answer()
        opened.stop(worker)
    ended = asyncio.run(fetch(opened, JOB, job))[0]
    versions = [(version, at) for version, at in told(opened, job) if at >= begun]
    opened.stop(api)
    if seen["failed"] or slept["failed"]:
        raise SystemExit(f"{seen['failed']} subscribers failed: {seen['first_failure']} {slept['first_failure']}")
    wrong = [events[-1][0] for events in seen["events"] if events[-1][0] != ended["version"]]
    if wrong:
        raise SystemExit(f"{len(wrong)} subscribers did not end on version {ended['version']}: {wrong[:5]}")
    found = lags(versions, seen["events"])
    words = f"the API used {busy:.1f} s of a processor meanwhile, with a load average of {load:.0f} at the start"
    return report(given, ended, seconds, versions, found, seen, (before, with_readers, memory.peak), words)


def report(
    given: argparse.Namespace, ended: Any, seconds: float, versions: list[tuple[int, float]], found: list[float],
    seen: dict[str, Any], memory: tuple[int, int, int], busy: str,
) -> list[Result]:  # fmt: skip
    """Return the figures."""
    before, with_readers, peak = memory
    received = sum(map(len, seen["events"]))

    def quantile(share: float) -> float:
        return found[min(len(found) - 1, int(len(found) * share))]

    note = (
        f"{given.subscribers} subscribers by {given.documents} documents on one API process; a purge of "
        f"{ended['items']:,} patrons in {len(versions)} versions took {seconds:.1f} s; {received:,} events came in; "
        f"the subscribers' process used {seen['client_cpu']:.1f} s of a processor; all ended on {ended['state']}; "
        f"{busy}"
    )
    return [
        judged("subscribers: lag p50", "s", quantile(0.5)),
        judged("subscribers: lag p95", "s", quantile(0.95), target=LAG_TARGET, note=note),
        judged("subscribers: lag p99", "s", quantile(0.99)),
        judged("subscribers: lag, the longest", "s", found[-1]),
        judged("subscribers: memory of one, connected", "kB", (with_readers - before) / 1024 / given.subscribers),
        judged(
            f"silent: {given.silent} that never read, and the purge", "MB", megabytes(peak - with_readers),
            target=SILENT_TARGET, note=f"the most that the API held during the purge ({megabytes(peak):.0f} MB) less "
            f"what it held with {given.subscribers} readers and none of the silent ones; each of these asked for "
            f"{SILENT_OPERATIONS} subscriptions of {LARGEST_WORDS}, and takes 4 kB at a time",
        ),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.subscribers", description=__doc__)
    parser.add_argument("--subscribers", type=int, default=1000, help="those who read (default 1000)")
    parser.add_argument("--silent", type=int, default=100, help="those who never read (default 100)")
    parser.add_argument("--documents", type=int, default=9, help="different documents among the readers (default 9)")
    parser.add_argument("--chunk-loans", type=int, default=500, help="loans of one chunk; fewer make more events")
    parser.add_argument("--scale", type=float, default=float(os.environ.get("SCALE", "0.1")))
    parser.add_argument("--data-dir", type=Path, default=Path(tempfile.gettempdir()) / "patrongraph-bench-subscribers")
    parser.add_argument("--output", type=Path, default=ROOT / "bench" / "subscribers.json")
    given = parser.parse_args()
    with house(given.data_dir, given.scale, keep=False, reuse=False) as opened:
        loading.run(opened)
        asyncio.run(opened.vacuum())
        found = follow(opened, given)
        version = asyncio.run(fetch(opened, "SHOW server_version"))[0][0]
        machine = results.machine_line(version, given.scale)
        results.write(given.output, machine, found)
    results.show(machine, found)


if __name__ == "__main__":
    main()
