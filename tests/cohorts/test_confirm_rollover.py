"""A confirmation is good for exactly who goes where; whatever changes that makes it void."""

import time
from collections.abc import Awaitable, Callable

import pytest
from tests.cohorts.conftest import School
from tests.town import nothing_changes

from patrongraph import db
from patrongraph.cohorts import actions as cohorts
from patrongraph.patrons import actions as patrons
from patrongraph.permissions import Permission
from patrongraph.problems import ProblemCode, Refused
from patrongraph.rollover import actions

Change = Callable[[School, list[int]], Awaitable[object]]


async def _swap(school: School, ids: list[int]) -> None:
    """One in, one out: the count is the same."""
    await school.put(ids[0], "STAFF")
    await school.pupils(1, "Y7")


CHANGES: dict[str, Change] = {
    "somebody changes cohort": lambda school, ids: school.put(ids[0], "Y9"),
    "one comes and one goes": _swap,
    "one who would be deactivated is": lambda school, ids: patrons.deactivate(school.system, [ids[-1]]),
    "a cohort leads elsewhere": lambda school, _: cohorts.update(
        school.system, school.cohorts["Y7"], {"next_id": school.cohorts["Y9"]}
    ),
    "the graduated cohort is an ordinary one": lambda school, _: cohorts.update(
        school.system, school.cohorts["GRAD"], {"graduated": False}
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_change_makes_it_void(school: School, year: int, change: Change) -> None:
    ids = await school.pupils(12)
    preview = await school.shown(year)
    assert preview.confirmation is not None
    await change(school, ids)
    async with nothing_changes():
        with pytest.raises(Refused) as no:
            await actions.roll_over(
                school.system, year, confirm_count=12, confirmation_token=preview.confirmation.token
            )
    assert no.value.problem.code is ProblemCode.CONFIRMATION_VOID


async def test_what_has_nothing_to_do_with_it_leaves_it_valid(school: School, year: int) -> None:
    ids = await school.pupils(12)
    preview = await school.shown(year)
    assert preview.confirmation is not None
    await patrons.deactivate(school.system, [ids[0]])  # moves all the same
    await school.pupils(3, "STAFF")
    await cohorts.create(school.system, code="NEW", name="New")
    await cohorts.update(school.system, school.cohorts["Y8"], {"name": "Year 8"})
    started = await actions.roll_over(
        school.system, year, confirm_count=12, confirmation_token=preview.confirmation.token
    )
    assert isinstance(started, actions.RolloverStarted)
    assert started.count == 12


@pytest.mark.parametrize(("seconds", "expired"), [(901, True), (-120, False)])
async def test_a_confirmation_of_another_time_is_void(school: School, year: int, seconds: int, expired: bool) -> None:
    await school.pupils(2)
    preview = await school.shown(year, clock=lambda: time.time() - seconds)
    assert preview.confirmation is not None
    async with nothing_changes():
        with pytest.raises(Refused) as no:
            await actions.roll_over(school.system, year, confirm_count=2, confirmation_token=preview.confirmation.token)
    assert no.value.problem.code is ProblemCode.CONFIRMATION_VOID
    assert no.value.problem.expired is expired


async def test_another_actors_confirmation_is_void(school: School, year: int) -> None:
    await school.pupils(2)
    anna = await school.town.staff(Permission.COHORTS_ROLL_OVER)
    preview = await school.shown(year, anna)
    assert preview.confirmation is not None
    async with nothing_changes():
        with pytest.raises(Refused):
            await actions.roll_over(school.system, year, confirm_count=2, confirmation_token=preview.confirmation.token)
    assert await db.value("SELECT count(*) FROM rollover_step") == 0
