"""What keeps the bytes of export files: by name, whole or not at all. `folder` and `bucket` are the two there are."""

from collections.abc import AsyncIterator
from typing import Protocol


class Upload(Protocol):
    """One file on its way in."""

    async def write(self, data: bytes) -> None:
        """Append data. Raises StorageError."""

    async def finish(self) -> None:
        """Return when the file is there, whole and for good. Raises StorageError."""

    async def abort(self) -> None:
        """Leave nothing behind, also of a finished file. Does not raise."""


class Source(Protocol):
    """One file on its way out."""

    async def read(self) -> bytes:
        """Return the next bytes, b"" at the end. Raises StorageError."""

    async def close(self) -> None:
        """Let go of it."""


class Store(Protocol):
    """Keeps files by name."""

    async def create(self, name: str) -> Upload:
        """Begin a file. Raises StorageError."""

    async def open(self, name: str) -> Source | None:
        """Return a finished file, None when it is not there. Raises StorageError."""

    async def remove(self, name: str) -> bool:
        """Delete a file, finished or not; return whether there was one, or True when the store does not say."""

    def names(self) -> AsyncIterator[set[str]]:
        """Yield the names of all files, finished or not, page by page. Raises StorageError."""
