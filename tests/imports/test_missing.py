"""Patrons whom a file does not name are deactivated when asked: not above a share, and not when a row was rejected."""

import pytest
from tests.clients import why
from tests.imports.files import counted, missing_of, pupils, status_file, statuses, take_in
from tests.town import nothing_changes

from patrongraph import db
from patrongraph.imports.actions import Missing
from patrongraph.jobs.models import JobState
from patrongraph.problems import Refused


def named(*numbers: int) -> str:
    return status_file(**{f"pupil{n}": "TRUE" for n in numbers})


async def test_those_missing_become_inactive(town, other_town, work) -> None:
    ids = await pupils(town, 30)
    await pupils(other_town, 5)
    await db.rows("UPDATE patron SET status = 'INACTIVE' WHERE id = $1 RETURNING id", ids[29])
    job_id = await take_in(town, named(*range(1, 25)), missing=Missing())
    job = await work(town.id, job_id)
    assert (job.state, job.total, job.done, job.skipped) == (JobState.SUCCEEDED, 29, 29, 0)
    assert await counted(job_id) == {"rows": 24, "unchanged": 24}
    assert await missing_of(job_id) == (5, 29, 5, "DONE")
    assert await statuses(town) == {f"pupil{n}": "ACTIVE" if n < 25 else "INACTIVE" for n in range(1, 31)}
    assert set((await statuses(other_town)).values()) == {"ACTIVE"}
    audit = await db.rows("SELECT subject_id FROM audit_event WHERE action = 'patron.deactivate' ORDER BY id")
    assert [row["subject_id"] for row in audit] == ids[24:29]
    assert await db.value("SELECT count(*) FROM import_row") == 0


async def test_above_the_share_nobody_is_deactivated_unless_confirmed(town, work) -> None:
    await pupils(town, 20)
    file = named(*range(1, 16))
    preview = await take_in(town, file, missing=Missing(), dry_run=True)
    job = await work(town.id, preview)
    assert (job.state, job.total, job.done, job.skipped) == (JobState.COMPLETED_WITH_ISSUES, 20, 15, 5)
    assert await missing_of(preview) == (5, 20, 0, "TOO_MANY")
    for confirmed in (4, 6, None):
        job_id = await take_in(town, file, missing=Missing(confirm=confirmed))
        await work(town.id, job_id)
        assert await missing_of(job_id) == (5, 20, 0, "TOO_MANY")
        assert set((await statuses(town)).values()) == {"ACTIVE"}
    job_id = await take_in(town, file, missing=Missing(confirm=5))
    assert (await work(town.id, job_id)).state is JobState.SUCCEEDED
    assert await missing_of(job_id) == (5, 20, 5, "DONE")
    assert list((await statuses(town)).values()) == ["ACTIVE"] * 15 + ["INACTIVE"] * 5
    # A quarter is no more than a quarter.
    await db.rows("UPDATE patron SET status = 'ACTIVE' RETURNING id")
    job_id = await take_in(town, file, missing=Missing(maximum_share=0.25))
    await work(town.id, job_id)
    assert await missing_of(job_id) == (5, 20, 5, "DONE")


async def test_a_rejected_row_keeps_everybody_who_is_missing(town, work) -> None:
    await pupils(town, 10)
    file = named(*range(1, 9)).replace("pupil1,TRUE", "pupil1,FALSE") + "pupil99,TRUE\n"
    job_id = await take_in(town, file, missing=Missing())
    job = await work(town.id, job_id)
    assert (job.state, job.total, job.done, job.skipped) == (JobState.COMPLETED_WITH_ISSUES, 11, 8, 3)
    assert await counted(job_id) == {"rows": 9, "deactivated": 1, "unchanged": 7, "rejected": 1}
    assert await missing_of(job_id) == (2, 10, 0, "ROWS_REJECTED")
    assert list((await statuses(town)).values()) == ["INACTIVE"] + ["ACTIVE"] * 9


async def test_a_row_rejected_after_the_planning_keeps_them_too(town, work) -> None:
    ids = await pupils(town, 10)
    await db.rows(
        "CREATE OR REPLACE FUNCTION test_poison() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN IF NEW.id = {ids[0]} THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW; END $$"
    )
    await db.rows("CREATE TRIGGER test_poison BEFORE UPDATE ON patron FOR EACH ROW EXECUTE FUNCTION test_poison()")
    try:
        file = named(*range(1, 9)).replace("TRUE", "FALSE")
        job_id = await take_in(town, file, missing=Missing())
        job = await work(town.id, job_id)
    finally:
        await db.rows("DROP TRIGGER test_poison ON patron")
    assert (job.state, job.total, job.done, job.skipped, job.failed) == (
        JobState.COMPLETED_WITH_ISSUES, 10, 7, 2, 1,
    )  # fmt: skip
    assert await missing_of(job_id) == (2, 10, 0, "ROWS_REJECTED")
    assert list((await statuses(town)).values()) == ["ACTIVE"] + ["INACTIVE"] * 7 + ["ACTIVE"] * 2


async def test_only_those_of_a_category_branch_or_cohort(town, work) -> None:
    ids = await pupils(town, 12)
    await db.rows("UPDATE patron SET category = 'Staff' WHERE id = ANY($1::bigint[]) RETURNING id", ids[6:])
    await db.rows("UPDATE patron SET branch_id = NULL, cohort_id = NULL WHERE id = $1 RETURNING id", ids[5])
    expected = {f"pupil{n}": "ACTIVE" for n in range(1, 13)}
    for missing, considered, gone in (
        (Missing(category="Pupil", branch_id=town.branch, maximum_share=1), 5, ["pupil5"]),
        (Missing(category="Pupil", cohort_id=town.cohort, maximum_share=1), 4, []),
        (Missing(category="Pupil", maximum_share=1), 5, ["pupil6"]),
    ):
        job_id = await take_in(town, named(1, 2, 3, 4), missing=missing)
        await work(town.id, job_id)
        assert await missing_of(job_id) == (len(gone), considered, len(gone), "DONE")
        expected |= dict.fromkeys(gone, "INACTIVE")
        assert await statuses(town) == expected


async def test_a_strange_branch_starts_nothing(town, other_town) -> None:
    await pupils(town, 2)
    for missing, reason in (
        (Missing(branch_id=other_town.branch), ("UNKNOWN", None)), (Missing(cohort_id=99), ("UNKNOWN", None)),
        (Missing(maximum_share=2), ("TOO_LARGE", 1)), (Missing(category="\x00"), ("NOT_PRINTABLE", None)),
    ):  # fmt: skip
        async with nothing_changes():
            with pytest.raises(Refused) as refused:
                await take_in(town, named(1), missing=missing)
        assert refused.value.problem.code == "INVALID_INPUT"
        assert why(refused.value.problem) == [reason]


@pytest.mark.parametrize(("asked", "field", "reason"), [
    (Missing(maximum_share=1.5), "input.deactivateMissing.maximumShare", ("TOO_LARGE", 1)),
    (Missing(category="a\x00"), "input.deactivateMissing.category", ("NOT_PRINTABLE", None)),
    (Missing(branch_id=987_654), "input.deactivateMissing.branchId", ("UNKNOWN", None)),
    (Missing(cohort_id=987_654), "input.deactivateMissing.cohortId", ("UNKNOWN", None)),
])  # fmt: skip
async def test_what_cannot_be_asked_names_the_input(
    town, asked: Missing, field: str, reason: tuple[str, int | None]
) -> None:
    await pupils(town, 1)
    with pytest.raises(Refused) as refused:
        await take_in(town, status_file(pupil1="FALSE"), missing=asked)
    assert (refused.value.problem.code, refused.value.problem.field) == ("INVALID_INPUT", field)
    assert why(refused.value.problem) == [reason]
    assert await db.value("SELECT count(*) FROM job") == 0
