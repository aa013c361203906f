"""`patrongraph up`: the whole system on one machine, started in order, watched, and stopped in reverse."""

import fcntl
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from types import FrameType
from typing import IO

import click

from patrongraph.cli import local_servers, with_secret_key
from patrongraph.demonstration import SignIn, prepare
from patrongraph.embedded import Servers, Unavailable
from patrongraph.serve import GRACE_SECONDS, listening_socket, url_of
from patrongraph.settings import Settings, get_settings, use_settings
from patrongraph.terminal import answers, notes

START_SECONDS = 60
FORMER_RUN_SECONDS = 20  # what the children of a killed run get to notice and end
LOOK_SECONDS = 5.0


@dataclass(slots=True)
class Child:
    """One process of ours. Its stdin is a pipe that we hold: when we are killed it ends too."""

    name: str
    arguments: list[str]
    log: Path
    environment: dict[str, str]
    inherited: tuple[int, ...] = ()
    process: "subprocess.Popen[bytes] | None" = field(default=None)

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C in the terminal reaches only us."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - this program
                [sys.executable, "-m", "patrongraph", *self.arguments, "--stop-with-stdin"],
                stdin=subprocess.PIPE, stdout=log, stderr=log, env=os.environ | self.environment,
                pass_fds=self.inherited, start_new_session=True,
            )  # fmt: skip

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self.process.poll() if self.process is not None else None

    def stop(self, stopping: "Stopping") -> None:
        """End it: SIGTERM, and SIGKILL when it takes too long."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            since = time.monotonic()
            while self.process.poll() is None and time.monotonic() - since < stopping.grace:
                time.sleep(0.05)
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()


class Stopping:
    """Set by Ctrl-C, SIGTERM or a closed terminal; a second signal makes waiting short."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.hurry = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Note the signal."""
        self.hurry = self.asked.is_set()
        self.asked.set()

    @property
    def grace(self) -> float:
        """Seconds a child gets to end."""
        return 1 if self.hurry else 2 * GRACE_SECONDS


@contextmanager
def _only_one(data_dir: Path) -> Iterator[int]:
    """Hold the data directory for this run; yield the lock that children keep until they are gone.

    A second run is told so at once. After a killed run its children are given time to end.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "up.lock").open("ab") as ours, (data_dir / "children.lock").open("ab") as childrens:
        try:
            fcntl.flock(ours, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise click.ClickException(f"`patrongraph up` already runs on {data_dir}") from None
        deadline = time.monotonic() + FORMER_RUN_SECONDS
        while not _locked(childrens):
            if time.monotonic() > deadline:
                raise click.ClickException(f"a process of a former run still works on {data_dir}; end it first")
            time.sleep(0.1)
        yield childrens.fileno()


def _locked(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _ready(bound: socket.socket) -> bool:
    host, port = bound.getsockname()[:2]
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _reason(child: Child) -> str:
    """Say why a child ended: its exit code and the end of its log, which holds no personal data."""
    last = child.log.read_text(errors="replace").splitlines()[-15:]
    return f"the {child.name} ended with code {child.exit_code}. The end of {child.log}:\n" + "\n".join(last)


def _wait_until_ready(api: Child, bound: socket.socket, stopping: Stopping) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not stopping.asked.is_set() and not _ready(bound):
        if api.exit_code is not None:
            raise click.ClickException(_reason(api))
        if time.monotonic() > deadline:
            raise click.ClickException(f"the API is not ready after {START_SECONDS} s; see {api.log}")
        stopping.asked.wait(0.1)


def _watch(api: Child, worker: Child, servers: Servers | None, stopping: Stopping) -> None:
    """Return when asked to stop. A dead worker or server is started again; a dead API ends everything."""
    pause, started, looked = 1.0, time.monotonic(), time.monotonic()
    while not stopping.asked.wait(0.2):
        now = time.monotonic()
        if api.exit_code is not None:
            raise click.ClickException(_reason(api))
        if worker.exit_code is not None and now - started > pause:
            pause = 1.0 if now - started > 60 else min(pause * 2, 30.0)
            notes.print(f"The worker ended with code {worker.exit_code} and is started again; see {worker.log}")
            worker.stop(stopping)
            worker.start()
            started = now
        if servers is not None and now - looked > LOOK_SECONDS:
            looked = now
            if not servers.running():
                notes.print(f"PostgreSQL or Valkey stopped and is started again; see {servers.log_dir}")
                with servers:  # only to start them: the hold that keeps them is the whole run's
                    pass


def _welcome(url: str, sign_in: SignIn | None, settings: Settings) -> None:
    answers.print(f"\n[bold]PatronGraph is up:[/bold] {url}/graphql")
    answers.print(f"  Staff console:         {url}/console   (GraphQL explorer: {url}/explorer)", markup=False)
    if sign_in is not None:
        answers.print(f"  Demonstration library: {sign_in.library}")
        answers.print(f"  Sign in as:            {sign_in.username}   password: {sign_in.password}", markup=False)
        answers.print(f"  Token for programs:    Authorization: Bearer {sign_in.token}", markup=False)
    answers.print(f"  Data and log files:    {settings.data_dir.resolve()}", markup=False)
    answers.print("\nCtrl-C stops it; `patrongraph up` starts it again with the same data.\n")


def _loopback(bound: socket.socket) -> None:
    if not ip_address(bound.getsockname()[0]).is_loopback:
        raise click.ClickException(
            "`patrongraph up` shows a password and has no HTTPS, so it listens on this machine only "
            "(127.0.0.1 or [::1]). For others use `patrongraph serve` behind a proxy."
        )


@click.command()
@click.option("--listen", metavar="ADDRESS:PORT", help="Instead of PATRONGRAPH_LISTEN; port 0 takes a free one.")
@click.option("--demonstration/--empty", default=True, help="Load the demonstration library when there is none.")
def up(listen: str | None, demonstration: bool) -> None:
    """Start everything on this machine: PostgreSQL, Valkey, the API and a worker; Ctrl-C stops it."""
    stopping = Stopping()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, stopping)
    os.umask(0o077)  # logs and exports are for the owner only
    changed = {} if listen is None else {"listen": listen}
    if "at_rest_window" not in get_settings().model_fields_set:
        changed["at_rest_window"] = "always"  # nobody is in the way here, and certificates are complete in a minute
    settings = get_settings().model_copy(update={"data_dir": get_settings().data_dir.resolve(), **changed})
    try:
        with ExitStack() as stack:
            _run(stack, settings, stopping, demonstration)
    except Unavailable as error:
        raise click.ClickException(str(error)) from error
    except PermissionError as error:
        raise click.ClickException(f"cannot write to {error.filename}; see PATRONGRAPH_DATA_DIR") from error


def _run(stack: ExitStack, settings: Settings, stopping: Stopping, demonstration: bool) -> None:
    children = stack.enter_context(_only_one(settings.data_dir))
    bound = stack.enter_context(listening_socket(settings.listen))
    _loopback(bound)
    embedded = not (settings.database_url and settings.redis_url)
    notes.print("Starting PostgreSQL and Valkey …" if embedded else "Opening the database …")
    use_settings(with_secret_key(settings, make=True))
    settings = stack.enter_context(local_servers(migrate=True))
    sign_in = prepare(settings, load=demonstration)
    (settings.data_dir / "log").mkdir(exist_ok=True)
    environment = settings.as_environment()
    api = Child("API", ["serve", "--socket-fd", str(bound.fileno())], settings.data_dir / "log" / "api.log",
                environment, (bound.fileno(), children))  # fmt: skip
    worker = Child("worker", ["worker"], settings.data_dir / "log" / "worker.log", environment, (children,))
    for child in (worker, api):
        stack.callback(child.stop, stopping)
    if not stopping.asked.is_set():
        notes.print("Starting the API and a worker …")
        api.start()
        worker.start()
        _wait_until_ready(api, bound, stopping)
    if not stopping.asked.is_set():
        _welcome(url_of(bound), sign_in, settings)
        _watch(api, worker, Servers(settings.data_dir) if embedded else None, stopping)
    notes.print("Stopping …")
