"""A drop folder in an object store, which cannot rename: a file is copied under a name that is the same each time.

Its token is made of what it is, so that a copy made twice is one copy, and the import made of it one import.
"""

from collections.abc import AsyncIterator
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, BinaryIO, cast

import obstore
from obstore.exceptions import PreconditionError

from patrongraph.imports.dropfolder.place import WORKING, Entry, Names
from patrongraph.storage import StorageError
from patrongraph.storage.objects import backend, network

if TYPE_CHECKING:  # obstore says these types to type checkers only
    from obstore import ObjectMeta

SPOOL_BYTES = 1 << 20
PIECE_BYTES = 4 << 20
LIST_NAMES = 1000


class DropBucket:
    """The objects below one prefix."""

    whole = True

    def __init__(self, url: str) -> None:
        self._store = backend(url, retries=4, seconds=20)

    async def entries(self) -> list[Entry]:
        """List the objects."""
        found = []
        with network():
            async for page in obstore.list(self._store, chunk_size=LIST_NAMES):
                for one in page:
                    path = tuple(one["path"].split("/"))
                    if len(path) == 3 or (len(path) == 4 and path[1] == WORKING):
                        found.append(_entry(path, one))
        return found

    async def claim(self, entry: Entry, token: str) -> Entry | None:
        """Copy the object as it was when it was looked at, then delete it unless it is another one by now."""
        old, new = "/".join(entry.path), (entry.path[0], WORKING, token, entry.name)
        with network():
            try:
                found = await obstore.get_async(self._store, old, options={"if_match": entry.stamp})
                pieces = found.stream(min_chunk_size=PIECE_BYTES)
                await obstore.put_async(self._store, "/".join(new), pieces, use_multipart=True)
                if (await obstore.head_async(self._store, old))["e_tag"] == entry.stamp:
                    await obstore.delete_async(self._store, old)
            except (FileNotFoundError, PreconditionError):
                return None
        return Entry(new, entry.stamp, entry.modified)

    async def open(self, path: Names) -> BinaryIO:
        """Fetch the object into a temporary file without a name."""
        # Closed by the caller, or here when the object does not come.
        file = cast(BinaryIO, SpooledTemporaryFile(max_size=SPOOL_BYTES))  # noqa: SIM115
        try:
            with network():
                found = await obstore.get_async(self._store, "/".join(path))
                async for piece in found.stream(min_chunk_size=PIECE_BYTES):
                    file.write(piece)
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return file

    async def write(self, path: Names, content: bytes | AsyncIterator[bytes]) -> None:
        """Put the object; it can be seen when it is whole."""
        with network():
            await obstore.put_async(self._store, "/".join(path), content)

    async def move(self, path: Names, to: Names) -> None:
        """Copy the object, then delete it."""
        with network():
            await obstore.copy_async(self._store, "/".join(path), "/".join(to))
        await self.remove(path)

    async def remove(self, path: Names) -> None:
        """Delete the object; there are no folders."""
        with network():
            try:
                await obstore.delete_async(self._store, "/".join(path))
            except FileNotFoundError:
                return


def _entry(path: Names, meta: "ObjectMeta") -> Entry:
    if meta["e_tag"] is None:
        raise StorageError("the object store gives its files no ETag, by which a changed one would be known")
    return Entry(path, meta["e_tag"], meta["last_modified"])
