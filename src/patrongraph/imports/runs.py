"""One import as its worker knows it: what was asked, how rows are rejected, and what is counted.

Beside the six names because planning, chunks and the end of a run share it.
"""

from dataclasses import dataclass, fields
from typing import Any

import orjson

from patrongraph import db
from patrongraph.imports.checks import SEPARATOR, Meaning
from patrongraph.imports.models import ImportFormat, MissingState
from patrongraph.jobs.leases import JobFailed, Lease
from patrongraph.permissions import Permission
from patrongraph.staff.identify import current_permissions

DEFAULT_SHARE = 0.20
"""Share of the patrons considered above which those missing from a file are not deactivated unconfirmed."""

# For this transaction only: memory for joins and sorts, no compiled plans, and no time limit.
TUNE = "SET LOCAL work_mem = '64MB'; SET LOCAL jit = off; SET LOCAL statement_timeout = 0"

# What a job's import asks for, and how far it is.
LOAD = """
SELECT format, columns, meanings, options, dry_run, planned_at IS NOT NULL AS planned, rejected, missing, missing_state
FROM import_run WHERE job_id = $1
"""

# What the file calls the column of a problem.
_NAME = f"coalesce(($3::text[])[array_position($2::text[], split_part({{0}}, {SEPARATOR}, 1))], '')"

# Rejects the rows of {checked} that have problems: the first names column and code, the reason tells all in words, and
# wrongs each by itself. Cells that are nobody's are not kept once a patron of the library was erased meanwhile.
# $2: fields, $3: the file's columns.
REJECT = f"""
WITH reasons AS (
    SELECT bad.id, bad.target_id, {_NAME.format("bad.problems[1]")} AS name,
           split_part(bad.problems[1], {SEPARATOR}, 2) AS code,
           split_part(bad.problems[1], {SEPARATOR}, 3) || CASE WHEN cardinality(bad.problems) = 1 THEN '' ELSE (
               SELECT string_agg('; ' || ltrim({_NAME.format("more.text")} || ' ')
                                 || split_part(more.text, {SEPARATOR}, 3), '' ORDER BY more.place)
               FROM unnest(bad.problems[2:]) WITH ORDINALITY AS more(text, place)
           ) END AS reason,
           (SELECT jsonb_agg(jsonb_build_object(
                       'column', nullif({_NAME.format("one.text")}, ''),
                       'code', split_part(one.text, {SEPARATOR}, 2),
                       'reason', nullif(split_part(one.text, {SEPARATOR}, 4), ''),
                       'number', nullif(split_part(one.text, {SEPARATOR}, 5), '')::int) ORDER BY one.place)
            FROM unnest(bad.problems) WITH ORDINALITY AS one(text, place)) AS wrongs
    FROM {{checked}} bad
    WHERE bad.problems <> '{{{{}}}}'
), rejected AS (
    UPDATE import_row SET state = 'REJECTED', patron_id = reasons.target_id, column_name = reasons.name,
                          code = reasons.code, reason = reasons.reason, wrongs = reasons.wrongs,
                          cells = CASE WHEN run.keep_cells OR reasons.target_id IS NOT NULL THEN import_row.cells END
    FROM reasons, import_run run
    WHERE import_row.id = reasons.id AND run.job_id = $1
    RETURNING import_row.id
)
SELECT count(*)::int FROM rejected
"""

# Adds to the numbers of the report and, in the same statement, of the job.
COUNT = """
WITH report AS (
    UPDATE import_run SET created = created + $2, updated = updated + $3, deactivated = deactivated + $4,
                          reactivated = reactivated + $5, unchanged = unchanged + $6, rejected = rejected + $7,
                          missing_deactivated = missing_deactivated + $8
    WHERE job_id = $1 RETURNING id
)
UPDATE job SET done = done + $9, skipped = skipped + $10, failed = failed + $11
FROM report WHERE job.id = $1
RETURNING job.id
"""


@dataclass(frozen=True, slots=True)
class Missing:
    """What is to become of ACTIVE patrons whom the file does not name: only those of a category, branch or cohort.

    Refused above `maximum_share` of the patrons considered (0 to 1), unless `confirm` is exactly how many they are. A
    file that is one source's of several considers only whose external_id begins with `external_id_prefix`.
    """

    deactivate: bool = True
    category: str | None = None
    branch_id: int | None = None
    cohort_id: int | None = None
    maximum_share: float = DEFAULT_SHARE
    confirm: int | None = None
    external_id_prefix: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """An import and how far it is."""

    job_id: int
    library_id: int
    meaning: Meaning
    columns: list[str]
    dry_run: bool
    planned: bool
    rejected: int
    missing: int
    missing_state: MissingState
    missing_asked: Missing


@dataclass(slots=True)
class Counts:
    """What one transaction adds to the report: each row of the file once, and patrons missing from it apart."""

    created: int = 0
    updated: int = 0
    deactivated: int = 0
    reactivated: int = 0
    unchanged: int = 0
    rejected: int = 0
    missing_deactivated: int = 0

    @property
    def applied(self) -> int:
        """Rows that are done."""
        return self.created + self.updated + self.deactivated + self.reactivated + self.unchanged


async def load(lease: Lease) -> Run:
    """Return the import of this job. Raises JobFailed when it is not there."""
    found = await db.row(LOAD, lease.job_id)
    if found is None:
        raise JobFailed("The rows of this import are gone.")
    options: dict[str, Any] = orjson.loads(found["options"])
    return Run(
        lease.job_id,
        lease.library_id,
        Meaning(ImportFormat(found["format"]), tuple(found["meanings"]), bool(options.get("whole"))),
        found["columns"],
        found["dry_run"],
        found["planned"],
        found["rejected"],
        found["missing"],
        MissingState(found["missing_state"]),
        Missing(**options.get("missing", {"deactivate": False})),
    )


async def check_permission(lease: Lease) -> None:
    """Raise JobFailed when whoever started the import may not import any more."""
    allowed = await current_permissions(lease.actor.kind, lease.actor.id, lease.library_id)
    if allowed is None:
        raise JobFailed("Whoever started this import is disabled, revoked or expired; the rest was not imported.")
    if Permission.PATRONS_IMPORT not in allowed:
        raise JobFailed("Whoever started this import may not import any more; the rest was not imported.")


async def reject(run: Run, table: str) -> int:
    """Reject the rows of a temporary table of checked rows that have problems; return how many."""
    sql = REJECT.format(checked=table)
    rejected: int = await db.value(sql, run.job_id, list(run.meaning.fields), run.columns)
    return rejected


async def count(job_id: int, counts: Counts, *, done: int, skipped: int, failed: int = 0) -> None:
    """Add to the report's and the job's numbers in the open transaction."""
    await db.value(COUNT, job_id, *(getattr(counts, each.name) for each in fields(counts)), done, skipped, failed)
