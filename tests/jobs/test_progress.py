"""Subscribers are woken by what is announced, for their job or library only, and outlive Valkey's forgetting."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from patrongraph.jobs import actions, progress
from patrongraph.jobs.progress import ProgressReader, Wake


@pytest_asyncio.fixture
async def reader(settings, database) -> AsyncIterator[ProgressReader]:
    await progress.open_progress(settings)
    async with ProgressReader(settings) as started:
        # The first wake-up says that the reader stands at the stream's end.
        with started.subscribe(job_id=0) as mailbox:
            await anext(mailbox)
        yield started
    await progress.close_progress()


async def test_a_job_and_its_library_are_woken_and_nobody_else(reader, actor, job_id) -> None:
    with (
        reader.subscribe(job_id=job_id) as mine,
        reader.subscribe(library_id=actor.library) as library,
        reader.subscribe(library_id=actor.library + 1) as other,
    ):
        await actions.announce([job_id])
        assert await anext(mine) == Wake(frozenset({job_id}), False)
        assert await anext(library) == Wake(frozenset({job_id}), False)
        assert other._changed == set()
        assert reader.subscribers == 3
    assert reader.subscribers == 0


async def test_a_slow_subscriber_gets_the_latest_only(reader, actor, job_id, monkeypatch) -> None:
    monkeypatch.setattr(progress, "MAILBOX_JOBS", 3)
    with (
        reader.subscribe(library_id=actor.library) as slow,
        reader.subscribe(job_id=999) as last,
    ):
        for number in range(50):
            await progress.publish(job_id, actor.library, number)
        await progress.publish(999, actor.library + 1, 1)
        await anext(last)
        assert await anext(slow) == Wake(frozenset({job_id}), False)
        for number in range(10):
            await progress.publish(number, actor.library, 1)
        await progress.publish(999, actor.library + 1, 1)
        await anext(last)
        assert await anext(slow) == Wake(frozenset({0, 1, 2}), True)


async def test_a_flushed_valkey_and_a_broken_connection_are_outlived(reader, actor, job_id, valkey) -> None:
    with reader.subscribe(job_id=job_id) as mailbox:
        await actions.announce([job_id])
        await anext(mailbox)
        await valkey.flushdb()
        await actions.announce([job_id])
        assert await anext(mailbox) == Wake(frozenset({job_id}), False)
        await valkey.client_kill_filter(_type="normal", skipme=True)
        assert (await anext(mailbox)).timed
        await actions.announce([job_id])
        assert job_id in (await anext(mailbox)).job_ids


async def test_time_alone_wakes_too(reader, monkeypatch) -> None:
    monkeypatch.setattr(progress, "SELF_WAKE_SECONDS", 0.05)
    with reader.subscribe(job_id=1) as mailbox:
        assert await anext(mailbox) == Wake(frozenset(), True)


async def test_stopping_the_reader_ends_its_subscriptions(settings, database) -> None:
    reader = ProgressReader(settings)
    await reader.start()
    mailbox = reader.subscribe(job_id=1)

    async def follow() -> int:
        return len([wake async for wake in mailbox if not wake.timed])

    following = asyncio.create_task(follow())
    await asyncio.sleep(0)
    await reader.stop()
    assert await following == 0


async def test_an_absent_valkey_fails_nothing(settings, database, job_id, tmp_path) -> None:
    away = settings.model_copy(update={"redis_url": f"unix://{tmp_path}/nobody.sock"})
    await progress.open_progress(away)
    try:
        await actions.announce([job_id])
    finally:
        await progress.close_progress()


async def test_every_key_expires(reader, valkey, actor, job_id) -> None:
    await actions.announce([job_id])
    for key in await valkey.keys("*"):
        kind = await valkey.type(key)
        ttl = await valkey.ttl(key)
        # The bell's queue is emptied by a worker; its entries name keys that expire.
        assert ttl > 0 or kind == b"zset", key
