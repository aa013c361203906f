"""Whatever dies, and whoever else looks: each file is imported once, and none is lost."""

import asyncio
import random
import signal
from typing import Any

import pytest
from tests.dropfolder.conftest import Drop, Statuses
from tests.erasure.conftest import working
from tests.town import Town, wait_until

from patrongraph import db
from patrongraph.imports.dropfolder.place import Place
from patrongraph.imports.dropfolder.rounds import Looker

STEPS = ("entries", "claim", "open", "write", "move", "remove")
FILES = "SELECT count(*)::int FROM audit_event WHERE action = 'import.start'"


class Killed(BaseException):
    """As if the process had ended here."""


class Mortal:
    """A place whose caller dies before or after the n-th thing it asks for; the thing itself is real."""

    def __init__(self, place: Place, last: int, *, after: bool) -> None:
        self.place = place
        self.whole = place.whole
        self.left = last
        self.after = after

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.place, name)

        async def step(*args: Any) -> Any:
            self.left -= 1
            if self.left == 0 and not self.after:
                raise Killed
            found = await real(*args)
            if self.left == 0:
                if name == "open":
                    found.close()  # as the end of the process would
                raise Killed
            return found

        assert name in STEPS
        return step


async def dies(drop: Drop, place: Place, last: int, *, after: bool) -> bool:
    """Look with a life of `last` steps; return whether it ended."""
    mortal = Mortal(place, last, after=after)
    looker = Looker(mortal, drop.settings)
    try:
        for _ in range(3):
            await looker.look()
    except Killed:
        return True
    return False


async def imported_once(drop: Drop, statuses: Statuses) -> None:
    """Assert that the one file with one good and one bad row is done, once."""
    assert await db.value(FILES) == 1
    assert [await db.value("SELECT count(*)::int FROM job"), await statuses()] == [1, ["INACTIVE"] + ["ACTIVE"] * 9]
    data, rejected, report = drop.names("done")
    assert (rejected, report) == (f"{data}.rejected.csv", f"{data}.report.json")
    assert drop.report().items() >= {"job": "job_1", "rows": 2, "deactivated": 1, "rejected": 1}.items()
    assert drop.everything() == [f"NORTH/done/{name}" for name in (data, rejected, report)]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_kill_at_every_step_until_the_import_has_begun(
    town: Town, pupils, drop: Drop, place: Place, statuses: Statuses, after: bool
) -> None:
    """One step further each time, over one and the same file, so that each death finds what the last one left."""
    drop.put("people.csv", "username,enabled\npupil1,FALSE\nnobody,FALSE\n")
    deaths = 0
    for last in range(1, 40):
        if not await dies(drop, place, last, after=after):
            break
        deaths += 1
    assert 4 <= deaths < 39
    await drop.to_the_end()
    await imported_once(drop, statuses)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("last", range(1, 12))
async def test_a_kill_at_each_step_from_the_beginning_to_the_end(
    town: Town, pupils, drop: Drop, place: Place, statuses: Statuses, last: int, after: bool
) -> None:
    """The import ends between the looks, so that a life spans taking as well as putting away."""
    drop.put("people.csv", "username,enabled\npupil1,FALSE\nnobody,FALSE\n")
    await dies(drop, place, last, after=after)
    await drop.to_the_end()
    await imported_once(drop, statuses)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("last", range(1, 9))
async def test_a_kill_at_each_step_of_putting_away(
    town: Town, pupils, drop: Drop, place: Place, statuses: Statuses, last: int, after: bool
) -> None:
    drop.put("people.csv", "username,enabled\npupil1,FALSE\nnobody,FALSE\n")
    await drop.look(2)
    async with working(drop.settings):
        await wait_until(drop._no_jobs)
    await dies(drop, place, last, after=after)
    await drop.look(2)
    await imported_once(drop, statuses)


async def test_what_has_begun_goes_on_whatever_changes_before_its_number_is_noted(
    town: Town, pupils, drop: Drop, place: Place, statuses: Statuses
) -> None:
    """Other options by now, a key that is forgotten, and other limits: the import was asked for as it was then."""
    drop.put("people.csv", "username,enabled\npupil1,FALSE\nnobody,FALSE\n")
    await drop.look()

    class DiesWriting(Mortal):
        def __getattr__(self, name: str) -> Any:
            self.left = 1 if name == "write" else 2
            return super().__getattr__(name)

    looker = Looker(DiesWriting(place, 1, after=False), drop.settings)
    await looker.look()
    with pytest.raises(Killed):
        await looker.look()
    assert await db.value("SELECT count(*)::int FROM job") == 1
    options = drop.put("_options.json", "{")
    await db.rows("DELETE FROM idempotency_key RETURNING id")
    await drop.to_the_end()
    options.unlink()
    await imported_once(drop, statuses)


@pytest.mark.parametrize("last", range(1, 7))
async def test_a_kill_at_each_step_of_refusing(town: Town, pupils, drop: Drop, place: Place, last: int) -> None:
    drop.put("people.csv", "")
    await dies(drop, place, last, after=True)
    await drop.look(3)
    data, report = drop.names("failed")
    assert drop.everything() == [f"NORTH/failed/{data}", f"NORTH/failed/{report}"]
    assert await db.value("SELECT count(*)::int FROM job") == 0


async def test_two_that_look_at_once_without_knowing_of_each_other(
    town: Town, pupils, drop: Drop, place: Place, quick, statuses: Statuses
) -> None:
    """As when the connection that holds the lock is lost, and its worker goes on."""
    lookers = [Looker(place, quick) for _ in range(4)]
    drop.put("people.csv", "username,enabled\npupil1,FALSE\nnobody,FALSE\n")
    for _ in range(4):
        await asyncio.gather(*(looker._look() for looker in lookers), return_exceptions=True)
    assert await db.value(FILES) == 1
    await drop.to_the_end()
    await imported_once(drop, statuses)


async def test_only_one_looks_at_a_time(town: Town, pupils, drop: Drop, place: Place, quick) -> None:
    busy, go_on = asyncio.Event(), asyncio.Event()

    class Slow(Mortal):
        def __getattr__(self, name: str) -> Any:
            step = super().__getattr__(name)

            async def waits(*args: Any) -> Any:
                busy.set()
                await go_on.wait()
                return await step(*args)

            return waits

    drop.put("people.csv", "username,enabled\npupil1,FALSE\n")
    first = asyncio.create_task(Looker(Slow(place, -1, after=False), quick).look())
    await busy.wait()
    await drop.look(3)
    assert drop.everything() == ["NORTH/status/people.csv"]
    go_on.set()
    await first
    await drop.look(2)
    assert await db.value(FILES) == 1


async def test_workers_killed_again_and_again(
    town: Town, pupils, drop: Drop, start_worker, until, statuses: Statuses
) -> None:
    """Two workers as processes, killed at any moment while files come in."""
    seed = random.randrange(2**32)  # noqa: S311 - a test's seed
    print(f"seed {seed}")
    chance = random.Random(seed)  # noqa: S311 - a test's chance
    count = 4

    def done() -> list[str]:
        return [name for name in drop.names("done") if name.endswith("-people.csv")]

    async def all_done() -> bool:
        return len(done()) == count

    for number in range(1, count + 1):
        drop.put("people.csv", f"username,enabled\npupil{number},FALSE\n")
        workers = [start_worker(), start_worker()]
        await asyncio.sleep(1 + chance.random())
        while drop.names("status"):
            await asyncio.sleep(0.05)
        await asyncio.sleep(chance.random() * 0.3)
        if number < count:
            for worker in workers:
                worker.send_signal(signal.SIGKILL)
                worker.wait()
    await until(all_done)
    assert await statuses() == ["INACTIVE"] * count + ["ACTIVE"] * (10 - count)
    assert await db.value(FILES) == count
    assert await db.value("SELECT count(*)::int FROM job WHERE state = 'SUCCEEDED'") == count
    ids = [row["id"] for row in await db.rows("SELECT id FROM job ORDER BY id")]
    assert sorted(name.partition("-job-")[2] for name in done()) == sorted(f"{id}-people.csv" for id in ids)
    assert len(drop.names("done")) == 2 * count
    assert (drop.names("failed"), drop.names("status"), drop.names("working")) == ([], [], [])


async def test_a_worker_told_to_stop_ends(town: Town, pupils, drop: Drop, start_worker, until) -> None:
    drop.put("people.csv", "username,enabled\npupil1,FALSE\n")
    worker = start_worker()

    async def done() -> bool:
        return len(drop.names("done")) == 2

    await until(done)
    worker.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(worker.wait, 10) == 0
