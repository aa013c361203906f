"""Staff, roles, tokens and the viewer, as front ends see them; no type knows a password or a digest."""

import datetime as dt
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import strawberry

from patrongraph.graph.connections import Node
from patrongraph.graph.declare import IN_LIBRARY, column, expression, graph_type, key, many, one, read_back
from patrongraph.libraries.types import Library
from patrongraph.permissions import Permission
from patrongraph.problems import InvalidInput, NotFound

if TYPE_CHECKING:
    from patrongraph.own_account.types import PatronViewer

LazyPatronViewer = Annotated["PatronViewer", strawberry.lazy("patrongraph.own_account.types")]

_KNOWN = ", ".join(f"'{permission.value}'" for permission in Permission)


def _permissions(held: str) -> str:
    """Return SQL for those of the held permissions that this version knows, in the order staff meet them."""
    return (
        f"ARRAY(SELECT k.name FROM unnest(ARRAY[{_KNOWN}]) WITH ORDINALITY AS k(name, place)"
        f" WHERE k.name = ANY({held}) ORDER BY k.place)"
    )


@graph_type(
    source="role",
    scope=IN_LIBRARY,
    prefix="role",
    node=Permission.STAFF_MANAGE,
    description="A named set of permissions.",
)
class Role(Node):
    """A staff member may do what any of their roles allows."""

    id: strawberry.ID = key()
    name: str = column("name", "Name, unique in the library.")
    permissions: list[Permission] = expression(_permissions("{t}.permissions"), "What it allows.")


@graph_type(
    source="staff_user",
    scope=IN_LIBRARY,
    prefix="staff",
    node=Permission.STAFF_MANAGE,
    description="An account of a staff member.",
)
class StaffUser(Node):
    """Disabled accounts are kept: the audit trail names them."""

    id: strawberry.ID = key()
    username: str = column("username", "Name to sign in with, unique in the library in any case.")
    display_name: str = column("display_name", "Name that colleagues see.")
    active: bool = column("active", "Whether the account may sign in.")
    locked: bool = expression(
        "coalesce({t}.locked_until > now(), false)",
        "Whether wrong passwords have locked it for the moment.",
        permission=Permission.STAFF_MANAGE,
    )
    created_at: dt.datetime = column("created_at", "When it was created.")
    last_signed_in_at: dt.datetime | None = column(
        "last_signed_in_at", "When its owner last signed in.", permission=Permission.STAFF_MANAGE
    )
    roles: list[Role] = many(
        "{t}.id IN (SELECT held.role_id FROM staff_role held WHERE held.staff_user_id = {p}.id)",
        "Its roles, by name.",
        order="{t}.name",
        permission=Permission.STAFF_MANAGE,
    )


@strawberry.enum(description="Whether a token may be used.")
class ApiTokenState(StrEnum):
    """A token ends by its expiry or by being revoked, for good."""

    ACTIVE = "ACTIVE"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"


@graph_type(
    source="api_token",
    scope=IN_LIBRARY,
    prefix="token",
    node=Permission.STAFF_MANAGE,
    description="What a program acts with.",
)
class ApiToken(Node):
    """The token itself was shown once, when it was made."""

    id: strawberry.ID = key()
    name: str = column("name", "What it is for.")
    permissions: list[Permission] = expression(_permissions("{t}.permissions"), "What it allows.")
    state: ApiTokenState = expression(
        "CASE WHEN {t}.revoked_at IS NOT NULL THEN 'REVOKED' WHEN {t}.expires_at <= now() THEN 'EXPIRED'"
        " ELSE 'ACTIVE' END",
        "Whether it may be used.",
    )
    created_at: dt.datetime = column("created_at", "When it was made.")
    created_by: StaffUser | None = one("{t}.id = {p}.created_by_id", "Who made it; null for the operator.")
    expires_at: dt.datetime | None = column("expires_at", "When it ends by itself; null for never.")
    revoked_at: dt.datetime | None = column("revoked_at", "When it was revoked.")
    last_used_at: dt.datetime | None = column("last_used_at", "When it was last used, to the minute.")


@graph_type(source="staff_user", scope=IN_LIBRARY, description="A staff member who is signed in.")
class StaffViewer:
    """Whoever asks with a session."""

    user: StaffUser = one("{t}.id = {p}.id", "The account.")
    library: Library = one("{t}.id = {library}", "The library it belongs to.")
    permissions: list[Permission] = expression(
        _permissions("{permissions}"), "What you may do: the union of your roles. Buttons follow it."
    )


@graph_type(source="api_token", scope=IN_LIBRARY, description="A program that acts with a token.")
class TokenViewer:
    """Whoever asks with a bearer token."""

    token: ApiToken = one("{t}.id = {p}.id", "The token.")
    library: Library = one("{t}.id = {library}", "The library it belongs to.")
    permissions: list[Permission] = expression(_permissions("{permissions}"), "What the token allows.")


Viewer = Annotated[
    StaffViewer | TokenViewer | LazyPatronViewer,
    strawberry.union("Viewer", description="Who asks: a staff member, a program or a patron."),
]


@strawberry.type(description="Signed in: the answer set the session's cookie.")
class SignInSuccess:
    """Ask `viewer` for the rest."""

    permissions: list[Permission] = strawberry.field(description="What you may do.")
    expires_at: dt.datetime = strawberry.field(description="When the session ends by itself.")


@strawberry.type(description="Signed out: the session's cookie was removed.")
class SignOutSuccess:
    """Also the answer when nobody was signed in."""

    ended: bool = strawberry.field(description="Whether there was a session to end.")


@strawberry.type(description="The password was right; purges and bulk exports are open for 5 minutes.")
class ReauthenticateSuccess:
    """For this session only."""

    until: dt.datetime = strawberry.field(description="Until when it counts.")


@strawberry.type(description="The password was changed and your other sessions were ended.")
class ChangePasswordSuccess:
    """The session that asked goes on."""

    changed: bool = strawberry.field(default=True, description="Always true.")


@strawberry.input(description="Who signs in.")
class SignInInput:
    """The library is needed when several libraries know the username."""

    username: str = strawberry.field(description="Username, in any case.")
    password: str = strawberry.field(description="Password.")
    library_code: str | None = strawberry.field(default=None, description="Code of the library, in any case.")


@strawberry.input(description="The password again.")
class ReauthenticateInput:
    """For what cannot be undone."""

    password: str = strawberry.field(description="Password.")


@strawberry.input(description="The old and the new password.")
class ChangePasswordInput:
    """At least 8 characters, not one that is guessed first, not the username."""

    current_password: str = strawberry.field(description="Password as it is.")
    new_password: str = strawberry.field(description="Password as it shall be.")


_SAFE = "At least 8 characters, not one that is guessed first, not the username."
_ROLES = "Ids of its roles; with those that hold no more than you may do yourself."
_ALLOWED = "What it allows, at least one thing; no more than you may do yourself."


@strawberry.input(description="A new staff account.")
class CreateStaffUserInput:
    """Input of createStaffUser. A username is one account's, so sent twice it makes no second one."""

    username: str = strawberry.field(description="Name to sign in with, unique in the library in any case.")
    password: str = strawberry.field(description=_SAFE)
    display_name: str | None = strawberry.field(
        default=None, description="Name that colleagues see; the username without it."
    )
    role_ids: list[strawberry.ID] = strawberry.field(default_factory=list, description=_ROLES)


@strawberry.input(description="What changes of a staff account; what is left out stays.")
class UpdateStaffUserInput:
    """Input of updateStaffUser."""

    id: strawberry.ID = strawberry.field(description="Id of the account.")
    display_name: strawberry.Maybe[str | None] = strawberry.field(
        description="Name that colleagues see. Null is refused."
    )
    role_ids: strawberry.Maybe[list[strawberry.ID] | None] = strawberry.field(description=f"{_ROLES} Null is refused.")


@strawberry.input(description="Whether a staff account may sign in.")
class SetStaffActiveInput:
    """Input of setStaffActive."""

    id: strawberry.ID = strawberry.field(description="Id of the account; not your own to disable it.")
    active: bool = strawberry.field(description="False ends its sessions and keeps it from signing in.")


@strawberry.input(description="A new password for a colleague.")
class SetStaffPasswordInput:
    """Input of setStaffPassword."""

    id: strawberry.ID = strawberry.field(description="Id of an account that may do no more than you.")
    password: str = strawberry.field(description=_SAFE)


@strawberry.input(description="A new role.")
class CreateRoleInput:
    """Input of createRole. A name is one role's, so sent twice it makes no second one."""

    name: str = strawberry.field(description="Name, unique in the library.")
    permissions: list[Permission] = strawberry.field(description=_ALLOWED)


@strawberry.input(description="What changes of a role; what is left out stays.")
class UpdateRoleInput:
    """Input of updateRole. Whoever has the role may do what it allows at once."""

    id: strawberry.ID = strawberry.field(description="Id of the role.")
    name: strawberry.Maybe[str | None] = strawberry.field(description="Name, unique in the library. Null is refused.")
    permissions: strawberry.Maybe[list[Permission] | None] = strawberry.field(
        description=f"{_ALLOWED} Null is refused."
    )


@strawberry.input(description="A new API token.")
class CreateApiTokenInput:
    """Input of createApiToken."""

    name: str = strawberry.field(description="What it is for, at most 100 characters.")
    permissions: list[Permission] = strawberry.field(description=_ALLOWED)
    expires_at: dt.datetime | None = strawberry.field(
        default=None, description="When it ends by itself, in the future; null for never."
    )


@strawberry.input(description="Names an API token of your library.")
class RevokeApiTokenInput:
    """Input of revokeApiToken."""

    id: strawberry.ID = strawberry.field(description="Id of the token.")


@strawberry.type(description="The staff account as it is now.")
class StaffUserSuccess:
    """Payload of what managers do to accounts."""

    staff_id: strawberry.Private[int]
    changed: bool = strawberry.field(description="Whether anything of it is other than before.")
    staff_user: StaffUser = read_back("staff_id", "The account.")


@strawberry.type(description="The role as it is now.")
class RoleSuccess:
    """Payload of createRole and updateRole."""

    role_id: strawberry.Private[int]
    changed: bool = strawberry.field(description="Whether anything of it is other than before.")
    role: Role = read_back("role_id", "The role.")


@strawberry.type(description="The token; it is never shown again.")
class CreateApiTokenSuccess:
    """Payload of createApiToken."""

    token_id: strawberry.Private[int]
    token: str = strawberry.field(description="The token itself. Only its digest is kept, so keep it now.")
    api_token: ApiToken = read_back("token_id", "What is kept of it.")


@strawberry.type(description="The token is ended for good.")
class RevokeApiTokenSuccess:
    """Payload of revokeApiToken."""

    token_id: strawberry.Private[int]
    changed: bool = strawberry.field(description="False when it was revoked before.")
    api_token: ApiToken = read_back("token_id", "The token.")


StaffUserResult = Annotated[
    StaffUserSuccess | InvalidInput | NotFound,
    strawberry.union("StaffUserResult", description="The account, or why nothing was done."),
]
RoleResult = Annotated[
    RoleSuccess | InvalidInput | NotFound,
    strawberry.union("RoleResult", description="The role, or why nothing was done."),
]
CreateApiTokenResult = Annotated[
    CreateApiTokenSuccess | InvalidInput,
    strawberry.union("CreateApiTokenResult", description="The token, or why there is none."),
]
RevokeApiTokenResult = Annotated[
    RevokeApiTokenSuccess | NotFound,
    strawberry.union("RevokeApiTokenResult", description="The token, or why it was not revoked."),
]
