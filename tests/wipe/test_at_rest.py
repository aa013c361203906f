"""`patrongraph erase-at-rest` and the worker that does the same: never before it is true, and never for nothing."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import asyncpg
import orjson
import pytest
from pydantic import ValidationError
from tests.conftest import RunCli
from tests.town import Town

from patrongraph import db
from patrongraph.erasure import at_rest
from patrongraph.erasure.chunk import erase
from patrongraph.settings import Settings, get_settings, use_settings
from patrongraph.workers.housekeeping import wipe_files

STATES = "SELECT state, count(*) AS n, count(at_rest_at) AS dated FROM tombstone GROUP BY state ORDER BY state"
EVENTS = "SELECT library_id, detail FROM audit_event WHERE action = 'erasure.at_rest' ORDER BY library_id"
WRITERS = "SELECT count(DISTINCT xmin::text) FROM loan_statistic"


async def erased(town: Town, *groups: int) -> list[int]:
    """Erase as many patrons in each of so many transactions; return all ids."""
    everybody = await town.patrons(sum(groups), loans=4)
    left = list(everybody)
    for size in groups:
        async with db.transaction():
            await erase(town.id, left[:size], retain=True)
        left = left[size:]
    return everybody


async def states() -> list[tuple[str, int, int]]:
    return [tuple(row.values()) for row in await db.rows(STATES)]


@asynccontextmanager
async def session(settings: Settings) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(settings.database_url)
    try:
        yield connection
    finally:
        await connection.close()


async def test_the_command_wipes_certifies_and_has_nothing_left_to_do(
    town: Town, other_town: Town, run_cli: RunCli
) -> None:
    await erased(town, 2, 1)
    await erased(other_town, 1)
    done = await asyncio.to_thread(run_cli, "erase-at-rest", "--json")
    assert done.returncode == 0, done.stderr
    told = orjson.loads(done.stdout)
    assert (told["done"], told["patrons"], told["rewrites"]) == (True, 4, len(at_rest.TABLES) + 4)
    assert "Rewriting patron …" in done.stderr
    assert await states() == [("AT_REST_ERASED", 4, 4)]
    events = await db.rows(EVENTS)
    assert [(row["library_id"], orjson.loads(row["detail"])["patrons"]) for row in events] == [
        (town.id, 3), (other_town.id, 1),
    ]  # fmt: skip
    again = await asyncio.to_thread(run_cli, "erase-at-rest")
    assert (again.returncode, again.stdout) == (0, "Nobody waits for it: every erased patron is erased at rest.\n")


async def test_nothing_is_claimed_while_somebody_still_sees_the_rows(town: Town, settings: Settings) -> None:
    gone = await town.patrons(3)
    async with session(settings) as looking:
        snapshot = looking.transaction(isolation="repeatable_read")
        await snapshot.start()
        assert await looking.fetchval("SELECT count(*) FROM patron") == 3
        async with db.transaction():
            await erase(town.id, gone, retain=False)
        with pytest.raises(at_rest.NotNow, match="still needs deleted rows") as put_off:
            await at_rest.wipe(patience_seconds=0.3)
        assert put_off.value.why is at_rest.Why.OLD_SNAPSHOT
        assert await states() == [("LIVE_ERASED", 3, 0)]
        assert await looking.fetchval("SELECT count(*) FROM patron") == 3
        await snapshot.rollback()
    assert (await at_rest.wipe()).patrons == 3
    assert await states() == [("AT_REST_ERASED", 3, 3)]


async def test_a_table_in_use_is_waited_for(town: Town, settings: Settings) -> None:
    await erased(town, 1)
    async with session(settings) as busy:
        holds = busy.transaction()
        await holds.start()
        await busy.execute("LOCK TABLE loan IN ROW SHARE MODE")
        with pytest.raises(at_rest.NotNow, match="loan was in use") as put_off:
            await at_rest.wipe(patience_seconds=0.3)
        assert put_off.value.why is at_rest.Why.TABLE_IN_USE
        assert await states() == [("LIVE_ERASED", 1, 0)]
        wiping = asyncio.create_task(at_rest.wipe())
        await asyncio.sleep(0.5)
        await holds.rollback()
        assert (await wiping).patrons == 1


async def test_only_one_is_at_it(town: Town, settings: Settings) -> None:
    await erased(town, 1)
    async with session(settings) as first:
        assert await first.fetchval(at_rest.ONE_AT_A_TIME)
        with pytest.raises(at_rest.NotNow) as put_off:
            await at_rest.wipe()
        assert put_off.value.why is at_rest.Why.BUSY
    assert await states() == [("LIVE_ERASED", 1, 0)]


async def test_without_the_right_nothing_is_claimed_and_doctor_says_so(
    town: Town, settings: Settings, run_cli: RunCli
) -> None:
    await erased(town, 1)
    await db.rows("DO $$ BEGIN CREATE ROLE lodger LOGIN; EXCEPTION WHEN duplicate_object THEN END $$")
    await db.rows("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO lodger")
    as_lodger = {"PATRONGRAPH_DATABASE_URL": settings.database_url.replace("postgres@", "lodger@")}
    refused = await asyncio.to_thread(run_cli, "erase-at-rest", "--json", **as_lodger)
    assert refused.returncode == 1
    assert orjson.loads(refused.stdout) == {"done": False, "why": "NO_RIGHT"}
    assert "may not rewrite address, block, card" in refused.stderr
    assert await states() == [("LIVE_ERASED", 1, 0)]
    doctor = await asyncio.to_thread(run_cli, "doctor", **as_lodger)
    assert "wrong erasure at rest: impossible: the database role may not rewrite address" in doctor.stdout
    doctor = await asyncio.to_thread(run_cli, "doctor")
    assert "ok    erasure at rest: 1 erased patrons wait for it (only by `patrongraph erase-at-rest`)" in doctor.stdout
    await db.rows("UPDATE tombstone SET erased_at = now() - interval '8 days'")
    doctor = await asyncio.to_thread(run_cli, "doctor")
    assert "wrong erasure at rest: 1 erased patrons wait for it" in doctor.stdout
    await db.rows("DROP OWNED BY lodger")


async def test_who_is_erased_meanwhile_waits_for_the_next_time(town: Town) -> None:
    await erased(town, 1)
    [late] = await town.patrons(1)
    started = asyncio.Event()
    wiping = asyncio.create_task(at_rest.wipe(lambda table: started.set()))
    await started.wait()
    async with db.transaction():
        await erase(town.id, [late], retain=False)
    assert (await wiping).patrons == 1
    assert await states() == [("AT_REST_ERASED", 1, 1), ("LIVE_ERASED", 1, 0)]


async def test_a_run_that_is_stopped_is_begun_again(town: Town) -> None:
    await erased(town, 2)
    for table in ("card", "loan", at_rest.STATISTICS, "pg_statistic_ext_data"):

        def stop(told: str, table: str = table) -> None:
            if told == table:
                raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            await at_rest.wipe(stop)
        assert await states() == [("LIVE_ERASED", 2, 0)]
    assert (await at_rest.wipe()).patrons == 2


async def test_statistics_cannot_be_told_apart_afterwards(town: Town) -> None:
    """No two rows of one patron have anything in common: not the writer, not the place, not the order of keys."""
    await erased(town, 1, 1, 1, 30)
    assert await db.value(WRITERS) == 4
    before = {row["id"] for row in await db.rows("SELECT id FROM loan_statistic")}
    await at_rest.wipe()
    assert await db.value(WRITERS) == 1
    lying = [row["id"] for row in await db.rows("SELECT id FROM loan_statistic ORDER BY ctid")]
    assert len(lying) == 33 * 4
    assert lying == sorted(lying)
    assert before.isdisjoint(lying)

    # The next ones are mixed with those that were there; a run without new ones leaves them alone.
    await erased(town, 1)
    assert await db.value(WRITERS) == 2
    await at_rest.wipe()
    assert await db.value(WRITERS) == 1
    kept = await db.rows("SELECT id FROM loan_statistic ORDER BY id")
    [without] = await town.patrons(1)
    async with db.transaction():
        await erase(town.id, [without], retain=True)
    await at_rest.wipe()
    assert await db.rows("SELECT id FROM loan_statistic ORDER BY id") == kept


async def test_a_chunk_writes_statistics_in_no_order(town: Town) -> None:
    """The loans of 60 patrons with 4 loans each: in the order of patrons, neighbours would share a patron 180 times."""
    ids = await town.patrons(60, loans=4)
    await db.rows("UPDATE item SET title = split_part(barcode, '-', 1)")
    async with db.transaction():
        await erase(town.id, ids, retain=True)
    titles = [row["title"] for row in await db.rows("SELECT title FROM loan_statistic ORDER BY ctid")]
    assert len(titles) == 240
    neighbours = sum(one == next_one for one, next_one in itertools.pairwise(titles))
    assert neighbours < 60  # by chance about 3; the limit is 30 standard deviations away


async def test_a_worker_does_it_in_its_window_and_not_during_a_purge(town: Town, database: ModuleType) -> None:
    await erased(town, 1)
    base = get_settings()
    await wipe_files()
    assert await states() == [("LIVE_ERASED", 1, 0)]
    use_settings(base.model_copy(update={"at_rest_window": "always"}))
    try:
        job = await db.value(
            "INSERT INTO job (library_id, kind, state, itemised) VALUES ($1, 'PURGE', 'RUNNING', true) RETURNING id",
            town.id,
        )
        await wipe_files()
        assert await states() == [("LIVE_ERASED", 1, 0)]
        await db.rows("UPDATE job SET state = 'SUCCEEDED', finished_at = now() WHERE id = $1", job)
        await wipe_files()
        assert await states() == [("AT_REST_ERASED", 1, 1)]
    finally:
        use_settings(base)


@pytest.mark.parametrize(
    ("window", "at", "is_open"),
    [
        ("", "02:00", False),
        ("always", "02:00", True),
        ("01:00-04:00", "00:59", False),
        ("01:00-04:00", "01:00", True),
        ("01:00-04:00", "04:00", False),
        ("22:00-04:00", "23:30", True),
        ("22:00-04:00", "03:59", True),
        ("22:00-04:00", "12:00", False),
        ("02:00-04:00 Europe/Oslo", "00:30", True),  # in July Oslo is two hours ahead
        ("02:00-04:00 Europe/Oslo", "02:30", False),
    ],
)
def test_windows(window: str, at: str, is_open: bool) -> None:
    hour, minute = map(int, at.split(":"))
    settings = Settings(at_rest_window=window)
    assert settings.at_rest_is_open(datetime(2026, 7, 1, hour, minute, tzinfo=UTC)) is is_open


@pytest.mark.parametrize("window", ["night", "02:00", "25:00-26:00", "02:00-02:00", "02:00-04:00 Atlantis", "2-4"])
def test_a_window_that_is_none_is_refused(window: str) -> None:
    with pytest.raises(ValidationError):
        Settings(at_rest_window=window)
