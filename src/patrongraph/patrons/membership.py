"""How a patron comes into another one's group: beside the patrons, not in `groups`, because registering needs it too.

`groups` is built on `patrons`, so a registration by cloning may not import it. What both do is written once, here.
"""

from patrongraph import db
from patrongraph.context import Actor

GROUP_OF = "SELECT group_id FROM group_membership WHERE patron_id = $1 AND library_id = $2"

# Groups are held in id order, after the patrons; a group that dissolves meanwhile is not among the answers.
LOCK_GROUPS = """
SELECT id FROM patron_group WHERE id = ANY($1::bigint[]) AND library_id = $2 ORDER BY id FOR UPDATE
"""

MAKE_GROUP = "INSERT INTO patron_group (library_id, created_at) VALUES ($1, now()) RETURNING id"

# Puts patrons into a group as ordinary members; whom somebody else put into one meanwhile is not among the answers.
ADD_MEMBERS = """
INSERT INTO group_membership (library_id, group_id, patron_id, joined_at)
SELECT $1, $2, patron_id, now() FROM unnest($3::bigint[]) AS patron_id ORDER BY patron_id
ON CONFLICT (patron_id) DO NOTHING
RETURNING patron_id
"""


class GroupsMoved(Exception):  # noqa: N818 - what happened, for the action to answer
    """Somebody put one of the patrons into a group at the same moment; nothing of this transaction may stand."""


async def add_members(library_id: int, group_id: int, patron_ids: list[int]) -> None:
    """Make these patrons, who are in no group, ordinary members of a group. Raises GroupsMoved."""
    added = await db.rows(ADD_MEMBERS, library_id, group_id, patron_ids)
    if len(added) < len(patron_ids):
        raise GroupsMoved


async def join(actor: Actor, patron_id: int, beside_id: int) -> int:
    """Put a new patron into the group of another one and return the group's id; where there is none, one is made.

    Both become ordinary members, and who leads stays so. The open transaction holds `beside_id` locked
    (FOR NO KEY UPDATE), both are of the actor's library, and `patron_id` was inserted in it and is in no group.
    Writes no audit event: the caller names the group in its own. Raises GroupsMoved, for what no patron lock
    keeps out.
    """
    group_id: int | None = await db.value(GROUP_OF, beside_id, actor.library)
    if group_id is not None and await db.rows(LOCK_GROUPS, [group_id], actor.library):
        await add_members(actor.library, group_id, [patron_id])
        return group_id
    made: int = await db.value(MAKE_GROUP, actor.library)
    await add_members(actor.library, made, [beside_id, patron_id])
    return made
