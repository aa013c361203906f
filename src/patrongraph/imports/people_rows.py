"""How checked rows of a file become patrons, cards, HOME addresses and statuses: sets of rows at a time, audited.

Beside the six names because it is only the SQL of one chunk. Rules are those of registering and editing a patron; the
row's barcode becomes the card in use, earlier ones stay as names of the patron and open nothing.
"""

from collections.abc import Sequence

import asyncpg

from patrongraph import db
from patrongraph.audit.actions import record_many
from patrongraph.context import Actor
from patrongraph.imports.checks import ADDRESS, OWN_COLUMNS, Meaning, checked, column_of, new_value
from patrongraph.imports.runs import Counts, Run
from patrongraph.patrons.actions import change_status
from patrongraph.patrons.models import PatronStatus

CHECKED = "import_chunk"
"""The temporary table of a chunk's rows."""

MOST_LOOKS = 5

CHECK = f"CREATE TEMP TABLE {CHECKED} ON COMMIT DROP AS {{checked}}"
# The job's number is kept from the planner, which would rather read all rows of the job than look these up.
THESE = "import_row.id = ANY($2::bigint[]) AND import_row.job_id = (SELECT $3::bigint) AND import_row.state = 'PENDING'"
DROP = f"DROP TABLE {CHECKED}"

_CHANGES = "problems = '{}' AND NOT is_new AND (fields <> '{}' OR status <> new_status)"

# Locks the patrons who will change, in id order as every writer does, and tells whether they are as they were checked.
LOCK = f"""
WITH held AS (
    SELECT p.version = s.version AS same
    FROM (SELECT target_id, version FROM {CHECKED} WHERE {_CHANGES}) s JOIN patron p ON p.id = s.target_id
    ORDER BY p.id FOR NO KEY UPDATE OF p
)
SELECT (SELECT count(*) FROM {CHECKED} WHERE {_CHANGES}) = (SELECT count(*) FROM held WHERE same)
"""

# What the good rows come to: which columns change and to what status, for how many patrons, and whom.
OUTCOME = f"""
SELECT is_new, fields, status, new_status, count(*)::int AS rows,
       CASE WHEN is_new OR (fields = '{{}}' AND status = new_status) THEN '{{}}'
            ELSE array_agg(target_id ORDER BY target_id) END AS patron_ids
FROM {CHECKED} WHERE problems = '{{}}' GROUP BY is_new, fields, status, new_status ORDER BY min(target_id)
"""

# How many rows were looked at, and the line of the last.
LOOKED_AT = f"SELECT count(*)::int AS rows, coalesce(max(line), 0) AS last_line FROM {CHECKED}"

# What was new when it was checked has got its id since.
NEW_IDS = f"SELECT target_id FROM {CHECKED} WHERE is_new AND problems = '{{}}' ORDER BY target_id"

# New patrons get their ids in the order of the file.
NUMBER_NEW = f"""
WITH numbered AS (
    SELECT id, nextval(pg_get_serial_sequence('patron', 'id')) AS patron_id
    FROM (SELECT id FROM {CHECKED} WHERE is_new AND problems = '{{}}' ORDER BY line) AS new
)
UPDATE {CHECKED} s SET target_id = numbered.patron_id FROM numbered WHERE numbered.id = s.id
"""

_COLUMNS = (*OWN_COLUMNS, "branch_id", "cohort_id")
_LIST = ", ".join(_COLUMNS)
_NEW = ", ".join(f"new_{name}" for name in _COLUMNS if name != "registered_at")

INSERT_PATRONS = f"""
INSERT INTO patron (id, library_id, {", ".join(name for name in _COLUMNS if name != "registered_at")}, registered_at,
                    status, status_changed_at, updated_at)
SELECT target_id, $1, {_NEW}, coalesce(new_registered_at, now()), new_status, now(), now()
FROM {CHECKED} WHERE is_new AND problems = '{{}}' ORDER BY target_id
"""

_SETS = ", ".join(f"{name} = new_{name}" for name in _COLUMNS)

UPDATE_PATRONS = f"""
UPDATE patron t SET {_SETS}, version = t.version + 1, updated_at = now()
FROM {CHECKED} s
WHERE t.id = s.target_id AND NOT s.is_new AND s.problems = '{{}}' AND s.fields <> '{{}}'
"""

# The cards before it become inactive; an old card of the same patron comes back into use.
RETIRE_CARDS = f"""
UPDATE card SET active = false
FROM {CHECKED} s
WHERE card.patron_id = s.target_id AND s.problems = '{{}}' AND 'BARCODE' = ANY(s.fields) AND NOT s.is_new
  AND card.active AND card.barcode <> s.new_barcode
"""
ISSUE_CARDS = f"""
INSERT INTO card (library_id, patron_id, barcode, active, created_at)
SELECT $1, target_id, new_barcode, true, now() FROM {CHECKED}
WHERE problems = '{{}}' AND 'BARCODE' = ANY(fields) ORDER BY target_id
ON CONFLICT (library_id, barcode) DO UPDATE SET active = true WHERE card.patron_id = excluded.patron_id
"""

_PARTS = ", ".join(ADDRESS)
_NEW_PARTS = ", ".join(f"new_{name}" for name in ADDRESS)
_MOVED = "problems = '{}' AND 'ADDRESSES' = ANY(fields)"

DELETE_ADDRESSES = f"""
DELETE FROM address USING {CHECKED} s WHERE address.id = s.address_id AND {_MOVED} AND concat({_NEW_PARTS}) = ''
"""
UPDATE_ADDRESSES = f"""
UPDATE address SET {", ".join(f"{name} = s.new_{name}" for name in ADDRESS)}
FROM {CHECKED} s WHERE address.id = s.address_id AND {_MOVED}
"""
INSERT_ADDRESSES = f"""
INSERT INTO address (library_id, patron_id, kind, {_PARTS})
SELECT $1, target_id, 'HOME', {_NEW_PARTS} FROM {CHECKED}
WHERE address_id IS NULL AND {_MOVED} ORDER BY target_id
"""


class MovedMeanwhile(Exception):  # noqa: N818 - what happened to the patrons
    """Patrons changed each time they were looked at; the chunk is tried again."""


async def check(run: Run, ids: Sequence[int]) -> Sequence[asyncpg.Record]:
    """Check those of these rows that wait into the temporary table and lock the patrons whom they change.

    Looks again until both agree. Returns what the good rows come to, for apply().
    """
    statement = CHECK.format(checked=checked(run.meaning, THESE, _extra(run.meaning)))
    for _ in range(MOST_LOOKS):
        await db.rows(statement, run.library_id, list(ids), run.job_id)
        if await db.value(LOCK):
            return await db.rows(OUTCOME)
        await db.rows(DROP)
    raise MovedMeanwhile("the patrons of a chunk changed each time they were looked at")


async def apply(run: Run, actor: Actor, found: Sequence[asyncpg.Record], counts: Counts) -> None:
    """Apply the good rows of the temporary table, audit each patron who changes, and add to the counts.

    `found` is what check() returned.
    """
    edited: list[tuple[list[str], list[int]]] = []
    moved: dict[PatronStatus, list[int]] = {PatronStatus.INACTIVE: [], PatronStatus.ACTIVE: []}
    for alike in found:
        if alike["is_new"]:
            counts.created += alike["rows"]
            continue
        if alike["fields"]:
            edited.append((alike["fields"], alike["patron_ids"]))
        if alike["status"] != alike["new_status"]:
            moved[PatronStatus(alike["new_status"])] += alike["patron_ids"]
        elif alike["fields"]:
            counts.updated += alike["rows"]
        else:
            counts.unchanged += alike["rows"]
    counts.deactivated, counts.reactivated = len(moved[PatronStatus.INACTIVE]), len(moved[PatronStatus.ACTIVE])
    created: list[int] = []
    if counts.created:
        await db.rows(NUMBER_NEW)
        created = [row["target_id"] for row in await db.rows(NEW_IDS)]
    if created:
        await db.rows(INSERT_PATRONS, run.library_id)
        await record_many(actor, "patron.register", "patron", created, job_id=run.job_id)
    if edited:
        await db.rows(UPDATE_PATRONS)
    if created or edited:
        await _cards_and_addresses(run)
    for fields, ids in edited:
        await record_many(actor, "patron.edit", "patron", ids, job_id=run.job_id, fields=fields)
    for status, ids in moved.items():
        await change_status(actor, sorted(ids), status, job_id=run.job_id)


async def _cards_and_addresses(run: Run) -> None:
    if "barcode" in run.meaning.known:
        await db.rows(RETIRE_CARDS)
        await db.rows(ISSUE_CARDS, run.library_id)
    if run.meaning.address:
        await db.rows(DELETE_ADDRESSES)
        await db.rows(UPDATE_ADDRESSES)
        await db.rows(INSERT_ADDRESSES, run.library_id)


def _extra(meaning: Meaning) -> list[str]:
    """Return the columns of the temporary table beside the checks; a file of statuses needs few."""
    outcome = ["t.id IS NULL AS is_new", "t.version", "t.status", f"{_status(meaning)} AS new_status"]
    if not meaning.may_create:
        return [*outcome, "'{}'::text[] AS fields"]
    new = {name: new_value(meaning, name) for name in OWN_COLUMNS}
    for name, code in (("branch_id", "branch"), ("cohort_id", "cohort")):
        kept = f"t.{name}"
        new[name] = f"CASE WHEN r.t_{code} IS NULL THEN {kept} ELSE r.{name} END" if code in meaning.known else kept
    parts = {name: new_value(meaning, name) for name in ADDRESS}
    changed = [
        f"CASE WHEN {value} IS DISTINCT FROM {_stored(name)} THEN '{name.upper()}' END"
        for name, value in new.items()
        if name in meaning.known or name.removesuffix("_id") in meaning.known
    ]
    if "barcode" in meaning.known:
        changed.append("CASE WHEN r.v_barcode IS DISTINCT FROM k.barcode AND r.v_barcode IS NOT NULL"
                       " THEN 'BARCODE' END")  # fmt: skip
    if meaning.address:
        differ = " OR ".join(f"{value} <> coalesce(a.{name}, '')" for name, value in parts.items())
        changed.append(f"CASE WHEN {differ} THEN 'ADDRESSES' END")
    return [
        *outcome,
        f"array_remove(ARRAY[{', '.join(changed)}]::text[], NULL) AS fields",
        *(f"({value})::{_type(name)} AS new_{name}" for name, value in new.items()),
        f"{'r.v_barcode' if 'barcode' in meaning.known else 'NULL'}::text AS new_barcode",
        f"{'a.id' if meaning.address else 'NULL::bigint'} AS address_id",
        *(f"({value})::text AS new_{name}" for name, value in parts.items()),
    ]


def _status(meaning: Meaning) -> str:
    kept = "coalesce(t.status, 'ACTIVE')"
    if "enabled" not in meaning.known:
        return kept
    return (
        f"CASE WHEN r.v_enabled IS NULL OR t.status = 'PENDING_PURGE' THEN {kept}"
        " WHEN r.v_enabled THEN 'ACTIVE' ELSE 'INACTIVE' END"
    )


def _stored(name: str) -> str:
    return f"coalesce(t.{name}, '')" if name in ("first_name", "last_name", "category") else f"t.{name}"


def _type(name: str) -> str:
    return "bigint" if name.endswith("_id") and name != "external_id" else column_of(name).sql_type
