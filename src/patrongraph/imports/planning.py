"""A file is looked at as a whole once, before anything is applied: bad rows, duplicates, and who is missing from it.

Beside the six names because it is one transaction of its own with many steps. Nothing is written for a good row.
"""

from patrongraph import db
from patrongraph.imports.checks import checked, named_twice
from patrongraph.imports.models import ImportFormat, MissingState
from patrongraph.imports.runs import TUNE, Counts, Run, check_permission, count, load, reject
from patrongraph.jobs.leases import Lease
from patrongraph.patrons.queries import HOLD_LIBRARY

# Every row that waits, with whom it means and what is wrong with it.
CHECK = "CREATE TEMP TABLE import_checked ON COMMIT DROP AS {checked}"
WAITING = "import_row.job_id = $2 AND import_row.state = 'PENDING'"
WAITING_ALONE = "import_row.job_id = $1 AND import_row.state = 'PENDING'"

# Without it the planner may compare each patron of the library with each row.
ANALYZE = "ANALYZE import_checked"

# Rejects the later of two good rows with the same {key}, naming the line of the first.
FIND_DUPLICATES = """
UPDATE import_checked later
SET problems = ARRAY[concat_ws(E'\\x1f', '{field}', 'DUPLICATE', format('{reason}', twice.first), '', twice.first)]
FROM (
    SELECT {key} AS key, min(line) AS first FROM import_checked
    WHERE problems = '{{}}' AND {key} IS NOT NULL
    GROUP BY 1 HAVING count(*) > 1
) AS twice
WHERE later.{key} = twice.key AND later.line > twice.first AND later.problems = '{{}}'
"""

_DUPLICATES = (
    ("", "target_id", "is about the same patron as line %s; a patron has one row"),
    ("external_id", "external_id", "is on line %s already; a patron has one row"),
    ("barcode", "barcode", "is on line %s already; a card has one holder"),
    ("username", "username", "is on line %s already; a username has one holder"),
)

# ACTIVE patrons of the library, of the category, branch and cohort where one is named.
CONSIDERED = """
FROM patron p
WHERE p.library_id = $1 AND p.status = 'ACTIVE' AND ($2::text IS NULL OR p.category = $2)
  AND ($3::bigint IS NULL OR p.branch_id = $3) AND ($4::bigint IS NULL OR p.cohort_id = $4)
  AND ($5::text = '' OR starts_with(p.external_id, $5))
"""
# Those of them whom no row of the file means; as a difference of sets, for of a new library the planner expects so few
# patrons that it would look through the whole file for each.
MISSING = f"SELECT p.id {CONSIDERED} EXCEPT SELECT target_id FROM import_checked"
COUNT_MISSING = f"""
SELECT (SELECT count(*)::int {CONSIDERED}) AS considered, (SELECT count(*)::int FROM ({MISSING}) AS missing) AS missing
"""
INSERT_MISSING = f"""
WITH planned AS (
    INSERT INTO import_row (job_id, library_id, patron_id, state)
    SELECT $6, $1, missing.id, 'MISSING' FROM ({MISSING}) AS missing
    ORDER BY missing.id
    RETURNING id
)
SELECT count(*)::int FROM planned
"""

# Rows that could not be read were rejected when they came.
UNREADABLE = "SELECT count(*)::int FROM import_row WHERE job_id = $1 AND state = 'REJECTED'"

PLANNED = """
WITH report AS (
    UPDATE import_run SET planned_at = now(), missing = $2, missing_considered = $3, missing_state = $4
    WHERE job_id = $1 RETURNING rows
)
UPDATE job SET total = report.rows + $2 FROM report WHERE job.id = $1
RETURNING job.id
"""


async def plan(lease: Lease) -> int | None:
    """Plan the job's import in one transaction, once; return the job's version, or None when it is not to go on."""
    async with db.transaction() as connection:
        version = await lease.advance()
        if version is None:
            return None
        await check_permission(lease)
        await db.rows(HOLD_LIBRARY, lease.library_id)
        run = await load(lease)
        if run.planned:
            return version
        await connection.execute(TUNE)
        rejected: int = await db.value(UNREADABLE, run.job_id)
        if await _needs_looking_at(run):
            await _check_all(run)
            rejected += await reject(run, "import_checked")
        missing, considered, state = await _plan_missing(run, rejected)
        await db.value(PLANNED, run.job_id, missing, considered, state.value)
        refused = missing if state in (MissingState.TOO_MANY, MissingState.ROWS_REJECTED) else 0
        await count(run.job_id, Counts(rejected=rejected), done=0, skipped=rejected + refused)
    return version


async def _needs_looking_at(run: Run) -> bool:
    """Return whether rows have to be compared with each other or with all patrons; each alone is its chunk's to check.

    Looking at a hundred thousand rows twice takes as long as a third of applying them.
    """
    if run.meaning.may_create or run.missing_asked.deactivate:
        return True
    twice: bool = await db.value(named_twice(run.meaning, WAITING_ALONE), run.job_id)
    return twice


async def _check_all(run: Run) -> None:
    """Check every row that waits into the temporary table, duplicates too."""
    meaning = run.meaning
    names = [name for name in ("external_id", "barcode", "username") if name in meaning.known]
    keys = [f"lower(r.v_{name}) AS {name}" if name == "username" else f"r.v_{name} AS {name}" for name in names]
    await db.rows(CHECK.format(checked=checked(meaning, WAITING, keys)), run.library_id, run.job_id)
    await db.rows(ANALYZE)
    if meaning.format is ImportFormat.STATUS:
        names = []  # one username is one patron
    for field, key, reason in _DUPLICATES:
        if key == "target_id" or key in names:
            await db.rows(FIND_DUPLICATES.format(field=field, key=key, reason=reason))


async def _plan_missing(run: Run, rejected: int) -> tuple[int, int, MissingState]:
    """Write down who is missing from the file; return how many, of how many, and whether they will be deactivated."""
    asked = run.missing_asked
    if not asked.deactivate:
        return 0, 0, MissingState.NOT_ASKED
    scope = (run.library_id, asked.category, asked.branch_id, asked.cohort_id, asked.external_id_prefix)
    found = await db.row(COUNT_MISSING, *scope)
    if found is None:
        raise AssertionError("an aggregate has a row")
    missing, considered = found["missing"], found["considered"]
    if rejected:
        return missing, considered, MissingState.ROWS_REJECTED
    if missing > asked.maximum_share * considered and asked.confirm != missing:
        return missing, considered, MissingState.TOO_MANY
    await db.value(INSERT_MISSING, *scope, run.job_id)
    return missing, considered, MissingState.PLANNED
