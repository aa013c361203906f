"""Imported files are people's data: they go with time, and when one of the library's patrons is erased."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.dropfolder.conftest import Drop
from tests.erasure.conftest import working
from tests.town import Town, wait_until

from patrongraph import db
from patrongraph.erasure import actions as erasure
from patrongraph.imports.dropfolder.rounds import Looker
from patrongraph.settings import Settings

BAD = "username,enabled\npupil1,FALSE\nnobody,FALSE\n"


def named(age: timedelta, rest: str) -> str:
    return f"{(datetime.now(UTC) - age).strftime('%Y-%m-%dT%H%M%SZ')}-{rest}"


@pytest.mark.parametrize("folder", ["done", "failed"])
async def test_what_was_kept_long_enough_goes(town: Town, drop: Drop, folder: str) -> None:
    over, young = timedelta(days=30, minutes=1), timedelta(days=29)
    for age in (over, young):
        for rest in ("job-1-a.csv", "job-1-a.csv.report.json", "job-1-a.csv.rejected.csv"):
            drop.put(named(age, rest), "x", folder)
    drop.put("somebody's own.csv", "x", folder)
    drop.put(".123.part", "half a report", folder)
    drop.put(named(over, "elsewhere.csv"), "x", "status")
    await drop.look()
    assert len(drop.names(folder)) == 4
    assert all(name.startswith(named(young, "")[:10]) for name in drop.names(folder) if name != "somebody's own.csv")
    assert len(drop.names("status")) == 1


async def test_nothing_need_be_kept(town: Town, pupils, drop: Drop, place, quick: Settings) -> None:
    drop.looker = Looker(place, quick.model_copy(update={"import_folder_keep_days": 0}))
    drop.put("people.csv", BAD)
    await drop.to_the_end()
    assert drop.everything() == []


async def test_an_erasure_takes_the_files_of_before_along(town: Town, other_town: Town, pupils, drop: Drop) -> None:
    """Only numbers, codes and reasons are left, and another library's files."""
    drop.put("people.csv", BAD)
    drop.put("empty.csv", "")
    await drop.to_the_end()
    drop.library = "SOUTH"
    drop.put("people.csv", BAD)
    await drop.to_the_end()
    souths = drop.names("done")
    assert len(souths) == 3
    drop.library = "NORTH"
    kept = [name for name in drop.names("done") if name.endswith(".report.json")]
    assert len(drop.names("done")) == 3

    started = await erasure.start(town.system, patron_ids=[pupils[0]])

    async def ended() -> bool:
        return bool(await db.value("SELECT finished_at IS NOT NULL FROM job WHERE id = $1", started.job_id))

    async with working(drop.settings):
        await wait_until(ended)
    assert await town.remaining() == pupils[1:]
    await drop.look()
    assert drop.names("done") == kept
    assert all(name.endswith(".report.json") for name in drop.names("failed"))
    left = "".join(path.read_text() for path in drop.root.joinpath("NORTH").rglob("*") if path.is_file())
    assert "pupil1" not in left
    assert "nobody" not in left
    drop.library = "SOUTH"
    assert drop.names("done") == souths

    # Names tell time to the second: what was taken in the same second goes too.
    await db.rows("UPDATE tombstone SET erased_at = erased_at - interval '2 seconds' RETURNING id")
    drop.library = "NORTH"
    drop.put("later.csv", "username,enabled\npupil2,FALSE\n")
    await drop.to_the_end()
    assert len(drop.names("done")) == 3
