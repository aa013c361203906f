"""The generator writes what it is asked for, always the same, and all of it can be imported."""

import csv
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.imports.support import counts, everything

from patrongraph.imports.demo import FAMILY_LEAD, load_demonstration, write_snapshot
from patrongraph.imports.snapshot import import_snapshot

SIZE: dict[str, Any] = {
    "libraries": 3, "patrons": 500, "groups": 120, "items": 900, "loans": 2_500, "open_loans": 0.2,
    "reservations": 130, "debts": 310, "barred": 25,
}  # fmt: skip


def read(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_same_arguments_write_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write_snapshot(tmp_path / folder, **SIZE)
    write_snapshot(tmp_path / "c", **SIZE, seed=2)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()
    assert (tmp_path / "a" / "patrons.csv").read_bytes() != (tmp_path / "c" / "patrons.csv").read_bytes()


def test_totals_are_exact(tmp_path: Path) -> None:
    rows = write_snapshot(tmp_path, **SIZE)
    assert rows == {
        "branches": 15, "patrons": 500, "items": 900, "loans": 2_500, "reservations": 130, "debts": 310,
    }  # fmt: skip
    patrons, loans = read(tmp_path, "patrons"), read(tmp_path, "loans")
    assert len({p["group"] for p in patrons} - {""}) == 120
    assert sum(p["barred"] == "TRUE" for p in patrons) == 25
    opened = [loan["item_barcode"] for loan in loans if not loan["returned_at"]]
    assert abs(len(opened) - 500) <= 3
    assert len(set(opened)) == len(opened)
    with_something = {row["patron_barcode"] for name in ("reservations", "debts") for row in read(tmp_path, name)}
    clean = (
        {p["barcode"] for p in patrons} - with_something - {x["patron_barcode"] for x in loans if not x["returned_at"]}
    )
    assert len(clean) > 100


def test_too_few_patrons_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="60 groups need at least 120 patrons, not 100"):
        write_snapshot(tmp_path, patrons=100, groups=60)
    assert list(tmp_path.iterdir()) == []


async def test_every_row_is_accepted_and_again_nothing_changes(database: ModuleType, tmp_path: Path) -> None:
    rows = write_snapshot(tmp_path, **SIZE)
    report = await import_snapshot(tmp_path)
    assert (report.rejections, report.warnings) == ([], [])
    assert {f.file.removesuffix(".csv"): f.inserted for f in report.files} == rows
    assert await counts("patron_group", "block") == {"patron_group": 120, "block": 25}
    before = await everything()
    assert (await import_snapshot(tmp_path)).accepted == 0
    assert await everything() == before


async def test_demonstration_library_is_worth_showing(database: ModuleType) -> None:
    report = await load_demonstration()
    assert report is not None
    assert (report.rejected, report.libraries) == (0, ["BJORKVIK", "ELMWOOD"])
    inactive = await database.rows("""
        SELECT EXISTS (SELECT FROM loan l WHERE l.patron_id = p.id AND l.returned_at IS NULL)
            OR EXISTS (SELECT FROM reservation r WHERE r.patron_id = p.id AND r.state = 'OPEN')
            OR EXISTS (SELECT FROM ledger_entry e WHERE e.patron_id = p.id AND e.outstanding <> 0) AS held
        FROM patron p JOIN library l ON l.id = p.library_id WHERE p.status = 'INACTIVE' AND l.code = 'ELMWOOD'
    """)
    held = sum(row["held"] for row in inactive)
    assert 55 <= len(inactive) <= 62
    assert 5 <= held <= 20
    family = await database.rows(
        """
        SELECT f.lead, count(DISTINCT l.id) AS loans, count(DISTINCT e.id) AS debts FROM card c
        JOIN group_membership m ON m.patron_id = c.patron_id JOIN group_membership f ON f.group_id = m.group_id
        LEFT JOIN loan l ON l.patron_id = f.patron_id AND l.returned_at IS NULL
        LEFT JOIN ledger_entry e ON e.patron_id = f.patron_id AND e.outstanding > 0
        WHERE c.barcode = $1 AND m.lead GROUP BY f.patron_id, f.lead ORDER BY f.patron_id
        """,
        str(FAMILY_LEAD),
    )
    assert [row["lead"] for row in family] == [True, False, False, False]
    assert sum(row["loans"] for row in family) >= 2
    assert sum(row["debts"] for row in family) >= 1
    schools = await database.rows("""
        SELECT l.code AS library, c.code, n.code AS next, c.graduated, count(p.id) AS members FROM cohort c
        JOIN library l ON l.id = c.library_id LEFT JOIN cohort n ON n.id = c.next_cohort_id
        LEFT JOIN patron p ON p.cohort_id = c.id
        GROUP BY l.code, c.id, n.code ORDER BY l.code, c.graduated, c.code
    """)
    for library in ("BJORKVIK", "ELMWOOD"):
        found = [tuple(row)[1:4] for row in schools if row["library"] == library]
        years = [(f"Y{year}", f"Y{year + 1}" if year < 6 else "GRADUATED", False) for year in range(1, 7)]
        assert found == [*years, ("GRADUATED", None, True)]
        assert [row["members"] for row in schools if row["library"] == library][-1] == 0
    assert all(row["members"] >= 5 for row in schools if not row["graduated"])
    before = await everything()
    assert await load_demonstration() is None
    assert await everything() == before
