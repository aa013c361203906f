"""Whatever dies in the middle of a rollover or of taking it back, nobody is moved twice and the numbers are right."""

import asyncio
import random
import signal

from tests.cohorts.conftest import Run, School, rolled

from patrongraph import db
from patrongraph.jobs import actions as jobs
from patrongraph.jobs.models import JobState
from patrongraph.jobs.queries import codes, progress
from patrongraph.permissions import Permission

DONE = "SELECT count(*)::int FROM job_item WHERE job_id = $1 AND state <> 'PENDING'"
COUNTS = "SELECT moved, deactivated FROM rollover"

POISON = """
CREATE OR REPLACE FUNCTION test_poison() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.last_name = 'Poison' THEN
        RAISE EXCEPTION 'cannot move %', NEW.first_name;
    END IF;
    RETURN NEW;
END $$
"""


async def settled(job_id: int, more_than: int) -> bool:
    return (await db.value(DONE, job_id)) > more_than


async def ended(school: School, job_id: int):
    found = await progress(school.town.id, job_id)
    return found if found is not None and found.finished else None


async def consistent(school: School, before: dict, job_id: int) -> int:
    """Each patron is where they were or one step on, as their item says; return how many have moved."""
    now, after = await school.state(), rolled(before)
    items = await db.rows("SELECT patron_id, state FROM job_item WHERE job_id = $1", job_id)
    done = {row["patron_id"] for row in items if row["state"] == "DONE"}
    assert now == {patron: after[patron] if patron in done else before[patron] for patron in before}
    moved = sum(now[patron][0] != before[patron][0] for patron in before)
    switched = sum(now[patron][1] != before[patron][1] for patron in before)
    assert tuple(await db.row(COUNTS)) == (moved, switched)
    return len(done)


async def killed_again_and_again(school: School, job_id: int, start_worker, until, looked) -> None:
    seed = random.randrange(2**32)  # noqa: S311 - a test's seed
    print(f"seed {seed}")
    chance = random.Random(seed)  # noqa: S311 - a test's chance
    for _ in range(4):
        before = await db.value(DONE, job_id)
        worker = start_worker()
        await until(lambda before=before: settled(job_id, before))
        await asyncio.sleep(chance.random() * 0.2)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        await looked()
    assert 0 < await db.value(DONE, job_id) < 300
    start_worker()
    job = await until(lambda: ended(school, job_id))
    assert (job.state, job.done, job.total) == (JobState.SUCCEEDED, 300, 300)


async def test_a_worker_killed_again_and_again(school: School, year, start_worker, slow_moves, until) -> None:
    await school.pupils(270)
    await school.pupils(30, status="INACTIVE")
    before = await school.state()
    job_id = await school.start(year)
    await killed_again_and_again(school, job_id, start_worker, until, lambda: consistent(school, before, job_id))
    assert await consistent(school, before, job_id) == 300
    events = "SELECT count(*) FROM audit_event WHERE job_id = $1 AND action = $2"
    assert await db.value(events, job_id, "patron.change_cohort") == 300
    assert await db.value(events, job_id, "patron.deactivate") == 45


async def test_a_worker_killed_while_taking_back(
    school: School, year, work: Run, start_worker, slow_moves, until, quick
) -> None:
    await school.pupils(300)
    before = await school.state()
    first = await school.start(year)
    await work(school.town.id, first)
    undo = await school.undo(first)

    async def looked() -> None:
        back = await db.rows("SELECT patron_id FROM job_item WHERE job_id = $1 AND state = 'DONE'", undo)
        ids, after, now = {row["patron_id"] for row in back}, rolled(before), await school.state()
        for patron, state in now.items():
            assert state[:2] == (before if patron in ids else after)[patron][:2]
        assert await db.value("SELECT undone_at FROM rollover") is None

    await killed_again_and_again(school, undo, start_worker, until, looked)
    assert {key: state[:2] for key, state in (await school.state()).items()} == {
        key: state[:2] for key, state in before.items()
    }
    assert await db.value("SELECT undone_at FROM rollover") is not None


async def test_pause_resume_and_cancel_and_the_rest_of_the_year(
    school: School, year, start_worker, slow_moves, until
) -> None:
    await school.pupils(300)
    before = await school.state()
    job_id = await school.start(year)
    start_worker()
    await until(lambda: settled(job_id, 0))
    await jobs.pause(school.system, job_id)
    paused = await consistent(school, before, job_id)
    assert 0 < paused < 300
    await jobs.resume(school.system, job_id)
    await until(lambda: settled(job_id, paused))
    await jobs.cancel(school.system, job_id)
    moved = await consistent(school, before, job_id)
    assert paused < moved < 300

    # Who comes after it was settled is of the next year, and who was moved is not moved again.
    newcomers = await school.pupils(3, "Y7")
    preview = await school.shown(year)
    assert (preview.count, preview.continues) == (300 - moved, job_id)
    rest = await school.start(year)
    job = await until(lambda: ended(school, rest))
    assert (job.state, job.done) == (JobState.SUCCEEDED, 300 - moved)
    assert await school.state() == rolled(before) | dict.fromkeys(newcomers, ("Y7", "ACTIVE", 1))
    assert tuple(await db.row(COUNTS)) == (300, 50)
    assert tuple(await db.row("SELECT count(*), min(job_id) FROM rollover")) == (1, rest)


async def test_a_permission_taken_away_stops_the_run(school: School, year, start_worker, slow_moves, until) -> None:
    actor = await school.town.staff(Permission.COHORTS_ROLL_OVER)
    await school.pupils(200)
    before = await school.state()
    job_id = await school.start(year, actor)
    start_worker()
    await until(lambda: settled(job_id, 0))
    await db.rows("UPDATE role SET permissions = '{PATRONS_VIEW}' RETURNING id")
    job = await until(lambda: ended(school, job_id))
    assert job.state is JobState.FAILED
    assert job.error == "Whoever started this rollover may not roll over any more; the rest was not rolled over."
    assert job.done + job.cancelled == 200
    assert 0 < await consistent(school, before, job_id) < 200
    # A colleague does the rest.
    rest = await school.start(year)
    assert (await until(lambda: ended(school, rest))).done == job.cancelled
    assert await school.state() == rolled(before)


async def test_staff_who_move_somebody_meanwhile_have_the_last_word(
    school: School, year, start_worker, slow_moves, until
) -> None:
    ids = await school.pupils(150)
    before = await school.state()
    job_id = await school.start(year)
    start_worker()
    await until(lambda: settled(job_id, 0))
    await school.put(ids[-1], "STAFF")
    job = await until(lambda: ended(school, job_id))
    assert (job.done, job.skipped) == (149, 1)
    assert await codes(school.town.id, job_id) == {"COHORT_CHANGED": 1}
    assert await school.state() == rolled(before) | {ids[-1]: ("STAFF", "ACTIVE", 2)}


async def test_a_poison_patron_fails_alone_and_is_the_rest_of_the_year(school: School, year, work: Run) -> None:
    ids = await school.pupils(90)
    poison = [ids[0], ids[41]]
    await db.rows("UPDATE patron SET last_name = 'Poison' WHERE id = ANY($1::bigint[]) RETURNING id", poison)
    before = await school.state()
    await db.rows(POISON)
    await db.rows(
        "CREATE TRIGGER test_poison BEFORE UPDATE OF cohort_id ON patron FOR EACH ROW EXECUTE FUNCTION test_poison()"
    )
    try:
        job_id = await school.start(year)
        job = await work(school.town.id, job_id)
    finally:
        await db.rows("DROP TRIGGER test_poison ON patron")
    assert (job.state, job.done, job.failed) == (JobState.COMPLETED_WITH_ISSUES, 88, 2)
    assert await consistent(school, before, job_id) == 88
    failed = await db.rows("SELECT patron_id, reason FROM job_item WHERE state = 'FAILED' ORDER BY patron_id")
    assert [row["patron_id"] for row in failed] == poison
    assert all(row["reason"].split()[0] == "RaiseError" for row in failed)
    assert (await work(school.town.id, await school.start(year))).done == 2
    assert await school.state() == rolled(before)


async def test_two_workers_and_a_flushed_valkey(school: School, year, start_worker, slow_moves, until, valkey) -> None:
    await school.pupils(200)
    before = await school.state()
    workers = [start_worker(), start_worker()]
    job_id = await school.start(year)
    await until(lambda: settled(job_id, 0))
    for _ in range(5):
        await valkey.flushdb()
        await asyncio.sleep(0.05)
    job = await until(lambda: ended(school, job_id))
    assert job.state is JobState.SUCCEEDED
    assert await consistent(school, before, job_id) == 200
    assert [worker.poll() for worker in workers] == [None, None]
