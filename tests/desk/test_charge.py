"""chargeDebt through the API: a debt that counts at once, and what is not a charge."""

from typing import Any

import pytest
from tests.clients import why
from tests.desk.conftest import PROBLEM, Desk, events
from tests.town import Town

from patrongraph import db
from patrongraph.desk import money
from patrongraph.permissions import Permission

CHARGE = f"""
mutation($input: ChargeDebtInput!) {{ found: chargeDebt(input: $input) {{
  {PROBLEM}
  ... on ChargeDebtSuccess {{
    debt {{ id amount outstanding reason note loan {{ id }} entries {{ id }} }}
    patron {{ id blocked debtTotal blockReasons {{ code debt level amountToClear }} }}
  }}
}} }}
"""


async def test_a_charge_is_owed_and_blocks_at_once(desk: Desk, town: Town) -> None:
    patron = await desk.patron()
    loan = await desk.loan(patron, await desk.item("i1"))
    await town.policy(block_level=10)
    done = await desk.ask(
        CHARGE, patronId=f"pat_{patron}", amount="9.99", reason=" Damage ", note=" a torn cover\n",
        loanId=f"loan_{loan}",
    )  # fmt: skip
    made = await db.value("SELECT id FROM ledger_entry")
    assert done == {
        "__typename": "ChargeDebtSuccess",
        "debt": {
            "id": f"debt_{made}",
            "amount": "9.99",
            "outstanding": "9.99",
            "reason": "Damage",
            "note": "a torn cover",
            "loan": {"id": f"loan_{loan}"},
            "entries": [],
        },
        "patron": {"id": f"pat_{patron}", "blocked": False, "debtTotal": "9.99", "blockReasons": []},
    }
    more = await desk.ask(CHARGE, patronId=f"pat_{patron}", amount="0.01", reason="Copy")
    assert more["patron"] == {
        "id": f"pat_{patron}",
        "blocked": True,
        "debtTotal": "10.00",
        "blockReasons": [{"code": "DEBT", "debt": "10.00", "level": "10.00", "amountToClear": "0.01"}],
    }
    second = await db.value("SELECT max(id) FROM ledger_entry")
    # Neither sums nor texts are told.
    assert await events("desk.charge") == [
        ("patron", patron, f'{{"debt": {made}}}'), ("patron", patron, f'{{"debt": {second}}}'),
    ]  # fmt: skip


async def test_the_blocked_and_the_inactive_can_be_charged_and_staff_is_remembered(desk: Desk, town: Town) -> None:
    patron = await desk.patron()
    await desk.refuse_service(patron)
    done = await desk.ask(CHARGE, patronId=f"pat_{patron}", amount="1e1", reason="Fee")
    assert (done["debt"]["amount"], done["patron"]["debtTotal"]) == ("10.00", "17.50")
    clerk = await town.staff(Permission.CIRCULATION_DESK)
    made = await money.charge(clerk, patron, money.LARGEST, "Fee")
    found = await db.row("SELECT created_by_id, amount FROM ledger_entry WHERE id = $1", made.debt_id)
    assert found is not None
    assert tuple(found) == (clerk.id, money.LARGEST)
    assert await db.value("SELECT count(*) FROM ledger_entry WHERE created_by_id IS NULL") == 2


@pytest.mark.parametrize(
    ("given", "field", "reason"),
    [
        ({"amount": "0"}, "input.amount", ("TOO_SMALL", None)),
        ({"amount": "-0.00"}, "input.amount", ("TOO_SMALL", None)),
        ({"amount": "-1"}, "input.amount", ("TOO_SMALL", None)),
        ({"amount": "0.001"}, "input.amount", ("TOO_PRECISE", 2)),
        ({"amount": "1.005"}, "input.amount", ("TOO_PRECISE", 2)),
        ({"amount": "1e-400"}, "input.amount", ("TOO_PRECISE", 2)),
        ({"amount": "10000000000"}, "input.amount", ("TOO_LARGE", None)),
        ({"amount": "1e999999"}, "input.amount", ("TOO_LARGE", None)),
        ({"amount": "1." + "0" * 60 + "1"}, "input.amount", ("TOO_PRECISE", 2)),
        ({"reason": ""}, "input.reason", ("REQUIRED", None)),
        ({"reason": "  \n"}, "input.reason", ("REQUIRED", None)),
        ({"reason": "r" * 61}, "input.reason", ("TOO_LONG", 60)),
        ({"note": " "}, "input.note", ("REQUIRED", None)),
        ({"note": "n" * 2001}, "input.note", ("TOO_LONG", 2000)),
        ({"idempotencyKey": ""}, "input.idempotencyKey", ("REQUIRED", None)),
    ],
)
async def test_what_is_not_a_charge_is_refused(
    desk: Desk, given: dict[str, Any], field: str, reason: tuple[str, int | None]
) -> None:
    patron = await desk.patron()
    asked = {"patronId": f"pat_{patron}", "amount": "1.00", "reason": "Fee"} | given
    found = await desk.refused(CHARGE, **asked)
    assert (found["code"], found["field"], why(found)) == ("INVALID_INPUT", field, [reason])


async def test_only_the_patrons_own_loan_can_be_named(desk: Desk, other_desk: Desk) -> None:
    patron, other = await desk.patron(), await desk.patron()
    foreign = await other_desk.loan(await other_desk.patron(), await other_desk.item("x1"))
    anothers = await desk.loan(other, await desk.item("i1"))
    asked = {"patronId": f"pat_{patron}", "amount": "1.00", "reason": "Fee"}
    for loan in (foreign, anothers, 999_999):
        found = await desk.refused(CHARGE, **asked, loanId=f"loan_{loan}")
        assert (found["__typename"], found["message"]) == ("NotFound", "The loan was not found in your library.")


async def test_another_librarys_patron_is_as_unknown_as_none(desk: Desk, other_desk: Desk) -> None:
    theirs = await other_desk.patron()
    foreign = await desk.refused(CHARGE, patronId=f"pat_{theirs}", amount="1.00", reason="Fee")
    assert foreign == await desk.refused(CHARGE, patronId="pat_999999", amount="1.00", reason="Fee")
    assert foreign["message"] == "The patron was not found in your library."


async def test_the_same_key_charges_once(desk: Desk) -> None:
    patron = await desk.patron()
    given: dict[str, Any] = {"patronId": f"pat_{patron}", "amount": "2.50", "reason": "Fee", "idempotencyKey": "k"}
    first = await desk.ask(CHARGE, **given)
    assert await desk.refused(CHARGE, **given | {"amount": "2.5"}) == first
    for other in ({"amount": "2.51"}, {"reason": "Fees"}, {"note": "n"}, {"patronId": "pat_999999"}):
        assert (await desk.refused(CHARGE, **given | other))["code"] == "IDEMPOTENCY_MISMATCH"
    assert await db.value("SELECT count(*) FROM ledger_entry") == 1
