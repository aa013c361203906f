"""Tests run on the real servers: one embedded PostgreSQL and Valkey a run, one database a test worker.

The run's main process owns a directory in the temporary folder. The first worker that needs the servers
starts them there and migrates a template database; each worker clones its own; the main process ends them.
"""

import asyncio
import fcntl
import gc
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from pydantic import SecretStr
from redis.asyncio import Redis
from tests import processes
from tests.fixtures_api import (  # noqa: F401 - fixtures of a running API and worker
    api,
    api_log,
    api_process,
    other_town,
    town,
    worker_log,
    worker_process,
)

from patrongraph import db
from patrongraph.embedded import Servers
from patrongraph.settings import Settings, use_settings

PREFIX = "patrongraph-tests-"
RUN_DIR = pytest.StashKey[Path]()
HOLD = pytest.StashKey[Any]()

# Empties every table that has rows, but for those in the argument: DELETE is quicker than TRUNCATE on the
# few rows of a test. In replica role neither foreign keys nor the audit log's triggers stand in the way.
EMPTY_TABLES = r"""
CREATE FUNCTION public.test_empty_tables(kept text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    named record;
    found boolean;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR named IN
        SELECT c.oid::regclass::text AS name, pg_relation_size(c.oid) > 4000000 AS large
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND n.nspname = 'public' AND c.relname <> ALL (kept)
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', named.name) INTO found;
        IF named.large THEN
            EXECUTE format('TRUNCATE %s CASCADE', named.name);
        ELSIF found THEN
            EXECUTE format('DELETE FROM %s', named.name);
        END IF;
    END LOOP;
    PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false)
    FROM pg_sequences
    WHERE schemaname = 'public' AND last_value IS NOT NULL
      AND NOT EXISTS (SELECT FROM unnest(kept) AS k WHERE sequencename LIKE k || '\_%');
END $$
"""


def pytest_configure(config: pytest.Config) -> None:
    """Make the run's directory in the main process; workers are told it."""
    told = getattr(config, "workerinput", {}).get("patrongraph_run_dir")
    if told is not None:
        config.stash[RUN_DIR] = Path(told)
        return
    for old in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        _remove_if_dead(old)
    run_dir = Path(tempfile.mkdtemp(prefix=PREFIX))
    hold = (run_dir / "run.lock").open("w")
    fcntl.flock(hold, fcntl.LOCK_EX)
    config.stash[RUN_DIR] = run_dir
    config.stash[HOLD] = hold


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a pytest-xdist worker where the run's servers are."""
    node.workerinput["patrongraph_run_dir"] = str(node.config.stash[RUN_DIR])


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the servers and remove what the run wrote."""
    if HOLD in config.stash:
        _remove(config.stash[RUN_DIR])
        config.stash[HOLD].close()


def _remove(run_dir: Path) -> None:
    servers = Servers(run_dir / "data", durable=False)
    if servers.data_dir.exists() and servers.running():
        servers.start()
        servers.stop()
    shutil.rmtree(run_dir, ignore_errors=True)


def _remove_if_dead(run_dir: Path) -> None:
    """Clean up after a run that was killed: nobody holds its lock any more."""
    try:
        with (run_dir / "run.lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(run_dir)
    except OSError:
        return  # of a living run, or of another user


def _wait_for(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end beside pytest's own event loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def _execute(url: str, *statements: str) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return [await connection.fetch(statement) for statement in statements]
    finally:
        await connection.close()


def _make_template(url: str, marker: Path) -> None:
    """Migrate the template once per run, whichever worker comes first."""
    with marker.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if marker.exists():
            return
        server = url.replace("/test_template?", "/postgres?")
        drop = "DROP DATABASE IF EXISTS test_template"
        _wait_for(_execute(server, drop, "CREATE DATABASE test_template"))
        done = processes.run("migrate", env=os.environ | Settings(database_url=url).as_environment())
        assert done.returncode == 0, f"patrongraph migrate failed on the template:\n{done.stdout}{done.stderr}"
        _wait_for(_execute(url, EMPTY_TABLES))
        marker.touch()


@pytest.fixture(scope="session")
def worker_number(request: pytest.FixtureRequest) -> int:
    """0 without pytest-xdist, else 1, 2, …: the number of this worker's database and Valkey database."""
    name = getattr(request.config, "workerinput", {}).get("workerid", "gw-1")
    return int(name.removeprefix("gw")) + 1


@pytest.fixture(scope="session")
def settings(request: pytest.FixtureRequest, worker_number: int) -> Iterator[Settings]:
    """The frozen settings of this test worker: its own database, Valkey database and data directory."""
    run_dir = request.config.stash[RUN_DIR]
    with Servers(run_dir / "data", durable=False) as servers:
        url = servers.addresses.database_url
        name = f"test_{worker_number}"
        _make_template(url.replace("/patrongraph?", "/test_template?"), run_dir / "template")
        _wait_for(
            _execute(
                url,
                f"DROP DATABASE IF EXISTS {name} WITH (FORCE)",
                f"CREATE DATABASE {name} TEMPLATE test_template STRATEGY FILE_COPY",
            )
        )
        data_dir = run_dir / f"worker-{worker_number}"
        data_dir.mkdir(exist_ok=True)
        made = Settings(
            database_url=url.replace("/patrongraph?", f"/{name}?"),
            redis_url=servers.addresses.redis_url.replace("db=0", f"db={worker_number}"),
            secret_key=SecretStr("a secret for the tests, long enough to be one"),
            data_dir=data_dir,
            listen="127.0.0.1:0",
            at_rest_window="",
            # Tests ask more at once than people do; tests/limits/ has the limits as they are set otherwise.
            points_per_minute=1_000_000_000,
            anonymous_points_per_minute=1_000_000_000,
            metrics_listen="",
            worker_metrics_listen="",
        )
        use_settings(made)
        yield made


@pytest.fixture(scope="session")
def seeded_tables(settings: Settings) -> list[str]:
    """The tables that the migrations themselves fill; they keep their rows between tests."""
    tables = "SELECT c.relname FROM pg_class c WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    [found] = _wait_for(_execute(settings.database_url, tables))
    names = [row["relname"] for row in found]
    counts = _wait_for(_execute(settings.database_url, *[f'SELECT FROM "{name}" LIMIT 1' for name in names]))
    return [name for name, rows in zip(names, counts, strict=True) if rows]


@pytest_asyncio.fixture(scope="session")
async def valkey(settings: Settings) -> "AsyncIterator[Redis]":
    """A client of this worker's Valkey database."""
    client = Redis.from_url(settings.redis_url)
    yield client
    await client.aclose()


@pytest_asyncio.fixture(scope="session")
async def _pools_to_close() -> AsyncIterator[None]:
    yield
    await db.close_pools()


@pytest.fixture(scope="session")
def empty(
    settings: Settings, seeded_tables: list[str], valkey: "Redis", _pools_to_close: None
) -> Callable[[], Awaitable[None]]:
    """Opens the pools if need be, and empties the database, the Valkey database and the data directory."""

    async def emptied() -> None:
        if db._pools.reads is None:
            await db.open_pools(settings)
        await db.rows("SELECT public.test_empty_tables($1::text[])", seeded_tables)
        await valkey.flushdb()
        for left in settings.data_dir.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        use_settings(settings)

    return emptied


@pytest_asyncio.fixture
async def database(empty: Callable[[], Awaitable[None]]) -> ModuleType:
    """The `db` module with open pools on a database, Valkey database and data directory that are empty.

    A test that closes the pools (the application's lifespan does) is fine: the next one opens them again.
    """
    await empty()
    return db


RunCli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run_cli(settings: Settings) -> RunCli:
    """Run `patrongraph …` as a process of its own with this worker's settings; keywords: text for its stdin, variables.

    It blocks: from an async test call it as `await asyncio.to_thread(run_cli, …)` when the loop has to go on.
    """

    def run(*args: str, stdin: str = "", **variables: str) -> "subprocess.CompletedProcess[str]":
        environment = os.environ | settings.as_environment() | {"COLUMNS": "160"} | variables
        return processes.run(*args, env=environment, given=stdin)

    return run


def pytest_collection_finish() -> None:
    """What is imported and collected by now stays: the garbage collector need not look at it after every test."""
    gc.collect()
    gc.freeze()
