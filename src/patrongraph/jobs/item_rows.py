"""What became of each patron of a job, as a table for a spreadsheet: streamed, and never kept.

A file of its own because it is neither a read of the graph nor a page of it: a hundred thousand lines go out in
constant memory. Barcode and name are joined while the patron is there; nothing of them is stored.
"""

import csv
import io
from collections.abc import AsyncIterator
from typing import Any

from patrongraph import db
from patrongraph.graph.ids import encode_id
from patrongraph.jobs.models import JobItemState

PAGE = 1_000
BOM = "\ufeff"
"""Spreadsheets take a file without it for one in the computer's own old character set."""

HEADER = ("item", "patron_id", "barcode", "name", "state", "codes", "reason", "finished_at")

# One page of a job's items in patron order. A patron's barcode and name only while there, and only when asked for.
ITEMS = """
SELECT item.id, item.patron_id, item.state, item.codes, item.reason, item.finished_at,
       (SELECT card.barcode FROM card WHERE card.patron_id = patron.id AND card.active ORDER BY card.id DESC LIMIT 1)
           AS barcode,
       btrim(coalesce(patron.preferred_name, patron.first_name) || ' ' || patron.last_name) AS name
FROM job_item item
LEFT JOIN patron ON $5::boolean AND patron.id = item.patron_id AND patron.library_id = item.library_id
WHERE item.job_id = $1 AND item.library_id = $2 AND item.patron_id > $3 AND ($4::text IS NULL OR item.state = $4)
ORDER BY item.patron_id
LIMIT $6
"""

WORDS = {
    "OPEN_LOANS": "has open loans",
    "OPEN_RESERVATIONS": "has open reservations",
    "DEBTS": "has unpaid debts",
    "CREDIT_BALANCE": "has credit to be paid out",
    "EXPORT_IN_PROGRESS": "is in an export that is being made",
    "PROTECTED": "is protected",
    "NOT_INACTIVE": "is not inactive",
    "ALREADY_GONE": "was gone already",
    "ALREADY_PENDING": "waits for the erasure already",
    "PENDING_PURGE": "waits for the end of the days of grace",
    "RESTORED": "was restored before the turn came",
    "COHORT_CHANGED": "was in another cohort by then",
    "COHORT_GONE": "would have come into a cohort that is deleted by now",
    "STATUS_CHANGED": "was switched on or off by somebody else since",
    "ALREADY_INACTIVE": "was inactive already",
}
"""What a code means in a sentence about the patron; an unknown code stands for itself."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # the wide ones count in East Asia


def cell(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula: an apostrophe before what begins like one."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


async def stream(library_id: int, job_id: int, *, state: JobItemState | None, with_names: bool) -> AsyncIterator[str]:
    """Yield the table of a library's job in pieces of whole lines: a byte order mark and the header first.

    `with_names` adds barcode and name of patrons who are still there. Lines end as RFC 4180 says.
    """
    yield BOM + _lines([HEADER])
    after, wanted = 0, None if state is None else state.value
    while found := await db.rows(ITEMS, job_id, library_id, after, wanted, with_names, PAGE):
        yield _lines([_line(row) for row in found])
        after = found[-1]["patron_id"]


def _line(row: Any) -> tuple[str, ...]:
    finished = row["finished_at"]
    return (
        encode_id("jobitem", row["id"]),
        encode_id("pat", row["patron_id"]),
        cell(row["barcode"] or ""),
        cell(row["name"] or ""),
        row["state"],
        " ".join(row["codes"]),
        cell(_reason(row)),
        "" if finished is None else finished.isoformat(timespec="seconds"),
    )


def _reason(row: Any) -> str:
    said = [WORDS.get(code, code) for code in row["codes"]]
    if row["reason"]:
        said.append(f"could not be done: {row['reason']}" if row["state"] == JobItemState.FAILED else row["reason"])
    return "; ".join(said)


def _lines(rows: list[tuple[str, ...]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()
