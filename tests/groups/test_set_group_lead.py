"""setGroupLead: one member leads, or nobody."""

import asyncio
from typing import Any

import pytest
from tests.clients import Api, why
from tests.groups.support import all_is_well, events, groups
from tests.town import Town, nothing_changes

from patrongraph.permissions import Permission

LEAD = """
mutation($input: SetGroupLeadInput!) { setGroupLead(input: $input) {
  __typename
  ... on SetGroupLeadSuccess {
    changed group { id lead { id } members(first: 9) { edges { node { lead patron { id groupLead } } } } }
  }
  ... on Problem { code message }
  ... on InvalidInput { field fields { reason limit } }
} }
"""


async def lead(api: Api, token: str, group: int, patron: int | None) -> Any:
    given = {"groupId": f"grp_{group}", "patronId": None if patron is None else f"pat_{patron}"}
    return (await api.data(LEAD, {"input": given}, token))["setGroupLead"]


async def unled(api: Api, token: str, group: int, patron: int | None) -> Any:
    """A change of the lead that must change nothing."""
    async with nothing_changes():
        return await lead(api, token, group, patron)


@pytest.fixture
async def token(town: Town) -> str:
    return await town.token(Permission.GROUPS_MANAGE)


async def test_another_member_leads_then_nobody_then_the_first_again(api: Api, town: Town, token: str) -> None:
    a, b = await town.patrons(2)
    group = await town.group(a, b)
    done = await lead(api, token, group, b)
    assert done == {
        "__typename": "SetGroupLeadSuccess",
        "changed": True,
        "group": {
            "id": f"grp_{group}",
            "lead": {"id": f"pat_{b}"},
            "members": {
                "edges": [
                    {"node": {"lead": False, "patron": {"id": f"pat_{a}", "groupLead": False}}},
                    {"node": {"lead": True, "patron": {"id": f"pat_{b}", "groupLead": True}}},
                ]
            },
        },
    }
    again = await unled(api, token, group, b)
    assert (again["__typename"], again["changed"]) == ("SetGroupLeadSuccess", False)
    none = await lead(api, token, group, None)
    assert (none["changed"], none["group"]["lead"]) == (True, None)
    none = await unled(api, token, group, None)
    assert (none["changed"], none["group"]["lead"]) == (False, None)
    assert (await lead(api, token, group, a))["changed"] is True
    assert await groups(town.id) == {group: ([a, b], [a])}
    assert await events() == [
        ("group.lead", "group", group, f'{{"lead": {b}}}'),
        ("group.lead", "group", group, '{"lead": null}'),
        ("group.lead", "group", group, f'{{"lead": {a}}}'),
    ]


async def test_only_a_member_leads(api: Api, town: Town, token: str) -> None:
    a, b, c = await town.patrons(3)
    group, _ = await town.group(a), await town.group(b)
    for patron in (b, c):
        no = await unled(api, token, group, patron)
        assert (no["__typename"], no["code"]) == ("NotInGroup", "NOT_IN_GROUP")


async def test_what_is_another_librarys_is_as_unknown_as_what_never_was(
    api: Api, town: Town, other_town: Town, token: str
) -> None:
    [a] = await town.patrons(1)
    group = await town.group(a)
    strangers = await other_town.patrons(2)
    theirs = await other_town.group(*strangers)
    for foreign, unknown, message in (
        ((theirs, None), (999_999, None), "The group was not found in your library."),
        ((theirs, a), (999_999, a), "The group was not found in your library."),
        ((group, strangers[1]), (group, 999_999), "The patron was not found in your library."),
        ((theirs, strangers[1]), (999_999, 999_999), "The patron and the group were not found in your library."),
    ):
        said = await unled(api, token, *foreign)
        assert said == await unled(api, token, *unknown)
        assert (said["code"], said["message"]) == ("NOT_FOUND", message)


async def test_to_take_the_lead_away_null_must_be_said(api: Api, town: Town, token: str) -> None:
    [a] = await town.patrons(1)
    group = await town.group(a)
    async with nothing_changes():
        said = (await api.data(LEAD, {"input": {"groupId": f"grp_{group}"}}, token))["setGroupLead"]
    assert (said["code"], said["field"], why(said)) == ("INVALID_INPUT", "input.patronId", [("REQUIRED", None)])


async def test_of_two_at_once_one_leads(api: Api, town: Town, token: str) -> None:
    ids = await town.patrons(4)
    group = await town.group(*ids)
    for _ in range(10):
        answers = await asyncio.gather(*(lead(api, token, group, patron) for patron in [*ids, None]))
        assert {answer["__typename"] for answer in answers} == {"SetGroupLeadSuccess"}
        assert len((await groups(town.id))[group][1]) <= 1
        assert await all_is_well()


async def test_without_the_permission_nothing_happens(api: Api, town: Town) -> None:
    a, b = await town.patrons(2)
    given = {"groupId": f"grp_{await town.group(a, b)}", "patronId": f"pat_{b}"}
    lesser = await town.token(*(frozenset(Permission) - {Permission.GROUPS_MANAGE}))
    async with nothing_changes():
        assert await api.refused(LEAD, {"input": given}, lesser) == ["FORBIDDEN"]
        assert await api.refused(LEAD, {"input": given}) == ["UNAUTHENTICATED"]
