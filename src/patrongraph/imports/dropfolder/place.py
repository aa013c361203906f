"""Where files are dropped: a path is a tuple of names below the place. `folder` and `bucket` are the two there are."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Protocol

from patrongraph.settings import Settings
from patrongraph.storage import StorageError, in_object_store

Names = tuple[str, ...]

WORKING = "working"
"""The folder, in a library's, of files that were taken; only below it are files a level deeper looked for."""


class UnreadableEntry(StorageError):  # noqa: N818 - it says what the file is
    """A file is there and cannot be read, and will not be able to be by itself."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file. `stamp` changes whenever its content may have; it stays when the file is moved within a folder."""

    path: Names
    stamp: str
    modified: datetime

    @property
    def name(self) -> str:
        """Its last name."""
        return self.path[-1]


class Place(Protocol):
    """A folder or a bucket. Everything may raise StorageError, and may be done twice."""

    whole: bool
    """Whether a file can be seen only once it is whole; else it has to be looked at twice."""

    async def entries(self) -> list[Entry]:
        """Return every file of library/folder/file, and of library/working/token/file."""

    async def claim(self, entry: Entry, token: str) -> Entry | None:
        """Move a file that was looked at to working/token, for good; None when it is not there any more."""

    async def open(self, path: Names) -> BinaryIO:
        """Open a file to be read and sought in. Raises UnreadableEntry when it is not allowed to."""

    async def write(self, path: Names, content: bytes | AsyncIterator[bytes]) -> None:
        """Write a file, whole or not at all, over one that is there."""

    async def move(self, path: Names, to: Names) -> None:
        """Move a file, over one that is there."""

    async def remove(self, path: Names) -> None:
        """Delete a file, and its folder when that was made by claim() and is empty; missing is fine."""


def place_of(settings: Settings) -> Place | None:
    """Return the drop folder of the settings, None when there is none."""
    if not settings.import_folder:
        return None
    return _bucket(settings.import_folder) if in_object_store(settings.import_folder) else _folder(settings)


def _folder(settings: Settings) -> Place:
    from patrongraph.imports.dropfolder.folder import DropFolder

    return DropFolder(Path(settings.import_folder))


@lru_cache(maxsize=4)
def _bucket(url: str) -> Place:
    # Imported here: the library behind it takes memory in every process, and most have no bucket.
    from patrongraph.imports.dropfolder.bucket import DropBucket

    return DropBucket(url)


async def probe(place: Place) -> None:
    """Write, move, read and delete a small file, as a worker would. Raises StorageError."""
    content, written, moved = b"patrongraph doctor", (".doctor", "written"), (".doctor", "moved")
    await place.entries()
    try:
        await place.write(written, content)
        await place.move(written, moved)
        file = await place.open(moved)
        read = file.read()
        file.close()
    finally:
        await place.remove(moved)
        await place.remove(written)
    if read != content:
        raise StorageError("what was written does not come back")
