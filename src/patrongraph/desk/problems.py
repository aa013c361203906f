"""Every way the desk says no, beside the common ones: a list of all reasons, or a sum that is too large."""

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum

import strawberry

from patrongraph.patrons.queries import ServiceRefusal
from patrongraph.problems import NotFound, Problem, ProblemCode, Refused, not_found


@strawberry.enum(description="One reason why the desk refuses.")
class RefusalCode(StrEnum):
    """The first four are the patron's, and those of Patron.blockReasons; the others concern card, item or loan."""

    MANUAL = "MANUAL"
    DEBT = "DEBT"
    INACTIVE = "INACTIVE"
    EXPIRED = "EXPIRED"
    CARD_INACTIVE = "CARD_INACTIVE"
    ON_LOAN = "ON_LOAN"
    ON_LOAN_ELSEWHERE = "ON_LOAN_ELSEWHERE"
    LOST = "LOST"
    WITHDRAWN = "WITHDRAWN"
    NOT_AVAILABLE = "NOT_AVAILABLE"
    RESERVED_BY_ANOTHER = "RESERVED_BY_ANOTHER"
    ALREADY_BORROWED = "ALREADY_BORROWED"
    ALREADY_RESERVED = "ALREADY_RESERVED"
    NOT_ON_LOAN = "NOT_ON_LOAN"
    NO_RENEWALS_LEFT = "NO_RENEWALS_LEFT"
    TOO_EARLY = "TOO_EARLY"
    NOT_OPEN = "NOT_OPEN"


MESSAGES = {
    RefusalCode.CARD_INACTIVE: "The card is not active any more; use the patron's present card.",
    RefusalCode.ON_LOAN: "The item is on loan.",
    RefusalCode.ON_LOAN_ELSEWHERE: "Another library has lent the item; that library or its owner takes it back.",
    RefusalCode.LOST: "The item is recorded as lost; check it in first when it is here.",
    RefusalCode.WITHDRAWN: "The item was withdrawn from the collection.",
    RefusalCode.RESERVED_BY_ANOTHER: "Another patron has reserved the item and is first in the queue.",
    RefusalCode.ALREADY_BORROWED: "The patron has the item on loan already.",
    RefusalCode.ALREADY_RESERVED: "The patron has an open reservation for the item already.",
    RefusalCode.NOT_ON_LOAN: "The loan is closed.",
    RefusalCode.NO_RENEWALS_LEFT: "The loan cannot be renewed any more.",
    RefusalCode.TOO_EARLY: "A renewal now would not move the due date.",
    RefusalCode.NOT_OPEN: "The reservation is not open any more: the item was lent for it, or it has expired.",
}
"""What people read. Codes that are not here bring a message of their own."""


@strawberry.type(description="One reason why the desk refuses.")
class Refusal:
    """Says nothing about any other patron."""

    code: RefusalCode = strawberry.field(description="Which kind of reason.")
    message: str = strawberry.field(description="The reason, for people.")
    amount_to_clear: Decimal | None = strawberry.field(
        default=None, description="The least payment that ends the reason DEBT; null for all others."
    )


@strawberry.type(description="The desk refuses; every reason is listed, the patron's first.")
class CirculationRefused(Problem):
    """Nothing was changed."""

    refusals: list[Refusal] = strawberry.field(description="Every reason; never empty.")


@strawberry.type(description="The sum is more than what is owed.")
class MoreThanOwed(Problem):
    """Carries the sum owed, so that a client can offer it."""

    owed: Decimal = strawberry.field(description="The most that can be paid or waived here, in the library's currency.")


def of_item(code: RefusalCode, message: str | None = None) -> Refusal:
    """Return a reason that concerns an item, a loan or a reservation."""
    return Refusal(code=code, message=message or MESSAGES[code])


def of_patron(found: Sequence[ServiceRefusal]) -> list[Refusal]:
    """Return the patron's own reasons."""
    return [
        Refusal(code=RefusalCode(each.code), message=each.message, amount_to_clear=each.amount_to_clear)
        for each in found
    ]


def circulation_refused(refusals: list[Refusal]) -> Refused:
    """Return the refusal with all these reasons, of which there is at least one."""
    message = " ".join(dict.fromkeys(each.message for each in refusals))
    return Refused(CirculationRefused(code=ProblemCode.CIRCULATION_REFUSED, message=message, refusals=refusals))


def more_than_owed(asked: Decimal, owed: Decimal) -> Refused:
    """Return the refusal of a payment or waiver above what is owed."""
    if owed == 0:
        message = "Nothing is owed here."
    else:
        message = f"{asked} is too much: {owed} is owed. The desk makes no credit balances."
    return Refused(MoreThanOwed(code=ProblemCode.MORE_THAN_OWED, message=message, owed=owed))


def missing(*names: str) -> Refused:
    """Return the refusal that names everything that was not found, such as patron and item."""
    if len(names) == 1:
        return not_found(f"The {names[0]}")
    listed = ", ".join(f"the {name}" for name in names[:-1]) + f" and the {names[-1]}"
    message = f"{listed[0].upper()}{listed[1:]} were not found in your library."
    return Refused(NotFound(code=ProblemCode.NOT_FOUND, message=message))
