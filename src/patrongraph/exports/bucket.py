"""Export files in an object store: S3 and what speaks like it, Google Cloud Storage, Azure; all through obstore."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import obstore

from patrongraph.exports.stores import Source, Upload
from patrongraph.storage import StorageError
from patrongraph.storage.objects import ObjectStore, backend, network

READ_BYTES = 4 << 20
"""How much of an object one request fetches: no connection stays open while a client is slow."""
PART_BYTES = 8 << 20
"""A part of a multipart upload; S3 takes 10,000, so a file has at most 80 GB there."""
LIST_NAMES = 1000
"""Names that one request of a listing returns at most."""


class Bucket:
    """Objects under one prefix of an S3-compatible store, Google Cloud Storage or Azure."""

    def __init__(self, url: str) -> None:
        # Whoever waits for an answer is told soon that the store is away; an upload may wait longer.
        self._store = backend(url, retries=2, seconds=3)
        self._uploads = backend(url, retries=6, seconds=30)

    async def create(self, name: str) -> Upload:
        """Begin a multipart upload; nothing can be seen of it before its end."""
        return _ObjectUpload(self._uploads, self._store, name)

    async def open(self, name: str) -> Source | None:
        """Fetch the beginning of the object."""
        source = _ObjectSource(self._store, name)
        with network():
            try:
                await source.fetch()
            except FileNotFoundError:
                return None
        return source

    async def remove(self, name: str) -> bool:
        """Delete the object; most stores do not say whether there was one."""
        with network():
            try:
                await obstore.delete_async(self._store, name)
            except FileNotFoundError:
                return False
        return True

    async def names(self) -> AsyncIterator[set[str]]:
        """Yield the names by the thousand."""
        with network():
            async for page in obstore.list(self._store, chunk_size=LIST_NAMES):
                yield {found["path"] for found in page}


class _ObjectUpload:
    """Hands pieces to obstore, which uploads in parts and aborts the upload when the pieces break off."""

    def __init__(self, uploads: ObjectStore, store: ObjectStore, name: str) -> None:
        self._uploads, self._store, self._name = uploads, store, name
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=1)
        self._aborted = False
        self._sending = asyncio.create_task(self._send(), name="export-upload")

    async def _send(self) -> None:
        with network():
            await obstore.put_async(
                self._uploads, self._name, self._given(), use_multipart=True, chunk_size=PART_BYTES, max_concurrency=2
            )

    async def _given(self) -> AsyncIterator[bytes]:
        while (piece := await self._pieces.get()) is not None:
            yield piece
        if self._aborted:
            raise StorageError("given up")

    async def _give(self, piece: bytes | None) -> None:
        """Pass a piece on; an upload that has failed takes none and says why."""
        giving = asyncio.create_task(self._pieces.put(piece))
        try:
            await asyncio.wait({giving, self._sending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            giving.cancel()
        if self._sending.done():
            await self._sending

    async def write(self, data: bytes) -> None:
        await self._give(data)

    async def finish(self) -> None:
        await self._give(None)
        await asyncio.shield(self._sending)

    async def abort(self) -> None:
        self._aborted = True
        with suppress(Exception):  # the upload's own end is looked at below
            await self._give(None)
        await asyncio.wait({self._sending})
        if self._sending.exception() is None:
            with suppress(StorageError), network():
                await obstore.delete_async(self._store, self._name)


class _ObjectSource:
    def __init__(self, store: ObjectStore, name: str) -> None:
        self._store, self._name = store, name
        self._fetched = b""
        self._at, self._size = 0, 1

    async def fetch(self) -> None:
        wanted = (self._at, self._at + READ_BYTES)
        found = await obstore.get_async(self._store, self._name, options={"range": wanted})
        self._fetched = bytes(await found.bytes_async())
        self._size = found.meta["size"]
        self._at += len(self._fetched)

    async def read(self) -> bytes:
        if not self._fetched and self._at < self._size:
            with network():
                await self.fetch()
        piece, self._fetched = self._fetched, b""
        return piece

    async def close(self) -> None:
        self._fetched = b""
