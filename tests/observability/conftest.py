"""An API that tells its metrics, and what they say."""

import asyncio
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests import processes
from tests.clients import Api
from tests.fixtures_api import wait_until_ready

from patrongraph.settings import Settings

Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@dataclass
class Told:
    """Where a process tells its metrics; its port stands in its log."""

    log: Path

    @property
    def address(self) -> str:
        for line in self.log.read_text().splitlines():
            said = json.loads(line)["message"] if line.startswith("{") else ""
            if said.startswith("metrics are told on port"):
                return f"http://127.0.0.1:{said.split()[-1]}"
        raise AssertionError(f"no port in the log:\n{self.log.read_text()}")

    async def get(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            return await client.get(self.address + path)

    async def figures(self) -> Figures:
        """Every sample by its name and labels."""
        answer = await self.get("/metrics")
        assert answer.status_code == 200
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        }

    async def of(self, name: str, **labels: str) -> float | None:
        """One figure, or None when there is no such sample."""
        return (await self.figures()).get((name, tuple(sorted(labels.items()))))

    async def all_of(self, name: str) -> list[dict[str, str]]:
        """The labels of every sample of that name."""
        return [dict(labels) for found, labels in await self.figures() if found == name]


@contextmanager
def serving(settings: Settings, log: Path, **variables: str) -> Iterator[Api]:
    """Run an API of one's own with other variables; at the end it must stop in order."""
    with socket.socket() as bound, log.open("wb") as out:
        bound.bind(("127.0.0.1", 0))
        fd, to, environment = bound.fileno(), out.fileno(), os.environ | settings.as_environment() | variables
        process = processes.start("serve", "--socket-fd", str(fd), env=environment, pass_fds=[fd], stdout=to, stderr=to)
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    try:
        wait_until_ready(url, process, log)
        yield Api(url)
        process.terminate()
        assert process.wait(30) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def measured(settings: Settings, database: ModuleType, tmp_path: Path) -> Iterator[tuple[Api, Told]]:
    """An API that has just started, and where it tells its metrics."""
    log = tmp_path / "api.log"
    with serving(settings, log, PATRONGRAPH_METRICS_LISTEN="127.0.0.1:0") as api:
        yield api, Told(log)


async def until(condition: Callable[[], object]) -> None:
    """Wait until it is so; the test runner's patience ends a wait for what never comes."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)
