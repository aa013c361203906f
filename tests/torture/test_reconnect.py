"""Whoever follows a job over an API that dies comes back, and ends on what the database says."""

import asyncio
from collections.abc import AsyncIterator
from types import ModuleType

import pytest_asyncio
from tests.fixtures_api import QUICK
from tests.torture.crashes import purge_inactive
from tests.torture.followers import NUMBERS, Follower
from tests.torture.ground import Ground
from tests.torture.run import TRUTH
from tests.town import Town, wait_until

from patrongraph import db
from patrongraph.settings import Settings

SLOW = """
CREATE OR REPLACE FUNCTION test_slow() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep(0.005); RETURN OLD; END $$
"""
SLOW_TRIGGER = "CREATE TRIGGER test_slow_torture BEFORE DELETE ON patron FOR EACH ROW EXECUTE FUNCTION test_slow()"
DONE = "SELECT count(*)::int FROM job_item WHERE job_id = $1 AND state <> 'PENDING'"


@pytest_asyncio.fixture
async def ground(settings: Settings, database: ModuleType) -> AsyncIterator[Ground]:
    """Kept processes on this test worker's database."""
    await db.rows(SLOW)
    await db.rows(SLOW_TRIGGER)
    (settings.data_dir / "log").mkdir()
    place = Ground(settings.data_dir)
    place.settings = settings.model_copy(update=QUICK)
    yield place
    await place.end_processes()
    await db.rows("DROP TRIGGER test_slow_torture ON patron")


async def test_followers_come_back_after_the_api_died(ground: Ground, town: Town) -> None:
    await town.patrons(200, loans=3)
    job = await purge_inactive(town.system, 200)
    api = await ground.start_api(await town.token())
    [kept] = ground.kept
    followers = [Follower(api, f"job_{job}", door) for door in ("ws", "sse")]
    following = [asyncio.create_task(follower.run()) for follower in followers]
    await wait_until(lambda: _all_see(followers))
    ground.start_worker("worker")
    for _ in range(2):
        before, seen = await db.value(DONE, job), [follower.events for follower in followers]
        await wait_until(lambda before=before: _done(job, before))
        await wait_until(lambda seen=seen: _more(followers, seen))
        assert kept.kill()
    async with asyncio.timeout(60):
        await asyncio.gather(*following)
    truth = await db.row(TRUTH, job)
    assert truth is not None
    assert (truth["state"], truth["done"], kept.kills) == ("SUCCEEDED", 200, 2)
    for follower in followers:
        assert follower.compare({name: truth[name] for name in ("state", "version", *NUMBERS)}) == []
        assert follower.connections > 1


async def _all_see(followers: list[Follower]) -> bool:
    return all(follower.events for follower in followers)


async def _done(job: int, before: int) -> bool:
    return await db.value(DONE, job) > before


async def _more(followers: list[Follower], seen: list[int]) -> bool:
    return any(follower.events > count for follower, count in zip(followers, seen, strict=True))
