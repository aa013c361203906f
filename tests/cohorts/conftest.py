"""A school of seven cohorts, with patrons in them, and workers that move them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
import pytest_asyncio
from tests.erasure.conftest import RunToEnd, start_worker, until, working
from tests.town import Town, make_town, wait_until

from patrongraph import db
from patrongraph.context import Actor
from patrongraph.jobs.queries import Progress, progress
from patrongraph.rollover import actions
from patrongraph.rollover.actions import RolloverPreview, RolloverStarted
from patrongraph.settings import Settings, use_settings

YEARS = ("Y7", "Y8", "Y9", "Y10", "Y11", "Y12")
CHAIN = (*YEARS, "GRAD")

ADD = """
INSERT INTO cohort (library_id, code, name, next_cohort_id, graduated) VALUES ($1, $2, $2, $3, $4) RETURNING id
"""

# The patrons $1 in id order go into the cohorts $2 in turn.
SPREAD = """
UPDATE patron SET cohort_id = ($2::bigint[])[1 + (turn.place - 1) % cardinality($2::bigint[])]
FROM unnest($1::bigint[]) WITH ORDINALITY AS turn(id, place) WHERE patron.id = turn.id RETURNING patron.id
"""

STATE = """
SELECT p.id, c.code, p.status, p.version FROM patron p LEFT JOIN cohort c ON c.id = p.cohort_id
WHERE p.library_id = $1 ORDER BY p.id
"""


@dataclass(frozen=True)
class School:
    """A library with Y7 → Y8 → … → Y12 → GRAD and STAFF, whose members stay."""

    town: Town
    cohorts: dict[str, int]

    @property
    def system(self) -> Actor:
        return self.town.system

    async def pupils(self, count: int, *codes: str, status: str = "ACTIVE", loans: int = 0) -> list[int]:
        """Patrons who are in these cohorts in turn; in all that move where none is named."""
        ids = await self.town.patrons(count, status=status, loans=loans)
        await db.rows(SPREAD, ids, [self.cohorts[code] for code in codes or YEARS])
        return ids

    async def state(self) -> dict[int, tuple[str, str, int]]:
        """Cohort code, status and version by patron."""
        return {row[0]: tuple(row)[1:] for row in await db.rows(STATE, self.town.id)}

    async def places(self) -> dict[int, str]:
        """Cohort code by patron."""
        return {patron: state[0] for patron, state in (await self.state()).items()}

    async def put(self, patron: int, code: str) -> None:
        """Somebody at a desk moves a patron."""
        await db.rows(
            "UPDATE patron SET cohort_id = $2, version = version + 1 WHERE id = $1 RETURNING id",
            patron, self.cohorts[code],
        )  # fmt: skip

    async def shown(self, year: int, actor: Actor | None = None, **more: Any) -> RolloverPreview:
        """The dry run."""
        found = await actions.roll_over(actor or self.system, year, dry_run=True, **more)
        assert isinstance(found, RolloverPreview)
        return found

    async def start(self, year: int, actor: Actor | None = None, **more: Any) -> int:
        """The dry run, and the rollover that quotes it; return the job's id."""
        preview = await self.shown(year, actor)
        assert preview.confirmation is not None
        started = await actions.roll_over(
            actor or self.system, year, confirm_count=preview.count, confirmation_token=preview.confirmation.token,
            **more,
        )  # fmt: skip
        assert isinstance(started, RolloverStarted)
        assert started.count == preview.count
        return started.job_id

    async def undo(self, job_id: int, actor: Actor | None = None) -> int:
        """Take it back; return the job's id."""
        started = await actions.undo(actor or self.system, job_id)
        assert isinstance(started, RolloverStarted)
        return started.job_id


async def make_school(code: str) -> School:
    town = await make_town(code)
    made: dict[str, int] = {}
    for name in reversed(CHAIN):
        following = list(made.values())[-1] if made else None
        if name == "Y9":  # the town has it
            await db.rows("UPDATE cohort SET next_cohort_id = $2 WHERE id = $1 RETURNING id", town.cohort, following)
            made[name] = town.cohort
        else:
            made[name] = await db.value(ADD, town.id, name, following, not made)
    made["STAFF"] = await db.value(ADD, town.id, "STAFF", None, False)
    return School(town, made)


@pytest_asyncio.fixture
async def school(database: ModuleType) -> School:
    """The library NORTH."""
    return await make_school("NORTH")


@pytest_asyncio.fixture
async def other_school(database: ModuleType) -> School:
    """The library SOUTH, with two pupils in each cohort."""
    made = await make_school("SOUTH")
    await made.pupils(14, *CHAIN)
    return made


@pytest.fixture
def year() -> int:
    """The present one."""
    from datetime import UTC, datetime

    return datetime.now(UTC).year


@pytest.fixture
def quick(settings: Settings, database: ModuleType) -> Settings:
    """Settings of a worker that looks often, holds short leases and takes five patrons at a time."""
    changed = settings.model_copy(
        update={"job_poll_seconds": 0.1, "job_lease_seconds": 2.0, "chunk_patrons": 5, "chunk_loans": 100}
    )
    use_settings(changed)
    return changed


@pytest.fixture
def work(quick: Settings) -> RunToEnd:
    """Run a worker in this process until the job has ended; return its numbers. Its chunks are as long as usual."""

    async def run(library: int, job_id: int) -> Progress:
        async def ended() -> Progress | None:
            found = await progress(library, job_id)
            assert found is not None
            return found if found.finished else None

        use_settings(usual := quick.model_copy(update={"chunk_patrons": 5_000}))
        async with working(usual):
            return await wait_until(ended)

    return run


@pytest_asyncio.fixture
async def slow_moves(database: ModuleType) -> AsyncIterator[None]:
    """Each change of a patron's cohort takes 5 ms, so that a test can act in the middle of a run."""
    await db.rows(
        "CREATE OR REPLACE FUNCTION test_slow() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_sleep(0.005); RETURN NEW; END $$"
    )
    await db.rows(
        "CREATE OR REPLACE TRIGGER test_slow BEFORE UPDATE OF cohort_id ON patron FOR EACH ROW"
        " EXECUTE FUNCTION test_slow()"
    )
    yield
    await db.rows("DROP TRIGGER test_slow ON patron")


def rolled(before: dict[int, tuple[str, str, int]]) -> dict[int, tuple[str, str, int]]:
    """What a rollover makes of the state of a school: everybody once, each with one version more."""
    after = {}
    for patron, (code, status, version) in before.items():
        to = CHAIN[CHAIN.index(code) + 1] if code in YEARS else code
        leaves = to == "GRAD" and status == "ACTIVE"
        changed = to != code or leaves
        after[patron] = (to, "INACTIVE" if leaves else status, version + changed)
    return after


Run = Callable[[int, int], Awaitable[Progress]]

__all__ = ["CHAIN", "YEARS", "Run", "School", "rolled", "start_worker", "until"]
