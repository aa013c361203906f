"""The rejected rows of a file as a file again, to be mended and imported: streamed, and never kept.

A file of its own because it is neither a read of the graph nor a page of it. Cells are as they came, also those that a
spreadsheet takes for formulas: an apostrophe before them would be imported with them.
"""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence

from patrongraph import db
from patrongraph.imports.models import ImportFormat
from patrongraph.jobs.item_rows import BOM

PAGE = 1_000
MORE = ("line", "column", "reason")
"""Columns after the file's own, which an import passes over."""

COLUMNS = "SELECT format, columns, meanings FROM import_run WHERE job_id = $1 AND library_id = $2"

# One page of rejected rows in the order of the file; cells are null once their time is over, or after an erasure.
ROWS = """
SELECT id, line, cells, column_name, reason FROM import_row
WHERE job_id = $1 AND library_id = $2 AND state = 'REJECTED' AND line IS NOT NULL AND (line, id) > ($3, $4)
ORDER BY line, id LIMIT $5
"""


async def columns(library_id: int, job_id: int) -> list[str] | None:
    """Return the columns of a library's import; None when the job is not one.

    A file that is no CSV has the names of our fields, so that its rows can be imported as PATRONS.
    """
    run = await db.row(COLUMNS, job_id, library_id)
    if run is None:
        return None
    return list(run["meanings" if run["format"] == ImportFormat.FOLIO else "columns"])


async def stream(library_id: int, job_id: int, own: Sequence[str]) -> AsyncIterator[str]:
    """Yield the table in whole lines, a byte order mark and the header first; `own` is what columns() said."""
    yield BOM + _lines([(*own, *MORE)])
    after = (-1, 0)
    while found := await db.rows(ROWS, job_id, library_id, *after, PAGE):
        yield _lines(
            (*_fitted(row["cells"], len(own)), str(row["line"]), row["column_name"], row["reason"]) for row in found
        )
        after = (found[-1]["line"], found[-1]["id"])


def _fitted(cells: Sequence[str | None] | None, width: int) -> list[str]:
    """Return as many cells as there are columns; of a broken row what there is, the last cell with the rest."""
    texts = [cell or "" for cell in cells or ()]
    if len(texts) > width > 0:
        texts[width - 1 :] = [" ".join(texts[width - 1 :])]
    return texts + [""] * (width - len(texts))


def _lines(rows: Iterable[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()
