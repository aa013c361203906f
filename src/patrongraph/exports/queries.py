"""Reads of the exports that are not the graph's: whom a filter means, and where an export stands."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

import asyncpg

from patrongraph import db
from patrongraph.exports.words import Language, language_of
from patrongraph.patrons.filters import PatronCriteria

# The documents of one patron, of no other library.
ONE_PATRON = "p.id = $1 AND p.library_id = $2"

# How many patrons a filter means.
COUNT_PATRONS = "SELECT count(*)::int FROM patron p WHERE {where}"

# Holds the patron until the request is committed: a purge comes first, or waits and then sees the export.
HOLD_PATRON = "SELECT id FROM patron WHERE id = $1 AND library_id = $2 FOR SHARE"

# Whether a branch or cohort is the library's own.
BRANCH_EXISTS = "SELECT id FROM branch WHERE id = $1 AND library_id = $2"
COHORT_EXISTS = "SELECT id FROM cohort WHERE id = $1 AND library_id = $2"

# The library's locale, such as sv-SE.
LOCALE = "SELECT locale FROM library WHERE id = $1"

# An export and its job, as the command line shows them.
EXPORT_OF_JOB = """
SELECT e.id, e.state, e.patron_id, e.size, j.state AS job_state, j.done, j.total, j.error, j.started_at
FROM data_export e JOIN job j ON j.id = e.job_id
WHERE e.job_id = $1 AND e.library_id = $2
"""

# The patron who has this card.
PATRON_BY_BARCODE = """
SELECT patron_id FROM card WHERE library_id = $1 AND barcode = $2 ORDER BY active DESC, id DESC LIMIT 1
"""


# How the parts of a filter that are not text or numbers come back from the job's parameters.
_FROM_JSON: dict[str, Callable[[str], object]] = {
    "expired_before": date.fromisoformat,
    "inactive_since": datetime.fromisoformat,
    "last_activity_before": datetime.fromisoformat,
}


def criteria_of(params: Mapping[str, Any]) -> PatronCriteria:
    """Return the filter that a job keeps: its parts() after a trip through JSON."""
    parts = dict(params)
    for name in _FROM_JSON.keys() & parts.keys():
        parts[name] = _FROM_JSON[name](parts[name])
    return PatronCriteria(**parts)


async def count_patrons(library_id: int, chosen: PatronCriteria) -> int:
    """Return how many patrons of the library the filter means."""
    where, args = chosen.where(library_id)
    counted: int = await db.value(COUNT_PATRONS.format(where=where), *args)
    return counted


async def library_language(library_id: int) -> Language:
    """Return the language of the library's locale; English for one that no page can be written in."""
    return language_of(await db.value(LOCALE, library_id))


async def export_of_job(library_id: int, job_id: int) -> asyncpg.Record | None:
    """Return id, state, size of a job's export with the job's state and counters, or None."""
    return await db.row(EXPORT_OF_JOB, job_id, library_id)


async def patron_by_barcode(library_id: int, barcode: str) -> int | None:
    """Return the id of the library's patron with that barcode, an active card before an inactive one."""
    found: int | None = await db.value(PATRON_BY_BARCODE, library_id, barcode) if db.storable(barcode) else None
    return found
