"""A one-time link to a finished export: made and used by one actor, within 15 minutes, its token kept as a hash."""

import hashlib
import logging
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from patrongraph import db
from patrongraph.audit.actions import record
from patrongraph.context import Actor, ActorKind, system_actor
from patrongraph.exports import files, problems, queries
from patrongraph.exports.keys import UnusableKey
from patrongraph.exports.models import ExportState
from patrongraph.permissions import Forbidden, Permission
from patrongraph.problems import not_found

log = logging.getLogger(__name__)

LINK_MINUTES = 15

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
SELECT e.id, e.job_id, e.patron_id, e.state, e.path, e.sha256, e.size, e.format, e.key_id, e.sealed_key,
       e.expires_at <= now() AS expired, l.code
FROM data_export e JOIN library l ON l.id = e.library_id
WHERE e.id = $1 FOR NO KEY UPDATE OF e
"""

USE_LINK = "UPDATE download_link SET used_at = now() WHERE id = $1 RETURNING id"

COUNT_DOWNLOAD = "UPDATE data_export SET downloads = downloads + 1 WHERE id = $1 RETURNING downloads"


class UnreadableExport(Exception):  # noqa: N818 - what it is
    """The file is there and cannot be read, and never will: it was changed, or its key is not to be had."""

    def __init__(self) -> None:
        super().__init__("The file of this export cannot be read. Ask for a new one, and tell your operator.")


@dataclass(frozen=True, slots=True)
class Link:
    """A token of 43 URL-safe characters that fetches a file once, and when it ends."""

    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Download:
    """A finished file to send once. `size` is in bytes; `filename` is what the receiver sees."""

    filename: str
    size: int
    sha256: str
    export_id: int
    job_id: int
    subject: tuple[str, int]
    actor: Actor
    reader: files.ExportReader

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the file, each piece found whole before it is given.

        Raises UnreadableExport, logged and audited, before the first piece that is not what was written, and
        StorageError when the store goes away meanwhile.
        """
        try:
            async for piece in self.reader.pieces():
                yield piece
        except files.DamagedError as error:
            async with db.transaction():
                await _tell_damage(self.actor, self.export_id, self.subject, self.job_id, error)
            raise UnreadableExport from None


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


async def open_download(token: str, actor: Actor) -> Download:
    """Use a link up and return the file to send; its first segment was read and found whole.

    Only the actor who made the link may use it, and only while allowed to download patron data. Raises Forbidden;
    Refused: NOT_FOUND (also for somebody else's link), LINK_USED, LINK_EXPIRED, EXPORT_NOT_READY; StorageError
    when the store is away; UnreadableExport. The link is used up by a download and by a damaged file only.
    """
    # Looked at twice, because the store may take its time and nothing is to be held for that long.
    _, export = await _look(token, actor)
    reader = None
    try:
        reader = await _open(export)
    except files.DamagedError as error:
        async with db.transaction():
            await _use(token, actor)
            await _tell_damage(actor, export["id"], _subject(export), export["job_id"], error)
        raise UnreadableExport from None
    try:
        async with db.transaction():
            await _use(token, actor)
    except BaseException:
        await reader.close()
        raise
    filename = f"patrongraph-{export['code']}-export-{export['id']}.{export['format'].lower()}"
    return Download(
        filename, export["size"], export["sha256"], export["id"], export["job_id"], _subject(export), actor, reader
    )  # fmt: skip


async def _look(token: str, actor: Actor) -> tuple[asyncpg.Record, asyncpg.Record]:
    """Return the link and its export, held when a transaction is open; refuse whatever stands in the way."""
    link = await db.row(LOCK_LINK, _digest(token))
    if link is None or _made_by(link) != (actor.key, actor.library_id):
        raise not_found("The download link")
    if Permission.PATRONS_DOWNLOAD_DATA not in actor.permissions:
        raise Forbidden("Downloading an export", Permission.PATRONS_DOWNLOAD_DATA)
    if link["used"]:
        raise problems.link_used()
    if link["link_expired"]:
        raise problems.link_expired()
    export = await db.row(READ_EXPORT, link["export_id"])
    if export is None:
        raise not_found("The export")
    _must_be_ready(export)
    return link, export


async def _open(export: asyncpg.Record) -> files.ExportReader:
    try:
        reader = await files.open_file(
            export["path"], export["id"], export["key_id"], export["sealed_key"], export["sha256"]
        )
    except UnusableKey as error:
        log.error("%s", error)  # noqa: TRY400 - its place says nothing, its words are for the operator
        raise UnreadableExport from None
    if reader is None:
        raise not_found("The export's file")
    return reader


async def _use(token: str, actor: Actor) -> None:
    link, export = await _look(token, actor)
    await db.value(USE_LINK, link["id"])
    await db.value(COUNT_DOWNLOAD, export["id"])
    await record(actor, "export.download", _subject(export), job_id=export["job_id"])


async def _tell_damage(
    actor: Actor, export_id: int, subject: tuple[str, int], job_id: int, error: files.DamagedError
) -> None:
    log.error("export %d: %s", export_id, error, extra={"job_id": job_id})
    await record(actor, "export.damaged", subject, job_id=job_id, segment=error.segment)


def _must_be_ready(export: asyncpg.Record) -> None:
    state = ExportState(export["state"])
    if state is ExportState.READY and export["expired"]:
        state = ExportState.EXPIRED
    if state is not ExportState.READY:
        raise problems.export_not_ready(state.value)


def _subject(export: asyncpg.Record) -> tuple[str, int]:
    patron_id = export["patron_id"]
    return ("export", export["id"]) if patron_id is None else ("patron", patron_id)


def _made_by(link: asyncpg.Record) -> tuple[str, int]:
    library_id: int = link["library_id"]
    if link["staff_user_id"] is not None:
        return Actor(ActorKind.STAFF, link["staff_user_id"], library_id).key, library_id
    if link["token_id"] is not None:
        return Actor(ActorKind.TOKEN, link["token_id"], library_id).key, library_id
    return system_actor(library_id).key, library_id


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
