"""Every way the cohorts' actions say no, beside the common ones."""

from collections.abc import Sequence

import strawberry

from patrongraph.problems import Problem, ProblemCode, Refused


@strawberry.type(description="Another cohort of your library has this code.")
class CohortCodeTaken(Problem):
    """A code names one cohort."""

    field: str = strawberry.field(description="Path of the input field.")


@strawberry.type(description="With this next cohort the chain would have no end: everybody would go round in it.")
class CohortCycle(Problem):
    """Names the round, so that staff see where to break it."""

    codes: list[str] = strawberry.field(description="Codes of the round; the changed cohort is its first and last.")


@strawberry.type(description="Your library has a graduated cohort already; there is at most one.")
class GraduatedTaken(Problem):
    """Names it."""

    graduated_code: str = strawberry.field(description="Code of the graduated cohort.")


@strawberry.type(description="The cohort is still in use and was not deleted.")
class CohortInUse(Problem):
    """Says by whom, so that staff can settle it."""

    member_count: int = strawberry.field(description="How many patrons are in it, inactive ones too.")
    previous_codes: list[str] = strawberry.field(description="Codes of the cohorts whose next one it is.")


def code_taken(field: str) -> Refused:
    """Return the refusal of a code that another cohort has."""
    message = "There is already a cohort with this code in your library; choose another code."
    return Refused(CohortCodeTaken(code=ProblemCode.COHORT_CODE_TAKEN, message=message, field=field))


def cycle(codes: Sequence[str]) -> Refused:
    """Return the refusal of a next cohort that leads back: codes from the cohort to itself."""
    message = f"The chain would go round: {' → '.join(codes)}. It has to end in a cohort without a next one."
    return Refused(CohortCycle(code=ProblemCode.COHORT_CYCLE, message=message, codes=list(codes)))


def graduated_taken(code: str) -> Refused:
    """Return the refusal of a second graduated cohort."""
    message = f"{code} is the graduated cohort of your library; there can be one only. Let it be an ordinary one first."
    return Refused(GraduatedTaken(code=ProblemCode.GRADUATED_TAKEN, message=message, graduated_code=code))


def in_use(members: int, previous: Sequence[str]) -> Refused:
    """Return the refusal to delete a cohort with members, or one that others lead to."""
    parts = []
    if members:
        parts.append(f"{members} {'patron is' if members == 1 else 'patrons are'} in it")
    if previous:
        parts.append(f"it is the next one of {', '.join(previous)}")
    message = f"The cohort was not deleted: {' and '.join(parts)}. Move them, and lead the chain past it, first."
    return Refused(
        CohortInUse(
            code=ProblemCode.COHORT_IN_USE, message=message, member_count=members, previous_codes=list(previous)
        )
    )
