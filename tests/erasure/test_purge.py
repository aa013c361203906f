"""Purge: exactly those without obstacles go, each of the others has its codes, and what is kept is right."""

from types import ModuleType
from typing import Any

import orjson
import pytest
from tests.clients import why
from tests.erasure.support import purge_all, shown

from patrongraph import db
from patrongraph.erasure import actions
from patrongraph.erasure.actions import PurgePreview, PurgeStarted
from patrongraph.jobs.models import JobState
from patrongraph.jobs.queries import codes
from patrongraph.patrons.filters import PatronCriteria
from patrongraph.problems import Refused

SNAPSHOT = """
SELECT (SELECT count(*) FROM patron) AS patrons, (SELECT count(*) FROM loan) AS loans,
       (SELECT count(*) FROM job) AS jobs, (SELECT count(*) FROM job_item) AS items,
       (SELECT count(*) FROM audit_event) AS events, (SELECT count(*) FROM idempotency_key) AS keys
"""


async def refusal(town: Any, **asked: Any) -> Any:
    """Ask for a purge that is refused, see that nothing changed, and return the problem."""
    before = dict(await db.row(SNAPSHOT))
    with pytest.raises(Refused) as refused:
        await actions.start(town.system, **asked)
    assert dict(await db.row(SNAPSHOT)) == before
    return refused.value.problem


async def test_those_without_obstacles_go_and_the_others_have_codes(town, work, check) -> None:
    ids = await town.patrons(20, loans=3)
    await town.open_reservation(ids[1])
    await town.charge(ids[2], "4.50")
    await town.charge(ids[3], "-1.00")
    await db.rows("UPDATE patron SET protected = true WHERE id = $1 RETURNING id", ids[4])
    await db.rows("UPDATE patron SET status = 'ACTIVE' WHERE id = $1 RETURNING id", ids[5])
    started = await actions.start(town.system, patron_ids=ids)
    assert started == PurgeStarted(started.job_id, 20)
    # With loans nobody is tagged; these come between tagging and turn.
    await town.open_loan(ids[0])
    await town.open_loan(ids[1], lost=True)
    job = await work(town.id, started.job_id)
    assert (job.state, job.done, job.skipped, job.failed) == (JobState.COMPLETED_WITH_ISSUES, 14, 6, 0)
    assert await codes(town.id, job.id) == {
        "CREDIT_BALANCE": 1, "DEBTS": 1, "NOT_INACTIVE": 1, "OPEN_LOANS": 2, "OPEN_RESERVATIONS": 1,
        "PROTECTED": 1,
    }  # fmt: skip
    both = await db.value("SELECT codes FROM job_item WHERE patron_id = $1", ids[1])
    assert both == ["OPEN_LOANS", "OPEN_RESERVATIONS"]
    await check(town, job, erased=ids[6:], kept=ids[:6], loans=3)


async def test_statistics_hold_dates_and_no_patron(town, work) -> None:
    ids = await town.patrons(2, loans=1)
    job = await actions.start(town.system, patron_ids=ids)
    assert (await work(town.id, job.job_id)).state is JobState.SUCCEEDED
    kept = await db.rows("SELECT * FROM loan_statistic")
    assert len(kept) == 2
    for row in kept:
        values = dict(row)
        assert not any("patron" in name for name in values)
        assert (str(values["checked_out_on"]), str(values["returned_on"])) == ("2025-03-04", "2025-03-20")
        assert (values["title"], values["material_type"]) == ("Title 1", "BOOK")
        assert (values["category"], values["cohort_code"], values["lost"]) == ("Pupil", "Y9", False)
        assert (values["branch_id"], values["item_branch_id"]) == (town.branch, town.branch)


async def test_without_retention_loans_leave_no_statistics(town, work, check) -> None:
    await town.policy(retain_deleted_patron_loans=False)
    ids = await town.patrons(5, loans=2)
    started = await actions.start(town.system, patron_ids=ids)
    job = await work(town.id, started.job_id)
    await check(town, job, erased=ids, kept=[], loans=2, retained=False)


async def test_a_filter_purges_the_confirmed_number_of_inactive_patrons(town, other_town, work, check) -> None:
    ids = await town.patrons(30, loans=2)
    active = await town.patrons(3, status="ACTIVE")
    theirs = await other_town.patrons(4, loans=2)
    chosen = PatronCriteria(category="Pupil", branch_id=town.branch, cohort_id=town.cohort)
    problem = await refusal(town, criteria=chosen)
    assert (problem.code, problem.current_count) == ("CONFIRMATION_MISMATCH", 30)
    problem = await refusal(town, criteria=chosen, confirm_count=29)
    assert (problem.code, problem.current_count) == ("CONFIRMATION_MISMATCH", 30)
    started = await purge_all(town.system, chosen)
    assert started.count == 30
    job = await work(town.id, started.job_id)
    assert job.state is JobState.SUCCEEDED
    assert await other_town.remaining() == theirs
    await check(town, job, erased=ids, kept=active, loans=2)


@pytest.mark.parametrize(
    ("chosen", "matches"),
    [
        (PatronCriteria(), 4),
        (PatronCriteria(search="ÅSA"), 1),
        (PatronCriteria(search="first4 last"), 1),
        (PatronCriteria(search="first%"), 0),
        (PatronCriteria(category="pupil"), 0),
        (PatronCriteria(branch_id=0), 0),
    ],
)
async def test_a_filter_matches(town, chosen: PatronCriteria, matches: int) -> None:
    ids = await town.patrons(4)
    await db.rows("UPDATE patron SET first_name = 'Åsa' WHERE id = $1 RETURNING id", ids[0])
    if not matches:
        problem = await refusal(town, criteria=chosen, confirm_count=0)
        assert problem.code == "NOTHING_MATCHES"
        return
    preview = await shown(town.system, chosen)
    assert preview == PurgePreview(matches, matches, {}, 0, preview.confirmation)


async def test_a_dry_run_counts_and_changes_nothing(town) -> None:
    ids = await town.patrons(6, loans=1)
    await town.open_loan(ids[0])
    await town.charge(ids[0], "1.00")
    await town.charge(ids[1], "1.00")
    before = dict(await db.row(SNAPSHOT))
    preview = await shown(town.system)
    assert preview == PurgePreview(6, 4, {"OPEN_LOANS": 1, "DEBTS": 2}, 0, preview.confirmation)
    assert await actions.start(town.system, patron_ids=ids[:2], dry_run=True) == PurgePreview(
        2, 0, {"OPEN_LOANS": 1, "DEBTS": 2}, 0
    )
    assert dict(await db.row(SNAPSHOT)) == before


async def test_more_ids_than_the_library_allows_are_refused(town) -> None:
    await town.policy(max_purge_per_operation=3)
    ids = await town.patrons(4)
    problem = await refusal(town, patron_ids=ids)
    assert (problem.code, problem.limit) == ("TOO_MANY", 3)


async def test_unknown_and_foreign_ids_are_refused_alike(town, other_town) -> None:
    ids, theirs = await town.patrons(2), await other_town.patrons(1)
    foreign = await refusal(town, patron_ids=[*ids, *theirs])
    unknown = await refusal(town, patron_ids=[*ids, 999_999])
    assert (foreign.code, foreign.message) == (unknown.code, unknown.message)
    assert foreign.code == "NOT_FOUND"


async def test_neither_or_both_or_no_ids_are_refused(town) -> None:
    ids = await town.patrons(1)
    for asked, reason in (
        ({}, "REQUIRED"), ({"patron_ids": ids, "criteria": PatronCriteria()}, "CONTRADICTION"),
        ({"patron_ids": []}, "REQUIRED"),
    ):  # fmt: skip
        problem = await refusal(town, **asked)
        assert (problem.code, why(problem)) == ("INVALID_INPUT", [(reason, None)])


async def test_the_same_key_gives_the_same_job(town, work) -> None:
    ids = await town.patrons(2)
    first = await actions.start(town.system, patron_ids=ids, idempotency_key="k1")
    await work(town.id, first.job_id)
    again = await actions.start(town.system, patron_ids=[ids[1], ids[0]], idempotency_key="k1")
    assert again == PurgeStarted(first.job_id, 2, replayed=True)
    assert (await refusal(town, patron_ids=ids[:1], idempotency_key="k1")).code == "IDEMPOTENCY_MISMATCH"
    assert await db.value("SELECT count(*) FROM job") == 1


async def test_a_refused_request_leaves_its_key_free(town) -> None:
    await refusal(town, criteria=PatronCriteria(), confirm_count=1, idempotency_key="k")
    await town.patrons(1)
    assert (await refusal(town, criteria=PatronCriteria(), confirm_count=1, idempotency_key="k")).code == (
        "CONFIRMATION_VOID"
    )
    started = await purge_all(town.system, idempotency_key="k")
    assert (started.count, started.replayed) == (1, False)


async def test_a_patron_purged_meanwhile_is_already_gone(town, work) -> None:
    ids = await town.patrons(3)
    first = await actions.start(town.system, patron_ids=ids[:2])
    second = await actions.start(town.system, patron_ids=ids)
    job, again = await work(town.id, first.job_id), await work(town.id, second.job_id)
    assert (job.done, again.done, again.state) == (2, 3, JobState.SUCCEEDED)
    gone = await codes(town.id, job.id), await codes(town.id, again.id)
    assert sum(counted.get("ALREADY_GONE", 0) for counted in gone) == 2
    assert await db.value("SELECT count(*) FROM tombstone") == 3


async def test_a_small_debt_is_written_off(town, work) -> None:
    await town.policy(purge_waive_limit=5)
    ids = await town.patrons(3)
    await town.charge(ids[0], "2.00")
    await town.charge(ids[0], "3.00")
    await town.charge(ids[1], "5.01")
    started = await actions.start(town.system, patron_ids=ids)
    job = await work(town.id, started.job_id)
    assert (job.done, job.skipped) == (2, 1)
    assert await town.remaining() == [ids[1]]
    detail = orjson.loads(await db.value("SELECT detail FROM audit_event WHERE action = 'purge.chunk'"))
    assert (detail["written_off"], detail["reasons"]) == ("5.00", {"DEBTS": 1})


async def test_a_group_is_dissolved_with_its_last_member(town, work) -> None:
    ids = await town.patrons(5)
    whole, part = await town.group(*ids[:2]), await town.group(*ids[2:4])
    await db.rows(
        "INSERT INTO privacy_waiver (library_id, patron_id, group_id, granted_at)"
        " VALUES ($1, $2, $3, now()) RETURNING id",
        town.id, ids[4], whole,
    )  # fmt: skip
    started = await actions.start(town.system, patron_ids=ids[:3])
    assert (await work(town.id, started.job_id)).state is JobState.SUCCEEDED
    assert [row["id"] for row in await db.rows("SELECT id FROM patron_group")] == [part]
    assert await db.value("SELECT patron_id FROM group_membership") == ids[3]
    assert await db.value("SELECT count(*) FROM privacy_waiver") == 0
    assert await town.remaining() == ids[3:]


async def test_a_person_goes_with_the_last_account(town, other_town, work) -> None:
    mine, theirs = await town.patrons(2), await other_town.patrons(1)
    people = [await db.value("INSERT INTO person DEFAULT VALUES RETURNING id") for _ in range(2)]
    link = "UPDATE patron SET person_id = $2 WHERE id = ANY($1::bigint[]) RETURNING id"
    await db.rows(link, [mine[0], *theirs], people[0])
    await db.rows(link, [mine[1]], people[1])
    started = await actions.start(town.system, patron_ids=mine)
    assert (await work(town.id, started.job_id)).state is JobState.SUCCEEDED
    assert [row["id"] for row in await db.rows("SELECT id FROM person")] == [people[0]]
    assert await other_town.remaining() == theirs


async def test_an_export_in_progress_is_an_obstacle_and_a_finished_one_goes(
    town, work, settings, database: ModuleType
) -> None:
    from patrongraph.exports.actions import start_patron_export

    ids = await town.patrons(2)
    running = await start_patron_export(town.system, ids[0])
    await db.rows("UPDATE job SET state = 'PAUSED' WHERE id = $1 RETURNING id", running)
    export = await start_patron_export(town.system, ids[1])
    assert (await work(town.id, export)).state is JobState.SUCCEEDED
    assert len(list(settings.exports_dir.iterdir())) == 1
    started = await actions.start(town.system, patron_ids=ids)
    job = await work(town.id, started.job_id)
    assert (job.done, job.skipped) == (1, 1)
    assert await codes(town.id, job.id) == {"EXPORT_IN_PROGRESS": 1}
    assert await town.remaining() == [ids[0]]
    assert list(settings.exports_dir.iterdir()) == []


async def test_days_of_grace_end_in_erasure(town, work) -> None:
    await town.policy(grace_days=30)
    ids = await town.patrons(4, loans=1)
    started = await actions.start(town.system, patron_ids=ids)
    job = await work(town.id, started.job_id)
    assert (job.state, await codes(town.id, job.id)) == (JobState.SUCCEEDED, {"PENDING_PURGE": 4})
    assert await town.remaining() == ids
    assert await actions.start_due() == []
    await db.rows("UPDATE patron SET purge_after = now() WHERE id <> $1 RETURNING id", ids[0])
    await town.open_loan(ids[1])
    [due] = await actions.start_due()
    assert await actions.start_due() == []
    # Restored after the job was made: it must not be erased.
    await db.rows("UPDATE patron SET status = 'INACTIVE', purge_after = NULL WHERE id = $1 RETURNING id", ids[2])
    job = await work(town.id, due)
    assert (job.done, job.skipped) == (1, 2)
    assert await codes(town.id, due) == {"OPEN_LOANS": 1, "RESTORED": 1}
    assert await town.remaining() == ids[:3]
    assert await db.value("SELECT count(*) FROM loan_statistic") == 1
    assert await actions.start_due() == []
