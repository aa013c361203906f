"""Each kind of bad row is told by file, line and column, and leaves the good rows alone."""

import csv
from pathlib import Path
from types import ModuleType

import pytest
from tests.imports.support import BASE, counts, everything, write

from patrongraph.imports.snapshot import import_snapshot

# File, the bad row that comes after the good ones, its column, and how the reason begins.
BAD = [
    ("branches", "AA,AA-1,Twice", "code", "is already on line 3 of this file"),
    ("branches", "A A,X,Name", "library", '"A A" is not a library code'),
    ("branches", ",X,Name", "library", "is empty; it is required"),
    ("patrons", "AA,9,p9,,N,N,NOPE,TRUE,FALSE,,", "branch", '"NOPE" is not a branch of this library'),
    ("patrons", "AA,9,p1,,N,N,,TRUE,FALSE,,", "barcode", "is already on line 2 of this file"),
    ("patrons", "AA,1,p9,,N,N,,TRUE,FALSE,,", "external_id", "is already on line 2 of this file"),
    ("patrons", "AA,9,p9,USER1,N,N,,TRUE,FALSE,,", "username", "is already on line 2 of this file"),
    ("patrons", "AA,,,,N,N,,TRUE,FALSE,,", "barcode", "is empty and so is external_id"),
    ("patrons", "AA,9,p9,,N,N,,MAYBE,FALSE,,", "enabled", '"MAYBE" is neither TRUE nor FALSE'),
    ("patrons", f"AA,9,p9,,{'N' * 201},N,,TRUE,FALSE,,", "first_name", "is longer than 200 characters"),
    ("patrons", "AA,9,p9,,N,N,,TRUE,FALSE,,,,,", "", "has 14 columns instead of 11"),
    ("patrons", "AA,9,p9,,N\udce5,N,,TRUE,FALSE,,", "first_name", "is not UTF-8 (byte 0xe5)"),
    ("patrons", 'AA,9,p9,,"N,N,,TRUE,FALSE,,', "", "opens a quote that is not closed"),
    ("patrons", "AA,9,p9,,N\0,N,,TRUE,FALSE,,", "first_name", "holds a NUL character"),
    ("items", "AA,,i1,Again,,", "barcode", "is already on line 2 of this file"),
    ("items", "AA,,i9,Nine,9,BORROWED", "status", '"BORROWED" is not a status; one of AVAILABLE, ON_LOAN'),
    ("items", 'AA,,i9,Nine,"9,50",', "price", '"9,50" is not an amount'),
    ("items", "AA,NOPE,i9,Nine,,", "branch", '"NOPE" is not a branch of this library'),
    ("loans", "AA,nobody,i3,2026-01-02,2026-02-02,,", "patron_barcode", "is no card of this library"),
    ("loans", "AA,p1,none,2026-01-02,2026-02-02,,", "item_barcode", '"none" is not an item of any library'),
    ("loans", "CC,p1,i3,2026-01-02,2026-02-02,,", "library", '"CC" is not a library here'),
    ("loans", "AA,p2,i1,2026-01-09,2026-02-02,,", "item_barcode", "is already on an open loan on line 2"),
    ("loans", "AA,p1,i1,2026-01-02 14:00:00.25+00,2026-02-02,,", "", "is the same loan as line 2"),
    ("loans", "AA,p1,i3,2026-02-30,2026-02-02,,", "checked_out_at", '"2026-02-30" is not a time'),
    ("loans", "AA,p1,i3,tomorrow,2026-02-02,,", "checked_out_at", '"tomorrow" is not a time'),
    ("loans", "AA,p1,i3,2026-01-02,,,", "due_at", "is empty; it is required"),
    ("loans", "AA,p1,i3,2026-01-02,2026-02-02,2026-01-01,", "returned_at", "is before checked_out_at"),
    ("reservations", "AA,p2,i1,2026-01-03 10:00:00+00,,,", "", "is the same reservation as line 2"),
    ("reservations", "AA,p2,i3,2026-01-03,NOPE,,", "pickup_branch", '"NOPE" is not a branch'),
    ("reservations", "AA,p2,i3,2026-01-03,,2026-01-04,2026-01-04", "cancelled_at",
     "is filled in and so is fulfilled_at"),
    ("debts", "AA,d1,p1,,2026-03-01,1,,,", "external_id", "is already on line 2 of this file"),
    ("debts", "AA,d2:paid,p1,,2026-03-01,1,,,", "external_id", "ends in :paid"),
    ("debts", "AA,d2,p1,,2026-03-01,-1,,,", "amount", '"-1" is not an amount'),
    ("debts", "AA,d2,p1,,2026-03-01,0,,,", "amount", "is nothing"),
    ("debts", "AA,d2,nobody,,2026-03-01,1,,,", "patron_barcode", "is no card of this library"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "row", "column", "reason"), BAD)
async def test_bad_row_is_rejected_alone(
    database: ModuleType, tmp_path: Path, file: str, row: str, column: str, reason: str
) -> None:
    files = {name: [*rows, row] if name == file else rows for name, rows in BASE.items()}
    report = await import_snapshot(write(tmp_path / "s", files))
    line = len(BASE[file]) + 2
    assert [(r.file, r.line, r.column) for r in report.rejections] == [(f"{file}.csv", line, column)]
    assert report.rejections[0].reason.startswith(reason)
    assert (report.rows, report.accepted, report.unchanged, report.rejected) == (13, 12, 0, 1)
    bad = await counts()
    assert bad["patron"] == 3
    assert (bad["library"], bad["branch"], bad["item"], bad["loan"], bad["reservation"]) == (1, 2, 3, 2, 1)
    before = await everything()
    again = await import_snapshot(tmp_path / "s")
    assert (again.accepted, again.unchanged, again.rejected) == (0, 12, 1)
    assert await everything() == before


@pytest.mark.parametrize(
    ("file", "row", "column", "reason"),
    [
        ("patrons", "AA,9,p1,,N,N,,TRUE,FALSE,,", "barcode", "is the card of another patron"),
        ("patrons", "AA,9,p9,USER1,N,N,,TRUE,FALSE,,", "username", "is the user name of another patron"),
        ("loans", "AA,p2,i1,2026-01-09,2026-02-02,,", "item_barcode", "is already on another open loan"),
        ("debts", "AA,d1,p2,,2026-03-01,1,,,", "external_id", "is the id of another patron's debt"),
    ],
)
async def test_row_against_existing_rows_is_rejected(
    database: ModuleType, tmp_path: Path, file: str, row: str, column: str, reason: str
) -> None:
    await import_snapshot(write(tmp_path / "s", BASE))
    before = await everything()
    report = await import_snapshot(write(tmp_path / "t", {file: [row]}))
    assert [(r.file, r.line, r.column) for r in report.rejections] == [(f"{file}.csv", 2, column)]
    assert report.rejections[0].reason.startswith(reason)
    assert await everything() == before


async def test_item_of_several_other_libraries_is_ambiguous(database: ModuleType, tmp_path: Path) -> None:
    files = {
        "patrons": ["#library,barcode", "AA,a"],
        "items": ["#library,barcode", "BB,x", "CC,x", "BB,y"],
        "loans": ["AA,a,x,2026-01-02,2026-02-02,,", "AA,a,y,2026-01-02,2026-02-02,,"],
    }
    report = await import_snapshot(write(tmp_path / "s", files))
    [rejection] = report.rejections
    assert (rejection.line, rejection.column) == (2, "item_barcode")
    assert rejection.reason == '"x" is not this library\'s, and 2 other libraries have it; one must'
    assert await database.value("SELECT i.barcode FROM loan l JOIN item i ON i.id = l.item_id") == "y"


async def test_every_reason_of_a_row_is_told_once(database: ModuleType, tmp_path: Path) -> None:
    files = {"patrons": ["#library,barcode,date_of_birth,expires_on,enabled", "AA,secret,31/12/1999,soon,?"]}
    report = await import_snapshot(write(tmp_path / "s", files), rejected_to=tmp_path / "rejected.csv")
    assert (report.rows, report.rejected) == (1, 1)
    assert [r.column for r in report.rejections] == ["date_of_birth", "enabled", "expires_on"]
    assert "1999" not in report.rejections[0].reason
    assert await counts("library", "patron") == {"library": 0, "patron": 0}
    with (tmp_path / "rejected.csv").open(newline="") as written:
        rows = list(csv.DictReader(written))
    assert [(r["file"], r["line"], r["column"], r["key"]) for r in rows] == [
        ("patrons.csv", "2", "date_of_birth", "secret"),
        ("patrons.csv", "2", "enabled", "secret"),
        ("patrons.csv", "2", "expires_on", "secret"),
    ]


async def test_lines_are_counted_over_cells_with_line_ends(database: ModuleType, tmp_path: Path) -> None:
    rows = ["#library,barcode,last_name", 'AA,a,"two', 'lines"', "", "AA,b,x,y", "AA,c,z"]
    report = await import_snapshot(write(tmp_path / "s", {"patrons": rows}))
    assert [(r.line, r.reason) for r in report.rejections] == [(5, "has 4 columns instead of 3")]
    names = await database.rows("SELECT last_name FROM patron ORDER BY id")
    assert [r["last_name"] for r in names] == ["two\nlines", "z"]
