"""A worker makes an export's file whole or not at all: unfinished file, named file, then READY.

The name in data_export.path is the right to finish: whoever claims the export later puts a new one there,
and what an earlier run still writes can no longer become READY. Apart from actions, which the API imports.
"""

import asyncio
import logging
import secrets
from contextlib import suppress
from dataclasses import dataclass

import asyncpg

from patrongraph import db
from patrongraph.audit.actions import record
from patrongraph.context import Actor
from patrongraph.exports import document, files, page
from patrongraph.exports.keys import UnusableKey
from patrongraph.exports.queries import ONE_PATRON, criteria_of
from patrongraph.exports.words import Language
from patrongraph.jobs import leases, progress
from patrongraph.jobs.leases import Lease
from patrongraph.logs import fault
from patrongraph.permissions import Permission
from patrongraph.staff.identify import current_permissions

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 1.0

_GONE = "The patron is no longer in the library, so there is nothing to export."
_NOT_ALLOWED = "Whoever asked for this export is no longer allowed to download patron data."

# The export of a job that has advanced, so the job's row is held already.
LOCK_EXPORT = "SELECT id, patron_id, state, path FROM data_export WHERE job_id = $1 FOR UPDATE"

START_EXPORT = "UPDATE data_export SET state = 'RUNNING', path = $2 WHERE id = $1 RETURNING id"

# Says how far the run is; nothing comes back when the job was paused, cancelled or taken over.
REPORT = """
UPDATE job SET done = $3, version = version + 1
WHERE id = $1 AND lease_owner = $2 AND state = 'RUNNING'
RETURNING version
"""

# The numbers that a finished export ends with: patrons may have come or gone since it was asked for.
COUNT = "UPDATE job SET done = $2, total = $2 WHERE id = $1 RETURNING id"

MAKE_READY = """
UPDATE data_export e SET state = 'READY', sha256 = $3, size = $4, key_id = $5, sealed_key = $6, ready_at = now(),
                         expires_at = now() + make_interval(hours => l.export_ttl_hours)
FROM library l
WHERE e.id = $1 AND e.path = $2 AND e.state = 'RUNNING' AND l.id = e.library_id
RETURNING e.id
"""

FAIL_EXPORT = """
UPDATE data_export SET state = 'FAILED', path = NULL
WHERE id = $1 AND path = $2 AND state = 'RUNNING' RETURNING id
"""

# An export whose job has ended without it ends the same way; the job's end may come from any door.
SETTLE = """
WITH ended AS (
    SELECT e.id, e.path, job.state
    FROM data_export e JOIN job ON job.id = e.job_id
    WHERE e.state IN ('REQUESTED', 'RUNNING') AND job.state IN ('CANCELLED', 'FAILED')
    FOR UPDATE OF e SKIP LOCKED
)
UPDATE data_export e SET state = ended.state, path = NULL
FROM ended WHERE e.id = ended.id
RETURNING e.id, ended.path
"""


class _StoppedError(Exception):
    """The run has lost the right to finish; whoever took it away decides what happens next."""


class _FailedError(Exception):
    """The export cannot be made; the text is for the person who asked, and holds no personal data."""


@dataclass(slots=True)
class _Run:
    """One attempt at one export. `written` counts documents."""

    lease: Lease
    export_id: int
    patron_id: int | None
    name: str
    written: int = 0
    stopped: bool = False
    refused: bool = False

    @property
    def subject(self) -> tuple[str, int]:
        return ("export", self.export_id) if self.patron_id is None else ("patron", self.patron_id)


async def run_patron_export(lease: Lease) -> None:
    """Carry out an EXPORT_PATRON job; safe to call again after a kill anywhere.

    Ends with the job SUCCEEDED and the export READY, or both FAILED with the reason, or leaves them to
    whoever paused, cancelled or took over. A database that goes away raises, for the next run to finish.
    """
    await _export(lease)


async def run_patrons_export(lease: Lease) -> None:
    """Carry out an EXPORT_PATRONS job like run_patron_export(), streaming, with progress every second."""
    await _export(lease)


async def settle_ended() -> int:
    """End the exports whose jobs were cancelled or failed, remove their files, and return how many."""
    settled = await db.rows(SETTLE)
    await files.remove([row["path"] for row in settled if row["path"] is not None])
    return len(settled)


async def _export(lease: Lease) -> None:
    run = await _begin(lease)
    if run is None:
        return
    try:
        await _require_permission(lease.actor)
        async with files.ExportWriter(run.export_id, run.name) as writer:
            await (_write_one(run, writer) if run.patron_id is not None else _write_many(run, writer))
            await writer.finish()
        await _make_ready(run, writer)
    except _StoppedError:
        log.info("job %d: the export was stopped", lease.job_id)
        await files.remove([run.name])
        # Whoever holds a job without items and returns has done it; this one is not done, so let it go.
        await leases.release(lease)
        await settle_ended()
    except _FailedError as error:
        await _fail(run, str(error))
    except files.StorageError as error:
        await _fail(run, f"The export file could not be written: {error}.")
    except UnusableKey as error:
        log.error("job %d: %s", lease.job_id, error)  # noqa: TRY400 - its words are for the operator
        await _fail(run, "The export file could not be encrypted: the service has no key for it.")
    except Exception as error:
        if db.is_transient(error):
            raise
        number = secrets.token_hex(4)
        fault(log, error, job_id=lease.job_id, code=number)
        await _fail(run, f"The export broke off ({type(error).__name__} {number}).")


async def _begin(lease: Lease) -> _Run | None:
    """Take the export over under a new file name, and remove what an earlier attempt left."""
    run, left = None, None
    async with db.transaction():
        version = await lease.advance()
        if version is None:
            return None
        export = await db.row(LOCK_EXPORT, lease.job_id)
        if export is None:
            # The patron's purge took the row along.
            await record(lease.actor, "export.failed", ("job", lease.job_id), job_id=lease.job_id)
            version = await leases.fail(lease, _GONE)
        else:
            left = export["path"]
            name = files.new_name(export["id"])
            run = _Run(lease, export["id"], export["patron_id"], name)
            await db.value(START_EXPORT, run.export_id, name)
    if left is not None:
        await files.remove([left])
    await _publish(lease, version)
    return run


async def _allowed(actor: Actor) -> bool:
    permissions = await current_permissions(actor.kind, actor.id, actor.library_id)
    return permissions is not None and Permission.PATRONS_DOWNLOAD_DATA in permissions


async def _require_permission(actor: Actor) -> None:
    if not await _allowed(actor):
        raise _FailedError(_NOT_ALLOWED)


async def _write_one(run: _Run, writer: files.ExportWriter) -> None:
    line = await document.fetch_document(ONE_PATRON, run.patron_id, run.lease.library_id)
    if not line:
        raise _FailedError(_GONE)
    language = run.lease.params.get("language")
    if language is None:
        await writer.write(line)
    else:
        pieces = page.pieces(line, Language(str(language)))
        # A long life takes seconds to write out: beside the event loop, and never held whole.
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            await writer.write(piece)
    run.written = 1


async def _write_many(run: _Run, writer: files.ExportWriter) -> None:
    async def sink(data: bytes) -> None:
        if run.stopped:
            raise _StoppedError
        if run.refused:
            raise _FailedError(_NOT_ALLOWED)
        await writer.write(data)
        run.written += data.count(b"\n")

    where, args = criteria_of(run.lease.params).where(run.lease.library_id)
    # Begun outside the transaction, so that it reports on connections of its own.
    watcher = asyncio.create_task(_watch(run), name=f"export-{run.export_id}")
    try:
        async with db.transaction() as connection:
            await document.stream_documents(connection, sink, where, *args)
    finally:
        watcher.cancel()
        with suppress(asyncio.CancelledError):
            await watcher


async def _watch(run: _Run) -> None:
    """Report progress, and tell the run when it has to stop. A database that is away stops the run itself."""
    lease = run.lease
    while not (run.stopped or run.refused):
        await asyncio.sleep(PROGRESS_SECONDS)
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            run.refused = not await _allowed(lease.actor)
            version = await db.value(REPORT, lease.job_id, lease.owner, run.written)
            run.stopped = version is None or lease.lost or lease.stopping.is_set()
            await _publish(lease, version)


async def _make_ready(run: _Run, writer: files.ExportWriter) -> None:
    lease = run.lease
    async with db.transaction():
        if await lease.advance() is None:
            raise _StoppedError
        await db.value(COUNT, lease.job_id, run.written)
        key = writer.key
        made = (run.export_id, run.name, writer.sha256, writer.size, key.key_id, key.wrapped)
        if await db.value(MAKE_READY, *made) is None:
            raise _FailedError(_GONE)
        await record(
            lease.actor,
            "export.ready",
            run.subject,
            job_id=lease.job_id,
            patrons=run.written,
            bytes=writer.size,
        )
        version = await leases.finish(lease)
    await _publish(lease, version)


async def _fail(run: _Run, reason: str) -> None:
    """End job and export as FAILED, unless the job is no longer this worker's to end."""
    lease = run.lease
    await files.remove([run.name])
    async with db.transaction():
        version = await leases.fail(lease, reason)
        if version is not None:
            await db.value(FAIL_EXPORT, run.export_id, run.name)
            await record(lease.actor, "export.failed", run.subject, job_id=lease.job_id)
    await _publish(lease, version)


async def _publish(lease: Lease, version: int | None) -> None:
    if version is not None:
        await progress.publish(lease.job_id, lease.library_id, version)
