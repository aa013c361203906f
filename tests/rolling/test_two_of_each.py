"""Two APIs and two workers on one database and one Valkey: each sees what the others do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from types import ModuleType
from typing import Any

import pytest_asyncio
from tests.clients import FOLLOW, Api
from tests.fixtures_api import QUICK
from tests.torture.crashes import purge_inactive
from tests.torture.ground import Ground
from tests.town import Town, wait_until

from patrongraph import db
from patrongraph.settings import Settings

OWNERS = "SELECT DISTINCT split_part(lease_owner, ':', 2) AS pid FROM job WHERE state = 'RUNNING' ORDER BY 1"
SLOW = """
CREATE OR REPLACE FUNCTION test_slow() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep(0.01); RETURN OLD; END $$
"""
SLOW_TRIGGER = "CREATE TRIGGER test_slow_rolling BEFORE DELETE ON patron FOR EACH ROW EXECUTE FUNCTION test_slow()"
CANCEL = "mutation($id: ID!) { cancelJob(input: {id: $id}) { ... on Problem { code } __typename } }"


@pytest_asyncio.fixture
async def ground(settings: Settings, database: ModuleType) -> AsyncIterator[Ground]:
    """Kept processes on this test worker's database, where a purge takes its time."""
    await db.rows(SLOW)
    await db.rows(SLOW_TRIGGER)
    (settings.data_dir / "log").mkdir()
    place = Ground(settings.data_dir)
    place.settings = settings.model_copy(update=QUICK | {"job_concurrency": 1})
    yield place
    await place.end_processes()
    await db.rows("DROP TRIGGER test_slow_rolling ON patron")


async def _follow(api: Api, job: int, seen: list[dict[str, Any]]) -> None:
    async with aclosing(api.events(FOLLOW, {"id": f"job_{job}"})) as events:
        async for event in events:
            seen.append(event["data"]["jobProgress"])


async def test_each_api_sees_the_jobs_of_both_workers(ground: Ground, town: Town) -> None:
    first, second = await ground.start_apis(await town.token(), 2)
    await town.patrons(40, loans=3)
    jobs = [await purge_inactive(town.system, 40)]
    await town.patrons(40, loans=3)
    jobs.append(await purge_inactive(town.system, 80))
    seen: dict[tuple[int, int], list[dict[str, Any]]] = {}
    following = []
    for number, api in enumerate((first, second)):
        for job in jobs:
            seen[number, job] = []
            following.append(asyncio.create_task(_follow(api, job, seen[number, job])))
    # Everybody has seen the job waiting before there is anybody to do it.
    await wait_until(lambda: _all(seen))
    assert {events[0]["state"] for events in seen.values()} == {"QUEUED"}
    workers = [ground.start_worker(name) for name in ("worker-1", "worker-2")]
    await wait_until(lambda: _owners(2))
    async with asyncio.timeout(60):
        await asyncio.gather(*following)
    assert [worker.alone for worker in workers] == [0, 0]
    for job in jobs:
        ends = [seen[number, job][-1] for number in (0, 1)]
        assert ends[0] == ends[1]
        assert ends[0]["state"] == "SUCCEEDED"
        assert ends[0]["done"] == ends[0]["total"]
        for number in (0, 1):
            versions = [event["version"] for event in seen[number, job]]
            assert versions == sorted(set(versions))
            assert any(0 < event["done"] < event["total"] for event in seen[number, job])


async def test_what_one_api_cancels_a_subscriber_of_the_other_sees(ground: Ground, town: Town) -> None:
    first, second = await ground.start_apis(await town.token(), 2)
    await town.patrons(5)
    job = await purge_inactive(town.system, 5)
    seen: list[dict[str, Any]] = []
    following = asyncio.create_task(_follow(second, job, seen))
    await wait_until(lambda: _all({(1, job): seen}))
    assert (await first.data(CANCEL, {"id": f"job_{job}"}))["cancelJob"]["__typename"] == "JobSuccess"
    async with asyncio.timeout(60):
        await following
    assert [event["state"] for event in seen] == ["QUEUED", "CANCELLED"]
    assert seen[-1]["cancelled"] == 5
    assert len(await town.remaining()) == 5


async def _all(seen: dict[Any, list[dict[str, Any]]]) -> bool:
    return all(seen.values())


async def _owners(count: int) -> bool:
    return len(await db.rows(OWNERS)) == count
