"""Events a second that are sealed and verified: `.venv/bin/python -m bench.audit_chain --events 1000000`.

On servers of its own, with one library; apart from `python -m bench` because nothing of a request waits for it.
"""

import argparse
import asyncio
import resource
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from patrongraph import db, migrate
from patrongraph.audit import chain, queries
from patrongraph.audit.sealing import Sealer, seal_all
from patrongraph.audit.verify import follow
from patrongraph.embedded import Servers
from patrongraph.settings import Settings, use_settings

LIBRARY = "INSERT INTO library (code, name) VALUES ('BENCH', 'Bench') RETURNING id"

EVENTS = """
INSERT INTO audit_event (library_id, actor_kind, actor_id, action, subject_kind, subject_id, job_id, detail)
SELECT $1, 'STAFF', 7, 'patron.block', 'patron', n, 3, '{"block": 7, "expires": false, "message": true}'
FROM generate_series(1, $2::int) AS n
"""

BYTES = "SELECT pg_total_relation_size('audit_event') AS events, pg_total_relation_size('audit_seal') AS seals"


async def timed(what: str, work: Awaitable[Any], count: int) -> Any:
    begin = time.perf_counter()
    done = await work
    seconds = time.perf_counter() - begin
    print(f"{what:42} {seconds:8.2f} s {count / seconds:12,.0f} events/s", flush=True)
    return done


async def fill(library: int, events: int) -> None:
    async with db.transaction() as connection:
        await connection.execute(EVENTS, library, events)


async def measure(settings: Settings, events: int) -> None:
    await migrate.apply(settings.database_url)
    await db.open_pools(settings)
    try:
        library = await db.value(LIBRARY)
        await timed("events inserted by one statement", fill(library, events), events)
        await timed("first seal of all", seal_all(), events)
        sealer = Sealer()
        await timed("a round with nothing to do, whole trail", sealer.seal(), events)
        await sealer.seal()
        await timed("a round with nothing to do, remembered", sealer.seal(), events)
        [found] = await queries.chains()
        report = await timed("verify", follow(found, chain.keyring(settings)), events)
        assert (report.well, report.sealed) == (True, events), report.findings
        size = await db.row(BYTES)
        assert size is not None
        print(f"bytes an event: {size['events'] / events:.0f}, bytes a seal: {size['seals'] / events:.0f}")
        print(f"largest memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    finally:
        await db.close_pools()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    events = parser.parse_args().events
    with tempfile.TemporaryDirectory(prefix="patrongraph-audit-") as directory, Servers(Path(directory)) as servers:
        settings = Settings(
            database_url=servers.addresses.database_url,
            redis_url=servers.addresses.redis_url,
            secret_key=SecretStr("a secret of the measurement, long enough"),
            data_dir=Path(directory),
        )
        use_settings(settings)
        asyncio.run(measure(settings, events))


if __name__ == "__main__":
    main()
