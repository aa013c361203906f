"""An import that is paused and forgotten keeps nobody's data for ever: it is cancelled, and its rows go."""

from tests.imports.files import pupils, rejections, status_file, statuses, take_in

from patrongraph import db
from patrongraph.imports.actions import cancel_forgotten, forget_unreached
from patrongraph.jobs import actions as jobs
from patrongraph.jobs.models import JobState

ROWS = "SELECT count(*)::int FROM import_row WHERE job_id = $1"
STATE = "SELECT state FROM job WHERE id = $1"
LAST = """
SELECT action, actor_kind, detail->>'cancelled' AS cancelled FROM audit_event WHERE job_id = $1 ORDER BY id DESC LIMIT 1
"""


async def test_a_forgotten_import_is_cancelled_after_the_librarys_time(town, work) -> None:
    await pupils(town, 2)
    old = await take_in(town, status_file(pupil1="FALSE", nobody="FALSE"))
    fresh = await take_in(town, status_file(pupil2="FALSE"))
    for job_id in (old, fresh):
        await jobs.pause(town.system, job_id)
    queued = await take_in(town, status_file(pupil2="TRUE"))
    # The trail cannot be made older; so the library's time is over at once, and the younger pauses are resumed.
    await jobs.resume(town.system, fresh)
    assert await cancel_forgotten() == 0
    await town.policy(export_ttl_hours=0)
    assert await cancel_forgotten() == 1
    assert [await db.value(STATE, job_id) for job_id in (old, fresh, queued)] == ["CANCELLED", "QUEUED", "QUEUED"]
    found = await db.row(LAST, old)
    assert found is not None
    assert tuple(found.values()) == ("job.cancel", "SYSTEM", "0")
    assert await forget_unreached() == 2
    assert [await db.value(ROWS, job_id) for job_id in (old, fresh, queued)] == [0, 1, 1]
    assert await rejections(old) == []
    assert set((await statuses(town)).values()) == {"ACTIVE"}
    assert await cancel_forgotten() == 0
    job = await work(town.id, fresh)
    assert (job.state, job.done) == (JobState.SUCCEEDED, 1)
