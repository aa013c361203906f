"""Business refusals: a Problem the client can read, a Refused that rolls back, and what turns one into the other."""

from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Any

import strawberry
from strawberry.extensions import FieldExtension

from patrongraph import metrics


@strawberry.enum(description="Every way the API says no to a mutation.")
class ProblemCode(StrEnum):
    """Codes are stable; messages are for people and may change."""

    ACCOUNT_BLOCKED = "ACCOUNT_BLOCKED"
    BARCODE_TAKEN = "BARCODE_TAKEN"
    ALREADY_LIFTED = "ALREADY_LIFTED"
    ALREADY_ROLLED_OVER = "ALREADY_ROLLED_OVER"
    BLOCK_EXPIRED = "BLOCK_EXPIRED"
    CIRCULATION_REFUSED = "CIRCULATION_REFUSED"
    COHORT_CODE_TAKEN = "COHORT_CODE_TAKEN"
    COHORT_CYCLE = "COHORT_CYCLE"
    COHORT_IN_USE = "COHORT_IN_USE"
    COMMENT_REQUIRED = "COMMENT_REQUIRED"
    CONFIRMATION_MISMATCH = "CONFIRMATION_MISMATCH"
    CONFIRMATION_VOID = "CONFIRMATION_VOID"
    EXPORT_NOT_READY = "EXPORT_NOT_READY"
    FILE_REFUSED = "FILE_REFUSED"
    GRADUATED_TAKEN = "GRADUATED_TAKEN"
    GROUP_CHANGED = "GROUP_CHANGED"
    IDEMPOTENCY_MISMATCH = "IDEMPOTENCY_MISMATCH"
    INVALID_INPUT = "INVALID_INPUT"
    JOB_STATE = "JOB_STATE"
    LIBRARY_REQUIRED = "LIBRARY_REQUIRED"
    LINK_EXPIRED = "LINK_EXPIRED"
    LINK_USED = "LINK_USED"
    LOANS_DIFFER = "LOANS_DIFFER"
    MORE_THAN_OWED = "MORE_THAN_OWED"
    NOTHING_MATCHES = "NOTHING_MATCHES"
    NOTHING_TO_RETRY = "NOTHING_TO_RETRY"
    NOTHING_TO_ROLL_OVER = "NOTHING_TO_ROLL_OVER"
    NOT_FOUND = "NOT_FOUND"
    NOT_IN_GROUP = "NOT_IN_GROUP"
    NOT_PENDING_PURGE = "NOT_PENDING_PURGE"
    OBSTACLES = "OBSTACLES"
    OUTSTANDING_LOANS = "OUTSTANDING_LOANS"
    REAUTHENTICATION_REQUIRED = "REAUTHENTICATION_REQUIRED"
    ROLLOVER_NOT_UNDOABLE = "ROLLOVER_NOT_UNDOABLE"
    ROLLOVER_UNDER_WAY = "ROLLOVER_UNDER_WAY"
    SIGN_IN_FAILED = "SIGN_IN_FAILED"
    SIGN_IN_THROTTLED = "SIGN_IN_THROTTLED"
    SNAPSHOT_REFUSED = "SNAPSHOT_REFUSED"
    TOO_MANY = "TOO_MANY"
    USERNAME_TAKEN = "USERNAME_TAKEN"
    VERSION_CONFLICT = "VERSION_CONFLICT"


@strawberry.enum(description="Which rule a value breaks; docs/graphql.md says what each asks for.")
class InputReason(StrEnum):
    """Stable like codes, so that a form can say each in its own language; `limit` beside it is the bound."""

    REQUIRED = "REQUIRED"
    TOO_SHORT = "TOO_SHORT"
    TOO_LONG = "TOO_LONG"
    TOO_MANY = "TOO_MANY"
    TOO_SMALL = "TOO_SMALL"
    TOO_LARGE = "TOO_LARGE"
    TOO_PRECISE = "TOO_PRECISE"
    NOT_PRINTABLE = "NOT_PRINTABLE"
    NOT_A_BARCODE = "NOT_A_BARCODE"
    NOT_AN_EMAIL = "NOT_AN_EMAIL"
    NOT_A_CODE = "NOT_A_CODE"
    NOT_DIGITS = "NOT_DIGITS"
    NOT_A_DATE = "NOT_A_DATE"
    NOT_A_TIME = "NOT_A_TIME"
    NOT_A_FLAG = "NOT_A_FLAG"
    HAS_SPACE = "HAS_SPACE"
    IN_FUTURE = "IN_FUTURE"
    IN_PAST = "IN_PAST"
    TOO_FAR = "TOO_FAR"
    UNKNOWN = "UNKNOWN"
    TAKEN = "TAKEN"
    GUESSABLE = "GUESSABLE"
    REPEATED = "REPEATED"
    CONTRADICTION = "CONTRADICTION"
    NOT_ALLOWED = "NOT_ALLOWED"
    LAST_ONE = "LAST_ONE"
    BAD_QUOTE = "BAD_QUOTE"
    COLUMN_COUNT = "COLUMN_COUNT"
    ENCODING = "ENCODING"
    WRONG_KIND = "WRONG_KIND"


@strawberry.interface(description="Why a mutation was refused. Nothing was changed.")
class Problem:
    """Subclasses set `code` once; the message says what, where and what would be right."""

    code: ProblemCode = strawberry.field(description="Stable code of this refusal.")
    message: str = strawberry.field(description="What was wrong and what would be right, in plain English.")


class Refused(Exception):  # noqa: N818 - the house word for a business no
    """Raised by an action to say no; the open transaction rolls back."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@strawberry.type(description="One input field that breaks a rule.")
class InvalidField:
    """One of the reasons in InvalidInput."""

    field: str = strawberry.field(description="Path of the input field, for example input.comment.")
    code: ProblemCode = strawberry.field(description="INVALID_INPUT, or the code that this reason has alone.")
    message: str = strawberry.field(description="What was wrong and what would be right, in plain English.")
    reason: InputReason = strawberry.field(description="Which rule the value breaks.")
    limit: int | None = strawberry.field(
        default=None,
        description="The bound that the value breaks, where its reason has one: characters, pieces, years or a number.",
    )


@strawberry.type(description="Input values break rules.")
class InvalidInput(Problem):
    """Names the fields, so that a form can show each reason in its place."""

    field: str = strawberry.field(description="Path of the first such input field, for example input.comment.")
    fields: list[InvalidField] = strawberry.field(
        default_factory=list, description="Every input field that breaks a rule, each with its reason."
    )


@strawberry.type(description="Nothing of that id exists in your library.")
class NotFound(Problem):
    """The same answer for another library's object as for one that does not exist."""


def invalid(field: str, message: str, reason: InputReason, limit: int | None = None) -> Refused:
    """Return the refusal of one input field; `limit` is the bound that its value breaks."""
    return invalid_fields([invalid_field(field, message, reason, limit)])


def invalid_field(field: str, message: str, reason: InputReason, limit: int | None = None) -> InvalidField:
    """Return what is wrong with one of several input fields."""
    return InvalidField(field=field, code=ProblemCode.INVALID_INPUT, message=message, reason=reason, limit=limit)


def wrong_text(text: str, longest: int) -> tuple[InputReason, int | None]:
    """Return why a text that is not 1 to `longest` printable characters is not, and the bound that it breaks."""
    if not text:
        return InputReason.REQUIRED, None
    return (InputReason.TOO_LONG, longest) if len(text) > longest else (InputReason.NOT_PRINTABLE, None)


def out_of_range(least: int, most: int, *, is_less: bool) -> tuple[InputReason, int]:
    """Return why a number is not from `least` to `most`, and the bound that it breaks."""
    return (InputReason.TOO_SMALL, least) if is_less else (InputReason.TOO_LARGE, most)


def invalid_fields(wrong: Sequence[InvalidField]) -> Refused:
    """Return the refusal of one or more input fields, with every reason."""
    message = " ".join(each.message for each in wrong)
    return Refused(
        InvalidInput(code=ProblemCode.INVALID_INPUT, message=message, field=wrong[0].field, fields=list(wrong))
    )


def not_found(what: str) -> Refused:
    """Return the refusal for an object that is not in the actor's library."""
    return Refused(NotFound(code=ProblemCode.NOT_FOUND, message=f"{what} was not found in your library."))


class RefusedToProblem(FieldExtension):
    """Turns a Refused raised by a mutation's action into the union member that the client selects."""

    async def resolve_async(
        self, next_: Callable[..., Awaitable[Any]], source: Any, info: strawberry.Info, **kwargs: Any
    ) -> Any:
        """Run the resolver; return the problem instead of raising it."""
        try:
            return await next_(source, info, **kwargs)
        except Refused as refused:
            metrics.PROBLEMS.labels(info.field_name, refused.problem.code.value).inc()
            return refused.problem
