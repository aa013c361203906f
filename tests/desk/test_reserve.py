"""placeReservation through the API: a place in the queue, and every reason why not."""

from typing import Any

import pytest
from tests.desk.conftest import PATRONS_REASONS, REFUSED, Desk, events, status_of
from tests.town import Town

from patrongraph import db

RESERVE = f"""
mutation($input: PlaceReservationInput!) {{ found: placeReservation(input: $input) {{
  {REFUSED}
  ... on PlaceReservationSuccess {{
    reservation {{ id state frozen fulfilledAt cancelledAt pickupBranch {{ code }} item {{ barcode status }} }}
    patron {{ id openReservationCount }}
  }}
}} }}
"""


async def test_a_patron_joins_the_queue(desk: Desk, town: Town) -> None:
    patron, item = await desk.patron(), await desk.item("i1")
    await db.rows("INSERT INTO branch (library_id, code, name) VALUES ($1, 'EAST', 'East') RETURNING id", town.id)
    await desk.loan(await desk.patron(), item)
    branch = await db.value("SELECT id FROM branch WHERE code = 'EAST'")
    done = await desk.ask(
        RESERVE, patron={"barcode": f"B{patron}"}, itemBarcode="i1", pickupBranchId=f"branch_{branch}"
    )
    made = await db.value("SELECT id FROM reservation")
    assert done == {
        "__typename": "PlaceReservationSuccess",
        "reservation": {
            "id": f"res_{made}",
            "state": "OPEN",
            "frozen": False,
            "fulfilledAt": None,
            "cancelledAt": None,
            "pickupBranch": {"code": "EAST"},
            "item": {"barcode": "i1", "status": "ON_LOAN"},
        },
        "patron": {"id": f"pat_{patron}", "openReservationCount": 1},
    }
    assert await events("desk.reserve") == [("patron", patron, f'{{"reservation": {made}}}')]


async def test_without_a_branch_it_is_fetched_at_home(desk: Desk) -> None:
    patron, item = await desk.patron(), await desk.item("i1")
    done = await desk.ask(RESERVE, patron={"id": f"pat_{patron}"}, itemBarcode="i1")
    assert done["reservation"]["pickupBranch"] == {"code": "MAIN"}
    # What stands on the shelf stays there; the queue keeps others from borrowing it.
    assert await status_of(item) == "AVAILABLE"
    homeless = await desk.patron(branch_id=None)
    done = await desk.ask(RESERVE, patron={"id": f"pat_{homeless}"}, itemBarcode="i1")
    assert done["reservation"]["pickupBranch"] is None


async def test_every_reason_is_listed(desk: Desk) -> None:
    patron, item = await desk.patron(), await desk.item("i1")
    await desk.loan(patron, item, lost=True)
    await desk.reservation(patron, item, frozen=True)
    await desk.refuse_service(patron)
    assert await desk.reasons(RESERVE, patron={"id": f"pat_{patron}"}, itemBarcode="i1") == [
        *PATRONS_REASONS, "ALREADY_BORROWED", "ALREADY_RESERVED", "LOST",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "codes"),
    [
        ("AVAILABLE", None),
        ("ON_LOAN", None),
        ("ON_HOLD_SHELF", None),
        ("IN_TRANSIT", None),
        ("ON_ORDER", None),
        ("IN_PROCESS", None),
        ("LOST", ["LOST"]),
        ("WITHDRAWN", ["WITHDRAWN"]),
        ("DAMAGED", ["NOT_AVAILABLE"]),
        ("MISSING", ["NOT_AVAILABLE"]),
        ("OTHER", ["NOT_AVAILABLE"]),
    ],
)
async def test_what_will_be_here_can_be_reserved(desk: Desk, status: str, codes: list[str] | None) -> None:
    patron = await desk.patron()
    await desk.item("i1", status)
    given: dict[str, Any] = {"patron": {"id": f"pat_{patron}"}, "itemBarcode": "i1"}
    if codes is not None:
        assert await desk.reasons(RESERVE, **given) == codes
    else:
        assert (await desk.ask(RESERVE, **given))["reservation"]["item"]["status"] == status
        assert await desk.reasons(RESERVE, **given) == ["ALREADY_RESERVED"]


async def test_an_item_of_another_library_can_be_reserved(desk: Desk, other_desk: Desk) -> None:
    patron, item = await desk.patron(), await other_desk.item("x1")
    await other_desk.reservation(await other_desk.patron(), item)
    done = await desk.ask(RESERVE, patron={"id": f"pat_{patron}"}, itemBarcode="x1")
    assert done["reservation"]["item"]["barcode"] == "x1"


async def test_everything_that_is_not_found_is_named(desk: Desk, other_desk: Desk) -> None:
    patron, theirs = await desk.patron(), await other_desk.patron()
    await desk.item("i1")
    branch = f"branch_{other_desk.town.branch}"
    found = await desk.refused(RESERVE, patron={"id": f"pat_{patron}"}, itemBarcode="i1", pickupBranchId=branch)
    assert found["message"] == "The branch was not found in your library."
    foreign = await desk.refused(RESERVE, patron={"id": f"pat_{theirs}"}, itemBarcode="none")
    assert foreign == await desk.refused(RESERVE, patron={"id": "pat_999999"}, itemBarcode="none")
    assert foreign["message"] == "The patron and the item were not found in your library."


async def test_the_same_key_reserves_once(desk: Desk) -> None:
    patron = await desk.patron()
    await desk.item("i1")
    given: dict[str, Any] = {"patron": {"id": f"pat_{patron}"}, "itemBarcode": "i1", "idempotencyKey": "k"}
    first = await desk.ask(RESERVE, **given)
    assert await desk.refused(RESERVE, **given) == first
    assert (await desk.refused(RESERVE, **given | {"itemBarcode": "i2"}))["code"] == "IDEMPOTENCY_MISMATCH"
    await db.rows("DELETE FROM reservation RETURNING id")
    assert (await desk.refused(RESERVE, **given))["message"] == "The reservation was not found in your library."
