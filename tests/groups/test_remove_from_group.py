"""removeFromGroup: selected members end in no group; a group goes with its last member."""

from typing import Any

import pytest
from tests.clients import Api, why
from tests.groups.support import all_is_well, consent, events, groups, standing
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.permissions import Permission

REMOVE = """
mutation($ids: [ID!]!) { removeFromGroup(input: {patronIds: $ids}) {
  __typename
  ... on RemoveFromGroupSuccess { changed dissolvedCount patrons { id status group { id } groupLead } }
  ... on Problem { code message }
  ... on TooMany { limit }
  ... on InvalidInput { field fields { reason limit } }
} }
"""


def ids_of(*keys: int) -> list[str]:
    return [f"pat_{key}" for key in keys]


async def remove(api: Api, token: str, *keys: int) -> Any:
    return (await api.data(REMOVE, {"ids": ids_of(*keys)}, token))["removeFromGroup"]


async def unremoved(api: Api, token: str, *keys: int) -> Any:
    """A removal that must change nothing."""
    async with nothing_changes():
        return await remove(api, token, *keys)


@pytest.fixture
async def token(town: Town) -> str:
    return await town.token(Permission.GROUPS_MANAGE)


async def test_selected_members_end_in_no_group(api: Api, town: Town, token: str) -> None:
    a, b, c, d = await town.patrons(4, status="ACTIVE")
    family, pair = await town.group(a, b, c), await town.group(d)
    await consent(town.id, a, family)
    await consent(town.id, b, family)
    # The lead, the only member of another group, in the order of the request.
    done = await remove(api, token, d, a, d)
    assert done == {
        "__typename": "RemoveFromGroupSuccess",
        "changed": 2,
        "dissolvedCount": 1,
        "patrons": [{"id": each, "status": "ACTIVE", "group": None, "groupLead": False} for each in ids_of(d, a)],
    }
    assert await groups(town.id) == {family: ([b, c], [])}
    assert await standing() == [(b, family)]
    assert await events() == [
        ("group.waiver.revoke", "patron", a, "{}"),
        ("group.lead", "group", family, '{"lead": null}'),
        ("group.dissolve", "group", pair, "{}"),
        ("group.remove", "patron", a, "{}"),
        ("group.remove", "patron", d, "{}"),
    ]
    assert await town.remaining() == [a, b, c, d]
    assert await all_is_well()


async def test_with_its_last_members_a_group_and_its_waivers_go(api: Api, town: Town, token: str) -> None:
    a, b = await town.patrons(2)
    group = await town.group(a, b)
    await consent(town.id, a, group)
    await remove(api, token, a)
    assert await groups(town.id) == {group: ([b], [])}
    assert await db.value("SELECT count(*) FROM privacy_waiver WHERE revoked_at IS NOT NULL") == 1
    done = await remove(api, token, b)
    assert (done["changed"], done["dissolvedCount"]) == (1, 1)
    assert await groups(town.id) == {}
    assert await db.value("SELECT count(*) FROM privacy_waiver") == 0


async def test_who_is_in_no_group_stays_so(api: Api, town: Town, token: str) -> None:
    a, b = await town.patrons(2)
    again = await unremoved(api, token, a, b)
    assert (again["__typename"], again["changed"], again["dissolvedCount"]) == ("RemoveFromGroupSuccess", 0, 0)
    group = await town.group(a)
    mixed = await remove(api, token, b, a)
    assert (mixed["changed"], mixed["dissolvedCount"]) == (1, 1)
    assert [event[:3] for event in await events("group.remove")] == [("group.remove", "patron", a)]
    assert await db.value("SELECT count(*) FROM patron_group WHERE id = $1", group) == 0


async def test_another_librarys_patron_is_as_unknown_as_one_that_never_was(
    api: Api, town: Town, other_town: Town, token: str
) -> None:
    a, b = await town.patrons(2)
    await town.group(a, b)
    [stranger] = await other_town.patrons(1)
    await other_town.group(stranger)
    for others in ((), (a, b)):
        foreign = await unremoved(api, token, *others, stranger)
        unknown = await unremoved(api, token, *others, 999_999)
        assert foreign == unknown
        assert foreign["code"] == "NOT_FOUND"


async def test_none_and_too_many_are_refused(api: Api, town: Town, token: str) -> None:
    ids = await town.patrons(201)
    none = await unremoved(api, token)
    assert (none["code"], none["field"], why(none)) == ("INVALID_INPUT", "input.patronIds", [("REQUIRED", None)])
    many = await unremoved(api, token, *ids)
    assert (many["code"], many["limit"]) == ("TOO_MANY", 200)


async def test_without_the_permission_nothing_happens(api: Api, town: Town) -> None:
    [a] = await town.patrons(1)
    await town.group(a)
    lesser = await town.token(*(frozenset(Permission) - {Permission.GROUPS_MANAGE}))
    async with nothing_changes():
        assert await api.refused(REMOVE, {"ids": ids_of(a)}, lesser) == ["FORBIDDEN"]
        assert await api.refused(REMOVE, {"ids": ids_of(a)}) == ["UNAUTHENTICATED"]
