"""A subscriber sees the row first, then each change, then the final state; those who ask the same share one reading."""

import asyncio
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import orjson
import pytest
import pytest_asyncio
from tests.graph.library import NORTH, SOUTH, actor, number

from patrongraph import db
from patrongraph.context import ANONYMOUS, Actor, Context
from patrongraph.graph.engine import Answer, Engine, Request
from patrongraph.jobs import progress
from patrongraph.jobs.progress import ProgressReader
from patrongraph.permissions import ALL_PERMISSIONS, Permission
from patrongraph.settings import Settings

ME = actor(NORTH)
FOLLOW = "subscription($id: ID!) { jobProgress(id: $id) { id state total done skipped version } }"
SECONDS = 30


@pytest_asyncio.fixture
async def reader(settings: Settings, libraries: ModuleType) -> AsyncIterator[ProgressReader]:
    """The process's reader of the progress stream, as the API has it."""
    await progress.open_progress(settings)
    async with ProgressReader(settings) as started:
        with started.subscribe(job_id=0) as mailbox:
            await anext(mailbox)
        yield started
    await progress.close_progress()


@pytest_asyncio.fixture
async def job(libraries: ModuleType) -> int:
    """A purge of NORTH's that runs, with three items to do."""
    found: int = await db.value(
        "INSERT INTO job (library_id, kind, state, started_at) VALUES ($1, 'PURGE', 'RUNNING', now()) RETURNING id",
        NORTH,
    )
    await db.rows(
        "INSERT INTO job_item (job_id, library_id, patron_id) SELECT $1, $2, n FROM generate_series(1, 3) n",
        found, NORTH,
    )  # fmt: skip
    return found


async def settle(job: int, patron: int, state: str = "DONE") -> None:
    """Change a row behind everybody's back."""
    await db.rows("UPDATE job_item SET state = $3 WHERE job_id = $1 AND patron_id = $2", job, patron, state)
    await db.rows("UPDATE job SET version = version + 1 WHERE id = $1", job)


async def finish(job: int) -> None:
    await db.rows("UPDATE job SET state = 'SUCCEEDED', finished_at = now(), version = version + 1 WHERE id = $1", job)


class Listener:
    """One subscriber."""

    def __init__(self, events: AsyncIterator[bytes]) -> None:
        self.events = events

    async def next(self, field: str = "jobProgress") -> Any:
        async with asyncio.timeout(SECONDS):
            envelope = orjson.loads(await anext(self.events))
        assert list(envelope) == ["data", "extensions"]
        return envelope["data"][field]

    async def ended(self) -> bool:
        async with asyncio.timeout(SECONDS):
            return [event async for event in self.events] == []

    async def leave(self) -> None:
        await self.events.aclose()  # type: ignore[attr-defined]


async def listen(engine: Engine, job: int, who: Actor = ME, query: str = FOLLOW) -> Listener:
    found = await engine.subscribe(Request(query, None, {"id": f"job_{job}"}), Context(who, "a test"))
    assert not isinstance(found, Answer), found
    return Listener(found)


async def refused(engine: Engine, query: str, variables: dict[str, Any], who: Actor = ME) -> tuple[int, list[str]]:
    found = await engine.subscribe(Request(query, None, variables), Context(who, "a test"))
    assert isinstance(found, Answer)
    envelope = orjson.loads(found.body)
    assert "data" not in envelope
    return found.status, [error["extensions"]["code"] for error in envelope["errors"]]


async def test_the_row_then_changes_then_the_end(engine: Engine, reader: ProgressReader, job: int) -> None:
    listener = await listen(engine, job)
    shown = {"id": f"job_{job}", "state": "RUNNING", "total": 3, "done": 0, "skipped": 0, "version": 1}
    assert await listener.next() == shown
    await settle(job, 1)
    await progress.publish(job, NORTH, 2)
    assert await listener.next() == {**shown, "done": 1, "version": 2}
    await settle(job, 2, "SKIPPED")
    await settle(job, 3)
    await finish(job)
    await progress.publish(job, NORTH, 5)
    final = await listener.next()
    while final["state"] == "RUNNING":
        final = await listener.next()
    assert final == {**shown, "state": "SUCCEEDED", "done": 2, "skipped": 1, "version": 5}
    assert await listener.ended()
    assert reader.subscribers == 0
    assert engine._feeds._feeds == {}


async def test_a_finished_job_is_shown_once(engine: Engine, reader: ProgressReader) -> None:
    listener = await listen(engine, number(NORTH, 1))
    assert (await listener.next())["state"] == "CANCELLED"
    assert await listener.ended()
    assert engine._feeds._feeds == {}


async def test_subscribers_of_the_same_share_one_reading(engine: Engine, reader: ProgressReader, job: int) -> None:
    first = await listen(engine, job)
    second = await listen(engine, job)
    colleague = await listen(engine, job, actor(NORTH, n=2))
    assert len(engine._feeds._feeds) == reader.subscribers == 1
    assert await first.next() == await second.next() == await colleague.next()
    await settle(job, 1)
    await progress.publish(job, NORTH, 2)
    assert [(await one.next())["done"] for one in (first, second, colleague)] == [1, 1, 1]
    late = await listen(engine, job)
    assert (await late.next())["done"] == 1
    assert len(engine._feeds._feeds) == reader.subscribers == 1
    # Who asks something else, or may do something else, does not share.
    other = await listen(engine, job, query="subscription($id: ID!) { jobProgress(id: $id) { id } }")
    limited = await listen(engine, job, actor(NORTH, Permission.PATRONS_VIEW))
    assert await other.next() == {"id": f"job_{job}"}
    assert (await limited.next())["done"] == 1
    assert len(engine._feeds._feeds) == reader.subscribers == 3
    for left, listener in enumerate((first, second, colleague), start=1):
        await listener.leave()
        assert len(engine._feeds._feeds) == 3, left
    await late.leave()
    assert len(engine._feeds._feeds) == 2
    await other.leave()
    await limited.leave()
    assert engine._feeds._feeds == {}
    async with asyncio.timeout(SECONDS):
        while reader.subscribers:
            await asyncio.sleep(0)


async def test_leaving_while_waiting_ends_the_reading(engine: Engine, reader: ProgressReader, job: int) -> None:
    listener = await listen(engine, job)
    await listener.next()
    waiting = asyncio.ensure_future(anext(listener.events))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert waiting.cancelled()
    assert engine._feeds._feeds == {}
    async with asyncio.timeout(SECONDS):
        while reader.subscribers:
            await asyncio.sleep(0)
    again = await listen(engine, job)
    assert (await again.next())["done"] == 0
    await again.leave()


async def test_a_silent_stream_is_made_up_for_by_reading_again(
    engine: Engine, reader: ProgressReader, job: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is published: rows change by SQL alone, and the subscriber still comes to the end."""
    monkeypatch.setattr(progress, "SELF_WAKE_SECONDS", 0.05)
    listener = await listen(engine, job)
    assert (await listener.next())["done"] == 0
    await settle(job, 1)
    seen = await listener.next()
    while seen["version"] < 2:
        seen = await listener.next()
    assert seen["done"] == 1
    await settle(job, 2)
    await settle(job, 3)
    await finish(job)
    while seen["state"] != "SUCCEEDED":
        seen = await listener.next()
    assert (seen["done"], seen["version"]) == (3, 5)
    assert await listener.ended()


async def test_a_slow_subscriber_gets_the_newest_state_only(engine: Engine, reader: ProgressReader, job: int) -> None:
    slow, quick = await listen(engine, job), await listen(engine, job)
    await quick.next()
    for patron in (1, 2, 3):
        await settle(job, patron)
        await progress.publish(job, NORTH, patron)
        while (await quick.next())["done"] < patron:
            pass
    assert (await slow.next())["done"] == 3
    await finish(job)
    await progress.publish(job, NORTH, 9)
    while (await quick.next())["state"] == "RUNNING":
        pass
    seen = await slow.next()
    assert (seen["state"], seen["done"]) == ("SUCCEEDED", 3)
    assert await slow.ended()
    assert await quick.ended()


@pytest.mark.parametrize(("given", "status", "code"), [
    (f"job_{number(SOUTH, 1)}", 400, "BAD_ARGUMENT"),
    ("job_999999", 400, "BAD_ARGUMENT"),
    ("pat_1", 400, "BAD_ARGUMENT"),
    ("job", 400, "BAD_ARGUMENT"),
    ("\x00", 400, "BAD_ARGUMENT"),
    (None, 400, "BAD_VARIABLES"),
])  # fmt: skip
async def test_another_librarys_and_unknown_jobs(
    engine: Engine, reader: ProgressReader, given: Any, status: int, code: str
) -> None:
    assert await refused(engine, FOLLOW, {"id": given}) == (status, [code])
    nullable = FOLLOW.replace("ID!", 'ID = "job_1"', 1)
    assert await refused(engine, nullable, {"id": given}) == (status, [code])
    assert reader.subscribers == 0
    assert engine._feeds._feeds == {}


async def test_who_may_not_follow(engine: Engine, reader: ProgressReader, job: int) -> None:
    blind = actor(NORTH, *(ALL_PERMISSIONS - {Permission.PATRONS_VIEW}))
    for query in (FOLLOW, "subscription { jobs { id } }"):
        variables = {"id": f"job_{job}"} if query == FOLLOW else {}
        assert await refused(engine, query, variables, blind) == (403, ["FORBIDDEN"])
        assert await refused(engine, query, variables, ANONYMOUS) == (401, ["UNAUTHENTICATED"])
    hidden = "subscription($id: ID!) { jobProgress(id: $id) { startedBy { locked } } }"
    assert await refused(engine, hidden, {"id": f"job_{job}"}, actor(NORTH, Permission.PATRONS_VIEW)) == (
        403, ["FORBIDDEN"])  # fmt: skip
    two = "subscription($id: ID!) { jobProgress(id: $id) { id } jobs { id } }"
    assert await refused(engine, two, {"id": f"job_{job}"}) == (400, ["GRAPHQL_VALIDATION_FAILED"])
    assert reader.subscribers == 0


async def test_all_jobs_of_the_library_and_of_no_other(engine: Engine, reader: ProgressReader, job: int) -> None:
    query = "subscription($k: JobKind) { jobs(kind: $k) { id kind version } }"
    found = await engine.subscribe(Request(query, None, {"k": "PURGE"}), Context(ME, "a test"))
    assert not isinstance(found, Answer)
    listener = Listener(found)
    first = [await listener.next("jobs") for _ in range(4)]
    assert [one["id"] for one in first] == [f"job_{number(NORTH, n)}" for n in (1, 2, 3)] + [f"job_{job}"]
    assert {one["kind"] for one in first} == {"PURGE"}
    foreign, import_job = number(SOUTH, 1), number(NORTH, 4)
    for other, library in ((foreign, SOUTH), (import_job, NORTH)):
        await db.rows("UPDATE job SET version = version + 1 WHERE id = $1", other)
        await progress.publish(other, library, 2)
    await settle(job, 1)
    await progress.publish(job, NORTH, 2)
    assert await listener.next("jobs") == {"id": f"job_{job}", "kind": "PURGE", "version": 2}
    await listener.leave()
    assert engine._feeds._feeds == {}
