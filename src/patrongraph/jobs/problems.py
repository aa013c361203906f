"""Every way the jobs say no: a move its state does not allow, a key used again, a confirmation that does not hold."""

import strawberry

from patrongraph.jobs.models import JobState
from patrongraph.problems import Problem, ProblemCode, Refused


@strawberry.type(description="The job's state does not allow this move.")
class JobStateConflict(Problem):
    """Names the state the job is in, so that a client can show it without asking again."""

    state: str = strawberry.field(description="The state the job is in now.")


@strawberry.type(description="The job has nothing that could be tried again.")
class NothingToRetry(Problem):
    """All of its patrons are settled, or it is not a purge."""


@strawberry.type(description="The idempotency key was used before, for a different request.")
class IdempotencyMismatch(Problem):
    """The first request stands; this one needs a key of its own."""


@strawberry.type(description="The number of patrons you confirmed is not the number that match now.")
class ConfirmationMismatch(Problem):
    """Carries the current number, so that a client can show the preview again."""

    current_count: int = strawberry.field(description="How many patrons match now.")


@strawberry.type(description="The confirmation does not hold (any more); a new preview gives a new one.")
class ConfirmationVoid(Problem):
    """Says which: too old, or not for what is there now."""

    expired: bool = strawberry.field(description="Whether it is only too old; else something is not as it was shown.")


def job_state(verb: str, state: JobState) -> Refused:
    """Return the refusal of a verb, such as "paused", by a job in that state."""
    message = f"A job that is {state.value} cannot be {verb}."
    return Refused(JobStateConflict(code=ProblemCode.JOB_STATE, message=message, state=state.value))


def nothing_to_retry() -> Refused:
    """Return the refusal to retry a job none of whose items failed."""
    message = "Nothing failed in this job, so there is nothing to try again. Only a purge has patrons to try again."
    return Refused(NothingToRetry(code=ProblemCode.NOTHING_TO_RETRY, message=message))


def idempotency_mismatch() -> Refused:
    """Return the refusal of a key that came with another body before."""
    message = "This idempotency key was used for a different request; use a new key."
    return Refused(IdempotencyMismatch(code=ProblemCode.IDEMPOTENCY_MISMATCH, message=message))
