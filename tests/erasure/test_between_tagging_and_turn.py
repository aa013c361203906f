"""Whatever comes up between tagging and a patron's turn is found at the turn, by its code, and the others go on."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.clients import Api
from tests.fixtures_api import working
from tests.town import Town

from patrongraph import db
from patrongraph.settings import Settings

PURGE = """
mutation($ids: [ID!]!) { purgePatrons(input: {patronIds: $ids, dryRun: false}) {
  ... on PurgePatronsSuccess { job { id } } ... on Problem { message }
} }
"""
ITEMS = """
query($id: ID!) { job(id: $id) {
  state total done skipped failed
  items(first: 50) { edges { node { patronId state codes } } }
} }
"""
STATUS = "mutation($ids: [ID!]!) { %s(input: {patronIds: $ids}) { ... on PatronsStatusSuccess { changed } } }"
EXPORT = "mutation($id: ID!) { exportPatronData(input: {patronId: $id}) { ... on ExportStarted { job { id } } } }"
PAUSE = "mutation($id: ID!) { pauseJob(input: {id: $id}) { ... on JobSuccess { job { state } } } }"
CHECK_OUT = """
mutation($id: ID!) { checkOut(input: {patron: {id: $id}, itemBarcode: "%s"}) { ... on CheckOutSuccess { loan { id } }
  ... on Problem { message } } }
"""
RESERVE = """
mutation($id: ID!) { placeReservation(input: {patron: {id: $id}, itemBarcode: "%s"}) {
  ... on PlaceReservationSuccess { reservation { id } } ... on Problem { message } } }
"""
CHARGE = """
mutation($id: ID!) { chargeDebt(input: {patronId: $id, amount: "0.01", reason: "Fee"}) {
  ... on ChargeDebtSuccess { debt { id } } ... on Problem { message } } }
"""
PROTECT = """
mutation($id: ID!) { editPatron(input: {id: $id, version: 1, section: {library: {protected: true}}}) {
  ... on EditPatronSuccess { patron { id } } ... on Problem { message } } }
"""
DELETE = """
mutation($id: ID!, $token: String) { deletePatron(input: {patronId: $id, confirmationToken: $token}) {
  ... on DeletePatronPreview { confirmationToken } ... on DeletePatronSuccess { erased } } }
"""
FREE_ITEMS = """
INSERT INTO item (library_id, barcode, title, status)
SELECT $1, 'free-' || patron, 'Free', 'AVAILABLE' FROM unnest($2::bigint[]) AS patron RETURNING id
"""


class Desk:
    """A member of the staff with every permission, who does one thing to each patron."""

    def __init__(self, api: Api, token: str, town: Town) -> None:
        self.api, self.token, self.town = api, token, town

    async def ask(self, text: str, patron: int, **more: Any) -> Any:
        [found] = (await self.api.data(text, {"id": f"pat_{patron}"} | more, self.token)).values()
        assert "message" not in found, found
        return found

    async def status(self, verb: str, patron: int) -> None:
        found = await self.api.data(STATUS % verb, {"ids": [f"pat_{patron}"]}, self.token)
        assert found == {verb: {"changed": 1}}

    async def in_use_for_a_moment(self, text: str, patron: int) -> None:
        """An inactive patron gets no service: taken into use, served, taken out of use again."""
        await self.status("reactivatePatrons", patron)
        await self.ask(text % f"free-{patron}", patron)
        await self.status("deactivatePatrons", patron)

    async def lend(self, patron: int) -> None:
        await self.in_use_for_a_moment(CHECK_OUT, patron)

    async def reserve(self, patron: int) -> None:
        await self.in_use_for_a_moment(RESERVE, patron)

    async def charge(self, patron: int) -> None:
        await self.ask(CHARGE, patron)

    async def owe(self, patron: int) -> None:
        await self.town.charge(patron, "-2.00")

    async def protect(self, patron: int) -> None:
        await self.ask(PROTECT, patron)

    async def export(self, patron: int) -> None:
        job = (await self.ask(EXPORT, patron))["job"]["id"]
        await self.api.data(PAUSE, {"id": job}, self.token)

    async def reactivate(self, patron: int) -> None:
        await self.status("reactivatePatrons", patron)

    async def reactivate_and_charge(self, patron: int) -> None:
        await self.reactivate(patron)
        await self.charge(patron)

    async def delete(self, patron: int) -> None:
        shown = await self.ask(DELETE, patron)
        assert (await self.ask(DELETE, patron, token=shown["confirmationToken"]))["erased"] is True

    async def nothing(self, patron: int) -> None:
        """Nothing comes up."""


Happens = Callable[[Desk, int], Awaitable[None]]

# What happens, and how the patron's turn ends.
TABLE: list[tuple[Happens, str, list[str]]] = [
    (Desk.reserve, "SKIPPED", ["OPEN_RESERVATIONS"]),
    (Desk.lend, "SKIPPED", ["OPEN_LOANS"]),
    (Desk.nothing, "DONE", []),
    (Desk.charge, "SKIPPED", ["DEBTS"]),
    (Desk.owe, "SKIPPED", ["CREDIT_BALANCE"]),
    (Desk.protect, "SKIPPED", ["PROTECTED"]),
    (Desk.nothing, "DONE", []),
    (Desk.export, "SKIPPED", ["EXPORT_IN_PROGRESS"]),
    (Desk.reactivate, "SKIPPED", ["NOT_INACTIVE"]),
    (Desk.reactivate_and_charge, "SKIPPED", ["DEBTS", "NOT_INACTIVE"]),
    (Desk.delete, "DONE", ["ALREADY_GONE"]),
    (Desk.nothing, "DONE", []),
]


async def test_what_comes_up_is_found_at_the_turn(api: Api, town: Town, settings: Settings, worker_log: Path) -> None:
    token = await town.token()
    ids = await town.patrons(len(TABLE), loans=2)
    await db.rows(FREE_ITEMS, town.id, ids)
    started = await api.data(PURGE, {"ids": [f"pat_{key}" for key in ids]}, token)
    job = started["purgePatrons"]["job"]["id"]
    desk = Desk(api, token, town)
    for patron, (happens, _, _) in zip(ids, TABLE, strict=True):
        await happens(desk, patron)
    with working(settings, worker_log):
        last = (await api.follow(job, token))[-1]
    skipped = [key for key, (_, state, _) in zip(ids, TABLE, strict=True) if state == "SKIPPED"]
    assert (last["state"], last["total"], last["failed"]) == ("COMPLETED_WITH_ISSUES", len(TABLE), 0)
    assert (last["done"], last["skipped"]) == (len(TABLE) - len(skipped), len(skipped))
    edges = (await api.data(ITEMS, {"id": job}, token))["job"]["items"]["edges"]
    assert [(edge["node"]["patronId"], edge["node"]["state"], edge["node"]["codes"]) for edge in edges] == [
        (f"pat_{key}", state, codes) for key, (_, state, codes) in zip(ids, TABLE, strict=True)
    ]
    assert await town.remaining() == skipped
    # Each is wholly there or wholly gone.
    for key in ids:
        rows = [
            await db.value(f"SELECT count(*) FROM {table} WHERE patron_id = $1", key) for table in ("card", "block")
        ]
        assert rows == ([1, 1] if key in skipped else [0, 0])
        loans = await db.value("SELECT count(*) FROM loan WHERE patron_id = $1 AND returned_at IS NOT NULL", key)
        assert loans == (2 if key in skipped else 0)
    assert await db.value("SELECT count(*) FROM loan_statistic") == 2 * (len(ids) - len(skipped))
