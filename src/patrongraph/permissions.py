"""What a staff member or token may do: one enumeration, one directive that is printed, enforced and shown."""

from collections.abc import Iterable
from enum import StrEnum

import strawberry
from strawberry.schema_directive import Location


@strawberry.enum(description="What a role or an API token allows, named as staff know it.")
class Permission(StrEnum):
    """The permissions, in the order in which staff meet them."""

    PATRONS_VIEW = "PATRONS_VIEW"
    PATRONS_CREATE = "PATRONS_CREATE"
    PATRONS_EDIT = "PATRONS_EDIT"
    PATRONS_DOWNLOAD_DATA = "PATRONS_DOWNLOAD_DATA"
    PATRONS_BLOCK = "PATRONS_BLOCK"
    PATRONS_DELETE = "PATRONS_DELETE"
    PATRONS_DEACTIVATE = "PATRONS_DEACTIVATE"
    PATRONS_PURGE = "PATRONS_PURGE"
    ITEMS_MARK_LOST = "ITEMS_MARK_LOST"
    GROUPS_MANAGE = "GROUPS_MANAGE"
    GROUPS_VIEW_TOTALS = "GROUPS_VIEW_TOTALS"
    CIRCULATION_DESK = "CIRCULATION_DESK"
    PATRONS_IMPORT = "PATRONS_IMPORT"
    COHORTS_ROLL_OVER = "COHORTS_ROLL_OVER"
    REPORTS_VIEW = "REPORTS_VIEW"
    AUDIT_VIEW = "AUDIT_VIEW"
    SETTINGS_MANAGE = "SETTINGS_MANAGE"
    STAFF_MANAGE = "STAFF_MANAGE"


ALL_PERMISSIONS: frozenset[Permission] = frozenset(Permission)


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION, Location.OBJECT],
    name="requires",
    description="Refused with FORBIDDEN, before anything runs, unless the actor has this permission.",
)
class Requires:
    """Printed as `@requires(permission: X)`; the compiler enforces the same object."""

    permission: Permission


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="public",
    description="May be asked without signing in.",
)
class Public:
    """Printed as `@public`; every other field needs somebody signed in."""


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="patrons",
    description="May be asked by a patron who is signed in, too; other root fields are for staff and programs.",
)
class Patrons:
    """Printed as `@patrons`; a root field without it is refused to patrons whatever else it declares."""


def parse_permissions(names: Iterable[str]) -> frozenset[Permission]:
    """Return the known permissions among names; a name from a newer version is ignored."""
    return frozenset(Permission(name) for name in names if name in Permission.__members__)


class Forbidden(Exception):  # noqa: N818 - the word of the answer
    """The actor lacks a permission that only the arguments could tell."""

    def __init__(self, what: str, permission: Permission) -> None:
        super().__init__(f"{what} needs the permission {permission.value}, which you do not have.")
        self.permission = permission
