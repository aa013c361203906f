"""Whatever dies in the middle of a purge, the run completes and the numbers are right."""

import asyncio
import random
import signal

import orjson
from tests.erasure.support import purge_all

from patrongraph import db
from patrongraph.erasure import actions
from patrongraph.jobs import actions as jobs
from patrongraph.jobs.models import JobState
from patrongraph.jobs.queries import codes, progress
from patrongraph.permissions import Permission

DONE = "SELECT count(*)::int FROM job_item WHERE job_id = $1 AND state <> 'PENDING'"

POISON = """
CREATE OR REPLACE FUNCTION test_poison() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.last_name = 'Poison' THEN
        RAISE EXCEPTION 'cannot delete % %', OLD.first_name, OLD.email;
    END IF;
    RETURN OLD;
END $$
"""


async def start_purge(town, count: int):
    started = await purge_all(town.system)
    assert started.count == count
    return started.job_id


async def settled(job_id: int, more_than: int) -> bool:
    return (await db.value(DONE, job_id)) > more_than


async def ended(town, job_id: int):
    found = await progress(town.id, job_id)
    return found if found is not None and found.finished else None


async def test_a_worker_killed_again_and_again(town, start_worker, slow_patrons, until, check) -> None:
    seed = random.randrange(2**32)  # noqa: S311 - a test's seed
    print(f"seed {seed}")
    chance = random.Random(seed)  # noqa: S311 - a test's chance
    ids = await town.patrons(300, loans=3)
    job_id = await start_purge(town, 300)
    for _ in range(4):
        before = await db.value(DONE, job_id)
        worker = start_worker()
        await until(lambda before=before: settled(job_id, before))
        await asyncio.sleep(chance.random() * 0.2)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        # Of a killed worker's chunk nothing is left, not even its locks.
        assert await db.value("SELECT count(*) FROM tombstone") == 300 - len(await town.remaining())
    assert 0 < await db.value(DONE, job_id) < 300
    start_worker()
    job = await until(lambda: ended(town, job_id))
    assert (job.state, job.done) == (JobState.SUCCEEDED, 300)
    await check(town, job, erased=ids, kept=[], loans=3)


async def test_two_workers_and_a_flushed_valkey(town, start_worker, slow_patrons, until, check, valkey) -> None:
    ids = await town.patrons(200, loans=3)
    workers = [start_worker(), start_worker()]
    job_id = await start_purge(town, 200)
    await until(lambda: settled(job_id, 0))
    for _ in range(5):
        await valkey.flushdb()
        await asyncio.sleep(0.05)
    job = await until(lambda: ended(town, job_id))
    assert job.state is JobState.SUCCEEDED
    await check(town, job, erased=ids, kept=[], loans=3)
    assert [worker.poll() for worker in workers] == [None, None]


async def test_without_any_valkey(town, start_worker, until, check, tmp_path) -> None:
    ids = await town.patrons(50, loans=3)
    worker = start_worker(PATRONGRAPH_REDIS_URL=f"unix://{tmp_path}/nobody.sock")
    job_id = await start_purge(town, 50)
    job = await until(lambda: ended(town, job_id))
    await check(town, job, erased=ids, kept=[], loans=3)
    assert worker.poll() is None


async def test_a_lost_database_connection(town, start_worker, slow_patrons, until, check, settings) -> None:
    ids = await town.patrons(150, loans=3)
    worker = start_worker()
    job_id = await start_purge(town, 150)
    for _ in range(3):
        before = await db.value(DONE, job_id)
        await until(lambda before=before: settled(job_id, before))
        await db.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE '%gone_patron%' AND pid <> pg_backend_pid()"
        )
    job = await until(lambda: ended(town, job_id))
    assert (job.state, job.failed) == (JobState.SUCCEEDED, 0)
    await check(town, job, erased=ids, kept=[], loans=3)
    assert worker.poll() is None


async def test_sigterm_finishes_the_chunk_and_gives_the_lease_back(town, start_worker, slow_patrons, until) -> None:
    await town.patrons(200, loans=3)
    worker = start_worker()
    job_id = await start_purge(town, 200)
    await until(lambda: settled(job_id, 0))
    worker.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(worker.wait, 10) == 0
    row = await db.row("SELECT state, lease_owner FROM job WHERE id = $1", job_id)
    assert tuple(row) == ("RUNNING", None)
    assert 0 < await db.value(DONE, job_id) < 200


async def test_a_worker_that_started_before_the_bell_could_ring(town, start_worker, until) -> None:
    start_worker()
    await town.patrons(3)
    job_id = await start_purge(town, 3)  # this process never opened its bell
    assert (await until(lambda: ended(town, job_id))).done == 3


async def test_the_bell_alone_is_enough(town, quick, start_worker, until) -> None:
    from patrongraph.jobs import progress as bell

    worker = start_worker(PATRONGRAPH_JOB_POLL_SECONDS="60")
    await until(lambda: listening(quick))
    await bell.open_progress(quick)
    try:
        await town.patrons(3)
        job_id = await start_purge(town, 3)
        assert (await until(lambda: ended(town, job_id))).done == 3
    finally:
        await bell.close_progress()
    assert worker.poll() is None


async def listening(settings) -> bool:
    from patrongraph.jobs import progress as bell

    client = bell.connect(settings)
    try:
        return bool(await client.exists(f"{bell.queue_name(settings)}:health-check"))
    finally:
        await client.aclose()


async def test_pause_resume_and_cancel(town, start_worker, slow_patrons, until, check) -> None:
    ids = await town.patrons(200, loans=3)
    start_worker()
    job_id = await start_purge(town, 200)
    await until(lambda: settled(job_id, 0))
    assert (await jobs.pause(town.system, job_id)).changed
    done = await db.value(DONE, job_id)
    assert 0 < done < 200
    await until(lambda: released(job_id))
    assert await db.value(DONE, job_id) == done
    assert (await jobs.resume(town.system, job_id)).state is JobState.RUNNING
    await until(lambda: settled(job_id, done))
    assert (await jobs.cancel(town.system, job_id)).state is JobState.CANCELLED
    job = await progress(town.id, job_id)
    assert job is not None
    assert job.done + job.cancelled == 200
    assert job.done > done
    assert job.cancelled > 0
    await check(town, job, erased=ids[: job.done], kept=ids[job.done :], loans=3)


async def released(job_id: int) -> bool:
    return (await db.value("SELECT lease_owner FROM job WHERE id = $1", job_id)) is None


async def test_a_permission_taken_away_stops_the_run(town, work, slow_patrons, until, check) -> None:
    actor = await town.staff(Permission.PATRONS_PURGE)
    ids = await town.patrons(200, loans=3)
    started = await purge_all(actor)
    running = asyncio.create_task(work(town.id, started.job_id))
    await until(lambda: settled(started.job_id, 0))
    await db.rows("UPDATE role SET permissions = '{PATRONS_VIEW}' RETURNING id")
    job = await running
    assert job.state is JobState.FAILED
    assert job.error == "Whoever started this purge may not purge any more; the rest was not purged."
    assert job.done + job.cancelled == 200
    assert 0 < job.done < 200
    await check(town, job, erased=ids[: job.done], kept=ids[job.done :], loans=3)


async def test_staff_disabled_before_the_run_purge_nobody(town, work) -> None:
    actor = await town.staff(Permission.PATRONS_PURGE)
    ids = await town.patrons(3)
    started = await actions.start(actor, patron_ids=ids)
    await db.rows("UPDATE staff_user SET active = false RETURNING id")
    job = await work(town.id, started.job_id)
    assert (job.state, job.cancelled) == (JobState.FAILED, 3)
    assert await town.remaining() == ids


async def test_a_poison_patron_fails_alone(town, start_worker, until, check, tmp_path) -> None:
    ids = await town.patrons(90, loans=3)
    poison = [ids[0], ids[41]]
    await db.rows(
        "UPDATE patron SET last_name = 'Poison', email = 'secret@example.org'"
        " WHERE id = ANY($1::bigint[]) RETURNING id", poison
    )  # fmt: skip
    await db.rows(POISON)
    await db.rows("CREATE TRIGGER test_poison BEFORE DELETE ON patron FOR EACH ROW EXECUTE FUNCTION test_poison()")
    try:
        worker = start_worker(tmp_path / "log")
        job_id = await start_purge(town, 90)
        job = await until(lambda: ended(town, job_id))
    finally:
        await db.rows("DROP TRIGGER test_poison ON patron")
    assert (job.state, job.failed) == (JobState.COMPLETED_WITH_ISSUES, 2)
    await check(town, job, erased=[i for i in ids if i not in poison], kept=poison, loans=3)
    failed = await db.rows("SELECT patron_id, reason FROM job_item WHERE state = 'FAILED' ORDER BY patron_id")
    assert [row["patron_id"] for row in failed] == poison
    worker.terminate()
    await worker.ended()
    log = (tmp_path / "log").read_text()
    for row in failed:
        name, number = row["reason"].split()
        assert name == "RaiseError"
        assert number in log
    assert "secret@example.org" not in log
    assert "cannot delete" not in log


async def test_patrons_that_fail_one_after_the_other_end_the_job(town, work) -> None:
    ids = await town.patrons(60)
    await db.rows("UPDATE patron SET last_name = 'Poison' RETURNING id")
    await db.rows(POISON)
    await db.rows("CREATE TRIGGER test_poison BEFORE DELETE ON patron FOR EACH ROW EXECUTE FUNCTION test_poison()")
    try:
        job = await work(town.id, await start_purge(town, 60))
    finally:
        await db.rows("DROP TRIGGER test_poison ON patron")
    assert (job.state, job.failed, job.cancelled) == (JobState.FAILED, 20, 40)
    assert await town.remaining() == ids
    assert await db.value("SELECT count(*) FROM tombstone") == 0


async def test_a_loan_in_the_middle_of_the_run_saves_its_patron(town, work, slow_patrons, until) -> None:
    ids = await town.patrons(150, loans=3)
    job_id = await start_purge(town, 150)
    running = asyncio.create_task(work(town.id, job_id))
    await until(lambda: settled(job_id, 0))
    await town.open_loan(ids[-1])
    job = await running
    assert (job.done, job.skipped) == (149, 1)
    assert await codes(town.id, job_id) == {"OPEN_LOANS": 1}
    assert await town.remaining() == [ids[-1]]
    detail = await db.rows("SELECT detail FROM audit_event WHERE action = 'purge.chunk' ORDER BY id")
    assert orjson.loads(detail[-1]["detail"])["reasons"] == {"OPEN_LOANS": 1}


async def waiting_for_a_lock() -> bool:
    return await db.value(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )


async def test_a_loan_under_way_is_waited_for(town, work, until) -> None:
    [patron] = await town.patrons(1)
    job_id = await start_purge(town, 1)
    lent, go_on = asyncio.Event(), asyncio.Event()

    async def lend() -> None:
        async with db.transaction():
            await town.open_loan(patron)
            lent.set()
            await go_on.wait()

    lending = asyncio.create_task(lend())
    await lent.wait()
    running = asyncio.create_task(work(town.id, job_id))
    await until(waiting_for_a_lock)
    go_on.set()
    await lending
    job = await running
    assert (job.done, job.skipped) == (0, 1)
    assert await town.remaining() == [patron]
