"""Erasure at rest: every table of patrons rewritten, and how long the longest of them keeps the library waiting."""

import asyncio
import time

from bench import product
from bench.house import House
from bench.results import Result, judged

from patrongraph.erasure import at_rest

TARGET = "<= 2.5"

# Something to do: one erased patron, who never was.
STONE = """
INSERT INTO tombstone (library_id, patron_id) SELECT library_id, max(id) + 1 FROM patron GROUP BY library_id LIMIT 1
ON CONFLICT DO NOTHING
"""

SIZES = """
SELECT (SELECT count(*) FROM patron) AS patrons, (SELECT count(*) FROM loan) AS loans,
       (SELECT sum(pg_total_relation_size(name::regclass)) FROM unnest($1::text[]) AS name)::float8 / 1e6 AS megabytes
"""


async def _plain(house: House) -> float:
    """Rewrite the same tables by nothing but VACUUM FULL; return the seconds."""
    connection = await house.connect()
    try:
        begun = time.perf_counter()
        for table in at_rest.TABLES:
            await connection.execute(f"VACUUM (FULL) {table}")
        return time.perf_counter() - begun
    finally:
        await connection.close()


async def _prepare(house: House) -> tuple[int, int, float]:
    connection = await house.connect()
    try:
        await connection.execute(STONE)
        found = await connection.fetchrow(SIZES, list(at_rest.TABLES))
        assert found is not None
        return found["patrons"], found["loans"], found["megabytes"]
    finally:
        await connection.close()


def run(house: House) -> list[Result]:
    """Wipe once by plain SQL and once by the product, whose steps are timed by what it tells."""
    patrons, loans, megabytes = asyncio.run(_prepare(house))
    plain = asyncio.run(_plain(house))
    steps: list[tuple[str, float]] = []
    wiped = product.with_pools(
        house.settings, lambda: at_rest.wipe(lambda table: steps.append((table, time.perf_counter())))
    )
    ends = [moment for _, moment in steps[1:]]
    lengths = {table: end - begun for (table, begun), end in zip(steps, ends, strict=False)}
    longest = max(lengths, key=lambda table: lengths[table])
    note = f"{patrons:,} patrons, {loans:,} loans, {megabytes:,.0f} MB; reference: VACUUM FULL alone"
    return [
        judged("at rest: all tables rewritten", "s", wiped.seconds, plain, target=TARGET, note=note),
        judged("at rest: longest lock on one table", "s", lengths[longest], note=f"{longest}, with its ANALYZE"),
    ]
