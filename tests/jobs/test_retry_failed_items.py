"""retryFailedItems and `patrongraph jobs retry`: a purge does again what failed, in the name of whoever asks for it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from types import ModuleType
from typing import Any

import orjson
import pytest
import pytest_asyncio
from tests.clients import Api
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.context import Actor
from patrongraph.erasure import actions as erasure
from patrongraph.jobs import actions as jobs
from patrongraph.permissions import Permission

RETRY = """
mutation($job: ID!, $key: String) { retryFailedItems(input: {jobId: $job, idempotencyKey: $key}) {
  __typename
  ... on RetryFailedItemsSuccess {
    count job { id state total done skipped failed cancelled error finishedAt version startedBy { id } }
  }
  ... on Problem { code message }
  ... on InvalidInput { field fields { reason limit } }
  ... on JobStateConflict { state }
} }
"""
POISON = """
CREATE OR REPLACE FUNCTION test_poison() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.last_name = 'Poison' THEN RAISE EXCEPTION 'cannot delete'; END IF;
    RETURN OLD;
END $$
"""
NUMBERS = ("state", "total", "done", "skipped", "failed", "cancelled")


@pytest_asyncio.fixture(autouse=True)
async def poison(database: ModuleType) -> AsyncIterator[None]:
    """Patrons of the name Poison cannot be deleted."""
    await db.rows(POISON)
    await db.rows("CREATE TRIGGER test_poison BEFORE DELETE ON patron FOR EACH ROW EXECUTE FUNCTION test_poison()")
    yield
    await db.rows("DROP TRIGGER test_poison ON patron")


async def name(last_name: str, *ids: int) -> None:
    await db.rows("UPDATE patron SET last_name = $1 WHERE id = ANY($2::bigint[]) RETURNING id", last_name, ids)


async def retry(api: Api, token: str, job: int, key: str | None = None) -> Any:
    return (await api.data(RETRY, {"job": f"job_{job}", "key": key}, token))["retryFailedItems"]


async def refused(api: Api, token: str, job: int, key: str | None = None) -> Any:
    async with nothing_changes():
        return await retry(api, token, job, key)


async def ended(api: Api, token: str, job: int) -> list[dict[str, Any]]:
    """Follow the job to its end; return what was told."""
    return await api.follow(f"job_{job}", token)


def numbers(told: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(told[each] for each in NUMBERS)


async def start(actor: Actor, ids: list[int]) -> int:
    started = await erasure.start(actor, patron_ids=ids)
    assert isinstance(started, erasure.PurgeStarted)
    return started.job_id


async def states(job: int) -> list[tuple[str, list[str], bool]]:
    found = await db.rows(
        "SELECT state, codes, reason IS NULL AS fine FROM job_item WHERE job_id = $1 ORDER BY id", job
    )
    return [tuple(row) for row in found]


async def events(action: str) -> list[tuple[Any, ...]]:
    found = await db.rows(
        "SELECT actor_kind, actor_id, subject_id, job_id, detail FROM audit_event WHERE action = $1 ORDER BY id", action
    )
    return [(*tuple(row)[:4], orjson.loads(row["detail"])) for row in found]


@pytest.fixture
async def token(town: Town) -> str:
    return await town.token(Permission.PATRONS_VIEW, Permission.PATRONS_PURGE)


@pytest.mark.usefixtures("worker_process")
async def test_what_failed_is_done_again_and_what_was_settled_stays(api: Api, town: Town, token: str) -> None:
    ids = await town.patrons(10, loans=1)
    await town.charge(ids[9], "1.00")
    await name("Poison", *ids[:3])
    job = await start(await town.staff(Permission.PATRONS_PURGE), ids)
    first = await ended(api, token, job)
    assert numbers(first[-1]) == ("COMPLETED_WITH_ISSUES", 10, 6, 1, 3, 0)
    settled = await db.rows("SELECT id, finished_at FROM job_item WHERE state IN ('DONE', 'SKIPPED') ORDER BY id")
    reasons = await db.rows("SELECT attempts FROM job_item WHERE state = 'FAILED'")
    assert all(row["attempts"] > 0 for row in reasons)

    await name("Better", ids[0])
    await town.open_loan(ids[1])
    again = await retry(api, token, job)
    told = again["job"]
    assert (again["count"], numbers(told)) == (3, (told["state"], 10, told["done"], told["skipped"], told["failed"], 0))
    assert told["version"] > first[-1]["version"]
    assert told["startedBy"] is None  # a token's doing now
    second = await ended(api, token, job)
    assert numbers(second[-1]) == ("COMPLETED_WITH_ISSUES", 10, 7, 2, 1, 0)
    versions = [event["version"] for event in second]
    assert versions == sorted(set(versions))
    assert versions[-1] > told["version"] > first[-1]["version"]
    assert await town.remaining() == [ids[1], ids[2], ids[9]]
    assert (await states(job))[:3] == [("DONE", [], True), ("SKIPPED", ["OPEN_LOANS"], True), ("FAILED", [], False)]
    kept = await db.rows(
        "SELECT id, finished_at FROM job_item WHERE id = ANY($1) ORDER BY id", [r["id"] for r in settled]
    )
    assert [tuple(row) for row in kept] == [tuple(row) for row in settled]

    await name("Better", ids[2])
    assert (await retry(api, token, job))["count"] == 1
    assert numbers((await ended(api, token, job))[-1]) == ("COMPLETED_WITH_ISSUES", 10, 8, 2, 0, 0)
    assert await db.value("SELECT count(*) FROM loan_statistic") == 8
    assert await db.value("SELECT count(*) FROM tombstone WHERE job_id = $1", job) == 8
    who = await db.value("SELECT id FROM api_token")
    assert await events("job.retry") == [("TOKEN", who, job, job, {"patrons": n}) for n in (3, 1)]
    assert (await refused(api, token, job))["code"] == "NOTHING_TO_RETRY"


@pytest.mark.usefixtures("worker_process")
async def test_a_job_that_failed_goes_on_in_the_name_of_whoever_retries(api: Api, town: Town, token: str) -> None:
    """Its starter may not purge any more: nobody was reached. Whoever retries answers for the rest."""
    starter = await town.staff(Permission.PATRONS_PURGE)
    ids = await town.patrons(3)
    job = await start(starter, ids)
    await db.rows("UPDATE staff_user SET active = false RETURNING id")
    assert numbers((await ended(api, token, job))[-1]) == ("FAILED", 3, 0, 0, 0, 3)
    assert await db.value("SELECT error FROM job") is not None
    again = await retry(api, token, job)
    assert (again["count"], again["job"]["error"], again["job"]["startedBy"]) == (3, None, None)
    assert numbers((await ended(api, token, job))[-1]) == ("SUCCEEDED", 3, 3, 0, 0, 0)
    who = await db.value("SELECT id FROM api_token")
    row = await db.row("SELECT started_by_id, token_id, error FROM job WHERE id = $1", job)
    assert row is not None
    assert tuple(row) == (None, who, None)
    assert {event[:2] for event in await events("purge.chunk")} == {("TOKEN", who)}
    assert [event[:2] for event in await events("purge.start")] == [("STAFF", starter.id)]
    assert await town.remaining() == []


@pytest.mark.usefixtures("worker_process")
async def test_the_retriers_permission_is_looked_at_when_it_runs(api: Api, town: Town, token: str) -> None:
    ids = await town.patrons(2)
    await name("Poison", *ids)
    job = await start(town.system, ids)
    assert numbers((await ended(api, token, job))[-1]) == ("COMPLETED_WITH_ISSUES", 2, 0, 0, 2, 0)
    await name("Better", *ids)
    retrier = await town.staff(Permission.PATRONS_PURGE)
    await db.rows("UPDATE role SET permissions = '{PATRONS_VIEW}' RETURNING id")
    assert await jobs.retry(retrier, job) == jobs.Retried(job, 2)  # what was allowed when the request came in
    assert numbers((await ended(api, token, job))[-1]) == ("FAILED", 2, 0, 0, 0, 2)
    assert await town.remaining() == ids


@pytest.mark.usefixtures("worker_process")
async def test_from_the_command_line(api: Api, town: Town, token: str, run_cli: Callable[..., Any]) -> None:
    ids = await town.patrons(2)
    await name("Poison", ids[0])
    job = await start(town.system, ids)
    assert (await ended(api, token, job))[-1]["failed"] == 1
    await name("Better", ids[0])
    retried = await asyncio.to_thread(run_cli, "jobs", "retry", str(job), "--json")
    assert retried.returncode == 0, retried.stderr
    assert orjson.loads(retried.stdout).items() >= {"id": job, "total": 2, "codes": {}}.items()
    assert numbers((await ended(api, token, job))[-1]) == ("SUCCEEDED", 2, 2, 0, 0, 0)
    assert await events("job.retry") == [("SYSTEM", None, job, job, {"patrons": 1})]
    assert await town.remaining() == []
    late = await asyncio.to_thread(run_cli, "jobs", "retry", str(job))
    assert (late.returncode, late.stdout) == (1, "")
    assert "Nothing failed in this job" in late.stderr
