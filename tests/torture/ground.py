"""One run's own servers and processes: embedded PostgreSQL and Valkey in a folder, children that are kept alive."""

import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import psutil
from pydantic import SecretStr
from redis import Redis
from tests import processes
from tests.clients import Api

from patrongraph import db, migrate
from patrongraph.context import system_actor
from patrongraph.embedded import Servers
from patrongraph.permissions import ALL_PERMISSIONS
from patrongraph.settings import Settings, use_settings
from patrongraph.staff.actions import create_token

PREFIX = "patrongraph-torture-"

# Workers that look often and lose a job soon, small chunks, and room for a long list of ids in a request.
QUICK: dict[str, Any] = {
    "job_poll_seconds": 0.25, "job_lease_seconds": 1.5, "chunk_loans": 100, "job_concurrency": 3,
    "max_body_bytes": 8_000_000, "at_rest_window": "",
    "metrics_listen": "", "worker_metrics_listen": "",
}  # fmt: skip


@dataclass(slots=True, eq=False)
class Kept:
    """A process that is started again whenever it has died. `alone`: how often it ended without a SIGKILL of ours."""

    name: str
    words: tuple[str, ...]
    environment: dict[str, str]
    log: Path
    pass_fds: tuple[int, ...] = ()
    starts: int = 0
    kills: int = 0
    alone: int = 0
    process: "processes.Running | None" = None
    stopping: bool = False
    restarting: bool = False

    async def keep(self) -> None:
        """Run it until stopping is set; its stdin is a pipe of ours, so that it never outlives us."""
        while not self.stopping:
            stdin, held = os.pipe()
            with self.log.open("ab") as log, os.fdopen(stdin), os.fdopen(held, "w"):
                self.process = processes.start(
                    *self.words, "--stop-with-stdin", env=os.environ | self.environment,
                    stdin=stdin, stdout=log.fileno(), stderr=log.fileno(), pass_fds=self.pass_fds,
                )  # fmt: skip
                self.starts += 1
                code = await self.process.ended()
            if not (self.stopping or self.restarting) and code != -signal.SIGKILL:
                self.alone += 1
                await asyncio.sleep(0.2)

    def kill(self) -> bool:
        """Kill it with SIGKILL; false when it is not running just now."""
        if self.process is None or self.process.returncode is not None:
            return False
        self.process.kill()
        self.kills += 1
        return True

    async def restart(self) -> int | None:
        """Ask it to stop with SIGTERM, wait until it has been started again, and return its exit code."""
        asked, before = self.process, self.starts
        if asked is None:
            return None
        self.restarting = True
        asked.terminate()
        code = await asked.ended()
        while self.starts == before:
            await asyncio.sleep(0.02)
        self.restarting = False
        return code

    async def stop(self, task: "asyncio.Task[None]") -> None:
        """End it for good: SIGTERM, and SIGKILL after ten seconds."""
        self.stopping = True
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(task), 10)
        if not task.done():
            self.kill()
            await task


@dataclass(slots=True)
class Ground:
    """The place of one run; use it in `async with`. `leave`: keep the folder, to look at what went wrong.

    `at_rest`: when workers may wipe the data files meanwhile, as in the settings.
    """

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix=PREFIX)))
    servers: Servers = field(init=False)
    settings: Settings = field(init=False)
    kept: dict[Kept, "asyncio.Task[None]"] = field(default_factory=dict)
    postgres_restarts: int = 0
    valkey_kills: int = 0
    flushes: int = 0
    listening: list[socket.socket] = field(default_factory=list)
    leave: bool = False
    at_rest: str = ""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __aenter__(self) -> "Ground":
        self.servers = Servers(self.folder, durable=False)
        found = await asyncio.to_thread(self.servers.start)
        self.settings = Settings(
            database_url=found.database_url, redis_url=found.redis_url, data_dir=self.folder,
            secret_key=SecretStr("a secret for the torture, long enough to be one"), listen="127.0.0.1:0",
        ).model_copy(update=QUICK | {"at_rest_window": self.at_rest})  # fmt: skip
        use_settings(self.settings)
        await self._keep_commits()
        await migrate.apply(self.settings.database_url)
        return self

    async def _keep_commits(self) -> None:
        """Let a commit be written before it is answered: killed servers lose nothing, as the machine goes on.

        The disk is not waited for: that would matter only if the machine itself lost its power.
        """
        connection = await asyncpg.connect(self.settings.database_url)
        try:
            await connection.execute("ALTER SYSTEM SET synchronous_commit = on")
            await connection.fetchval("SELECT pg_reload_conf()")
        finally:
            await connection.close()

    async def end_processes(self) -> None:
        """End every process that is kept, side by side."""
        await asyncio.gather(*(kept.stop(task) for kept, task in self.kept.items()))
        self.kept.clear()
        for listening in self.listening:
            listening.close()
        self.listening.clear()

    async def __aexit__(self, *_: object) -> None:
        await self.end_processes()
        await asyncio.to_thread(self.servers.stop)
        if not self.leave:
            shutil.rmtree(self.folder, ignore_errors=True)

    async def token(self, library: int) -> str:
        """Make a token with every permission for a library."""
        await db.open_pools(self.settings)
        try:
            return (await create_token(system_actor(library), "torture", ALL_PERMISSIONS))[1]
        finally:
            await db.close_pools()

    def start(self, name: str, *words: str, pass_fds: tuple[int, ...] = (), **environment: str) -> Kept:
        """Keep `patrongraph words` running with the settings in its environment."""
        log = self.folder / "log" / f"{name}.log"
        kept = Kept(name, words, self.settings.as_environment() | environment, log, pass_fds)
        self.kept[kept] = asyncio.create_task(kept.keep())
        return kept

    def start_worker(self, name: str, **environment: str) -> Kept:
        """Keep a worker running."""
        return self.start(name, "worker", **environment)

    async def run(self, *words: str) -> str:
        """Run `patrongraph words` with the settings in its environment; return what it printed when it failed."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "patrongraph", *words, env=os.environ | self.settings.as_environment(),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        printed, _ = await process.communicate()
        return f"{' '.join(words)} ended with {process.returncode}: {printed.decode()}" if process.returncode else ""

    async def start_api(self, token: str) -> Api:
        """Keep an API running; its socket is ours, so that callers wait while it is away."""
        return self._start_api(token, "api")

    async def start_apis(self, token: str, count: int) -> list[Api]:
        """Keep several running, each with a socket of its own."""
        return [self._start_api(token, f"api-{number + 1}") for number in range(count)]

    def _start_api(self, token: str, name: str) -> Api:
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        self.listening.append(listening)
        fd = listening.fileno()
        self.start(name, "serve", "--socket-fd", str(fd), pass_fds=(fd,))
        return Api(f"http://127.0.0.1:{listening.getsockname()[1]}", token)

    async def restart_postgres(self, number: signal.Signals) -> None:
        """Crash PostgreSQL: SIGQUIT is `pg_ctl stop -m immediate`, SIGKILL is worse; then start it again."""
        async with self.turn:
            await asyncio.to_thread(self._restart_postgres, number)
            self.postgres_restarts += 1

    def _restart_postgres(self, number: signal.Signals) -> None:
        pid = int((self.folder / "postgresql" / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(pid, number)
        _wait_until_gone(pid)
        self.servers.start()

    async def kill_valkey(self) -> None:
        """Kill Valkey and start it again."""
        async with self.turn:
            await asyncio.to_thread(self._kill_valkey)
            self.valkey_kills += 1

    def _kill_valkey(self) -> None:
        for pid in self.servers._valkey_pids():
            os.kill(pid, signal.SIGKILL)
            _wait_until_gone(pid)
        self.servers.start()

    async def flush_valkey(self) -> None:
        """Forget everything that Valkey knows."""
        async with self.turn:
            await asyncio.to_thread(self.valkey().flushall)
            self.flushes += 1

    def valkey(self) -> "Redis":
        """Return a client that connects when it is used."""
        return Redis.from_url(self.settings.redis_url, socket_timeout=10)


def _wait_until_gone(pid: int) -> None:
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)


AWAY = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)


class Observer:
    """A connection of the run's own, for looking and for the journal; made anew when it was lost."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._turn = asyncio.Lock()

    async def fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """Run a statement that may be run twice; wait for as long as the database is away."""
        async with self._turn:
            while True:
                try:
                    if self._connection is None or self._connection.is_closed():
                        self._connection = await asyncpg.connect(self._url, timeout=10)
                    return await self._connection.fetch(sql, *arguments)
                except asyncio.CancelledError:
                    if self._connection is not None:
                        self._connection.terminate()  # it is in the middle of a statement
                    raise
                except (*AWAY, TimeoutError):
                    self._connection = None
                    await asyncio.sleep(0.1)

    async def value(self, sql: str, *arguments: object) -> Any:
        """Return the first column of the first row, or None."""
        found = await self.fetch(sql, *arguments)
        return found[0][0] if found else None

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()
