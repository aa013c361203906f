"""A file of username and enabled deactivates and reactivates; bad rows are listed and good ones apply."""

from typing import Any

import orjson
import pytest
from tests.imports.files import AUDIT, counted, pupils, rejections, status_file, statuses, take_in
from tests.town import contents

from patrongraph import db
from patrongraph.jobs.models import JobState
from patrongraph.problems import Refused


async def test_false_deactivates_and_true_reactivates(town, other_town, work) -> None:
    ids = await pupils(town, 30)
    await db.rows("UPDATE patron SET status = 'INACTIVE' WHERE id = ANY($1::bigint[]) RETURNING id", ids[20:])
    others = await pupils(other_town, 30)
    assert len(others) == 30
    before = await contents(other_town.id)
    wanted = {f"PUPIL{n}": "FALSE" for n in range(1, 16)} | {f"pupil{n}": "yes" for n in range(16, 31)}
    job_id = await take_in(town, status_file(**wanted))
    job = await work(town.id, job_id)
    assert (job.state, job.total, job.done, job.skipped, job.failed) == (JobState.SUCCEEDED, 30, 30, 0, 0)
    assert await counted(job_id) == {"rows": 30, "deactivated": 15, "reactivated": 10, "unchanged": 5}
    assert await statuses(town) == {f"pupil{n}": "INACTIVE" if n < 16 else "ACTIVE" for n in range(1, 31)}
    audit = await db.rows(AUDIT, town.id)
    assert [(row["action"], row["subject_id"], row["job_id"]) for row in audit] == [
        *(("patron.deactivate", patron, job_id) for patron in ids[:15]),
        *(("patron.reactivate", patron, job_id) for patron in ids[20:]),
    ]
    assert {orjson.loads(row["detail"]).get("x") for row in audit} == {None}
    versions = await db.rows("SELECT version FROM patron WHERE library_id = $1 ORDER BY id", town.id)
    assert [row["version"] for row in versions] == [2] * 15 + [1] * 5 + [2] * 10
    assert await db.value("SELECT count(*) FROM import_row") == 0
    assert await contents(other_town.id) == before


async def test_sessions_of_the_deactivated_end(town, work) -> None:
    ids = await pupils(town, 2)
    await db.rows(
        "INSERT INTO session (patron_id, library_id, token_sha256, created_at, expires_at, last_seen_at)"
        " SELECT id, $1, repeat(id::text, 64)::char(64), now(), now() + interval '1 hour', now()"
        " FROM unnest($2::bigint[]) AS id RETURNING id",
        town.id,
        ids,
    )
    await work(town.id, await take_in(town, status_file(pupil1="FALSE", pupil2="TRUE")))
    assert [row["patron_id"] for row in await db.rows("SELECT patron_id FROM session")] == ids[1:]


async def test_bad_rows_are_listed_and_the_others_apply(town, other_town, work) -> None:
    ids = await pupils(town, 5)
    await pupils(other_town, 9)
    await db.rows(
        "UPDATE patron SET status = 'PENDING_PURGE', purge_after = now() + interval '9 days'"
        " WHERE id = $1 RETURNING id",
        ids[3],
    )
    lines = [
        "username,enabled", "pupil1,FALSE", "nobody,FALSE", "pupil2,maybe", " Pupil1 ,TRUE", "pupil9,FALSE", ",FALSE",
        "pupil3,", "pupil4,TRUE", "pupil5,FALSE", "one,two,three", "pupil2,FALSE", "a b,TRUE", "pupil4,FALSE",
    ]  # fmt: skip
    job_id = await take_in(town, "\r\n".join(lines))
    job = await work(town.id, job_id)
    assert (job.state, job.done, job.skipped, job.failed) == (JobState.COMPLETED_WITH_ISSUES, 4, 9, 0)
    assert await counted(job_id) == {"rows": 13, "deactivated": 3, "unchanged": 1, "rejected": 9}
    assert await rejections(job_id) == [
        (3, "username", "UNKNOWN_PATRON", "is no patron's of this library"),
        (4, "enabled", "INVALID", "is neither TRUE nor FALSE"),
        (5, "", "DUPLICATE", "is about the same patron as line 2; a patron has one row"),
        (6, "username", "UNKNOWN_PATRON", "is no patron's of this library"),
        (7, "username", "REQUIRED", "is empty; it says whom the row is about"),
        (8, "enabled", "REQUIRED", "is empty; write TRUE or FALSE"),
        (9, "enabled", "PENDING_PURGE", "is TRUE, but the patron waits for the purge; restore the patron first"),
        (11, "", "UNREADABLE", "has 3 columns instead of 2"),
        (13, "username", "INVALID", "has a space; a username has none"),
    ]
    assert await statuses(town) == {
        "pupil1": "INACTIVE", "pupil2": "INACTIVE", "pupil3": "ACTIVE", "pupil4": "PENDING_PURGE", "pupil5": "INACTIVE",
    }  # fmt: skip
    assert await statuses(other_town) == {f"pupil{n}": "ACTIVE" for n in range(1, 10)}


async def test_the_same_file_again_writes_to_no_patron(town, work) -> None:
    await pupils(town, 12)
    file = status_file(**{f"pupil{n}": "FALSE" for n in range(1, 13)})
    await work(town.id, await take_in(town, file))
    rows = "SELECT xmin::text, xmax::text FROM patron ORDER BY id"
    before = [tuple(row) for row in await db.rows(rows)]
    job_id = await take_in(town, file)
    await work(town.id, job_id)
    assert await counted(job_id) == {"rows": 12, "unchanged": 12}
    assert [tuple(row) for row in await db.rows(rows)] == before


@pytest.mark.parametrize(
    ("text", "why", "told"),
    [
        ("", "is empty", ("EMPTY", [], None)),
        (
            "username\nx\n",
            "lacks the column enabled; its first line must name it",
            ("COLUMN_MISSING", ["enabled"], None),
        ),
        ("username,enabled\n", "has no rows", ("NO_ROWS", [], None)),
    ],
)
async def test_a_file_that_is_not_one_starts_nothing(town, text: str, why: str, told: Any) -> None:
    with pytest.raises(Refused) as refused:
        await take_in(town, text)
    assert refused.value.problem.code == "FILE_REFUSED"
    assert why in refused.value.problem.message
    assert (refused.value.problem.reason, refused.value.problem.columns, refused.value.problem.limit) == told
    for table in ("job", "import_run", "import_row", "audit_event"):
        assert await db.value(f"SELECT count(*) FROM {table}") == 0


async def test_a_file_with_too_many_rows_starts_nothing(town, quick) -> None:
    from patrongraph.settings import use_settings

    use_settings(quick.model_copy(update={"max_import_rows": 3}))
    assert await take_in(town, status_file(a="TRUE", b="TRUE", c="TRUE"))
    with pytest.raises(Refused, match="more than 3 rows, the most that one import takes; split it"):
        await take_in(town, status_file(a="TRUE", b="TRUE", c="TRUE", d="TRUE"))
    assert await db.value("SELECT count(*) FROM job") == 1
    assert await db.value("SELECT count(*) FROM import_row") == 3
