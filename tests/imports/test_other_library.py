"""A file may hold rows of several libraries: those that name another one are rejected, and are about nobody here."""

from tests.imports.files import REJECTIONS, counted, missing_of, patron, pupils, rejections, statuses, take_in

from patrongraph import db
from patrongraph.imports.actions import Missing
from patrongraph.imports.models import ImportFormat
from patrongraph.jobs.models import JobState

CODE = "SELECT code FROM library WHERE id = $1"


async def test_rows_of_another_library_are_rejected_by_line(town, other_town, work) -> None:
    here, there = [await db.value(CODE, each.id) for each in (town, other_town)]
    [mine] = await town.patrons(1)
    name = (await patron(town, "p.id = $2", mine))["last_name"]
    lines = [
        f"{here},B{mine},New", f"{here.lower()},L2,Two", ",L3,Three", f"{there},B{mine},Theirs", f"{there},L5,bad\x07",
        "NOWHERE,,",
    ]  # fmt: skip
    job_id = await take_in(town, "library,barcode,last_name\n" + "\n".join(lines), ImportFormat.PATRONS)
    job = await work(town.id, job_id)
    assert job.state is JobState.COMPLETED_WITH_ISSUES
    assert await counted(job_id) == {"rows": 6, "created": 2, "updated": 1, "rejected": 3}
    reason = f"is not {here}, the library of this import; import the row there"
    assert await rejections(job_id) == [(line, "library", "OTHER_LIBRARY", reason) for line in (5, 6, 7)]
    assert [row["patron_id"] for row in await db.rows(REJECTIONS, job_id)] == [None, None, None]
    assert name != (await patron(town, "p.id = $2", mine))["last_name"] == "New"
    assert await db.value("SELECT count(*) FROM patron WHERE library_id = $1", other_town.id) == 0


async def test_a_file_of_statuses_too_and_nobody_is_missing_from_it(town, other_town, work) -> None:
    await pupils(town, 3)
    here, there = [await db.value(CODE, each.id) for each in (town, other_town)]
    file = f"Bibliotek;username;enabled\n{here};pupil1;FALSE\n{there};pupil2;FALSE\n"
    job_id = await take_in(town, file, missing=Missing(maximum_share=1))
    await work(town.id, job_id)
    assert await counted(job_id) == {"rows": 2, "deactivated": 1, "rejected": 1}
    assert [(line, code) for line, _, code, _ in await rejections(job_id)] == [(3, "OTHER_LIBRARY")]
    assert await missing_of(job_id) == (2, 3, 0, "ROWS_REJECTED")
    assert await statuses(town) == {"pupil1": "INACTIVE", "pupil2": "ACTIVE", "pupil3": "ACTIVE"}


async def test_a_mapping_may_pass_the_column_over(town, work) -> None:
    await pupils(town, 1)
    job_id = await take_in(town, "library,username,enabled\nELSEWHERE,pupil1,FALSE\n", mapping={"library": ""})
    await work(town.id, job_id)
    assert await counted(job_id) == {"rows": 1, "deactivated": 1}
