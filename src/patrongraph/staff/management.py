"""What a manager changes of accounts and roles that are there: never more than they may do themselves.

Beside `actions`, which is about signing in and what is new, because this has a rule of its own: a library keeps
somebody who can manage its staff.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from patrongraph import db
from patrongraph.audit.actions import record
from patrongraph.context import Actor, ActorKind
from patrongraph.permissions import Permission
from patrongraph.problems import InputReason, invalid, not_found
from patrongraph.staff import identify
from patrongraph.staff.actions import INSERT_STAFF_ROLES, ROLES_BY_ID, codes_of, one_name, within

# Makes two changes of one library's staff wait for each other, so that two managers do not take it from each other.
LOCK_STAFF = "SELECT pg_advisory_xact_lock(hashtextextended('staff ' || $1::bigint, 0))"

# An account of the library with the ids of its roles.
STAFF_AS_IT_IS = """
SELECT display_name, ARRAY(SELECT role_id FROM staff_role WHERE staff_user_id = staff_user.id ORDER BY 1) AS role_ids
FROM staff_user WHERE id = $1 AND library_id = $2 FOR UPDATE
"""

SET_DISPLAY_NAME = "UPDATE staff_user SET display_name = $2 WHERE id = $1 RETURNING id"

# Takes those roles from an account that are not among the wanted ones.
DELETE_STAFF_ROLES = """
DELETE FROM staff_role WHERE staff_user_id = $1 AND NOT role_id = ANY($2::bigint[]) RETURNING role_id
"""

# A role of the library, held for its change.
LOCK_ROLE = "SELECT name, permissions FROM role WHERE id = $1 AND library_id = $2 FOR UPDATE"

ROLE_NAME_TAKEN = "SELECT 1 FROM role WHERE library_id = $1 AND name = $2 AND id <> $3"

UPDATE_ROLE = "UPDATE role SET name = $2, permissions = $3::text[] WHERE id = $1 RETURNING id"

# The accounts with a role.
HOLDERS = "SELECT staff_user_id FROM staff_role WHERE role_id = $1"

# Whether anybody who may sign in can manage the staff.
A_MANAGER = """
SELECT 1 FROM staff_user JOIN staff_role held ON held.staff_user_id = staff_user.id JOIN role ON role.id = held.role_id
WHERE staff_user.library_id = $1 AND staff_user.active AND $2 = ANY(role.permissions) LIMIT 1
"""


async def update_staff(actor: Actor, staff_id: int, changes: Mapping[str, Any]) -> bool:
    """Change what `changes` names of an account: display_name, role_ids; return whether anything is other.

    Raises Refused: NOT_FOUND, also for a role; INVALID_INPUT for a malformed name, for a role given or taken that
    holds what the actor may not do, and when nobody could manage the staff any more.
    """
    async with db.transaction():
        await db.rows(LOCK_STAFF, actor.library)
        before = await db.row(STAFF_AS_IT_IS, staff_id, actor.library)
        if before is None:
            raise not_found("This staff account")
        name = one_name(changes.get("display_name", before["display_name"]), "input.displayName", 200)
        wanted: Sequence[int] = sorted(set(changes.get("role_ids", before["role_ids"])))
        other = sorted(set(wanted) ^ set(before["role_ids"]))
        changed = ["DISPLAY_NAME"] * (name != before["display_name"]) + ["ROLES"] * bool(other)
        if not changed:
            return False
        known = await db.rows(ROLES_BY_ID, actor.library, other)
        if len(known) < len(other):
            raise not_found("A role")
        for role in known:
            within(actor, role["permissions"], "input.roleIds")
        await db.rows(SET_DISPLAY_NAME, staff_id, name)
        await db.rows(DELETE_STAFF_ROLES, staff_id, wanted)
        await db.rows(INSERT_STAFF_ROLES, staff_id, wanted)
        await _keep_a_manager(actor, "input.roleIds")
        await record(actor, "staff.update", ("staff", staff_id), changed=changed, roles=len(wanted))
    identify.forget_actor(ActorKind.STAFF, staff_id)
    return True


async def update_role(actor: Actor, role_id: int, changes: Mapping[str, Any]) -> bool:
    """Change what `changes` names of a role: name, permissions; return whether anything is other.

    Permissions of a newer version stay. Raises Refused: NOT_FOUND; INVALID_INPUT for a name that is taken or
    malformed, for no permission, for one given or taken that the actor does not have, and when nobody could manage
    the staff any more.
    """
    async with db.transaction():
        await db.rows(LOCK_STAFF, actor.library)
        before = await db.row(LOCK_ROLE, role_id, actor.library)
        if before is None:
            raise not_found("This role")
        name = one_name(changes.get("name", before["name"]), "input.name", 100)
        held: list[str] = list(before["permissions"])
        wanted = held
        if "permissions" in changes:
            newer = [code for code in held if code not in Permission.__members__]
            wanted = codes_of(changes["permissions"]) + newer
        other = set(wanted) ^ set(held)
        changed = ["NAME"] * (name != before["name"]) + ["PERMISSIONS"] * bool(other)
        if not changed:
            return False
        within(actor, other, "input.permissions")
        if await db.value(ROLE_NAME_TAKEN, actor.library, name, role_id) is not None:
            raise invalid("input.name", "This library already has a role of that name.", InputReason.TAKEN)
        await db.value(UPDATE_ROLE, role_id, name, wanted)
        await _keep_a_manager(actor, "input.permissions")
        holders = await db.rows(HOLDERS, role_id)
        await record(actor, "role.update", ("role", role_id), changed=changed, permissions=wanted, staff=len(holders))
    for holder in holders:
        identify.forget_actor(ActorKind.STAFF, holder["staff_user_id"])
    return True


async def _keep_a_manager(actor: Actor, field: str) -> None:
    if actor.kind is ActorKind.STAFF and await db.value(A_MANAGER, actor.library, Permission.STAFF_MANAGE) is None:
        message = "Nobody could manage the staff any more; give STAFF_MANAGE to somebody else first."
        raise invalid(field, message, InputReason.LAST_ONE)
