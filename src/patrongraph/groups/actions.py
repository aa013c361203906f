"""Whoever changes groups holds the patrons first, then the groups, each in id order; an empty group never stays."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import asyncpg

from patrongraph import db
from patrongraph.audit.actions import record, record_many
from patrongraph.context import Actor
from patrongraph.groups import problems, queries
from patrongraph.patrons.membership import LOCK_GROUPS, MAKE_GROUP, GroupsMoved, add_members
from patrongraph.patrons.problems import MOST_AT_ONCE, too_many
from patrongraph.patrons.queries import own_patrons
from patrongraph.problems import InputReason, invalid

_T = TypeVar("_T")

TRIES = 5
"""How often a change is begun again that others got ahead of."""

LOCK_PATRONS = """
SELECT id FROM patron WHERE id = ANY($1::bigint[]) AND library_id = $2 ORDER BY id FOR NO KEY UPDATE
"""

# Consent is given to one group's lead; it ends when the member leaves.
REVOKE_WAIVERS = """
UPDATE privacy_waiver SET revoked_at = now()
WHERE patron_id = ANY($1::bigint[]) AND library_id = $2 AND revoked_at IS NULL
RETURNING patron_id
"""

# Members leave, and with them the lead.
LEAVE = """
DELETE FROM group_membership WHERE patron_id = ANY($1::bigint[]) AND library_id = $2 RETURNING group_id, lead
"""

# Groups go with what former members agreed to in them.
DELETE_WAIVERS = "DELETE FROM privacy_waiver WHERE group_id = ANY($1::bigint[]) AND library_id = $2 RETURNING id"
DELETE_GROUPS = "DELETE FROM patron_group WHERE id = ANY($1::bigint[]) AND library_id = $2 RETURNING id"

# Two statements, because a group has at most one lead at every moment.
UNSET_LEAD = """
UPDATE group_membership SET lead = false WHERE group_id = $1 AND library_id = $2 AND lead RETURNING patron_id
"""
SET_LEAD = """
UPDATE group_membership SET lead = true WHERE group_id = $1 AND library_id = $2 AND patron_id = $3 RETURNING patron_id
"""

GRANT_WAIVER = """
INSERT INTO privacy_waiver (library_id, patron_id, group_id, granted_at) VALUES ($1, $2, $3, now()) RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Move:
    """Who moves where: patrons by barcode or by ids, into a group by its id or by the barcode of a member."""

    patron_barcode: str | None = None
    patron_ids: Sequence[int] | None = None
    group_id: int | None = None
    member_barcode: str | None = None


@dataclass(frozen=True, slots=True)
class MovePreview:
    """What a move would do now.

    `moving`: patrons of those asked for who are not in the group yet. `group_id`: None where the move would make
    the group. `member_id`: whose barcode names the group. `dissolved`: groups that would lose their last member.
    """

    patron_ids: list[int]
    moving: list[int]
    group_id: int | None
    member_id: int | None
    dissolved: list[int]


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move did: the patrons asked for, their group now, how many changed group, groups dissolved."""

    patron_ids: list[int]
    group_id: int
    changed: int
    dissolved: int


@dataclass(frozen=True, slots=True)
class Removed:
    """What a removal did: the patrons asked for, how many were in a group, groups dissolved."""

    patron_ids: list[int]
    changed: int
    dissolved: int


@dataclass(frozen=True, slots=True)
class LeadSet:
    """The group, and whether another led it before, or nobody."""

    group_id: int
    changed: bool


@dataclass(frozen=True, slots=True)
class WaiverGranted:
    """The patron, the waiver that now stands, and whether there was none before."""

    patron_id: int
    waiver_id: int
    changed: bool


@dataclass(frozen=True, slots=True)
class _Meant:
    """The keys that a Move names."""

    patron_ids: list[int]
    group_id: int | None
    member_id: int | None


async def preview_move(actor: Actor, move: Move) -> MovePreview:
    """Say who would move from where into which group, and change nothing; refuses whatever the move would."""
    meant = await _meant(actor, move)
    groups = await queries.groups_of(actor.library, [*meant.patron_ids, *_one(meant.member_id)])
    return await _plan(actor, meant, groups)


async def move_to_group(actor: Actor, move: Move) -> Moved:
    """Move patrons into a group, all or none; who is in it already stays as they are.

    They arrive as ordinary members, and their waivers end. A member named by barcode who is in no group gets one
    with them, without a lead. Raises Refused: INVALID_INPUT unless exactly one way to name the patrons is used,
    for no patron, and for a patron to be moved to themselves alone, TOO_MANY above 200, NOT_FOUND when anything
    is not the library's, GROUP_CHANGED.
    """
    return await _steadily(lambda: _move(actor, move))


async def remove_from_group(actor: Actor, patron_ids: Sequence[int]) -> Removed:
    """Take patrons out of their groups, all or none; who is in none stays so. Their waivers end.

    Raises Refused: INVALID_INPUT for none, TOO_MANY above 200, NOT_FOUND when any is not the library's,
    GROUP_CHANGED.
    """
    asked = _checked(patron_ids)
    return await _steadily(lambda: _remove(actor, asked))


async def set_lead(actor: Actor, group_id: int, patron_id: int | None) -> LeadSet:
    """Let this member lead the group, or nobody.

    Raises Refused: NOT_FOUND when group or patron is not the library's, NOT_IN_GROUP when the patron is not a
    member of that group, GROUP_CHANGED.
    """
    return await _steadily(lambda: _set_lead(actor, group_id, patron_id))


async def grant_waiver(actor: Actor, patron_id: int) -> WaiverGranted:
    """Write down that this patron consents to the lead of their group seeing titles; consent given stands.

    Raises Refused: NOT_FOUND, NOT_IN_GROUP when the patron is in no group, GROUP_CHANGED.
    """
    return await _steadily(lambda: _grant_waiver(actor, patron_id))


async def revoke_waiver(actor: Actor, patron_id: int) -> bool:
    """Write down that this patron takes the consent back, and return whether there was one.

    Raises Refused: NOT_FOUND.
    """
    async with db.transaction():
        if not await db.rows(LOCK_PATRONS, [patron_id], actor.library):
            raise problems.missing("the patron")
        revoked = await db.rows(REVOKE_WAIVERS, [patron_id], actor.library)
        if revoked:
            await record(actor, "group.waiver.revoke", ("patron", patron_id))
    return bool(revoked)


async def _steadily(change: Callable[[], Awaitable[_T]]) -> _T:
    """Run one transaction, anew when a writer that holds no patrons (the import) got ahead of it."""
    for _ in range(TRIES):
        try:
            return await change()
        except (GroupsMoved, asyncpg.DeadlockDetectedError):
            continue
    raise problems.group_changed()


async def _meant(actor: Actor, move: Move) -> _Meant:
    if (move.patron_barcode is None) == (move.patron_ids is None):
        reason = InputReason.REQUIRED if move.patron_ids is None else InputReason.CONTRADICTION
        raise invalid("input", "Give either a patron's barcode or patron ids.", reason)
    asked = None if move.patron_ids is None else _checked(move.patron_ids)
    unknown: list[str] = []
    if asked is None:
        found = await queries.patron_of_barcode(actor.library, move.patron_barcode or "")
        asked = _one(found)
        if found is None:
            unknown.append("the patron")
    else:
        own = await own_patrons(actor.library, asked)
        if len(own) < len(asked):
            unknown.append("the patron" if len(asked) == 1 else f"{len(asked) - len(own)} of the {len(asked)} patrons")
    member_id: int | None = None
    if move.group_id is not None:
        if not await queries.group_exists(actor.library, move.group_id):
            unknown.append("the group")
    else:
        member_id = await queries.patron_of_barcode(actor.library, move.member_barcode or "")
        if member_id is None:
            unknown.append("the member of the group")
    if unknown:
        raise problems.missing(*unknown)
    return _Meant(asked, move.group_id, member_id)


async def _plan(actor: Actor, meant: _Meant, groups: dict[int, int]) -> MovePreview:
    group_id = meant.group_id if meant.member_id is None else groups.get(meant.member_id)
    if group_id is None and meant.patron_ids == [meant.member_id]:
        message = "This patron is in no group; name a member of the group, or somebody else to move."
        raise invalid("input.into", message, InputReason.CONTRADICTION)
    others = [each for each in meant.patron_ids if each != meant.member_id]
    moving = sorted(each for each in others if group_id is None or groups.get(each) != group_id)
    left = {groups[each] for each in moving if each in groups}
    dissolved = await queries.left_empty(actor.library, left, moving)
    return MovePreview(meant.patron_ids, moving, group_id, meant.member_id, dissolved)


async def _move(actor: Actor, move: Move) -> Moved:
    async with db.transaction():
        meant = await _meant(actor, move)
        named = {*meant.patron_ids, *_one(meant.member_id)}
        if len(await db.rows(LOCK_PATRONS, list(named), actor.library)) < len(named):
            raise GroupsMoved
        groups = await queries.groups_of(actor.library, named)
        involved = {*groups.values(), *_one(meant.group_id)}
        if len(await db.rows(LOCK_GROUPS, list(involved), actor.library)) < len(involved):
            raise GroupsMoved
        plan = await _plan(actor, meant, groups)
        group_id, joining = plan.group_id, plan.moving
        if group_id is None:
            group_id = int(await db.value(MAKE_GROUP, actor.library))
            joining = sorted([*plan.moving, *_one(plan.member_id)])
        if joining:
            await _leave(actor, plan.moving, plan.dissolved)
            await add_members(actor.library, group_id, joining)
            await record_many(actor, "group.move", "patron", joining, group=group_id)
    return Moved(plan.patron_ids, group_id, len(plan.moving), len(plan.dissolved))


async def _remove(actor: Actor, asked: list[int]) -> Removed:
    async with db.transaction():
        locked = await db.rows(LOCK_PATRONS, asked, actor.library)
        if len(locked) < len(asked):
            few = f"{len(asked) - len(locked)} of the {len(asked)} patrons"
            raise problems.missing("the patron" if len(asked) == 1 else few)
        groups = await queries.groups_of(actor.library, asked)
        leaving, left = sorted(groups), set(groups.values())
        if len(await db.rows(LOCK_GROUPS, list(left), actor.library)) < len(left):
            raise GroupsMoved
        dissolved = await queries.left_empty(actor.library, left, leaving)
        await _leave(actor, leaving, dissolved)
        await record_many(actor, "group.remove", "patron", leaving)
    return Removed(asked, len(leaving), len(dissolved))


async def _leave(actor: Actor, leaving: list[int], dissolved: list[int]) -> None:
    """Take patrons out of their groups, with their waivers, and let the groups go that this leaves empty."""
    revoked = await db.rows(REVOKE_WAIVERS, leaving, actor.library)
    await record_many(actor, "group.waiver.revoke", "patron", sorted({row["patron_id"] for row in revoked}))
    were = await db.rows(LEAVE, leaving, actor.library)
    leadless = sorted({row["group_id"] for row in were if row["lead"]} - set(dissolved))
    await record_many(actor, "group.lead", "group", leadless, lead=None)
    if dissolved:
        await db.rows(DELETE_WAIVERS, dissolved, actor.library)
        await db.rows(DELETE_GROUPS, dissolved, actor.library)
        await record_many(actor, "group.dissolve", "group", dissolved)


async def _set_lead(actor: Actor, group_id: int, patron_id: int | None) -> LeadSet:
    async with db.transaction():
        before = await queries.lead_of(actor.library, group_id)
        held = {row["id"] for row in await db.rows(LOCK_PATRONS, [*_one(before), *_one(patron_id)], actor.library)}
        unknown = [] if await db.rows(LOCK_GROUPS, [group_id], actor.library) else ["the group"]
        if patron_id is not None and patron_id not in held:
            unknown.insert(0, "the patron")
        if unknown:
            raise problems.missing(*unknown)
        if await queries.lead_of(actor.library, group_id) != before:
            raise GroupsMoved
        if patron_id is not None and (await queries.groups_of(actor.library, [patron_id])).get(patron_id) != group_id:
            raise problems.not_a_member()
        if before == patron_id:
            return LeadSet(group_id, changed=False)
        await db.rows(UNSET_LEAD, group_id, actor.library)
        if patron_id is not None:
            await db.rows(SET_LEAD, group_id, actor.library, patron_id)
        await record(actor, "group.lead", ("group", group_id), lead=patron_id)
    return LeadSet(group_id, changed=True)


async def _grant_waiver(actor: Actor, patron_id: int) -> WaiverGranted:
    async with db.transaction():
        if not await db.rows(LOCK_PATRONS, [patron_id], actor.library):
            raise problems.missing("the patron")
        group_id = (await queries.groups_of(actor.library, [patron_id])).get(patron_id)
        if group_id is None:
            raise problems.no_group()
        if not await db.rows(LOCK_GROUPS, [group_id], actor.library):
            raise GroupsMoved
        standing = await queries.consent_of(actor.library, patron_id, group_id)
        if standing is not None:
            return WaiverGranted(patron_id, standing, changed=False)
        given: int = await db.value(GRANT_WAIVER, actor.library, patron_id, group_id)
        await record(actor, "group.waiver.grant", ("patron", patron_id), group=group_id)
    return WaiverGranted(patron_id, given, changed=True)


def _checked(patron_ids: Sequence[int]) -> list[int]:
    """Return each patron once, in the order of the request. Raises Refused for none and for too many."""
    asked = list(dict.fromkeys(patron_ids))
    if not asked:
        raise invalid("input.patronIds", "Name at least one patron.", InputReason.REQUIRED)
    if len(asked) > MOST_AT_ONCE:
        raise too_many(len(asked), MOST_AT_ONCE)
    return asked


def _one(key: int | None) -> list[int]:
    return [] if key is None else [key]
