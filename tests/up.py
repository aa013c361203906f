"""A run of `patrongraph up` on a free port, and what it printed."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import psutil

WAIT_SECONDS = 120


class Up:
    """One run of `patrongraph up`, with what it has printed so far."""

    def __init__(self, data_dir: Path, *arguments: str) -> None:
        self.data_dir = data_dir
        plain = {name: value for name, value in os.environ.items() if not name.startswith("PATRONGRAPH_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "patrongraph", "up", "--listen", "127.0.0.1:0", *arguments],
            env=plain | {"PATRONGRAPH_DATA_DIR": str(data_dir)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.printed = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed += line

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()

    def wait_ready(self) -> Self:
        wait_for(lambda: "Ctrl-C stops it" in self.printed or self.process.poll() is not None)
        assert self.process.poll() is None, self.printed
        return self

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        code = self.process.wait(WAIT_SECONDS)
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def shown(self, pattern: str) -> str:
        found = re.search(pattern, self.printed)
        assert found is not None, self.printed
        return found.group(1)

    @property
    def url(self) -> str:
        return self.shown(r"PatronGraph is up: (\S+)/graphql")

    @property
    def token(self) -> str:
        return self.shown(r"Authorization: Bearer (\S+)")

    @property
    def password(self) -> str:
        return self.shown(r"password: (\S+)")

    def child(self, command: str) -> int:
        [found] = [child.pid for child in psutil.Process(self.process.pid).children() if command in child.cmdline()]
        return found

    def ask(self, query: str, **headers: str) -> Any:
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{self.url}/graphql",
            json.dumps({"query": query}).encode(),
            {"Content-Type": "application/json", **headers},
        )
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            return json.load(response)


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not true():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)
