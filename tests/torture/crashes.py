"""A job in a database of its own, a worker that dies at one point of it, and a sound one that finishes.

The databases are cloned from one in which the job is asked for, so a point costs less than a second.
"""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from pydantic import SecretStr
from tests.torture import checker, crash_child, people
from tests.torture.checker import Broken
from tests.torture.crash_proxy import SOCKET, CrashProxy
from tests.torture.disk import Disk

from patrongraph import db, migrate
from patrongraph.context import Actor, system_actor
from patrongraph.embedded import Servers
from patrongraph.erasure import actions as erasure
from patrongraph.exports import actions as exports
from patrongraph.patrons.filters import PatronCriteria
from patrongraph.settings import Settings, use_settings

PATRONS = 40
LANES = 2
LONGEST = 60.0

# As if the dead worker's lease had run out: nobody waits for a clock here.
TIME_PASSES = "UPDATE job SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL"
OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND application_name = 'patrongraph'"
CANDIDATES = "SELECT count(*)::int FROM patron WHERE library_id = $1 AND status = 'INACTIVE'"
ONE = "SELECT min(id) FROM patron WHERE library_id = $1 AND category = 'Teacher' AND status = 'INACTIVE'"


@dataclass(frozen=True, slots=True)
class Point:
    """Where a worker dies: at statement `number`, before it begins or after the server has done it; 0 for nowhere."""

    number: int
    after: bool = False

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} statement {self.number}" if self.number else "no kill"


NOWHERE = Point(0)


@dataclass(slots=True)
class Story:
    """A job asked for in a database to clone. `job`: its id; `statements`: how many a whole run has.

    `points`: those that every run has; the look for more work after the job's end is sometimes there and sometimes not.
    """

    name: str
    job: int = 0
    statements: int = 0

    @property
    def points(self) -> "list[Point]":
        return [Point(number, after) for number in range(1, self.statements - 1) for after in (False, True)]


@dataclass(slots=True)
class Room:
    """One database with its settings, for one point."""

    settings: Settings
    number: int

    async def connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        """Return a connection that is not counted."""
        return await asyncpg.connect(self.settings.database_url)


Scene = Callable[[Room], Awaitable[None]]


@dataclass(slots=True)
class Crashes:
    """Makes stories and plays them on embedded servers, with files under `folder`; names begin with `mark`."""

    servers: Servers
    folder: Path
    settings: Settings = field(init=False)
    rooms: int = 0
    mark: str = "all"
    migrated: bool = False
    told: dict[str, Story] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.settings = Settings(
            redis_url=self.servers.addresses.redis_url, job_poll_seconds=0.2, job_lease_seconds=30, chunk_loans=100,
            pool_size=4, write_pool_size=4, secret_key=SecretStr("a secret for crashes, long enough to be one"),
            at_rest_window="",
        )  # fmt: skip

    @property
    def blank(self) -> str:
        """The database that is migrated and empty."""
        return f"{self.mark}_blank"

    def url(self, database: str) -> str:
        """Return the address of a database of these servers."""
        return self.servers.addresses.database_url.replace("/patrongraph?", f"/{database}?")

    async def _server(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url("postgres"))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def tell(self, name: str) -> Story:
        """Make the database of a story: "purge", "export of one patron" or "export of many"; once."""
        if name in self.told:
            return self.told[name]
        story = self.told[name] = Story(name)
        database, files = self._names(story)
        if not self.migrated:
            await self._server(f"CREATE DATABASE {self.blank}")
            await migrate.apply(self.url(self.blank))
            self.migrated = True
        await self._server(f"CREATE DATABASE {database} TEMPLATE {self.blank} STRATEGY FILE_COPY")
        settings = self.settings.model_copy(update={"database_url": self.url(database), "data_dir": files})
        use_settings(settings)
        connection = await asyncpg.connect(settings.database_url)
        await db.open_pools(settings)
        try:
            library, bystander = await people.build(connection, PATRONS, 5)
            actor, one = system_actor(library), await connection.fetchval(ONE, library)
            if name == "purge":  # files that it has to take back
                for early in (await exports.start_patron_export(actor, one), await exports.start_patrons_export(actor)):
                    await self._to_the_end(settings, early)
            await checker.copy_all(connection, bystander)
            if name == "purge":
                count = await connection.fetchval(CANDIDATES, library)
                story.job = await purge_inactive(actor, count)
                await checker.note_job(connection, story.job, count)
            elif name == "export of one patron":
                story.job = await exports.start_patron_export(actor, one)
                await checker.note_acts(connection, [(one, "EXPORT", None, True)])
            else:
                story.job = await exports.start_patrons_export(actor)
        finally:
            await db.close_pools()
            await connection.close()
        return story

    def _names(self, story: Story) -> tuple[str, Path]:
        name = f"{self.mark}_{story.name.replace(' ', '_')}"
        return name, self.folder / name

    async def _to_the_end(self, settings: Settings, job: int) -> None:
        """Let a worker finish the job."""
        process = crash_child.start(settings, settings.database_url, job)
        await asyncio.to_thread(process.join, LONGEST)
        if process.exitcode != 0:
            process.kill()
            raise AssertionError(f"a worker did not finish job {job}: {process.exitcode}")

    async def play(
        self, story: Story, point: Point = NOWHERE, *, scene: Scene | None = None
    ) -> tuple[int, bool, list[Broken]]:  # fmt: skip
        """Play a story once; return statements counted, whether the point was reached, and what is broken.

        `scene` plays the part up to the worker's end in another way than with one worker that dies at the point.
        """
        self.rooms += 1
        room = Room(self.settings, self.rooms)
        database, files = self._names(story)
        mine = f"{self.mark}_room_{room.number}"
        data_dir = self.folder / mine
        await self._server(f"CREATE DATABASE {mine} TEMPLATE {database} STRATEGY FILE_COPY")
        shutil.copytree(files, data_dir) if files.exists() else data_dir.mkdir()
        room.settings = self.settings.model_copy(update={"database_url": self.url(mine), "data_dir": data_dir})
        try:
            counted, reached = 0, False
            if scene is not None:
                await scene(room)
            else:
                counted, reached = await self._until_the_point(room, story, point)
            await self._afterwards(room, story)
            connection = await room.connect()
            try:
                return counted, reached, await checker.check(connection, Disk.of(room.settings))
            finally:
                await connection.close()
        finally:
            await self._server(f"DROP DATABASE {mine} WITH (FORCE)")
            shutil.rmtree(data_dir)

    async def _until_the_point(self, room: Room, story: Story, point: Point) -> tuple[int, bool]:
        folder = self.folder / f"p{room.number}"
        direct = room.settings.database_url
        server = direct.rpartition("host=")[2] + f"/{SOCKET}"
        # Quiet: one look for work, and no poll that would be counted by chance.
        through = room.settings.model_copy(
            update={"database_url": direct.rpartition("host=")[0] + f"host={folder}", "job_poll_seconds": 60.0}
        )
        async with CrashProxy(folder, server, point.number, point.after) as proxy:
            process = crash_child.start(through, direct, story.job)
            proxy.kill = process.kill
            await asyncio.to_thread(process.join, LONGEST)
            if process.exitcode not in (0, -9):
                process.kill()
                raise AssertionError(f"{story.name}, {point}: the worker ended with {process.exitcode}")
        shutil.rmtree(folder)
        return proxy.counted, proxy.reached

    async def _afterwards(self, room: Room, story: Story) -> None:
        """The dead worker's transactions end, its lease runs out, and a sound worker finishes what is left."""
        connection = await room.connect()
        try:
            while await connection.fetchval(OTHERS, f"{self.mark}_room_{room.number}"):
                await asyncio.sleep(0.005)
            await connection.execute(TIME_PASSES)
        finally:
            await connection.close()
        await self._to_the_end(room.settings, story.job)

    async def count(self, story: Story) -> list[Broken]:
        """Play a story without a kill: learn how many statements it has, and that it ends well."""
        story.statements, _, broken = await self.play(story)
        return broken

    async def sweep(self, story: Story, points: list[Point] | None = None) -> "Swept":
        """Play every point of a story, or these, in LANES at a time."""
        swept = Swept(story)
        waiting = iter(points if points is not None else _all_points())
        await asyncio.gather(*(self._lane(story, waiting, swept, points is None) for _ in range(LANES)))
        return swept

    async def _lane(self, story: Story, waiting: Any, swept: "Swept", to_the_last: bool) -> None:
        for point in waiting:
            if swept.over and to_the_last:
                return
            _, reached, broken = await self.play(story, point)
            if reached:
                swept.points += 1
            elif to_the_last:
                swept.over = True
            swept.broken += [(point, each) for each in broken]


async def purge_inactive(actor: Actor, count: int) -> int:
    """Start a purge of all inactive patrons, so many, as a dry run confirms it; return the job's id."""
    everybody = PatronCriteria()
    shown = await erasure.start(actor, criteria=everybody, dry_run=True)
    assert isinstance(shown, erasure.PurgePreview)
    assert shown.confirmation is not None
    token = shown.confirmation.token
    started = await erasure.start(actor, criteria=everybody, confirm_count=count, confirmation_token=token)
    assert isinstance(started, erasure.PurgeStarted)
    return started.job_id


@dataclass(slots=True)
class Swept:
    """What a sweep saw: points at which a worker died, and what was broken where."""

    story: Story
    points: int = 0
    over: bool = False
    broken: list[tuple[Point, Broken]] = field(default_factory=list)


def _all_points() -> Any:
    """Yield every point, without an end: whoever plays them notices that a run ended before its point."""
    number = 0
    while True:
        number += 1
        yield Point(number)
        yield Point(number, after=True)
