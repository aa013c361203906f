"""The end of the year as staff do it: roll over, then purge the graduated; the statistics know their cohort."""

import pytest
from tests.cohorts.conftest import YEARS, Run, School
from tests.erasure.support import purge_all
from tests.town import contents

from patrongraph import db
from patrongraph.jobs import actions as jobs
from patrongraph.jobs.models import JobState
from patrongraph.jobs.queries import codes
from patrongraph.patrons.filters import PatronCriteria
from patrongraph.problems import ProblemCode, Refused
from patrongraph.rollover import actions
from patrongraph.rollover.models import UndoObstacle

STATISTICS = "SELECT cohort_code, count(*)::int AS n FROM loan_statistic GROUP BY cohort_code"


@pytest.mark.parametrize("retained", [True, False], ids=["retained", "not retained"])
async def test_the_graduated_are_ready_for_removal(
    school: School, other_school: School, work: Run, year: int, retained: bool
) -> None:
    await school.town.policy(retain_deleted_patron_loans=retained)
    ids = await school.pupils(24, loans=3)
    left_before = await school.pupils(2, "GRAD", loans=2)
    others = await contents(other_school.town.id)
    job_id = await school.start(year)
    await work(school.town.id, job_id)
    graduated = PatronCriteria(cohort_id=school.cohorts["GRAD"])
    purge = await purge_all(school.system, graduated)
    assert purge.count == 6
    done = await work(school.town.id, purge.job_id)
    assert (done.state, done.done) == (JobState.SUCCEEDED, 6)
    leavers = [patron for place, patron in enumerate(ids) if place % 6 == 5]
    assert await school.town.remaining() == sorted(set(ids) - set(leavers))
    assert sorted(set((await school.places()).values())) == sorted(YEARS[1:])
    found = {row["cohort_code"]: row["n"] for row in await db.rows(STATISTICS)}
    assert found == ({"GRAD": 4 * 3 + 2 * 2} if retained else {})
    # The steps went with their patrons; what was done is still told.
    steps = {row["patron_id"] for row in await db.rows("SELECT patron_id FROM rollover_step")}
    assert steps == set(ids) - set(leavers)
    assert not steps & set(left_before)
    assert tuple(await db.row("SELECT moved, deactivated FROM rollover")) == (24, 6)
    with pytest.raises(Refused) as no:
        await actions.undo(school.system, job_id)
    assert no.value.problem.code is ProblemCode.ROLLOVER_NOT_UNDOABLE
    assert no.value.problem.obstacle is UndoObstacle.PURGED_SINCE
    assert await contents(other_school.town.id) == others


async def test_patrons_who_are_purged_while_it_waits(school: School, work: Run, year: int) -> None:
    gone = await school.pupils(2, "Y9", status="INACTIVE")
    [stays] = await school.pupils(1, "Y9")
    job_id = await school.start(year)
    await jobs.pause(school.system, job_id)
    assert (await work(school.town.id, (await purge_all(school.system)).job_id)).done == 2
    await jobs.resume(school.system, job_id)
    job = await work(school.town.id, job_id)
    assert (job.state, job.done, job.skipped) == (JobState.COMPLETED_WITH_ISSUES, 1, 2)
    assert await codes(school.town.id, job_id) == {"ALREADY_GONE": 2}
    assert await school.places() == {stays: "Y10"}
    assert await db.value("SELECT count(*) FROM rollover_step WHERE patron_id = ANY($1::bigint[])", gone) == 0
