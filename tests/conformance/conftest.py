"""Two jobs to follow, one of them finished."""

from typing import NamedTuple

import pytest_asyncio
from tests.town import Town

from patrongraph import db

JOB = """
INSERT INTO job (library_id, kind, state, started_at, finished_at)
VALUES ($1, 'PURGE', $2::text, now(), CASE WHEN $2::text = 'SUCCEEDED' THEN now() END) RETURNING id
"""


class Following(NamedTuple):
    finished: str
    running: str
    token: str


@pytest_asyncio.fixture
async def following(town: Town) -> Following:
    finished, running = [await db.value(JOB, town.id, state) for state in ("SUCCEEDED", "RUNNING")]
    return Following(f"job_{finished}", f"job_{running}", f"Bearer {await town.token()}")
