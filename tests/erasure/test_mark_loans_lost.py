"""markLoansLost: items LOST, loans closed, books balanced and, if asked for, a purge started; or nothing at all."""

import asyncio
from decimal import Decimal
from typing import Any

import orjson
import pytest
from tests.clients import Api, why
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.permissions import Permission

MARK = """
mutation($input: MarkLoansLostInput!) { markLoansLost(input: $input) {
  __typename
  ... on MarkLoansLostSuccess {
    count charged writtenOff loans { id lost returnedAt item { barcode status } }
    patron { id openLoanCount debtTotal } job { id kind state total }
  }
  ... on MarkLoansLostPreview {
    writtenOff currency obstacles { code count ids } patron { id openLoanCount }
    loans { loanId itemBarcode title price openCharges writtenOff dueAt }
  }
  ... on Problem { code message }
  ... on InvalidInput { field fields { reason limit } }
  ... on LoansDiffer { notNamed notOpen }
  ... on Obstacles { obstacles { code count ids } }
} }
"""
CHECK_IN = """
mutation($barcode: String!) { checkIn(input: {itemBarcode: $barcode}) {
  __typename ... on CheckInSuccess { wasOnLoan wasLost itemStatus patron { id } loan { id } }
  ... on Problem { code message }
} }
"""
LEDGER = """
SELECT entry.kind, entry.amount, entry.outstanding, entry.reason, entry.note, entry.loan_id, charge.loan_id AS of_loan
FROM ledger_entry entry LEFT JOIN ledger_entry charge ON charge.id = entry.charge_id
WHERE entry.patron_id = $1 ORDER BY entry.id
"""
# Charges that are not what is left of them plus what settled them.
UNBALANCED = """
SELECT charge.id FROM ledger_entry charge
WHERE charge.kind = 'CHARGE' AND charge.outstanding > 0 AND charge.amount <> charge.outstanding + (
    SELECT coalesce(sum(entry.amount), 0) FROM ledger_entry entry WHERE entry.charge_id = charge.id)
UNION ALL
SELECT charge.id FROM ledger_entry charge
WHERE charge.kind = 'CHARGE' AND charge.outstanding = 0 AND charge.amount <> (
    SELECT coalesce(sum(entry.amount), 0) FROM ledger_entry entry WHERE entry.charge_id = charge.id)
"""
ITEM = """
INSERT INTO item (library_id, branch_id, barcode, title, material_type, price, status)
VALUES ($1, $2, $3::text, 'Title of ' || $3::text, 'BOOK', $4::text::numeric, 'ON_LOAN') RETURNING id
"""
LOAN = """
INSERT INTO loan (library_id, patron_id, item_id, checked_out_at, due_at, branch_id)
VALUES ($1, $2, $3, '2025-03-04 12:00+00', '2025-04-01 12:00+00', $4) RETURNING id
"""
FINE = """
INSERT INTO ledger_entry (library_id, patron_id, loan_id, kind, amount, outstanding, reason, created_at)
VALUES ($1, $2, $3, 'CHARGE', $4::text::numeric, $4::text::numeric, 'Overdue', now()) RETURNING id
"""


async def lend(town: Town, patron: int, barcode: str, price: str | None, owner: Town | None = None) -> int:
    owner = owner or town
    item = await db.value(ITEM, owner.id, owner.branch, barcode, price)
    loan: int = await db.value(LOAN, town.id, patron, item, town.branch)
    return loan


async def fine(town: Town, patron: int, loan: int, amount: str) -> int:
    made: int = await db.value(FINE, town.id, patron, loan, amount)
    return made


async def ask(api: Api, token: str, patron: int, *loans: int, **given: Any) -> Any:
    input = {"patronId": f"pat_{patron}", "loanIds": [f"loan_{key}" for key in loans], "dryRun": False} | given
    return (await api.data(MARK, {"input": input}, token))["markLoansLost"]


async def refused(api: Api, token: str, patron: int, *loans: int, **given: Any) -> Any:
    async with nothing_changes():
        return await ask(api, token, patron, *loans, **given)


async def items() -> list[tuple[str, str]]:
    return [tuple(row) for row in await db.rows("SELECT barcode, status FROM item ORDER BY barcode")]


async def detail(action: str) -> list[tuple[Any, ...]]:
    found = await db.rows(
        "SELECT actor_kind, subject_kind, subject_id, job_id, detail FROM audit_event WHERE action = $1 ORDER BY id",
        action,
    )
    return [(*tuple(row)[:4], orjson.loads(row["detail"])) for row in found]


@pytest.fixture
async def token(town: Town) -> str:
    return await town.token(Permission.ITEMS_MARK_LOST)


@pytest.fixture
async def purger(town: Town) -> str:
    return await town.token(Permission.ITEMS_MARK_LOST, Permission.PATRONS_PURGE, Permission.PATRONS_VIEW)


@pytest.fixture(autouse=True)
async def books_balance(database: object) -> Any:
    yield
    assert await db.rows(UNBALANCED) == []


@pytest.mark.parametrize("status", ["ACTIVE", "INACTIVE"])
async def test_loans_are_closed_and_written_off_and_other_debts_stay(
    api: Api, town: Town, token: str, status: str
) -> None:
    patron, other = await town.patrons(2, loans=1, status=status)
    finished = await db.value("SELECT id FROM loan WHERE patron_id = $1", patron)
    await db.rows("DELETE FROM ledger_entry WHERE kind <> 'CHARGE' RETURNING id")
    await db.rows("DELETE FROM ledger_entry RETURNING id")
    first, second = await lend(town, patron, "x1", "12.50"), await lend(town, patron, "x2", None)
    theirs = await lend(town, other, "x3", "9.00")
    fines = [await fine(town, patron, first, "1.20"), await fine(town, patron, second, "0.80")]
    await db.rows("UPDATE ledger_entry SET outstanding = 0.50 WHERE id = $1 RETURNING id", fines[1])
    await db.rows(
        "INSERT INTO ledger_entry (library_id, patron_id, charge_id, kind, amount, created_at)"
        " VALUES ($1, $2, $3, 'PAYMENT', 0.30, now()) RETURNING id",
        town.id, patron, fines[1],
    )  # fmt: skip
    old = await fine(town, patron, finished, "4.00")
    unrelated = await town.charge(patron, "3.00")

    done = await ask(api, token, patron, second, first)
    moments = [loan.pop("returnedAt") for loan in done["loans"]]
    assert all(moments)
    assert done == {
        "__typename": "MarkLoansLostSuccess",
        "count": 2,
        "charged": "12.50",
        "writtenOff": "14.20",
        "loans": [
            {"id": f"loan_{first}", "lost": True, "item": {"barcode": "x1", "status": "LOST"}},
            {"id": f"loan_{second}", "lost": True, "item": {"barcode": "x2", "status": "LOST"}},
        ],
        "patron": {"id": f"pat_{patron}", "openLoanCount": 0, "debtTotal": "7.00"},
        "job": None,
    }
    note = "Marked as lost and written off."
    assert [tuple(row) for row in await db.rows(LEDGER, patron)] == [
        ("CHARGE", Decimal("1.20"), Decimal("0.00"), "Overdue", None, first, None),
        ("CHARGE", Decimal("0.80"), Decimal("0.00"), "Overdue", None, second, None),
        ("PAYMENT", Decimal("0.30"), None, "", None, None, second),
        ("CHARGE", Decimal("4.00"), Decimal("4.00"), "Overdue", None, finished, None),
        ("CHARGE", Decimal("3.00"), Decimal("3.00"), "", None, None, None),
        ("CHARGE", Decimal("12.50"), Decimal("0.00"), "Lost item", None, first, None),
        ("WRITE_OFF", Decimal("1.20"), None, "", note, None, first),
        ("WRITE_OFF", Decimal("0.50"), None, "", note, None, second),
        ("WRITE_OFF", Decimal("12.50"), None, "", note, None, first),
    ]
    assert (old, unrelated) == (fines[1] + 2, fines[1] + 3)
    statuses = dict(await items())
    assert (statuses["x1"], statuses["x2"], statuses["x3"]) == ("LOST", "LOST", "ON_LOAN")
    assert await db.value("SELECT returned_at FROM loan WHERE id = $1", theirs) is None
    who = await db.value("SELECT id FROM api_token")
    assert await db.value("SELECT actor_id FROM audit_event WHERE action = 'patron.loans_lost'") == who
    assert await detail("patron.loans_lost") == [
        ("TOKEN", "patron", patron, None, {"loans": [first, second], "written_off": "14.20"})
    ]
    assert await db.value("SELECT status FROM patron WHERE id = $1", patron) == status
    assert await db.value("SELECT count(*) FROM job") == 0


async def test_staff_see_everything_before(api: Api, town: Town, token: str) -> None:
    await town.policy(currency="EUR")
    [patron] = await town.patrons(1, status="ACTIVE")
    first, second = await lend(town, patron, "x1", "12.50"), await lend(town, patron, "x2", "0.00")
    await fine(town, patron, first, "1.20")
    debt = await town.charge(patron, "3.00")
    due = "2025-04-01T12:00:00+00:00"
    expected = {
        "__typename": "MarkLoansLostPreview",
        "writtenOff": "13.70",
        "currency": "EUR",
        "obstacles": [
            {"code": "DEBTS", "count": 1, "ids": [f"debt_{debt}"]},
            {"code": "NOT_INACTIVE", "count": 1, "ids": []},
        ],
        "patron": {"id": f"pat_{patron}", "openLoanCount": 2},
        "loans": [
            {
                "loanId": f"loan_{first}", "itemBarcode": "x1", "title": "Title of x1", "price": "12.50",
                "openCharges": "1.20", "writtenOff": "13.70", "dueAt": due,
            },
            {
                "loanId": f"loan_{second}", "itemBarcode": "x2", "title": "Title of x2", "price": None,
                "openCharges": "0.00", "writtenOff": "0.00", "dueAt": due,
            },
        ],
    }  # fmt: skip
    for loans in ((), (first, second)):
        assert await refused(api, token, patron, *loans, dryRun=True, idempotencyKey="k") == expected
    differ = await refused(api, token, patron, first, dryRun=True)
    assert differ["code"] == "LOANS_DIFFER"
    done = await ask(api, token, patron, first, second, idempotencyKey="k")
    assert (done["charged"], done["writtenOff"]) == ("12.50", expected["writtenOff"])
    nothing_left = await refused(api, token, patron, dryRun=True)
    assert (nothing_left["loans"], nothing_left["writtenOff"], nothing_left["currency"]) == ([], "0.00", None)


async def test_what_else_stands_in_the_way_stops_all_of_it(api: Api, town: Town, purger: str) -> None:
    [patron] = await town.patrons(1, status="ACTIVE")
    loan = await lend(town, patron, "x1", "12.50")
    hold, debt = await town.open_reservation(patron), await town.charge(patron, "3.00")
    credit = await town.charge(patron, "-1.00")
    await db.rows("UPDATE patron SET protected = true RETURNING id")
    found = await refused(api, purger, patron, loan, purge=True)
    assert found == {
        "__typename": "Obstacles",
        "code": "OBSTACLES",
        "message": "The patron cannot be purged yet. In the way: 1 credit to pay out, 1 unpaid debt, account in use,"
        " 1 open reservation, protection of the account.",
        "obstacles": [
            {"code": "CREDIT_BALANCE", "count": 1, "ids": [f"debt_{credit}"]},
            {"code": "DEBTS", "count": 1, "ids": [f"debt_{debt}"]},
            {"code": "NOT_INACTIVE", "count": 1, "ids": []},
            {"code": "OPEN_RESERVATIONS", "count": 1, "ids": [f"res_{hold}"]},
            {"code": "PROTECTED", "count": 1, "ids": []},
        ],
    }
    done = await ask(api, purger, patron, loan)
    assert (done["count"], done["job"]) == (1, None)


@pytest.mark.parametrize(("debt", "stopped"), [("5.00", False), ("5.01", True)])
async def test_the_librarys_waive_limit_is_for_the_other_debts(
    api: Api, town: Town, purger: str, debt: str, stopped: bool
) -> None:
    """What the lost loans owe does not count towards it: that is settled."""
    await town.policy(purge_waive_limit=5)
    [patron] = await town.patrons(1)
    loan = await lend(town, patron, "x1", "40.00")
    await fine(town, patron, loan, "7.00")
    await town.charge(patron, debt)
    if stopped:
        found = await refused(api, purger, patron, loan, purge=True)
        assert [each["code"] for each in found["obstacles"]] == ["DEBTS"]
    else:
        assert (await ask(api, purger, patron, loan, purge=True))["writtenOff"] == "47.00"


async def test_an_item_of_another_library_is_lost_too(api: Api, town: Town, other_town: Town, token: str) -> None:
    """Its price is charged in its own currency only."""
    [patron] = await town.patrons(1)
    same = await lend(town, patron, "x1", "12.50", other_town)
    done = await ask(api, token, patron, same)
    assert (done["charged"], done["writtenOff"], dict(await items())["x1"]) == ("12.50", "12.50", "LOST")
    await other_town.policy(currency="SEK")
    other = await lend(town, patron, "x2", "120.00", other_town)
    await fine(town, patron, other, "2.00")
    [line] = (await refused(api, token, patron, dryRun=True))["loans"]
    assert (line["price"], line["openCharges"], line["writtenOff"]) == (None, "2.00", "2.00")
    done = await ask(api, token, patron, other)
    assert (done["charged"], done["writtenOff"], dict(await items())["x2"]) == ("0.00", "2.00", "LOST")
    # The owner takes it back.
    desk = await other_town.token(Permission.CIRCULATION_DESK)
    back = (await api.data(CHECK_IN, {"barcode": "x2"}, desk))["checkIn"]
    assert (back["wasLost"], back["itemStatus"]) == (True, "AVAILABLE")


async def test_the_loans_named_must_be_those_that_are_open(api: Api, town: Town, other_town: Town, token: str) -> None:
    patron, other = await town.patrons(2, loans=1)
    finished = await db.value("SELECT id FROM loan WHERE patron_id = $1", patron)
    mine = [await lend(town, patron, f"x{n}", "1.00") for n in range(3)]
    theirs = await lend(town, other, "y", "1.00")
    [stranger] = await other_town.patrons(1)
    foreign = await lend(other_town, stranger, "z", "1.00")
    cases = [
        (mine[:2], [mine[2]], [], "1 open loan was not named;"),
        (mine[:1], mine[1:], [], "2 open loans were not named;"),
        ([*mine, theirs], [], [theirs], "1 named loan is not an open loan of this patron;"),
        ([*mine, finished, foreign], [], [finished, foreign], "2 named loans are not open loans of this patron;"),
        ([mine[0], 999_999], mine[1:], [999_999], "2 open loans were not named and 1 named loan is not an open loan"),
    ]
    for named, not_named, not_open, message in cases:
        found = await refused(api, token, patron, *named)
        assert (found["__typename"], found["code"]) == ("LoansDiffer", "LOANS_DIFFER")
        assert found["notNamed"] == [f"loan_{key}" for key in not_named]
        assert found["notOpen"] == [f"loan_{key}" for key in not_open]
        assert found["message"].startswith(message)
    none = await refused(api, token, patron)
    assert (none["code"], none["field"], why(none)) == ("INVALID_INPUT", "input.loanIds", [("REQUIRED", None)])
    # Named twice is named once.
    assert (await ask(api, token, patron, *mine, mine[0]))["count"] == 3


async def test_an_unknown_patron_is_unknown(api: Api, town: Town, other_town: Town, token: str) -> None:
    [stranger] = await other_town.patrons(1)
    loan = await lend(other_town, stranger, "z", "1.00")
    for dry in (True, False):
        foreign = await refused(api, token, stranger, loan, dryRun=dry)
        assert foreign == await refused(api, token, 999_999, loan, dryRun=dry)
        assert foreign["code"] == "NOT_FOUND"


async def test_each_half_needs_its_permission(api: Api, town: Town, token: str) -> None:
    [patron] = await town.patrons(1)
    loan = await lend(town, patron, "x1", "1.00")
    asked = {"patronId": f"pat_{patron}", "loanIds": [f"loan_{loan}"]}
    without = await town.token(*(frozenset(Permission) - {Permission.ITEMS_MARK_LOST}))
    async with nothing_changes():
        for dry in (True, False):
            for purge in (True, False):
                variables = {"input": asked | {"dryRun": dry, "purge": purge}}
                assert await api.refused(MARK, variables, without) == ["FORBIDDEN"]
                assert await api.refused(MARK, variables) == ["UNAUTHENTICATED"]
            answer = await api.post(MARK, {"input": asked | {"dryRun": dry, "purge": True}}, token)
            [error] = answer.json()["errors"]
            assert error["extensions"]["code"] == "FORBIDDEN"
            assert "PATRONS_PURGE" in error["message"]


async def test_the_same_request_sent_again_gives_the_same_answer(api: Api, town: Town, purger: str) -> None:
    [patron] = await town.patrons(1)
    loan = await lend(town, patron, "x1", "1.00")
    first = await ask(api, purger, patron, loan, purge=True, idempotencyKey="k")
    assert await refused(api, purger, patron, loan, purge=True, idempotencyKey="k") == first
    found = await refused(api, purger, patron, loan, idempotencyKey="k")
    assert found["code"] == "IDEMPOTENCY_MISMATCH"
    # Without the key the second sending finds no such loans.
    assert (await refused(api, purger, patron, loan, purge=True))["notOpen"] == [f"loan_{loan}"]


async def test_two_staff_and_the_desk_at_once(api: Api, town: Town, token: str) -> None:
    """Whoever comes second is told so; in the end the item is either back or lost, and the books balance."""
    desk = await town.token(Permission.CIRCULATION_DESK)
    for n in range(6):
        [patron] = await town.patrons(1)
        loan = await lend(town, patron, f"r{n}", "5.00")
        answers = await asyncio.gather(
            ask(api, token, patron, loan),
            ask(api, token, patron, loan),
            api.data(CHECK_IN, {"barcode": f"r{n}"}, desk),
        )
        marked = [answer["__typename"] for answer in answers[:2]]
        assert marked.count("MarkLoansLostSuccess") <= 1
        assert set(marked) <= {"MarkLoansLostSuccess", "LoansDiffer"}
        assert answers[2]["checkIn"]["__typename"] == "CheckInSuccess"
        lost = "MarkLoansLostSuccess" in marked
        assert await db.value("SELECT lost FROM loan WHERE id = $1", loan) is lost
        charges = await db.value("SELECT count(*) FROM ledger_entry WHERE patron_id = $1 AND kind = 'CHARGE'", patron)
        assert charges == (2 if lost else 1) - 1
