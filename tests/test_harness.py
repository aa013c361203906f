"""The test harness itself: every test meets an empty database, whatever the one before left."""

import subprocess

import pytest


@pytest.mark.parametrize("turn", [1, 2])
async def test_a_test_meets_an_empty_database(database, valkey, settings, turn):
    assert await database.value("SELECT count(*) FROM library") == 0
    assert await valkey.dbsize() == 0
    assert list(settings.data_dir.iterdir()) == []
    made = await database.value("INSERT INTO library (code, name) VALUES ('A', 'A') RETURNING id")
    await valkey.set("left", "over")
    (settings.data_dir / "left").write_text("over")
    assert made == 1


async def test_what_the_application_closes_is_opened_again(database):
    await database.close_pools()


async def test_after_the_pools_were_closed(database):
    assert await database.value("SELECT current_database() LIKE 'test\\_%'") is True


def test_the_command_line_runs_with_the_workers_settings(run_cli):
    done: subprocess.CompletedProcess[str] = run_cli("--version")
    assert (done.returncode, done.stderr) == (0, "")
