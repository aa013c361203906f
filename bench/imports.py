"""Import: a file of statuses through our job, with checks, report and audit, against COPY and one UPDATE."""

import asyncio
import io
import time

from bench import product
from bench.house import Child, House
from bench.meter import PeakMemory, megabytes, postgres_seconds, server_seconds
from bench.results import Result, judged

RATE_TARGET = ">= 0.66"
MEMORY_TARGET = "<= 200"

# Patrons of each library who can be named in a file and are not on their way out.
USERNAMES = """
SELECT library_id, array_agg(username ORDER BY hashint8(id)) AS usernames FROM patron
WHERE username IS NOT NULL AND status <> 'PENDING_PURGE' GROUP BY library_id ORDER BY library_id
"""
STAGE = "CREATE TEMP TABLE stage (username text, status text) ON COMMIT DROP"
UPDATE = """
UPDATE patron p SET status = stage.status, status_changed_at = now(), updated_at = now(), version = version + 1
FROM stage WHERE p.library_id = {library} AND lower(p.username) = lower(stage.username)
"""


async def _usernames(house: House) -> dict[int, list[str]]:
    connection = await house.connect()
    try:
        return {row["library_id"]: row["usernames"] for row in await connection.fetch(USERNAMES)}
    finally:
        await connection.close()


async def _all_active(house: House) -> None:
    connection = await house.connect()
    try:
        await connection.execute("UPDATE patron SET status = 'ACTIVE' WHERE status = 'INACTIVE'")
    finally:
        await connection.close()


async def plain(house: House, library: int, names: list[str], status: str) -> float:
    """Set the status of these patrons by plain SQL in one transaction; return the seconds."""
    connection = await house.connect()
    try:
        begun = time.perf_counter()
        async with connection.transaction():
            await connection.execute(STAGE)
            await connection.copy_records_to_table("stage", records=[(name, status) for name in names])
            await connection.execute(UPDATE.format(library=library))
        return time.perf_counter() - begun
    finally:
        await connection.close()


def ours(house: House, library: int, names: list[str], enabled: str) -> float:
    """Import the same as a file; return the seconds from the file to the finished job."""
    file = ("username,enabled\n" + "".join(f"{name},{enabled}\n" for name in names)).encode()

    async def run() -> product.Finished:
        return await product.import_statuses(library, io.BytesIO(file), len(names))

    return product.with_pools(house.settings, run).seconds


def run(house: House, worker: Child) -> list[Result]:
    """Deactivate and reactivate everybody, library by library, with fresh tables before each."""
    asyncio.run(_all_active(house))
    named = asyncio.run(_usernames(house))
    seconds = {"ours": 0.0, "plain": 0.0}
    cpu = {"ours": 0.0, "plain": 0.0}
    peak = 0
    for turn, (library, names) in enumerate(named.items()):
        for number, side in enumerate(("ours", "plain") if turn % 2 == 0 else ("plain", "ours")):
            asyncio.run(house.vacuum())
            before = postgres_seconds(house.postmaster) + server_seconds(worker.pid)
            status, enabled = ("INACTIVE", "FALSE") if number == 0 else ("ACTIVE", "TRUE")
            with PeakMemory(worker.pid) as memory:
                seconds[side] += (
                    ours(house, library, names, enabled)
                    if side == "ours"
                    else asyncio.run(plain(house, library, names, status))
                )
            cpu[side] += postgres_seconds(house.postmaster) + server_seconds(worker.pid) - before
            peak = max(peak, memory.peak)
    rows = sum(map(len, named.values()))
    return [
        judged(
            "import of statuses",
            "rows/s",
            rows / seconds["ours"],
            rows / seconds["plain"],
            target=RATE_TARGET,
            cpu_ours=cpu["ours"],
            cpu_reference=cpu["plain"],
            note=f"{rows:,} rows each, all of them changes, in {len(named)} files",
        ),
        judged("memory: worker's peak during the import of statuses", "MB", megabytes(peak), target=MEMORY_TARGET),
    ]
