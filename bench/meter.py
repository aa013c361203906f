"""What processes cost: processor time of a server and its database, and the most memory a process ever held."""

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil


def _own_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def server_seconds(pid: int) -> float:
    """Return the processor seconds a process and its children have used."""
    process = psutil.Process(pid)
    return _own_seconds(process) + sum(_own_seconds(child) for child in process.children(recursive=True))


def postgres_seconds(postmaster: int) -> float:
    """Return the processor seconds of a PostgreSQL: the living processes, and the ended ones it waited for."""
    process = psutil.Process(postmaster)
    total = _own_seconds(process)
    total += float(getattr(process.cpu_times(), "children_user", 0.0))
    total += float(getattr(process.cpu_times(), "children_system", 0.0))
    for child in process.children():
        try:
            total += _own_seconds(child)
        except psutil.NoSuchProcess:
            continue  # its time is in the postmaster's by now
    return total


def megabytes(size: float) -> float:
    """Return a size in bytes as megabytes (1024 × 1024)."""
    return size / 1_048_576


def _high_water(pid: int) -> int:
    """Return the kernel's own record of the most memory a process held, bytes; 0 where there is none."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def resident(pid: int) -> int:
    """Return what a process and its children hold in memory now, bytes."""
    process = psutil.Process(pid)
    total = int(process.memory_info().rss)
    for child in process.children(recursive=True):
        try:
            total += int(child.memory_info().rss)
        except psutil.NoSuchProcess:
            continue
    return total


@dataclass
class PeakMemory:
    """Watches a process with its children, 20 times a second; `peak` is the most it held, bytes."""

    pid: int
    peak: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        reset = Path(f"/proc/{self.pid}/clear_refs")
        if reset.exists():
            reset.write_text("5")  # forget the high-water mark of what came before
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _look(self) -> None:
        try:
            self.peak = max(self.peak, resident(self.pid), _high_water(self.pid))
        except psutil.Error:
            self._ended.set()

    def _watch(self) -> None:
        while not self._ended.is_set():
            self._look()
            time.sleep(0.05)

    def __exit__(self, *exc: object) -> None:
        self._look()
        self._ended.set()
        self._thread.join()
