"""renewLoan through the API: 21 days from today, never nearer, and every reason why not."""

import datetime as dt

from tests.desk.conftest import PATRONS_REASONS, REFUSED, Desk, change, events
from tests.town import Town

from patrongraph import db

RENEW = f"""
mutation($input: RenewLoanInput!) {{ found: renewLoan(input: $input) {{
  {REFUSED}
  ... on RenewLoanSuccess {{ loan {{ id dueAt renewalsLeft overdue }} patron {{ id overdueLoanCount }} }}
}} }}
"""


async def until() -> str:
    day: dt.date = await db.value("SELECT current_date + 21")
    return f"{day.isoformat()}T23:59:59+00:00"


async def test_a_loan_goes_on_for_three_weeks_from_today_an_overdue_one_too(desk: Desk) -> None:
    patron, item = await desk.patron(), await desk.item("i1")
    loan = await desk.loan(patron, item)
    await db.rows("UPDATE loan SET due_at = now() - interval '3 days' RETURNING id")
    done = await desk.ask(RENEW, loanId=f"loan_{loan}")
    assert done == {
        "__typename": "RenewLoanSuccess",
        "loan": {"id": f"loan_{loan}", "dueAt": await until(), "renewalsLeft": 1, "overdue": False},
        "patron": {"id": f"pat_{patron}", "overdueLoanCount": 0},
    }
    assert await events("desk.renew") == [("patron", patron, f'{{"loan": {loan}}}')]
    assert await db.value("SELECT last_activity_at IS NOT NULL FROM patron") is True


async def test_a_renewal_that_gains_nothing_is_not_used_up(desk: Desk) -> None:
    loan = await desk.loan(await desk.patron(), await desk.item("i1"))
    await desk.ask(RENEW, loanId=f"loan_{loan}")
    assert await desk.reasons(RENEW, loanId=f"loan_{loan}") == ["TOO_EARLY"]
    await change("loan", loan, due_at=dt.datetime(2999, 1, 1, tzinfo=dt.UTC))
    assert await desk.reasons(RENEW, loanId=f"loan_{loan}") == ["TOO_EARLY"]


async def test_renewals_end(desk: Desk) -> None:
    loan = await desk.loan(await desk.patron(), await desk.item("i1"))
    for left in (1, 0):
        assert (await desk.ask(RENEW, loanId=f"loan_{loan}"))["loan"]["renewalsLeft"] == left
        await db.rows("UPDATE loan SET due_at = now() RETURNING id")
    assert await desk.reasons(RENEW, loanId=f"loan_{loan}") == ["NO_RENEWALS_LEFT"]


async def test_every_reason_is_listed(desk: Desk) -> None:
    patron, other, item = await desk.patron(), await desk.patron(), await desk.item("i1")
    loan = await desk.loan(patron, item, lost=True)
    await desk.refuse_service(patron)
    waiting = await desk.reservation(other, item)
    await change("loan", loan, renewals_left=0, due_at=dt.datetime(2999, 1, 1, tzinfo=dt.UTC))
    assert await desk.reasons(RENEW, loanId=f"loan_{loan}") == [
        *PATRONS_REASONS, "LOST", "NO_RENEWALS_LEFT", "TOO_EARLY", "RESERVED_BY_ANOTHER",
    ]  # fmt: skip
    await change("reservation", waiting, frozen=True)
    await db.rows("UPDATE loan SET returned_at = now() RETURNING id")
    await change("item", item, status="AVAILABLE")
    assert await desk.reasons(RENEW, loanId=f"loan_{loan}") == [*PATRONS_REASONS, "NOT_ON_LOAN"]


async def test_each_reason_of_the_patron_alone_is_enough_and_ends_with_it(desk: Desk, town: Town) -> None:
    patron = await desk.patron()
    loan = await desk.loan(patron, await desk.item("i1"))
    block = await desk.block(patron)
    assert await desk.reasons(RENEW, loanId=f"loan_{loan}") == ["MANUAL"]
    await change("block", block, lifted_at=dt.datetime.now(dt.UTC))
    await change("patron", patron, status="INACTIVE")
    assert await desk.reasons(RENEW, loanId=f"loan_{loan}") == ["INACTIVE"]
    await change("patron", patron, status="ACTIVE")
    assert (await desk.ask(RENEW, loanId=f"loan_{loan}"))["__typename"] == "RenewLoanSuccess"


async def test_only_anothers_reservation_that_is_not_suspended_stops_a_renewal(desk: Desk, other_desk: Desk) -> None:
    patron, item = await desk.patron(), await desk.item("i1")
    loan = await desk.loan(patron, item)
    waiting = await other_desk.reservation(await other_desk.patron(), item)
    assert await desk.reasons(RENEW, loanId=f"loan_{loan}") == ["RESERVED_BY_ANOTHER"]
    await change("reservation", waiting, frozen=True)
    assert (await desk.ask(RENEW, loanId=f"loan_{loan}"))["__typename"] == "RenewLoanSuccess"


async def test_another_librarys_loan_is_as_unknown_as_none(desk: Desk, other_desk: Desk) -> None:
    theirs = await other_desk.loan(await other_desk.patron(), await other_desk.item("x1"))
    foreign = await desk.refused(RENEW, loanId=f"loan_{theirs}")
    assert foreign == await desk.refused(RENEW, loanId="loan_999999")
    assert foreign["message"] == "The loan was not found in your library."


async def test_the_same_key_renews_once(desk: Desk) -> None:
    loan = await desk.loan(await desk.patron(), await desk.item("i1"))
    first = await desk.ask(RENEW, loanId=f"loan_{loan}", idempotencyKey="k")
    assert await desk.refused(RENEW, loanId=f"loan_{loan}", idempotencyKey="k") == first
    other = await desk.refused(RENEW, loanId="loan_999999", idempotencyKey="k")
    assert other["code"] == "IDEMPOTENCY_MISMATCH"
