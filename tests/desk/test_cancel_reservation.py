"""cancelReservation through the API: it always works while the reservation is open, and frees what was kept."""

import pytest
from tests.desk.conftest import REFUSED, Desk, change, events, status_of

from patrongraph import db

CANCEL = f"""
mutation($input: CancelReservationInput!) {{ found: cancelReservation(input: $input) {{
  {REFUSED}
  ... on CancelReservationSuccess {{
    changed reservation {{ id state item {{ status }} }} patron {{ id openReservationCount }}
  }}
}} }}
"""


async def test_a_patron_leaves_the_queue_and_the_item_is_free(desk: Desk) -> None:
    patron, item = await desk.patron(), await desk.item("i1", "ON_HOLD_SHELF")
    made = await desk.reservation(patron, item)
    await desk.refuse_service(patron)
    done = await desk.ask(CANCEL, reservationId=f"res_{made}")
    assert done == {
        "__typename": "CancelReservationSuccess",
        "changed": True,
        "reservation": {"id": f"res_{made}", "state": "CANCELLED", "item": {"status": "AVAILABLE"}},
        "patron": {"id": f"pat_{patron}", "openReservationCount": 0},
    }
    assert await db.value("SELECT cancelled_at >= requested_at FROM reservation") is True
    assert await events("desk.cancel_reservation") == [("patron", patron, f'{{"reservation": {made}}}')]
    again = await desk.refused(CANCEL, reservationId=f"res_{made}")
    assert again == done | {"changed": False}


async def test_an_item_is_kept_for_the_next_one(desk: Desk, other_desk: Desk) -> None:
    item = await desk.item("i1", "ON_HOLD_SHELF")
    first = await desk.reservation(await desk.patron(), item)
    suspended = await desk.reservation(await desk.patron(), item, frozen=True)
    last = await other_desk.reservation(await other_desk.patron(), item)
    done = await desk.ask(CANCEL, reservationId=f"res_{first}")
    assert done["reservation"]["item"]["status"] == "ON_HOLD_SHELF"
    await other_desk.ask(CANCEL, reservationId=f"res_{last}")
    # Nobody is left but one who does not want it now.
    assert await status_of(item) == "AVAILABLE"
    await desk.ask(CANCEL, reservationId=f"res_{suspended}")
    assert await status_of(item) == "AVAILABLE"


async def test_an_item_that_is_lent_stays_so(desk: Desk) -> None:
    item = await desk.item("i1")
    await desk.loan(await desk.patron(), item)
    made = await desk.reservation(await desk.patron(), item)
    await desk.ask(CANCEL, reservationId=f"res_{made}")
    assert await status_of(item) == "ON_LOAN"


@pytest.mark.parametrize("state", ["FULFILLED", "EXPIRED"])
async def test_one_that_has_ended_otherwise_is_not_cancelled(desk: Desk, state: str) -> None:
    made = await desk.reservation(await desk.patron(), await desk.item("i1"))
    await change("reservation", made, state=state)
    assert await desk.reasons(CANCEL, reservationId=f"res_{made}") == ["NOT_OPEN"]


async def test_another_librarys_reservation_is_as_unknown_as_none(desk: Desk, other_desk: Desk) -> None:
    theirs = await other_desk.reservation(await other_desk.patron(), await desk.item("i1"))
    foreign = await desk.refused(CANCEL, reservationId=f"res_{theirs}")
    assert foreign == await desk.refused(CANCEL, reservationId="res_999999")
    assert foreign["message"] == "The reservation was not found in your library."


async def test_the_same_key_answers_the_same(desk: Desk) -> None:
    made = await desk.reservation(await desk.patron(), await desk.item("i1"))
    first = await desk.ask(CANCEL, reservationId=f"res_{made}", idempotencyKey="k")
    assert first["changed"] is True
    assert await desk.refused(CANCEL, reservationId=f"res_{made}", idempotencyKey="k") == first
    other = await desk.refused(CANCEL, reservationId="res_999999", idempotencyKey="k")
    assert other["code"] == "IDEMPOTENCY_MISMATCH"
