"""checkIn through the API: it always works, closes the loan, and puts the item where it belongs."""

from decimal import Decimal

import pytest
from tests.desk.conftest import REFUSED, Desk, change, events, status_of
from tests.town import Town

from patrongraph import db

CHECK_IN = f"""
mutation($input: CheckInInput!) {{ found: checkIn(input: $input) {{
  {REFUSED}
  ... on CheckInSuccess {{
    wasOnLoan wasLost itemStatus
    item {{ id barcode status }}
    loan {{ id lost overdue item {{ barcode status }} }}
    patron {{ id openLoanCount overdueLoanCount debtTotal }}
    reservation {{ id state patron {{ id }} }}
  }}
}} }}
"""
CLOSED = "SELECT returned_at >= checked_out_at AND returned_at <= clock_timestamp(), lost FROM loan WHERE id = $1"


async def test_an_item_comes_back(desk: Desk) -> None:
    patron, item = await desk.patron(), await desk.item("i1")
    loan = await desk.loan(patron, item)
    done = await desk.ask(CHECK_IN, itemBarcode="i1")
    assert done == {
        "__typename": "CheckInSuccess",
        "wasOnLoan": True,
        "wasLost": False,
        "itemStatus": "AVAILABLE",
        "item": {"id": f"item_{item}", "barcode": "i1", "status": "AVAILABLE"},
        "loan": {
            "id": f"loan_{loan}", "lost": False, "overdue": False, "item": {"barcode": "i1", "status": "AVAILABLE"},
        },
        "patron": {"id": f"pat_{patron}", "openLoanCount": 0, "overdueLoanCount": 0, "debtTotal": "0.00"},
        "reservation": None,
    }  # fmt: skip
    assert [tuple(row) for row in await db.rows(CLOSED, loan)] == [(True, False)]
    assert await events("desk.check_in") == [("patron", patron, f'{{"loan": {loan}, "lost": false}}')]


async def test_a_return_works_for_the_blocked_the_inactive_and_the_late(desk: Desk) -> None:
    patron, item = await desk.patron(), await desk.item("i1")
    await desk.loan(patron, item)
    await db.rows("UPDATE loan SET due_at = now() - interval '1 day' RETURNING id")
    await desk.refuse_service(patron)
    done = await desk.ask(CHECK_IN, itemBarcode="i1")
    assert (done["wasOnLoan"], done["itemStatus"]) == (True, "AVAILABLE")
    assert done["patron"] == {
        "id": f"pat_{patron}", "openLoanCount": 0, "overdueLoanCount": 0, "debtTotal": "7.50",
    }  # fmt: skip


async def test_an_item_that_somebody_waits_for_is_kept(desk: Desk) -> None:
    patron, item = await desk.patron(), await desk.item("i1")
    suspended, first, second = await desk.patron(), await desk.patron(), await desk.patron()
    await desk.loan(patron, item)
    await desk.reservation(suspended, item, frozen=True)
    kept = await desk.reservation(first, item)
    await desk.reservation(second, item)
    done = await desk.ask(CHECK_IN, itemBarcode="i1")
    assert done["itemStatus"] == done["item"]["status"] == "ON_HOLD_SHELF"
    assert done["reservation"] == {"id": f"res_{kept}", "state": "OPEN", "patron": {"id": f"pat_{first}"}}


async def test_only_suspended_reservations_keep_nothing(desk: Desk) -> None:
    item = await desk.item("i1", "ON_HOLD_SHELF")
    await desk.reservation(await desk.patron(), item, frozen=True)
    done = await desk.ask(CHECK_IN, itemBarcode="i1")
    assert (done["itemStatus"], done["reservation"]) == ("AVAILABLE", None)


async def test_a_lost_item_that_is_returned_stays_lost_on_its_loan(desk: Desk, town: Town) -> None:
    patron, item = await desk.patron(), await desk.item("i1")
    loan = await desk.loan(patron, item, lost=True)
    charge = await town.charge(patron, "12.00")
    done = await desk.ask(CHECK_IN, itemBarcode="i1")
    assert (done["wasOnLoan"], done["wasLost"], done["itemStatus"]) == (True, True, "AVAILABLE")
    assert done["loan"] == {
        "id": f"loan_{loan}", "lost": True, "overdue": False, "item": {"barcode": "i1", "status": "AVAILABLE"},
    }  # fmt: skip
    assert done["patron"]["debtTotal"] == "12.00"
    assert [tuple(row) for row in await db.rows(CLOSED, loan)] == [(True, True)]
    assert await db.value("SELECT outstanding FROM ledger_entry WHERE id = $1", charge) == Decimal("12.00")
    assert await events("desk.check_in") == [("patron", patron, f'{{"loan": {loan}, "lost": true}}')]


async def test_an_item_written_off_comes_back_late_without_a_refund(desk: Desk, town: Town) -> None:
    """Its loan was closed as lost; whether the patron is still there makes no difference."""
    patron, item = await desk.patron(), await desk.item("i1")
    loan = await desk.loan(patron, item, lost=True)
    await db.rows("UPDATE loan SET returned_at = now() RETURNING id")
    before = [tuple(row) for row in await db.rows("SELECT * FROM loan")]
    for _ in range(2):
        done = await desk.ask(CHECK_IN, itemBarcode="i1")
        assert (done["wasOnLoan"], done["wasLost"], done["itemStatus"]) == (False, True, "AVAILABLE")
        assert (done["loan"], done["patron"], done["item"]["status"]) == (None, None, "AVAILABLE")
        assert [tuple(row) for row in await db.rows("SELECT * FROM loan WHERE id = $1", loan)] in (before, [])
        assert await db.value("SELECT count(*) FROM ledger_entry") == 0
        await db.rows("DELETE FROM loan RETURNING id")
        await change("item", item, status="LOST")
    assert await events("desk.check_in") == [("item", item, '{"loan": null, "lost": true}')] * 2


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("AVAILABLE", "AVAILABLE"),
        ("ON_LOAN", "AVAILABLE"),
        ("ON_HOLD_SHELF", "AVAILABLE"),
        ("IN_TRANSIT", "AVAILABLE"),
        ("MISSING", "AVAILABLE"),
        ("LOST", "AVAILABLE"),
        ("DAMAGED", "DAMAGED"),
        ("ON_ORDER", "ON_ORDER"),
        ("IN_PROCESS", "IN_PROCESS"),
        ("WITHDRAWN", "WITHDRAWN"),
        ("OTHER", "OTHER"),
    ],
)
async def test_what_was_not_on_loan_has_its_status_set_right(desk: Desk, before: str, after: str) -> None:
    item = await desk.item("i1", before)
    done = await desk.ask(CHECK_IN, itemBarcode="i1")
    assert (done["wasOnLoan"], done["wasLost"], done["itemStatus"]) == (False, before == "LOST", after)
    assert (done["loan"], done["patron"]) == (None, None)
    assert await status_of(item) == after


async def test_what_somebody_decided_about_an_item_stays_although_somebody_waits(desk: Desk) -> None:
    item = await desk.item("i1", "WITHDRAWN")
    await desk.reservation(await desk.patron(), item)
    done = await desk.ask(CHECK_IN, itemBarcode="i1")
    assert (done["itemStatus"], done["reservation"]) == ("WITHDRAWN", None)


async def test_an_item_of_another_library_comes_back_where_it_was_lent(desk: Desk, other_desk: Desk) -> None:
    """Also where the library has an item of that barcode itself, which is not on loan."""
    patron, foreign = await desk.patron(), await other_desk.item("x1")
    loan = await desk.loan(patron, foreign)
    own = await desk.item("x1", "DAMAGED")
    waiting = await other_desk.reservation(await other_desk.patron(), foreign)
    done = await desk.ask(CHECK_IN, itemBarcode="x1")
    # Who waits at the other library is not told.
    assert (done["item"], done["loan"]["id"], done["reservation"]) == (None, f"loan_{loan}", None)
    assert (done["itemStatus"], done["loan"]["item"]["status"]) == ("ON_HOLD_SHELF", "ON_HOLD_SHELF")
    assert (await status_of(foreign), await status_of(own)) == ("ON_HOLD_SHELF", "DAMAGED")
    there = await other_desk.ask(CHECK_IN, itemBarcode="x1")
    assert there["reservation"]["id"] == f"res_{waiting}"


async def test_the_owner_takes_back_what_another_library_lent_and_learns_nothing(desk: Desk, other_desk: Desk) -> None:
    patron, own = await other_desk.patron(), await desk.item("i1")
    loan = await other_desk.loan(patron, own)
    done = await desk.ask(CHECK_IN, itemBarcode="i1")
    assert (done["wasOnLoan"], done["itemStatus"], done["loan"], done["patron"]) == (True, "AVAILABLE", None, None)
    assert [tuple(row) for row in await db.rows(CLOSED, loan)] == [(True, False)]
    assert await events("desk.check_in") == [("item", own, '{"loan": null, "lost": false}')]


async def test_whoever_neither_owns_nor_lent_an_item_does_not_close_its_loan(desk: Desk, other_desk: Desk) -> None:
    await other_desk.loan(await other_desk.patron(), await other_desk.item("x1"))
    assert await desk.reasons(CHECK_IN, itemBarcode="x1") == ["ON_LOAN_ELSEWHERE"]
    free = await other_desk.item("x2", "LOST")
    done = await desk.ask(CHECK_IN, itemBarcode="x2")
    assert (done["wasOnLoan"], done["wasLost"], done["item"], done["itemStatus"]) == (False, True, None, "AVAILABLE")
    assert await status_of(free) == "AVAILABLE"


async def test_an_unknown_barcode_is_not_found(desk: Desk) -> None:
    for barcode in ("none", "", " "):
        found = await desk.refused(CHECK_IN, itemBarcode=barcode)
        assert (found["__typename"], found["message"]) == ("NotFound", "The item was not found in your library.")


async def test_the_same_key_answers_the_same(desk: Desk) -> None:
    patron, item = await desk.patron(), await desk.item("i1")
    await desk.loan(patron, item)
    first = await desk.ask(CHECK_IN, itemBarcode="i1", idempotencyKey="k")
    assert await desk.refused(CHECK_IN, itemBarcode="i1", idempotencyKey="k") == first
    other = await desk.refused(CHECK_IN, itemBarcode="i2", idempotencyKey="k")
    assert other["code"] == "IDEMPOTENCY_MISMATCH"
