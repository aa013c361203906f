"""Root fields of who acts: the viewer, signing in and out, and the lists that staff managers see."""

import datetime as dt
from collections.abc import Iterable
from typing import Annotated

import strawberry

from patrongraph.context import Actor, ActorKind
from patrongraph.graph.arguments import Where
from patrongraph.graph.changes import changes
from patrongraph.graph.connections import Connection
from patrongraph.graph.declare import BY_ID, Pages, RootRow, RootRows, compiled, declared, mutation
from patrongraph.graph.engine import Operation
from patrongraph.graph.ids import decode_id
from patrongraph.permissions import Permission
from patrongraph.problems import InvalidInput, NotFound
from patrongraph.settings import get_settings
from patrongraph.staff import actions, management
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
    CreateApiTokenInput,
    CreateApiTokenResult,
    CreateApiTokenSuccess,
    CreateRoleInput,
    CreateStaffUserInput,
    ReauthenticateInput,
    ReauthenticateSuccess,
    RevokeApiTokenInput,
    RevokeApiTokenResult,
    RevokeApiTokenSuccess,
    Role,
    RoleResult,
    RoleSuccess,
    SetStaffActiveInput,
    SetStaffPasswordInput,
    SignInInput,
    SignInSuccess,
    SignOutSuccess,
    StaffUser,
    StaffUserResult,
    StaffUserSuccess,
    UpdateRoleInput,
    UpdateStaffUserInput,
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


_MANAGE = Permission.STAFF_MANAGE


def _role_keys(ids: Iterable[str]) -> list[int]:
    return [decode_id("role", each) for each in ids]


@strawberry.type
class StaffManagementMutation:
    """What managers of the staff do: accounts, roles and tokens."""

    @mutation("Open a staff account.", permission=_MANAGE)
    async def create_staff_user(self, info: strawberry.Info[Operation], input: CreateStaffUserInput) -> StaffUserResult:
        made = await actions.create_staff(
            info.context.actor,
            input.username,
            input.password,
            display_name=input.display_name or "",
            role_ids=_role_keys(input.role_ids),
        )
        return StaffUserSuccess(staff_id=made, changed=True)

    @mutation("Change a staff account's name or roles.", permission=_MANAGE)
    async def update_staff_user(self, info: strawberry.Info[Operation], input: UpdateStaffUserInput) -> StaffUserResult:
        staff_id, given = decode_id("staff", input.id), changes(input, "display_name", "role_ids")
        if "role_ids" in given:
            given["role_ids"] = _role_keys(given["role_ids"])
        changed = await management.update_staff(info.context.actor, staff_id, given)
        return StaffUserSuccess(staff_id=staff_id, changed=changed)

    @mutation("Let a staff account sign in, or keep it from that and end its sessions.", permission=_MANAGE)
    async def set_staff_active(self, info: strawberry.Info[Operation], input: SetStaffActiveInput) -> StaffUserResult:
        staff_id = decode_id("staff", input.id)
        changed = await actions.set_active(info.context.actor, staff_id, input.active)
        return StaffUserSuccess(staff_id=staff_id, changed=changed)

    @mutation("Give a colleague a new password; it lifts a lock and ends their sessions.", permission=_MANAGE)
    async def set_staff_password(
        self, info: strawberry.Info[Operation], input: SetStaffPasswordInput
    ) -> StaffUserResult:
        staff_id = decode_id("staff", input.id)
        await actions.set_password(info.context.actor, staff_id, input.password)
        return StaffUserSuccess(staff_id=staff_id, changed=True)

    @mutation("Make a role.", permission=_MANAGE)
    async def create_role(self, info: strawberry.Info[Operation], input: CreateRoleInput) -> RoleResult:
        made = await actions.create_role(info.context.actor, input.name, input.permissions)
        return RoleSuccess(role_id=made, changed=True)

    @mutation("Change a role's name or what it allows.", permission=_MANAGE)
    async def update_role(self, info: strawberry.Info[Operation], input: UpdateRoleInput) -> RoleResult:
        role_id = decode_id("role", input.id)
        changed = await management.update_role(info.context.actor, role_id, changes(input, "name", "permissions"))
        return RoleSuccess(role_id=role_id, changed=changed)

    @mutation("Make an API token; the answer is the only one that shows it.", permission=_MANAGE)
    async def create_api_token(
        self, info: strawberry.Info[Operation], input: CreateApiTokenInput
    ) -> CreateApiTokenResult:
        made, token = await actions.create_token(info.context.actor, input.name, input.permissions, input.expires_at)
        return CreateApiTokenSuccess(token_id=made, token=token)

    @mutation("End an API token for good.", permission=_MANAGE)
    async def revoke_api_token(
        self, info: strawberry.Info[Operation], input: RevokeApiTokenInput
    ) -> RevokeApiTokenResult:
        token_id = decode_id("token", input.id)
        changed = await actions.revoke_token(info.context.actor, token_id)
        return RevokeApiTokenSuccess(token_id=token_id, changed=changed)


def _from_now(seconds: int) -> dt.datetime:
    return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
