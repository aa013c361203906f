"""An export is asked for here, made by `runs`, fetched through `links`, put away by `upkeep`; others know this file."""

import hashlib

import orjson

from patrongraph import db
from patrongraph.audit.actions import record
from patrongraph.context import Actor
from patrongraph.exports import problems, queries
from patrongraph.exports.files import StorageError
from patrongraph.exports.keys import UnusableKey
from patrongraph.exports.links import Download, Link, UnreadableExport, create_link, open_download
from patrongraph.exports.models import ExportFormat
from patrongraph.exports.runs import run_patron_export, run_patrons_export, settle_ended
from patrongraph.exports.upkeep import expire_due, probe, rekey, sweep
from patrongraph.exports.words import Language
from patrongraph.jobs import actions as jobs
from patrongraph.jobs.models import JobKind
from patrongraph.patrons.filters import PatronCriteria
from patrongraph.patrons.models import PatronStatus
from patrongraph.patrons.queries import HOLD_LIBRARY
from patrongraph.problems import InputReason, invalid, not_found
from patrongraph.staff.actions import require_reauthentication

__all__ = [
    "Download",
    "Link",
    "StorageError",
    "UnreadableExport",
    "UnusableKey",
    "create_link",
    "expire_due",
    "open_download",
    "probe",
    "rekey",
    "run_patron_export",
    "run_patrons_export",
    "settle_ended",
    "start_patron_export",
    "start_patrons_export",
    "sweep",
]

# The export of a job that was just created.
INSERT_EXPORT = """
INSERT INTO data_export (library_id, job_id, patron_id, format, state, created_at, downloads)
VALUES ($1, $2, $3, $4, 'REQUESTED', now(), 0)
RETURNING id
"""


async def start_patron_export(
    actor: Actor,
    patron_id: int,
    format: ExportFormat = ExportFormat.JSON,
    idempotency_key: str | None = None,
    language: Language | None = None,
) -> int:
    """Ask for one patron's document as a file and return the job's id.

    `language` is that of an HTML page; the library's own when None. Raises Refused: INVALID_INPUT for NDJSON and
    for the language of anything but a page, NOT_FOUND for a patron who is not (or no longer) in the actor's
    library, IDEMPOTENCY_MISMATCH. From the commit on, a purge skips the patron.
    """
    if format is ExportFormat.NDJSON:
        message = "One patron's data is exported as JSON or HTML; NDJSON is for many patrons."
        raise invalid("input.format", message, InputReason.NOT_ALLOWED)
    if format is not ExportFormat.HTML and language is not None:
        message = "Only an HTML page has a language; JSON is the same in all."
        raise invalid("input.language", message, InputReason.CONTRADICTION)
    chosen = [language.value] if language is not None else []
    body = _body_hash(["patron", patron_id, format.value, *chosen])
    async with db.transaction():
        job_id = await jobs.find_replay(actor, idempotency_key, body)
        if job_id is not None:
            return job_id
        if await db.value(queries.HOLD_PATRON, patron_id, actor.library) is None:
            raise not_found("The patron")
        params: dict[str, object] = {}
        if format is ExportFormat.HTML:
            params["language"] = (language or await queries.library_language(actor.library)).value
        job = await jobs.create(
            actor, JobKind.EXPORT_PATRON, params, itemised=False, total=1,
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
    cohort, NOTHING_MATCHES when there is nobody to export, REAUTHENTICATION_REQUIRED, IDEMPOTENCY_MISMATCH.
    """
    chosen = chosen or PatronCriteria()
    _check_words(chosen)
    body = _body_hash(["patrons", chosen.parts()])
    async with db.transaction():
        job_id = await jobs.find_replay(actor, idempotency_key, body)
        if job_id is not None:
            return job_id
        await require_reauthentication(actor)
        await _check(actor.library, chosen)
        await db.rows(HOLD_LIBRARY, actor.library)
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


def _check_words(chosen: PatronCriteria) -> None:
    if chosen.search:
        # A job keeps its filter, and whoever is searched for by name must not be in it.
        raise invalid("input.search", "An export takes filters, not a search.", InputReason.NOT_ALLOWED)
    if chosen.status is not None and chosen.status not in PatronStatus.__members__:
        message = f"A status is one of {', '.join(PatronStatus.__members__)}."
        raise invalid("input.filter.status", message, InputReason.UNKNOWN)
    if chosen.category is not None and not db.storable(chosen.category):
        message = "A category is text without control characters."
        raise invalid("input.filter.category", message, InputReason.NOT_PRINTABLE)


async def _check(library_id: int, chosen: PatronCriteria) -> None:
    for field, value, exists in (
        ("branch", chosen.branch_id, queries.BRANCH_EXISTS),
        ("cohort", chosen.cohort_id, queries.COHORT_EXISTS),
    ):
        if value is not None and await db.value(exists, value, library_id) is None:
            raise invalid(f"input.filter.{field}Id", f"Your library has no such {field}.", InputReason.UNKNOWN)


def _body_hash(body: object) -> str:
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
