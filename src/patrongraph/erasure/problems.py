"""Every way a purge says no before anything is changed."""

import strawberry

from patrongraph.problems import Problem, ProblemCode, Refused


@strawberry.type(description="The number of patrons you confirmed is not the number that match now.")
class ConfirmationMismatch(Problem):
    """Carries the current number, so that a client can show the preview again."""

    current_count: int = strawberry.field(description="How many patrons match now.")


@strawberry.type(description="No inactive patron matches the filter.")
class NothingMatches(Problem):
    """Nothing was started."""


def confirmation_mismatch(confirmed: int | None, current: int) -> Refused:
    """Return the refusal of a purge whose confirmed count is missing or not the current one."""
    said = "was not confirmed" if confirmed is None else f"was confirmed for {confirmed}"
    message = f"The filter matches {current} patrons and the purge {said}: confirm exactly {current}."
    problem = ConfirmationMismatch(code=ProblemCode.CONFIRMATION_MISMATCH, message=message, current_count=current)
    return Refused(problem)


def nothing_matches() -> Refused:
    """Return the refusal of a filter that no inactive patron of the library matches."""
    message = "No inactive patron of your library matches this filter; nothing was started."
    return Refused(NothingMatches(code=ProblemCode.NOTHING_MATCHES, message=message))
