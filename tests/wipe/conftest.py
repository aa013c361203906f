"""An installation of its own: servers, API and worker as processes, everything they write below one folder."""

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest_asyncio
from pydantic import SecretStr
from tests import processes
from tests.clients import Api
from tests.fixtures_api import QUICK, wait_until_ready
from tests.wipe import places
from tests.wipe.needles import Needle

from patrongraph import db
from patrongraph.embedded import Servers
from patrongraph.settings import Settings, get_settings, use_settings


@dataclass
class House:
    """The installation: its settings, a client of its API, and a connection of its own to its database."""

    settings: Settings
    api: Api
    connection: "asyncpg.Connection[asyncpg.Record]"

    @property
    def environment(self) -> dict[str, str]:
        return environment(self.settings)

    async def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run `patrongraph …` on this installation."""
        return await asyncio.to_thread(processes.run, *words, env=self.environment | {"COLUMNS": "160"})

    async def search(self, needles: list[Needle]) -> places.Found:
        """Look everywhere."""
        return (
            await places.tables(self.connection, needles)
            | await places.data_files(self.connection, self.settings.data_dir, needles)
            | await places.valkey(self.settings.redis_url, needles)
        )


def environment(settings: Settings) -> dict[str, str]:
    return os.environ | settings.as_environment() | {"TMPDIR": str(settings.data_dir / "tmp")}


@contextmanager
def process(settings: Settings, name: str, *words: str, keep: int | None = None) -> Iterator[processes.Running]:
    """Run `patrongraph …` until the block ends, its output in the installation's log folder."""
    with (settings.data_dir / "log" / f"{name}.log").open("ab") as log:
        child = processes.start(
            *words, env=environment(settings), stdout=log.fileno(), stderr=log.fileno(),
            pass_fds=[] if keep is None else [keep],
        )  # fmt: skip
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@pytest_asyncio.fixture
async def house(settings: Settings) -> AsyncIterator[House]:
    """The installation, empty; `db` of this process is open on it while the test runs."""
    folder = Path(tempfile.mkdtemp(prefix="pg-wipe-"))
    (folder / "tmp").mkdir()
    await db.close_pools()
    before = get_settings()
    try:
        with Servers(folder, durable=False) as servers, socket.socket() as bound:
            where = servers.addresses
            own = Settings(
                database_url=where.database_url, redis_url=where.redis_url, data_dir=folder, at_rest_window="",
                secret_key=SecretStr("a secret of this installation, long enough"), **QUICK,
            )  # fmt: skip
            bound.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{bound.getsockname()[1]}"
            connection = await asyncpg.connect(own.database_url)
            opened = House(own, Api(url), connection)
            migrated = await opened.command("migrate")
            assert migrated.returncode == 0, migrated.stderr
            use_settings(own)
            await db.open_pools(own)
            with (
                process(own, "api", "serve", "--socket-fd", str(bound.fileno()), keep=bound.fileno()) as serving,
                process(own, "worker", "worker"),
            ):
                wait_until_ready(url, serving, folder / "log" / "api.log")
                yield opened
            await connection.close()
            await db.close_pools()
    finally:
        await db.close_pools()
        use_settings(before)
        shutil.rmtree(folder, ignore_errors=True)
