"""payDebt through the API: the oldest first, exactly what was given, never more than is owed."""

from decimal import Decimal
from typing import Any

import pytest
from tests.clients import why
from tests.desk.conftest import PROBLEM, Desk, change, events
from tests.town import Town

from patrongraph import db

PAY = f"""
mutation($input: PayDebtInput!) {{ found: payDebt(input: $input) {{
  {PROBLEM}
  ... on MoreThanOwed {{ owed }}
  ... on SettleDebtSuccess {{
    debts {{ id amount outstanding entries {{ id kind amount note }} }}
    entries {{ id kind amount }}
    patron {{ id blocked debtTotal blockReasons {{ code amountToClear }} }}
  }}
}} }}
"""
LEFT = "SELECT id, outstanding FROM ledger_entry WHERE kind = 'CHARGE' ORDER BY id"


async def left() -> list[tuple[int, str]]:
    return [(row["id"], str(row["outstanding"])) for row in await db.rows(LEFT)]


async def test_a_payment_settles_the_oldest_first_and_ends_the_block_at_once(desk: Desk, town: Town) -> None:
    patron = await desk.patron()
    young, old, middle = [await town.charge(patron, sum_) for sum_ in ("4.00", "3.00", "2.00")]
    for charge, days in ((young, 1), (old, 30), (middle, 7)):
        await db.rows(
            "UPDATE ledger_entry SET created_at = now() - make_interval(days => $2) WHERE id = $1 RETURNING id",
            charge, days,
        )  # fmt: skip
    await town.policy(block_level=5)
    done = await desk.ask(PAY, patronId=f"pat_{patron}", amount="4.01")
    first, second = [
        row["id"] for row in await db.rows("SELECT id FROM ledger_entry WHERE kind <> 'CHARGE' ORDER BY id")
    ]
    assert done == {
        "__typename": "SettleDebtSuccess",
        "debts": [
            {
                "id": f"debt_{old}", "amount": "3.00", "outstanding": "0.00",
                "entries": [{"id": f"entry_{first}", "kind": "PAYMENT", "amount": "3.00", "note": None}],
            },
            {
                "id": f"debt_{middle}", "amount": "2.00", "outstanding": "0.99",
                "entries": [{"id": f"entry_{second}", "kind": "PAYMENT", "amount": "1.01", "note": None}],
            },
        ],
        "entries": [
            {"id": f"entry_{first}", "kind": "PAYMENT", "amount": "3.00"},
            {"id": f"entry_{second}", "kind": "PAYMENT", "amount": "1.01"},
        ],
        "patron": {"id": f"pat_{patron}", "blocked": False, "debtTotal": "4.99", "blockReasons": []},
    }  # fmt: skip
    assert await left() == [(young, "4.00"), (old, "0.00"), (middle, "0.99")]
    assert await events("desk.pay") == [("patron", patron, f'{{"entries": [{first}, {second}]}}')]


async def test_what_clears_the_block_is_what_the_patron_is_told(desk: Desk, town: Town) -> None:
    patron = await desk.patron()
    await town.charge(patron, "7.50")
    await town.policy(block_level=5)
    almost = await desk.ask(PAY, patronId=f"pat_{patron}", amount="2.50")
    assert almost["patron"]["blockReasons"] == [{"code": "DEBT", "amountToClear": "0.01"}]
    done = await desk.ask(PAY, patronId=f"pat_{patron}", amount="0.01")
    assert (done["patron"]["blocked"], done["patron"]["debtTotal"]) == (False, "4.99")


async def test_a_payment_may_be_for_one_debt(desk: Desk, town: Town) -> None:
    patron = await desk.patron()
    one, two = await town.charge(patron, "3.00"), await town.charge(patron, "5.00")
    done = await desk.ask(PAY, patronId=f"pat_{patron}", amount="5", debtId=f"debt_{two}")
    assert [(each["id"], each["outstanding"]) for each in done["debts"]] == [(f"debt_{two}", "0.00")]
    assert await left() == [(one, "3.00"), (two, "0.00")]
    again = await desk.refused(PAY, patronId=f"pat_{patron}", amount="0.01", debtId=f"debt_{two}")
    assert (again["code"], again["owed"], again["message"]) == ("MORE_THAN_OWED", "0.00", "Nothing is owed here.")


async def test_more_than_is_owed_is_refused_with_the_sum(desk: Desk, town: Town) -> None:
    patron = await desk.patron()
    await town.charge(patron, "3.00")
    two = await town.charge(patron, "5.00")
    await town.charge(await desk.patron(), "100.00")
    whole = await desk.refused(PAY, patronId=f"pat_{patron}", amount="8.01")
    assert whole == {
        "__typename": "MoreThanOwed",
        "code": "MORE_THAN_OWED",
        "message": "8.01 is too much: 8.00 is owed. The desk makes no credit balances.",
        "owed": "8.00",
    }
    one = await desk.refused(PAY, patronId=f"pat_{patron}", amount="5.01", debtId=f"debt_{two}")
    assert one["owed"] == "5.00"
    done = await desk.ask(PAY, patronId=f"pat_{patron}", amount="8.00")
    assert done["patron"]["debtTotal"] == "0.00"
    nothing = await desk.refused(PAY, patronId=f"pat_{patron}", amount="0.01")
    assert (nothing["owed"], nothing["message"]) == ("0.00", "Nothing is owed here.")


async def test_what_the_library_owes_the_patron_is_left_alone(desk: Desk, town: Town) -> None:
    patron = await desk.patron()
    credit, debt = await town.charge(patron, "-4.00"), await town.charge(patron, "10.00")
    assert (await desk.refused(PAY, patronId=f"pat_{patron}", amount="10.01"))["owed"] == "10.00"
    on_credit = await desk.refused(PAY, patronId=f"pat_{patron}", amount="1", debtId=f"debt_{credit}")
    assert on_credit["owed"] == "0.00"
    done = await desk.ask(PAY, patronId=f"pat_{patron}", amount="10.00")
    assert done["patron"]["debtTotal"] == "-4.00"
    assert await left() == [(credit, "-4.00"), (debt, "0.00")]


async def test_a_payment_always_works(desk: Desk) -> None:
    patron = await desk.patron()
    await desk.refuse_service(patron)
    done = await desk.ask(PAY, patronId=f"pat_{patron}", amount="7.50")
    assert [each["code"] for each in done["patron"]["blockReasons"]] == ["MANUAL", "INACTIVE", "EXPIRED"]
    await change("patron", patron, status="PENDING_PURGE")
    await desk.town.charge(patron, "1.00")
    assert (await desk.ask(PAY, patronId=f"pat_{patron}", amount="1"))["patron"]["debtTotal"] == "0.00"


@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        ("0", ("TOO_SMALL", None)),
        ("-1", ("TOO_SMALL", None)),
        ("0.001", ("TOO_PRECISE", 2)),
        ("1e400", ("TOO_LARGE", None)),
        ("10000000000", ("TOO_LARGE", None)),
    ],
)
async def test_what_is_not_a_sum_is_refused(
    desk: Desk, town: Town, amount: str, reason: tuple[str, int | None]
) -> None:
    patron = await desk.patron()
    await town.charge(patron, "1.00")
    found = await desk.refused(PAY, patronId=f"pat_{patron}", amount=amount)
    assert (found["code"], found["field"], why(found)) == ("INVALID_INPUT", "input.amount", [reason])


async def test_what_is_not_the_patrons_or_the_librarys_is_not_found(desk: Desk, other_desk: Desk) -> None:
    patron, other, theirs = await desk.patron(), await desk.patron(), await other_desk.patron()
    anothers, foreign = await desk.town.charge(other, "5.00"), await other_desk.town.charge(theirs, "5.00")
    await desk.town.charge(patron, "5.00")
    await desk.ask(PAY, patronId=f"pat_{patron}", amount="1")
    payment = await db.value("SELECT id FROM ledger_entry WHERE kind = 'PAYMENT'")
    for debt in (anothers, foreign, payment, 999_999):
        found = await desk.refused(PAY, patronId=f"pat_{patron}", amount="1", debtId=f"debt_{debt}")
        assert found["message"] == "The debt was not found in your library."
    for who in (theirs, 999_999):
        found = await desk.refused(PAY, patronId=f"pat_{who}", amount="1", debtId=f"debt_{foreign}")
        assert found["message"] == "The patron was not found in your library."


async def test_the_same_key_pays_once_after_the_debt_is_gone_too(desk: Desk, town: Town) -> None:
    patron = await desk.patron()
    await town.charge(patron, "5.00")
    given: dict[str, Any] = {"patronId": f"pat_{patron}", "amount": "5.00", "idempotencyKey": "till-1"}
    first = await desk.ask(PAY, **given)
    assert await desk.refused(PAY, **given) == first
    assert (await desk.refused(PAY, **given | {"amount": "4.00"}))["code"] == "IDEMPOTENCY_MISMATCH"
    await town.charge(patron, "5.00")
    again = await desk.refused(PAY, **given)
    assert (again["entries"], again["patron"]["debtTotal"]) == (first["entries"], "5.00")
    assert await db.value("SELECT sum(amount) FROM ledger_entry WHERE kind = 'PAYMENT'") == Decimal("5.00")
