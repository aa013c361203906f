"""`patrongraph …` as a process of its own that starts at once: forked from one that has imported the package.

Importing takes a second of a core, and the tests start hundreds. Arguments, environment, files, signals and exit
code are the process's own, as with `python -m patrongraph`, which the tests of the installation and README start.
"""

import asyncio
import fcntl
import gc
import importlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from multiprocessing import reduction
from typing import Any

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.preloaded"])

ASIDE = 500  # no descriptor that a test passes on is as high


class _Fd:
    """A file descriptor that goes along to the process that is started."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __reduce__(self) -> Any:
        return _received, (reduction.DupFd(self.fd),)


def _received(sent: Any) -> int:
    fd: int = sent.detach()
    return fd


def _become(words: Sequence[str], environment: Mapping[str, str], fds: Mapping[int, int]) -> None:
    """Be `patrongraph words`: everything that a new process has of its own is put in place first."""
    gc.unfreeze()
    # First out of the way of each other, then where they belong.
    aside = {number: fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, ASIDE) for number, fd in fds.items()}
    for fd in fds.values():
        os.close(fd)
    for number, fd in aside.items():
        os.dup2(fd, number)
        os.close(fd)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    tempfile.tempdir = None
    sys.argv = ["patrongraph", *words]
    sys.stdin, sys.stdout = os.fdopen(0, closefd=False), os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, errors="backslashreplace", closefd=False)
    importlib.import_module("patrongraph.cli").main(args=list(words), prog_name="patrongraph")


class Running:
    """A process, with the methods of subprocess.Popen that tests use."""

    def __init__(self, words: Sequence[str], environment: Mapping[str, str], fds: Mapping[int, int]) -> None:
        self.words = words
        given = {number: _Fd(fd) for number, fd in fds.items()}
        self._process = _FORKS.Process(target=_become, args=(list(words), dict(environment), given), daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        """Its number."""
        found = self._process.pid
        assert found is not None
        return found

    @property
    def returncode(self) -> int | None:
        """The exit code, the negative number of the signal that ended it, or None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired."""
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(["patrongraph", *self.words], timeout or 0)
        return self.returncode

    async def ended(self) -> int:
        """Wait for its end beside other tasks."""
        while self.returncode is None:
            await asyncio.sleep(0.01)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to stop."""
        self._process.terminate()

    def kill(self) -> None:
        """Kill it."""
        self._process.kill()


def start(
    *words: str, env: Mapping[str, str], stdin: int | None = None, stdout: int | None = None, stderr: int | None = None,
    pass_fds: Sequence[int] = (),
) -> Running:  # fmt: skip
    """Start `patrongraph words`. What is not given of stdin, stdout and stderr is /dev/null."""
    null = os.open(os.devnull, os.O_RDWR)
    try:
        first = (null if fd is None else fd for fd in (stdin, stdout, stderr))
        return Running(words, env, dict(enumerate(first)) | {fd: fd for fd in pass_fds})
    finally:
        os.close(null)


def run(
    *words: str, env: Mapping[str, str], given: str = "", timeout: float = 300
) -> "subprocess.CompletedProcess[str]":
    """Run `patrongraph words` to its end, with a text as its stdin; return what it printed."""
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        stdin.write(given.encode())
        stdin.seek(0)
        running = start(*words, env=env, stdin=stdin.fileno(), stdout=stdout.fileno(), stderr=stderr.fileno())
        try:
            code = running.wait(timeout)
        finally:
            running.kill()
        printed = []
        for file in (stdout, stderr):
            file.seek(0)
            printed.append(file.read().decode())
    return subprocess.CompletedProcess(["patrongraph", *words], code, *printed)
