"""Root field of patrons who sign in; what they see then is Query.viewer."""

import datetime as dt
from typing import Annotated

import strawberry

from patrongraph.context import Actor
from patrongraph.graph.declare import mutation
from patrongraph.graph.engine import Operation
from patrongraph.own_account import actions
from patrongraph.own_account.problems import AccountBlocked
from patrongraph.own_account.types import SignInPatronInput, SignInPatronSuccess
from patrongraph.settings import get_settings
from patrongraph.staff.actions import sign_out
from patrongraph.staff.problems import LibraryRequired, SignInBusy, SignInFailed, SignInThrottled
from patrongraph.staff.resolvers import session_cookie

SignInPatronResult = Annotated[
    SignInPatronSuccess | SignInFailed | LibraryRequired | AccountBlocked | SignInThrottled | SignInBusy,
    strawberry.union("SignInPatronResult", description="Signed in, or why not."),
]


@strawberry.type
class OwnAccountMutation:
    """Mutation.signInPatron."""

    @mutation("Sign in as a patron with barcode and PIN; the answer sets the session's cookie.", public=True)
    async def sign_in_patron(self, info: strawberry.Info[Operation], input: SignInPatronInput) -> SignInPatronResult:
        token = await actions.sign_in(input.barcode, input.pin, input.library_code, address=info.context.context.client)
        before: Actor = info.context.actor
        if before.session_id is not None:
            await sign_out(before)
        seconds = get_settings().patron_session_minutes * 60
        info.context.context.set_cookies.append(session_cookie(token, seconds))
        return SignInPatronSuccess(expires_at=dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds))
