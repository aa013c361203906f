"""`patrongraph statistics` answers as the API does: a table for people, CSV and JSON for the rest."""

import asyncio
from typing import Any

import orjson
import pytest
from tests.clients import Api
from tests.statistics.lending import Lender, ask, flat
from tests.town import Town

EVER = ("--from", "2020-01-01", "--to", "2030-12-31")


async def fill(lender: Lender) -> None:
    annex = await lender.branch("ANNEX")
    for n, material in enumerate(["BOOK", "BOOK", "[b]"]):
        patron = await lender.patron(["Pupil", "Teacher"][n % 2], lender.town.cohort if n else None)
        item = await lender.item(material, [annex, None][n % 2])
        back = f"2025-02-0{n + 1}T00:00:00" if n else None
        await lender.lend(patron, item, "2025-01-31T12:00:00", back, branch=lender.town.branch if n else annex)


async def test_three_forms_of_one_answer(reports: Api, lender: Lender, run_cli: Any) -> None:
    await fill(lender)
    query = ("statistics", "north", *EVER, "--by", "branch,Material_Type")

    as_json = await asyncio.to_thread(run_cli, *query, "--json")
    rows = orjson.loads(as_json.stdout)
    assert [row.pop("branch") for row in rows] == [
        {"code": "ANNEX", "name": "ANNEX branch"}, {"code": "MAIN", "name": "Main"}, {"code": "MAIN", "name": "Main"},
    ]  # fmt: skip
    asked = await ask(reports, "BRANCH", "MATERIAL_TYPE")
    assert rows == [{name: value for name, value in row.items() if name != "branch"} for row in asked]
    assert [row["materialType"] for row in rows] == ["BOOK", "BOOK", "[b]"]

    as_csv = await asyncio.to_thread(run_cli, *query, "--csv")
    async with reports.client() as client:
        over_http = await client.get(
            "/statistics/loans.csv?from=2020-01-01&to=2030-12-31&by=BRANCH,MATERIAL_TYPE", headers=reports.headers()
        )
    assert as_csv.stdout.splitlines() == over_http.text.splitlines()
    assert len(over_http.text.splitlines()) == 4

    table = await asyncio.to_thread(run_cli, *query)
    printed = [
        [cell.strip() for cell in line.strip("│┃").split("│")] for line in table.stdout.splitlines() if "│" in line
    ]
    assert printed == [
        ["ANNEX", "ANNEX branch", "BOOK", "1", "0", "0", "1", "–"],
        ["MAIN", "Main", "BOOK", "1", "1", "0", "0", "2.0"],
        ["MAIN", "Main", "[b]", "1", "1", "0", "0", "3.0"],
    ]


@pytest.mark.parametrize(("words", "loans"), [
    ((), 3), (("--branch", "ANNEX"), 1), (("--branch", "ANNEX", "--branch", "MAIN"), 3),
    (("--item-branch", "ANNEX"), 2), (("--material-type", "BOOK"), 2),
    (("--category", "Teacher"), 1), (("--cohort", "Y9"), 2), (("--lost",), 0),
    (("--not-lost",), 3), (("--record", "live"), 3), (("--record", "RETAINED"), 0),
])  # fmt: skip
async def test_filters(lender: Lender, run_cli: Any, words: tuple[str, ...], loans: int) -> None:
    await fill(lender)
    done = await asyncio.to_thread(run_cli, "statistics", "NORTH", *EVER, *words, "--json")
    assert [row["loans"] for row in orjson.loads(done.stdout)] == [loans]


@pytest.mark.parametrize(("words", "said"), [
    (("NORTH", *EVER, "--by", "shelf"), "by names 'shelf', which is no dimension; there are YEAR, MONTH, DAY"),
    (("NORTH", "--from", "x", "--to", "2025-01-01"), "--from is 'x'; a day is written like 2026-01-31."),
    (("NORTH", "--from", "2025-01-02", "--to", "2025-01-01"), "Argument to is 2025-01-01, before from"),
    (("NORTH", *EVER, "--branch", "TOP"), "there is no branch with the code 'TOP' in this library; there are: MAIN"),
    (("SUR", *EVER), "there is no library with the code 'SUR'; there are: NORTH"),
    (("NORTH", *EVER, "--csv", "--json"), "--csv and --json are two forms of one answer: choose one"),
])  # fmt: skip
def test_what_cannot_be_asked_says_why(town: Town, run_cli: Any, words: tuple[str, ...], said: str) -> None:
    done = run_cli("statistics", *words)
    assert (done.returncode in (1, 2), done.stdout) == (True, "")
    assert said in done.stderr


async def test_a_library_that_lends_nothing(reports: Api, town: Town, run_cli: Any) -> None:
    assert flat(await ask(reports)) == [(0, 0, 0, 0, None)]
    done = await asyncio.to_thread(run_cli, "statistics", "NORTH", *EVER, "--by", "month", "--json")
    assert done.stdout == "[]\n"
