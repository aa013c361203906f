"""What cannot be imported lies in failed/ with a report that says what is wrong, where, and what would be right."""

import os
from typing import BinaryIO

import pytest
from tests.dropfolder.conftest import Drop, Statuses
from tests.town import Town

from patrongraph import db
from patrongraph.imports.dropfolder import rounds
from patrongraph.imports.dropfolder.folder import DropFolder
from patrongraph.imports.dropfolder.place import Names
from patrongraph.imports.dropfolder.rounds import Looker
from patrongraph.settings import use_settings

GOOD = "username,enabled\npupil1,FALSE\npupil2,FALSE\n"
JOBS = "SELECT count(*)::int FROM job"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"username,enabled\n", "has no rows"),
        (b"name,active\nanna,FALSE\n", "username"),
        (b"\x00\x01\x02\xff" * 100, ""),
        (b"{}", ""),
    ],
    ids=["nothing", "no rows", "other columns", "binary", "JSON"],
)
async def test_a_file_that_cannot_be_read(
    town: Town, pupils, drop: Drop, statuses: Statuses, content: bytes, words: str
) -> None:
    drop.put("people.csv", content)
    await drop.look(2)
    assert (drop.names("status"), drop.names("working"), drop.names("done")) == ([], [], [])
    data, report = drop.names("failed")
    assert report == f"{data}.report.json"
    assert data.endswith("-people.csv")
    assert (drop.root / "NORTH/failed" / data).read_bytes() == content
    found = drop.report("failed")
    assert found.items() >= {"file": "people.csv", "format": "STATUS", "job": None, "state": "REFUSED"}.items()
    assert words in found["error"]
    assert len(found["error"]) > 20
    assert (await db.value(JOBS), await statuses()) == (0, ["ACTIVE"] * 10)


async def test_one_bad_file_does_not_stop_the_next(pupils, drop: Drop, statuses: Statuses) -> None:
    drop.put("a.csv", "")
    drop.put("b.csv", GOOD)
    await drop.to_the_end()
    assert len(drop.names("failed")) == 2
    assert await statuses() == ["INACTIVE"] * 2 + ["ACTIVE"] * 8


async def test_a_file_with_too_many_rows(pupils, drop: Drop) -> None:
    use_settings(drop.settings.model_copy(update={"max_import_rows": 1}))
    drop.put("people.csv", GOOD)
    await drop.look(2)
    assert "more than 1 rows" in drop.report("failed")["error"]
    assert await db.value(JOBS) == 0


class AsNobody(DropFolder):
    """Opens files as a user without rights, where the tests run as one who may read everything."""

    async def open(self, path: Names) -> BinaryIO:
        everything = os.geteuid() == 0
        if everything:
            os.seteuid(65534)
        try:
            return await super().open(path)
        finally:
            if everything:
                os.seteuid(0)


async def test_a_file_that_the_service_may_not_read(pupils, drop: Drop) -> None:
    drop.put("people.csv", GOOD).chmod(0)
    drop.looker = Looker(AsNobody(drop.root), drop.settings)
    await drop.look(2)
    assert drop.report("failed")["error"] == (
        "The file cannot be read: the service may not read it; let the user that the worker runs as do so."
    )
    assert (len(drop.names("failed")), drop.names("status"), drop.names("working")) == (2, [], [])
    assert await db.value(JOBS) == 0


async def test_a_fault_of_ours_is_told_by_a_number_and_stops_nobody(
    pupils, drop: Drop, statuses: Statuses, caplog: pytest.LogCaptureFixture
) -> None:
    await db.rows(
        "CREATE OR REPLACE FUNCTION test_refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'Anna Andersson'; END $$"
    )
    await db.rows("CREATE TRIGGER test_refuse BEFORE INSERT ON import_run FOR EACH ROW EXECUTE FUNCTION test_refuse()")
    try:
        drop.put("people.csv", GOOD)
        await drop.look(2)
    finally:
        await db.rows("DROP TRIGGER test_refuse ON import_run")
        await db.rows("DROP FUNCTION test_refuse")
    error = drop.report("failed")["error"]
    assert error.startswith("Unexpected error RaiseError ")
    [record] = [record for record in caplog.records if record.name == rounds.log.name and hasattr(record, "code")]
    assert record.code in error
    assert "Anna" not in caplog.text + error
    assert await db.value(JOBS) == 0
    drop.put("more.csv", GOOD)
    await drop.to_the_end()
    assert await statuses() == ["INACTIVE"] * 2 + ["ACTIVE"] * 8


async def test_while_the_database_is_away_a_file_waits(pupils, drop: Drop) -> None:
    drop.put("people.csv", GOOD)
    await drop.look()
    address = drop.settings.database_url
    use_settings(drop.settings.model_copy(update={"database_url": address.replace("/test_", "/nothing_test_")}))
    await drop.look(2)
    assert drop.everything() == ["NORTH/status/people.csv"]
    use_settings(drop.settings)
    await drop.to_the_end()
    assert drop.report()["deactivated"] == 2
