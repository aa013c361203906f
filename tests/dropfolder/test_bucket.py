"""A drop folder in an object store, over the real S3 protocol: nothing is imported twice, and nothing is lost."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from tests.dropfolder.conftest import Drop, Statuses
from tests.dropfolder.test_survive import dies
from tests.exports.s3 import S3, s3_server
from tests.town import Town

from patrongraph import db
from patrongraph.imports.dropfolder import place_of
from patrongraph.imports.dropfolder.names import lasting_token
from patrongraph.imports.dropfolder.place import Place
from patrongraph.imports.dropfolder.rounds import log
from patrongraph.imports.models import ImportFormat
from patrongraph.settings import Settings, use_settings

FILE = "username,enabled\npupil1,FALSE\nnobody,FALSE\n"
PREFIX = "north/files/"


@pytest.fixture(scope="module")
def s3(settings: Settings) -> Iterator[S3]:
    with s3_server() as server:
        yield server


@pytest.fixture
def quick(s3: S3, quick: Settings) -> Settings:
    """The settings of conftest, with the bucket as the drop folder, emptied."""
    s3.empty()
    changed = quick.model_copy(update={"import_folder": "s3://exports/north/files"})
    use_settings(changed)
    return changed


def names(s3: S3) -> list[str]:
    return sorted(s3.names())


def put(s3: S3, name: str, content: str = FILE) -> None:
    s3.put(PREFIX + name, content.encode())


def report_of(s3: S3) -> dict[str, Any]:
    [name] = [name for name in names(s3) if name.endswith(".report.json")]
    found: dict[str, Any] = orjson.loads(s3.content(name))
    return found


async def imported_once(s3: S3, statuses: Statuses) -> None:
    assert await db.value("SELECT count(*)::int FROM job") == 1
    assert await statuses() == ["INACTIVE"] + ["ACTIVE"] * 9
    data, rejected, report = names(s3)
    assert data.startswith("NORTH/done/")
    assert data.endswith("-job-1-people.csv")
    assert (rejected, report) == (f"{data}.rejected.csv", f"{data}.report.json")
    assert s3.content(data).decode() == FILE
    assert s3.content(rejected).decode().splitlines()[1].startswith("nobody,FALSE,3,username,")
    assert report_of(s3).items() >= {"job": "job_1", "rows": 2, "deactivated": 1, "rejected": 1}.items()


async def test_an_object_becomes_one_import(town: Town, pupils, drop: Drop, s3: S3, statuses: Statuses) -> None:
    put(s3, "NORTH/status/people.csv")
    await drop.look()  # an object is whole as soon as it can be seen
    assert await db.value("SELECT count(*) FROM job") == 1
    mark, data = names(s3)
    assert data.startswith("NORTH/working/")
    assert data.endswith("/people.csv")
    assert mark == data.replace("people.csv", ".job-1")
    await drop.to_the_end()
    await imported_once(s3, statuses)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("last", range(1, 12))
async def test_a_kill_at_each_step(
    town: Town, pupils, drop: Drop, place: Place, s3: S3, statuses: Statuses, last: int, after: bool
) -> None:
    put(s3, "NORTH/status/people.csv")
    await dies(drop, place, last, after=after)
    await drop.to_the_end()
    await imported_once(s3, statuses)


async def test_a_copy_whose_original_was_not_deleted_is_the_same_import(
    town: Town, pupils, drop: Drop, s3: S3, place: Place, statuses: Statuses
) -> None:
    """As after a kill in the middle of taking, when the import is over before the original is found again."""
    put(s3, "NORTH/status/people.csv")
    [entry] = await place.entries()
    put(s3, f"NORTH/working/{lasting_token(entry, ImportFormat.STATUS)}/people.csv")
    await drop.look()
    assert "NORTH/status/people.csv" in names(s3)
    await drop.to_the_end()
    await imported_once(s3, statuses)


async def test_an_object_written_anew_while_it_is_taken_is_not_lost(
    town: Town, pupils, drop: Drop, s3: S3, place: Place
) -> None:
    put(s3, "NORTH/status/people.csv")
    [seen] = await place.entries()
    put(s3, "NORTH/status/people.csv", "username,enabled\npupil2,FALSE\n")
    assert await place.claim(seen, "a-token") is None
    assert names(s3) == ["NORTH/status/people.csv"]
    assert s3.content("NORTH/status/people.csv").decode() == "username,enabled\npupil2,FALSE\n"


async def test_what_cannot_be_read_lies_with_the_failed(town: Town, drop: Drop, s3: S3) -> None:
    put(s3, "NORTH/status/people.csv", "")
    await drop.look()
    data, _ = names(s3)
    assert data.startswith("NORTH/failed/")
    assert "empty" in report_of(s3)["error"]
    assert await db.value("SELECT count(*) FROM job") == 0


@pytest.mark.parametrize("name", ["Elever åk 7.csv", "a%20b.csv", "a+b & c#d?.csv"])
async def test_names_of_all_kinds(town: Town, pupils, drop: Drop, s3: S3, name: str) -> None:
    put(s3, f"NORTH/status/{name}")
    await drop.to_the_end()
    assert report_of(s3)["file"] == name
    assert names(s3)[0].endswith(f"-job-1-{name}")


async def test_other_objects_are_left(town: Town, drop: Drop, s3: S3) -> None:
    others = ["README", "NORTH/x.csv", "NORTH/status/a/b.csv", "NORTH/working/x.csv", "NORTH/status/x.part"]
    for other in others:
        put(s3, other)
    s3.put("elsewhere/NORTH/status/people.csv")
    await drop.look(2)
    assert await db.value("SELECT count(*) FROM job") == 0
    assert names(s3) == sorted([*others, "elsewhere/NORTH/status/people.csv"])


async def test_while_the_store_is_away_files_wait(
    town: Town, pupils, drop: Drop, s3: S3, statuses: Statuses, caplog: pytest.LogCaptureFixture
) -> None:
    put(s3, "NORTH/status/people.csv")
    with s3.away():
        await drop.look(2)
    messages = [record.getMessage() for record in caplog.records if record.name == log.name]
    assert len(messages) == 1
    assert messages[0].startswith("the drop folder cannot be used: the object store does not answer as it should")
    await drop.to_the_end()
    await imported_once(s3, statuses)


async def test_a_worker_reads_the_bucket(town: Town, pupils, drop: Drop, s3: S3, start_worker, until, statuses) -> None:
    put(s3, "NORTH/status/people.csv")
    start_worker()

    async def done() -> bool:
        return len(names(s3)) == 3 and all(name.startswith("NORTH/done/") for name in names(s3))

    await until(done)
    await imported_once(s3, statuses)


async def test_doctor_tries_the_bucket(drop: Drop, s3: S3, run_cli) -> None:
    import asyncio

    where = drop.settings.import_folder
    done = await asyncio.to_thread(run_cli, "doctor", PATRONGRAPH_IMPORT_FOLDER=where)
    assert f"ok    drop folder: {where} can be read, written and moved in" in done.stdout
    assert names(s3) == []
    done = await asyncio.to_thread(run_cli, "doctor", PATRONGRAPH_IMPORT_FOLDER="s3://nowhere/files")
    assert "wrong drop folder: s3://nowhere/files: the object store " in done.stdout


def test_a_bucket_is_told_from_a_folder(settings: Settings) -> None:
    assert place_of(settings) is None
    for name, whole in (("s3://exports/x", True), ("/srv/drop", False), ("drop", False)):
        place = place_of(settings.model_copy(update={"import_folder": name}))
        assert place is not None
        assert place.whole is whole
