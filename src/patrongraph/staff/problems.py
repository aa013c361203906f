"""Every way in which signing in, staff accounts, roles and tokens say no."""

import math

import strawberry

from patrongraph.problems import Problem, ProblemCode, Refused

LOCK_AFTER = 5
LOCK_MINUTES = 15
REAUTHENTICATION_MINUTES = 5

NAME_LIBRARY = "Where several libraries use this service, give the library's code too."
_LOCK_RULE = f"{LOCK_AFTER} wrong passwords in a row lock an account for {LOCK_MINUTES} minutes."


class Unauthenticated(Exception):  # noqa: N818 - said to the client in these words
    """Raised at the door for credentials that are malformed, unknown, expired, revoked or disabled.

    `source` is "session" or "token": a door may clear a dead session cookie and go on as anonymous, so that
    its holder can sign in again, but must refuse a dead token.
    """

    def __init__(self, message: str, source: str) -> None:
        super().__init__(message)
        self.message = message
        self.source = source


@strawberry.type(description="The same answer for an unknown user, a wrong password and a locked account.")
class SignInFailed(Problem):
    """Says the lock-out rule each time, so that it need not say whether the user exists."""


@strawberry.type(description="Several libraries know this username or barcode: send the library's code as well.")
class LibraryRequired(Problem):
    """Usernames and barcodes are unique in one library only."""


@strawberry.type(description="Give your password again first, by the mutation reauthenticate; it counts for 5 minutes.")
class ReauthenticationRequired(Problem):
    """Purges and bulk exports need a password typed a short while ago."""


@strawberry.type(description="Too many passwords are being checked at this moment: try again shortly.")
class SignInBusy(Problem):
    """Keeps a flood of sign-ins from filling memory."""


@strawberry.type(description="Too many sign-ins have failed, from this address or everywhere: wait, then try again.")
class SignInThrottled(Problem):
    """Nothing was compared: it says nothing of the account."""

    retry_after_seconds: int = strawberry.field(description="Seconds after which to try again.")


def sign_in_failed() -> Refused:
    """Return the one refusal of a sign-in."""
    message = f"The username or the password is wrong, or the account is locked. {_LOCK_RULE} {NAME_LIBRARY}"
    return Refused(SignInFailed(code=ProblemCode.SIGN_IN_FAILED, message=message))


def wrong_password() -> Refused:
    """Return the refusal of somebody signed in who must prove the password."""
    message = f"That is not your password, or your account is locked. {_LOCK_RULE}"
    return Refused(SignInFailed(code=ProblemCode.SIGN_IN_FAILED, message=message))


def library_required() -> Refused:
    """Return the refusal that asks for the library."""
    message = "More than one library has a user of this name: give the library's code too."
    return Refused(LibraryRequired(code=ProblemCode.LIBRARY_REQUIRED, message=message))


def reauthentication_required() -> Refused:
    """Return the refusal that asks for the password again."""
    message = f"Give your password again first: it counts for {REAUTHENTICATION_MINUTES} minutes."
    return Refused(ReauthenticationRequired(code=ProblemCode.REAUTHENTICATION_REQUIRED, message=message))


def sign_in_busy() -> Refused:
    """Return the refusal when too many passwords wait to be checked."""
    message = "Too many people are signing in at this moment. Try again in a few seconds."
    return Refused(SignInBusy(code=ProblemCode.TOO_MANY, message=message))


def sign_in_throttled(seconds: float, *, everywhere: bool) -> Refused:
    """Return the refusal after too many failures: of one address, or everywhere from an address that is not known."""
    wait = max(1, math.ceil(seconds))
    why = (
        "Too many sign-ins are failing everywhere, so only addresses from which staff have signed in before are let in."
        if everywhere
        else "Too many sign-ins from your address have failed."
    )
    when = f"{wait} seconds" if wait < 120 else f"{math.ceil(wait / 60)} minutes"
    message = f"{why} Try again in {when}."
    return Refused(SignInThrottled(code=ProblemCode.SIGN_IN_THROTTLED, message=message, retry_after_seconds=wait))
