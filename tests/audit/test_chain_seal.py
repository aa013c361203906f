"""Sealing comes after the commit, one sealer at a time, and leaves no event behind, however late it is committed."""

import asyncio
import os
import random
import subprocess
import sys
from types import ModuleType

import asyncpg
from tests.audit.tampering import head, note, seals, tamper, told, verified
from tests.fixtures_api import working
from tests.town import Town, wait_until

from patrongraph.audit import sealing
from patrongraph.audit.queries import PAGE
from patrongraph.audit.sealing import Sealer, seal_all, seal_library
from patrongraph.settings import Settings

ADD = "INSERT INTO audit_event (library_id, actor_kind, action, detail) VALUES ($1, 'SYSTEM', 'a.b', '{}') RETURNING id"
ADD_MANY = """
INSERT INTO audit_event (library_id, actor_kind, action, detail)
SELECT $1, 'SYSTEM', 'a.b', '{}' FROM generate_series(1, $2::int)
"""


async def calm(database: ModuleType) -> None:
    """Wait until every transaction that has begun has ended, also those of tests that run beside this one."""
    begun = await database.value("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")

    async def ended() -> bool:
        return bool(await database.value("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint >= $1", begun))

    await wait_until(ended)


async def order(database: ModuleType, town: Town) -> list[int]:
    """The events in the order of the chain, whose numbers have no gap."""
    found = await seals(database, town.id)
    assert [row["sequence"] for row in found] == list(range(1, len(found) + 1))
    return [row["event_id"] for row in found]


async def test_one_chain_for_each_library(database: ModuleType, town: Town, other_town: Town) -> None:
    assert await seal_all() == 0
    assert await head("NORTH") == (0, bytes(32))
    ids = [await note(town), await note(other_town), await note(town)]
    assert await seal_all() == 3
    assert await seal_all() == 0
    assert await order(database, town) == [ids[0], ids[2]]
    assert await order(database, other_town) == [ids[1]]
    again = await note(town)
    assert await seal_all() == 1
    assert await order(database, town) == [ids[0], ids[2], again]
    assert told(await verified("NORTH")) == told(await verified("SOUTH")) == []


async def test_the_same_event_in_two_places_has_two_hashes(database: ModuleType, town: Town) -> None:
    await note(town)
    await note(town)
    await seal_all()
    first, second = await seals(database, town.id)
    assert first["hash"] != second["hash"]
    assert first["digest"] != second["digest"]
    assert first["sealed_at"] == second["sealed_at"]


async def test_what_is_rolled_back_has_no_seal_and_leaves_no_gap(
    database: ModuleType, town: Town, settings: Settings
) -> None:
    await note(town)
    connection = await asyncpg.connect(settings.database_url)
    transaction = connection.transaction()
    await transaction.start()
    lost = await connection.fetchval(ADD, town.id)
    kept = await note(town)
    assert await seal_all() == 2
    await transaction.rollback()
    await connection.close()
    assert await seal_all() == 0
    found = await order(database, town)
    assert lost not in found
    assert found[-1] == kept


async def test_an_event_that_is_committed_late_is_sealed_then(
    database: ModuleType, town: Town, settings: Settings
) -> None:
    """One transaction takes the lowest id and stays open over many rounds of a sealer that remembers."""
    sealer = Sealer()
    slow = await asyncpg.connect(settings.database_url)
    transaction = slow.transaction()
    await transaction.start()
    late = await slow.fetchval(ADD, town.id)
    for _ in range(5):
        await note(town)
        assert await sealer.seal() == 1
        # It may not count on anything from the open transaction's id on.
        assert sealer.settled < late
    await transaction.commit()
    await slow.close()
    assert await sealer.seal() == 1
    assert (await order(database, town))[-1] == late
    newest = await note(town)
    for _ in range(3):
        await sealer.seal()
        await calm(database)
    assert sealer.settled == newest
    assert told(await verified("NORTH", minutes=0)) == []


async def test_an_id_that_memory_overlooked_is_found_by_the_full_look(
    database: ModuleType, town: Town, settings: Settings
) -> None:
    """An id that was taken, but by no transaction that a snapshot could show yet."""
    taken = await database.value("SELECT nextval('audit_event_id_seq')")
    sealer = Sealer()
    for _ in range(3):
        await note(town)
        await sealer.seal()
        await calm(database)
    assert sealer.settled > taken
    await tamper(
        settings,
        f"INSERT INTO audit_event (id, library_id, actor_kind, action) VALUES ({taken}, {town.id}, 'SYSTEM', 'x.y')",
    )
    rounds = [await sealer.seal() for _ in range(sealing.FULL_LOOK_ROUNDS)]
    assert (rounds[:-3], sum(rounds[-3:])) == ([0] * (sealing.FULL_LOOK_ROUNDS - 3), 1)
    assert (await order(database, town))[-1] == taken


async def test_a_restored_older_database_is_looked_at_from_the_beginning(
    database: ModuleType, town: Town, settings: Settings
) -> None:
    sealer = Sealer()
    for _ in range(4):
        await note(town)
        await sealer.seal()
        await calm(database)
    assert sealer.settled > 1
    await tamper(
        settings, "DELETE FROM audit_event", "DELETE FROM audit_seal", "ALTER SEQUENCE audit_event_id_seq RESTART"
    )
    added = await note(town)
    assert added < sealer.settled
    assert await sealer.seal() == 1


async def test_nothing_is_left_behind_while_many_write(database: ModuleType, town: Town, settings: Settings) -> None:
    """Six writers whose transactions overlap and end in any order, some rolled back, while a sealer goes round."""
    chance = random.Random(7)  # noqa: S311 - pauses
    writing = True
    committed: list[int] = []

    async def writer(pauses: list[float]) -> None:
        connection = await asyncpg.connect(settings.database_url)
        for n, pause in enumerate(pauses):
            transaction = connection.transaction()
            await transaction.start()
            ids = [await connection.fetchval(ADD, town.id) for _ in range(3)]
            await asyncio.sleep(pause)
            if n % 7 == 6:
                await transaction.rollback()
            else:
                await transaction.commit()
                committed.extend(ids)
        await connection.close()

    async def sealing_all_the_while() -> None:
        sealer = Sealer()
        while writing:
            await sealer.seal()
        await sealer.seal()

    sealers = asyncio.create_task(sealing_all_the_while())
    await asyncio.gather(*(writer([chance.uniform(0, 0.03) for _ in range(40)]) for _ in range(6)))
    writing = False
    await sealers
    found = await order(database, town)
    assert sorted(found) == sorted(committed)
    assert found != sorted(found), "no transaction was committed after one with a higher id: this shows nothing"
    report = await verified("NORTH", minutes=0)
    assert (told(report), report.unsealed) == ([], 0)


async def test_two_sealers_at_once_make_one_chain(database: ModuleType, town: Town, settings: Settings) -> None:
    await database.rows(ADD_MANY, town.id, 2 * PAGE)
    both = [
        subprocess.Popen(
            [sys.executable, "-m", "patrongraph", "audit", "seal", "--json"],
            env=os.environ | settings.as_environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [(await asyncio.to_thread(process.communicate))[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert len(set(await order(database, town))) == 2 * PAGE
    report = await verified("NORTH", minutes=0)
    assert (told(report), report.sealed, report.unsealed) == ([], 2 * PAGE, 0)


async def test_a_killed_sealer_has_sealed_whole_batches_and_the_next_goes_on(
    database: ModuleType, town: Town, settings: Settings
) -> None:
    await database.rows(ADD_MANY, town.id, 6 * PAGE)
    process = subprocess.Popen(
        [sys.executable, "-m", "patrongraph", "audit", "seal"],
        env=os.environ | settings.as_environment(),
        stdout=subprocess.DEVNULL,
    )

    async def some() -> bool:
        return (await head("NORTH"))[0] >= PAGE

    await wait_until(some)
    process.kill()
    await asyncio.to_thread(process.wait)
    # The killed one's connection may still finish a statement; the lock waits for it.
    assert await seal_library(town.id, most=1) == PAGE
    sealed = (await head("NORTH"))[0]
    assert sealed % PAGE == 0
    assert 2 * PAGE <= sealed < 6 * PAGE
    assert told(await verified("NORTH")) == []
    await seal_all()
    report = await verified("NORTH", minutes=0)
    assert (told(report), report.sealed, report.unsealed) == ([], 6 * PAGE, 0)


async def test_old_events_are_caught_up_with_round_by_round(database: ModuleType, town: Town) -> None:
    """As after an update of an installation that has a long trail and no seals."""
    await database.rows(ADD_MANY, town.id, 2 * PAGE + 10)
    sealer = Sealer()
    assert [await sealer.seal(most=PAGE) for _ in range(4)] == [PAGE, PAGE, 10, 0]
    assert told(await verified("NORTH", minutes=0)) == []


async def test_a_worker_seals_and_logs_heads(
    database: ModuleType, town: Town, settings: Settings, worker_log: object
) -> None:
    await note(town)
    log = settings.data_dir / "sealing-worker.log"
    with working(settings, log):

        async def logged() -> bool:
            return (await head("NORTH"))[0] == 1 and "audit head 1:" in log.read_text()

        await wait_until(logged)
    [line] = [line for line in log.read_text().splitlines() if "audit head" in line]
    assert f'"message":"audit head 1:{(await head("NORTH"))[1].hex()}"' in line
    assert f'"library_id":{town.id}' in line
