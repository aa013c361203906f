"""What every keeper of files needs, of whichever feature: a disk's and an object store's errors in plain words."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PLAIN_WORDS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file is larger than this system allows",
}

_OBJECTS = re.compile("(s3|gs|az)://")


class StorageError(Exception):
    """The bytes could not be kept, fetched or removed; the text is plain words and names no file."""


@contextmanager
def disk() -> Iterator[None]:
    """Say what an error of the disk means."""
    try:
        yield
    except OSError as error:
        reason = _PLAIN_WORDS.get(error.errno or 0, error.strerror or "unknown reason")
        raise StorageError(reason) from None


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def in_object_store(address: str) -> bool:
    """Return whether a setting names a place in an object store rather than a folder."""
    return _OBJECTS.match(address) is not None
