"""Pause, resume and cancel: each state allows what it should, says no by name, and another library sees nothing."""

import pytest

from patrongraph import db
from patrongraph.jobs import actions, leases
from patrongraph.jobs.models import JobKind, JobState
from patrongraph.jobs.queries import latest, progress
from patrongraph.problems import Refused

ROW = "SELECT state, version, lease_owner, finished_at FROM job WHERE id = $1"
EVENTS = "SELECT array_agg(action ORDER BY id) FROM audit_event WHERE job_id = $1"
KINDS = [JobKind.PURGE]


async def test_a_queued_job_pauses_and_goes_on_queued(actor, job_id) -> None:
    assert await actions.pause(actor, job_id) == actions.Moved(job_id, JobState.PAUSED, True)
    assert await leases.claim("me", 5, KINDS, 10) == []
    assert await actions.pause(actor, job_id) == actions.Moved(job_id, JobState.PAUSED, False)
    assert await actions.resume(actor, job_id) == actions.Moved(job_id, JobState.QUEUED, True)
    assert await actions.resume(actor, job_id) == actions.Moved(job_id, JobState.QUEUED, False)
    assert (await db.row(ROW, job_id))["version"] == 3
    assert await db.value(EVENTS, job_id) == ["job.pause", "job.resume"]


async def test_a_running_job_pauses_and_goes_on_running(actor, job_id) -> None:
    [(lease, version)] = await leases.claim("me", 5, KINDS, 10)
    assert (version, await lease.should_stop()) == (2, False)
    await actions.pause(actor, job_id)
    assert await lease.should_stop()
    async with db.transaction():
        assert await lease.advance() is None
    await leases.release(lease)
    assert (await actions.resume(actor, job_id)).state is JobState.RUNNING
    [(again, _)] = await leases.claim("other", 5, KINDS, 10)
    assert again.job_id == job_id


async def test_cancel_settles_what_was_not_reached(actor, job_id) -> None:
    [(lease, _)] = await leases.claim("me", 5, KINDS, 10)
    await db.rows("UPDATE job_item SET state = 'DONE' WHERE patron_id = 1 RETURNING id")
    assert await actions.cancel(actor, job_id) == actions.Moved(job_id, JobState.CANCELLED, True)
    assert await actions.cancel(actor, job_id) == actions.Moved(job_id, JobState.CANCELLED, False)
    job = await progress(actor.library, job_id)
    assert job is not None
    assert (job.state, job.total, job.done, job.cancelled, job.finished) == (
        JobState.CANCELLED, 3, 1, 2, True,
    )  # fmt: skip
    assert await lease.should_stop()
    assert await leases.finish(lease) is None
    assert (await db.row(ROW, job_id))["state"] == "CANCELLED"


@pytest.mark.parametrize("state", ["SUCCEEDED", "COMPLETED_WITH_ISSUES", "FAILED", "CANCELLED"])
async def test_a_finished_job_says_no(actor, job_id, state: str) -> None:
    await db.rows("UPDATE job SET state = $2, finished_at = now() WHERE id = $1 RETURNING id", job_id, state)
    before = await db.row(ROW, job_id)
    for verb in (actions.pause, actions.resume, actions.cancel):
        if verb is actions.cancel and state == "CANCELLED":
            continue
        with pytest.raises(Refused) as refused:
            await verb(actor, job_id)
        problem = refused.value.problem
        assert (problem.code, problem.state) == ("JOB_STATE", state)
    assert await db.row(ROW, job_id) == before
    assert await db.value("SELECT count(*) FROM job_item WHERE state = 'PENDING'") == 3
    assert await db.value(EVENTS, job_id) is None


async def test_another_library_finds_nothing(actor, stranger, job_id) -> None:
    before = await db.row(ROW, job_id)
    for verb in (actions.pause, actions.resume, actions.cancel):
        with pytest.raises(Refused) as refused:
            await verb(stranger, job_id)
        with pytest.raises(Refused) as unknown:
            await verb(stranger, 999_999)
        assert refused.value.problem == unknown.value.problem
    assert await progress(stranger.library, job_id) is None
    assert await latest(stranger.library, 10) == []
    assert [job.id for job in await latest(actor.library, 10)] == [job_id]
    assert await db.row(ROW, job_id) == before


async def test_a_lease_is_held_by_one_and_taken_over_when_it_runs_out(actor, job_id) -> None:
    [(mine, _)] = await leases.claim("me", 5, KINDS, 10)
    assert await leases.claim("other", 5, KINDS, 10) == []
    assert await leases.renew(mine)
    await db.rows("UPDATE job SET lease_until = now() - interval '1 second' RETURNING id")
    [(theirs, _)] = await leases.claim("other", 5, KINDS, 10)
    assert await mine.should_stop()
    async with db.transaction():
        assert await mine.advance() is None
    assert not await leases.renew(mine)
    assert await leases.fail(mine, "late") is None
    await leases.release(mine)
    assert not await theirs.should_stop()


async def test_a_job_with_work_left_cannot_finish(actor, job_id) -> None:
    [(lease, _)] = await leases.claim("me", 5, KINDS, 10)
    assert await leases.finish(lease) is None
    await db.rows("UPDATE job_item SET state = 'DONE' RETURNING id")
    assert await leases.finish(lease) == 3
    assert (await db.row(ROW, job_id))["state"] == "SUCCEEDED"


async def test_kinds_that_this_worker_does_not_know_are_left(actor, job_id) -> None:
    assert await leases.claim("me", 5, [JobKind.EXPORT_PATRON], 10) == []
    assert (await db.row(ROW, job_id))["state"] == "QUEUED"
