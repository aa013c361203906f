"""What the tests of the import share: a folder written from text, and the whole database as text."""

from pathlib import Path
from typing import Any

from patrongraph import db

TABLES = (
    "library", "branch", "item", "patron", "card", "address", "block", "patron_group", "group_membership",
    "privacy_waiver", "loan", "reservation", "ledger_entry", "audit_event",
)  # fmt: skip
HEADERS = {
    "branches": "library,code,name",
    "patrons": "library,external_id,barcode,username,first_name,last_name,branch,enabled,barred,group,group_lead",
    "items": "library,branch,barcode,title,price,status",
    "loans": "library,patron_barcode,item_barcode,checked_out_at,due_at,returned_at,lost",
    "reservations": "library,patron_barcode,item_barcode,requested_at,pickup_branch,cancelled_at,fulfilled_at",
    "debts": "library,external_id,patron_barcode,item_barcode,charged_at,amount,paid,reason,note",
}
BASE = {
    "branches": ["AA,AA,Library of A", "AA,AA-1,One"],
    "patrons": [
        "AA,1,p1,user1,Åsa,Öberg,AA-1,TRUE,FALSE,g1,TRUE",
        "AA,2,p2,user2,Bo,Öberg,,TRUE,FALSE,g1,FALSE",
        "AA,3,p3,,Cy,Ek,,FALSE,TRUE,lonely,FALSE",
    ],
    "items": ["AA,AA-1,i1,One,9.90,ON_LOAN", "AA,,i2,Two,,AVAILABLE", "AA,,i3,Three,,"],
    "loans": [
        "AA,p1,i1,2026-01-02 10:00:00.25-04,2026-02-02,,FALSE",
        "AA,p1,i2,2026-01-01 10:00:00+00,2026-02-01 00:00:00+00,2026-01-05 10:00:00+00,FALSE",
    ],
    "reservations": ["AA,p2,i1,2026-01-03 10:00:00+00,AA-1,,"],
    "debts": ["AA,d1,p1,i1,2026-03-01 10:00:00+00,10.00,2.50,OVERDUE,"],
}


def write(folder: Path, files: dict[str, list[str]]) -> Path:
    """Write files with the headers above; a first row that starts with # replaces the header."""
    folder.mkdir(exist_ok=True)
    for name, rows in files.items():
        own = [rows[0][1:]] if rows and rows[0].startswith("#") else [HEADERS[name]]
        body = rows[1:] if rows and rows[0].startswith("#") else rows
        (folder / f"{name}.csv").write_text("\n".join([*own, *body]) + "\n", encoding="utf-8", errors="surrogateescape")
    return folder


async def everything() -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table with its xmin and xmax, which any write would change."""
    return {
        table: [tuple(row.values()) for row in await db.rows(f"SELECT xmin, t.* FROM {table} t ORDER BY id")]
        for table in TABLES
    }


async def counts(*tables: str) -> dict[str, int]:
    """Return the number of rows of each table."""
    return {table: await db.value(f"SELECT count(*) FROM {table}") for table in tables or TABLES}
