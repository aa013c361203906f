"""Every way a purge or a deletion says no before anything is changed."""

from collections.abc import Sequence

import strawberry

from patrongraph.graph.ids import encode_id
from patrongraph.jobs.problems import ConfirmationMismatch, ConfirmationVoid
from patrongraph.patrons.problems import ObstacleCode, PatronStatus
from patrongraph.patrons.queries import Obstacle
from patrongraph.problems import Problem, ProblemCode, Refused


@strawberry.type(description="No inactive patron matches the filter.")
class NothingMatches(Problem):
    """Nothing was started."""


@strawberry.type(description="One thing that stood in the way when it was looked at.")
class FoundObstacle:
    """As Patron.obstacles shows it, but as it was found under the lock."""

    code: ObstacleCode = strawberry.field(description="Which kind of obstacle.")
    count: int = strawberry.field(description="How many loans, reservations, charges or exports it is.")
    ids: list[strawberry.ID] = strawberry.field(
        description="Ids of the loans, reservations, debts or exports; empty for a flag of the account."
    )


@strawberry.type(description="Something stands in the way of deleting or purging the patron.")
class Obstacles(Problem):
    """Names all of it, so that staff can settle everything before they try again."""

    obstacles: list[FoundObstacle] = strawberry.field(description="Everything that stands in the way, by code.")


@strawberry.type(description="A patron who cannot be tagged for a purge, and the loans that are outstanding.")
class PatronWithLoans:
    """Enough to open the dialogue of markLoansLost."""

    patron_id: strawberry.ID = strawberry.field(description="Id of the patron.")
    open_loan_count: int = strawberry.field(description="How many loans are outstanding.")
    loan_ids: list[strawberry.ID] = strawberry.field(description="Ids of these loans: what markLoansLost wants.")


@strawberry.type(description="Patrons with outstanding loans were tagged for a purge. Nothing was started.")
class OutstandingLoans(Problem):
    """Names all of them; they are left out, or settled first."""

    patrons: list[PatronWithLoans] = strawberry.field(description="Every such patron, in order of their ids.")


@strawberry.type(description="The loans that were named are not exactly the patron's open loans. Nothing was changed.")
class LoansDiffer(Problem):
    """Names the difference, so that a client can show the list again."""

    not_named: list[strawberry.ID] = strawberry.field(description="Open loans of the patron that were not named.")
    not_open: list[strawberry.ID] = strawberry.field(description="Named, but no open loans of this patron.")


@strawberry.type(description="The patron is not in the days of grace before an erasure.")
class NotPendingPurge(Problem):
    """Names the status that the patron has."""

    status: PatronStatus = strawberry.field(description="The status; PENDING_PURGE when the days of grace are over.")


_NOUNS = {
    ObstacleCode.OPEN_LOANS: ("loan", "open loan", "open loans"),
    ObstacleCode.OPEN_RESERVATIONS: ("res", "open reservation", "open reservations"),
    ObstacleCode.DEBTS: ("debt", "unpaid debt", "unpaid debts"),
    ObstacleCode.CREDIT_BALANCE: ("debt", "credit to pay out", "credits to pay out"),
    ObstacleCode.EXPORT_IN_PROGRESS: ("export", "export in progress", "exports in progress"),
    ObstacleCode.PROTECTED: ("", "protection of the account", ""),
    ObstacleCode.NOT_INACTIVE: ("", "account in use", ""),
}
"""By code: the prefix of its ids, one of it, several of it."""


def found_obstacles(found: Sequence[Obstacle]) -> list[FoundObstacle]:
    """Return obstacles as the API shows them."""
    return [
        FoundObstacle(
            code=each.code,
            count=each.count,
            ids=[strawberry.ID(encode_id(_NOUNS[each.code][0], key)) for key in each.ids],
        )
        for each in found
    ]


def obstacles(found: Sequence[Obstacle], verb: str = "deleted") -> Refused:
    """Return the refusal of a deletion, or of what the verb says, with everything that stands in its way."""
    words = []
    for each in found:
        prefix, one, several = _NOUNS[each.code]
        words.append(f"{each.count} {one if each.count == 1 else several}" if prefix else one)
    message = f"The patron cannot be {verb} yet. In the way: {', '.join(words)}."
    return Refused(Obstacles(code=ProblemCode.OBSTACLES, message=message, obstacles=found_obstacles(found)))


def outstanding_loans(found: Sequence[Obstacle]) -> Refused:
    """Return the refusal to tag patrons who have these outstanding loans."""
    patrons = [
        PatronWithLoans(
            patron_id=strawberry.ID(encode_id("pat", each.patron_id)),
            open_loan_count=each.count,
            loan_ids=[strawberry.ID(encode_id("loan", key)) for key in each.ids],
        )
        for each in found
    ]
    who = "1 of the patrons has" if len(found) == 1 else f"{len(found)} of the patrons have"
    message = (
        f"{who} outstanding loans and cannot be tagged; nothing was started. Take the items back, or mark them as"
        " lost, or leave these patrons out."
    )
    return Refused(OutstandingLoans(code=ProblemCode.OUTSTANDING_LOANS, message=message, patrons=patrons))


def loans_differ(not_named: Sequence[int], not_open: Sequence[int]) -> Refused:
    """Return the refusal of a list of loans that is not exactly the patron's open loans."""
    parts = []
    if not_named:
        parts.append(f"{len(not_named)} open {'loan was' if len(not_named) == 1 else 'loans were'} not named")
    if not_open:
        are = "named loan is not an open loan" if len(not_open) == 1 else "named loans are not open loans"
        parts.append(f"{len(not_open)} {are} of this patron")
    message = f"{' and '.join(parts)}; nothing was changed. Look at the patron's loans again."
    return Refused(
        LoansDiffer(
            code=ProblemCode.LOANS_DIFFER,
            message=message,
            not_named=[strawberry.ID(encode_id("loan", key)) for key in not_named],
            not_open=[strawberry.ID(encode_id("loan", key)) for key in not_open],
        )
    )


def purge_confirmation_void(*, expired: bool) -> Refused:
    """Return the refusal of a purge by filter whose confirmation is missing, too old, or not for what matches now."""
    why = (
        "The confirmation is older than 15 minutes."
        if expired
        else "The confirmation is missing, or was not made for you, this filter and exactly the patrons who match now."
    )
    message = f"{why} Nothing was started: make a new dry run and confirm that."
    return Refused(ConfirmationVoid(code=ProblemCode.CONFIRMATION_VOID, message=message, expired=expired))


def confirmation_void(*, expired: bool) -> Refused:
    """Return the refusal of a deletion whose confirmation is too old, or is not for what is there now."""
    why = (
        "The confirmation is older than 15 minutes."
        if expired
        else "Something about the patron has changed since the preview, or the confirmation was not made for you and"
        " this patron."
    )
    message = f"{why} Nothing was deleted: ask for a new preview and confirm that."
    return Refused(ConfirmationVoid(code=ProblemCode.CONFIRMATION_VOID, message=message, expired=expired))


def not_pending_purge(status: PatronStatus) -> Refused:
    """Return the refusal to restore a patron in this status; PENDING_PURGE means that the days are over."""
    message = (
        "The days of grace are over: the patron is about to be erased and cannot be restored any more."
        if status is PatronStatus.PENDING_PURGE
        else f"The patron is {status.value}; only one that is PENDING_PURGE can be restored."
    )
    return Refused(NotPendingPurge(code=ProblemCode.NOT_PENDING_PURGE, message=message, status=status))


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
