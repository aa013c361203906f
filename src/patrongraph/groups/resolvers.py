"""Root fields of the groups."""

import strawberry

from patrongraph.graph.arguments import Where
from patrongraph.graph.declare import RootRow, compiled, declared, mutation
from patrongraph.graph.engine import Operation
from patrongraph.graph.ids import decode_id
from patrongraph.groups import actions
from patrongraph.groups.types import (
    GrantPrivacyWaiverResult,
    GrantPrivacyWaiverSuccess,
    MoveToGroupInput,
    MoveToGroupPreview,
    MoveToGroupResult,
    MoveToGroupSuccess,
    PatronGroup,
    PrivacyWaiverInput,
    RemoveFromGroupResult,
    RemoveFromGroupSuccess,
    RevokePrivacyWaiverResult,
    RevokePrivacyWaiverSuccess,
    SetGroupLeadInput,
    SetGroupLeadResult,
    SetGroupLeadSuccess,
)
from patrongraph.patrons.resolvers import PatronIdsInput, patron_key
from patrongraph.permissions import Permission
from patrongraph.problems import InputReason, invalid


def _group_key(text: str) -> int:
    return decode_id("grp", text)


def _where(where: Where) -> None:
    where.add("{t}.id = " + where.bind("bigint", "id", convert=_group_key))


def _move(input: MoveToGroupInput) -> actions.Move:
    into = input.into
    by_id = into.group_id is not None and into.group_id is not strawberry.UNSET
    return actions.Move(
        patron_barcode=input.patron_barcode,
        patron_ids=None if input.patron_ids is None else [patron_key(each) for each in input.patron_ids],
        group_id=_group_key(into.group_id or "") if by_id else None,
        member_barcode=None if by_id else into.member_barcode,
    )


@strawberry.type
class GroupQuery:
    """Query.group."""

    @declared(
        RootRow(_where),
        "A group of your library; null when it has no such group.",
        permission=Permission.PATRONS_VIEW,
    )
    def group(self, id: strawberry.ID) -> PatronGroup | None:
        compiled()


@strawberry.type
class GroupMutation:
    """The mutations of the groups."""

    @mutation(
        "Move patrons into a group, all or none; unless confirmed it only shows who would move.",
        permission=Permission.GROUPS_MANAGE,
    )
    async def move_to_group(self, info: strawberry.Info[Operation], input: MoveToGroupInput) -> MoveToGroupResult:
        actor, move = info.context.actor, _move(input)
        if input.confirm:
            moved = await actions.move_to_group(actor, move)
            return MoveToGroupSuccess(
                patron_ids=moved.patron_ids,
                group_id=moved.group_id,
                changed=moved.changed,
                dissolved_count=moved.dissolved,
            )
        seen = await actions.preview_move(actor, move)
        return MoveToGroupPreview(
            patron_ids=seen.patron_ids,
            moving_ids=seen.moving,
            group_id=seen.group_id,
            member_id=seen.member_id,
            dissolved_ids=seen.dissolved,
            changed=len(seen.moving),
        )

    @mutation(
        "Take patrons out of their groups, all or none; they end in no group.", permission=Permission.GROUPS_MANAGE
    )
    async def remove_from_group(self, info: strawberry.Info[Operation], input: PatronIdsInput) -> RemoveFromGroupResult:
        done = await actions.remove_from_group(info.context.actor, [patron_key(each) for each in input.patron_ids])
        return RemoveFromGroupSuccess(patron_ids=done.patron_ids, changed=done.changed, dissolved_count=done.dissolved)

    @mutation("Let a member lead a group, or nobody.", permission=Permission.GROUPS_MANAGE)
    async def set_group_lead(self, info: strawberry.Info[Operation], input: SetGroupLeadInput) -> SetGroupLeadResult:
        if input.patron_id is strawberry.UNSET:
            # Left out by mistake, it would take the lead away.
            message = "Name a member, or say null for a group without a lead."
            raise invalid("input.patronId", message, InputReason.REQUIRED)
        lead = None if input.patron_id is None else patron_key(input.patron_id)
        done = await actions.set_lead(info.context.actor, _group_key(input.group_id), lead)
        return SetGroupLeadSuccess(group_id=done.group_id, changed=done.changed)

    @mutation(
        "Write down that a patron consents to the lead of their group seeing titles.",
        permission=Permission.GROUPS_MANAGE,
    )
    async def grant_privacy_waiver(
        self, info: strawberry.Info[Operation], input: PrivacyWaiverInput
    ) -> GrantPrivacyWaiverResult:
        done = await actions.grant_waiver(info.context.actor, patron_key(input.patron_id))
        return GrantPrivacyWaiverSuccess(patron_id=done.patron_id, waiver_id=done.waiver_id, changed=done.changed)

    @mutation("Write down that a patron takes that consent back.", permission=Permission.GROUPS_MANAGE)
    async def revoke_privacy_waiver(
        self, info: strawberry.Info[Operation], input: PrivacyWaiverInput
    ) -> RevokePrivacyWaiverResult:
        patron_id = patron_key(input.patron_id)
        changed = await actions.revoke_waiver(info.context.actor, patron_id)
        return RevokePrivacyWaiverSuccess(patron_id=patron_id, changed=changed)
