"""`patrongraph export`: the worker does the work, the command follows it and writes one private file."""

import asyncio
import hashlib
import os
import sys
from collections.abc import AsyncIterator

import orjson
import pytest
import pytest_asyncio

from patrongraph.jobs import actions as jobs
from patrongraph.workers.runner import Runner


@pytest_asyncio.fixture
async def worker(database, settings) -> AsyncIterator[None]:
    """A worker's runner in this process."""
    stop = asyncio.Event()
    running = asyncio.create_task(Runner(settings.model_copy(update={"job_poll_seconds": 0.1})).run(stop))
    yield
    stop.set()
    await running


async def test_one_patron_by_barcode(database, north, ada, worker, run_cli, tmp_path):
    output = tmp_path / "ada.json"
    done = await asyncio.to_thread(run_cli, "export", "north", "--patron", "B-NEW", "--output", str(output), "--json")
    assert done.returncode == 0, done.stderr
    data = output.read_bytes()
    answer = orjson.loads(done.stdout)
    assert answer == {
        "job": await database.value("SELECT max(id) FROM job"),
        "export": await database.value("SELECT max(id) FROM data_export"),
        "patrons": 1,
        "file": str(output),
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    assert orjson.loads(data)["identity"]["firstName"] == "Ada"
    assert output.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["ada.json"]
    assert await database.value("SELECT downloads FROM data_export ORDER BY id DESC LIMIT 1") == 1
    assert "Ada" not in done.stdout + done.stderr


async def test_many_by_filter(database, north, ada, patron, worker, run_cli, tmp_path):
    output = tmp_path / "some.ndjson"
    await patron(north, "Third", status="INACTIVE", branch_id=north.branch)
    done = await asyncio.to_thread(
        run_cli, "export", "NORTH", "--all", "--status", "inactive", "--branch", "MAIN", "--output", str(output)
    )
    assert done.returncode == 0, done.stderr
    lines = output.read_bytes().splitlines()
    assert [orjson.loads(line)["identity"]["firstName"] for line in lines] == ["Ada", "Third"]
    assert done.stdout.startswith("2 patrons, ")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["NOWHERE", "--all"], "there is no library with the code 'NOWHERE'; there are: NORTH"),
        (["NORTH", "--patron", "nobody"], "no card with that barcode"),
        (["NORTH", "--all", "--category", "None such"], "No patron of your library matches"),
        (["NORTH", "--all", "--branch", "X"], "no branch with the code X"),
        (["NORTH", "--all", "--cohort", "X"], "no cohort with the code X"),
        (["NORTH"], "say either --patron BARCODE, or --all"),
        (["NORTH", "--all", "--patron", "B-NEW"], "say either --patron BARCODE, or --all"),
        (["NORTH", "--patron", "B-NEW", "--status", "ACTIVE"], "say either --patron BARCODE, or --all"),
    ],
)
async def test_a_mistake_is_told_and_starts_nothing(database, north, ada, run_cli, tmp_path, args, said):
    output = tmp_path / "file"
    done = await asyncio.to_thread(run_cli, "export", *args, "--output", str(output))
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not output.exists()
    assert await database.value("SELECT count(*) FROM job") == 1
    assert await database.value("SELECT count(*) FROM data_export") == 1


async def test_a_file_that_exists_is_left_alone(database, north, ada, run_cli, tmp_path):
    output = tmp_path / "file"
    output.write_text("mine")
    done = await asyncio.to_thread(run_cli, "export", "NORTH", "--all", "--output", str(output))
    assert done.returncode != 0
    assert "exists already" in done.stderr
    assert output.read_text() == "mine"
    assert await database.value("SELECT count(*) FROM job") == 1


async def test_without_a_worker_it_says_so_and_a_cancel_ends_it(database, north, ada, settings, tmp_path):
    command = ["-m", "patrongraph", "export", "NORTH", "--all", "--output", str(tmp_path / "file")]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, env=os.environ | settings.as_environment(), stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(120):
        told = b""
        while b"patrongraph worker" not in told:
            told += await process.stderr.read(1000)
        job_id = await database.value("SELECT max(id) FROM job")
        await jobs.cancel(north.operator, job_id)
        told += await process.stderr.read()
    assert await process.wait() == 1
    assert f"No worker has taken job {job_id} yet. Start one: patrongraph worker" in told.decode()
    assert f"job {job_id} ended as CANCELLED; no file was written" in told.decode()
    assert list(tmp_path.iterdir()) == []
