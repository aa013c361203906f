"""Two libraries, and a PURGE job of the first one with three items."""

from types import ModuleType

import pytest_asyncio

from patrongraph import db
from patrongraph.context import Actor, system_actor
from patrongraph.jobs import actions
from patrongraph.jobs.models import JobKind


@pytest_asyncio.fixture
async def actor(database: ModuleType) -> Actor:
    return system_actor(await db.value("INSERT INTO library (code, name) VALUES ('N', 'North') RETURNING id"))


@pytest_asyncio.fixture
async def stranger(database: ModuleType) -> Actor:
    return system_actor(await db.value("INSERT INTO library (code, name) VALUES ('S', 'South') RETURNING id"))


@pytest_asyncio.fixture
async def job_id(actor: Actor) -> int:
    async with db.transaction():
        job = await actions.create(actor, JobKind.PURGE, {"by": ["IDS"]}, itemised=True)
        await db.rows(
            "INSERT INTO job_item (job_id, library_id, patron_id, state)"
            " SELECT $1, $2, n, 'PENDING' FROM generate_series(1, 3) AS n RETURNING id",
            job.id, actor.library,
        )  # fmt: skip
    return job.id
