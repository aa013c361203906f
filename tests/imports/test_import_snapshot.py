"""A good snapshot arrives whole, the same again changes nothing, and a changed one changes what it says."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest
from tests.imports.support import BASE, counts, everything, write

from patrongraph.imports.report import Progress
from patrongraph.imports.snapshot import import_snapshot
from patrongraph.libraries.actions import create as create_library
from patrongraph.problems import Refused

CONCERTO = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "concerto"


async def one(database: ModuleType, sql: str, *args: object) -> tuple[object, ...]:
    [row] = await database.rows(sql, *args)
    return tuple(row.values())


@pytest.mark.skipif(not CONCERTO.is_dir(), reason="the Concerto data is not beside this repository")
class TestConcerto:
    async def test_every_row_arrives(self, database: ModuleType) -> None:
        report = await import_snapshot(CONCERTO)
        assert [(f.file, f.rows, f.inserted, f.rejected) for f in report.files] == [
            ("branches.csv", 22, 22, 0),
            ("patrons.csv", 377, 377, 0),
            ("items.csv", 4825, 4825, 0),
            ("loans.csv", 486, 486, 0),
            ("reservations.csv", 260, 260, 0),
        ]
        assert report.libraries == ["HHPL", "LPLS", "RPLS", "SMALL", "SPLS", "WAKA"]
        arrived = ("library", "branch", "patron", "card", "address", "block", "item", "loan", "reservation")
        assert await counts(*arrived) == {
            "library": 6, "branch": 22, "patron": 377, "card": 377, "address": 377, "block": 1, "item": 4825,
            "loan": 486, "reservation": 260,
        }  # fmt: skip
        patrons = "SELECT l.code, count(*) AS n FROM patron p JOIN library l ON l.id = p.library_id GROUP BY 1"
        assert {r["code"]: r["n"] for r in await database.rows(patrons)} == {
            "RPLS": 134, "SPLS": 124, "WAKA": 50, "LPLS": 29, "HHPL": 23, "SMALL": 17,
        }  # fmt: skip
        foreign = "SELECT count(*) FROM {} f JOIN item i ON i.id = f.item_id WHERE i.library_id <> f.library_id"
        assert await database.value(foreign.format("loan")) == 188
        assert await database.value(foreign.format("reservation")) == 133
        assert await database.value("SELECT count(*) FROM loan WHERE lost AND returned_at IS NULL") == 12
        assert await database.value("SELECT count(*) FROM patron WHERE status = 'INACTIVE'") == 2
        statuses = await database.rows("SELECT status, count(*) AS n FROM item GROUP BY 1")
        assert {r["status"]: r["n"] for r in statuses} == {
            "AVAILABLE": 4289, "ON_LOAN": 474, "OTHER": 44, "LOST": 12, "IN_PROCESS": 6,
        }  # fmt: skip

    async def test_only_shared_groups_are_made(self, database: ModuleType) -> None:
        report = await import_snapshot(CONCERTO)
        groups = await database.rows(
            "SELECT g.external_id, count(*) AS members, count(*) FILTER (WHERE m.lead) AS leads"
            " FROM patron_group g JOIN group_membership m ON m.group_id = g.id GROUP BY 1"
        )
        assert [tuple(r.values()) for r in groups] == [("295", 4, 0)]
        assert [w for w in report.warnings if "15 rows say group_lead" in w]

    async def test_again_changes_nothing(self, database: ModuleType) -> None:
        await import_snapshot(CONCERTO)
        before = await everything()
        report = await import_snapshot(CONCERTO)
        assert (report.accepted, report.unchanged, report.rejected) == (0, 22 + 377 + 4825 + 486 + 260, 0)
        assert await everything() == before


async def test_values_arrive(database: ModuleType, tmp_path: Path) -> None:
    report = await import_snapshot(write(tmp_path / "s", BASE))
    assert (report.rows, report.accepted, report.rejected) == (12, 12, 0)
    assert await one(database, "SELECT code, name FROM library") == ("AA", "Library of A")
    patron = (
        "SELECT first_name, last_name, username, status, b.code FROM patron p LEFT JOIN branch b ON b.id = branch_id"
    )
    assert await one(database, f"{patron} WHERE external_id = '1'") == ("Åsa", "Öberg", "user1", "ACTIVE", "AA-1")
    assert await one(database, f"{patron} WHERE external_id = '3'") == ("Cy", "Ek", None, "INACTIVE", None)
    assert await one(database, "SELECT comment, placed_by_id FROM block") == ("Barred in the imported data", None)
    members = "SELECT barcode, lead FROM group_membership m JOIN card c USING (patron_id) ORDER BY barcode"
    assert [tuple(r.values()) for r in await database.rows(members)] == [("p1", True), ("p2", False)]
    loan = "SELECT checked_out_at, due_at, returned_at FROM loan JOIN item i ON i.id = item_id WHERE i.barcode = 'i1'"
    assert await one(database, loan) == (
        datetime(2026, 1, 2, 14, 0, 0, 250_000, tzinfo=UTC), datetime(2026, 2, 2, tzinfo=UTC), None
    )  # fmt: skip
    entries = (
        "SELECT kind, amount, outstanding, loan_id IS NOT NULL, charge_id IS NOT NULL FROM ledger_entry ORDER BY id"
    )
    assert [tuple(r.values()) for r in await database.rows(entries)] == [
        ("CHARGE", Decimal("10.00"), Decimal("7.50"), True, False),
        ("PAYMENT", Decimal("2.50"), None, True, True),
    ]
    active = "SELECT last_activity_at FROM patron WHERE external_id = '1'"
    assert await database.value(active) == datetime(2026, 1, 5, 10, tzinfo=UTC)
    assert await one(database, "SELECT action, detail FROM audit_event WHERE action = 'import.snapshot'") == (
        "import.snapshot",
        '{"debts_inserted": 1, "items_inserted": 3, "loans_inserted": 2, "patrons_inserted": 3,'
        ' "branches_inserted": 2, "reservations_inserted": 1}',
    )


async def test_again_changes_nothing(database: ModuleType, tmp_path: Path) -> None:
    folder = write(tmp_path / "s", BASE)
    await import_snapshot(folder)
    before = await everything()
    report = await import_snapshot(folder)
    assert (report.accepted, report.unchanged, report.rejected) == (0, 12, 0)
    assert await everything() == before


async def test_changes_are_applied_and_counted(database: ModuleType, tmp_path: Path) -> None:
    await import_snapshot(write(tmp_path / "s", BASE))
    changed = {
        "patrons": [
            "AA,1,p1,user1,Åsa,Öberg,AA-1,TRUE,FALSE,g1,FALSE",
            "AA,2,p2-new,user2,Bo,Öberg,,TRUE,FALSE,g1,TRUE",
            "AA,3,p3,,Cy,Ek,,TRUE,FALSE,,FALSE",
        ],
        "items": ["AA,AA-1,i1,One,9.90,AVAILABLE", "AA,,i2,Two,,AVAILABLE", "AA,,i3,Three,,"],
        "loans": [
            "AA,p1,i1,2026-01-02 10:00:00.25-04,2026-02-02,2026-01-20 10:00:00+00,FALSE",
            "AA,p2,i1,2026-01-21 10:00:00+00,2026-02-21,,FALSE",
        ],
        "debts": ["AA,d1,p1,i1,2026-03-01 10:00:00+00,10.00,10.00,OVERDUE,"],
    }
    report = await import_snapshot(write(tmp_path / "t", changed))
    assert [(f.file, f.inserted, f.updated, f.unchanged, f.rejected) for f in report.files] == [
        ("patrons.csv", 0, 3, 0, 0),
        ("items.csv", 0, 0, 3, 0),
        ("loans.csv", 1, 1, 0, 0),
        ("debts.csv", 0, 1, 0, 0),
    ]
    cards = "SELECT barcode, active FROM card ORDER BY barcode"
    assert [tuple(r.values()) for r in await database.rows(cards)] == [
        ("p1", True), ("p2", False), ("p2-new", True), ("p3", True),
    ]  # fmt: skip
    leads = "SELECT p.external_id FROM group_membership m JOIN patron p ON p.id = m.patron_id WHERE m.lead"
    assert await one(database, leads) == ("2",)
    assert await one(database, "SELECT status, version FROM patron WHERE external_id = '3'") == ("ACTIVE", 2)
    assert await one(database, "SELECT lifted_at IS NULL, lift_reason FROM block") == (
        False, "No longer barred in the imported data",
    )  # fmt: skip
    opened = "SELECT p.external_id FROM loan l JOIN patron p ON p.id = l.patron_id WHERE returned_at IS NULL"
    assert await one(database, opened) == ("2",)
    assert await one(database, "SELECT outstanding FROM ledger_entry WHERE kind = 'CHARGE'") == (Decimal("0.00"),)
    before = await everything()
    again = await import_snapshot(tmp_path / "t")
    assert (again.accepted, again.rejected) == (0, 0)
    assert await everything() == before


async def test_payment_made_here_is_kept(database: ModuleType, tmp_path: Path) -> None:
    folder = write(tmp_path / "s", BASE)
    await import_snapshot(folder)
    await database.rows(
        "INSERT INTO ledger_entry (library_id, patron_id, charge_id, kind, amount)"
        " SELECT library_id, patron_id, id, 'PAYMENT', 3 FROM ledger_entry WHERE kind = 'CHARGE'"
    )
    await database.rows("UPDATE ledger_entry SET outstanding = 4.5 WHERE kind = 'CHARGE'")
    assert (await import_snapshot(folder)).accepted == 0
    write(folder, {"debts": ["AA,d1,p1,i1,2026-03-01 10:00:00+00,12.00,2.50,OVERDUE,"]})
    assert (await import_snapshot(folder)).accepted == 1
    assert await one(database, "SELECT outstanding FROM ledger_entry WHERE kind = 'CHARGE'") == (Decimal("6.50"),)


async def test_absent_column_keeps_what_is_there(database: ModuleType, tmp_path: Path) -> None:
    await import_snapshot(write(tmp_path / "s", BASE))
    rows = ["#last_name,barcode,library,shoe_size,date_of_birth", "Ny,p1,aa,38,2001-02-03"]
    report = await import_snapshot(write(tmp_path / "t", {"patrons": rows}))
    assert report.file("patrons.csv").updated == 1
    assert [w for w in report.warnings if "shoe_size" in w]
    row = await one(
        database, "SELECT last_name, first_name, status, date_of_birth, version FROM patron WHERE external_id = '1'"
    )
    assert row == ("Ny", "Åsa", "ACTIVE", date(2001, 2, 3), 2)


async def test_member_leaves_and_group_is_dissolved(database: ModuleType, tmp_path: Path) -> None:
    await import_snapshot(write(tmp_path / "s", BASE))
    rows = ["#library,barcode,group", "AA,p1,", "AA,p2,other"]
    report = await import_snapshot(write(tmp_path / "t", {"patrons": rows}))
    assert report.file("patrons.csv").updated == 2
    assert await counts("patron_group", "group_membership") == {"patron_group": 0, "group_membership": 0}


async def test_second_lead_is_a_warning(database: ModuleType, tmp_path: Path) -> None:
    rows = ["#library,barcode,group,group_lead", "AA,a,g,FALSE", "AA,b,g,TRUE", "AA,c,g,TRUE"]
    report = await import_snapshot(write(tmp_path / "s", {"patrons": rows}))
    assert (report.accepted, report.rejected) == (3, 0)
    assert report.warnings == ["patrons.csv line 4: group g is led by line 3; this row's group_lead was not kept."]
    leads = "SELECT c.barcode FROM group_membership m JOIN card c USING (patron_id) WHERE m.lead"
    assert await one(database, leads) == ("b",)


async def test_libraries_keep_apart(database: ModuleType, tmp_path: Path) -> None:
    await import_snapshot(write(tmp_path / "a", BASE))
    before = await everything()
    other = {name: [row.replace("AA", "BB") for row in rows] for name, rows in BASE.items()}
    report = await import_snapshot(write(tmp_path / "b", other))
    assert (report.accepted, report.rejected, report.libraries) == (12, 0, ["BB"])
    after = await everything()
    for table, rows in before.items():
        assert after[table][: len(rows)] == rows, table
    mixed = "SELECT count(*) FROM loan l JOIN item i ON i.id = l.item_id WHERE i.library_id <> l.library_id"
    assert await database.value(mixed) == 0


async def test_dry_run_changes_nothing(database: ModuleType, tmp_path: Path) -> None:
    await import_snapshot(write(tmp_path / "a", BASE))
    before = await everything()
    more = {"patrons": ["AA,9,p9,,N,N,,TRUE,FALSE,,", "AA,1,p1,user1,Eva,Öberg,AA-1,TRUE,FALSE,g1,TRUE"]}
    report = await import_snapshot(write(tmp_path / "b", more), dry_run=True)
    assert (report.file("patrons.csv").inserted, report.file("patrons.csv").updated) == (1, 1)
    assert await everything() == before


async def test_existing_library_keeps_its_policy(database: ModuleType, tmp_path: Path) -> None:
    await create_library("aa", "Old name", currency="EUR", block_level=Decimal(5))
    report = await import_snapshot(write(tmp_path / "a", BASE))
    assert report.libraries_created == []
    assert await one(database, "SELECT code, name, currency FROM library") == ("aa", "Library of A", "EUR")


async def test_progress_is_told(database: ModuleType, tmp_path: Path) -> None:
    told: list[Progress] = []
    await import_snapshot(write(tmp_path / "a", BASE), progress=told.append)
    assert list(dict.fromkeys(step.file for step in told)) == [
        "branches.csv", "patrons.csv", "items.csv", "loans.csv", "reservations.csv", "debts.csv",
    ]  # fmt: skip
    last_read = [step for step in told if (step.file, step.step) == ("loans.csv", "read")][-1]
    assert last_read.done == last_read.total == (tmp_path / "a" / "loans.csv").stat().st_size


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "holds nothing to import"),
        ({"loans": ["#library,patron_barcode,item_barcode,due_at"]}, "loans.csv lacks the column checked_out_at"),
        ({"patrons": ["#library,barcode,barcode"]}, "patrons.csv names the column barcode twice"),
        ({"items": ["#library;barcod\udce5;title"]}, "items.csv line 1 is not UTF-8"),
    ],
)
async def test_unreadable_snapshot_is_refused(
    database: ModuleType, tmp_path: Path, files: dict[str, list[str]], said: str
) -> None:
    folder = write(tmp_path / "a", {**{k: v for k, v in BASE.items() if files and k == "branches"}, **files})
    with pytest.raises(Refused, match=said):
        await import_snapshot(folder)
    assert sum((await counts()).values()) == 0


async def test_two_imports_at_once_are_refused(database: ModuleType, tmp_path: Path) -> None:
    async with database.read_pool().acquire() as other, other.transaction():
        await other.execute("SELECT pg_advisory_xact_lock(7210935120)")
        with pytest.raises(Refused, match="Another import is running"):
            await import_snapshot(write(tmp_path / "a", BASE))
    assert sum((await counts()).values()) == 0
