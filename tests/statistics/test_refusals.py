"""Who may not ask, what cannot be asked, and how much is answered at once."""

import pytest
from tests.clients import Api
from tests.statistics.lending import QUERY, Lender, ask, flat
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.permissions import ALL_PERMISSIONS, Permission
from patrongraph.statistics.grouping import MOST_ROWS

YEAR = {"from": "2025-01-01", "to": "2025-12-31", "by": ["MONTH"]}


async def test_reports_need_their_permission(api: Api, lender: Lender) -> None:
    await lender.lend(await lender.patron(), await lender.item(), "2025-01-01T12:00:00")
    query = QUERY % "loans"
    everything_else = await lender.town.token(*(ALL_PERMISSIONS - {Permission.REPORTS_VIEW}))
    assert await api.refused(query, YEAR, everything_else) == ["FORBIDDEN"]
    assert await api.refused(query, YEAR) == ["UNAUTHENTICATED"]
    assert flat(await ask(api, token=await lender.town.token(Permission.REPORTS_VIEW))) == [(1, 0, 0, 1, None)]


async def test_another_library_is_not_counted(api: Api, lender: Lender, other_town: Town) -> None:
    """Not its loans, even of our items, and not what it has kept of purged patrons."""
    borrower = Lender(other_town)
    await borrower.lend(await borrower.patron(), await lender.item(), "2025-01-01T12:00:00", "2025-01-02T12:00:00")
    await db.rows(
        "INSERT INTO loan_statistic (library_id, checked_out_on, returned_on) VALUES ($1, '2025-01-01', '2025-01-02')",
        other_town.id,
    )
    assert flat(await ask(api, token=await lender.town.token(Permission.REPORTS_VIEW))) == [(0, 0, 0, 0, None)]
    assert flat(await ask(api, token=await other_town.token(Permission.REPORTS_VIEW))) == [(2, 2, 0, 0, 1.0)]


@pytest.mark.parametrize(("changed", "words"), [
    ({"from": "2026-01-01"}, "Argument to is 2025-12-31, before from, which is 2026-01-01: the first day comes first."),
    ({"from": "0001-01-01"}, "Argument from is 0001-01-01: it must lie between 1900-01-01 and 2199-12-31."),
    ({"to": "9999-12-31"}, "Argument to is 9999-12-31: it must lie between 1900-01-01 and 2199-12-31."),
    ({"from": "2000-12-30"}, "From 2000-12-30 to 2025-12-31 are 9,133 days, and 9,132 (25 years) may be asked for"
     " at once: ask for less."),
    ({"filter": {"branchIds": ["branch_1", "pat_1"]}},
     "Argument filter.branchIds: 'pat_1' is not the id of this type; it should begin with branch_."),
    ({"filter": {"cohorts": ["x"] * 201}}, "Argument filter.cohorts: it has 201 values, and 200 are allowed."),
])  # fmt: skip
async def test_what_cannot_be_asked_says_why(reports: Api, changed: dict[str, object], words: str) -> None:
    async with nothing_changes():
        for selected in ("loans", "__typename"):
            answer = await reports.post(QUERY % selected, YEAR | changed)
            [error] = answer.json()["errors"]
            assert (answer.status_code, error["extensions"]["code"], error["message"]) == (400, "BAD_ARGUMENT", words)


async def test_the_longest_time_is_answered(reports: Api) -> None:
    assert flat(await ask(reports, first="2000-12-31", last="2025-12-31")) == [(0, 0, 0, 0, None)]


@pytest.mark.parametrize("changed", [{"from": "2025-02-30"}, {"from": "soon"}, {"by": ["SHELF"]}, {"to": None}])
async def test_what_is_no_day_or_dimension(reports: Api, changed: dict[str, object]) -> None:
    assert await reports.refused(QUERY % "loans", YEAR | changed) == ["BAD_VARIABLES"]


KEEP = """
INSERT INTO loan_statistic (library_id, checked_out_on, returned_on, category)
SELECT $1, '2025-01-01', '2025-01-02', 'c' || n FROM generate_series(1, $2::int) n
"""


async def test_an_answer_of_too_many_rows_says_what_to_narrow(reports: Api, town: Town) -> None:
    await db.rows(KEEP, town.id, MOST_ROWS + 1)
    variables = YEAR | {"by": ["CATEGORY"]}
    answer = await reports.post(QUERY % "category loans", variables)
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["extensions"]["code"]) == (400, "BAD_ARGUMENT")
    assert error["message"] == (
        "The answer would have more than 10,000 rows: name fewer dimensions in by (DAY makes the most rows), a shorter"
        " time between from and to, or a filter."
    )
    # Beside introspection graphql-core walks it; the words are the same.
    walked = await reports.post(
        (QUERY % "category loans").replace("loanStatistics", "__typename loanStatistics"), variables
    )
    assert [one["message"] for one in walked.json()["errors"]] == [error["message"]]
    assert flat(await ask(reports)) == [(10_001, 10_001, 0, 0, 1.0)]

    await db.rows("DELETE FROM loan_statistic WHERE category = 'c1'")
    rows = await ask(reports, "CATEGORY")
    assert len(rows) == 10_000
    assert {tuple(row.values())[1:] for row in rows} == {(1, 1, 0, 0, 1.0)}


async def test_few_statistics_fit_into_one_operation(reports: Api) -> None:
    """Each counts as the most rows that it may answer."""
    one = 'loanStatistics(from: "2025-01-01", to: "2025-12-31", by: [MONTH]) { loans }'
    allowed = " ".join(f"a{n}: {one}" for n in range(5))
    assert set(await reports.data(f"{{ {allowed} }}")) == {f"a{n}" for n in range(5)}
    assert await reports.refused(f"{{ {allowed} b: {one} }}") == ["COST_EXCEEDED"]
