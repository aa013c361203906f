"""A run's data: a generated snapshot, loaded through the same import as any library's."""

import asyncio
import shutil
import sys
import time
from pathlib import Path

from bench.house import House
from bench.meter import PeakMemory, megabytes
from bench.results import Result, judged

MEMORY_TARGET = "<= 200"

LIBRARIES = 5
PATRONS = 200_000
GROUPS = 60_000
ITEMS = 800_000
LOANS = 2_300_000
DEBTS = 400_000
RESERVATIONS = 100_000
BLOCKS = 20_000


def write(folder: Path, scale: float) -> None:
    """Generate the snapshot; the number of libraries stays, the rest is multiplied."""
    from patrongraph.imports import demo

    demo.write_snapshot(
        folder,
        libraries=LIBRARIES,
        patrons=round(PATRONS * scale),
        groups=round(GROUPS * scale),
        items=round(ITEMS * scale),
        loans=round(LOANS * scale),
        debts=round(DEBTS * scale),
        reservations=round(RESERVATIONS * scale),
        barred=round(BLOCKS * scale),
    )


async def _empty(house: House) -> bool:
    connection = await house.connect()
    try:
        return not await connection.fetchval("SELECT EXISTS (SELECT FROM patron)")
    finally:
        await connection.close()


def lines(folder: Path) -> int:
    """Return the number of data rows in a snapshot's files."""
    total = 0
    for path in folder.glob("*.csv"):
        with path.open("rb") as file:
            total += sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b"")) - 1
    return total


def run(house: House) -> list[Result]:
    """Generate and load, unless a kept run did; return how fast and in how much memory the import ran."""
    if not asyncio.run(_empty(house)):
        return []
    folder = house.folder / "snapshot"
    print(f"generating a snapshot, scale {house.scale:g}", file=sys.stderr)
    write(folder, house.scale)
    rows = lines(folder)
    print(f"loading {rows:,} rows", file=sys.stderr)
    begun = time.perf_counter()
    child = house.start("import", "-m", "patrongraph", "import", str(folder))
    with PeakMemory(child.pid) as memory:
        code = child.process.wait()
    seconds = time.perf_counter() - begun
    house.stop(child)
    if code != 0:
        raise SystemExit(f"the import failed:\n{child.log.read_text(errors='replace')[-3000:]}")
    shutil.rmtree(folder)
    return [
        judged("import of the snapshot", "rows/s", rows / seconds, note=f"{rows:,} rows in {seconds:.1f} s"),
        judged("memory: peak of the import", "MB", megabytes(memory.peak), target=MEMORY_TARGET),
    ]
