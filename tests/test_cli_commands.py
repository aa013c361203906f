"""The operator's commands say what is wrong and end with a code that scripts can use."""

import asyncio
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from patrongraph.cli import COMMANDS
from patrongraph.settings import Settings


def test_help_lists_every_command(run_cli):
    done = run_cli("--help")
    assert done.returncode == 0, done.stderr
    listed = [line.split()[0] for line in done.stdout.partition("Commands:\n")[2].splitlines()]
    assert sorted(listed) == sorted(COMMANDS)


def test_a_setting_that_is_not_right_is_named(run_cli):
    done = run_cli("doctor", PATRONGRAPH_POOL_SIZE="many", PATRONGRAPH_JOB_CONCURRENCY="0")
    assert done.returncode == 1
    assert "PATRONGRAPH_POOL_SIZE: Input should be a valid integer" in done.stderr
    assert "PATRONGRAPH_JOB_CONCURRENCY: Input should be greater than or equal to 1" in done.stderr


def test_doctor_lists_settings_with_their_source_and_hides_secrets(run_cli, settings):
    url = settings.database_url.replace("postgres@", "postgres:hidden@")
    done = run_cli("doctor", PATRONGRAPH_DATABASE_URL=url, PATRONGRAPH_POOL_SIZE="7")
    lines = {line.split()[0]: line.split()[1:3] for line in done.stdout.splitlines() if line}
    assert lines["PATRONGRAPH_POOL_SIZE"] == ["7", "environment"]
    assert lines["PATRONGRAPH_SECRET_KEY"] == ["***", "environment"]
    assert lines["PATRONGRAPH_DATABASE_URL"] == [url.replace("hidden", "***"), "environment"]
    assert {f"PATRONGRAPH_{name.upper()}" for name in Settings.model_fields} <= lines.keys()
    assert settings.secret_key.get_secret_value() not in done.stdout
    assert "hidden" not in done.stdout + done.stderr


async def test_doctor_ends_with_1_until_a_worker_lives(run_cli, settings, database, valkey):
    done = await asyncio.to_thread(run_cli, "doctor")
    assert done.returncode == 1
    assert "wrong worker: none is alive: `patrongraph worker` starts one" in done.stdout
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "patrongraph", "worker", env=environment(settings), stderr=subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(60):
            while done.returncode != 0:
                done = await asyncio.to_thread(run_cli, "doctor")
    finally:
        worker.terminate()
        assert await worker.wait() == 0
    found = [line for line in done.stdout.splitlines() if line.startswith(("ok", "wrong"))]
    assert [line.partition(":")[0] for line in found] == [
        "ok    secret key",
        "ok    data directory",
        "ok    persisted documents",
        "ok    database",
        "ok    migrations",
        "ok    export store",
        "ok    drop folder",
        "ok    export keys",
        "ok    erasure at rest",
        "ok    audit trail",
        "ok    Valkey",
        "ok    worker",
    ]


def environment(settings: Settings) -> dict[str, str]:
    import os

    return os.environ | settings.as_environment()


def test_doctor_names_what_does_not_answer(run_cli, tmp_path):
    done = run_cli(
        "doctor",
        PATRONGRAPH_DATABASE_URL="postgresql://someone:hidden@127.0.0.1:1/none",
        PATRONGRAPH_REDIS_URL="redis://:hidden@127.0.0.1:1/0",
        PATRONGRAPH_SECRET_KEY="",
        PATRONGRAPH_DATA_DIR=str(tmp_path / "new"),
    )
    assert done.returncode == 1
    assert "wrong secret key: not set" in done.stdout
    assert "wrong database: postgresql://someone:***@127.0.0.1:1/none does not answer" in done.stdout
    assert "wrong Valkey: redis://:***@127.0.0.1:1/0 does not answer" in done.stdout
    assert "hidden" not in done.stdout + done.stderr
    assert not (tmp_path / "new").exists()


async def test_migrate_makes_the_tables_of_an_empty_database_and_is_quiet_the_second_time(run_cli, settings):
    server = settings.database_url.replace("/test_", "/postgres?was=test_", 1).partition("?was=")[0]
    address = f"{server}?{settings.database_url.partition('?')[2]}"
    connection = await asyncpg.connect(address)
    name = f"test_migrate_{settings.database_url.partition('/test_')[2].partition('?')[0]}"
    await connection.execute(f"CREATE DATABASE {name}")
    try:
        url = address.replace("/postgres?", f"/{name}?")
        done = await asyncio.to_thread(run_cli, "doctor", PATRONGRAPH_DATABASE_URL=url)
        assert "to apply: run `patrongraph migrate`" in done.stdout
        for _ in range(2):
            done = await asyncio.to_thread(run_cli, "migrate", PATRONGRAPH_DATABASE_URL=url)
            assert (done.returncode, done.stdout) == (0, "The database is up to date.\n"), done.stderr
    finally:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.close()


def test_migrate_without_a_database_is_one_clear_line(run_cli):
    done = run_cli("migrate", PATRONGRAPH_DATABASE_URL="postgresql://someone:hidden@127.0.0.1:1/none")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: cannot open the database postgresql://someone:***@127.0.0.1:1/none: ")
    assert done.stderr.count("\n") == 1


def test_schema_is_printed_and_compared(run_cli, tmp_path: Path):
    done = run_cli("schema")
    assert done.returncode == 0, done.stderr
    assert "type Query {" in done.stdout
    (tmp_path / "same.graphql").write_text(done.stdout)
    (tmp_path / "other.graphql").write_text(done.stdout.replace("type Query {", "type Query { more: Int", 1))
    assert run_cli("schema", "--check", str(tmp_path / "same.graphql")).returncode == 0
    for name in ("other.graphql", "absent.graphql"):
        compared = run_cli("schema", "--check", str(tmp_path / name))
        assert (compared.returncode, compared.stdout) == (1, "")
        assert (
            compared.stderr
            == f"Error: {tmp_path / name} is not up to date: run `make schema` and look at what changed\n"
        )


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_process_without_a_secret_key_does_not_start(run_cli, command):
    done = run_cli(command, PATRONGRAPH_SECRET_KEY="short")
    assert done.returncode == 1
    assert "PATRONGRAPH_SECRET_KEY is not set or shorter than 32 characters" in done.stderr
