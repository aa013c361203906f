"""Reads of the audit trail that are not the graph's: newest first, one library at a time."""

from collections.abc import Sequence

import asyncpg

from patrongraph import db

# One library's events before an id, newest first, all or about one subject; detail is JSON text.
EVENTS = """
SELECT id, at, actor_kind, actor_id, action, subject_kind, subject_id, job_id, detail
FROM audit_event
WHERE library_id = $1
  AND ($2::bigint IS NULL OR id < $2)
  AND ($3::text IS NULL OR (subject_kind = $3 AND subject_id = $4))
ORDER BY id DESC
LIMIT $5
"""


async def events(
    library_id: int,
    *,
    first: int = 50,
    before: int | None = None,
    subject: tuple[str, int] | None = None,
) -> Sequence[asyncpg.Record]:
    """Return up to `first` events of a library, newest first; `before` is the last id of the page before."""
    kind, subject_id = subject or (None, None)
    return await db.rows(EVENTS, library_id, before, kind, subject_id, first)
