"""Export files as tests need them: made without a worker, and read in plain by the name that the row has."""

import hashlib
from typing import Any

from patrongraph import db
from patrongraph.exports import files

ADD_JOB = """
INSERT INTO job (library_id, kind, itemised, state, finished_at)
VALUES ($1, $2, false, 'SUCCEEDED', now()) RETURNING id
"""
ADD_EXPORT = """
INSERT INTO data_export (library_id, job_id, patron_id, format, state) VALUES ($1, $2, $3, $4, 'RUNNING') RETURNING id
"""
MAKE_READY = """
UPDATE data_export SET state = 'READY', path = $2, sha256 = $3, size = $4, key_id = $5, sealed_key = $6,
                       ready_at = now(), expires_at = now() + make_interval(mins => $7)
WHERE id = $1 RETURNING id
"""
BY_NAME = "SELECT * FROM data_export WHERE path = $1"


async def add_export(library: int, content: bytes, *, patron: int | None = None, minutes: int = 600) -> int:
    """A finished export with this content, about one patron or about all; its id."""
    kind, format = ("EXPORT_PATRONS", "NDJSON") if patron is None else ("EXPORT_PATRON", "JSON")
    job = await db.value(ADD_JOB, library, kind)
    made: int = await db.value(ADD_EXPORT, library, job, patron, format)
    name = files.new_name(made)
    async with files.ExportWriter(made, name) as writer:
        await writer.write(content)
        await writer.finish()
    key = writer.key
    await db.rows(MAKE_READY, made, name, writer.sha256, writer.size, key.key_id, key.wrapped, minutes)
    return made


async def content_of(name: str) -> bytes:
    """The plain content of a finished export file; its checksum must be that of the row."""
    row: Any = await db.row(BY_NAME, name)
    reader = await files.open_file(name, row["id"], row["key_id"], row["sealed_key"], row["sha256"])
    assert reader is not None
    content = b"".join([piece async for piece in reader.pieces()])
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (row["sha256"], row["size"])
    return content
