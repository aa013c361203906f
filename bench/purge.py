"""Purge: our pipeline with its job, progress, proof and audit against the same erasure as plain SQL."""

import asyncio
import time

from bench import plain_sql, product
from bench.house import Child, House
from bench.meter import PeakMemory, megabytes, postgres_seconds, server_seconds
from bench.results import Result, judged

RATE_TARGET = ">= 0.85"
MEMORY_TARGET = "<= 200"


async def prepare(house: House) -> list[tuple[int, int]]:
    """Choose and clear the two halves; return each library with the number of patrons of a half."""
    connection = await house.connect()
    try:
        await connection.execute("DROP SCHEMA IF EXISTS bench CASCADE")
        async with connection.transaction():
            await connection.execute(plain_sql.HALVES)
            for statement in plain_sql.CLEARED:
                await connection.execute(statement)
        return [(row[0], row[1]) for row in await connection.fetch(plain_sql.SIDES)]
    finally:
        await connection.close()


async def plain(house: House, library: int) -> float:
    """Erase one library's half by plain SQL in one transaction; return the seconds."""
    connection = await house.connect()
    try:
        begun = time.perf_counter()
        async with connection.transaction():
            for statement in plain_sql.ERASE:
                await connection.execute(statement.format(library=library))
        return time.perf_counter() - begun
    finally:
        await connection.close()


async def _loans(house: House, side: str) -> int:
    connection = await house.connect()
    try:
        counted: int = await connection.fetchval(plain_sql.LOANS, side)
        return counted
    finally:
        await connection.close()


def ours(house: House, library: int, count: int) -> float:
    """Purge one library's half through the pipeline; return the seconds from request to finished job."""
    work = product.purge(library, "BENCH OURS", count)

    async def run() -> product.Finished:
        return await work

    return product.with_pools(house.settings, run).seconds


def run(house: House, worker: Child) -> list[Result]:
    """Purge both halves library by library, the order of the two changing, with fresh tables before each."""
    halves = asyncio.run(prepare(house))
    loans = {side: asyncio.run(_loans(house, side)) for side in ("ours", "plain")}
    seconds = {"ours": 0.0, "plain": 0.0}
    cpu = {"ours": 0.0, "plain": 0.0}
    peak = 0
    for turn, (library, count) in enumerate(halves):
        for side in ("ours", "plain") if turn % 2 == 0 else ("plain", "ours"):
            asyncio.run(house.vacuum())
            before = postgres_seconds(house.postmaster) + server_seconds(worker.pid)
            with PeakMemory(worker.pid) as memory:
                seconds[side] += ours(house, library, count) if side == "ours" else asyncio.run(plain(house, library))
            cpu[side] += postgres_seconds(house.postmaster) + server_seconds(worker.pid) - before
            peak = max(peak, memory.peak)
    patrons = sum(count for _, count in halves)
    note = f"{patrons:,} patrons each, with {loans['ours']:,} / {loans['plain']:,} loans, in {len(halves)} jobs"
    return [
        judged(
            "purge of deactivated patrons",
            "patrons/s",
            patrons / seconds["ours"],
            patrons / seconds["plain"],
            target=RATE_TARGET,
            cpu_ours=cpu["ours"],
            cpu_reference=cpu["plain"],
            note=note,
        ),
        judged("memory: worker's peak during the purge", "MB", megabytes(peak), target=MEMORY_TARGET),
    ]
