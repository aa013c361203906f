"""Only this file knows where an export's bytes lie and how: a name goes in, bytes go in and out.

A name is random and is kept in data_export.path before its first byte is written. So a file that no row names
belongs to nobody, cannot be downloaded, and is swept.
"""

import hashlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType


class StorageError(Exception):
    """The bytes could not be kept; the text is the operating system's reason and names no file."""


UNFINISHED = ".part"
_NAME = re.compile(r"(?:patron-[0-9]{1,19}|patrons)-[0-9a-f]{32}\.(json|ndjson)")


def new_name(patron_id: int | None) -> str:
    """Return a name that was never used: patron-12-9f….json for one patron, patrons-9f….ndjson for many."""
    unique = secrets.token_hex(16)
    return f"patrons-{unique}.ndjson" if patron_id is None else f"patron-{patron_id}-{unique}.json"


class ExportWriter:
    """Writes one file: unfinished until finish(), and nothing at all is left when the block raises.

    `size` is in bytes; `sha256` is the hex digest of everything written so far.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._final = folder / _checked(name)
        self._temporary = folder / (name + UNFINISHED)
        self._digest = hashlib.sha256()
        self._descriptor = -1
        self.size = 0

    def __enter__(self) -> "ExportWriter":
        """Create the unfinished file, readable by its owner only."""
        with _as_storage_error():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, and remove what was not finished."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            self._temporary.unlink(missing_ok=True)
            self._final.unlink(missing_ok=True)

    @property
    def sha256(self) -> str:
        """Hex digest of the bytes written."""
        return self._digest.hexdigest()

    def write(self, data: bytes) -> None:
        """Append data. Raises StorageError, for example when the disk is full."""
        self._digest.update(data)
        self.size += len(data)
        view = memoryview(data)
        with _as_storage_error():
            while view:
                view = view[os.write(self._descriptor, view) :]

    def finish(self) -> None:
        """Make the file durable and give it its name, in this order. Blocks on the disk; StorageError."""
        with _as_storage_error():
            os.fsync(self._descriptor)
            self._temporary.rename(self._final)
            _sync_folder(self._folder)
            os.close(self._descriptor)
            self._descriptor = -1


def locate(folder: Path, name: str) -> Path | None:
    """Return the finished file's path, or None when it is not there."""
    path = folder / _checked(name)
    return path if path.is_file() else None


def remove(folder: Path, names: Iterable[str]) -> int:
    """Delete the files of these names, finished or not; return how many there were. Missing ones are fine."""
    removed = 0
    for name in names:
        for path in (folder / _checked(name), folder / (name + UNFINISHED)):
            if path.exists():
                path.unlink(missing_ok=True)
                removed += 1
    if removed:
        _sync_folder(folder)
    return removed


def list_names(folder: Path) -> set[str]:
    """Return the names that have a file, finished or not. Files that are not ours are left out."""
    if not folder.is_dir():
        return set()
    names = (path.name.removesuffix(UNFINISHED) for path in folder.iterdir())
    return {name for name in names if _NAME.fullmatch(name)}


@contextmanager
def _as_storage_error() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(error.strerror or "unknown reason") from None


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("not the name of an export file")
    return name


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
