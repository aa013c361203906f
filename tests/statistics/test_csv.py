"""GET /statistics/loans.csv answers what loanStatistics answers, as a table; and says what it cannot answer."""

import csv
import io
from typing import Any

import httpx
import pytest
from tests.clients import Api
from tests.statistics.lending import FIELDS, Lender, ask, flat
from tests.town import Town

from patrongraph import db
from patrongraph.permissions import ALL_PERMISSIONS, Permission

ADDRESS = "/statistics/loans.csv"
EVER: dict[str, Any] = {"from": "2020-01-01", "to": "2030-12-31"}
COUNTS = ["loans", "returned", "lost", "open", "average_days"]


async def get(api: Api, token: str | None = None, **given: Any) -> httpx.Response:
    async with api.client() as client:
        return await client.get(ADDRESS, params=given, headers=api.headers(token))


def lines(answer: httpx.Response) -> list[list[str]]:
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8"), answer.text
    assert answer.text.startswith("\ufeff")
    assert answer.text.count("\r\n") == answer.text.count("\n")
    return list(csv.reader(io.StringIO(answer.text[1:], newline="")))


def printed(value: Any) -> str:
    return "" if value is None else str(value).upper() if isinstance(value, bool) else str(value)


async def fill(lender: Lender, other: Town) -> None:
    patron = await lender.patron("Pupil", lender.town.cohort)
    for n in range(12):
        owner = Lender(other) if n % 4 == 0 else lender
        item = await owner.item(["BOOK", "DVD", ""][n % 3], [None, owner.town.branch][n % 2])
        back = None if n % 3 == 0 else f"2025-0{n % 9 + 1}-20T10:00:00"
        branch = [lender.town.branch, None][n % 2]
        await lender.lend(patron, item, f"2025-0{n % 9 + 1}-1{n % 9}T10:00:00", back, branch=branch, lost=n % 5 == 0)


async def test_it_is_the_answer_of_the_graph(reports: Api, lender: Lender, other_town: Town) -> None:
    await fill(lender, other_town)
    for by in (
        [],
        *([name] for name in FIELDS if "BRANCH" not in name),
        ["MONTH", "LOST", "COHORT"],
        ["LOST", "MONTH"],
    ):
        wanted = [[printed(value) for value in row] for row in flat(await ask(reports, *by))]
        heading, *found = lines(await get(reports, **EVER, by=",".join(by)))
        assert found == wanted, by
        assert heading[len(by) :] == COUNTS
    both = await ask(reports, "ITEM_BRANCH", "BRANCH", branchIds=[f"branch_{lender.town.branch}"], lost=False)
    heading, *found = lines(
        await get(reports, **EVER, by="item_branch,branch", branchId=f"branch_{lender.town.branch}", lost="false")
    )
    assert heading == [
        "item_branch_code", "item_branch_name", "item_library_code", "branch_code", "branch_name", *COUNTS,
    ]  # fmt: skip
    assert [[line[0], line[2], line[3], line[5]] for line in found] == [
        [printed(value) for value in (*row[:3], row[3])] for row in flat(both)
    ]
    assert {line[4] for line in found} == {"Main"}


async def test_filters_are_those_of_the_graph(reports: Api, lender: Lender, other_town: Town) -> None:
    await fill(lender, other_town)
    for chosen, given in (
        ({"materialTypes": ["BOOK", ""]}, {"materialType": ["BOOK", ""]}),
        ({"categories": ["Pupil"], "cohorts": ["Y9"], "record": "LIVE"},
         {"category": "Pupil", "cohort": "Y9", "record": "live"}),
        ({"itemBranchIds": [f"branch_{lender.town.branch}"]}, {"itemBranchId": f"branch_{lender.town.branch}"}),
        ({"lost": True}, {"lost": "TRUE"}),
        ({"record": "RETAINED"}, {"record": "RETAINED"}),
    ):  # fmt: skip
        [row] = flat(await ask(reports, **chosen))
        assert lines(await get(reports, **EVER, **given))[1:] == [[printed(value) for value in row]], chosen


async def test_a_file_for_spreadsheets(reports: Api, town: Town) -> None:
    await db.rows(
        "INSERT INTO loan_statistic (library_id, checked_out_on, returned_on, category, material_type)"
        " SELECT $1, '2025-01-01', '2025-01-02', c, 'a,\"b' || chr(10) FROM unnest($2::text[]) AS c",
        town.id,
        ["=1+1", "-x", "plain"],
    )
    answer = await get(reports, **{"from": "2025-01-01", "to": "2025-12-31"}, by="category,MATERIAL-TYPE")
    assert answer.headers["content-disposition"] == 'attachment; filename="loans-2025-01-01-2025-12-31.csv"'
    assert answer.headers["cache-control"] == "no-store"
    found = list(csv.reader(io.StringIO(answer.text[1:], newline="")))
    assert found[1:] == [
        [category, 'a,"b\n', "1", "1", "0", "0", "1.0"] for category in ("'-x", "'=1+1", "plain")
    ]  # fmt: skip


async def test_a_long_answer_is_whole(reports: Api, town: Town) -> None:
    await db.rows(
        "INSERT INTO loan_statistic (library_id, checked_out_on, returned_on, category)"
        " SELECT $1, '2025-01-01', '2025-01-02', lpad(n::text, 5, '0') FROM generate_series(1, 2500) n",
        town.id,
    )
    found = lines(await get(reports, **EVER, by="CATEGORY"))
    assert [line[0] for line in found[1:]] == [f"{n:05}" for n in range(1, 2501)]


async def test_who_may_not(api: Api, town: Town, other_town: Town) -> None:
    for token, status, code in (
        (None, 401, "UNAUTHENTICATED"), ("pgt_no", 401, "UNAUTHENTICATED"),
        (await town.token(*(ALL_PERMISSIONS - {Permission.REPORTS_VIEW})), 403, "FORBIDDEN"),
    ):  # fmt: skip
        answer = await get(api, token, **EVER)
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (status, code)
    async with api.client() as client:
        assert (await client.post(ADDRESS, headers=api.headers(await town.token()))).status_code == 405
    answer = await get(api, await other_town.token(Permission.REPORTS_VIEW), **EVER, branchId=f"branch_{town.branch}")
    assert lines(answer)[1:] == [["0", "0", "0", "0", ""]]


@pytest.mark.parametrize(("given", "words"), [
    ({"from": "2025-01-01"}, "to is missing; give a day like 2026-01-31."),
    ({"to": "2025-01-01"}, "from is missing; give a day like 2026-01-31."),
    (EVER | {"from": "1.1.2025"}, "from is '1.1.2025'; a day is written like 2026-01-31."),
    (EVER | {"from": ["2025-01-01", "2025-01-02"]}, "from is given 2 times; give it once."),
    (EVER | {"by": "MONTH,SHELF"}, "by names 'SHELF', which is no dimension; there are YEAR, MONTH, DAY, WEEKDAY,"
     " BRANCH, ITEM_BRANCH, MATERIAL_TYPE, CATEGORY, COHORT, LOST."),
    (EVER | {"lost": "maybe"}, "lost is 'maybe'; it is true or false."),
    (EVER | {"record": "DEAD"}, "record is 'DEAD'; it is one of LIVE, RETAINED."),
    (EVER | {"brunch": "x"}, "'brunch' is no parameter of this address; there are from, to, by, branchId,"
     " itemBranchId, materialType, category, cohort, lost, record."),
    (EVER | {"branchId": "MAIN"}, "Argument filter.branchIds: This text is not an id; an id looks like pat_12."),
    (EVER | {"to": "2019-01-01"}, "Argument to is 2019-01-01, before from, which is 2020-01-01: the first day comes"
     " first."),
])  # fmt: skip
async def test_what_cannot_be_asked_says_why(reports: Api, given: dict[str, Any], words: str) -> None:
    answer = await get(reports, **given)
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["message"], error["extensions"]["code"]) == (400, words, "BAD_ARGUMENT")
    assert answer.headers["content-type"] == "application/json"
