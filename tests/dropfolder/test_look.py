"""A file that is dropped becomes one import, and then lies with its report where it has ended."""

import os
from pathlib import Path

import orjson
import pytest
from tests.dropfolder.conftest import Drop, Statuses
from tests.town import Town, contents

from patrongraph import db
from patrongraph.imports.dropfolder import rounds
from patrongraph.settings import Settings

GOOD = "username,enabled\npupil1,FALSE\npupil2,FALSE\n"
JOBS = "SELECT id, kind, state, library_id, started_by_id, token_id FROM job ORDER BY id"


async def jobs() -> list[dict[str, object]]:
    return [dict(row) for row in await db.rows(JOBS)]


async def test_a_file_becomes_one_import(town: Town, pupils, drop: Drop, statuses: Statuses) -> None:
    drop.put("people.csv", GOOD)
    await drop.look()
    assert (await jobs(), drop.names("status")) == ([], ["people.csv"])  # it may still be written
    await drop.look()
    [job] = await jobs()
    assert job == {
        "id": 1, "kind": "IMPORT", "state": "QUEUED", "library_id": town.id, "started_by_id": None, "token_id": None
    }  # fmt: skip
    assert drop.names("status") == []
    [token] = drop.names("working")
    assert drop.names(f"working/{token}") == [".job-1", "people.csv"]
    assert await statuses() == ["ACTIVE"] * 10

    await drop.to_the_end()
    assert await statuses() == ["INACTIVE"] * 2 + ["ACTIVE"] * 8
    time = token.partition("-status-")[0]
    assert drop.names("done") == [f"{time}-job-1-people.csv", f"{time}-job-1-people.csv.report.json"]
    assert drop.text("done", "people.csv") == GOOD
    assert (drop.names("working"), drop.names("failed")) == ([], [])
    report = drop.report()
    assert report.items() >= {
        "file": "people.csv", "format": "STATUS", "job": "job_1", "state": "SUCCEEDED", "error": None, "dryRun": False,
        "rows": 2, "created": 0, "updated": 0, "deactivated": 2, "reactivated": 0, "unchanged": 0, "rejected": 0,
        "missing": 0, "missingDeactivated": 0, "missingState": "NOT_ASKED", "warnings": [], "rejections": [],
    }.items()  # fmt: skip

    await drop.look(3)
    assert len(await jobs()) == 1


async def test_rejected_rows_lie_beside_the_file_and_can_be_dropped_again(
    town: Town, pupils, drop: Drop, statuses: Statuses
) -> None:
    drop.put("people.csv", "username,enabled\npupil1,FALSE\nnobody,FALSE\npupil2,maybe\n")
    await drop.to_the_end()
    report = drop.report()
    assert (report["state"], report["rows"], report["deactivated"], report["rejected"]) == (
        "COMPLETED_WITH_ISSUES", 3, 1, 2,
    )  # fmt: skip
    assert [(row["line"], row["column"], row["code"]) for row in report["rejections"]] == [
        (3, "username", "UNKNOWN_PATRON"),
        (4, "enabled", "INVALID"),
    ]
    assert "nobody" not in orjson.dumps(report).decode()
    lines = drop.text("done", ".rejected.csv").splitlines()
    assert lines[0] == "username,enabled,line,column,reason"
    assert [line.split(",")[:4] for line in lines[1:]] == [
        ["nobody", "FALSE", "3", "username"],
        ["pupil2", "maybe", "4", "enabled"],
    ]
    mended = "\n".join(lines).replace("maybe", "FALSE").replace("nobody", "pupil3")
    for name in drop.names("done"):
        (drop.root / "NORTH/done" / name).unlink()
    drop.put("people.csv", mended)
    await drop.to_the_end()
    assert await statuses() == ["INACTIVE"] * 3 + ["ACTIVE"] * 7
    assert drop.report()["rejected"] == 0


@pytest.mark.parametrize("folder", ["status", "STATUS", "Status"])
@pytest.mark.parametrize("library", ["NORTH", "north"])
async def test_names_of_folders_in_any_case(pupils, drop: Drop, folder: str, library: str) -> None:
    drop.library = library
    drop.put("people.csv", GOOD, folder)
    await drop.to_the_end()
    assert drop.report()["deactivated"] == 2


async def test_each_librarys_files_are_its_own(town: Town, other_town: Town, pupils, drop: Drop) -> None:
    before = await contents(town.id)
    drop.library = "SOUTH"
    drop.put("people.csv", GOOD)
    await drop.to_the_end()
    assert drop.report().items() >= {"rows": 2, "rejected": 2, "deactivated": 0}.items()
    assert [job["library_id"] for job in await jobs()] == [other_town.id]
    assert await contents(town.id) == before


async def test_patrons_in_another_format_are_created(town: Town, drop: Drop) -> None:
    drop.put("people.csv", "barcode,first_name,last_name\n10001,Åsa,Öberg\n", "patrons")
    await drop.to_the_end()
    assert drop.report().items() >= {"format": "PATRONS", "created": 1}.items()
    assert await db.value("SELECT last_name FROM patron WHERE library_id = $1", town.id) == "Öberg"


@pytest.mark.parametrize(
    "name", [".hidden.csv", "people.csv.part", "people.csv.TMP", ".people.csv.swp", "_options.json"]
)
async def test_some_names_are_passed_over(pupils, drop: Drop, name: str) -> None:
    drop.put(name, "{}" if name == "_options.json" else GOOD)
    await drop.look(3)
    assert (await jobs(), drop.names("status")) == ([], [name])


async def test_a_file_that_is_still_written_is_waited_for(pupils, drop: Drop) -> None:
    path = drop.put("people.csv", "username,enabled\n")
    with path.open("a") as file:
        for line in ("pupil1,FALSE\n", "pupil2,FALSE\n", "pupil3,FALSE\n"):
            await drop.look()
            file.write(line)
            file.flush()
    await drop.look()
    assert await jobs() == []
    await drop.to_the_end()
    assert drop.report()["rows"] == 3


async def test_a_file_that_is_written_anew_with_the_same_size_is_waited_for(pupils, drop: Drop) -> None:
    path = drop.put("people.csv", GOOD)
    await drop.look()
    path.write_text(GOOD.replace("pupil2", "pupil3"))
    os.utime(path, ns=(1, 1))
    await drop.look()
    assert await jobs() == []
    await drop.look()
    assert len(await jobs()) == 1


async def test_what_is_no_file_is_passed_over(pupils, drop: Drop, tmp_path: Path) -> None:
    """A link above all: it would have the worker read what its maker may not."""
    outside = tmp_path / "outside.csv"
    outside.write_text(GOOD)
    folder = drop.put("x.part", "").parent
    (folder / "link.csv").symlink_to(outside)
    (folder / "folder.csv").mkdir()
    (folder / "folder.csv" / "inside.csv").write_text(GOOD)
    os.mkfifo(folder / "pipe.csv")
    (drop.root / "NORTH" / "patrons").symlink_to(tmp_path)
    await drop.look(3)
    assert await jobs() == []
    assert drop.names("status") == ["folder.csv", "link.csv", "pipe.csv", "x.part"]
    assert drop.names("working") == []


async def test_unknown_folders_are_told_once_without_their_names_and_left(
    town: Town, drop: Drop, caplog: pytest.LogCaptureFixture
) -> None:
    drop.put("secret-name.csv", GOOD, "secret-format")
    drop.library = "secret-library"
    drop.put("secret-name.csv", GOOD)
    left = drop.everything()
    await drop.look(3)
    assert (await jobs(), drop.everything()) == ([], left)
    records = [record for record in caplog.records if record.name == rounds.log.name]
    assert sorted(record.getMessage() for record in records) == [
        "a folder in a library's drop folder is not named like a format of files",
        "a folder in the drop folder is not named like a library's code",
    ]
    assert [record.library_id for record in records if "format" in record.getMessage()] == [town.id]
    assert "secret" not in caplog.text


async def test_files_of_a_library_are_imported_one_after_the_other(town: Town, pupils, drop: Drop) -> None:
    older = drop.put("b.csv", "username,enabled\npupil1,FALSE\n")
    drop.put("a.csv", "username,enabled\npupil1,TRUE\n")
    os.utime(older, (1_000_000, 1_000_000))
    await drop.look(3)
    assert (len(await jobs()), drop.names("status")) == (1, ["a.csv"])
    await drop.to_the_end()
    await drop.to_the_end()
    done = [name for name in drop.names("done") if name.endswith(".csv")]
    assert [name.partition("-job-")[2] for name in done] == ["1-b.csv", "2-a.csv"]
    assert await db.value("SELECT status FROM patron WHERE id = $1", pupils[0]) == "ACTIVE"


async def test_the_same_content_again_is_another_import(pupils, drop: Drop) -> None:
    path = drop.put("people.csv", GOOD)
    os.utime(path, (1_000_000, 1_000_000))
    await drop.to_the_end()
    path = drop.put("people.csv", GOOD)
    os.utime(path, (1_000_000, 1_000_000))
    await drop.to_the_end()
    assert len(await jobs()) == 2
    assert [name.partition("-job-")[2] for name in drop.names("done") if name.endswith(".csv")] == [
        "1-people.csv",
        "2-people.csv",
    ]


@pytest.mark.parametrize("name", ["Elever åk 7.csv", "x" * 250 + ".csv", "å" * 120 + ".csv", "no end", "a%20b.csv"])
async def test_names_of_all_kinds(pupils, drop: Drop, name: str) -> None:
    drop.put(name, "username,enabled\nnobody,FALSE\n")
    await drop.to_the_end()
    assert drop.report()["file"] == name
    data, rejected, report = drop.names("done")
    assert (rejected, report) == (f"{data}.rejected.csv", f"{data}.report.json")
    assert data.endswith(name[-10:])


async def test_a_name_that_is_no_text(pupils, drop: Drop) -> None:
    drop.put("x.part", "")
    with open(os.fsencode(drop.root) + b"/NORTH/status/\xff\xfe.csv", "w") as file:  # noqa: PTH123
        file.write(GOOD)
    await drop.to_the_end()
    assert drop.report().items() >= {"file": "??.csv", "deactivated": 2}.items()


async def test_a_cancelled_import_lies_with_the_failed(town: Town, pupils, drop: Drop, statuses: Statuses) -> None:
    from patrongraph.jobs import actions

    drop.put("people.csv", GOOD)
    await drop.look(2)
    await actions.cancel(town.system, 1)
    await drop.look(2)
    assert drop.report("failed").items() >= {"job": "job_1", "state": "CANCELLED"}.items()
    assert (drop.names("done"), drop.names("working")) == ([], [])
    assert await statuses() == ["ACTIVE"] * 10


async def test_what_others_put_into_the_working_folder_is_left(town: Town, drop: Drop) -> None:
    drop.put("people.csv", GOOD, "working/2026-01-01T000000Z-nothing-0123456789abcdef")
    drop.put("people.csv", GOOD, "working/mine")
    drop.put("people.csv", GOOD, "done")
    left = drop.everything()
    await drop.look(3)
    assert (await jobs(), drop.everything()) == ([], left)


async def test_a_number_that_is_no_imports_of_the_library(town: Town, other_town: Town, drop: Drop) -> None:
    job = await db.value(
        "INSERT INTO job (library_id, kind, state, params, itemised, created_at, finished_at)"
        " VALUES ($1, 'PURGE', 'SUCCEEDED', '{}', true, now(), now()) RETURNING id",
        town.id,
    )
    for library in ("NORTH", "SOUTH"):
        drop.library = library
        token = f"working/2026-01-01T000000Z-status-0123456789abcde{job}"
        drop.put("people.csv", GOOD, token)
        drop.put(f".job-{job}", "", token)
    await drop.look()
    for library in ("NORTH", "SOUTH"):
        drop.library = library
        assert drop.report("failed")["error"] == "Its import is not there any more."
        assert drop.names("working") == []


async def test_a_folder_that_is_gone_is_told_once(
    town: Town, pupils, drop: Drop, caplog: pytest.LogCaptureFixture
) -> None:
    drop.root.rmdir()
    await drop.look(3)
    messages = [record.getMessage() for record in caplog.records if record.name == rounds.log.name]
    assert messages == ["the drop folder cannot be used: it is not there, or not a folder"]
    drop.put("people.csv", GOOD)
    await drop.to_the_end()
    assert drop.report()["deactivated"] == 2


async def test_doctor_tries_the_folder(settings: Settings, database, run_cli, root: Path, tmp_path: Path) -> None:
    import asyncio

    done = await asyncio.to_thread(run_cli, "doctor", PATRONGRAPH_IMPORT_FOLDER=str(root))
    assert f"ok    drop folder: {root} can be read, written and moved in" in done.stdout
    assert list(root.iterdir()) == []
    done = await asyncio.to_thread(run_cli, "doctor", PATRONGRAPH_IMPORT_FOLDER=str(tmp_path / "nothing"))
    assert f"wrong drop folder: {tmp_path}/nothing: it is not there, or not a folder" in done.stdout
    assert done.returncode == 1
    done = await asyncio.to_thread(run_cli, "doctor")
    assert "ok    drop folder: none; PATRONGRAPH_IMPORT_FOLDER names one" in done.stdout
