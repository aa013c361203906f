"""A rollover is taken back: whoever is where it put them goes back, whom it deactivated is active, the year is open."""

import datetime as dt

import orjson
import pytest
from tests.cohorts.conftest import YEARS, Run, School, rolled
from tests.erasure.support import purge_all
from tests.town import contents, nothing_changes

from patrongraph import db
from patrongraph.jobs import actions as jobs
from patrongraph.jobs.models import JobState
from patrongraph.jobs.queries import codes
from patrongraph.patrons import actions as patrons
from patrongraph.problems import ProblemCode, Refused
from patrongraph.rollover import actions
from patrongraph.rollover.models import UndoObstacle


async def refused(school: School, job_id: int, obstacle: UndoObstacle) -> None:
    for dry_run in (True, False):
        async with nothing_changes():
            with pytest.raises(Refused) as no:
                await actions.undo(school.system, job_id, dry_run=dry_run)
        assert no.value.problem.code is ProblemCode.ROLLOVER_NOT_UNDOABLE
        assert no.value.problem.obstacle is obstacle


async def test_run_undo_and_run_again(school: School, other_school: School, work: Run, year: int) -> None:
    await school.pupils(600)
    await school.pupils(20, status="INACTIVE")
    await school.pupils(8, "GRAD")
    before, others = await school.state(), await contents(other_school.town.id)
    first = await school.start(year)
    await refused(school, first, UndoObstacle.RUNNING)
    await work(school.town.id, first)
    after = await school.state()
    assert after == rolled(before)

    assert await actions.undo(school.system, first, dry_run=True) == actions.UndoPreview(year, 620, 108, 0)
    undo = await school.undo(first)
    await refused(school, first, UndoObstacle.UNDO_RUNNING)
    job = await work(school.town.id, undo)
    assert (job.state, job.total, job.done) == (JobState.SUCCEEDED, 628, 628)
    assert await codes(school.town.id, undo) == {}
    assert {key: state[:2] for key, state in (await school.state()).items()} == {
        key: state[:2] for key, state in before.items()
    }
    assert {state[2] for state in (await school.state()).values()} == {3}
    await refused(school, first, UndoObstacle.ALREADY_UNDONE)
    row = await db.row("SELECT undo_job_id, undone_at IS NOT NULL, moved, deactivated FROM rollover")
    assert tuple(row) == (undo, True, 620, 108)

    again = await school.start(year)
    assert again not in (first, undo)
    assert (await work(school.town.id, again)).done == 628
    assert {key: state[:2] for key, state in (await school.state()).items()} == {
        key: state[:2] for key, state in after.items()
    }
    assert await contents(other_school.town.id) == others
    events = await db.rows(
        "SELECT action, count(*)::int AS n FROM audit_event WHERE job_id = $1 GROUP BY action ORDER BY action", undo
    )
    assert {row["action"]: row["n"] for row in events} == {
        "job.finish": 1, "patron.change_cohort": 620, "patron.reactivate": 108, "rollover.undo": 1,
        "rollover.undo_chunk": 1,
    }  # fmt: skip


async def test_only_what_nobody_has_changed_since_is_taken_back(school: School, work: Run, year: int) -> None:
    repeats, switched_on, again_off, deleted = await school.pupils(4, "Y12")
    graduate, back = await school.pupils(2, "GRAD")
    [stays, goes] = await school.pupils(2, "Y7")
    first = await school.start(year)
    await work(school.town.id, first)
    await school.put(repeats, "Y12")
    await school.put(stays, "Y12")
    await patrons.reactivate(school.system, [switched_on, again_off, back])
    await patrons.deactivate(school.system, [again_off])
    await db.rows(
        "UPDATE patron SET status = 'PENDING_PURGE', purge_after = now() + interval '9 days' WHERE id = $1",
        deleted,
    )
    preview = await actions.undo(school.system, first, dry_run=True)
    assert preview == actions.UndoPreview(year, moving=4, reactivating=1, left_alone=3)
    undo = await school.undo(first)
    job = await work(school.town.id, undo)
    assert (job.state, job.done, job.skipped) == (JobState.COMPLETED_WITH_ISSUES, 5, 3)
    assert await codes(school.town.id, undo) == {"COHORT_CHANGED": 2, "STATUS_CHANGED": 4}
    assert {key: state[:2] for key, state in (await school.state()).items()} == {
        repeats: ("Y12", "INACTIVE"), switched_on: ("Y12", "ACTIVE"), again_off: ("Y12", "INACTIVE"),
        deleted: ("Y12", "PENDING_PURGE"), graduate: ("GRAD", "ACTIVE"), back: ("GRAD", "ACTIVE"),
        stays: ("Y12", "ACTIVE"), goes: ("Y7", "ACTIVE"),
    }  # fmt: skip
    # Taken back all the same, so the year may be run again.
    assert (await school.shown(year)).count == 8


async def test_a_cohort_that_is_gone_takes_nobody_back(school: School, work: Run, year: int) -> None:
    from patrongraph.cohorts import actions as cohorts

    [pupil] = await school.pupils(1, "Y7")
    first = await school.start(year)
    await work(school.town.id, first)
    await cohorts.delete(school.system, school.cohorts["Y7"])
    undo = await school.undo(first)
    assert (await work(school.town.id, undo)).skipped == 1
    assert await codes(school.town.id, undo) == {"COHORT_GONE": 1}
    assert await school.places() == {pupil: "Y8"}


async def test_a_later_year_is_taken_back_first(school: School, work: Run, year: int) -> None:
    [pupil] = await school.pupils(1, "Y7")
    first = await school.start(year)
    await work(school.town.id, first)
    second = await school.start(year + 1)
    await work(school.town.id, second)
    assert await school.places() == {pupil: "Y9"}
    await refused(school, first, UndoObstacle.LATER_ROLLOVER)
    await work(school.town.id, await school.undo(second))
    await work(school.town.id, await school.undo(first))
    assert await school.places() == {pupil: "Y7"}


async def test_after_a_purge_it_stays(school: School, work: Run, year: int) -> None:
    await school.pupils(6)
    first = await school.start(year)
    await work(school.town.id, first)
    purge = await purge_all(school.system)
    await refused(school, first, UndoObstacle.PURGED_SINCE)
    await jobs.cancel(school.system, purge.job_id)
    await refused(school, first, UndoObstacle.PURGED_SINCE)


async def test_a_purge_before_it_does_not_count(school: School, work: Run, year: int) -> None:
    await school.pupils(2, "STAFF", status="INACTIVE")
    await work(school.town.id, (await purge_all(school.system)).job_id)
    await school.pupils(6)
    first = await school.start(year)
    await work(school.town.id, first)
    assert (await work(school.town.id, await school.undo(first))).done == 6


async def test_an_undo_that_was_cancelled_is_finished_by_the_next(school: School, work: Run, year: int) -> None:
    ids = await school.pupils(10)
    before = await school.places()
    first = await school.start(year)
    await work(school.town.id, first)
    undo = await school.undo(first)
    await jobs.cancel(school.system, undo)
    # In part or not at all: then the year is not open.
    with pytest.raises(Refused, match="is taken back in part only: finish that first"):
        await actions.roll_over(school.system, year, dry_run=True)
    await patrons.deactivate(school.system, ids[:1])
    purge = await purge_all(school.system)  # and what was begun may be finished, whatever is purged
    await jobs.cancel(school.system, purge.job_id)
    second = await school.undo(first)
    assert (await work(school.town.id, second)).done == 10
    assert await school.places() == before
    assert (await school.shown(year)).count == 10


async def test_it_names_its_job_by_any_of_the_years_jobs(school: School, work: Run, year: int) -> None:
    await school.pupils(4)
    first = await school.start(year)
    await jobs.cancel(school.system, first)
    second = await school.start(year)
    await work(school.town.id, second)
    undo = await school.undo(first)
    assert (await work(school.town.id, undo)).done == 4
    assert set((await school.places()).values()) <= set(YEARS)


async def test_the_document_of_a_patron_tells_of_it(school: School, work: Run, year: int) -> None:
    from patrongraph.exports.document import fetch_document
    from patrongraph.exports.queries import ONE_PATRON

    [leaver] = await school.pupils(1, "Y12")
    first = await school.start(year)
    planned = orjson.loads(await fetch_document(ONE_PATRON, leaver, school.town.id))["rollovers"]
    none = {"movedAt": None, "undoneAt": None}
    assert planned == [{"fromCohort": "Y12", "toCohort": "GRAD", "deactivated": False} | none]
    await work(school.town.id, first)
    await work(school.town.id, await school.undo(first))
    [told] = orjson.loads(await fetch_document(ONE_PATRON, leaver, school.town.id))["rollovers"]
    step = await db.row("SELECT done_at, undone_at FROM rollover_step")
    moments = [dt.datetime.fromisoformat(told.pop(name)) for name in ("movedAt", "undoneAt")]
    assert moments == [step["done_at"], step["undone_at"]]
    assert told == {"fromCohort": "Y12", "toCohort": "GRAD", "deactivated": True}
