"""Tombstones outside of the database: lines of JSON that outlive a restore of it.

A file of its own because it writes files: a backup that is restored brings erased patrons back and forgets that they
were erased, so what was erased is also written down where no restore of the database reaches it.
"""

import asyncio
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

import asyncpg
import orjson

from patrongraph import db

BATCH = 5_000

# One writer at a time among all workers: the lock ends with the transaction.
ONE_AT_A_TIME = "SELECT pg_try_advisory_xact_lock(hashtext('patrongraph tombstones'))"

COLUMNS = "id, library_id, patron_id, patron_key, job_id, erased_at, rows"

# Tombstones that no file has yet. They are marked in the transaction that writes them, after the file has them.
NOT_COPIED = f"SELECT {COLUMNS} FROM tombstone WHERE copied_at IS NULL ORDER BY id LIMIT $1 FOR UPDATE"
MARK_COPIED = "UPDATE tombstone SET copied_at = now() WHERE id = ANY($1::bigint[]) RETURNING id"

# All tombstones, page by page.
ALL_AFTER = f"SELECT {COLUMNS} FROM tombstone WHERE id > $1 ORDER BY id LIMIT $2"


@dataclass(frozen=True, slots=True)
class Stone:
    """One erased patron as a file tells: `key` is the patron's own random key, None when older than these."""

    library_id: int
    patron_id: int
    key: UUID | None
    job_id: int | None
    erased_at: datetime
    rows: dict[str, int]


class Unreadable(ValueError):  # noqa: N818 - what the line is
    """A line that is not a tombstone, such as one that a crash has cut off."""


def line(row: asyncpg.Record) -> bytes:
    """Return a row of `tombstone` as one line."""
    said = {
        "library": row["library_id"],
        "patron": row["patron_id"],
        "key": row["patron_key"] and str(row["patron_key"]),
        "job": row["job_id"],
        "erasedAt": row["erased_at"],
        "rows": orjson.loads(row["rows"]),
    }
    return orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE)


def read(file: Path) -> Iterator[Stone | Unreadable]:
    """Yield what each line of a file says; a line that cannot be read comes as Unreadable, naming file and line."""
    with file.open("rb") as lines:
        for number, text in enumerate(lines, start=1):
            if text.strip():
                try:
                    yield _parse(text)
                except (ValueError, KeyError, TypeError, AttributeError):
                    yield Unreadable(f"{file}, line {number}: this is not a tombstone")


def _parse(text: bytes) -> Stone:
    said = orjson.loads(text)
    rows = {str(table): int(count) for table, count in said["rows"].items()}
    library, patron, job = (said[name] for name in ("library", "patron", "job"))
    if type(library) is not int or type(patron) is not int or type(job) not in (int, type(None)):
        raise Unreadable("ids are numbers")
    key = None if said["key"] is None else UUID(said["key"])
    erased_at = datetime.fromisoformat(said["erasedAt"])
    if erased_at.tzinfo is None:
        raise Unreadable("a moment has its offset from UTC")
    return Stone(library, patron, key, job, erased_at, rows)


async def copy_new(file: Path) -> int:
    """Append tombstones that no file has yet, each at least once, and return how many.

    Only one worker does so at a time. A line is on the disk before its row is marked, so that a crash between the
    two writes it again. Raises OSError when the file cannot be written; the tombstones wait.
    """
    copied = 0
    while True:
        async with db.transaction():
            if not await db.value(ONE_AT_A_TIME):
                return copied
            found = await db.rows(NOT_COPIED, BATCH)
            if found:
                await asyncio.to_thread(append, file, b"".join(map(line, found)))
                await db.rows(MARK_COPIED, [row["id"] for row in found])
        copied += len(found)
        if len(found) < BATCH:
            return copied


def append(file: Path, lines: bytes) -> None:
    """Append lines and return when they are on the disk; what a crash has cut off before is ended first."""
    file.parent.mkdir(parents=True, exist_ok=True)
    made = not file.exists()
    with os.fdopen(os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "r+b") as out:
        fcntl.flock(out, fcntl.LOCK_EX)
        if out.seek(0, os.SEEK_END):
            out.seek(-1, os.SEEK_END)
            if out.read(1) != b"\n":
                out.write(b"\n")
        out.write(lines)
        out.flush()
        os.fsync(out.fileno())
    if made:
        _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


async def export(out: BinaryIO) -> int:
    """Write every tombstone of every library to `out`, oldest first, and return how many."""
    written, after = 0, 0
    while found := await db.rows(ALL_AFTER, after, BATCH):
        await asyncio.to_thread(out.write, b"".join(map(line, found)))
        written, after = written + len(found), found[-1]["id"]
    return written
