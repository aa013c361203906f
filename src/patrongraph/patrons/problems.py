"""Every way the patrons' actions say no, beside the common ones."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from patrongraph.graph.declare import read_back
from patrongraph.patrons.models import AddressKind as AddressKind
from patrongraph.patrons.models import ObstacleCode as ObstacleCode
from patrongraph.patrons.models import PatronStatus as PatronStatus
from patrongraph.problems import InvalidField, NotFound, Problem, ProblemCode, Refused, invalid_fields, not_found

if TYPE_CHECKING:
    from patrongraph.patrons.types import Patron

# Here the three become enumerations of GraphQL: whoever declares a type with one of them imports it from here.
strawberry.enum(PatronStatus, description="Whether an account is in use. Blocked and expired are worked out.")
strawberry.enum(AddressKind, description="What an address is for.")
strawberry.enum(ObstacleCode, description="Why a patron cannot be erased now.")

MOST_AT_ONCE = 200


@strawberry.type(description="More patrons than one operation may take.")
class TooMany(Problem):
    """Names the limit, so that a client can split its request."""

    limit: int = strawberry.field(description="The most that one operation may take.")


def too_many(count: int, limit: int) -> Refused:
    """Return the refusal of a list that is longer than the limit."""
    message = f"{count} patrons are too many: one operation may take {limit}."
    return Refused(TooMany(code=ProblemCode.TOO_MANY, message=message, limit=limit))


def patrons_not_found(missing: int, asked: int) -> Refused:
    """Return the refusal of a list in which some are not patrons of the library."""
    return not_found("The patron" if asked == 1 else f"{missing} of the {asked} patrons")


@strawberry.type(description="A block is placed and lifted with a reason, in words.")
class CommentRequired(Problem):
    """Names the field, so that a form can show it there."""

    field: str = strawberry.field(description="Path of the input field, for example input.comment.")


@strawberry.type(description="The block was lifted before.")
class AlreadyLifted(Problem):
    """Another block of the patron may still stand: see blockReasons."""

    lifted_at: datetime = strawberry.field(description="When it was lifted.")


@strawberry.type(description="The block has ended by itself, so there is nothing to lift.")
class BlockExpired(Problem):
    """Another block of the patron may still stand: see blockReasons."""

    expired_at: datetime = strawberry.field(description="When it ended.")


def comment_required(field: str) -> Refused:
    """Return the refusal of a comment without a word in it."""
    message = "Say why, in words: colleagues who meet the block will want to know."
    return Refused(CommentRequired(code=ProblemCode.COMMENT_REQUIRED, message=message, field=field))


def already_lifted(lifted_at: datetime) -> Refused:
    """Return the refusal of a second lifting."""
    message = "The block was lifted already. If the patron is still refused service, blockReasons says why."
    return Refused(AlreadyLifted(code=ProblemCode.ALREADY_LIFTED, message=message, lifted_at=lifted_at))


def block_expired(expired_at: datetime) -> Refused:
    """Return the refusal to lift a block whose time is over."""
    message = "The block has ended by itself. If the patron is still refused service, blockReasons says why."
    return Refused(BlockExpired(code=ProblemCode.BLOCK_EXPIRED, message=message, expired_at=expired_at))


@strawberry.type(description="Another card of your library has this barcode; whose it is, is not said.")
class BarcodeTaken(Problem):
    """Counts inactive cards too: a barcode leads to one patron for as long as the card is kept."""

    field: str = strawberry.field(description="Path of the input field.")


@strawberry.type(description="Another patron of your library has this username, in any case; who, is not said.")
class UsernameTaken(Problem):
    """A username signs one patron in."""

    field: str = strawberry.field(description="Path of the input field.")


@strawberry.type(description="Somebody edited the patron since you read it: look, then edit again.")
class VersionConflict(Problem):
    """Holds the patron as it is now, so that a form can show what changed without asking again."""

    patron_id: strawberry.Private[int]
    expected_version: int = strawberry.field(description="The version that your edit named.")
    current_version: int = strawberry.field(description="The version that the patron has now.")
    current: Annotated["Patron", strawberry.lazy("patrongraph.patrons.types")] | None = read_back(
        "patron_id", "The patron as it is now; null when erased meanwhile."
    )


def account_refused(wrong: Sequence[InvalidField]) -> Refused:
    """Return the refusal of an account's fields: one reason as its own problem, several as InvalidInput."""
    first = wrong[0]
    if len(wrong) > 1 or first.code is ProblemCode.INVALID_INPUT:
        return invalid_fields(wrong)
    if first.code is ProblemCode.BARCODE_TAKEN:
        return Refused(BarcodeTaken(code=first.code, message=first.message, field=first.field))
    if first.code is ProblemCode.USERNAME_TAKEN:
        return Refused(UsernameTaken(code=first.code, message=first.message, field=first.field))
    return Refused(NotFound(code=first.code, message=first.message))


def version_conflict(patron_id: int, expected: int, current: int) -> Refused:
    """Return the refusal of an edit of a version that is no longer the patron's."""
    message = f"You edited version {expected} and the patron is at version {current}: look at it, then edit again."
    return Refused(
        VersionConflict(
            code=ProblemCode.VERSION_CONFLICT,
            message=message,
            patron_id=patron_id,
            expected_version=expected,
            current_version=current,
        )
    )
