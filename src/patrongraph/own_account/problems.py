"""Every way in which a patron's sign-in says no."""

from collections.abc import Sequence

import strawberry

from patrongraph.problems import Problem, ProblemCode, Refused
from patrongraph.staff.problems import NAME_LIBRARY, LibraryRequired, SignInFailed

LOCK_AFTER = 5
LOCK_MINUTES = 15


@strawberry.type(description="Barcode and PIN are right, and staff have blocked the account.")
class AccountBlocked(Problem):
    """Said only to who proved to be the patron."""

    messages: list[str] = strawberry.field(description="What each block tells the patron.")


def sign_in_failed() -> Refused:
    """Return the one refusal for everything that must not tell whether the barcode exists."""
    message = (
        "The barcode or the PIN is wrong, or the account cannot be signed in to now."
        f" {LOCK_AFTER} wrong PINs in a row lock an account for {LOCK_MINUTES} minutes. {NAME_LIBRARY}"
    )
    return Refused(SignInFailed(code=ProblemCode.SIGN_IN_FAILED, message=message))


def library_required() -> Refused:
    """Return the refusal that asks for the library."""
    message = "More than one library knows this barcode: give the library's code too."
    return Refused(LibraryRequired(code=ProblemCode.LIBRARY_REQUIRED, message=message))


def account_blocked(messages: Sequence[str]) -> Refused:
    """Return the refusal of a patron whom staff have blocked."""
    message = "Staff have blocked this account. Ask at the library."
    return Refused(AccountBlocked(code=ProblemCode.ACCOUNT_BLOCKED, message=message, messages=list(messages)))
