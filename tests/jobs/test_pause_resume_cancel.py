"""pauseJob, resumeJob and cancelJob through the API: what is done stays done, by those who may start such a job."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.clients import Api, sse
from tests.fixtures_api import working
from tests.town import Town, nothing_changes, wait_until

from patrongraph import db
from patrongraph.erasure import actions as erasure
from patrongraph.exports.actions import start_patron_export
from patrongraph.permissions import Permission
from patrongraph.settings import Settings

ANSWER = """{
  __typename
  ... on JobSuccess { job { id state total done cancelled finishedAt } }
  ... on Problem { code message }
  ... on JobStateConflict { state }
}"""
VERBS = {
    verb: f"mutation($id: ID!) {{ found: {verb}Job(input: {{id: $id}}) {ANSWER} }}"
    for verb in ("pause", "resume", "cancel")
}
STREAM = {"accept": "text/event-stream"}
JOB = "query($id: ID!) { job(id: $id) { id state } }"
JOBS = "query($state: JobState) { jobs(first: 10, state: $state) { totalCount edges { node { id } } } }"


async def move(api: Api, verb: str, job: int, token: str) -> Any:
    return (await api.data(VERBS[verb], {"id": f"job_{job}"}, token))["found"]


async def add_purge(town: Town, patrons: int = 3) -> int:
    started = await erasure.start(town.system, patron_ids=await town.patrons(patrons))
    assert isinstance(started, erasure.PurgeStarted)
    return started.job_id


@pytest.fixture
async def token(town: Town) -> str:
    return await town.token(Permission.PATRONS_VIEW, Permission.PATRONS_PURGE)


class Gates:
    """Two places where a purge stands still in the middle of a chunk until its gate is opened."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection

    async def open(self, number: int) -> None:
        assert await self._connection.fetchval("SELECT pg_advisory_unlock(20261122, $1)", number)

    async def reached(self, waiting: int) -> bool:
        """Whether that many sessions wait: the worker at a gate, and whoever wants the job's row meanwhile."""
        found: int = await self._connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return found == waiting


@pytest.fixture
async def gates(town: Town, settings: Settings) -> AsyncIterator[Gates]:
    """Gate 1 is before patron 11 and gate 2 before patron 31."""
    await db.rows(
        "CREATE OR REPLACE FUNCTION test_gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF OLD.id > 10 THEN PERFORM pg_advisory_xact_lock_shared(20261122, 1); END IF;"
        " IF OLD.id > 30 THEN PERFORM pg_advisory_xact_lock_shared(20261122, 2); END IF;"
        " RETURN OLD; END $$"
    )
    await db.rows("CREATE TRIGGER test_gate BEFORE DELETE ON patron FOR EACH ROW EXECUTE FUNCTION test_gate()")
    connection = await asyncpg.connect(settings.database_url)
    await connection.execute("SELECT pg_advisory_lock(20261122, 1), pg_advisory_lock(20261122, 2)")
    yield Gates(connection)
    await connection.close()
    await db.rows("DROP TRIGGER test_gate ON patron")


async def test_a_job_that_waits_is_paused_resumed_and_cancelled(api: Api, town: Town, token: str) -> None:
    job = await add_purge(town)
    waiting = {"id": f"job_{job}", "total": 3, "done": 0, "cancelled": 0, "finishedAt": None}
    for verb, state in (("pause", "PAUSED"), ("resume", "QUEUED"), ("pause", "PAUSED")):
        found = await move(api, verb, job, token)
        assert found == {"__typename": "JobSuccess", "job": waiting | {"state": state}}
        async with nothing_changes():  # the same again is no error and no event
            assert (await move(api, verb, job, token)) == found
        assert await api.data(JOBS, {"state": state}, token) == {
            "jobs": {"totalCount": 1, "edges": [{"node": {"id": f"job_{job}"}}]}
        }
    found = await move(api, "cancel", job, token)
    assert (found["job"]["state"], found["job"]["done"], found["job"]["cancelled"]) == ("CANCELLED", 0, 3)
    assert found["job"]["finishedAt"] is not None
    events = await db.rows("SELECT action FROM audit_event WHERE action LIKE 'job.%' ORDER BY id")
    assert [event["action"] for event in events] == ["job.pause", "job.resume", "job.pause", "job.cancel"]
    async with nothing_changes():
        assert (await move(api, "cancel", job, token))["__typename"] == "JobSuccess"
        for verb in ("pause", "resume"):
            found = await move(api, verb, job, token)
            assert (found["code"], found["state"]) == ("JOB_STATE", "CANCELLED")
            assert found["message"] == f"A job that is CANCELLED cannot be {verb}d."


async def test_a_purge_stops_where_it_is_told_and_goes_on(
    api: Api, town: Town, token: str, gates: Gates, settings: Settings, worker_log: Path
) -> None:
    ids = await town.patrons(60, loans=20)  # so many loans that a chunk is 5 patrons
    assert ids[0] == 1
    started = await erasure.start(town.system, patron_ids=ids)
    assert isinstance(started, erasure.PurgeStarted)
    job = started.job_id

    async def let_go() -> bool:
        return (await db.value("SELECT lease_owner FROM job")) is None

    with working(settings, worker_log):
        events = api.events("subscription($id: ID!) { jobProgress(id: $id) { state } }", {"id": f"job_{job}"}, token)
        states = [(await anext(events))["data"]["jobProgress"]["state"]]
        await wait_until(lambda: gates.reached(1))
        # Two chunks are committed, the third is at work. A pause waits until it is: nothing is left half done.
        pausing = asyncio.create_task(move(api, "pause", job, token))
        await wait_until(lambda: gates.reached(2))
        assert await town.remaining() == ids[10:]
        await gates.open(1)
        paused = (await pausing)["job"]
        assert (paused["state"], paused["finishedAt"]) == ("PAUSED", None)
        while states[-1] != "PAUSED":
            states.append((await anext(events))["data"]["jobProgress"]["state"])
        await wait_until(let_go)
        done = await db.value("SELECT count(*) FROM job_item WHERE state = 'DONE'")
        assert 15 <= done <= 30
        assert await town.remaining() == ids[done:]
        assert await db.value("SELECT count(*) FROM tombstone") == done
        assert (await move(api, "resume", job, token))["job"]["state"] == "RUNNING"
        await wait_until(lambda: gates.reached(1))
        assert await town.remaining() == ids[30:]
        cancelling = asyncio.create_task(move(api, "cancel", job, token))
        await wait_until(lambda: gates.reached(2))
        await gates.open(2)
        ended = (await cancelling)["job"]
        states += [event["data"]["jobProgress"]["state"] async for event in events]
    assert (ended["state"], ended["total"], ended["done"] + ended["cancelled"]) == ("CANCELLED", 60, 60)
    assert 35 <= ended["done"] < 60
    assert await town.remaining() == ids[ended["done"] :]
    assert await db.value("SELECT count(*) FROM tombstone") == ended["done"]
    assert states[-1] == "CANCELLED"


@pytest.mark.parametrize("verb", VERBS)
async def test_a_finished_job_is_not_moved(api: Api, town: Town, token: str, verb: str) -> None:
    job = await add_purge(town)
    await db.rows("UPDATE job SET state = 'SUCCEEDED', finished_at = now() RETURNING id")
    async with nothing_changes():
        found = await move(api, verb, job, token)
    assert (found["code"], found["state"]) == ("JOB_STATE", "SUCCEEDED")


@pytest.mark.parametrize("verb", VERBS)
async def test_who_may_not_start_such_a_job_may_not_stop_it(api: Api, town: Town, token: str, verb: str) -> None:
    purge = await add_purge(town)
    [patron] = await town.patrons(1)
    export = await start_patron_export(town.system, patron)
    lookers = {
        purge: await town.token(*(frozenset(Permission) - {Permission.PATRONS_PURGE})),
        export: await town.token(*(frozenset(Permission) - {Permission.PATRONS_DOWNLOAD_DATA})),
    }
    blind = await town.token(Permission.PATRONS_PURGE, Permission.PATRONS_DOWNLOAD_DATA)
    async with nothing_changes():
        for job, looker in lookers.items():
            assert (await api.data(JOB, {"id": f"job_{job}"}, looker))["job"]["id"] == f"job_{job}"
            answer = await api.post(VERBS[verb], {"id": f"job_{job}"}, looker)
            [error] = answer.json()["errors"]
            assert (answer.json()["data"], error["extensions"]["code"], error["path"]) == (None, "FORBIDDEN", ["found"])
            assert ("PATRONS_PURGE" if job == purge else "PATRONS_DOWNLOAD_DATA") in error["message"]
            assert await api.refused(VERBS[verb], {"id": f"job_{job}"}, blind) == ["FORBIDDEN"]
            assert await api.refused(VERBS[verb], {"id": f"job_{job}"}) == ["UNAUTHENTICATED"]


@pytest.mark.parametrize("verb", VERBS)
async def test_another_librarys_job_is_as_unknown_as_one_that_never_was(
    api: Api, town: Town, other_town: Town, token: str, verb: str
) -> None:
    theirs = await add_purge(other_town)
    follow = "subscription($id: ID!) { jobProgress(id: $id) { state } }"
    async with nothing_changes():
        foreign, unknown = await move(api, verb, theirs, token), await move(api, verb, 999_999, token)
        assert foreign == unknown
        assert foreign["code"] == "NOT_FOUND"
        assert await api.data(JOB, {"id": f"job_{theirs}"}, token) == {"job": None}
        assert await api.data(JOBS, {}, token) == {"jobs": {"totalCount": 0, "edges": []}}
        for job in (f"job_{theirs}", "job_999999"):
            async with api.client() as client:
                payload = {"query": follow, "variables": {"id": job}}
                answer = await client.post("/graphql/stream", json=payload, headers=api.headers(token) | STREAM)
            [(name, told), _] = [event async for event in sse(answer)]
            [error] = json.loads(told)["errors"]
            assert (answer.status_code, name, error["extensions"]["code"]) == (200, "next", "BAD_ARGUMENT")
            assert error["message"] == f"Argument id: '{job}' was not found in your library."
