"""A lead sees counts and totals where the library lets leads see them, and titles by the member's consent only."""

from dataclasses import dataclass
from typing import Any

import pytest
from tests.clients import MODERN, Api
from tests.town import Town

from patrongraph import db
from patrongraph.own_account import actions
from patrongraph.patrons.pins import hash_pin

GROUP = """{ viewer { ... on PatronViewer { group { lead overview {
  memberCount totals { openLoans overdueLoans reservations debt }
  members(first: 10) { totalCount edges { node {
    displayName you openLoanCount overdueLoanCount openReservationCount debtTotal sharesTitles
    loans(first: 10) { totalCount edges { node { title author overdue } } } } } }
} } } } }"""


@dataclass
class Family:
    """Lead, child with two open loans, and a member without anything, in one group of NORTH."""

    api: Api
    town: Town
    group: int
    lead: int
    child: int
    other: int

    async def seen_by(self, patron: int) -> Any:
        """Sign in and return the answer to GROUP: what the group field says, and the whole text."""
        token = await actions.sign_in(f"B{patron}", "4711")
        headers = {"accept": MODERN, "cookie": f"pg_session={token}"}
        async with self.api.client() as client:
            answer = await client.post("/graphql", json={"query": GROUP}, headers=headers)
        assert (answer.status_code, answer.json().get("errors")) == (200, None), answer.text
        return answer.json()["data"]["viewer"]["group"]

    async def titles(self) -> list[str]:
        """Return the titles that the lead sees of the child."""
        edges = (await self.seen_by(self.lead))["overview"]["members"]["edges"]
        shown = edges[1]["node"]
        found = [edge["node"]["title"] for edge in shown["loans"]["edges"]]
        assert shown["sharesTitles"] == bool(found)
        assert shown["loans"]["totalCount"] == len(found)
        assert all(edge["node"]["loans"]["edges"] == [] for edge in (edges[0], edges[2]))
        return found

    async def consent(self, *, patron: int | None = None, group: int | None = None, library: int | None = None) -> int:
        made: int = await db.value(
            "INSERT INTO privacy_waiver (library_id, patron_id, group_id, granted_at) VALUES ($1, $2, $3, now())"
            " RETURNING id",
            library or self.town.id,
            patron or self.child,
            group or self.group,
        )
        return made


@pytest.fixture
async def family(api: Api, town: Town) -> Family:
    lead, child, other = await town.patrons(3, loans=1, status="ACTIVE")
    stored = await hash_pin("4711")
    await db.rows("UPDATE patron_pin SET pin_hash = $1 RETURNING patron_id", stored)
    await town.policy(group_lead_access=True)
    await town.open_loan(child)
    await town.open_loan(child, lost=True)
    await town.open_loan(other)
    await town.open_reservation(child)
    await town.charge(child, "2.25")
    await town.charge(lead, "1.00")
    await db.rows("UPDATE item SET title = 'CANARY ' || id, author = 'CANARY' RETURNING id")
    await db.rows("UPDATE patron SET notes = 'CANARY', email = 'CANARY', phone = 'CANARY' RETURNING id")
    await db.rows("UPDATE card SET barcode = barcode RETURNING id")
    return Family(api, town, await town.group(lead, child, other), lead, child, other)


async def test_the_lead_sees_counts_and_totals_and_no_titles(family: Family) -> None:
    found = await family.seen_by(family.lead)
    assert "CANARY" not in str(found)
    empty = {"totalCount": 0, "edges": []}

    def member(n: int, **counts: Any) -> dict[str, Any]:
        return {"node": {
            "displayName": f"First{n} Last{n}", "you": n == 1, "openLoanCount": 0, "overdueLoanCount": 0,
            "openReservationCount": 0, "debtTotal": "0.00", "sharesTitles": False, "loans": empty, **counts,
        }}  # fmt: skip

    assert found == {
        "lead": True,
        "overview": {
            "memberCount": 3,
            # Of the child's two open loans one is lost, and a lost one is not overdue.
            "totals": {"openLoans": 3, "overdueLoans": 2, "reservations": 1, "debt": "3.25"},
            "members": {"totalCount": 3, "edges": [
                member(1, debtTotal="1.00"),
                member(2, openLoanCount=2, overdueLoanCount=1, openReservationCount=1, debtTotal="2.25"),
                member(3, openLoanCount=1, overdueLoanCount=1),
            ]},
        },
    }  # fmt: skip


async def test_others_see_that_they_are_in_a_group_and_no_more(family: Family) -> None:
    await family.consent()
    for patron in (family.child, family.other):
        assert await family.seen_by(patron) == {"lead": False, "overview": None}
    [alone] = await family.town.patrons(1, status="ACTIVE")
    await db.rows("UPDATE patron_pin SET pin_hash = $1 RETURNING patron_id", await hash_pin("4711"))
    assert await family.seen_by(alone) is None


async def test_where_the_library_does_not_let_leads_see_there_is_nothing(family: Family) -> None:
    await family.consent()
    await family.town.policy(group_lead_access=False)
    assert await family.seen_by(family.lead) == {"lead": True, "overview": None}
    await family.town.policy(group_lead_access=True)
    assert (await family.seen_by(family.lead))["overview"]["memberCount"] == 3


async def test_titles_come_with_the_consent_and_go_with_it(family: Family) -> None:
    assert await family.titles() == []
    waiver = await family.consent()
    found = await family.titles()
    # The open loans, the newest first; what was returned stays the child's own.
    newest = await db.rows(
        "SELECT i.title FROM loan l JOIN item i ON i.id = l.item_id"
        " WHERE l.patron_id = $1 AND l.returned_at IS NULL ORDER BY l.id DESC",
        family.child,
    )
    assert found == [row["title"] for row in newest]
    assert len(found) == 2
    await db.rows("UPDATE privacy_waiver SET revoked_at = now() WHERE id = $1 RETURNING id", waiver)
    assert await family.titles() == []
    await family.consent()
    assert await family.titles() == found


async def test_a_consent_is_for_one_group_and_one_member(family: Family, other_town: Town) -> None:
    elsewhere = await family.town.group(*await family.town.patrons(1))
    await family.consent(group=elsewhere)
    await family.consent(patron=family.lead, group=elsewhere)
    await family.consent(library=other_town.id)
    assert await family.titles() == []


async def test_who_leads_no_longer_sees_no_longer(family: Family) -> None:
    await family.consent()
    assert await family.titles() != []
    await db.rows("UPDATE group_membership SET lead = false RETURNING id")
    assert await family.seen_by(family.lead) == {"lead": False, "overview": None}
    await db.rows("UPDATE group_membership SET lead = true WHERE patron_id = $1 RETURNING id", family.child)
    assert await family.seen_by(family.lead) == {"lead": False, "overview": None}
    assert (await family.seen_by(family.child))["lead"] is True
    await db.rows("DELETE FROM group_membership WHERE patron_id = $1 RETURNING id", family.child)
    assert await family.seen_by(family.child) is None
