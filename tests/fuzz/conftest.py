"""A library with something in it, an API in front of it, and a look into its log after each target."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from tests.clients import Api
from tests.fuzz.target import Target
from tests.town import Town

from patrongraph import db

JOBS = """
INSERT INTO job (library_id, kind, state, started_at, finished_at)
SELECT $1, 'PURGE', 'SUCCEEDED', now(), now() FROM generate_series(1, 3) RETURNING id
"""


@pytest_asyncio.fixture
async def target(api: Api, town: Town, api_log: Path) -> AsyncIterator[Target]:
    patrons = await town.patrons(12, loans=2)
    await town.open_loan(patrons[0])
    await town.charge(patrons[1], "2.50")
    await town.group(*patrons[2:5])
    await db.rows(JOBS, town.id)
    before = len(api_log.read_bytes())
    yield Target(api.url, await town.token())
    said = api_log.read_bytes()[before:].decode()
    assert '"level":"ERROR"' not in said, said
    assert "Traceback" not in said, said
