"""The API and a worker as processes of their own, with this test worker's database, and two libraries in it."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import httpx
import pytest
import pytest_asyncio
from tests import processes
from tests.clients import Api
from tests.processes import Running
from tests.town import Town, make_town

from patrongraph.settings import Settings


@pytest.fixture(scope="session")
def api_log(settings: Settings) -> Path:
    """What the API process has written: JSON lines."""
    return settings.data_dir.parent / f"{settings.data_dir.name}-api.log"


@contextmanager
def serving(settings: Settings, log: Path, **changed: str) -> Iterator[str]:
    """Run `patrongraph serve`, with some settings changed (`documents_mode="only"`); yields its address."""
    environment = os.environ | settings.model_copy(update=changed).as_environment()
    with socket.socket() as bound, log.open("wb") as out:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        fd, to = bound.fileno(), out.fileno()
        process = processes.start("serve", "--socket-fd", str(fd), env=environment, pass_fds=[fd], stdout=to, stderr=to)
        try:
            wait_until_ready(url, process, log)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(scope="session")
def api_process(settings: Settings, api_log: Path) -> Iterator[str]:
    """The address of an API that runs as long as the tests do."""
    with serving(settings, api_log) as url:
        yield url


def wait_until_ready(url: str, process: Running, log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None, f"the API ended:\n{log.read_text()}"
        try:
            if httpx.get(f"{url}/healthz", trust_env=False, timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"the API did not start:\n{log.read_text()}")


@pytest.fixture
def api(api_process: str, database: object) -> Api:
    """A client of the running API, on a database that is empty and open to this test too (`database`)."""
    return Api(api_process)


# A worker that looks often, takes small chunks, and loses its job soon after a kill.
QUICK = {"job_poll_seconds": 0.2, "job_lease_seconds": 2.0, "chunk_loans": 100}


@contextmanager
def working(settings: Settings, log: Path) -> Iterator[Running]:
    """Run `patrongraph worker`; at the end it is asked to stop, and must."""
    quick = settings.model_copy(update=QUICK)
    with log.open("ab") as out:
        environment = os.environ | quick.as_environment()
        process = processes.start("worker", env=environment, stdout=out.fileno(), stderr=out.fileno())
    try:
        yield process
        assert process.poll() is None, f"the worker ended:\n{log.read_text()}"
        process.terminate()
        assert process.wait(30) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def worker_log(settings: Settings) -> Path:
    """What the worker processes have written: JSON lines."""
    return settings.data_dir.parent / f"{settings.data_dir.name}-worker.log"


@pytest.fixture(scope="module")
def worker_process(settings: Settings, worker_log: Path) -> Iterator[Running]:
    """A worker for the tests of one file; in the files that do not ask for one, jobs stay QUEUED.

    It lives on while `database` empties the tables between tests, so a test follows its jobs to their end.
    """
    with working(settings, worker_log) as process:
        yield process


@pytest_asyncio.fixture
async def town(database: ModuleType) -> Town:
    """The library NORTH."""
    return await make_town("NORTH")


@pytest_asyncio.fixture
async def other_town(database: ModuleType) -> Town:
    """The library SOUTH."""
    return await make_town("SOUTH")


__all__ = ["api", "api_log", "api_process", "other_town", "town", "worker_log", "worker_process"]
