"""A disk that is full fails the export in plain words, leaves nothing, and the next export works.

The worker may write files of 300 kB only (RLIMIT_FSIZE): what is written beyond that fails in the middle of a write,
as it does on a full disk.
"""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import processes
from tests.clients import Api
from tests.exported import content_of
from tests.fixtures_api import QUICK
from tests.town import Town

from patrongraph import db
from patrongraph.exports.actions import start_patron_export, start_patrons_export
from patrongraph.settings import Settings

LIMIT = 300_000
NOTES = "UPDATE patron SET notes = repeat('x', $1) WHERE library_id = $2 RETURNING id"
LINK = """
mutation { createDownloadLink(input: {exportId: "export_1"}) { __typename ... on Problem { code message } } }
"""


@pytest.fixture
def cramped_worker(settings: Settings, database: object) -> Iterator[Path]:
    """A worker that cannot write large files; its log."""
    log = settings.data_dir.parent / "cramped-worker.log"
    with log.open("wb") as out:
        environment = os.environ | settings.model_copy(update=QUICK).as_environment()
        process = processes.start("worker", env=environment, stdout=out.fileno(), stderr=out.fileno())
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (LIMIT, LIMIT))
    yield log
    process.terminate()
    assert process.wait(30) == 0


async def test_a_full_disk_fails_the_export_in_words_and_leaves_nothing(
    api: Api, town: Town, settings: Settings, cramped_worker: Path
) -> None:
    token = await town.token()
    patrons = await town.patrons(40)
    await db.rows(NOTES, 50_000, town.id)
    large = await start_patrons_export(town.system)
    [*_, last] = await api.follow(f"job_{large}", token)
    assert last["state"] == "FAILED"
    reason = await db.value("SELECT error FROM job WHERE id = $1", large)
    assert reason == "The export file could not be written: the file is larger than this system allows."
    row = await db.row("SELECT state, path, size, sha256, sealed_key FROM data_export")
    assert row is not None
    assert tuple(row) == ("FAILED", None, None, None, None)
    assert list(settings.exports_dir.iterdir()) == []
    link = (await api.data(LINK, token=token))["createDownloadLink"]
    assert (link["code"], "Ask for a new export" in link["message"]) == ("EXPORT_NOT_READY", True)

    small = await start_patron_export(town.system, patrons[0])
    [*_, last] = await api.follow(f"job_{small}", token)
    assert last["state"] == "SUCCEEDED"
    [file] = settings.exports_dir.iterdir()
    assert b"First1" in await content_of(file.name)
    assert "unexpected error" not in cramped_worker.read_text()
