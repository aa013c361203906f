"""`patrongraph import FILE --library CODE`: a file of patrons from the command line, and what it is not taken for."""

import asyncio

import orjson
from tests.imports.files import pupils, status_file, statuses
from tests.town import nothing_changes

from patrongraph import db


async def test_a_file_is_followed_to_its_end(town, start_worker, run_cli, tmp_path) -> None:
    await pupils(town, 10)

    async def cli(*words: str):
        return await asyncio.to_thread(run_cli, "import", *words)

    start_worker()
    file = tmp_path / "leavers.csv"
    file.write_text(status_file(pupil1="FALSE", pupil2="TRUE", nobody="FALSE"))
    rejected = tmp_path / "rejected.csv"
    said = (str(file), "--library", "north", "--format", "status")
    dry = await cli(*said, "--dry-run", "--json")
    assert dry.returncode == 3, dry.stderr
    report = orjson.loads(dry.stdout)
    wanted = {
        "format": "STATUS", "dryRun": True, "encoding": "utf-8", "warnings": [], "rows": 3, "created": 0, "updated": 0,
        "deactivated": 1, "reactivated": 0, "unchanged": 1, "rejected": 1, "missing": 0, "missingConsidered": 0,
        "missingDeactivated": 0, "missingState": "NOT_ASKED", "state": "COMPLETED_WITH_ISSUES", "error": None,
        "rejections": [{"line": 4, "column": "username", "code": "UNKNOWN_PATRON",
                        "message": "username is no patron's of this library."}],
    }  # fmt: skip
    assert report == {"id": report["id"]} | wanted
    assert set((await statuses(town)).values()) == {"ACTIVE"}
    done = await cli(*said, "--rejected", str(rejected))
    assert done.returncode == 3, done.stderr
    assert f"job {report['id'] + 1} COMPLETED_WITH_ISSUES." in done.stdout
    assert "Rejected: line 4: username is no patron's of this library." in done.stderr
    assert f"all of them are in {rejected}" in done.stderr
    assert rejected.read_bytes().decode("utf-8-sig") == (
        "username,enabled,line,column,reason\r\nnobody,FALSE,4,username,is no patron's of this library\r\n"
    )
    assert [name for name, status in (await statuses(town)).items() if status != "ACTIVE"] == ["pupil1"]
    file.write_text(status_file(**{f"pupil{n}": "TRUE" for n in range(1, 6)}))
    many = await cli(*said, "--deactivate-missing")
    assert many.returncode == 3
    assert "Missing from the file: 5 of 9 active patrons; too many to deactivate; --confirm-missing" in many.stdout
    good = await cli(*said, "--deactivate-missing", "--confirm-missing", "5", "--category", "Pupil", "--branch", "MAIN")
    assert good.returncode == 0, good.stderr
    assert "they were deactivated" in good.stdout
    assert list((await statuses(town)).values()) == ["ACTIVE"] * 5 + ["INACTIVE"] * 5
    mapped = tmp_path / "new.csv"
    mapped.write_text("Kort;Namn\n".replace(";", ",") + "N1,Ny\n")
    new = await cli(
        str(mapped), "--library", "NORTH", "--format", "PATRONS", "--map", "Kort=barcode", "--map", "Namn=last_name"
    )
    assert new.returncode == 0, new.stderr
    assert await db.value("SELECT last_name FROM patron ORDER BY id DESC LIMIT 1") == "Ny"


async def test_without_waiting_the_job_is_only_started(town, run_cli, tmp_path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(status_file(a="TRUE"))
    said = ("import", str(file), "--library", "NORTH", "--format", "status", "--no-wait", "--json")
    done = await asyncio.to_thread(run_cli, *said)
    assert done.returncode == 0, done.stderr
    job = orjson.loads(done.stdout)
    assert await db.value("SELECT state FROM job WHERE id = $1", job["id"]) == "QUEUED"


async def test_what_is_not_right_starts_nothing(town, run_cli, tmp_path) -> None:
    file, folder = tmp_path / "a.csv", tmp_path / "folder"
    file.write_text("username\nx\n")
    folder.mkdir()
    north = ("--library", "NORTH", "--format", "status")
    async with nothing_changes():
        for words, why in (
            ((str(file), *north), "lacks the column enabled; its first line must name it"),
            ((str(file),), "holds nothing to import; a snapshot has one or more of"),
            ((str(file),), "for a file of patrons say --library and --format"),
            ((str(file), "--library", "NORTH"), "needs both --library and --format"),
            ((str(file), "--format", "koha"), "needs both --library and --format"),
            ((str(folder), *north), "is no file; with --library PATH is one file of patrons"),
            ((str(file), "--deactivate-missing"), "needs --library and --format; without them PATH is a snapshot"),
            ((str(file), *north, "--category", "x"), "go with --deactivate-missing"),
            ((str(file), *north, "--map", "a=shoe_size"), "write COLUMN=FIELD"),
            ((str(file), *north, "--map", "a=username", "--map", "a=enabled"), "names the column 'a' twice"),
            ((str(file), *north, "--deactivate-missing", "--branch", "X"), "no branch with the code X; nothing was"),
            ((str(file), "--library", "nowhere", "--format", "status"), "there is no library with the code 'nowhere'"),
            ((str(file), *north, "--no-wait", "--rejected", str(tmp_path / "r.csv")), "leave --no-wait out"),
        ):
            done = await asyncio.to_thread(run_cli, "import", *words)
            assert done.returncode in (1, 2), words
            assert why in " ".join(done.stderr.split()), (words, done.stderr)
            assert "Traceback" not in done.stderr
