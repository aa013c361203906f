"""Why a patron is refused service: every reason at once, the exact sum that clears a debt, the same at every door."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from tests.clients import Api
from tests.town import Town

from patrongraph import db
from patrongraph.patrons import actions, blocks
from patrongraph.patrons.queries import BlockReasonCode, service_refusals

ASK = """query($id: ID!) { patron(by: {id: $id}) {
  blocked debtTotal blockReasons { code message block { id } debt level amountToClear }
} }"""


async def reasons(api: Api, town: Town, patron: int) -> list[Any]:
    """What the API says; it must be what the circulation desk is told, and agree with `blocked`."""
    found = (await api.data(ASK, {"id": f"pat_{patron}"}, await town.token()))["patron"]
    told = await service_refusals(town.id, patron)
    assert found["blocked"] is bool(told)

    def money(value: Decimal | None) -> str | None:
        return None if value is None else str(value)

    assert found["blockReasons"] == [
        {
            "code": each.code.value,
            "message": each.message,
            "block": None if each.block_id is None else {"id": f"block_{each.block_id}"},
            "debt": money(each.debt),
            "level": money(each.level),
            "amountToClear": money(each.amount_to_clear),
        }
        for each in told
    ]
    return told


async def owing(town: Town, *sums: str) -> int:
    """A patron in use who has these charges open; a negative one is a credit."""
    [patron] = await town.patrons(1, status="ACTIVE")
    for each in sums:
        await town.charge(patron, each)
    return patron


# What is left of each charge, the library's level, the sum that clears (None: not blocked).
SUMS = [
    # Without a level no debt ever blocks.
    ([], None, None),
    (["9999.99"], None, None),
    # Level 0 means any debt, and all of it must be paid.
    ([], "0", None),
    (["0.01"], "0", "0.01"),
    (["12.34"], "0", "12.34"),
    (["1.00", "2.50"], "0", "3.50"),
    # A level of a cent is the same as any debt.
    (["0.01"], "0.01", "0.01"),
    (["3.00"], "0.01", "3.00"),
    # At the level a patron is blocked; a cent below, not.
    ([], "5.00", None),
    (["4.99"], "5.00", None),
    (["5.00"], "5.00", "0.01"),
    (["5.01"], "5.00", "0.02"),
    (["2.50", "2.50"], "5.00", "0.01"),
    (["2.50", "2.49"], "5.00", None),
    (["20.00", "0.10"], "5.00", "15.11"),
    # A credit on one charge counts against what is owed on another.
    (["-3.00"], "0", None),
    (["-3.00"], "5.00", None),
    (["3.00", "-3.00"], "0", None),
    (["3.01", "-3.00"], "0", "0.01"),
    (["8.00", "-3.00"], "5.00", "0.01"),
    (["7.99", "-3.00"], "5.00", None),
    (["9999999999.99"], "9999999999.99", "0.01"),
]


@pytest.mark.parametrize(("sums", "level", "clears"), SUMS)
async def test_exact_sums(api: Api, town: Town, sums: list[str], level: str | None, clears: str | None) -> None:
    await town.policy(block_level=None if level is None else Decimal(level))
    patron = await owing(town, *sums)
    told = await reasons(api, town, patron)
    if clears is None:
        assert told == []
        return
    [reason] = told
    debt = sum((Decimal(each) for each in sums), Decimal(0))
    assert (reason.code, reason.block_id, reason.debt, reason.level, reason.amount_to_clear) == (
        BlockReasonCode.DEBT, None, debt, Decimal(level or ""), Decimal(clears),
    )  # fmt: skip

    # Less by a cent does not clear it; that amount does, at once.
    first = await db.value("SELECT min(id) FROM ledger_entry WHERE patron_id = $1 AND outstanding > 0", patron)
    pay = "UPDATE ledger_entry SET outstanding = outstanding - $2 WHERE id = $1 RETURNING id"
    await db.rows(pay, first, Decimal(clears) - Decimal("0.01"))
    [left] = await reasons(api, town, patron)
    assert left.amount_to_clear == Decimal("0.01")
    await db.rows(pay, first, Decimal("0.01"))
    assert await reasons(api, town, patron) == []


async def test_a_change_of_the_level_counts_at_once(api: Api, town: Town) -> None:
    patron = await owing(town, "4.00")
    for level, amount in ((None, None), ("4.01", None), ("4.00", "0.01"), ("0", "4.00"), (None, None)):
        await town.policy(block_level=None if level is None else Decimal(level))
        assert [each.amount_to_clear for each in await reasons(api, town, patron)] == (
            [] if amount is None else [Decimal(amount)]
        )


async def test_only_the_patrons_own_debt_blocks(api: Api, town: Town) -> None:
    await town.policy(block_level=Decimal("5.00"))
    mine, theirs = await owing(town, "4.00"), await owing(town, "40.00")
    await town.group(mine, theirs)
    assert await reasons(api, town, mine) == []
    assert [each.code for each in await reasons(api, town, theirs)] == [BlockReasonCode.DEBT]


async def test_a_debt_elsewhere_does_not_block_here(api: Api, town: Town, other_town: Town) -> None:
    await town.policy(block_level=Decimal(0))
    here, there = await owing(town), await owing(other_town, "40.00")
    person = await db.value("INSERT INTO person DEFAULT VALUES RETURNING id")
    await db.rows("UPDATE patron SET person_id = $1 RETURNING id", person)
    assert await reasons(api, town, here) == []
    # Asked about another library's patron, the answer is as for one that does not exist.
    assert await service_refusals(town.id, there) == []
    assert await service_refusals(town.id, 999_999) == []


async def test_every_reason_is_told_in_its_order(api: Api, town: Town) -> None:
    await town.policy(block_level=Decimal("5.00"))
    patron = await owing(town, "7.00")
    first = await blocks.place(town.system, patron, "Broke a lamp", message="Please come to the desk")
    second = await blocks.place(town.system, patron, "Shouted")
    await actions.deactivate(town.system, [patron])
    await db.rows("UPDATE patron SET expires_on = current_date - 1 WHERE id = $1 RETURNING id", patron)
    assert [
        (each.code, each.message, each.block_id, each.amount_to_clear) for each in await reasons(api, town, patron)
    ] == [
        (BlockReasonCode.MANUAL, "Please come to the desk", first.block_id, None),
        (BlockReasonCode.MANUAL, "Blocked by staff.", second.block_id, None),
        (
            BlockReasonCode.DEBT,
            "Owes as much as the library allows, or more; payment lifts this block.",
            None,
            Decimal("2.01"),
        ),
        (BlockReasonCode.INACTIVE, "The account is not in use.", None, None),
        (BlockReasonCode.EXPIRED, "The account has expired.", None, None),
    ]


async def test_an_account_may_be_used_on_its_last_day(api: Api, town: Town) -> None:
    patron = await owing(town)
    today = dt.datetime.now(dt.UTC).date()
    for last, blocked in (
        (None, False),
        (today, False),
        (today + dt.timedelta(1), False),
        (today - dt.timedelta(1), True),
    ):
        await db.rows("UPDATE patron SET expires_on = $2 WHERE id = $1 RETURNING id", patron, last)
        found = [each.code for each in await reasons(api, town, patron)]
        assert found == ([BlockReasonCode.EXPIRED] if blocked else [])


async def test_who_waits_for_a_purge_is_not_in_use(api: Api, town: Town) -> None:
    patron = await owing(town)
    await db.rows("UPDATE patron SET status = 'PENDING_PURGE', purge_after = now() WHERE id = $1 RETURNING id", patron)
    assert [each.code for each in await reasons(api, town, patron)] == [BlockReasonCode.INACTIVE]


async def test_ended_blocks_are_no_reason(api: Api, town: Town) -> None:
    patron = await owing(town)
    lifted = await blocks.place(town.system, patron, "Broke a lamp")
    await blocks.lift(town.system, lifted.block_id, "Paid the lamp")
    await blocks.place(town.system, patron, "Shouted", expires_at=dt.datetime(2999, 1, 1, tzinfo=dt.UTC))
    await db.rows("UPDATE block SET expires_at = now() WHERE lifted_at IS NULL RETURNING id")
    assert await reasons(api, town, patron) == []


async def test_inside_a_transaction_what_it_changed_counts(town: Town) -> None:
    await town.policy(block_level=Decimal(0))
    patron = await owing(town)
    async with db.transaction():
        await town.charge(patron, "1.00")
        [told] = await service_refusals(town.id, patron)
    assert (told.code, told.amount_to_clear) == (BlockReasonCode.DEBT, Decimal("1.00"))
