"""Every way a rollover says no before anything is changed."""

import datetime as dt

import strawberry

from patrongraph.graph.declare import read_back
from patrongraph.jobs.problems import ConfirmationMismatch, ConfirmationVoid
from patrongraph.jobs.types import Job
from patrongraph.problems import Problem, ProblemCode, Refused
from patrongraph.rollover.models import UndoObstacle

strawberry.enum(UndoObstacle, description="Why a rollover cannot be taken back now.")


@strawberry.type(description="The year has been rolled over, or is about to be; nobody is moved twice.")
class AlreadyRolledOver(Problem):
    """Names the job, so that staff can look at what it did."""

    job_id: strawberry.Private[int]
    year: int = strawberry.field(description="The year.")
    started_at: dt.datetime = strawberry.field(description="When its rollover was asked for.")
    job: Job = read_back("job_id", "The job that did it, or does it, or takes it back.")


@strawberry.type(description="Another year is being rolled over, or taken back: the cohorts are half moved.")
class RolloverUnderWay(Problem):
    """Names the job to wait for."""

    job_id: strawberry.Private[int]
    year: int = strawberry.field(description="The other year.")
    job: Job = read_back("job_id", "The job that moves it, or takes it back.")


@strawberry.type(description="No cohort of your library has members who would move or be deactivated.")
class NothingToRollOver(Problem):
    """Nothing was started, and the year is still open."""


@strawberry.type(description="The rollover cannot be taken back.")
class RolloverNotUndoable(Problem):
    """Says why."""

    obstacle: UndoObstacle = strawberry.field(description="What stands in the way.")


_UNDO = {
    UndoObstacle.RUNNING: "it has not ended yet. Let it end, or cancel its job first",
    UndoObstacle.ALREADY_UNDONE: "it was taken back already",
    UndoObstacle.UNDO_RUNNING: "it is just being taken back",
    UndoObstacle.PURGED_SINCE: "a purge was started after it",
    UndoObstacle.LATER_ROLLOVER: "a later year was rolled over since. Take that back first",
}


def already_rolled_over(
    year: int, job_id: int, started_at: dt.datetime, *, finished: bool, undo_job_id: int | None
) -> Refused:
    """Return the refusal of a year that has a rollover: by which job, when it began, whether that has ended.

    `undo_job_id`: the job that began to take it back and did not get to its end.
    """
    asked = f"asked for on {started_at:%Y-%m-%d}, job {job_id}"
    if undo_job_id is not None:
        message = f"The rollover of {year} ({asked}) is taken back in part only: finish that first."
    elif finished:
        message = f"{year} has been rolled over ({asked}). Running it again would move nobody, so nothing was started."
    else:
        message = f"The rollover of {year} ({asked}) has not ended yet; nothing was started."
    return Refused(
        AlreadyRolledOver(
            code=ProblemCode.ALREADY_ROLLED_OVER,
            message=message,
            job_id=undo_job_id or job_id,
            year=year,
            started_at=started_at,
        )
    )


def under_way(year: int, job_id: int) -> Refused:
    """Return the refusal of a year while another one is under way, by that job."""
    message = (
        f"The rollover of {year} (job {job_id}) has not come to its end, so nothing was started. Let it end, or cancel"
        " it; one that is taken back in part has to be taken back to the end first."
    )
    return Refused(RolloverUnderWay(code=ProblemCode.ROLLOVER_UNDER_WAY, message=message, job_id=job_id, year=year))


def nothing_to_roll_over() -> Refused:
    """Return the refusal of a rollover of nobody."""
    message = "No cohort with a next one has members, so nothing was started. Give the cohorts their next one."
    return Refused(NothingToRollOver(code=ProblemCode.NOTHING_TO_ROLL_OVER, message=message))


def not_undoable(year: int, obstacle: UndoObstacle) -> Refused:
    """Return the refusal to take a rollover back."""
    message = f"The rollover of {year} cannot be taken back: {_UNDO[obstacle]}."
    return Refused(RolloverNotUndoable(code=ProblemCode.ROLLOVER_NOT_UNDOABLE, message=message, obstacle=obstacle))


def confirmation_mismatch(confirmed: int | None, current: int) -> Refused:
    """Return the refusal of a rollover whose confirmed count is missing or not the current one."""
    said = "was not confirmed" if confirmed is None else f"was confirmed for {confirmed}"
    message = f"The rollover is about {current} patrons and {said}: confirm exactly {current}."
    problem = ConfirmationMismatch(code=ProblemCode.CONFIRMATION_MISMATCH, message=message, current_count=current)
    return Refused(problem)


def confirmation_void(*, expired: bool) -> Refused:
    """Return the refusal of a rollover whose confirmation is missing, too old, or not for what would happen now."""
    why = (
        "The confirmation is older than 15 minutes."
        if expired
        else "The confirmation is missing, or was not made for you, this year and exactly who would go where now."
    )
    message = f"{why} Nothing was started: make a new dry run and confirm that."
    return Refused(ConfirmationVoid(code=ProblemCode.CONFIRMATION_VOID, message=message, expired=expired))
