"""Reads of the audit trail and its chains that are not the graph's: one library at a time."""

from collections.abc import Sequence

import asyncpg

from patrongraph import db
from patrongraph.audit.chain import EVENT

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


PAGE = 5_000
"""Rows in one read of a chain or of unsealed events. It stands in the SQL, so that the planner knows it."""

# Id, code and newest seal of one library, by code in any case, or of every library.
CHAINS = """
SELECT library.id, library.code, head.sequence, head.hash, head.sealed_at
FROM library
LEFT JOIN LATERAL (
    SELECT sequence, hash, sealed_at FROM audit_seal WHERE library_id = library.id ORDER BY sequence DESC LIMIT 1
) AS head ON true
WHERE $1::text IS NULL OR lower(library.code) = lower($1)
ORDER BY library.code
"""

# The newest seal of a library, with the time for the next.
HEAD = """
SELECT now.at, timestamptz_send(now.at) AS at_bytes, head.sequence, head.hash
FROM (SELECT clock_timestamp() AS at) AS now
LEFT JOIN (
    SELECT sequence, hash FROM audit_seal WHERE library_id = $1 ORDER BY sequence DESC LIMIT 1
) AS head ON true
"""

# A library's next seals after a sequence number, each with its event as it is now.
LINKS = f"""
SELECT s.event_id, s.sequence, s.key_id, timestamptz_send(s.sealed_at) AS sealed_at, s.digest, s.hash, {EVENT}
FROM audit_seal s LEFT JOIN audit_event e ON e.id = s.event_id
WHERE s.library_id = $1 AND s.sequence > $2
ORDER BY s.sequence
LIMIT {PAGE}
"""

# A library's next unsealed events after an id.
UNSEALED = f"""
SELECT {EVENT}
FROM audit_event e
WHERE e.library_id = $1 AND e.id > $2 AND NOT EXISTS (SELECT FROM audit_seal s WHERE s.event_id = e.id)
ORDER BY e.id
LIMIT {PAGE}
"""

# Libraries that have unsealed events after an id.
BEHIND = """
SELECT DISTINCT e.library_id FROM audit_event e
WHERE e.id > $1 AND NOT EXISTS (SELECT FROM audit_seal s WHERE s.event_id = e.id)
ORDER BY e.library_id
"""

# How many events of a library are not sealed, how many of them for longer than some minutes, and the first of those.
LATE = """
SELECT count(*) AS unsealed, count(*) FILTER (WHERE late) AS late, min(id) FILTER (WHERE late) AS first
FROM (
    SELECT e.id, e.at < now() - make_interval(mins => $2) AS late
    FROM audit_event e
    WHERE e.library_id = $1 AND NOT EXISTS (SELECT FROM audit_seal s WHERE s.event_id = e.id)
) AS waiting
"""

# The newest event, the oldest transaction that still runs, and the number that the next transaction will have.
HORIZON = """
SELECT coalesce((SELECT max(id) FROM audit_event), 0) AS newest,
       pg_snapshot_xmin(now.snapshot)::text::bigint AS oldest,
       pg_snapshot_xmax(now.snapshot)::text::bigint AS next
FROM (SELECT pg_current_snapshot() AS snapshot) AS now
"""


MOST_WAITING = 10_000
"""Newest events of a library among which those without a seal are counted: so asking is cheap in a long trail."""

# The newest seal of library row {library}.
NEWEST_SEAL = """
    SELECT seal.sequence, seal.hash, seal.sealed_at FROM audit_seal seal
    WHERE seal.library_id = {library}.id ORDER BY seal.sequence DESC LIMIT 1
"""

# How many of the newest events of library row {library} have no seal, and the time of the first of them. When none of
# these has one, the wait began earlier: with the event that follows the highest one of the last batch of seals.
WAITING = f"""
    SELECT count(*)::int AS events,
           CASE WHEN count(*) < {MOST_WAITING} THEN min(newest.at) ELSE (
               SELECT event.at FROM audit_event event
               WHERE event.library_id = {{library}}.id AND event.id > coalesce((
                   SELECT max(batch.event_id) FROM (
                       SELECT seal.event_id FROM audit_seal seal
                       WHERE seal.library_id = {{library}}.id ORDER BY seal.sequence DESC LIMIT {PAGE}
                   ) AS batch), 0)
               ORDER BY event.id LIMIT 1) END AS since
    FROM (
        SELECT event.id, event.at FROM audit_event event
        WHERE event.library_id = {{library}}.id ORDER BY event.id DESC LIMIT {MOST_WAITING}
    ) AS newest
    WHERE NOT EXISTS (SELECT FROM audit_seal seal WHERE seal.event_id = newest.id)
"""


async def chains(code: str | None = None) -> Sequence[asyncpg.Record]:
    """Return id and code of each library, with sequence, hash and sealed_at of its newest seal, or nulls."""
    return await db.rows(CHAINS, code)


async def links(library_id: int, after: int) -> Sequence[asyncpg.Record]:
    """Return up to PAGE seals after a sequence number, each with its event's columns, all null when it is gone."""
    return await db.rows(LINKS, library_id, after)


async def late(library_id: int, minutes: int) -> asyncpg.Record:
    """Return counts `unsealed` and `late` (for more than `minutes`) of a library's events, and the `first` late id."""
    found = await db.row(LATE, library_id, minutes)
    assert found is not None  # noqa: S101 - one row always
    return found
