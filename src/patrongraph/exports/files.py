"""Only this file knows how an export's bytes are kept: a name goes in, plain bytes go in and out, sealed on the way.

A name is random and is kept in data_export.path before its first byte is written. So a file that no row names
belongs to nobody, cannot be downloaded, and is swept. Where the bytes lie is the store's business.
"""

import asyncio
import hashlib
import logging
import re
import secrets
from collections.abc import AsyncIterator, Iterable
from functools import lru_cache
from types import TracebackType

from patrongraph.exports import keys
from patrongraph.exports.folder import Folder
from patrongraph.exports.sealing import HEADER_BYTES, SEALED_BYTES, SEGMENT_BYTES, DamagedError, Opener, Sealer
from patrongraph.exports.stores import Source, Store, Upload
from patrongraph.settings import Settings, get_settings
from patrongraph.storage import StorageError

__all__ = [
    "DamagedError",
    "ExportReader",
    "ExportWriter",
    "StorageError",
    "list_names",
    "new_name",
    "open_file",
    "remove",
]

log = logging.getLogger(__name__)

# Earlier versions wrote plain files under names that began with patron; what is left of them is swept.
_NAME = re.compile(
    r"export-[0-9]{1,19}-[0-9a-f]{32}\.sealed|(?:patron-[0-9]{1,19}|patrons)-[0-9a-f]{32}\.(?:json|ndjson)"
)


def new_name(export_id: int) -> str:
    """Return a name that was never used: export-12-9f….sealed; it tells nothing of whom the file is about."""
    return f"export-{export_id}-{secrets.token_hex(16)}.sealed"


def store(settings: Settings | None = None) -> Store:
    """Return the store of the settings."""
    settings = settings or get_settings()
    return _bucket(settings.export_store) if settings.export_store else Folder(settings.exports_dir)


@lru_cache(maxsize=4)
def _bucket(url: str) -> Store:
    # Imported here: the library behind it takes memory in every process, and most have no bucket.
    from patrongraph.exports.bucket import Bucket

    return Bucket(url)


class ExportWriter:
    """Writes one file: not to be had until finish(), and nothing at all is left when the block raises.

    `size` (bytes) and `sha256` (hex) are of the plain bytes and are complete after finish(), as is `key`, whose
    wrapped form alone opens the file. One segment is hashed, sealed and stored in threads while the next fills.
    """

    def __init__(self, export_id: int, name: str) -> None:
        self._name = _checked(name)
        self.key = keys.new_file_key(export_id)
        self._sealer = Sealer(self.key.key, export_id)
        self._digest = hashlib.sha256()
        self._waiting = bytearray()
        self._storing: asyncio.Task[None] | None = None
        self._upload: Upload | None = None
        self.size = 0

    async def __aenter__(self) -> "ExportWriter":
        """Begin the file. Raises StorageError."""
        self._upload = await store().create(self._name)
        try:
            await self._upload.write(self._sealer.header)
        except BaseException:
            await self._upload.abort()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove what was not finished, once the piece of work under way has ended: no thread can be called back."""
        upload, self._upload = self._upload, None
        if upload is None:
            return
        if self._storing is not None:
            await asyncio.wait({self._storing})
            self._storing.exception()
        await upload.abort()

    @property
    def sha256(self) -> str:
        """Hex digest of the plain bytes."""
        return self._digest.hexdigest()

    async def write(self, data: bytes) -> None:
        """Append data. Raises StorageError, for example when the disk is full; at the latest in finish()."""
        self.size += len(data)
        self._waiting += data
        # More than a segment, because the last one is sealed differently and must not be empty.
        while len(self._waiting) > SEGMENT_BYTES:
            segment = bytes(memoryview(self._waiting)[:SEGMENT_BYTES])
            del self._waiting[:SEGMENT_BYTES]
            await self._store(segment)

    async def finish(self) -> None:
        """Make the file durable and give it its name, in this order. Raises StorageError."""
        if self._upload is None:
            raise RuntimeError("the export file is not open")
        await self._store(bytes(self._waiting), last=True)
        await self._stored()
        self._storing = asyncio.create_task(self._upload.finish())
        await self._stored()
        self._upload = None

    async def _store(self, segment: bytes, *, last: bool = False) -> None:
        await self._stored()
        self._storing = asyncio.create_task(self._seal_and_store(segment, last=last))

    async def _stored(self) -> None:
        if self._storing is not None:
            await asyncio.shield(self._storing)

    async def _seal_and_store(self, segment: bytes, *, last: bool) -> None:
        sealed = await asyncio.to_thread(self._seal, segment, last=last)
        if self._upload is not None:
            await self._upload.write(sealed)

    def _seal(self, segment: bytes, *, last: bool) -> bytes:
        self._digest.update(segment)
        return self._sealer.seal(segment, last=last)


class ExportReader:
    """Gives one file's plain bytes segment by segment, each after it was found to be what was written."""

    def __init__(self, source: Source, opener: Opener, sha256: str) -> None:
        self._source = source
        self._opener = opener
        self._sha256 = sha256
        self._digest = hashlib.sha256()
        self._waiting = bytearray()
        self._ended = False
        self._first: bytes | None = None
        self._finished = False

    async def begin(self) -> None:
        """Open the first segment. Raises DamagedError, StorageError."""
        await self._fill(HEADER_BYTES)
        self._opener.check_header(bytes(self._waiting[:HEADER_BYTES]))
        del self._waiting[:HEADER_BYTES]
        self._first = await self._next()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the plain bytes, then let go of the file. Raises DamagedError before the segment, StorageError."""
        try:
            if self._first is None:
                await self.begin()
            piece, self._first = self._first, b""
            while piece:
                yield piece
                piece = b"" if self._finished else await self._next()
        finally:
            await self.close()

    async def close(self) -> None:
        """Let go of the file."""
        await self._source.close()

    async def _next(self) -> bytes:
        # One byte more than a segment says that it is not the last.
        await self._fill(SEALED_BYTES + 1)
        self._finished = len(self._waiting) <= SEALED_BYTES
        sealed = bytes(memoryview(self._waiting)[:SEALED_BYTES])
        del self._waiting[:SEALED_BYTES]
        return await asyncio.to_thread(self._open, sealed)

    def _open(self, sealed: bytes) -> bytes:
        plain = self._opener.open(sealed, last=self._finished)
        self._digest.update(plain)
        if self._finished and self._digest.hexdigest() != self._sha256:
            raise DamagedError(0)
        return plain

    async def _fill(self, wanted: int) -> None:
        while len(self._waiting) < wanted and not self._ended:
            read = await self._source.read()
            self._waiting += read
            self._ended = not read


async def open_file(
    name: str, export_id: int, key_id: str | None, wrapped: bytes | None, sha256: str
) -> ExportReader | None:
    """Return the finished file, its first segment opened; None when it is not there.

    `key_id` and `wrapped` are what was kept of the writer's key, sha256 is of the plain bytes. Raises
    keys.UnusableKey, DamagedError, and StorageError when the store does not answer.
    """
    opener = Opener(keys.unwrap(export_id, key_id, wrapped), export_id)
    source = await store().open(_checked(name))
    if source is None:
        return None
    reader = ExportReader(source, opener, sha256)
    try:
        await reader.begin()
    except BaseException:
        await reader.close()
        raise
    return reader


async def remove(names: Iterable[str]) -> int:
    """Delete the files of these names, finished or not; return how many went. Missing ones are fine.

    A store that is away is logged, not raised: no row names these files any more, so the next sweep finds them.
    """
    removed = 0
    try:
        for name in names:
            removed += await store().remove(_checked(name))
    except StorageError as error:
        log.warning("export files stay for the next sweep: %s", error)
    return removed


async def list_names() -> AsyncIterator[set[str]]:
    """Yield the names that have a file, finished or not, page by page; not files that are not ours. StorageError."""
    async for page in store().names():
        yield {name for name in page if _NAME.fullmatch(name)}


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("not the name of an export file")
    return name
