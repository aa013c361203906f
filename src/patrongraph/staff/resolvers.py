"""Root fields of who acts: the viewer, signing in and out, and the lists that staff managers see."""

import datetime as dt
from typing import Annotated

import strawberry

from patrongraph.context import Actor, ActorKind
from patrongraph.graph.arguments import Where
from patrongraph.graph.connections import Connection
from patrongraph.graph.declare import BY_ID, Pages, RootRow, RootRows, compiled, declared, mutation
from patrongraph.graph.engine import Operation
from patrongraph.permissions import Permission
from patrongraph.problems import InvalidInput, NotFound
from patrongraph.settings import get_settings
from patrongraph.staff import actions
from patrongraph.staff.identify import identify
from patrongraph.staff.problems import (
    REAUTHENTICATION_MINUTES,
    LibraryRequired,
    SignInBusy,
    SignInFailed,
    SignInThrottled,
)
from patrongraph.staff.types import (
    ApiToken,
    ChangePasswordInput,
    ChangePasswordSuccess,
    ReauthenticateInput,
    ReauthenticateSuccess,
    Role,
    SignInInput,
    SignInSuccess,
    SignOutSuccess,
    StaffUser,
    Viewer,
)

SignInResult = Annotated[
    SignInSuccess | SignInFailed | LibraryRequired | SignInThrottled | SignInBusy,
    strawberry.union("SignInResult", description="Signed in, or why not."),
]
ReauthenticateResult = Annotated[
    ReauthenticateSuccess | SignInFailed | SignInBusy | NotFound,
    strawberry.union("ReauthenticateResult", description="Done, or why not."),
]
ChangePasswordResult = Annotated[
    ChangePasswordSuccess | SignInFailed | SignInBusy | InvalidInput | NotFound,
    strawberry.union("ChangePasswordResult", description="Changed, or why not."),
]


_VIEWERS = {
    ActorKind.STAFF: "StaffViewer",
    ActorKind.TOKEN: "TokenViewer",
    ActorKind.PATRON: "PatronViewer",
}


def _where_viewer(where: Where) -> None:
    where.add("{t}.id = {actor}")


def _pick_viewer(where: Where) -> str | None:
    return _VIEWERS.get(where.actor.kind)


def session_cookie(token: str, seconds: int) -> str:
    """Return the Set-Cookie value of a session; an empty token and 0 seconds remove it.

    The name's __Host- prefix needs Secure, so it is used behind HTTPS only.
    """
    settings = get_settings()
    secure = "; Secure" if settings.secure_cookies else ""
    return f"{settings.session_cookie}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"


@strawberry.type
class StaffQuery:
    """Query.viewer, staff, roles and apiTokens."""

    @declared(RootRow(_where_viewer, _pick_viewer), "Who you are and what you may do.", patrons=True)
    def viewer(self) -> Viewer:
        compiled()

    @declared(
        Pages("true", BY_ID, limit=200),
        "Staff accounts of your library, oldest first.",
        permission=Permission.STAFF_MANAGE,
    )
    def staff(self, first: int, after: str | None = None) -> Connection[StaffUser]:
        compiled()

    @declared(
        RootRows(lambda _where: None, "{t}.name"),
        "Roles of your library, by name.",
        permission=Permission.STAFF_MANAGE,
    )
    def roles(self) -> list[Role]:
        compiled()

    @declared(
        RootRows(lambda _where: None, "{t}.id"),
        "API tokens of your library, oldest first, ended ones included.",
        permission=Permission.STAFF_MANAGE,
    )
    def api_tokens(self) -> list[ApiToken]:
        compiled()


@strawberry.type
class StaffMutation:
    """Mutation.signIn, signOut, reauthenticate and changePassword."""

    @mutation("Sign in with username and password; the answer sets the session's cookie.", public=True)
    async def sign_in(self, info: strawberry.Info[Operation], input: SignInInput) -> SignInResult:
        token = await actions.sign_in(
            input.username, input.password, input.library_code, address=info.context.context.client
        )
        before: Actor = info.context.actor
        if before.session_id is not None:
            await actions.sign_out(before)
        actor = await identify(session_token=token, authorization=None)
        seconds = get_settings().session_hours * 3600
        info.context.context.set_cookies.append(session_cookie(token, seconds))
        return SignInSuccess(
            permissions=[permission for permission in Permission if permission in actor.permissions],
            expires_at=_from_now(seconds),
        )

    @mutation("Sign out: end the session and remove its cookie.", public=True)
    async def sign_out(self, info: strawberry.Info[Operation]) -> SignOutSuccess:
        ended = await actions.sign_out(info.context.actor)
        info.context.context.set_cookies.append(session_cookie("", 0))
        return SignOutSuccess(ended=ended)

    @mutation("Give your password again, before what cannot be undone.")
    async def reauthenticate(
        self, info: strawberry.Info[Operation], input: ReauthenticateInput
    ) -> ReauthenticateResult:
        await actions.reauthenticate(info.context.actor, input.password)
        return ReauthenticateSuccess(until=_from_now(REAUTHENTICATION_MINUTES * 60))

    @mutation("Change your own password; your other sessions end.")
    async def change_password(
        self, info: strawberry.Info[Operation], input: ChangePasswordInput
    ) -> ChangePasswordResult:
        await actions.change_password(info.context.actor, input.current_password, input.new_password)
        return ChangePasswordSuccess()


def _from_now(seconds: int) -> dt.datetime:
    return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
