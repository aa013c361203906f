"""waiveDebt through the API: all of a debt or a part of it, with a reason that stays beside it."""

from typing import Any

import pytest
from tests.clients import why
from tests.desk.conftest import PROBLEM, Desk, events
from tests.town import Town

from patrongraph import db

WAIVE = f"""
mutation($input: WaiveDebtInput!) {{ found: waiveDebt(input: $input) {{
  {PROBLEM}
  ... on MoreThanOwed {{ owed }}
  ... on SettleDebtSuccess {{
    debts {{ id amount outstanding entries {{ id kind amount note }} }}
    entries {{ id }}
    patron {{ id blocked debtTotal }}
  }}
}} }}
"""


async def test_all_that_is_left_is_forgiven(desk: Desk, town: Town) -> None:
    patron = await desk.patron()
    await desk.refuse_service(patron)
    debt = await db.value("SELECT id FROM ledger_entry")
    part = await desk.ask(WAIVE, debtId=f"debt_{debt}", amount="2.50", reason="half")
    assert (part["debts"][0]["outstanding"], part["patron"]["debtTotal"]) == ("5.00", "5.00")
    done = await desk.ask(WAIVE, debtId=f"debt_{debt}", reason="  was ill ")
    one, two = [row["id"] for row in await db.rows("SELECT id FROM ledger_entry WHERE kind = 'WAIVE' ORDER BY id")]
    assert done == {
        "__typename": "SettleDebtSuccess",
        "debts": [{
            "id": f"debt_{debt}",
            "amount": "7.50",
            "outstanding": "0.00",
            "entries": [
                {"id": f"entry_{one}", "kind": "WAIVE", "amount": "2.50", "note": "half"},
                {"id": f"entry_{two}", "kind": "WAIVE", "amount": "5.00", "note": "was ill"},
            ],
        }],
        "entries": [{"id": f"entry_{two}"}],
        "patron": {"id": f"pat_{patron}", "blocked": True, "debtTotal": "0.00"},
    }  # fmt: skip
    assert await events("desk.waive") == [
        ("patron", patron, f'{{"entries": [{one}]}}'), ("patron", patron, f'{{"entries": [{two}]}}'),
    ]  # fmt: skip


async def test_more_than_is_left_is_refused_with_the_sum(desk: Desk, town: Town) -> None:
    patron = await desk.patron()
    debt, other = await town.charge(patron, "3.00"), await town.charge(patron, "50.00")
    found = await desk.refused(WAIVE, debtId=f"debt_{debt}", amount="3.01", reason="why")
    assert (found["__typename"], found["code"], found["owed"]) == ("MoreThanOwed", "MORE_THAN_OWED", "3.00")
    await desk.ask(WAIVE, debtId=f"debt_{debt}", amount="3", reason="why")
    for more in ({}, {"amount": "0.01"}):
        settled = await desk.refused(WAIVE, debtId=f"debt_{debt}", reason="why", **more)
        assert (settled["code"], settled["owed"]) == ("MORE_THAN_OWED", "0.00")
    credit = await town.charge(patron, "-2.00")
    assert (await desk.refused(WAIVE, debtId=f"debt_{credit}", reason="why"))["owed"] == "0.00"
    assert str(await db.value("SELECT outstanding FROM ledger_entry WHERE id = $1", other)) == "50.00"


@pytest.mark.parametrize(
    ("given", "field", "reason"),
    [
        ({"reason": ""}, "input.reason", ("REQUIRED", None)),
        ({"reason": " \t"}, "input.reason", ("REQUIRED", None)),
        ({"reason": "r" * 2001}, "input.reason", ("TOO_LONG", 2000)),
        ({"amount": "0"}, "input.amount", ("TOO_SMALL", None)),
        ({"amount": "-1"}, "input.amount", ("TOO_SMALL", None)),
        ({"amount": "0.001"}, "input.amount", ("TOO_PRECISE", 2)),
    ],
)
async def test_what_is_not_right_is_refused(
    desk: Desk, town: Town, given: dict[str, Any], field: str, reason: tuple[str, int | None]
) -> None:
    debt = await town.charge(await desk.patron(), "1.00")
    found = await desk.refused(WAIVE, **{"debtId": f"debt_{debt}", "reason": "why"} | given)
    assert (found["code"], found["field"], why(found)) == ("INVALID_INPUT", field, [reason])


async def test_another_librarys_debt_is_as_unknown_as_none(desk: Desk, other_desk: Desk) -> None:
    theirs = await other_desk.town.charge(await other_desk.patron(), "1.00")
    foreign = await desk.refused(WAIVE, debtId=f"debt_{theirs}", reason="why")
    assert foreign == await desk.refused(WAIVE, debtId="debt_999999", reason="why")
    assert foreign["message"] == "The debt was not found in your library."


async def test_the_same_key_waives_once(desk: Desk, town: Town) -> None:
    debt = await town.charge(await desk.patron(), "3.00")
    given: dict[str, Any] = {"debtId": f"debt_{debt}", "amount": "1", "reason": "why", "idempotencyKey": "k"}
    first = await desk.ask(WAIVE, **given)
    assert await desk.refused(WAIVE, **given) == first
    assert (await desk.refused(WAIVE, **given | {"amount": "2"}))["code"] == "IDEMPOTENCY_MISMATCH"
    assert str(await db.value("SELECT outstanding FROM ledger_entry WHERE id = $1", debt)) == "2.00"
