"""Import: a file of statuses through our job, with checks and report, against COPY, one UPDATE and one INSERT.

The INSERT is that of an audit event for each patron, which our job writes too; the same without it is shown beside it.
"""

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
UPDATE_AND_AUDIT = f"""
WITH changed AS ({UPDATE} RETURNING p.id)
INSERT INTO audit_event (library_id, at, actor_kind, action, subject_kind, subject_id, job_id, detail)
SELECT {{library}}, now(), 'SYSTEM', 'patron.deactivate', 'patron', id, 0, '{{{{}}}}' FROM changed
"""
SIDES = ("ours", "audited", "plain")


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


async def plain(house: House, library: int, names: list[str], status: str, *, audited: bool) -> float:
    """Set the status of these patrons by plain SQL in one transaction, with or without audit; return the seconds."""
    connection = await house.connect()
    try:
        begun = time.perf_counter()
        async with connection.transaction():
            await connection.execute(STAGE)
            await connection.copy_records_to_table("stage", records=[(name, status) for name in names])
            await connection.execute((UPDATE_AND_AUDIT if audited else UPDATE).format(library=library))
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
    """Switch everybody off or on, library by library, in changing order, with fresh tables before each."""
    asyncio.run(_all_active(house))
    named = asyncio.run(_usernames(house))
    seconds, cpu, peak = dict.fromkeys(SIDES, 0.0), dict.fromkeys(SIDES, 0.0), 0
    for turn, (library, names) in enumerate(named.items()):
        for number, side in enumerate((*SIDES[turn % 3 :], *SIDES[: turn % 3])):
            asyncio.run(house.vacuum())
            before = postgres_seconds(house.postmaster) + server_seconds(worker.pid)
            status, enabled = ("ACTIVE", "TRUE") if number % 2 else ("INACTIVE", "FALSE")
            with PeakMemory(worker.pid) as memory:
                seconds[side] += (
                    ours(house, library, names, enabled)
                    if side == "ours"
                    else asyncio.run(plain(house, library, names, status, audited=side == "audited"))
                )
            cpu[side] += postgres_seconds(house.postmaster) + server_seconds(worker.pid) - before
            peak = max(peak, memory.peak)
    asyncio.run(_all_active(house))
    rows = sum(map(len, named.values()))
    note = f"{rows:,} rows each, all of them changes, in {len(named)} files"
    return [
        judged(
            f"import of statuses{title}",
            "rows/s",
            rows / seconds["ours"],
            rows / seconds[side],
            target=target,
            cpu_ours=cpu["ours"],
            cpu_reference=cpu[side],
            note=note,
        )
        for side, title, target in (("audited", "", RATE_TARGET), ("plain", ", reference without audit", None))
    ] + [judged("memory: worker's peak during the import of statuses", "MB", megabytes(peak), target=MEMORY_TARGET)]
