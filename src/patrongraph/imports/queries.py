"""SQL that every file of a snapshot goes through: staging, reading cells, telling what is wrong.

A file passes through three temporary tables: import_raw_<file> (the text of each row with its line),
import_read_<file> (the values, and what is wrong with cells) and import_<file> (values with the ids that
they refer to; good rows only).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from patrongraph.imports.layout import Column, File, Kind, value_sql, what_is_wrong

# Lets one import run at a time; ends with the transaction.
LOCK_IMPORTS = "SELECT pg_try_advisory_xact_lock(7210935120)"

# For this transaction only: memory for joins and sorts; no compiled plans, which cost more than they save; and an end
# soon after the command is killed in the middle of a long statement.
TUNE = """
SET LOCAL work_mem = '64MB'; SET LOCAL jit = off; SET LOCAL statement_timeout = 0;
SET LOCAL client_connection_check_interval = '5s'
"""

# Where every reason is kept until the report is made; no index, it is read by hash joins.
CREATE_PROBLEMS = """
CREATE TEMP TABLE import_problem (
    file text NOT NULL, line integer NOT NULL, column_name text NOT NULL, key text NOT NULL, reason text NOT
        NULL
) ON COMMIT DROP
"""

# Keeps the planner's picture of the reasons right: most files have none.
ANALYZE_PROBLEMS = "ANALYZE import_problem"

# The first reasons in the order of the files given, for the report.
FIRST_PROBLEMS = """
SELECT file, line, column_name, key, reason
FROM import_problem ORDER BY array_position($1::text[], file), line, column_name, reason LIMIT $2
"""

# All reasons, in the same order, for the file that --rejected writes.
ALL_PROBLEMS = """
SELECT file || '.csv' AS file, line, column_name AS "column", key, reason
FROM import_problem ORDER BY array_position($1::text[], file), line, column_name, reason
"""

# What the report calls the libraries of a snapshot.
LIBRARY_CODES = "SELECT code FROM library WHERE id = ANY ($1::bigint[]) ORDER BY code"

# How many rows of each file were rejected, whatever the number of their reasons.
COUNT_REJECTED = "SELECT file, count(DISTINCT line) AS rows FROM import_problem GROUP BY file"


def set_library(file: File) -> str:
    """Return the statement that fills in libraries created after the rows were resolved."""
    return f"""
UPDATE import_{file.name} s SET library_id = l.id
FROM library l WHERE s.library_id IS NULL AND lower(l.code) = lower(s.library)
"""


def new_libraries(file: File) -> str:
    """Return the query of the libraries that good rows mention and nobody has, in the order of the file."""
    return f"""
SELECT (array_agg(library ORDER BY line))[1] AS code FROM import_{file.name} WHERE library_id IS NULL
GROUP BY lower(library) ORDER BY min(line)
"""


def count_outcome(file: File) -> str:
    """Return the query of how many good rows of each library are new, changed or as they were."""
    return f"""
SELECT library_id, count(*) FILTER (WHERE is_new) AS inserted,
       count(*) FILTER (WHERE changed AND NOT is_new) AS updated, count(*) AS rows
FROM import_{file.name} GROUP BY library_id
"""


# Libraries by code in any spelling.
LIBRARIES = "(SELECT lower(code) AS code, min(id) AS id FROM library GROUP BY lower(code))"


@dataclass(frozen=True, slots=True)
class Check:
    """A rule over a resolved row: `wrong` is SQL that is true when the row breaks it, `reason` SQL text."""

    column: str
    wrong: str
    reason: str


def create_raw(file: File, known: Sequence[str]) -> str:
    """Return the table that COPY fills: line, what the reader says, and the known columns as text."""
    columns = "".join(f", {quoted(name)} text" for name in known)
    return (
        f"CREATE TEMP TABLE import_raw_{file.name} (line integer, bad_column text, bad_reason text{columns})"
        " ON COMMIT DROP"
    )


def create_read(file: File, known: Sequence[str]) -> str:
    """Return the statement that reads each cell once and says what is wrong with it.

    The subquery is fenced by OFFSET 0 so that PostgreSQL does not repeat the reading of a cell for each use.
    """
    present = [column for column in file.columns if column.name in known]
    texts = ", ".join(f"nullif(btrim({quoted(c.name)}, E' \\t\\r\\n'), '') AS {_text(c)}" for c in present)
    values = ", ".join(f"{value_sql(c, _text(c))} AS {_value(c)}" for c in present)
    chosen = ", ".join(
        f"{_value(c)} AS {quoted(c.name)}" if c in present else f"NULL::{c.sql_type} AS {quoted(c.name)}"
        for c in file.columns
    )
    key = ", ".join(_text(c) for c in present if c.name in file.key)
    wrongs = ", ".join(_cell_wrong(c) for c in present)
    return f"""
CREATE TEMP TABLE import_read_{file.name} ON COMMIT DROP AS
SELECT line, left(regexp_replace(coalesce({f"concat_ws(' ', {key})" if key else "''"}, ''), '[[:cntrl:]]',
    ' ', 'g'), 80)
       AS key, {chosen},
       CASE WHEN bad_reason IS NOT NULL THEN ARRAY[coalesce(bad_column, '') || E'\\x1f' || bad_reason]
            ELSE array_remove(ARRAY[{wrongs}]::text[], NULL) END AS wrong
FROM (
    SELECT line, bad_column, bad_reason, {", ".join(_text(c) for c in present)}, {values}
    FROM (SELECT line, bad_column, bad_reason, {texts} FROM import_raw_{file.name} OFFSET 0) t OFFSET 0
) v
"""


def _text(column: Column) -> str:
    return f"t_{column.name}"


def _value(column: Column) -> str:
    return f"v_{column.name}"


def quoted(name: str) -> str:
    """Return a column name as an SQL identifier (group is a reserved word)."""
    return f'"{name}"'


def _cell_wrong(column: Column) -> str:
    reason = what_is_wrong(column).replace("'", "''")
    hidden = column.kind is Kind.TEXT or column.personal
    said = f"'{reason}'" if hidden else f"'\"' || {_clipped(_text(column))} || '\" {reason}'"
    unread = f"WHEN {_text(column)} IS NOT NULL AND {_value(column)} IS NULL THEN '{column.name}' || E'\\x1f' || {said}"
    empty = f"WHEN {_text(column)} IS NULL THEN '{column.name}' || E'\\x1fis empty; it is required'"
    return f"CASE {unread} {empty if column.required else ''} END"


def _clipped(text: str) -> str:
    return f"left(regexp_replace({text}, '[[:cntrl:]]', ' ', 'g'), 40)"


def shown(column: str) -> str:
    """Return SQL text of a column's value for a reason, clipped and in quotes."""
    return f"coalesce('\"' || {_clipped(column)} || '\" ', '')"


def create_resolved(file: File, extra: str, joins: str, checks: Iterable[Check]) -> str:
    """Return the statement that joins the values `s` with what they refer to and applies the checks.

    `extra` adds columns, each of which the checks may use by name through r.
    """
    rules = ", ".join(
        f"CASE WHEN {check.wrong} THEN '{check.column}' || E'\\x1f' || {check.reason} END" for check in checks
    )
    return f"""
CREATE TEMP TABLE import_{file.name} ON COMMIT DROP AS
SELECT r.*, CASE WHEN cardinality(r.wrong) > 0 THEN r.wrong
                 ELSE array_remove(ARRAY[{rules}]::text[], NULL) END AS wrongs
FROM (SELECT s.*, {extra} FROM import_read_{file.name} s {joins} OFFSET 0) r
"""


def collect_problems(file: File) -> str:
    """Return the statement that moves the reasons of bad rows to import_problem."""
    return f"""
INSERT INTO import_problem
SELECT '{file.name}', line, split_part(w, E'\\x1f', 1), key, split_part(w, E'\\x1f', 2)
FROM import_{file.name} CROSS JOIN unnest(wrongs) AS w
"""


def delete_bad(file: File) -> str:
    """Return the statement that leaves good rows only."""
    return (
        f"DELETE FROM import_{file.name} f USING (SELECT DISTINCT line FROM import_problem"
        f" WHERE file = '{file.name}') p WHERE p.line = f.line"
    )


def find_duplicates(file: File, column: str, by: str, where: str, reason: str) -> str:
    """Return the statement that rejects the later of two rows with the same `by`; the first stays.

    `reason` may hold %s for the line of the first.
    """
    return f"""
INSERT INTO import_problem
SELECT '{file.name}', line, '{column}', key, format('{reason}', first)
FROM (SELECT line, key, min(line) OVER (PARTITION BY {by}) AS first FROM import_{file.name} WHERE {where}) d
WHERE line > first
"""
