"""A drop folder on a disk: a file is taken by renaming it, which happens once, whoever else tries.

Links are never followed, so that nobody who may drop files can have others read.
"""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from patrongraph.imports.dropfolder.place import WORKING, Entry, Names, UnreadableEntry
from patrongraph.storage import StorageError, disk, sync_folder

UNFINISHED = ".part"


class DropFolder:
    """The files of one folder; every call waits for the disk in a thread."""

    whole = False

    def __init__(self, root: Path) -> None:
        self._root = root

    async def entries(self) -> list[Entry]:
        """Walk the folder."""
        with disk():
            if not self._root.is_dir():
                raise StorageError("it is not there, or not a folder")
            return await asyncio.to_thread(lambda: [*self._walk()])

    def _walk(self) -> Iterator[Entry]:
        for library in _folders(self._root):
            for folder in _folders(library):
                insides = _folders(folder) if folder.name == WORKING else (folder,)
                for inside in insides:
                    yield from self._files(inside)

    def _files(self, folder: Path) -> Iterator[Entry]:
        with os.scandir(folder) as found:
            for one in found:
                with suppress(FileNotFoundError):
                    status = one.stat(follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode):
                        yield _entry(Path(one.path).relative_to(self._root).parts, status)

    async def claim(self, entry: Entry, token: str) -> Entry | None:
        """Rename the file, and wait until the disk has it: after a power cut it must not be where it was."""
        with disk():
            return await asyncio.to_thread(self._claim, entry, token)

    def _claim(self, entry: Entry, token: str) -> Entry | None:
        old = self._at(entry.path)
        new = self._at((entry.path[0], WORKING, token, entry.name))
        new.parent.mkdir(parents=True, exist_ok=True)
        try:
            old.rename(new)
        except FileNotFoundError:
            new.parent.rmdir()
            return None
        _sync(new.parent, self._root)
        sync_folder(old.parent)
        return _entry(new.relative_to(self._root).parts, new.lstat())

    async def open(self, path: Names) -> BinaryIO:
        """Open the file itself."""
        try:
            return await asyncio.to_thread(self._open, path)
        except PermissionError:
            raise UnreadableEntry("the service may not read it; let the user that the worker runs as do so") from None
        except OSError as error:
            raise StorageError(error.strerror or "unknown reason") from None

    def _open(self, path: Names) -> BinaryIO:
        return os.fdopen(os.open(self._at(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")

    async def write(self, path: Names, content: bytes | AsyncIterator[bytes]) -> None:
        """Write an unfinished file, wait for the disk, rename it."""
        final = self._at(path)
        unfinished = final.with_name(f".{os.getpid()}{UNFINISHED}")
        with disk():
            await asyncio.to_thread(final.parent.mkdir, parents=True, exist_ok=True)
            file = await asyncio.to_thread(unfinished.open, "wb")
            try:
                with file:
                    if isinstance(content, bytes):
                        await asyncio.to_thread(file.write, content)
                    else:
                        async for piece in content:
                            await asyncio.to_thread(file.write, piece)
                    await asyncio.to_thread(_flush, file)
                await asyncio.to_thread(self._rename, unfinished, final)
            except BaseException:
                unfinished.unlink(missing_ok=True)
                raise

    async def move(self, path: Names, to: Names) -> None:
        """Rename the file."""
        with disk():
            await asyncio.to_thread(self._rename, self._at(path), self._at(to))

    def _rename(self, old: Path, new: Path) -> None:
        new.parent.mkdir(parents=True, exist_ok=True)
        old.rename(new)
        sync_folder(new.parent)
        if old.parent != new.parent:
            sync_folder(old.parent)

    async def remove(self, path: Names) -> None:
        """Unlink the file, and the folder of a token with its last one."""
        with disk():
            await asyncio.to_thread(self._remove, path)

    def _remove(self, path: Names) -> None:
        self._at(path).unlink(missing_ok=True)
        if path[1:2] == (WORKING,) or path[0].startswith("."):
            with suppress(OSError):  # something is left in it
                self._at(path).parent.rmdir()

    def _at(self, path: Names) -> Path:
        return self._root.joinpath(*path)


def _folders(parent: Path) -> list[Path]:
    with os.scandir(parent) as found:
        return sorted(
            Path(one.path) for one in found if one.is_dir(follow_symlinks=False) and not one.name.startswith(".")
        )


def _entry(path: Names, status: os.stat_result) -> Entry:
    stamp = f"{status.st_dev}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}"
    return Entry(path, stamp, datetime.fromtimestamp(status.st_mtime, UTC))


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync(folder: Path, root: Path) -> None:
    """Wait until the names of a folder and of those above it are on the disk; they may all be new."""
    while folder != root:
        sync_folder(folder)
        folder = folder.parent
