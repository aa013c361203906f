"""Export files in a folder: an unfinished name first, then fsync, rename, and fsync of the folder.

Not obstore's LocalStore, because that renames without waiting for the disk, and READY would be said of a file that
a power cut takes away.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from patrongraph.exports.stores import Source, Upload
from patrongraph.storage import disk, sync_folder

UNFINISHED = ".part"
READ_BYTES = 512 * 1024


class Folder:
    """The files of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def create(self, name: str) -> Upload:
        """Create the unfinished file, readable by its owner only."""
        upload = _FileUpload(self.folder, name)
        await asyncio.to_thread(upload.begin)
        return upload

    async def open(self, name: str) -> Source | None:
        """Open the file."""
        with disk():
            try:
                return _FileSource(await asyncio.to_thread((self.folder / name).open, "rb"))
            except FileNotFoundError:
                return None

    async def remove(self, name: str) -> bool:
        """Delete the file and its unfinished form."""
        with disk():
            return await asyncio.to_thread(self._remove, name)

    def _remove(self, name: str) -> bool:
        found = False
        for path in (self.folder / name, self.folder / (name + UNFINISHED)):
            with suppress(FileNotFoundError):
                path.unlink()
                found = True
        if found:
            sync_folder(self.folder)
        return found

    async def names(self) -> AsyncIterator[set[str]]:
        """Yield all names at once."""
        with disk():
            found = await asyncio.to_thread(lambda: os.listdir(self.folder) if self.folder.is_dir() else [])  # noqa: PTH208
        yield {name.removesuffix(UNFINISHED) for name in found}


class _FileUpload:
    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._final, self._temporary = folder, folder / name, folder / (name + UNFINISHED)
        self._descriptor = -1

    def begin(self) -> None:
        with disk():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

    async def write(self, data: bytes) -> None:
        await asyncio.to_thread(self._write, data)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        with disk():
            while view:
                view = view[os.write(self._descriptor, view) :]

    async def finish(self) -> None:
        await asyncio.to_thread(self._finish)

    def _finish(self) -> None:
        with disk():
            os.fsync(self._descriptor)
            self._temporary.rename(self._final)
            sync_folder(self._folder)
            os.close(self._descriptor)
            self._descriptor = -1

    async def abort(self) -> None:
        with suppress(OSError):
            await asyncio.to_thread(self._abort)

    def _abort(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self._temporary.unlink(missing_ok=True)
        self._final.unlink(missing_ok=True)


class _FileSource:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    async def read(self) -> bytes:
        with disk():
            return await asyncio.to_thread(self._file.read, READ_BYTES)

    async def close(self) -> None:
        self._file.close()
