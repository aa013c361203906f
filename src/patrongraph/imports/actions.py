"""A file of patrons is taken in as one transaction: the job, what was asked, and every row; then workers apply it."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import asdict, replace
from itertools import islice
from typing import Any, BinaryIO

import orjson

from patrongraph import db
from patrongraph.audit.actions import record
from patrongraph.context import Actor
from patrongraph.imports import problems
from patrongraph.imports.checks import Meaning, resolved
from patrongraph.imports.models import FileReason, ImportFormat, ImportRowState, RejectionCode
from patrongraph.imports.run import cancel_forgotten, expire_cells, forget_unreached, run_import
from patrongraph.imports.runs import DEFAULT_SHARE, Missing
from patrongraph.imports.sources import Row, Source, UnreadableFile, open_source
from patrongraph.jobs import actions as jobs
from patrongraph.jobs.models import JobKind
from patrongraph.problems import InputReason, invalid, out_of_range
from patrongraph.settings import get_settings

__all__ = [
    "DEFAULT_SHARE", "Missing", "cancel_forgotten", "expire_cells", "forget_unreached", "open_file", "run_import",
    "start",
]  # fmt: skip

SLICE = 1_000
"""Rows that a thread reads while the event loop does something else."""

INSERT_RUN = """
INSERT INTO import_run (library_id, job_id, format, dry_run, columns, meanings, options, encoding, warnings,
                        notes)
VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $10::jsonb)
RETURNING id
"""

# How many rows the file has turned out to have.
SET_ROWS = """
WITH report AS (UPDATE import_run SET rows = $2 WHERE job_id = $1 RETURNING job_id)
UPDATE job SET total = $2 FROM report WHERE job.id = report.job_id
RETURNING job.id
"""

COLUMNS = ("job_id", "library_id", "line", "cells", "state", "column_name", "code", "reason", "wrongs")

# Whether a branch and a cohort are the library's own; null asks for nothing.
SCOPE = """
SELECT $2::bigint IS NULL OR EXISTS (SELECT FROM branch WHERE id = $2 AND library_id = $1) AS branch,
       $3::bigint IS NULL OR EXISTS (SELECT FROM cohort WHERE id = $3 AND library_id = $1) AS cohort
"""

# Imports of a library that may still apply rows.
UNFINISHED = """
SELECT run.job_id, run.format, run.meanings
FROM import_run run JOIN job ON job.id = run.job_id
WHERE run.library_id = $1 AND job.state IN ('QUEUED', 'RUNNING', 'PAUSED')
ORDER BY run.job_id
"""

# Names the patrons whom waiting rows are about, so that the rows are erased with them.
ATTRIBUTE = """
UPDATE import_row SET patron_id = meant.target_id
FROM ({resolved}) AS meant
WHERE import_row.id = meant.id AND meant.target_id = ANY($3::bigint[])
RETURNING import_row.id
"""
WAITING = "import_row.job_id = $2 AND import_row.state = 'PENDING'"

# What cannot be told to be anybody's may be about whoever is erased: only line, column and reason are kept.
EMPTY_NOBODYS = """
WITH emptied AS (
    UPDATE import_row SET cells = NULL
    WHERE library_id = $1 AND state = 'REJECTED' AND patron_id IS NULL AND cells IS NOT NULL
    RETURNING id
)
SELECT count(*)::int FROM emptied
"""
KEEP_NO_CELLS = "UPDATE import_run SET keep_cells = false WHERE job_id = ANY($1::bigint[]) AND keep_cells RETURNING id"


async def open_file(file: BinaryIO, format: ImportFormat, mapping: Mapping[str, str], name: str = "the file") -> Source:
    """Look at the beginning of a file in a thread. Raises Refused (FILE_REFUSED) for one that cannot be read."""
    try:
        return await asyncio.to_thread(open_source, file, format, mapping, name)
    except UnreadableFile as error:
        raise problems.file_refused(str(error), error.reason, error.columns, error.limit) from None


async def start(
    actor: Actor,
    source: Source,
    *,
    dry_run: bool = False,
    missing: Missing | None = None,
    idempotency_key: str | None = None,
    body_hash: str | None = None,
) -> int:
    """Take the rows of an open file in and return the id of the job that will apply them.

    With `dry_run` the job reports the same and changes nothing. `missing` says what is to become of patrons whom the
    file does not name; None leaves that to the file, and most ask for nothing. `body_hash` is the sha256 of the
    request and the file. Raises Refused: FILE_REFUSED for a file without rows or with too many, INVALID_INPUT,
    IDEMPOTENCY_MISMATCH.
    """
    asked = missing or Missing(deactivate=source.options.deactivate_missing)
    if source.options.source_type:
        asked = replace(asked, external_id_prefix=f"{source.options.source_type}_")
    async with db.transaction() as connection:
        earlier = await jobs.find_replay(actor, idempotency_key, body_hash)
        if earlier is not None:
            return earlier
        await _check(actor, asked)
        created = await jobs.create(
            actor, JobKind.IMPORT, {"format": source.format.value, "dry_run": dry_run}, itemised=False,
            idempotency_key=idempotency_key, body_hash=body_hash,
        )  # fmt: skip
        kept = _Kept(source, created.id, actor.library)
        await db.value(
            INSERT_RUN, actor.library, created.id, source.format.value, dry_run, kept.columns, kept.fields,
            orjson.dumps({"missing": asdict(asked), "whole": _whole(source)}).decode(), source.encoding,
            source.warnings, orjson.dumps([note.stored() for note in source.notes]).decode(),
        )  # fmt: skip
        await connection.copy_records_to_table("import_row", records=kept.records(), columns=COLUMNS)
        if not kept.rows:
            words = "The file has no rows: below the line that names the columns, name a patron."
            raise problems.file_refused(words, FileReason.NO_ROWS)
        await db.value(SET_ROWS, created.id, kept.rows)
        await record(
            actor, "import.start", ("job", created.id), job_id=created.id, rows=kept.rows,
            format=source.format.value, dry_run=dry_run, deactivate_missing=asked.deactivate,
        )  # fmt: skip
    await jobs.announce([created.id])
    return created.id


async def before_erasure(library_id: int, patron_ids: list[int]) -> None:
    """Let rows about these patrons go with them, and empty those that may be; in the erasure's transaction.

    The caller holds PURGE_LIBRARY's lock, so that no chunk of an import is at work in the library, and erases the
    patrons, with the rows that have their ids, afterwards.
    """
    unfinished = await db.rows(UNFINISHED, library_id)
    for run in unfinished:
        meaning = Meaning(ImportFormat(run["format"]), tuple(run["meanings"]), whole=False)
        statement = ATTRIBUTE.format(resolved=resolved(meaning, WAITING))
        await db.rows(statement, library_id, run["job_id"], patron_ids)
    if unfinished:
        await db.rows(KEEP_NO_CELLS, [run["job_id"] for run in unfinished])
    await db.value(EMPTY_NOBODYS, library_id)


class _Kept:
    """The rows of a file as they are stored: of a column that means nothing no cell is kept."""

    def __init__(self, source: Source, job_id: int, library_id: int) -> None:
        self.rows = 0
        self._source = source
        self._places = [place for place, field in enumerate(source.fields) if field is not None]
        self._all = len(self._places) == len(source.columns)
        self._key = (job_id, library_id)
        self.columns = [source.columns[place] for place in self._places]
        self.fields = [field for field in source.fields if field is not None]

    async def records(self) -> AsyncIterator[tuple[Any, ...]]:
        """Yield the records for COPY, read in slices by a thread. Raises Refused above the limit of rows."""
        rows, limit = iter(self._source.rows()), get_settings().max_import_rows
        while part := await asyncio.to_thread(self._slice, rows):
            self.rows += len(part)
            if self.rows > limit:
                raise problems.file_refused(
                    f"The file has more than {limit} rows, the most that one import takes; split it.",
                    FileReason.TOO_MANY_ROWS,
                    limit=limit,
                )
            for one in part:
                yield one

    def _slice(self, rows: Iterator[Row]) -> list[tuple[Any, ...]]:
        return [self._record(row) for row in islice(rows, SLICE)]

    def _record(self, row: Row) -> tuple[Any, ...]:
        cells = row.cells if self._all else [row.cells[place] for place in self._places]
        if row.wrong is None:
            return (*self._key, row.line, cells, ImportRowState.PENDING.value, None, None, None, None)
        code, state = RejectionCode.UNREADABLE.value, ImportRowState.REJECTED.value
        wrongs = [{"column": row.column or None, "code": code, "reason": row.reason, "number": row.limit}]
        return (*self._key, row.line, cells, state, row.column, code, row.wrong, orjson.dumps(wrongs).decode())


def _whole(source: Source) -> bool:
    """Return whether a person's field that a row leaves out is to be emptied."""
    return source.format is ImportFormat.FOLIO and not source.options.update_only_present


async def _check(actor: Actor, asked: Missing) -> None:
    if not 0 <= asked.maximum_share <= 1:
        reason = out_of_range(0, 1, is_less=asked.maximum_share < 0)
        raise invalid("input.deactivateMissing.maximumShare", "A share is a number from 0 to 1.", *reason)
    if asked.category is not None and not db.storable(asked.category):
        message = "A category is text without control characters."
        raise invalid("input.deactivateMissing.category", message, InputReason.NOT_PRINTABLE)
    found = await db.row(SCOPE, actor.library, asked.branch_id, asked.cohort_id)
    for what in ("branch", "cohort"):
        if found is not None and not found[what]:
            message = f"Your library has no such {what}."
            raise invalid(f"input.deactivateMissing.{what}Id", message, InputReason.UNKNOWN)
