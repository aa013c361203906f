"""The servers and processes of one run: started here, on loopback, and ended here by their process ids."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from patrongraph import migrate
from patrongraph.cli import with_secret_key
from patrongraph.embedded import Servers
from patrongraph.settings import Settings, use_settings

ROOT = Path(__file__).resolve().parent.parent
MARKER = "patrongraph-bench"

# Both servers, ours and the one to compare with, run under exactly these.
UVICORN = ("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning", "--workers", "1")


@dataclass(slots=True)
class Child:
    """A process that this run started; `port` is 0 for one that does not listen."""

    process: "subprocess.Popen[bytes]"
    log: Path
    port: int = 0

    @property
    def pid(self) -> int:
        return self.process.pid


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class House:
    """One run's settings, database and child processes."""

    settings: Settings
    scale: float
    postmaster: int = 0
    children: list[Child] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """Where this run keeps its files; gone at the end unless kept."""
        return self.settings.data_dir

    async def connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        """Return a plain connection to the database, in UTC as all of the product's."""
        return await asyncpg.connect(self.settings.database_url, server_settings={"timezone": "UTC", "jit": "off"})

    def start(self, name: str, *words: str, port: int = 0, **variables: str) -> Child:
        """Start a Python process with the product's settings in its environment; its output goes to a log file."""
        log = self.folder / "log" / f"bench-{name}.log"
        environment = os.environ | self.settings.as_environment() | variables
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, *words], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output,
                stderr=output,
            )  # fmt: skip
        child = Child(process, log, port)
        self.children.append(child)
        return child

    def start_server(self, name: str, application: str, *flags: str, **variables: str) -> Child:
        """Start uvicorn with an application and wait until /healthz answers."""
        port = free_port()
        words = ("-m", "uvicorn", application, "--host", "127.0.0.1", "--port", str(port), *UVICORN, *flags)
        child = self.start(name, *words, port=port, **variables)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if child.process.poll() is not None:
                break
            with (
                suppress(OSError, urllib.error.URLError),
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5),
            ):
                return child
            time.sleep(0.05)
        raise SystemExit(f"{name} did not start:\n{child.log.read_text(errors='replace')[-3000:]}")

    def start_api(self) -> Child:
        """Start the product's API as one process."""
        return self.start_server("api", "patrongraph.app:create_app", "--factory")

    def start_worker(self, **variables: str) -> Child:
        """Start the product's worker."""
        return self.start("worker", "-m", "patrongraph", "worker", **variables)

    def start_reference(self) -> Child:
        """Start the bare application with the hand-written statements."""
        return self.start_server("reference", "bench.reference:app", BENCH_DATABASE_URL=self.settings.database_url)

    def stop(self, child: Child) -> None:
        """End a process politely, after ten seconds impolitely."""
        if child.process.poll() is None:
            child.process.terminate()
            try:
                child.process.wait(10)
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        if child in self.children:
            self.children.remove(child)

    async def vacuum(self) -> None:
        """Bring the tables and their statistics into order, so that no measurement pays for what came before."""
        connection = await self.connect()
        try:
            await connection.execute("VACUUM (ANALYZE)")
            await connection.execute("CHECKPOINT")
        finally:
            await connection.close()


def _end_what_was_left(folder: Path) -> None:
    """Stop the servers that a killed run left running; refuse when another run uses them now."""
    left = Servers(folder)
    if left.running():
        left.start()
        if not left.stop():
            raise SystemExit(f"another run is using {folder}; wait for it, or choose another --data-dir")


@contextmanager
def house(folder: Path, scale: float, *, keep: bool, reuse: bool) -> Iterator[House]:
    """Open the house: servers started and migrated. At the end all is stopped, and removed unless kept."""
    folder = folder.expanduser().resolve()
    if folder.exists() and not reuse:
        if any(folder.iterdir()) and not (folder / MARKER).exists():
            raise SystemExit(f"{folder} is not empty and was not made by a bench run; choose another --data-dir")
        _end_what_was_left(folder)
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).touch()
    opened: House | None = None
    try:
        with Servers(folder) as servers:
            found = servers.addresses
            settings = Settings(
                database_url=found.database_url, redis_url=found.redis_url, data_dir=folder, at_rest_window="",
                # One actor and one address ask what hundreds would; the points are counted all the same.
                points_per_minute=1_000_000_000, max_address_connections=100_000,
            )  # fmt: skip
            settings = with_secret_key(settings, make=True)
            use_settings(settings)
            opened = House(settings, scale)
            asyncio.run(_ready(opened))
            try:
                yield opened
            finally:
                for child in list(opened.children):
                    opened.stop(child)
    finally:
        if not (keep or reuse):
            shutil.rmtree(folder, ignore_errors=True)


async def _ready(opened: House) -> None:
    await migrate.apply(opened.settings.database_url)
    connection = await opened.connect()
    try:
        backend: Any = await connection.fetchval("SELECT pg_backend_pid()")
        opened.postmaster = psutil.Process(backend).ppid()
    finally:
        await connection.close()
