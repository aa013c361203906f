"""`patrongraph up` starts the whole system, shows how to sign in, survives a kill and leaves nothing behind."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.clients import beside_cost
from tests.up import WAIT_SECONDS, Up, wait_for


def living(data_dir: Path) -> list[str]:
    """The processes that a run left: the servers name the directory, ours have it in their environment."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        try:
            ours = process.environ().get("PATRONGRAPH_DATA_DIR") == str(data_dir)
        except psutil.Error:
            ours = False
        words = " ".join(process.info["cmdline"] or [])
        if process.info["status"] != psutil.STATUS_ZOMBIE and (ours or str(data_dir) in words):
            found.append(words)
    return found


@pytest.fixture(scope="module")
def parent() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="pg-up-")).resolve()
    yield made
    shutil.rmtree(made)


@pytest.fixture
def data_dir(parent: Path) -> Iterator[Path]:
    made = parent / "data"
    yield made
    for path in (made / "postgresql").glob("postmaster.pid"):  # only after a failed test
        with Up(made, "--empty") as run:
            run.wait_ready()
        assert not path.exists()


def test_up_shows_a_sign_in_that_works_and_shows_it_again_after_a_restart(data_dir: Path) -> None:
    with Up(data_dir) as first:
        first.wait_ready()
        bearer = {"Authorization": f"Bearer {first.token}"}
        who = first.ask("{ library { code } }", **bearer)
        assert beside_cost(who) == {"data": {"library": {"code": "ELMWOOD"}}}
        found = first.ask('{ patron(by: {barcode: "21000000000017"}) { group { totals { openLoans } } } }', **bearer)
        assert found["data"]["patron"]["group"]["totals"]["openLoans"] > 0
        signed_in = first.ask(
            f'mutation {{ signIn(input: {{username: "demo", password: "{first.password}"}}) {{ __typename }} }}'
        )
        assert beside_cost(signed_in) == {"data": {"signIn": {"__typename": "SignInSuccess"}}}
        assert first.stop() == 0
    assert living(data_dir) == []
    kept = data_dir / "demonstration.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert (data_dir / "secret.key").stat().st_mode & 0o777 == 0o600
    for log in (data_dir / "log").iterdir():
        text = log.read_text()
        assert first.password not in text
        assert first.token not in text
        assert log.stat().st_mode & 0o077 == 0
    with Up(data_dir) as second:
        second.wait_ready()
        assert (second.password, second.token) == (first.password, first.token)
        assert second.ask("{ library { code } }", **bearer) == who
        assert second.stop(signal.SIGTERM) == 0
    assert living(data_dir) == []


def test_a_killed_run_takes_its_processes_with_it_and_the_next_finds_the_servers(data_dir: Path) -> None:
    with Up(data_dir, "--empty") as killed:
        killed.wait_ready()
        postmaster = (data_dir / "postgresql/postmaster.pid").read_text()
        ours = [psutil.Process(killed.child("serve")), psutil.Process(killed.child("worker"))]
        killed.process.kill()
        killed.ended()
    with Up(data_dir, "--empty") as run:
        run.wait_ready()
        # They finish what they are at first, so they may outlast the moment at which the next run is ready.
        _, alive = psutil.wait_procs(ours, timeout=WAIT_SECONDS)
        assert alive == []
        assert (data_dir / "postgresql/postmaster.pid").read_text() == postmaster
        assert run.stop() == 0
    assert living(data_dir) == []


def test_a_killed_worker_is_started_again(data_dir: Path) -> None:
    with Up(data_dir, "--empty") as run:
        run.wait_ready()
        worker = run.child("worker")
        os.kill(worker, signal.SIGKILL)
        wait_for(lambda: "is started again" in run.printed)
        wait_for(lambda: len(psutil.Process(run.process.pid).children()) == 2)
        assert run.child("worker") != worker
        assert run.stop() == 0
    assert living(data_dir) == []


def test_a_killed_api_ends_everything_with_the_reason(data_dir: Path) -> None:
    with Up(data_dir, "--empty") as run:
        run.wait_ready()
        os.kill(run.child("serve"), signal.SIGKILL)
        assert run.ended() == 1
    assert "Error: the API ended with code -9. The end of " in run.printed
    assert living(data_dir) == []


def test_a_second_run_on_the_same_data_is_refused_and_the_first_goes_on(data_dir: Path) -> None:
    with Up(data_dir, "--empty") as first:
        first.wait_ready()
        with Up(data_dir, "--empty") as second:
            assert second.ended() == 1
        assert second.printed == f"Error: `patrongraph up` already runs on {data_dir}\n"
        assert beside_cost(first.ask("{ __typename }")) == {"data": {"__typename": "Query"}}
        assert first.stop() == 0
    assert living(data_dir) == []


def test_a_taken_port_is_a_clear_error_and_nothing_starts(parent: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with Up(parent / "taken", "--listen", address) as run:
            assert run.ended() == 1
    assert run.printed.startswith(f"Error: {address} is in use by another program.")
    assert not (parent / "taken" / "postgresql").exists()


@pytest.mark.parametrize(
    ("listen", "says"),
    [
        ("0.0.0.0:0", "listens on this machine only"),
        ("8000", "it must be address:port"),
        ("127.0.0.1:99999", "it must be address:port"),
    ],
)
def test_an_address_that_is_wrong_or_reaches_others_is_refused(parent: Path, listen: str, says: str) -> None:
    with Up(parent / "refused", "--listen", listen) as run:
        assert run.ended() == 1
    assert says in run.printed
    assert not (parent / "refused" / "postgresql").exists()
