"""Where two meet at one patron or one item: one effect, a plain answer for the other, and no deadlock."""

import asyncio
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from tests.clients import Api
from tests.desk.conftest import Desk, status_of
from tests.desk.test_charge import CHARGE
from tests.desk.test_check_in import CHECK_IN
from tests.desk.test_check_out import CHECK_OUT
from tests.desk.test_pay import PAY
from tests.desk.test_renew import RENEW
from tests.desk.test_reserve import RESERVE
from tests.town import Town, wait_until

from patrongraph import db
from patrongraph.permissions import Permission

PURGE = """
mutation($ids: [ID!]) { purgePatrons(input: {patronIds: $ids, dryRun: false}) {
  ... on PurgePatronsSuccess { job { id } } ... on Problem { message }
} }
"""
WAITING = """
SELECT count(*)::int FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()
"""
HOLD = "SELECT id FROM patron WHERE id = $1 FOR UPDATE"
ERASE = [
    f"DELETE FROM {table} WHERE patron_id = $1 RETURNING 1" for table in ("block", "card", "address", "patron_pin")
]


async def waiting(count: int) -> bool:
    # Outside this test's own transaction, which sees activity as it was when it began to look.
    async with db.read_pool().acquire() as connection:
        return bool(await connection.fetchval(WAITING) >= count)


def kinds(answers: list[dict[str, Any]]) -> Counter[str]:
    return Counter(each["__typename"] for each in answers)


async def test_two_desks_lend_the_same_item_at_once(desk: Desk, other_desk: Desk) -> None:
    for n in range(10):
        item = await desk.item(f"i{n}")
        patrons = [await desk.patron(), await desk.patron()]
        theirs = await other_desk.patron()
        answers = await asyncio.gather(
            *(desk.ask(CHECK_OUT, patron={"id": f"pat_{patron}"}, itemBarcode=f"i{n}") for patron in patrons * 2),
            other_desk.ask(CHECK_OUT, patron={"id": f"pat_{theirs}"}, itemBarcode=f"i{n}"),
        )
        assert kinds(answers) == {"CheckOutSuccess": 1, "CirculationRefused": 4}
        refused = [each for each in answers if each["__typename"] == "CirculationRefused"]
        assert {reason["code"] for each in refused for reason in each["refusals"]} == {"ON_LOAN"}
        assert await db.value("SELECT count(*) FROM loan WHERE item_id = $1", item) == 1
        assert await status_of(item) == "ON_LOAN"


async def test_a_check_out_that_waits_for_a_purge_finds_nobody(desk: Desk) -> None:
    patron, item = await desk.patron(), await desk.item("i1")
    asked = [
        (CHECK_OUT, {"patron": {"id": f"pat_{patron}"}, "itemBarcode": "i1"}),
        (CHECK_OUT, {"patron": {"barcode": f"B{patron}"}, "itemBarcode": "i1"}),
        (RESERVE, {"patron": {"id": f"pat_{patron}"}, "itemBarcode": "i1"}),
        (CHARGE, {"patronId": f"pat_{patron}", "amount": "1", "reason": "Fee"}),
        (PAY, {"patronId": f"pat_{patron}", "amount": "1"}),
    ]
    async with db.transaction():
        await db.rows(HOLD, patron)
        tasks = [asyncio.create_task(desk.ask(mutation, **given)) for mutation, given in asked]
        await wait_until(lambda: waiting(len(tasks)))
        for erase in ERASE:
            await db.rows(erase, patron)
        await db.rows("DELETE FROM patron WHERE id = $1 RETURNING id", patron)
    answers = await asyncio.gather(*tasks)
    assert [(each["__typename"], each["message"]) for each in answers] == [
        ("NotFound", "The patron was not found in your library.")
    ] * 5
    assert await status_of(item) == "AVAILABLE"
    for table in ("loan", "reservation", "ledger_entry"):
        assert await db.value(f"SELECT count(*) FROM {table}") == 0


async def test_a_branch_that_disappears_meanwhile_is_not_found(desk: Desk, town: Town) -> None:
    patron, item = await desk.patron(), await desk.item("i1")
    branch = await db.value(
        "INSERT INTO branch (library_id, code, name) VALUES ($1, 'OLD', 'Old') RETURNING id", town.id
    )
    given = {"patron": {"id": f"pat_{patron}"}, "itemBarcode": "i1"}
    async with db.transaction():
        await db.rows("DELETE FROM branch WHERE id = $1 RETURNING id", branch)
        lent = asyncio.create_task(desk.ask(CHECK_OUT, **given, branchId=f"branch_{branch}"))
        await wait_until(lambda: waiting(1))
        reserved = asyncio.create_task(desk.ask(RESERVE, **given, pickupBranchId=f"branch_{branch}"))
        await wait_until(lambda: waiting(2))
    for answer in (await lent, await reserved):
        assert (answer["__typename"], answer["code"]) == ("NotFound", "NOT_FOUND")
    assert await status_of(item) == "AVAILABLE"
    assert await db.value("SELECT count(*) FROM audit_event WHERE action LIKE 'desk.%'") == 0


async def test_a_loan_that_an_import_writes_meanwhile_is_a_loan(desk: Desk, town: Town) -> None:
    """An import takes none of the desk's locks; the index of open loans decides."""
    patron, other, item = await desk.patron(), await desk.patron(), await desk.item("i1")
    async with db.transaction():
        await db.rows(
            "INSERT INTO loan (library_id, patron_id, item_id, due_at) VALUES ($1, $2, $3, now()) RETURNING id",
            town.id,
            other,
            item,
        )
        task = asyncio.create_task(desk.ask(CHECK_OUT, patron={"id": f"pat_{patron}"}, itemBarcode="i1"))
        await wait_until(lambda: waiting(1))
    answer = await task
    assert [each["code"] for each in answer["refusals"]] == ["ON_LOAN"]
    assert await db.value("SELECT count(*) FROM loan") == 1
    await db.rows("UPDATE item SET status = 'ON_LOAN' RETURNING id")


@pytest.mark.usefixtures("worker_process")
async def test_a_purge_that_comes_after_a_loan_leaves_the_patron_alone(api: Api, desk: Desk, town: Town) -> None:
    """The patrons come back into use while the purge runs; each is lent to or gone, and nothing in between."""
    ids = await town.patrons(40)
    purger = await town.token(Permission.PATRONS_VIEW, Permission.PATRONS_PURGE)
    for patron in ids:
        await desk.item(f"i{patron}")
    started = await api.data(PURGE, {"ids": [f"pat_{each}" for each in ids]}, purger)

    async def lend(patron: int) -> dict[str, Any]:
        await db.rows("UPDATE patron SET status = 'ACTIVE' WHERE id = $1 RETURNING id", patron)
        return await desk.ask(CHECK_OUT, patron={"id": f"pat_{patron}"}, itemBarcode=f"i{patron}")

    answers = []
    for start in range(0, 40, 8):
        answers += await asyncio.gather(*(lend(patron) for patron in reversed(ids[-start - 8 : 40 - start])))
    last = (await api.follow(started["purgePatrons"]["job"]["id"], purger))[-1]
    found = kinds(answers)
    assert set(found) <= {"CheckOutSuccess", "NotFound"}
    assert (last["done"], last["skipped"], last["failed"]) == (found["NotFound"], found["CheckOutSuccess"], 0)
    assert len(await town.remaining()) == found["CheckOutSuccess"]
    assert await db.value("SELECT count(*) FROM loan") == found["CheckOutSuccess"]
    assert await db.value("SELECT count(*) FROM item WHERE status = 'ON_LOAN'") == found["CheckOutSuccess"]


@pytest.mark.usefixtures("worker_process")
async def test_payments_of_patrons_who_are_being_purged(api: Api, desk: Desk, town: Town) -> None:
    """Small debts are forgiven by the purge, so both may come first; each payment is taken or told that nobody is."""
    await town.policy(purge_waive_limit=10)
    ids = await town.patrons(40)
    for patron in ids:
        await town.charge(patron, "5.00")
    purger = await town.token(Permission.PATRONS_VIEW, Permission.PATRONS_PURGE)
    started = await api.data(PURGE, {"ids": [f"pat_{each}" for each in ids]}, purger)
    answers = await asyncio.gather(
        *(desk.ask(PAY, patronId=f"pat_{patron}", amount="5.00") for patron in reversed(ids))
    )
    last = (await api.follow(started["purgePatrons"]["job"]["id"], purger))[-1]
    assert (last["state"], last["done"]) == ("SUCCEEDED", 40)
    assert set(kinds(answers)) <= {"SettleDebtSuccess", "NotFound"}
    assert (
        await db.value("SELECT count(*) FROM audit_event WHERE action = 'desk.pay'")
        == (kinds(answers)["SettleDebtSuccess"])
    )


async def test_a_payment_sent_twice_at_once_is_taken_once(desk: Desk, town: Town) -> None:
    for n in range(10):
        patron = await desk.patron()
        debt = await town.charge(patron, "20.00")
        given = {"patronId": f"pat_{patron}", "amount": "5.00", "idempotencyKey": f"till-{n}"}
        answers = await asyncio.gather(*(desk.ask(PAY, **given) for _ in range(4)))
        assert {each["entries"][0]["id"] for each in answers} == {answers[0]["entries"][0]["id"]}
        assert await db.value("SELECT outstanding FROM ledger_entry WHERE id = $1", debt) == Decimal("15.00")


async def test_payments_at_two_desks_never_take_more_than_is_owed(desk: Desk, town: Town) -> None:
    patron = await desk.patron()
    for _ in range(4):
        await town.charge(patron, "2.50")
    answers = await asyncio.gather(*(desk.ask(PAY, patronId=f"pat_{patron}", amount="4.00") for _ in range(5)))
    assert kinds(answers) == {"SettleDebtSuccess": 2, "MoreThanOwed": 3}
    assert {each.get("owed") for each in answers} == {None, "2.00"}
    assert await db.value("SELECT sum(outstanding) FROM ledger_entry WHERE kind = 'CHARGE'") == Decimal("2.00")


async def test_an_item_goes_round_while_many_hands_reach_for_it(desk: Desk, other_desk: Desk) -> None:
    """Lending locks from the patron, returning from the item: they never wait for each other in a circle."""
    item = await desk.item("i1")
    borrowers = [(desk, await desk.patron()), (desk, await desk.patron()), (other_desk, await other_desk.patron())]

    async def go_round(at: Desk, patron: int) -> Counter[str]:
        found: Counter[str] = Counter()
        for _ in range(12):
            lent = await at.ask(CHECK_OUT, patron={"id": f"pat_{patron}"}, itemBarcode="i1")
            found[lent["__typename"]] += 1
            if lent["__typename"] == "CheckOutSuccess":
                await at.ask(RENEW, loanId=lent["loan"]["id"])
            back = await at.ask(CHECK_IN, itemBarcode="i1")
            assert back["__typename"] in ("CheckInSuccess", "CirculationRefused"), back
        return found

    rounds = await asyncio.gather(*(go_round(*borrower) for borrower in borrowers))
    lent = sum(found["CheckOutSuccess"] for found in rounds)
    assert sum(sum(found.values()) for found in rounds) == 36
    assert lent >= 1
    assert await db.value("SELECT count(*) FROM loan WHERE item_id = $1", item) == lent
    # Its loans follow each other.
    overlaps = await db.value(
        "SELECT count(*) FROM loan one JOIN loan two ON two.item_id = one.item_id AND two.id > one.id"
        " WHERE two.checked_out_at < coalesce(one.returned_at, 'infinity')"
    )
    assert overlaps == 0


async def test_a_return_sees_who_came_into_the_queue_while_it_waited(desk: Desk) -> None:
    patron, item = await desk.patron(), await desk.item("i1", "LOST")
    async with db.transaction():
        await db.rows("SELECT id FROM item WHERE id = $1 FOR UPDATE", item)
        task = asyncio.create_task(desk.ask(CHECK_IN, itemBarcode="i1"))
        await wait_until(lambda: waiting(1))
        kept = await desk.reservation(patron, item)
    answer = await task
    assert (answer["itemStatus"], answer["reservation"]["id"]) == ("ON_HOLD_SHELF", f"res_{kept}")


async def test_a_return_that_finds_another_loan_than_it_looked_for_closes_that_one(desk: Desk) -> None:
    before, after, item = await desk.patron(), await desk.patron(), await desk.item("i1")
    old = await desk.loan(before, item)
    async with db.transaction():
        await db.rows(HOLD, before)
        task = asyncio.create_task(desk.ask(CHECK_IN, itemBarcode="i1"))
        await wait_until(lambda: waiting(1))
        await db.rows("UPDATE loan SET returned_at = now() WHERE id = $1 RETURNING id", old)
        new = await desk.loan(after, item)
    answer = await task
    assert (answer["loan"]["id"], answer["patron"]["id"]) == (f"loan_{new}", f"pat_{after}")
    assert await db.value("SELECT count(*) FROM loan WHERE returned_at IS NULL") == 0
