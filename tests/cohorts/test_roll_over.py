"""A school of 2,000 is rolled over once, by a worker: everybody one step on, exactly, and nobody twice."""

from itertools import pairwise

import orjson
import pytest
from tests.cohorts.conftest import CHAIN, YEARS, Run, School, make_school, rolled
from tests.town import contents, nothing_changes

from patrongraph import db
from patrongraph.jobs import actions as jobs
from patrongraph.jobs.models import JobState
from patrongraph.jobs.queries import codes
from patrongraph.problems import ProblemCode, Refused
from patrongraph.rollover import actions


async def a_school_of_2000(school: School) -> list[int]:
    """1,800 active in six cohorts and 60 inactive, 40 active graduates and 20 inactive, 50 who stay, 30 without."""
    ids = await school.pupils(1_800)
    ids += await school.pupils(60, status="INACTIVE")
    ids += await school.pupils(40, "GRAD")
    ids += await school.pupils(20, "GRAD", status="INACTIVE")
    ids += await school.pupils(50, "STAFF")
    free = await school.pupils(30)
    await db.rows("UPDATE patron SET cohort_id = NULL WHERE id = ANY($1::bigint[]) RETURNING id", free)
    return ids + free


async def test_2000_patrons_in_seven_cohorts(school: School, other_school: School, work: Run, year: int) -> None:
    assert len(await a_school_of_2000(school)) == 2_000
    before, others = await school.state(), await contents(other_school.town.id)
    preview = await school.shown(year)
    lines = {each.code: each for each in preview.cohorts}
    assert (preview.count, preview.moving, preview.deactivating) == (1_900, 1_860, 340)
    assert preview.staying == 70
    assert (preview.continues, sorted(lines)) == (None, sorted([*CHAIN, "STAFF"]))
    for code, to in pairwise(YEARS):
        line = lines[code]
        assert (line.to_code, line.members, line.moving, line.deactivating, line.staying) == (to, 310, 310, 0, 0)
    last, grad, staff = lines["Y12"], lines["GRAD"], lines["STAFF"]
    assert (last.to_code, last.members, last.moving, last.deactivating, last.staying) == ("GRAD", 310, 310, 300, 0)
    assert (grad.to_code, grad.members, grad.moving, grad.deactivating, grad.staying) == (None, 60, 0, 40, 20)
    assert (staff.to_code, staff.members, staff.moving, staff.deactivating, staff.staying) == (None, 50, 0, 0, 50)

    job_id = await school.start(year)
    assert await school.state() == before
    job = await work(school.town.id, job_id)
    assert (job.state, job.total, job.done) == (JobState.SUCCEEDED, 1_900, 1_900)
    assert await codes(school.town.id, job_id) == {}
    assert await school.state() == rolled({k: v for k, v in before.items() if v[0] is not None}) | {
        k: v for k, v in before.items() if v[0] is None
    }
    assert await contents(other_school.town.id) == others
    row = await db.row("SELECT year, job_id, moved, deactivated, undone_at FROM rollover")
    assert tuple(row) == (year, job_id, 1_860, 340, None)


async def test_it_is_audited_patron_by_patron_and_ends_their_sessions(school: School, work: Run, year: int) -> None:
    [pupil] = await school.pupils(1, "Y7")
    [leaver] = await school.pupils(1, "Y12")
    [graduate] = await school.pupils(1, "GRAD")
    for patron in (pupil, leaver, graduate):
        await db.rows(
            "INSERT INTO session (patron_id, library_id, token_sha256, created_at, expires_at, last_seen_at)"
            " VALUES ($1, $2, $3, now(), now() + interval '1 hour', now()) RETURNING id",
            patron, school.town.id, f"{patron}".rjust(64, "0"),
        )  # fmt: skip
    job_id = await school.start(year)
    await work(school.town.id, job_id)
    assert [row["patron_id"] for row in await db.rows("SELECT patron_id FROM session")] == [pupil]
    events = await db.rows("SELECT action, subject_id, detail FROM audit_event WHERE job_id = $1 ORDER BY id", job_id)
    told = [(row["action"], row["subject_id"], orjson.loads(row["detail"])) for row in events]
    cohorts = school.cohorts
    counts = {"patrons": 3, "moving": 2, "deactivating": 2}
    assert told == [
        ("rollover.start", job_id, {"year": year, "rest": False, **counts}),
        ("patron.change_cohort", pupil, {"from_cohort": cohorts["Y7"], "to_cohort": cohorts["Y8"]}),
        ("patron.change_cohort", leaver, {"from_cohort": cohorts["Y12"], "to_cohort": cohorts["GRAD"]}),
        ("patron.deactivate", leaver, {}),
        ("patron.deactivate", graduate, {}),
        ("rollover.chunk", job_id, {"moved": 2, "deactivated": 2, "skipped": 0}),
        ("job.finish", job_id, {"state": "SUCCEEDED"}),
    ]


async def test_the_same_year_again_does_nothing(school: School, work: Run, year: int) -> None:
    await school.pupils(12)
    job_id = await school.start(year)

    async def refused(why: str) -> None:
        for dry_run in (True, False):
            async with nothing_changes():
                with pytest.raises(Refused) as no:
                    await actions.roll_over(school.system, year, dry_run=dry_run)
            assert no.value.problem.code is ProblemCode.ALREADY_ROLLED_OVER
            assert f"job {job_id}" in no.value.problem.message
            assert why in no.value.problem.message

    await refused("has not ended yet")
    await work(school.town.id, job_id)
    await refused(f"{year} has been rolled over")
    # Another year is another rollover.
    assert (await school.shown(year + 1)).count == 10


async def test_no_other_year_begins_while_one_is_under_way(school: School, work: Run, year: int) -> None:
    """Its plan would be made of cohorts that are half moved."""

    async def refused(job_id: int) -> None:
        for dry_run in (True, False):
            async with nothing_changes():
                with pytest.raises(
                    Refused, match=f"The rollover of {year} .job {job_id}. has not come to its end"
                ) as no:
                    await actions.roll_over(school.system, year + 1, dry_run=dry_run)
            assert no.value.problem.code is ProblemCode.ROLLOVER_UNDER_WAY

    await school.pupils(12)
    before = await school.places()
    job_id = await school.start(year)
    await refused(job_id)
    await work(school.town.id, job_id)
    undo = await school.undo(job_id)
    await refused(undo)
    await jobs.cancel(school.system, undo)
    await refused(undo)
    await work(school.town.id, await school.undo(job_id))
    assert await school.places() == before
    assert (await school.shown(year + 1)).count == 12


async def test_a_year_that_is_not_near_is_refused(school: School, year: int) -> None:
    await school.pupils(2)
    for wrong in (year - 2, year + 2, 0, -1, 99_999_999_999):
        async with nothing_changes():
            with pytest.raises(Refused, match=f"{wrong} is not near: a rollover is of a year from {year - 1}"):
                await actions.roll_over(school.system, wrong, dry_run=True)
    for near in (year - 1, year + 1):
        assert (await school.shown(near)).count == 2


async def test_nobody_to_move_leaves_the_year_open(school: School, year: int) -> None:
    await school.pupils(2, "STAFF")
    await school.pupils(2, "GRAD", status="INACTIVE")
    preview = await school.shown(year)
    assert (preview.count, preview.confirmation, preview.staying) == (0, None, 4)
    async with nothing_changes():
        with pytest.raises(Refused) as no:
            await actions.roll_over(school.system, year, confirm_count=0, confirmation_token="x")
    assert no.value.problem.code is ProblemCode.NOTHING_TO_ROLL_OVER


async def test_a_chain_that_goes_round_would_move_each_once(school: School, work: Run, year: int) -> None:
    """No mutation makes one; if the table holds one, still nobody moves twice."""
    await db.rows(
        "UPDATE cohort SET next_cohort_id = $2 WHERE id = $1 RETURNING id",
        school.cohorts["STAFF"], school.cohorts["STAFF"],
    )  # fmt: skip
    await db.rows(
        "UPDATE cohort SET next_cohort_id = $2 WHERE id = $1 RETURNING id", school.cohorts["Y8"], school.cohorts["Y7"]
    )
    seven, eight = await school.pupils(2, "Y7", "Y8")
    await work(school.town.id, await school.start(year))
    assert await school.places() == {seven: "Y8", eight: "Y7"}


async def test_patrons_who_were_moved_or_erased_meanwhile_are_left_alone(school: School, work: Run, year: int) -> None:
    moved, free, gone, deactivated, stays = await school.pupils(5, "Y12")
    job_id = await school.start(year)
    await school.put(moved, "Y7")
    await db.rows("UPDATE patron SET cohort_id = NULL WHERE id = $1 RETURNING id", free)
    for table in ("rollover_step", "card", "address", "patron_pin", "block"):
        await db.rows(f"DELETE FROM {table} WHERE patron_id = $1", gone)
    await db.rows("DELETE FROM patron WHERE id = $1", gone)
    await db.rows("UPDATE patron SET status = 'INACTIVE' WHERE id = $1 RETURNING id", deactivated)
    job = await work(school.town.id, job_id)
    assert (job.state, job.done, job.skipped) == (JobState.COMPLETED_WITH_ISSUES, 2, 3)
    assert await codes(school.town.id, job_id) == {"COHORT_CHANGED": 2, "ALREADY_GONE": 1, "ALREADY_INACTIVE": 1}
    assert await school.state() == {
        moved: ("Y7", "ACTIVE", 2), free: (None, "ACTIVE", 1), deactivated: ("GRAD", "INACTIVE", 2),
        stays: ("GRAD", "INACTIVE", 2),
    }  # fmt: skip
    assert tuple(await db.row("SELECT moved, deactivated FROM rollover")) == (2, 1)


async def test_cohorts_that_are_edited_or_deleted_meanwhile_change_nothing(
    school: School, work: Run, year: int
) -> None:
    from patrongraph.cohorts import actions as cohorts

    [pupil] = await school.pupils(1, "Y7")
    [stays] = await school.pupils(1, "Y10")
    job_id = await school.start(year)
    await cohorts.update(school.system, school.cohorts["Y7"], {"next_id": school.cohorts["Y12"], "code": "SEVEN"})
    await cohorts.update(school.system, school.cohorts["Y10"], {"next_id": None})
    await cohorts.delete(school.system, school.cohorts["Y11"])
    job = await work(school.town.id, job_id)
    assert (job.done, job.skipped) == (1, 1)
    assert await codes(school.town.id, job_id) == {"COHORT_GONE": 1}
    assert await school.places() == {pupil: "Y8", stays: "Y10"}


async def test_the_same_request_twice_is_one_job(school: School, year: int) -> None:
    await school.pupils(6)
    job_id = await school.start(year, idempotency_key="summer")
    preview_key = {"confirm_count": 6, "confirmation_token": "other", "idempotency_key": "summer"}
    async with nothing_changes():
        with pytest.raises(Refused) as no:
            await actions.roll_over(school.system, year, **preview_key)
    assert no.value.problem.code is ProblemCode.IDEMPOTENCY_MISMATCH
    assert await db.value("SELECT count(*) FROM job") == 1
    assert await db.value("SELECT id FROM job") == job_id


async def test_the_request_sent_again_finds_its_job(school: School, year: int) -> None:
    await school.pupils(6)
    preview = await school.shown(year)
    assert preview.confirmation is not None
    body = {"confirm_count": 6, "confirmation_token": preview.confirmation.token, "idempotency_key": "summer"}
    first = await actions.roll_over(school.system, year, **body)
    async with nothing_changes():
        again = await actions.roll_over(school.system, year, **body)
    assert isinstance(first, actions.RolloverStarted)
    assert again == actions.RolloverStarted(first.job_id, 6, replayed=True)


async def test_another_librarys_cohort_leads_nowhere(school: School, work: Run, year: int) -> None:
    """A patron whose cohort is another library's, which no door allows, is in no plan of either."""
    south = await make_school("SOUTH")
    [stray] = await school.pupils(1, "Y7")
    await db.rows("UPDATE patron SET cohort_id = $2 WHERE id = $1 RETURNING id", stray, south.cohorts["Y7"])
    assert (await school.shown(year)).count == 0
    assert (await south.shown(year)).count == 0
