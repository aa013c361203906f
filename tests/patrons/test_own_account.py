"""What a signed-in patron sees through the API: all of their own account, and nothing that is for staff."""

from typing import Any

import httpx
import pytest
from tests.clients import MODERN, Api
from tests.town import Town

from patrongraph import db
from patrongraph.own_account import actions
from patrongraph.patrons.pins import hash_pin

ACCOUNT = """{ viewer { __typename ... on PatronViewer { currency library { code name } patron {
  id barcode firstName lastName displayName email phone category expiresOn expired blocked
  openLoanCount overdueLoanCount openReservationCount debtTotal
  addresses { street } branch { code name }
  blockReasons { code message debt level amountToClear }
  loans(first: 10) { totalCount edges { node { id dueAt returnedAt overdue lost item { title library { code } } } } }
  history: loans(first: 10, state: CLOSED) { totalCount edges { node { item { title } } } }
  reservations(first: 10) { edges { node { id state item { title } } } }
  debts(first: 10, state: null) { edges { node { reason amount outstanding entries { kind amount } } } }
} group { lead overview { memberCount } } } } }"""


class Patron:
    """A patron with a session, who asks."""

    def __init__(self, api: Api, key: int, token: str) -> None:
        self.api, self.key, self.token = api, key, token

    async def ask(self, query: str, variables: Any = None) -> httpx.Response:
        headers = {"accept": MODERN, "cookie": f"pg_session={self.token}"}
        async with self.api.client() as client:
            return await client.post("/graphql", json={"query": query, "variables": variables}, headers=headers)

    async def account(self, query: str = ACCOUNT) -> Any:
        answer = await self.ask(query)
        assert (answer.status_code, answer.json().get("errors")) == (200, None), answer.text
        return answer.json()["data"]["viewer"]


async def signed_in(api: Api, town: Town) -> Patron:
    [key] = await town.patrons(1, loans=2, status="ACTIVE")
    stored = await hash_pin("4711")
    await db.rows("UPDATE patron_pin SET pin_hash = $2 WHERE patron_id = $1 RETURNING 1", key, stored)
    return Patron(api, key, await actions.sign_in(f"B{key}", "4711"))


@pytest.fixture
async def patron(api: Api, town: Town) -> Patron:
    return await signed_in(api, town)


async def test_the_whole_account(patron: Patron, town: Town) -> None:
    loan, hold = await town.open_loan(patron.key), await town.open_reservation(patron.key)
    await town.policy(block_level=5)
    await town.charge(patron.key, "7.50")
    found = await patron.account()
    mine = found.pop("patron")
    assert found == {
        "__typename": "PatronViewer", "currency": "USD", "library": {"code": "NORTH", "name": "NORTH"},
        "group": None,
    }  # fmt: skip
    [open_loan] = mine.pop("loans")["edges"]
    due = open_loan["node"].pop("dueAt")
    assert due is not None
    assert open_loan["node"] == {
        "id": f"loan_{loan}", "returnedAt": None, "overdue": True, "lost": False,
        "item": {"title": "Open", "library": {"code": "NORTH"}},
    }  # fmt: skip
    assert mine == {
        "id": f"pat_{patron.key}", "barcode": f"B{patron.key}", "firstName": "First1", "lastName": "Last1",
        "displayName": "First1 Last1", "email": "p1@example.org", "phone": None, "category": "Pupil",
        "expiresOn": None, "expired": False, "blocked": True,
        "openLoanCount": 1, "overdueLoanCount": 1, "openReservationCount": 1, "debtTotal": "7.50",
        "addresses": [{"street": f"Street {patron.key}"}], "branch": {"code": "MAIN", "name": "Main"},
        "blockReasons": [{
            "code": "DEBT", "message": "Owes as much as the library allows, or more; payment lifts this block.",
            "debt": "7.50", "level": "5.00", "amountToClear": "2.51",
        }],
        "history": {"totalCount": 2, "edges": [{"node": {"item": {"title": f"Title {n}"}}} for n in (2, 1)]},
        "reservations": {"edges": [{"node": {"id": f"res_{hold}", "state": "OPEN", "item": {"title": "Held"}}}]},
        "debts": {"edges": [
            {"node": {"reason": "", "amount": "7.50", "outstanding": "7.50", "entries": []}},
            {"node": {"reason": "", "amount": "3.00", "outstanding": "0.00",
                      "entries": [{"kind": "PAYMENT", "amount": "3.00"}]}},
        ]},
    }  # fmt: skip


async def test_the_own_account_and_no_other(api: Api, patron: Patron, town: Town, other_town: Town) -> None:
    """Two patrons of one library and one of another ask the same words, which are prepared once."""
    others = [await signed_in(api, town), await signed_in(api, other_town)]
    for each in (patron, *others, patron):
        assert (await each.account())["patron"]["id"] == f"pat_{each.key}"
        assert (await each.account())["patron"]["barcode"] == f"B{each.key}"


async def test_nothing_that_is_for_staff_is_in_the_answer(patron: Patron, town: Town) -> None:
    """Canaries in every text that staff write, and in what belongs to others."""
    [other] = await town.patrons(1, loans=1, status="ACTIVE")
    await town.open_loan(other)
    for statement in (
        "UPDATE patron SET notes = 'CANARY', external_id = 'CANARY' || id RETURNING id",
        "UPDATE block SET comment = 'CANARY', lift_reason = 'CANARY' RETURNING id",
        "UPDATE ledger_entry SET note = 'CANARY', external_id = 'CANARY' || id RETURNING id",
        f"UPDATE patron SET first_name = 'CANARY', email = 'CANARY' WHERE id = {other} RETURNING id",
        "UPDATE item SET title = 'CANARY' FROM loan WHERE loan.item_id = item.id AND loan.patron_id = "
        f"{other} RETURNING item.id",
    ):
        assert await db.rows(statement)
    answer = await patron.ask(ACCOUNT)
    assert "First1" in answer.text
    assert "CANARY" not in answer.text


@pytest.mark.parametrize("query", [
    "{ library { code } }",
    '{ patron(by: {id: "pat_1"}) { notes } }',
    '{ node(id: "pat_1") { id } }',
    '{ node(id: "branch_1") { id } }',
    "{ patrons(first: 1) { totalCount } }",
    'mutation { deactivatePatrons(input: {patronIds: ["pat_1"]}) { __typename } }',
    'mutation { reauthenticate(input: {password: "x"}) { __typename } }',
    'mutation { changePassword(input: {currentPassword: "x", newPassword: "y"}) { __typename } }',
])  # fmt: skip
async def test_what_staff_ask_is_refused(patron: Patron, query: str) -> None:
    answer = await patron.ask(query)
    codes = [error["extensions"]["code"] for error in answer.json()["errors"]]
    assert (answer.status_code, codes, "data" in answer.json()) == (403, ["FORBIDDEN"], False)


async def test_a_subscription_is_refused(api: Api, patron: Patron) -> None:
    headers = {"accept": "text/event-stream", "cookie": f"pg_session={patron.token}", "origin": api.url}
    async with api.client() as client:
        query = {"query": "subscription { jobs { id } }"}
        answer = await client.post("/graphql/stream", json=query, headers=headers)
    assert "FORBIDDEN" in answer.text
    assert '"data"' not in answer.text.replace("data:", "")
