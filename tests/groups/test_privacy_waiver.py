"""grantPrivacyWaiver and revokePrivacyWaiver: a dated consent, for the group that the member is in now."""

import asyncio
from typing import Any

import pytest
from tests.clients import Api
from tests.groups.support import all_is_well, events, standing
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.permissions import Permission

GRANT = """
mutation($id: ID!) { grantPrivacyWaiver(input: {patronId: $id}) {
  __typename
  ... on GrantPrivacyWaiverSuccess { changed waiver { grantedAt } patron { id } }
  ... on Problem { code message }
} }
"""
REVOKE = """
mutation($id: ID!) { revokePrivacyWaiver(input: {patronId: $id}) {
  __typename
  ... on RevokePrivacyWaiverSuccess { changed patron { id } }
  ... on Problem { code message }
} }
"""
MEMBERS = """
query($id: ID!) { group(id: $id) { members(first: 10) { edges { node {
  lead waiver { grantedAt }
  patron { id displayName barcode status openLoanCount overdueLoanCount openReservationCount debtTotal }
} } } } }
"""
BOTH = pytest.mark.parametrize("mutation", [GRANT, REVOKE], ids=["grant", "revoke"])


async def ask(api: Api, mutation: str, patron: int, token: str) -> Any:
    [answer] = (await api.data(mutation, {"id": f"pat_{patron}"}, token)).values()
    return answer


async def unchanged(api: Api, mutation: str, patron: int, token: str) -> Any:
    async with nothing_changes():
        return await ask(api, mutation, patron, token)


@pytest.fixture
async def token(town: Town) -> str:
    return await town.token(Permission.GROUPS_MANAGE, Permission.PATRONS_VIEW)


async def members(api: Api, group: int, token: str) -> list[Any]:
    found = await api.data(MEMBERS, {"id": f"grp_{group}"}, token)
    return [edge["node"] for edge in found["group"]["members"]["edges"]]


async def test_consent_is_given_shown_and_taken_back(api: Api, town: Town, token: str) -> None:
    a, b = await town.patrons(2, status="ACTIVE")
    group = await town.group(a, b)
    assert [each["waiver"] for each in await members(api, group, token)] == [None, None]
    given = await ask(api, GRANT, b, token)
    assert (given["__typename"], given["changed"], given["patron"]) == (
        "GrantPrivacyWaiverSuccess", True, {"id": f"pat_{b}"},
    )  # fmt: skip
    assert await standing() == [(b, group)]
    assert [each["waiver"] for each in await members(api, group, token)] == [None, given["waiver"]]
    # It stands as it was given.
    again = await unchanged(api, GRANT, b, token)
    assert again == given | {"changed": False}

    back = await ask(api, REVOKE, b, token)
    assert back == {"__typename": "RevokePrivacyWaiverSuccess", "changed": True, "patron": {"id": f"pat_{b}"}}
    assert [each["waiver"] for each in await members(api, group, token)] == [None, None]
    again = await unchanged(api, REVOKE, b, token)
    assert again == back | {"changed": False}
    assert await events() == [
        ("group.waiver.grant", "patron", b, f'{{"group": {group}}}'),
        ("group.waiver.revoke", "patron", b, "{}"),
    ]
    # A new one is another, with its own date; the old one is kept.
    new = await ask(api, GRANT, b, token)
    assert new["changed"] is True
    assert new["waiver"]["grantedAt"] > given["waiver"]["grantedAt"]
    assert await db.value("SELECT count(*) FROM privacy_waiver") == 2
    assert await all_is_well()


async def test_one_query_shows_what_staff_need_of_each_member(api: Api, town: Town, token: str) -> None:
    a, b = await town.patrons(2, status="ACTIVE")
    group = await town.group(a, b)
    await town.open_loan(b)
    late = await town.open_loan(b, lost=True)
    await db.rows("UPDATE loan SET lost = false, due_at = now() - interval '1 day' WHERE id = $1 RETURNING id", late)
    await town.open_reservation(b)
    await town.charge(b, "1.25")
    await town.charge(b, "2.50")
    given = await ask(api, GRANT, b, token)
    nothing = {"openLoanCount": 0, "overdueLoanCount": 0, "openReservationCount": 0, "debtTotal": "0.00"}
    much = {"openLoanCount": 2, "overdueLoanCount": 1, "openReservationCount": 1, "debtTotal": "3.75"}
    # The first open loan is due at the moment when it was made.
    await db.rows("UPDATE loan SET due_at = now() + interval '1 day' WHERE id <> $1 RETURNING id", late)
    assert await members(api, group, token) == [
        {
            "lead": True,
            "waiver": None,
            "patron": {"id": f"pat_{a}", "displayName": "First1 Last1", "barcode": f"B{a}", "status": "ACTIVE"}
            | nothing,
        },
        {
            "lead": False,
            "waiver": given["waiver"],
            "patron": {"id": f"pat_{b}", "displayName": "First2 Last2", "barcode": f"B{b}", "status": "ACTIVE"} | much,
        },
    ]


async def test_who_is_in_no_group_has_nobody_to_consent_to(api: Api, town: Town, token: str) -> None:
    [patron] = await town.patrons(1)
    no = await unchanged(api, GRANT, patron, token)
    assert (no["__typename"], no["code"]) == ("NotInGroup", "NOT_IN_GROUP")
    nothing = await unchanged(api, REVOKE, patron, token)
    assert (nothing["__typename"], nothing["changed"]) == ("RevokePrivacyWaiverSuccess", False)


async def test_given_at_once_it_is_given_once(api: Api, town: Town, token: str) -> None:
    a, b = await town.patrons(2)
    group = await town.group(a, b)
    answers = await asyncio.gather(*(ask(api, GRANT, b, token) for _ in range(8)))
    assert sorted(answer["changed"] for answer in answers) == [False] * 7 + [True]
    assert len({answer["waiver"]["grantedAt"] for answer in answers}) == 1
    assert await standing() == [(b, group)]


@BOTH
async def test_another_librarys_patron_is_as_unknown_as_one_that_never_was(
    api: Api, town: Town, other_town: Town, token: str, mutation: str
) -> None:
    strangers = await other_town.patrons(2)
    theirs = await other_town.group(*strangers)
    await db.rows(
        "INSERT INTO privacy_waiver (library_id, patron_id, group_id, granted_at) VALUES ($1, $2, $3, now())"
        " RETURNING id",
        other_town.id, strangers[1], theirs,
    )  # fmt: skip
    foreign = await unchanged(api, mutation, strangers[1], token)
    assert foreign == await unchanged(api, mutation, 999_999, token)
    assert (foreign["code"], foreign["message"]) == ("NOT_FOUND", "The patron was not found in your library.")


@BOTH
async def test_without_the_permission_nothing_happens(api: Api, town: Town, mutation: str) -> None:
    a, b = await town.patrons(2)
    await town.group(a, b)
    lesser = await town.token(*(frozenset(Permission) - {Permission.GROUPS_MANAGE}))
    async with nothing_changes():
        assert await api.refused(mutation, {"id": f"pat_{b}"}, lesser) == ["FORBIDDEN"]
        assert await api.refused(mutation, {"id": f"pat_{b}"}) == ["UNAUTHENTICATED"]
