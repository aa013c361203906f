"""Two APIs and two workers are restarted one after the other while a purge runs; who watches sees only the truth."""

import asyncio
import itertools
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx
from tests.clients import Api
from tests.torture import checker, people
from tests.torture.adversary import Desk, confirmed
from tests.torture.checker import Broken
from tests.torture.disk import Disk
from tests.torture.followers import CUT, FINAL, NUMBERS, Follower
from tests.torture.ground import Ground, Kept, Observer
from tests.torture.run import PURGED, SHOWN, TRUTH

LONGEST = 900
SLOWEST = 0.5  # seconds a patron takes while the purge is ahead of the restarts
SHARE = 2.0  # seconds that the patrons between two restarts take at the quickest: many looks at what is left
ASK = "query($id: ID!) { job(id: $id) { id state total done skipped failed cancelled version } }"
LEFT = "SELECT count(*)::int FROM job_item WHERE job_id = $1 AND state = 'PENDING'"
SET_PACE = "UPDATE witness.pace SET seconds = $1 RETURNING seconds"
ERASED = "SELECT count(*)::int FROM tombstone"


@dataclass(slots=True)
class Asker:
    """Asks one API for the job again and again, as a page that polls does; an answer must never go back."""

    api: Api
    job: str
    last: dict[str, Any] = field(default_factory=dict)
    answers: int = 0
    away: int = 0
    complaints: list[str] = field(default_factory=list)

    async def run(self) -> None:
        """Ask until the job has ended."""
        while self.last.get("state") not in FINAL:
            try:
                self._see((await self.api.data(ASK, {"id": self.job}))["job"])
            except CUT:
                self.away += 1
            await asyncio.sleep(0.05)

    def _see(self, job: dict[str, Any]) -> None:
        self.answers += 1
        if self.last and job["version"] < self.last["version"]:
            self.complaints.append(f"version {job['version']} after {self.last['version']}")
        self.last = job

    def compare(self, truth: dict[str, Any]) -> list[str]:
        """Return complaints about what it was told, and about the end against the database."""
        wrong = {name: (self.last.get(name), truth[name]) for name in ("state", "version", *NUMBERS)}
        told = [f"{name} is {seen}, the database says {true}" for name, (seen, true) in wrong.items() if seen != true]
        return [f"asker of {self.api.url}: {text}" for text in self.complaints + told]


@dataclass(slots=True)
class Outcome:
    """What a run came to: `restarts` by process, `cut` connections, `complaints` and broken invariants."""

    patrons: int
    seconds: float
    truth: dict[str, Any]
    erased: int
    restarts: dict[str, int]
    events: int
    connections: int
    answers: int
    away: int
    complaints: list[str]
    broken: list[Broken]

    @property
    def held(self) -> bool:
        """Whether nothing at all is wrong."""
        return not self.broken and not self.complaints


@dataclass(slots=True)
class Rolling:
    """One run on its ground; every process is restarted at least `rounds` times."""

    ground: Ground
    patrons: int
    rounds: int
    say: Callable[[str], object] = print
    restarts: dict[str, int] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    steps: int = 0
    done: int = 0

    async def run(self) -> Outcome:
        """Build, start, purge, restart, wait for the end, check."""
        begun = time.monotonic()
        look = Observer(self.ground.settings.database_url)
        connection = await asyncpg.connect(self.ground.settings.database_url)
        try:
            library, bystander = await people.build(connection, self.patrons, 1)
            apis = await self.ground.start_apis(await self.ground.token(library), 2)
            for name in ("worker-1", "worker-2"):
                self.ground.start_worker(name)
            await checker.copy_all(connection, bystander)
            await connection.fetchval(SET_PACE, SLOWEST)
            await self._all_serve(apis)
            job, count = await self._purge(Desk(apis[0], "rolling"))
            await checker.note_job(connection, job, count)
            name = f"job_{job}"
            followers = [Follower(api, name, door) for api in apis for door in ("ws", "sse")]
            askers = [Asker(api, name) for api in apis]
            watching = [asyncio.create_task(each.run()) for each in (*followers, *askers)]
            await self._roll(look, apis, job)
            truth = await self._end(look, job, watching)
            for each in (*followers, *askers):
                self.complaints += each.compare(truth)
            await self.ground.end_processes()
            broken = await self._check(connection)
            return Outcome(
                self.patrons, time.monotonic() - begun, truth, await look.value(ERASED), self.restarts,
                sum(each.events for each in followers), sum(each.connections for each in followers),
                sum(each.answers for each in askers), sum(each.away for each in askers), self.complaints, broken,
            )  # fmt: skip
        finally:
            await connection.close()
            await look.close()

    async def _check(self, connection: "asyncpg.Connection[asyncpg.Record]") -> list[Broken]:
        """Let one more worker tidy up, as the next minute would have, and ask the checker."""
        self.ground.start_worker("worker-3")
        broken: list[Broken] = []
        for _ in range(60):
            broken = await checker.check(connection, Disk.of(self.ground.settings), self.ground.valkey())
            if not broken:
                break
            await asyncio.sleep(0.5)
        return broken

    async def _purge(self, desk: Desk) -> tuple[int, int]:
        meant: dict[str, Any] = {"filter": {"status": "INACTIVE"}}
        shown = await desk.say("purgePatrons", SHOWN, dryRun=True, **meant)
        confirm = {"confirmCount": shown["matched"], "confirmationToken": shown["confirmationToken"]}
        found = await desk.say("purgePatrons", PURGED, dryRun=False, **meant, **confirm)
        if not confirmed(found):
            raise AssertionError(f"the purge was not started: {found}")
        return int(found["job"]["id"].removeprefix("job_")), found["count"]

    async def _roll(self, look: Observer, apis: list[Api], job: int) -> None:
        """Restart one process after the other, each when the one before serves again, while there is work left."""
        processes = list(self.ground.kept)
        self.steps = self.rounds * len(processes)
        total = await look.value(LEFT, job)
        pacing = asyncio.create_task(self._pace(look, job, total))
        for kept in itertools.islice(itertools.cycle(processes), self.steps):
            if not await look.value(LEFT, job):
                self.complaints.append("the purge was over before every process had been restarted")
                break
            await self._restart(kept)
            await self._all_serve(apis)
            self.done += 1
            self.say(f"restarted {kept.name}; {await look.value(LEFT, job):,} of {total:,} patrons are left")
        pacing.cancel()
        await asyncio.wait([pacing])
        await look.fetch(SET_PACE, 0.0)

    async def _pace(self, look: Observer, job: int, total: int) -> None:
        """Hold the purge back where it is so far ahead of the restarts that these would come too late."""
        quickest = SHARE * self.steps / total
        while True:
            ahead = await look.value(LEFT, job) < total * (self.steps - self.done) / self.steps
            await look.fetch(SET_PACE, SLOWEST if ahead else quickest)
            await asyncio.sleep(0.1)

    async def _restart(self, kept: Kept) -> None:
        code = await kept.restart()
        self.restarts[kept.name] = self.restarts.get(kept.name, 0) + 1
        if code not in (0, -signal.SIGTERM):
            self.complaints.append(f"{kept.name} ended with {code} when it was asked to stop")

    async def _all_serve(self, apis: list[Api]) -> None:
        """Wait until each API says that it is ready and sees both workers."""
        ready = {"status": "ok", "database": "ok", "migrations": "ok", "valkey": "ok", "workers": 2}
        for api in apis:
            await _until(lambda api=api: _says(api, ready))  # type: ignore[misc]

    async def _end(self, look: Observer, job: int, watching: "list[asyncio.Task[None]]") -> dict[str, Any]:
        _, late = await asyncio.wait(watching, timeout=LONGEST)
        if late:
            self.complaints.append(f"{len(late)} of those who watch have not seen the end after {LONGEST} s")
        for task in late:
            task.cancel()
        found = (await look.fetch(TRUTH, job))[0]
        return {name: found[name] for name in ("state", "version", *NUMBERS)}


async def _says(api: Api, ready: dict[str, Any]) -> bool:
    try:
        async with api.client() as client:
            return (await client.get("/readyz")).json() == ready
    except (httpx.HTTPError, ValueError):
        return False


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(120):
        while not await condition():
            await asyncio.sleep(0.05)


async def rolling(patrons: int, rounds: int, say: Callable[[str], object] = print) -> Outcome:
    """Run once on a ground of its own and return what it came to."""
    async with Ground() as ground:
        return await Rolling(ground, patrons, rounds, say).run()
