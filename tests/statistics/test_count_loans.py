"""Loans are counted by each dimension and by pairs, with exact numbers, on a library made by hand."""

from dataclasses import dataclass

import pytest
import pytest_asyncio
from tests.clients import Api
from tests.statistics.lending import Lender, ask, flat
from tests.town import Town


@dataclass
class Hand:
    """Branches of the library: MAIN, which is there already, and ANNEX."""

    main: int
    annex: int


@pytest_asyncio.fixture
async def hand(lender: Lender, other_town: Town) -> Hand:
    """Six loans of NORTH, one of them of SOUTH's item, and one of SOUTH."""
    main, annex = lender.town.branch, await lender.branch("ANNEX")
    eighth = await lender.cohort("Y8")
    pupil = await lender.patron("Pupil", lender.town.cohort)
    younger = await lender.patron("Pupil", eighth)
    teacher = await lender.patron("")
    book, film = await lender.item("BOOK", main), await lender.item("DVD", annex)
    bare = await lender.item("")
    abroad = await Lender(other_town).item("MAP", other_town.branch)
    # The last second of a year, and the first of the next: in UTC, whatever the clock on the wall says.
    await lender.lend(pupil, book, "2024-12-31T23:59:59", "2025-01-10T00:00:00", branch=main)
    await lender.lend(younger, book, "2025-01-01T00:00:00", "2025-01-01T23:59:59", branch=main)
    await lender.lend(younger, film, "2025-01-06T12:00:00", None, branch=annex)
    await lender.lend(teacher, abroad, "2025-01-07T12:00:00", "2025-02-11T12:00:00", branch=annex, lost=True)
    await lender.lend(teacher, bare, "2025-02-02T12:00:00", None, lost=True)
    await lender.lend(teacher, abroad, "2025-02-28T12:00:00", "2025-03-05T01:00:00")
    stranger = Lender(other_town)
    await stranger.lend(
        await stranger.patron("Pupil"), await stranger.item("BOOK", other_town.branch), "2025-01-01T00:00:00"
    )
    return Hand(main, annex)


EXPECTED = {
    (): [(6, 3, 2, 2, 5.0)],
    ("YEAR",): [(2024, 1, 1, 0, 0, 10.0), (2025, 5, 2, 2, 2, 2.5)],
    ("MONTH",): [("2024-12-01", 1, 1, 0, 0, 10.0), ("2025-01-01", 3, 1, 1, 1, 0.0), ("2025-02-01", 2, 1, 1, 1, 5.0)],
    ("DAY",): [
        ("2024-12-31", 1, 1, 0, 0, 10.0), ("2025-01-01", 1, 1, 0, 0, 0.0), ("2025-01-06", 1, 0, 0, 1, None),
        ("2025-01-07", 1, 0, 1, 0, None), ("2025-02-02", 1, 0, 1, 1, None), ("2025-02-28", 1, 1, 0, 0, 5.0),
    ],
    ("WEEKDAY",): [
        (1, 1, 0, 0, 1, None), (2, 2, 1, 1, 0, 10.0), (3, 1, 1, 0, 0, 0.0), (5, 1, 1, 0, 0, 5.0),
        (7, 1, 0, 1, 1, None),
    ],
    ("BRANCH",): [("ANNEX", 2, 0, 1, 1, None), ("MAIN", 2, 2, 0, 0, 5.0), (None, 2, 1, 1, 1, 5.0)],
    ("ITEM_BRANCH",): [
        ("ANNEX", "NORTH", 1, 0, 0, 1, None), ("MAIN", "NORTH", 2, 2, 0, 0, 5.0), ("MAIN", "SOUTH", 2, 1, 1, 0, 5.0),
        (None, None, 1, 0, 1, 1, None),
    ],
    ("MATERIAL_TYPE",): [
        ("", 1, 0, 1, 1, None), ("BOOK", 2, 2, 0, 0, 5.0), ("DVD", 1, 0, 0, 1, None), ("MAP", 2, 1, 1, 0, 5.0),
    ],
    ("CATEGORY",): [("", 3, 1, 2, 1, 5.0), ("Pupil", 3, 2, 0, 1, 5.0)],
    ("COHORT",): [("Y8", 2, 1, 0, 1, 0.0), ("Y9", 1, 1, 0, 0, 10.0), (None, 3, 1, 2, 1, 5.0)],
    ("LOST",): [(False, 4, 3, 0, 1, 5.0), (True, 2, 0, 2, 1, None)],
    ("CATEGORY", "LOST"): [
        ("", False, 1, 1, 0, 0, 5.0), ("", True, 2, 0, 2, 1, None), ("Pupil", False, 3, 2, 0, 1, 5.0),
    ],
    ("LOST", "CATEGORY"): [
        (False, "", 1, 1, 0, 0, 5.0), (False, "Pupil", 3, 2, 0, 1, 5.0), (True, "", 2, 0, 2, 1, None),
    ],
    ("COHORT", "MONTH"): [
        ("Y8", "2025-01-01", 2, 1, 0, 1, 0.0), ("Y9", "2024-12-01", 1, 1, 0, 0, 10.0),
        (None, "2025-01-01", 1, 0, 1, 0, None), (None, "2025-02-01", 2, 1, 1, 1, 5.0),
    ],
    ("MATERIAL_TYPE", "ITEM_BRANCH"): [
        ("", None, None, 1, 0, 1, 1, None), ("BOOK", "MAIN", "NORTH", 2, 2, 0, 0, 5.0),
        ("DVD", "ANNEX", "NORTH", 1, 0, 0, 1, None), ("MAP", "MAIN", "SOUTH", 2, 1, 1, 0, 5.0),
    ],
}  # fmt: skip


@pytest.mark.usefixtures("hand")
async def test_every_dimension_and_pairs_of_them(reports: Api) -> None:
    for by, rows in EXPECTED.items():
        assert flat(await ask(reports, *by)) == rows, by


@pytest.mark.usefixtures("hand")
async def test_both_days_are_included(reports: Api) -> None:
    for first, last, loans in (
        ("2024-12-31", "2024-12-31", 1), ("2024-12-31", "2025-01-01", 2), ("2025-01-01", "2025-01-01", 1),
        ("2025-01-02", "2025-01-05", 0), ("2025-02-28", "2025-02-28", 1), ("1900-01-01", "1924-12-31", 0),
    ):  # fmt: skip
        [row] = await ask(reports, first=first, last=last)
        assert row["loans"] == loans, (first, last)
    assert await ask(reports, "DAY", first="2025-01-02", last="2025-01-05") == []


async def test_each_part_of_a_filter(reports: Api, hand: Hand, other_town: Town) -> None:
    main, annex = f"branch_{hand.main}", f"branch_{hand.annex}"
    for chosen, loans in (
        ({"branchIds": [main]}, 2), ({"branchIds": [main, annex]}, 4), ({"branchIds": []}, 0),
        ({"branchIds": [f"branch_{other_town.branch}"]}, 0), ({"branchIds": None}, 6),
        ({"itemBranchIds": [annex]}, 1), ({"itemBranchIds": [f"branch_{other_town.branch}"]}, 0),
        ({"itemBranchIds": [f"branch_{other_town.branch}", main]}, 2),
        ({"materialTypes": ["BOOK", "DVD"]}, 3), ({"materialTypes": [""]}, 1),
        ({"categories": ["Pupil"]}, 3), ({"categories": ["pupil"]}, 0), ({"cohorts": ["Y8", "Y9"]}, 3),
        ({"lost": True}, 2), ({"lost": False}, 4), ({"record": "LIVE"}, 6), ({"record": "RETAINED"}, 0),
        ({"lost": False, "categories": ["Pupil"], "branchIds": [main]}, 2), ({}, 6),
    ):  # fmt: skip
        [row] = await ask(reports, **chosen)
        assert row["loans"] == loans, chosen


@pytest.mark.usefixtures("hand")
async def test_what_is_not_grouped_by_is_null(reports: Api) -> None:
    query = """{ loanStatistics(from: "2020-01-01", to: "2030-12-31", by: []) {
      year month day weekday branch { id } itemBranch { code } itemLibrary { code } materialType category cohort
      declaredLost loans } }"""
    [row] = (await reports.data(query))["loanStatistics"]
    assert row.pop("loans") == 6
    assert set(row.values()) == {None}
