"""An export is asked for, made, fetched once per link, and gone when it expires or its patron is purged."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import asyncpg
import orjson

from patrongraph import db
from patrongraph.audit.actions import record
from patrongraph.context import Actor, ActorKind, system_actor
from patrongraph.exports import files, problems, queries
from patrongraph.exports.models import ExportFormat, ExportState
from patrongraph.exports.runs import run_patron_export, run_patrons_export, settle_ended
from patrongraph.jobs import actions as jobs
from patrongraph.jobs.models import JobKind
from patrongraph.patrons.filters import PatronCriteria
from patrongraph.patrons.models import PatronStatus
from patrongraph.problems import invalid, not_found
from patrongraph.settings import get_settings

__all__ = [
    "Download",
    "Link",
    "create_link",
    "expire_due",
    "open_download",
    "run_patron_export",
    "run_patrons_export",
    "settle_ended",
    "start_patron_export",
    "start_patrons_export",
    "sweep",
]

LINK_MINUTES = 15

# The export of a job that was just created.
INSERT_EXPORT = """
INSERT INTO data_export (library_id, job_id, patron_id, format, state, created_at, downloads)
VALUES ($1, $2, $3, $4, 'REQUESTED', now(), 0)
RETURNING id
"""

# Whose export it is, to hold the patron before the export, in the order of a purge.
PATRON_OF_EXPORT = "SELECT id, patron_id FROM data_export WHERE id = $1 AND library_id = $2"

# The export that a link is asked for, held so that it cannot expire meanwhile.
LOCK_EXPORT = """
SELECT id, job_id, patron_id, state, path, expires_at <= now() AS expired
FROM data_export WHERE id = $1 AND library_id = $2 FOR SHARE
"""

# A link never outlives its export.
INSERT_LINK = """
INSERT INTO download_link (export_id, library_id, token_sha256, created_at, expires_at, staff_user_id,
                           token_id)
SELECT e.id, e.library_id, $2, now(), least(now() + make_interval(mins => $3), e.expires_at), $4, $5
FROM data_export e WHERE e.id = $1
RETURNING expires_at
"""

# The link with its export; whoever comes second with the same token waits here and then sees it used.
LOCK_LINK = """
SELECT link.id, link.library_id, link.used_at IS NOT NULL AS used, link.expires_at <= now() AS link_expired,
       link.staff_user_id, link.token_id, link.export_id
FROM download_link link WHERE link.token_sha256 = $1 FOR UPDATE
"""

READ_EXPORT = """
SELECT e.id, e.job_id, e.patron_id, e.state, e.path, e.sha256, e.size, e.format,
       e.expires_at <= now() AS expired, l.code
FROM data_export e JOIN library l ON l.id = e.library_id
WHERE e.id = $1 FOR NO KEY UPDATE OF e
"""

USE_LINK = "UPDATE download_link SET used_at = now() WHERE id = $1 RETURNING id"

COUNT_DOWNLOAD = "UPDATE data_export SET downloads = downloads + 1 WHERE id = $1 RETURNING downloads"

# Exports whose time is over; another process may be doing the same.
EXPIRE = """
WITH due AS (
    SELECT id, path FROM data_export
    WHERE state = 'READY' AND expires_at <= now()
    ORDER BY id LIMIT 500 FOR UPDATE SKIP LOCKED
)
UPDATE data_export e SET state = 'EXPIRED', path = NULL
FROM due WHERE e.id = due.id
RETURNING e.id, e.library_id, e.job_id, e.patron_id, due.path
"""

# A link is kept for a day after its time, so that its holder is told what became of it.
FORGET_LINKS = """
DELETE FROM download_link WHERE id IN (
    SELECT id FROM download_link WHERE expires_at < now() - interval '1 day' FOR UPDATE SKIP LOCKED
) RETURNING id
"""

# The file names among these that a row stands for.
NAMES_IN_USE = "SELECT path FROM data_export WHERE path = ANY($1::text[])"


@dataclass(frozen=True, slots=True)
class Link:
    """A token of 43 URL-safe characters that fetches a file once, and when it ends."""

    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Download:
    """A finished file to send once. `size` is in bytes; `filename` is what the receiver sees."""

    path: Path
    filename: str
    size: int
    sha256: str


async def start_patron_export(
    actor: Actor, patron_id: int, format: ExportFormat = ExportFormat.JSON, idempotency_key: str | None = None
) -> int:
    """Ask for one patron's document as a file and return the job's id.

    Raises Refused: INVALID_INPUT for another format than JSON, NOT_FOUND for a patron who is not (or no
    longer) in the actor's library, IDEMPOTENCY_MISMATCH. From the commit on, a purge skips the patron.
    """
    if format is not ExportFormat.JSON:
        raise invalid("input.format", f"One patron's data is exported as JSON; {format.value} is not offered.")
    body = _body_hash(["patron", patron_id, format.value])
    async with db.transaction():
        job_id = await jobs.find_replay(actor, idempotency_key, body)
        if job_id is not None:
            return job_id
        if await db.value(queries.HOLD_PATRON, patron_id, actor.library) is None:
            raise not_found("The patron")
        job = await jobs.create(
            actor, JobKind.EXPORT_PATRON, {}, itemised=False, total=1,
            idempotency_key=idempotency_key, body_hash=body,
        )  # fmt: skip
        await db.value(INSERT_EXPORT, actor.library, job.id, patron_id, format.value)
        await record(actor, "export.request", ("patron", patron_id), job_id=job.id)
    await jobs.announce([job.id])
    return job.id


async def start_patrons_export(
    actor: Actor, chosen: PatronCriteria | None = None, idempotency_key: str | None = None
) -> int:
    """Ask for the documents of a library's patrons, or of those a filter means, and return the job's id.

    The file is NDJSON: one document a line. Raises Refused: INVALID_INPUT for an unknown status, branch or
    cohort, NOTHING_MATCHES when there is nobody to export, IDEMPOTENCY_MISMATCH.
    """
    chosen = chosen or PatronCriteria()
    _check_words(chosen)
    body = _body_hash(["patrons", chosen.parts()])
    async with db.transaction():
        job_id = await jobs.find_replay(actor, idempotency_key, body)
        if job_id is not None:
            return job_id
        await _check(actor.library, chosen)
        await db.rows(queries.HOLD_LIBRARY, actor.library)
        total = await queries.count_patrons(actor.library, chosen)
        if total == 0:
            raise problems.nobody_to_export()
        job = await jobs.create(
            actor, JobKind.EXPORT_PATRONS, chosen.parts(), itemised=False, total=total,
            idempotency_key=idempotency_key, body_hash=body,
        )  # fmt: skip
        export_id = await db.value(INSERT_EXPORT, actor.library, job.id, None, ExportFormat.NDJSON.value)
        await record(actor, "export.request", ("export", export_id), job_id=job.id, patrons=total)
    await jobs.announce([job.id])
    return job.id


async def create_link(actor: Actor, export_id: int) -> Link:
    """Return a link that fetches the file once within 15 minutes, and not after the export has expired.

    Its token is shown here only: the database keeps its sha256. Raises Refused: NOT_FOUND, EXPORT_NOT_READY.
    """
    token = secrets.token_urlsafe(32)
    async with db.transaction():
        export = await _hold_export(export_id, actor.library)
        _must_be_ready(export)
        expires_at: datetime = await db.value(
            INSERT_LINK,
            export_id,
            _digest(token),
            LINK_MINUTES,
            actor.id if actor.kind is ActorKind.STAFF else None,
            actor.id if actor.kind is ActorKind.TOKEN else None,
        )
        await record(actor, "export.link", _subject(export), job_id=export["job_id"])
    return Link(token, expires_at)


async def _hold_export(export_id: int, library_id: int) -> asyncpg.Record:
    found = await db.row(PATRON_OF_EXPORT, export_id, library_id)
    if found is not None and found["patron_id"] is not None:
        await db.value(queries.HOLD_PATRON, found["patron_id"], library_id)
    export = await db.row(LOCK_EXPORT, export_id, library_id)
    if export is None:
        raise not_found("The export")
    return export


async def open_download(token: str, actor: Actor | None = None) -> Download:
    """Use a link up and return the file to send.

    `actor` is whoever is signed in, if anybody: another library's actor is told NOT_FOUND and the link stays.
    Raises Refused: NOT_FOUND, LINK_USED, LINK_EXPIRED, EXPORT_NOT_READY; then the link is not used up.
    """
    async with db.transaction():
        link = await db.row(LOCK_LINK, _digest(token))
        signed_in = actor if actor is not None and actor.signed_in else None
        if link is None or (signed_in is not None and signed_in.library_id != link["library_id"]):
            raise not_found("The download link")
        if link["used"]:
            raise problems.link_used()
        if link["link_expired"]:
            raise problems.link_expired()
        export = await db.row(READ_EXPORT, link["export_id"])
        if export is None:
            raise not_found("The export")
        _must_be_ready(export)
        path = files.locate(get_settings().exports_dir, export["path"])
        if path is None:
            raise not_found("The export's file")
        await db.value(USE_LINK, link["id"])
        await db.value(COUNT_DOWNLOAD, export["id"])
        await record(signed_in or _link_owner(link), "export.download", _subject(export), job_id=export["job_id"])
    filename = f"patrongraph-{export['code']}-export-{export['id']}.{export['format'].lower()}"
    return Download(path, filename, export["size"], export["sha256"])


async def expire_due() -> int:
    """Do the exports' housekeeping; return how many exports expired.

    Exports past their time lose their file, those of ended jobs end, old links are forgotten, and files that
    no export stands for, left by a kill or by a purge, are removed. Safe to run anywhere, any time, twice.
    """
    expired = 0
    while True:
        async with db.transaction():
            due = await db.rows(EXPIRE)
            for export in due:
                actor = system_actor(export["library_id"])
                await record(actor, "export.expire", _subject(export), job_id=export["job_id"])
        files.remove(get_settings().exports_dir, [export["path"] for export in due if export["path"]])
        expired += len(due)
        if not due:
            break
    await settle_ended()
    await db.rows(FORGET_LINKS)
    await sweep()
    return expired


async def sweep() -> int:
    """Remove the files that no export stands for; return how many. Files in use are never touched.

    The folder is listed before the table is read, and a file's name is committed before the file is made.
    """
    return await _remove_unused(files.list_names(get_settings().exports_dir))


async def _remove_unused(names: set[str]) -> int:
    if not names:
        return 0
    used = {row["path"] for row in await db.rows(NAMES_IN_USE, list(names))}
    return files.remove(get_settings().exports_dir, names - used)


def _check_words(chosen: PatronCriteria) -> None:
    if chosen.search:
        # A job keeps its filter, and whoever is searched for by name must not be in it.
        raise invalid("input.search", "An export takes filters, not a search.")
    if chosen.status is not None and chosen.status not in PatronStatus.__members__:
        raise invalid("input.filter.status", f"A status is one of {', '.join(PatronStatus.__members__)}.")
    if chosen.category is not None and not db.storable(chosen.category):
        raise invalid("input.filter.category", "A category is text without control characters.")


async def _check(library_id: int, chosen: PatronCriteria) -> None:
    for field, value, exists in (
        ("branch", chosen.branch_id, queries.BRANCH_EXISTS),
        ("cohort", chosen.cohort_id, queries.COHORT_EXISTS),
    ):
        if value is not None and await db.value(exists, value, library_id) is None:
            raise invalid(f"input.filter.{field}Id", f"Your library has no such {field}.")


def _must_be_ready(export: asyncpg.Record) -> None:
    state = ExportState(export["state"])
    if state is ExportState.READY and export["expired"]:
        state = ExportState.EXPIRED
    if state is not ExportState.READY:
        raise problems.export_not_ready(state.value)


def _subject(export: asyncpg.Record) -> tuple[str, int]:
    patron_id = export["patron_id"]
    return ("export", export["id"]) if patron_id is None else ("patron", patron_id)


def _link_owner(link: asyncpg.Record) -> Actor:
    if link["staff_user_id"] is not None:
        return Actor(ActorKind.STAFF, link["staff_user_id"], link["library_id"])
    if link["token_id"] is not None:
        return Actor(ActorKind.TOKEN, link["token_id"], link["library_id"])
    return system_actor(link["library_id"])


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def _body_hash(body: object) -> str:
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
