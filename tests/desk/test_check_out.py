"""checkOut through the API: what is lent for how long, and every reason why nothing is."""

import datetime as dt
from typing import Any

import pytest
from tests.clients import why
from tests.desk.conftest import PATRONS_REASONS, REFUSED, Desk, change, events, status_of
from tests.town import Town, make_town

from patrongraph import db

CHECK_OUT = f"""
mutation($input: CheckOutInput!) {{ found: checkOut(input: $input) {{
  {REFUSED}
  ... on CheckOutSuccess {{
    loan {{ id dueAt renewalsLeft returnedAt lost overdue branch {{ code }} patron {{ id }}
           item {{ barcode status library {{ code }} }} }}
    patron {{ id blocked openLoanCount openReservationCount }}
    reservation {{ id state }}
  }}
}} }}
"""


async def test_an_item_is_lent_until_the_end_of_the_twenty_first_day(desk: Desk, town: Town) -> None:
    patron, item = await desk.patron(), await desk.item("i1")
    done = await desk.ask(
        CHECK_OUT, patron={"barcode": f"B{patron}"}, itemBarcode="i1", branchId=f"branch_{town.branch}"
    )
    loan, lent_on = await db.value("SELECT id FROM loan"), await db.value("SELECT checked_out_at FROM loan")
    due = (lent_on.date() + dt.timedelta(days=21)).isoformat()
    assert done == {
        "__typename": "CheckOutSuccess",
        "loan": {
            "id": f"loan_{loan}",
            "dueAt": f"{due}T23:59:59+00:00",
            "renewalsLeft": 2,
            "returnedAt": None,
            "lost": False,
            "overdue": False,
            "branch": {"code": "MAIN"},
            "patron": {"id": f"pat_{patron}"},
            "item": {"barcode": "i1", "status": "ON_LOAN", "library": {"code": "NORTH"}},
        },
        "patron": {"id": f"pat_{patron}", "blocked": False, "openLoanCount": 1, "openReservationCount": 0},
        "reservation": None,
    }
    assert await status_of(item) == "ON_LOAN"
    assert await events("desk.check_out") == [("patron", patron, f'{{"loan": {loan}, "reservation": null}}')]
    used, version = (await db.rows("SELECT last_activity_at, version FROM patron"))[0].values()
    # The account was used, not edited.
    assert (used >= lent_on, version) == (True, 1)


async def test_the_due_date_may_be_given(desk: Desk) -> None:
    patron = await desk.patron()
    await desk.item("i1")
    given = {"patron": {"id": f"pat_{patron}"}, "itemBarcode": "i1"}
    for past in ("2026-01-01T00:00:00Z", "0001-01-01T00:00:00Z"):
        found = await desk.refused(CHECK_OUT, **given, dueAt=past)
        assert (found["code"], found["field"], why(found)) == ("INVALID_INPUT", "input.dueAt", [("IN_PAST", None)])
    done = await desk.ask(CHECK_OUT, **given, dueAt="2999-12-31T12:00:00+02:00")
    assert done["loan"]["dueAt"] == "2999-12-31T10:00:00+00:00"


async def test_the_patrons_own_reservation_is_fulfilled(desk: Desk) -> None:
    patron, other, item = await desk.patron(), await desk.patron(), await desk.item("i1", "ON_HOLD_SHELF")
    suspended = await desk.reservation(other, item, frozen=True)
    own = await desk.reservation(patron, item)
    later = await desk.reservation(await desk.patron(), item)
    done = await desk.ask(CHECK_OUT, patron={"id": f"pat_{patron}"}, itemBarcode="i1")
    assert done["reservation"] == {"id": f"res_{own}", "state": "FULFILLED"}
    assert done["patron"]["openReservationCount"] == 0
    rows = await db.rows("SELECT id, state, fulfilled_at IS NOT NULL AS done FROM reservation ORDER BY id")
    assert [tuple(row) for row in rows] == [
        (suspended, "OPEN", False),
        (own, "FULFILLED", True),
        (later, "OPEN", False),
    ]


async def test_every_reason_is_listed_the_patrons_first(desk: Desk, town: Town) -> None:
    patron, other, item = await desk.patron(), await desk.patron(), await desk.item("i1")
    await desk.refuse_service(patron)
    await desk.block(patron)
    await db.rows(
        "INSERT INTO card (library_id, patron_id, barcode, active) VALUES ($1, $2, 'OLD', false) RETURNING id",
        town.id,
        patron,
    )
    await desk.loan(other, item, lost=True)
    await desk.reservation(other, item)
    found = await desk.refused(CHECK_OUT, patron={"barcode": "OLD"}, itemBarcode="i1")
    assert found["refusals"] == [
        {"code": "MANUAL", "message": "Come to the desk.", "amountToClear": None},
        {"code": "MANUAL", "message": "Blocked by staff.", "amountToClear": None},
        {
            "code": "DEBT",
            "message": "Owes as much as the library allows, or more; payment lifts this block.",
            "amountToClear": "2.51",
        },
        {"code": "INACTIVE", "message": "The account is not in use.", "amountToClear": None},
        {"code": "EXPIRED", "message": "The account has expired.", "amountToClear": None},
        {
            "code": "CARD_INACTIVE",
            "message": "The card is not active any more; use the patron's present card.",
            "amountToClear": None,
        },
        {"code": "ON_LOAN", "message": "The item is on loan.", "amountToClear": None},
        {
            "code": "LOST",
            "message": "The item is recorded as lost; check it in first when it is here.",
            "amountToClear": None,
        },
        {
            "code": "RESERVED_BY_ANOTHER",
            "message": "Another patron has reserved the item and is first in the queue.",
            "amountToClear": None,
        },
    ]
    codes = [each["code"] for each in found["refusals"]]
    assert await desk.reasons(CHECK_OUT, patron={"barcode": "OLD"}, itemBarcode="i1") == codes
    assert codes[:1] + codes[2:5] == PATRONS_REASONS


async def test_each_reason_of_the_patron_alone_is_enough(desk: Desk, town: Town) -> None:
    await desk.item("i1")
    blocked, owing, inactive, leaving, expired = [await desk.patron() for _ in range(5)]
    await desk.block(blocked)
    await town.policy(block_level=0)
    await town.charge(owing, "0.01")
    await change("patron", inactive, status="INACTIVE")
    await change("patron", leaving, status="PENDING_PURGE")
    await change("patron", expired, expires_on=dt.date(2026, 1, 1))
    for patron, code in (
        (blocked, "MANUAL"), (owing, "DEBT"), (inactive, "INACTIVE"), (leaving, "INACTIVE"), (expired, "EXPIRED"),
    ):  # fmt: skip
        assert await desk.reasons(CHECK_OUT, patron={"id": f"pat_{patron}"}, itemBarcode="i1") == [code]
    # A cent less than the limit is no reason, and a group's debt is nobody's.
    await town.policy(block_level=1)
    await town.group(owing, blocked)
    assert (await desk.ask(CHECK_OUT, patron={"id": f"pat_{owing}"}, itemBarcode="i1"))["patron"]["blocked"] is False


@pytest.mark.parametrize(
    ("status", "codes"),
    [
        ("ON_LOAN", ["ON_LOAN"]),
        ("LOST", ["LOST"]),
        ("WITHDRAWN", ["WITHDRAWN"]),
        ("IN_TRANSIT", ["NOT_AVAILABLE"]),
        ("DAMAGED", ["NOT_AVAILABLE"]),
        ("MISSING", ["NOT_AVAILABLE"]),
        ("ON_ORDER", ["NOT_AVAILABLE"]),
        ("IN_PROCESS", ["NOT_AVAILABLE"]),
        ("OTHER", ["NOT_AVAILABLE"]),
    ],
)
async def test_an_item_that_is_not_here_is_not_lent(desk: Desk, status: str, codes: list[str]) -> None:
    patron = await desk.patron()
    await desk.item("i1", status)
    assert await desk.reasons(CHECK_OUT, patron={"id": f"pat_{patron}"}, itemBarcode="i1") == codes


async def test_who_has_the_item_is_not_told(desk: Desk) -> None:
    patron, other = await desk.patron(), await desk.patron()
    await desk.loan(patron, await desk.item("i1"))
    await desk.loan(other, await desk.item("i2"))
    mine = await desk.refused(CHECK_OUT, patron={"id": f"pat_{patron}"}, itemBarcode="i1")
    theirs = await desk.refused(CHECK_OUT, patron={"id": f"pat_{patron}"}, itemBarcode="i2")
    assert mine == theirs
    assert [each["code"] for each in mine["refusals"]] == ["ON_LOAN"]


async def test_the_queue_decides_who_gets_an_item(desk: Desk) -> None:
    first, second, nobody = await desk.patron(), await desk.patron(), await desk.patron()
    item = await desk.item("i1", "ON_HOLD_SHELF")
    one = await desk.reservation(first, item)
    await desk.reservation(second, item)
    for patron in (second, nobody):
        assert await desk.reasons(CHECK_OUT, patron={"id": f"pat_{patron}"}, itemBarcode="i1") == [
            "RESERVED_BY_ANOTHER"
        ]
    await change("reservation", one, frozen=True)
    assert await desk.reasons(CHECK_OUT, patron={"id": f"pat_{nobody}"}, itemBarcode="i1") == ["RESERVED_BY_ANOTHER"]
    done = await desk.ask(CHECK_OUT, patron={"id": f"pat_{second}"}, itemBarcode="i1")
    assert done["reservation"]["state"] == "FULFILLED"


async def test_an_item_of_another_library_is_lent_and_ones_own_comes_first(desk: Desk, other_desk: Desk) -> None:
    patron, theirs = await desk.patron(), await other_desk.patron()
    foreign, shared, own = await other_desk.item("x1"), await other_desk.item("x2"), await desk.item("x2")
    done = await desk.ask(CHECK_OUT, patron={"id": f"pat_{patron}"}, itemBarcode="x1")
    assert done["loan"]["item"] == {"barcode": "x1", "status": "ON_LOAN", "library": {"code": "SOUTH"}}
    await desk.ask(CHECK_OUT, patron={"id": f"pat_{patron}"}, itemBarcode="x2")
    assert [await status_of(item) for item in (foreign, shared, own)] == ["ON_LOAN", "AVAILABLE", "ON_LOAN"]
    # The owner finds it on loan, and is not told to whom.
    assert await other_desk.reasons(CHECK_OUT, patron={"id": f"pat_{theirs}"}, itemBarcode="x1") == ["ON_LOAN"]


async def test_a_barcode_of_two_other_libraries_names_no_item(desk: Desk, other_desk: Desk) -> None:
    patron = await desk.patron()
    await other_desk.item("x1")
    third = Desk(desk.api, await make_town("EAST"), desk.token)
    await third.item("x1")
    found = await desk.refused(CHECK_OUT, patron={"id": f"pat_{patron}"}, itemBarcode="x1")
    assert (found["code"], found["message"]) == ("NOT_FOUND", "The item was not found in your library.")


async def test_everything_that_is_not_found_is_named(desk: Desk, other_desk: Desk, town: Town) -> None:
    patron, theirs = await desk.patron(), await other_desk.patron()
    await db.rows("UPDATE patron SET username = 'theirs' WHERE id = $1 RETURNING id", theirs)
    await desk.item("i1")
    for by in ({"id": f"pat_{theirs}"}, {"barcode": f"B{theirs}"}, {"username": "theirs"}, {"id": "pat_999999"}):
        found = await desk.refused(CHECK_OUT, patron=by, itemBarcode="i1")
        assert (found["__typename"], found["message"]) == ("NotFound", "The patron was not found in your library.")
    branch = f"branch_{other_desk.town.branch}"
    mine = {"id": f"pat_{patron}"}
    found = await desk.refused(CHECK_OUT, patron=mine, itemBarcode="i1", branchId=branch)
    assert found["message"] == "The branch was not found in your library."
    found = await desk.refused(CHECK_OUT, patron=mine, itemBarcode="none", branchId=branch)
    assert found["message"] == "The item and the branch were not found in your library."
    found = await desk.refused(CHECK_OUT, patron={"barcode": "none"}, itemBarcode="", branchId="branch_999999")
    assert found["message"] == "The patron, the item and the branch were not found in your library."


async def test_the_same_key_lends_once(desk: Desk) -> None:
    patron = await desk.patron()
    await desk.item("i1")
    given: dict[str, Any] = {"patron": {"id": f"pat_{patron}"}, "itemBarcode": "i1", "idempotencyKey": "k"}
    first = await desk.ask(CHECK_OUT, **given)
    assert await desk.refused(CHECK_OUT, **given) == first
    other = await desk.refused(CHECK_OUT, **given | {"itemBarcode": "i2"})
    assert (other["__typename"], other["code"]) == ("IdempotencyMismatch", "IDEMPOTENCY_MISMATCH")
    long = await desk.refused(CHECK_OUT, **given | {"idempotencyKey": "k" * 201})
    assert (long["code"], long["field"]) == ("INVALID_INPUT", "input.idempotencyKey")
    assert why(long) == [("TOO_LONG", 200)]
    # A refusal is not remembered: the same request works once its reason is gone.
    other_item = await desk.item("i3", "DAMAGED")
    again = given | {"itemBarcode": "i3", "idempotencyKey": "k3"}
    assert await desk.reasons(CHECK_OUT, **again) == ["NOT_AVAILABLE"]
    await change("item", other_item, status="AVAILABLE")
    assert (await desk.ask(CHECK_OUT, **again))["__typename"] == "CheckOutSuccess"


async def test_a_key_does_not_bring_back_what_was_erased(desk: Desk) -> None:
    patron = await desk.patron()
    await desk.item("i1")
    given: dict[str, Any] = {"patron": {"id": f"pat_{patron}"}, "itemBarcode": "i1", "idempotencyKey": "k"}
    await desk.ask(CHECK_OUT, **given)
    for table in ("loan", "block", "card", "address", "patron_pin"):
        await db.rows(f"DELETE FROM {table} WHERE patron_id = $1 RETURNING 1", patron)
    await db.rows("DELETE FROM patron WHERE id = $1 RETURNING id", patron)
    found = await desk.refused(CHECK_OUT, **given)
    assert found["code"] == "NOT_FOUND"
