"""One seed: a library, two overlapping purges and exports under faults and an adversary, then the checker."""

import asyncio
import itertools
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from tests.clients import Api
from tests.torture import checker, people
from tests.torture.adversary import Adversary, Desk, confirmed
from tests.torture.checker import Broken
from tests.torture.disk import Disk
from tests.torture.faults import Injector, Plan
from tests.torture.followers import NUMBERS, Follower
from tests.torture.ground import Ground, Kept, Observer

LONGEST_END = 600
STATES = "SELECT id, kind, state, version FROM job ORDER BY id"
# Tagging refuses whoever has something on loan.
PATRONS = """
SELECT id FROM patron
WHERE library_id = $1 AND status <> 'ACTIVE' AND mod(hashint8(id) & 65535, 10) = ANY($2::int[])
  AND NOT EXISTS (SELECT FROM loan WHERE loan.patron_id = patron.id AND loan.returned_at IS NULL) ORDER BY id
"""
DESK_ITEMS = "SELECT barcode, id FROM item WHERE library_id = $1 AND barcode LIKE 'desk-%' ORDER BY id"
# The numbers of a purge, counted here and not by the product.
TRUTH = """
SELECT job.state, job.version, count(item.id)::int AS total,
       count(*) FILTER (WHERE item.state = 'DONE')::int AS done,
       count(*) FILTER (WHERE item.state = 'SKIPPED')::int AS skipped,
       count(*) FILTER (WHERE item.state = 'FAILED')::int AS failed,
       count(*) FILTER (WHERE item.state = 'CANCELLED')::int AS cancelled
FROM job LEFT JOIN job_item item ON item.job_id = job.id WHERE job.id = $1 GROUP BY job.id
"""
OPEN_JOBS = (
    "SELECT count(*)::int FROM job WHERE state IN ('QUEUED', 'RUNNING', 'PAUSED') AND ($1::bigint IS NULL OR id = $1)"
)
UNTOUCHED = "SELECT NOT EXISTS (SELECT FROM job_item WHERE job_id = $1 AND state <> 'PENDING')"

SHOWN = "... on PurgePreview { matched confirmationToken }"
PURGED = "... on PurgePatronsSuccess { count job { id } }"
CHANGED = {"CONFIRMATION_MISMATCH", "CONFIRMATION_VOID"}
EXPORTED = "... on ExportStarted { job { id } }"


@dataclass(slots=True)
class Outcome:
    """What one seed came to."""

    seed: int
    patrons: int
    seconds: float
    faults: "Counter[str]"
    said: "Counter[str]"
    erased: int
    jobs: list[str]
    events: int
    connections: int
    broken: list[Broken]
    complaints: list[str]

    @property
    def sigkills(self) -> int:
        """How many processes were killed by SIGKILL: workers and API."""
        return self.faults["worker"] + self.faults["api"]

    @property
    def held(self) -> bool:
        """Whether nothing at all is wrong."""
        return not self.broken and not self.complaints


@dataclass(slots=True)
class Torture:
    """One run on its ground; `run` does it all."""

    ground: Ground
    seed: int
    patrons: int
    plan: Plan
    say: Any = print
    chance: random.Random = field(init=False)
    look: Observer = field(init=False)
    api: Api = field(init=False)
    desk: Desk = field(init=False)
    library: int = 0
    workers: list[Kept] = field(default_factory=list)
    purges: list[tuple[int, int]] = field(default_factory=list)
    desk_items: "itertools.cycle[tuple[str, int]]" = field(init=False)

    async def run(self) -> Outcome:
        """Build, start, torture, wait for the end, check."""
        begun = time.monotonic()
        self.chance = random.Random(self.seed)
        self.look = Observer(self.ground.settings.database_url)
        try:
            await self._prepare()
            return await self._run(begun)
        finally:
            await self.look.close()

    async def _prepare(self) -> None:
        connection = await asyncpg.connect(self.ground.settings.database_url)
        try:
            self.library, bystander = await people.build(connection, self.patrons, 20_000)
            self.api = await self.ground.start_api(await self.ground.token(self.library))
            self.desk = Desk(self.api, f"seed{self.seed}")
            items = [(row["barcode"], row["id"]) for row in await connection.fetch(DESK_ITEMS, self.library)]
            self.desk_items = itertools.cycle(items)
            for name in ("worker-1", "worker-2"):
                self.workers.append(self.ground.start_worker(name))
            await self._early_exports()
            await checker.copy_all(connection, bystander)
        finally:
            await connection.close()
        self.say(f"seed {self.seed}: {self.patrons:,} patrons are there")

    async def _early_exports(self) -> None:
        """Make exports that a purge must take back: of some patrons, and one of many."""
        for row in (await self.look.fetch(PATRONS, self.library, [0]))[:8]:
            await self.desk.say("exportPatronData", patronId=f"pat_{row['id']}", format="JSON")
        await self.desk.say("exportPatrons", filter={"category": "Teacher"})
        await self._until_none(None)

    async def _until_none(self, job: int | None) -> None:
        """Wait until that job has ended, or all have. Raises TimeoutError."""
        async with asyncio.timeout(LONGEST_END):
            while await self.look.value(OPEN_JOBS, job):
                await asyncio.sleep(0.2)

    async def _purge_inactive(self) -> int:
        """Confirm what a dry run has shown, again when other patrons match meanwhile."""
        meant: dict[str, Any] = {"filter": {"status": "INACTIVE"}}
        while True:
            shown = await self.desk.say("purgePatrons", SHOWN, dryRun=True, **meant)
            confirm = {"confirmCount": shown["matched"], "confirmationToken": shown["confirmationToken"]}
            found = await self.desk.say("purgePatrons", PURGED, dryRun=False, **meant, **confirm)
            if found.get("code") not in CHANGED:
                return self._started(found)

    async def _purge(self, ids: list[str]) -> int:
        return self._started(await self.desk.say("purgePatrons", PURGED, dryRun=False, patronIds=ids))

    def _started(self, found: dict[str, Any]) -> int:
        if not confirmed(found):
            raise AssertionError(f"the purge was not started: {found}")
        job = int(found["job"]["id"].removeprefix("job_"))
        self.purges.append((job, found["count"]))
        return job

    async def _run(self, begun: float) -> Outcome:
        api_process = next(kept for kept in self.ground.kept if kept.name == "api")
        injector = Injector(self.ground, self.look, self.chance, self.plan, self.workers, api_process)
        await self.look.fetch("UPDATE witness.pace SET seconds = 0.01 RETURNING 1")
        by_filter = await self._purge_inactive()
        await self.desk.say("pauseJob", id=f"job_{by_filter}")  # or some of those named below would be gone already
        third = await self._purge(await self._tenths(9))
        by_ids = await self._purge(await self._tenths(0, 1, 2, 3))
        followers = [Follower(self.api, f"job_{job}", door) for job in (by_filter, by_ids) for door in ("ws", "sse")]
        following = [asyncio.create_task(follower.run()) for follower in followers]
        pause = 0.1 if self.patrons > 5_000 else 0.02
        adversaries = [
            Adversary(Desk(self.api, f"seed{self.seed}-{number}"), self.look, random.Random(self.chance.random()),
                      self.desk_items, job, pause)
            for number, job in enumerate((by_filter, by_ids) * 3)
        ]  # fmt: skip
        at_work = [asyncio.create_task(adversary.run()) for adversary in adversaries]
        injecting = asyncio.create_task(injector.run())
        await self.desk.say("resumeJob", id=f"job_{by_filter}")
        await self._interfere((by_filter, by_ids), third, injecting)
        for adversary in adversaries:
            adversary.stop.set()
        await asyncio.gather(*at_work)
        complaints = await self._ended(begun) + await self._end_of(followers, following)
        broken = await self._check(adversaries)
        # In this order: the second says whether anything was changed, dropped or added since it was sealed.
        complaints += [said for words in ("seal", "verify") if (said := await self.ground.run("audit", words))]
        for desk in (self.desk, *(adversary.desk for adversary in adversaries)):
            complaints += [f"surprise at the desk ({n}): {text}" for text, n in desk.surprises.items()]
        return await self._outcome(begun, injector, adversaries, followers, broken, complaints)

    async def _tenths(self, *which: int) -> list[str]:
        return [f"pat_{row['id']}" for row in await self.look.fetch(PATRONS, self.library, which)]

    async def _interfere(self, jobs: tuple[int, ...], third: int, injecting: "asyncio.Task[None]") -> None:
        """Cancel a purge, pause and resume the others, export many, until the faults are over; then let go on."""
        while await self.look.value(UNTOUCHED, third):
            await asyncio.sleep(0.05)
        await self.desk.say("cancelJob", id=f"job_{third}")
        for turn in itertools.count():
            await asyncio.wait([injecting], timeout=self.plan.every * self.plan.kills / 8)
            if injecting.done():
                break
            await self._pause_around(*jobs, whole=turn % 3 == 1)
        await injecting

    async def _pause_around(self, *jobs: int, whole: bool) -> None:
        """Pause these jobs and resume them; in between a file of many patrons is made when `whole`."""
        for job in jobs:
            await self.desk.say("pauseJob", id=f"job_{job}")
        if whole:
            found = await self.desk.say("exportPatrons", EXPORTED, filter={"category": "Teacher"})
            if confirmed(found):
                await self._until_none(int(found["job"]["id"].removeprefix("job_")))
        await asyncio.sleep(self.chance.random())
        for job in jobs:
            await self.desk.say("resumeJob", id=f"job_{job}")

    async def _ended(self, begun: float) -> list[str]:
        try:
            await self._until_none(None)
        except TimeoutError:
            return [f"there were jobs that had not ended {LONGEST_END} s after the last fault"]
        self.say(f"seed {self.seed}: every job has ended after {time.monotonic() - begun:.0f} s")
        return []

    async def _end_of(self, followers: list[Follower], following: "list[asyncio.Task[None]]") -> list[str]:
        _, late = await asyncio.wait(following, timeout=60)
        complaints = [f"{len(late)} followers have not seen the end after 60 s"] if late else []
        for task in late:
            task.cancel()
        for follower in followers:
            truth = (await self.look.fetch(TRUTH, int(follower.job.removeprefix("job_"))))[0]
            complaints += follower.compare({name: truth[name] for name in ("state", "version", *NUMBERS)})
        return complaints

    async def _check(self, adversaries: list[Adversary]) -> list[Broken]:
        """End the workers in order, let a fresh one tidy up, and ask the checker."""
        for worker in self.workers:
            await worker.stop(self.ground.kept.pop(worker))
        self.ground.start_worker("worker-3")
        connection = await asyncpg.connect(self.ground.settings.database_url)
        try:
            await checker.note_acts(connection, [act for adversary in adversaries for act in adversary.acts])
            lost = [(job, 1) for adversary in adversaries for job in adversary.purges]
            for job, count in self.purges + lost:
                await checker.note_job(connection, job, count)
            broken: list[Broken] = []
            for _ in range(30):  # what a killed worker left in files and in Valkey is tidied within seconds
                broken = await checker.check(connection, Disk.of(self.ground.settings), self.ground.valkey())
                if not broken:
                    break
                await asyncio.sleep(1)
            return broken
        finally:
            await connection.close()

    async def _outcome(
        self, begun: float, injector: Injector, adversaries: list[Adversary], followers: list[Follower],
        broken: list[Broken], complaints: list[str],
    ) -> Outcome:  # fmt: skip
        said: Counter[str] = Counter()
        for desk in (self.desk, *(adversary.desk for adversary in adversaries)):
            said += desk.said
        said["(sent again)"] = sum(adversary.desk.resent for adversary in adversaries) + self.desk.resent
        erased = await self.look.value("SELECT count(*)::int FROM tombstone")
        states = Counter(f"{row['kind']} {row['state']}" for row in await self.look.fetch(STATES))
        return Outcome(
            self.seed, self.patrons, time.monotonic() - begun, injector.done, said, erased,
            [f"{n} {name}" for name, n in sorted(states.items())], sum(f.events for f in followers),
            sum(f.connections for f in followers), broken, complaints,
        )  # fmt: skip


async def torture(seed: int, patrons: int, plan: Plan, say: Any = print, at_rest: str = "") -> Outcome:
    """Run one seed on a ground of its own and return what it came to."""
    async with Ground(at_rest=at_rest) as ground:
        ground.leave = True
        outcome = await Torture(ground, seed, patrons, plan, say).run()
        ground.leave = not outcome.held
        if ground.leave:
            say(f"what is left of seed {seed} is in {ground.folder}")
    return outcome
