"""A purge takes rows about its patrons along, and what may be about them: nothing of an erased patron stays in rows."""

import json

from tests.imports.files import REPORT, counted, missing_of, pupils, rejections, status_file, statuses, take_in

from patrongraph import db
from patrongraph.erasure import actions as erasure
from patrongraph.imports.actions import Missing, expire_cells
from patrongraph.imports.models import ImportFormat
from patrongraph.jobs import actions as jobs
from patrongraph.jobs.models import JobState

CELLS = "SELECT line, cells FROM import_row WHERE job_id = $1 ORDER BY line"
FILE = "barcode,username,last_name,email\n"


async def cells(job_id: int) -> dict[int, list[str] | None]:
    return {row["line"]: row["cells"] for row in await db.rows(CELLS, job_id)}


async def purge(town, work, *ids: int) -> None:
    started = await erasure.start(town.system, patron_ids=list(ids))
    job = await work(town.id, started.job_id)
    assert (job.state, job.done) == (JobState.SUCCEEDED, len(ids))


async def test_rejected_rows_about_a_purged_patron_go_and_nobodys_are_emptied(town, other_town, work) -> None:
    ids = await pupils(town, 3, status="INACTIVE")
    lines = [
        f"B{ids[0]},pupil1,One,bad", f"B{ids[1]},pupil2,Two,bad", ",,Nobody,a@example.org",
        "ä,unknown,Three,", "too,few",
    ]  # fmt: skip
    file = FILE + "\n".join(lines)
    job_id = await take_in(town, file, ImportFormat.PATRONS)
    await work(town.id, job_id)
    elsewhere = await take_in(other_town, file, ImportFormat.PATRONS)
    await work(other_town.id, elsewhere)
    kept = await cells(elsewhere)
    assert list(kept) == [2, 3, 4, 5, 6]
    assert all(kept.values())
    told = await rejections(job_id)
    assert await cells(job_id) == {
        2: [f"B{ids[0]}", "pupil1", "One", "bad"], 3: [f"B{ids[1]}", "pupil2", "Two", "bad"],
        4: ["", "", "Nobody", "a@example.org"], 5: ["ä", "unknown", "Three", ""], 6: ["too", "few", None, None],
    }  # fmt: skip
    await purge(town, work, ids[0])
    assert await cells(job_id) == {3: [f"B{ids[1]}", "pupil2", "Two", "bad"], 4: None, 5: None, 6: None}
    assert await rejections(job_id) == told[1:]
    assert await cells(elsewhere) == kept
    rows = await db.value("SELECT rows->>'import_row' FROM tombstone WHERE patron_id = $1", ids[0])
    assert rows == "1"
    assert (await counted(job_id))["rejected"] == 5


async def test_rows_that_wait_go_with_their_patron_and_the_numbers_say_so(town, work) -> None:
    ids = await pupils(town, 12, status="INACTIVE")
    file = status_file(**{f"pupil{n}": "TRUE" for n in range(1, 12)}) + "pupil-of-nobody,TRUE\n"
    job_id = await take_in(town, file)
    await jobs.pause(town.system, job_id)
    await purge(town, work, ids[2], ids[11])
    assert len(await cells(job_id)) == 11
    assert 4 not in await cells(job_id)
    await jobs.resume(town.system, job_id)
    job = await work(town.id, job_id)
    assert (job.state, job.total, job.done, job.skipped) == (JobState.COMPLETED_WITH_ISSUES, 12, 10, 2)
    assert await counted(job_id) == {"rows": 12, "reactivated": 10, "rejected": 2}
    assert await rejections(job_id) == [(13, "username", "UNKNOWN_PATRON", "is no patron's of this library")]
    # It came to light after an erasure: it may have been about whoever was erased.
    assert await cells(job_id) == {13: None}
    found = await db.row(REPORT, job_id)
    assert found is not None
    assert found["warnings"] == [
        "1 rows were about patrons who were erased while the import ran, and were not applied."
    ]
    assert json.loads(found["notes"]) == [
        {"code": "PATRONS_ERASED", "columns": [], "places": [], "field": None, "number": 1}
    ]


async def test_a_patron_who_was_to_be_deactivated_is_erased_first(town, work, quick) -> None:
    ids = await pupils(town, 10)
    job_id = await take_in(town, status_file(**{f"pupil{n}": "TRUE" for n in range(1, 10)}), missing=Missing())
    from patrongraph.imports.planning import plan
    from patrongraph.jobs import leases
    from patrongraph.jobs.models import JobKind

    [(lease, _)] = await leases.claim("a test", 60, [JobKind.IMPORT], 1)
    await plan(lease)
    await leases.release(lease)
    await jobs.pause(town.system, job_id)
    await db.rows("UPDATE patron SET status = 'INACTIVE' WHERE id = $1 RETURNING id", ids[9])
    await purge(town, work, ids[9])
    await jobs.resume(town.system, job_id)
    job = await work(town.id, job_id)
    assert (job.state, job.total, job.done, job.skipped) == (JobState.SUCCEEDED, 10, 10, 0)
    assert await missing_of(job_id) == (1, 10, 0, "DONE")
    assert set((await statuses(town)).values()) == {"ACTIVE"}


async def test_cells_expire_as_the_library_says(town, work) -> None:
    await town.policy(export_ttl_hours=5)
    job_id = await take_in(town, status_file(nobody="TRUE"))
    await work(town.id, job_id)
    assert await expire_cells() == 0
    assert await cells(job_id) == {2: ["nobody", "TRUE"]}
    await db.rows("UPDATE job SET finished_at = finished_at - interval '5 hours 1 minute' RETURNING id")
    assert await expire_cells() == 1
    assert await cells(job_id) == {2: None}
    assert len(await rejections(job_id)) == 1
