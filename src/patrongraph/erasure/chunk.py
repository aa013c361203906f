"""A chunk is one transaction: hold the job, lock patrons, check, keep statistics, erase, certify, settle the items.

So a kill at any statement leaves each patron wholly gone or wholly there. Statements are set-based; the list of
what is erased comes from the registry of personal data. The deletion of one patron erases by the same function.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

import orjson

from patrongraph import db
from patrongraph.audit.actions import record
from patrongraph.erasure import certificate
from patrongraph.exports import actions as exports
from patrongraph.imports import actions as imports
from patrongraph.jobs.item_chunks import ChunkDone, Which, Words, check_permission, settle, take
from patrongraph.jobs.leases import Lease
from patrongraph.logs import fault
from patrongraph.patrons.queries import OBSTACLE_CODES, PURGE_LIBRARY
from patrongraph.personal_data import erasure_order, erasure_statements

log = logging.getLogger(__name__)

MOST_PATRONS = 1_000
WORDS = Words("purge", "purge", "purged")

# Locks the patrons that are still there in id order: from here on nobody lends to them, charges or reserves.
LOCK_PATRONS = """
SELECT id, status, purge_after IS NOT NULL AND purge_after <= now() AS due
FROM patron WHERE id = ANY($1::bigint[]) AND library_id = $2
ORDER BY id
FOR UPDATE
"""

POLICY = "SELECT retain_deleted_patron_loans AS retain, grace_days FROM library WHERE id = $1"

# Groups and persons are locked before it is looked whether anybody is left: of two purges one sees the other.
LOCK_GROUPS = "SELECT id FROM patron_group WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE"
LOCK_PERSONS = "SELECT id FROM person WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE"

# A group whose last member has left goes, with waivers that former members gave in it.
DISSOLVE_GROUPS = """
WITH empty AS (
    SELECT id FROM patron_group
    WHERE id = ANY($1::bigint[])
      AND NOT EXISTS (SELECT FROM group_membership member WHERE member.group_id = patron_group.id)
), waivers AS (
    DELETE FROM privacy_waiver WHERE group_id IN (SELECT id FROM empty)
), gone AS (
    DELETE FROM patron_group WHERE id IN (SELECT id FROM empty) RETURNING id
)
SELECT count(*)::int FROM gone
"""

DELETE_PERSONS = """
WITH gone AS (
    DELETE FROM person
    WHERE id = ANY($1::bigint[]) AND NOT EXISTS (SELECT FROM patron WHERE patron.person_id = person.id)
    RETURNING id
)
SELECT count(*)::int FROM gone
"""

# A file of the whole library that has these patrons in it is not to be fetched any more, and nobody can read it.
EXPIRE_LIBRARY_EXPORTS = """
UPDATE data_export SET expires_at = now(), sealed_key = NULL, key_id = NULL
WHERE patron_id IS NULL AND library_id = $1 AND state = 'READY' AND expires_at > now()
RETURNING id
"""

# Puts patrons on the waiting list of the days of grace; restore takes them off it.
BEGIN_GRACE = """
UPDATE patron SET status = 'PENDING_PURGE', purge_after = now() + make_interval(days => $2),
                  status_changed_at = now(), updated_at = now(), version = version + 1
WHERE id = ANY($1::bigint[])
RETURNING id, purge_after
"""

# A patron whose turn came and who has an obstacle is looked at again a day later.
PUT_OFF = "UPDATE patron SET purge_after = now() + interval '1 day' WHERE id = ANY($1::bigint[]) RETURNING id"


@dataclass(frozen=True, slots=True)
class PurgeDone(ChunkDone):
    """What one chunk did: beside its items, patrons erased and their loan rows.

    `files`: export files that nobody may fetch any more and that are to be removed after the commit.
    """

    erased: int = 0
    loans: int = 0
    files: int = 0


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure removed and kept: rows by table, loan rows among them, statistics, and the audit's counts.

    `files`: as in PurgeDone.
    """

    rows: dict[str, int]
    loans: int
    statistics: int
    files: int
    detail: dict[str, object]


@dataclass(slots=True)
class _Outcome:
    """The items of a chunk by what becomes of them: patron id → codes."""

    erase: list[int]
    wait: list[int]
    done: dict[int, str]
    skipped: dict[int, str]
    put_off: list[int]


@lru_cache(maxsize=1)
def erase_statement() -> str:
    """Return the statement that erases patrons $1 of library $2 for job $3 (or null) and keeps statistics when $4.

    It is composed of the registry's deletions; it answers one row of totals.
    """
    more = {
        "loan": "loan.library_id, loan.item_id, loan.checked_out_at, loan.returned_at, loan.branch_id, loan.lost",
        "ledger_entry": "ledger_entry.kind, ledger_entry.outstanding",
        "group_membership": "group_membership.group_id",
        "patron": "patron.person_id, patron.erasure_key",
    }
    links = dict(erasure_order())
    parts, counts = [], []
    for table, delete in erasure_statements():
        link = links[table] if "(" in links[table] else f"{table}.{links[table]}"
        extra = f", {more[table]}" if table in more else ""
        parts.append(f"gone_{table} AS ({delete} RETURNING {link} AS gone_id{extra})")
        counts.append(f"SELECT gone_id, '{table}' AS name, count(*)::int AS n FROM gone_{table} GROUP BY gone_id")
    return f"""
WITH {", ".join(parts)},
kept AS (
    INSERT INTO loan_statistic (library_id, checked_out_on, returned_on, item_id, title, material_type,
                                item_branch_id, branch_id, category, cohort_code, lost)
    SELECT loan.library_id, (loan.checked_out_at AT TIME ZONE 'UTC')::date,
           (loan.returned_at AT TIME ZONE 'UTC')::date, loan.item_id, item.title, item.material_type,
           item.branch_id, loan.branch_id, patron.category, cohort.code, loan.lost
    FROM gone_loan loan
    JOIN item ON item.id = loan.item_id
    -- Still there for this statement. Named once more: else every patron there is would be read for the join.
    JOIN patron ON patron.id = loan.gone_id AND patron.id = ANY($1::bigint[])
    LEFT JOIN cohort ON cohort.id = patron.cohort_id
    WHERE $4::boolean AND loan.returned_at IS NOT NULL
    ORDER BY random() -- else the loans of one patron would lie side by side
    RETURNING 1
), counted AS (
    {" UNION ALL ".join(counts)}
), certified AS (
    INSERT INTO tombstone (library_id, patron_id, job_id, erased_at, rows, state, patron_key)
    SELECT $2::bigint, gone_id, $3::bigint, now(), jsonb_object_agg(name, n), 'LIVE_ERASED', erasure_key
    FROM counted JOIN (SELECT gone_id, erasure_key FROM gone_patron) AS gone USING (gone_id)
    GROUP BY gone_id, erasure_key ORDER BY gone_id
    -- The same patron came back, from a backup: the first proof stays, and tells that nothing has reached the copies.
    ON CONFLICT (patron_id) DO UPDATE
        SET erased_at = excluded.erased_at, state = excluded.state, at_rest_at = NULL, copied_at = NULL
        WHERE tombstone.patron_key = excluded.patron_key
    RETURNING 1
)
SELECT (SELECT count(*)::int FROM certified) AS patrons,
       (SELECT count(*)::int FROM kept) AS statistics,
       (SELECT count(*)::int FROM gone_loan) AS loans,
       (SELECT sum(outstanding) FROM gone_ledger_entry WHERE kind = 'CHARGE' AND outstanding > 0) AS written_off,
       (SELECT array_agg(DISTINCT group_id) FROM gone_group_membership) AS groups,
       (SELECT array_agg(DISTINCT person_id) FROM gone_patron WHERE person_id IS NOT NULL) AS persons,
       (SELECT jsonb_object_agg(name, n) FROM
           (SELECT name, sum(n)::int AS n FROM counted GROUP BY name) AS total) AS rows
"""


async def run_chunk(lease: Lease, which: Which) -> PurgeDone | None:
    """Purge the patrons of these items in one transaction.

    Returns None when the job is not to go on: paused, cancelled, taken over or shut down. Raises JobFailed when
    whoever started it may not purge any more. A chunk with 0 items found none left.
    """
    async with db.transaction():
        version = await lease.advance()
        if version is None:
            return None
        await check_permission(lease, WORDS)
        taken = await take(lease, which)
        if not taken:
            return PurgeDone(0, which.after, version)
        policy = await db.row(POLICY, lease.library_id)
        assert policy is not None  # noqa: S101 - the job's row refers to it
        outcome = await _decide(lease, [row["patron_id"] for row in taken], policy["grace_days"])
        detail, loans, files = await _apply(lease, outcome, policy["retain"], policy["grace_days"])
        await settle(taken, outcome.done, outcome.skipped)
        await record(lease.actor, "purge.chunk", ("job", lease.job_id), job_id=lease.job_id, **detail)
    return PurgeDone(len(taken), taken[-1]["id"], version, len(outcome.erase), loans, files)


async def _decide(lease: Lease, patron_ids: list[int], grace_days: int) -> _Outcome:
    """Lock the patrons, then look for obstacles: what is seen now cannot change before the commit."""
    await db.rows(PURGE_LIBRARY, lease.library_id)
    locked = {row["id"]: row for row in await db.rows(LOCK_PATRONS, patron_ids, lease.library_id)}
    found = await db.rows(OBSTACLE_CODES, list(locked))
    stopped = {row["patron_id"]: ",".join(row["codes"]) for row in found}
    after_grace = "GRACE_OVER" in _by(lease)
    outcome = _Outcome([], [], {}, dict(stopped), [])
    for patron_id in patron_ids:
        if patron_id not in locked:
            outcome.done[patron_id] = "ALREADY_GONE"
        elif after_grace and not locked[patron_id]["due"]:
            outcome.skipped.setdefault(patron_id, "RESTORED")
        elif patron_id in stopped:
            if after_grace:
                outcome.put_off.append(patron_id)
        elif after_grace or grace_days == 0:
            outcome.erase.append(patron_id)
        elif locked[patron_id]["status"] == "PENDING_PURGE":
            outcome.done[patron_id] = "ALREADY_PENDING"
        else:
            outcome.wait.append(patron_id)
            outcome.done[patron_id] = "PENDING_PURGE"
    return outcome


async def _apply(lease: Lease, outcome: _Outcome, retain: bool, grace_days: int) -> tuple[dict[str, object], int, int]:
    """Carry the decision out; return the counts for the audit, the loan rows erased and the files to remove."""
    detail: dict[str, object] = {
        "patrons": len(outcome.erase),
        "already_gone": sum(code == "ALREADY_GONE" for code in outcome.done.values()),
        "skipped": len(outcome.skipped),
    }
    reasons: dict[str, int] = {}
    for codes in outcome.skipped.values():
        for code in codes.split(","):
            reasons[code] = reasons.get(code, 0) + 1
    if reasons:
        detail["reasons"] = reasons
    if outcome.wait:
        await db.rows(BEGIN_GRACE, outcome.wait, grace_days)
        detail["waiting"] = len(outcome.wait)
    if outcome.put_off:
        await db.rows(PUT_OFF, outcome.put_off)
    loans = files = 0
    if outcome.erase:
        erased = await erase(lease.library_id, outcome.erase, retain=retain, job_id=lease.job_id)
        detail |= erased.detail
        loans, files = erased.loans, erased.files
    return detail, loans, files


async def erase(library_id: int, patron_ids: Sequence[int], *, retain: bool, job_id: int | None = None) -> Erased:
    """Erase these patrons, in whose way nothing stands, in the caller's transaction: the only road to it.

    The caller holds PURGE_LIBRARY's lock and has locked the patrons FOR UPDATE in id order; after the commit it
    calls remove_files() when there are any. `retain` keeps a statistic of each finished loan.
    """
    await imports.before_erasure(library_id, list(patron_ids))
    gone = await db.row(erase_statement(), patron_ids, library_id, job_id, retain)
    if gone is None or gone["patrons"] != len(patron_ids):
        raise RuntimeError("the erasure did not certify every patron that it locked")
    rows: dict[str, int] = orjson.loads(gone["rows"])
    if job_id is not None:
        await certificate.add(library_id, job_id, len(patron_ids), rows, gone["statistics"])
    detail: dict[str, object] = {"rows": rows, "statistics": gone["statistics"]}
    if gone["written_off"] is not None:
        detail["written_off"] = Decimal(gone["written_off"])
    if gone["groups"]:
        await db.rows(LOCK_GROUPS, gone["groups"])
        detail["groups_dissolved"] = await db.value(DISSOLVE_GROUPS, gone["groups"])
    if gone["persons"]:
        await db.rows(LOCK_PERSONS, gone["persons"])
        detail["persons"] = await db.value(DELETE_PERSONS, gone["persons"])
    whole = await db.rows(EXPIRE_LIBRARY_EXPORTS, library_id)
    return Erased(rows, gone["loans"], gone["statistics"], rows.get("data_export", 0) + len(whole), detail)


async def remove_files(**ids: object) -> None:
    """Remove export files of erased patrons. What fails is logged with `ids`, and housekeeping tries it again."""
    try:
        await exports.expire_due()
    except Exception as error:
        fault(log, error, **ids)


def _by(lease: Lease) -> list[str]:
    by = lease.params.get("by", [])
    return [str(part) for part in by] if isinstance(by, list) else []
