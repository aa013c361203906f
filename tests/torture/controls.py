"""Does the checker see anything at all? Workers that are broken on purpose must be caught, and sound ones must not.

What happens when is arranged by locks and by a process that kills itself at one place, so nothing depends on chance.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import asyncpg
from tests.torture import checker, crash_child
from tests.torture.broken import DIES
from tests.torture.crashes import LONGEST, Crashes, Room, Story

# A patron in the first chunk without any obstacle (people.py), and an item for the desk.
SOMEBODY = "SELECT id FROM patron WHERE external_id = 'n6' AND library_id = (SELECT library_id FROM job WHERE id = $1)"
HOLD = "SELECT id FROM patron WHERE id = $1 FOR NO KEY UPDATE"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
LEND = """
WITH lent AS (
    UPDATE item SET status = 'ON_LOAN'
    WHERE barcode = 'desk-1' AND library_id = (SELECT library_id FROM job WHERE id = $2)
    RETURNING id, library_id
)
INSERT INTO loan (library_id, patron_id, item_id, due_at)
SELECT library_id, $1, id, now() + interval '28 days' FROM lent
RETURNING item_id
"""

Scene = Callable[[Room, Story, str], Awaitable[None]]


async def _ended(process: Any, code: int) -> None:
    await asyncio.to_thread(process.join, LONGEST)
    if process.exitcode != code:
        process.kill()
        raise AssertionError(f"the worker ended with {process.exitcode}, not {code}")


async def _waiting(connection: "asyncpg.Connection[asyncpg.Record]", count: int, seconds: float = LONGEST) -> None:
    """Wait until so many transactions wait for a lock, or that long."""
    end = asyncio.get_running_loop().time() + seconds
    while await connection.fetchval(WAITING) < count and asyncio.get_running_loop().time() < end:
        await asyncio.sleep(0.01)


def _start(room: Room, story: Story, variant: str) -> Any:
    return crash_child.start(room.settings, room.settings.database_url, story.job, variant)


async def dies(room: Room, story: Story, variant: str) -> None:
    """A worker dies when the erasure of its first chunk was executed, before anything after it."""
    await _ended(_start(room, story, variant + DIES), -9)


async def works(room: Room, story: Story, variant: str) -> None:
    """A worker does the whole job."""
    await _ended(_start(room, story, variant), 0)


async def lends(room: Room, story: Story, variant: str) -> None:
    """The desk holds a patron when the worker comes, lends, and lets go."""
    desk, other = await room.connect(), await room.connect()
    try:
        async with desk.transaction():
            patron = await desk.fetchval(SOMEBODY, story.job)
            await desk.execute(HOLD, patron)
            process = _start(room, story, variant)
            await _waiting(other, 1)
            item = await desk.fetchval(LEND, patron, story.job)
        await checker.note_acts(other, [(patron, "LEND", item, True)])
        await _ended(process, 0)
    finally:
        await desk.close()
        await other.close()


async def two(room: Room, story: Story, variant: str) -> None:
    """A second worker comes while the first is in the middle of a chunk."""
    desk, other = await room.connect(), await room.connect()
    try:
        async with desk.transaction():
            await desk.execute(HOLD, await desk.fetchval(SOMEBODY, story.job))
            first = _start(room, story, variant)
            await _waiting(other, 1)
            second = _start(room, story, variant)
            await _waiting(other, 2, 1.0 if variant == "sound" else LONGEST)
        await _ended(first, 0)
        await _ended(second, 0)
    finally:
        await desk.close()
        await other.close()


@dataclass(frozen=True, slots=True)
class Control:
    """A variant of the worker, the scene it is put into, and the invariants that must be reported, at least."""

    variant: str
    scene: Scene
    reported: frozenset[str]

    def __str__(self) -> str:
        return f"{self.variant} {self.scene.__name__}"


CONTROLS = (
    Control("no_transaction", dies, frozenset({"already_gone", "done_is_certified", "audit_chunks"})),
    Control("obstacles_before_the_lock", lends, frozenset({"promise_loan", "items_on_loan"})),
    Control("statistics_outside", dies, frozenset({"statistics_once", "audit_statistics"})),
    Control("no_tombstone", works, frozenset({"one_tombstone", "done_is_certified", "audit_chunks"})),
    Control("no_certificate", works, frozenset({"certificates", "certificate_rows"})),
    Control("settled_twice", two, frozenset({"items_settled", "already_gone", "audit_chunks"})),
    Control("exports_kept", works, frozenset({"files_of_the_gone"})),
    Control("groups_left", works, frozenset({"groups_have_members"})),
    Control("sound", dies, frozenset()),
    Control("sound", works, frozenset()),
    Control("sound", lends, frozenset()),
    Control("sound", two, frozenset()),
)


async def play(crashes: Crashes, story: Story, control: Control) -> list[str]:
    """Play one control on a purge; return what is wrong about the checker's report."""

    async def scene(room: Room) -> None:
        await control.scene(room, story, control.variant)

    _, _, broken = await crashes.play(story, scene=scene)
    names = {each.name for each in broken}
    if control.reported:
        return [f"{control}: {name} was not reported" for name in sorted(control.reported - names)]
    return [f"{control}: {each}" for each in broken]
