"""Whatever happens in the middle of an import, it ends, each row is done once, and the numbers are right."""

import asyncio
import random
import signal

import pytest_asyncio
from tests.imports.files import counted, missing_of, pupils, rejections, status_file, statuses, take_in

from patrongraph import db
from patrongraph.imports.actions import Missing
from patrongraph.imports.models import ImportFormat
from patrongraph.jobs import actions as jobs
from patrongraph.jobs.models import JobState
from patrongraph.jobs.queries import progress
from patrongraph.permissions import Permission

LEFT = "SELECT count(*)::int FROM import_row WHERE job_id = $1 AND state = 'PENDING'"
ONCE = """
SELECT count(*)::int AS events, count(DISTINCT subject_id)::int AS patrons FROM audit_event
WHERE action = $1 AND job_id = $2
"""


@pytest_asyncio.fixture
async def slow_patrons(database):
    """Each patron's change takes 5 ms, so that a test can act in the middle of a run."""
    await db.rows(
        "CREATE OR REPLACE FUNCTION test_slow() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_sleep(0.005); RETURN NEW; END $$"
    )
    await db.rows(
        "CREATE OR REPLACE TRIGGER test_slow BEFORE INSERT OR UPDATE ON patron FOR EACH ROW"
        " EXECUTE FUNCTION test_slow()"
    )
    yield
    await db.rows("DROP TRIGGER test_slow ON patron")


async def fewer(job_id: int, than: int) -> bool:
    return 0 < (await db.value(LEFT, job_id)) < than


async def ended(town, job_id: int):
    found = await progress(town.id, job_id)
    return found if found is not None and found.finished else None


def all_false(count: int) -> str:
    return status_file(**{f"pupil{n}": "FALSE" for n in range(1, count + 1)})


async def test_a_worker_killed_again_and_again(town, start_worker, slow_patrons, until) -> None:
    seed = random.randrange(2**32)  # noqa: S311 - a test's seed
    print(f"seed {seed}")
    chance = random.Random(seed)  # noqa: S311 - a test's chance
    await pupils(town, 320)
    job_id = await take_in(town, all_false(300), missing=Missing())
    left = 300
    for _ in range(3):
        worker = start_worker()
        await until(lambda left=left: fewer(job_id, left))
        await asyncio.sleep(chance.random() * 0.2)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        # Of a killed worker's chunk nothing is left: what is done, what is counted and what waits add up.
        left = await db.value(LEFT, job_id)
        done = await db.value("SELECT count(*) FROM patron WHERE status = 'INACTIVE'")
        assert (await counted(job_id)).get("deactivated", 0) == done == 300 - left
    assert 0 < left < 300
    start_worker()
    job = await until(lambda: ended(town, job_id))
    assert (job.state, job.total, job.done, job.skipped, job.failed) == (JobState.SUCCEEDED, 320, 320, 0, 0)
    assert await counted(job_id) == {"rows": 300, "deactivated": 300}
    assert await missing_of(job_id) == (20, 320, 20, "DONE")
    assert set((await statuses(town)).values()) == {"INACTIVE"}
    assert tuple(await db.row(ONCE, "patron.deactivate", job_id) or ()) == (320, 320)
    assert {row["version"] for row in await db.rows("SELECT version FROM patron")} == {2}


async def test_new_patrons_are_made_once(town, start_worker, slow_patrons, until) -> None:
    lines = "".join(f"N{n},x{n},Last{n},Town {n}\n" for n in range(150))
    job_id = await take_in(town, "barcode,external_id,last_name,city\n" + lines, ImportFormat.PATRONS)
    worker = start_worker()
    await until(lambda: fewer(job_id, 150))
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    start_worker()
    job = await until(lambda: ended(town, job_id))
    assert (job.state, job.done) == (JobState.SUCCEEDED, 150)
    assert await counted(job_id) == {"rows": 150, "created": 150}
    for table in ("patron", "card", "address"):
        assert await db.value(f"SELECT count(*) FROM {table}") == 150
    assert tuple(await db.row(ONCE, "patron.register", job_id) or ()) == (150, 150)


async def test_sigterm_finishes_the_chunk_and_gives_the_lease_back(town, start_worker, slow_patrons, until) -> None:
    await pupils(town, 200)
    job_id = await take_in(town, all_false(200))
    worker = start_worker()
    await until(lambda: fewer(job_id, 200))
    worker.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(worker.wait, 20) == 0
    row = await db.row("SELECT state, lease_owner, done FROM job WHERE id = $1", job_id)
    assert tuple(row or ()) == ("RUNNING", None, 200 - await db.value(LEFT, job_id))


async def test_pause_resume_and_cancel(town, start_worker, slow_patrons, until) -> None:
    await pupils(town, 210)
    job_id = await take_in(town, all_false(200), missing=Missing())
    start_worker()
    await until(lambda: fewer(job_id, 200))
    assert (await jobs.pause(town.system, job_id)).changed
    left = await db.value(LEFT, job_id)
    await until(lambda: released(job_id))
    assert await db.value(LEFT, job_id) == left
    assert (await jobs.resume(town.system, job_id)).state is JobState.RUNNING
    await until(lambda: fewer(job_id, left))
    assert (await jobs.cancel(town.system, job_id)).state is JobState.CANCELLED
    done = (await counted(job_id))["deactivated"]
    assert 200 - left < done < 200
    # What was not reached is not kept, and nobody who was missing has been touched.
    await until(lambda: nothing_waits(job_id))
    assert list((await statuses(town)).values()) == ["INACTIVE"] * done + ["ACTIVE"] * (210 - done)
    assert await counted(job_id) == {"rows": 200, "deactivated": done}
    assert await missing_of(job_id) == (10, 210, 0, "PLANNED")


async def released(job_id: int) -> bool:
    return (await db.value("SELECT lease_owner FROM job WHERE id = $1", job_id)) is None


async def nothing_waits(job_id: int) -> bool:
    return (await db.value("SELECT count(*) FROM import_row WHERE job_id = $1", job_id)) == 0


async def test_a_permission_taken_away_stops_the_run(town, work, slow_patrons, until) -> None:
    actor = await town.staff(Permission.PATRONS_IMPORT)
    await pupils(town, 200)
    job_id = await take_in(actor, all_false(200))
    running = asyncio.create_task(work(town.id, job_id))
    await until(lambda: fewer(job_id, 200))
    await db.rows("UPDATE role SET permissions = '{PATRONS_VIEW}' RETURNING id")
    job = await running
    assert (job.state, job.error) == (
        JobState.FAILED, "Whoever started this import may not import any more; the rest was not imported.",
    )  # fmt: skip
    done = (await counted(job_id))["deactivated"]
    assert 0 < done < 200
    assert list((await statuses(town)).values()) == ["INACTIVE"] * done + ["ACTIVE"] * (200 - done)
    events = await db.rows("SELECT actor_kind, actor_id FROM audit_event WHERE action = 'patron.deactivate'")
    assert {tuple(event) for event in events} == {("STAFF", actor.id)}
    assert len(events) == done


async def test_staff_disabled_before_the_run_change_nobody(town, work) -> None:
    actor = await town.staff(Permission.PATRONS_IMPORT)
    await pupils(town, 3)
    job_id = await take_in(actor, all_false(3))
    await db.rows("UPDATE staff_user SET active = false RETURNING id")
    job = await work(town.id, job_id)
    assert (job.state, job.done) == (JobState.FAILED, 0)
    assert set((await statuses(town)).values()) == {"ACTIVE"}


POISON = """
CREATE OR REPLACE FUNCTION test_poison() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.username LIKE 'poison%' THEN
        RAISE EXCEPTION 'cannot change % %', NEW.username, NEW.email;
    END IF;
    RETURN NEW;
END $$
"""


async def test_a_poison_row_is_rejected_alone(town, start_worker, until, tmp_path) -> None:
    ids = await pupils(town, 60)
    bad = [ids[0], ids[33]]
    await db.rows("UPDATE patron SET username = 'poison' || id WHERE id = ANY($1::bigint[]) RETURNING id", bad)
    names = list(await statuses(town))
    await db.rows(POISON)
    await db.rows("CREATE TRIGGER test_poison BEFORE UPDATE ON patron FOR EACH ROW EXECUTE FUNCTION test_poison()")
    try:
        job_id = await take_in(town, status_file(**dict.fromkeys(names, "FALSE")))
        worker = start_worker(tmp_path / "log")
        job = await until(lambda: ended(town, job_id))
    finally:
        await db.rows("DROP TRIGGER test_poison ON patron")
    assert (job.state, job.total, job.done, job.skipped, job.failed) == (
        JobState.COMPLETED_WITH_ISSUES, 60, 58, 0, 2,
    )  # fmt: skip
    assert await counted(job_id) == {"rows": 60, "deactivated": 58, "rejected": 2}
    assert [name for name, status in (await statuses(town)).items() if status == "ACTIVE"] == [names[0], names[33]]
    found = await rejections(job_id)
    assert [(line, column, code) for line, column, code, _ in found] == [(2, "", "FAILED"), (35, "", "FAILED")]
    worker.terminate()
    await worker.ended()
    log = (tmp_path / "log").read_text()
    for *_, reason in found:
        words = reason.split()
        assert words[:5] == ["could", "not", "be", "applied:", "RaiseError"]
        assert words[5].rstrip(";") in log
    assert "cannot change" not in log
    assert "poison" not in log


async def test_rows_that_fail_one_after_the_other_end_the_job(town, work) -> None:
    await pupils(town, 30)
    await db.rows("UPDATE patron SET username = 'poison' || id RETURNING id")
    names = list(await statuses(town))
    await db.rows(POISON)
    await db.rows("CREATE TRIGGER test_poison BEFORE UPDATE ON patron FOR EACH ROW EXECUTE FUNCTION test_poison()")
    try:
        job_id = await take_in(town, status_file(**dict.fromkeys(names, "FALSE")))
        job = await work(town.id, job_id)
    finally:
        await db.rows("DROP TRIGGER test_poison ON patron")
    assert (job.state, job.failed) == (JobState.FAILED, 20)
    assert job.error is not None
    assert job.error.startswith("20 rows in a row could not be applied (RaiseError ")
    assert set((await statuses(town)).values()) == {"ACTIVE"}


async def test_a_username_taken_in_the_middle_is_a_rejected_row(town, work, slow_patrons, until) -> None:
    lines = "".join(f"N{n},user{n},Last{n}\n" for n in range(60))
    job_id = await take_in(town, "barcode,username,last_name\n" + lines, ImportFormat.PATRONS)
    running = asyncio.create_task(work(town.id, job_id))
    await until(lambda: fewer(job_id, 60))
    await db.rows(
        "INSERT INTO patron (library_id, first_name, username) VALUES ($1, 'Early', 'USER59') RETURNING id", town.id
    )
    job = await running
    assert (job.done, job.skipped, job.failed) == (59, 1, 0)
    assert await rejections(job_id) == [(61, "username", "TAKEN", "is another patron's; choose another")]
    assert await db.value("SELECT count(*) FROM card") == 59
