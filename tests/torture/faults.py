"""Faults by chance from a printed seed: what dies, when, and how often; and how fast a purge may go meanwhile."""

import asyncio
import random
import signal
from collections import Counter
from dataclasses import dataclass, field

from tests.torture.ground import Ground, Kept, Observer

PENDING = """
SELECT count(DISTINCT patron_id)::int FROM job_item item JOIN job ON job.id = item.job_id
WHERE item.state = 'PENDING' AND job.state IN ('QUEUED', 'RUNNING', 'PAUSED')
"""
SET_PACE = "UPDATE witness.pace SET seconds = $1 RETURNING seconds"
SLOWEST = 0.1

# The process ids of workers that hold a job, which stand in the leases.
AT_WORK = """
SELECT DISTINCT split_part(lease_owner, ':', 2)::int AS pid FROM job WHERE state = 'RUNNING' AND lease_until > now()
"""
LONGEST_WAIT = 5.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How many faults of each kind, and the seconds between two on average."""

    kills: int
    restarts: int
    flushes: int
    every: float

    def order(self, chance: random.Random) -> list[str]:
        """Return the faults in the order in which they come: of ten kills one hits the API, the others workers."""
        faults = ["api" if number % 10 == 5 else "worker" for number in range(self.kills)]
        faults += ["postgres"] * self.restarts + ["flush"] * self.flushes
        faults += ["valkey"] * max(1, self.flushes // 2)
        chance.shuffle(faults)
        return faults


@dataclass(slots=True)
class Injector:
    """Carries out a plan; `left` is what is still to come."""

    ground: Ground
    look: Observer
    chance: random.Random
    plan: Plan
    workers: list[Kept]
    api: Kept
    left: list[str] = field(default_factory=list)
    done: "Counter[str]" = field(default_factory=Counter)

    async def run(self) -> None:
        """Do one fault after the other, while a purge is kept slow enough to outlast them."""
        self.left = self.plan.order(self.chance)
        pacing = asyncio.create_task(self._keep_pace())
        try:
            while self.left:
                await asyncio.sleep(min(self.chance.expovariate(1 / self.plan.every), 4 * self.plan.every))
                if await self._do(self.left[-1]):
                    self.done[self.left.pop()] += 1
        finally:
            pacing.cancel()
            await asyncio.wait([pacing])
        await self.look.fetch(SET_PACE, 0.0)

    async def _do(self, fault: str) -> bool:
        if fault == "worker":
            return await self._kill_worker()
        if fault == "api":
            return self.api.kill()
        if fault == "postgres":
            await self.ground.restart_postgres(self.chance.choice([signal.SIGQUIT, signal.SIGQUIT, signal.SIGKILL]))
        elif fault == "flush":
            await self.ground.flush_valkey()
        else:
            await self.ground.kill_valkey()
        return True

    async def _kill_worker(self) -> bool:
        """Kill a worker, of four times three one that is in the middle of a job."""
        victim = self.chance.choice(self.workers)
        if self.chance.random() < 0.75:
            end = asyncio.get_running_loop().time() + LONGEST_WAIT
            while asyncio.get_running_loop().time() < end:
                pids = {row["pid"] for row in await self.look.fetch(AT_WORK)}
                busy = [worker for worker in self.workers if worker.process is not None and worker.process.pid in pids]
                if busy:
                    victim = self.chance.choice(busy)
                    await asyncio.sleep(self.chance.random() * 0.3)
                    killed = victim.kill()
                    self.done["in the middle of a job"] += killed
                    return killed
                await asyncio.sleep(0.02)
        return victim.kill()

    async def _keep_pace(self) -> None:
        """Spread the patrons that are left over the faults that are left; the last ones wait for the last fault."""
        while True:
            patrons = await self.look.value(PENDING)
            seconds = len(self.left) * self.plan.every
            # A worker is at work about a third of the time: the rest is being dead, starting and waiting for a lease.
            await self.look.fetch(SET_PACE, min(SLOWEST, seconds / max(patrons, 1) / 3))
            await asyncio.sleep(0.5)
