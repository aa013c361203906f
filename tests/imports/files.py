"""Files of patrons written as text, taken in as the API takes them, and what the report says of them."""

import io
import json
import re
from typing import Any

from tests.clients import Api
from tests.town import Town

from patrongraph import db
from patrongraph.context import Actor
from patrongraph.imports.actions import Missing, open_file, start
from patrongraph.imports.models import ImportFormat

IMPORT = """
mutation($input: ImportPatronsInput!) { importPatrons(input: $input) {
  ... on ImportStarted { job { id kind state total import { format dryRun rows waiting } } }
  ... on Problem { code message }
  ... on FileRefused { reason columns limit }
} }
"""

COUNTERS = ("rows", "created", "updated", "deactivated", "reactivated", "unchanged", "rejected")

REPORT = "SELECT * FROM import_run WHERE job_id = $1"
REJECTIONS = """
SELECT line, column_name, code, reason, wrongs, patron_id, cells FROM import_row
WHERE job_id = $1 AND state = 'REJECTED' ORDER BY line, id
"""
PATRON = """
SELECT p.id, p.external_id, p.username, p.first_name, p.middle_name, p.last_name, p.preferred_name, p.date_of_birth,
       p.email, p.phone, p.category, p.status, p.registered_at, p.expires_on, p.notes, p.version,
       (SELECT code FROM branch WHERE id = p.branch_id) AS branch,
       (SELECT code FROM cohort WHERE id = p.cohort_id) AS cohort,
       ARRAY(SELECT barcode FROM card WHERE patron_id = p.id AND active ORDER BY id) AS cards,
       ARRAY(SELECT barcode FROM card WHERE patron_id = p.id AND NOT active ORDER BY id) AS old_cards,
       ARRAY(SELECT concat_ws('|', kind, street, postal_code, city, region, country) FROM address
             WHERE patron_id = p.id ORDER BY id) AS addresses
FROM patron p WHERE p.library_id = $1 AND
"""
AUDIT = """
SELECT action, subject_id, job_id, detail FROM audit_event
WHERE library_id = $1 AND action LIKE 'patron.%' ORDER BY subject_id, id
"""


async def take_in(
    who: Town | Actor,
    text: str | bytes,
    format: ImportFormat = ImportFormat.STATUS,
    *,
    mapping: dict[str, str] | None = None,
    missing: Missing | None = None,
    **more: Any,
) -> int:
    """Start an import of a file with this text; return the job's id."""
    content = text if isinstance(text, bytes) else text.encode()
    source = await open_file(io.BytesIO(content), format, mapping or {}, "patrons.csv")
    actor = who.system if isinstance(who, Town) else who
    return await start(actor, source, missing=missing, **more)


async def send_in(api: Api, token: str, text: str, **input: Any) -> Any:
    """Send a file through the door; return what importPatrons answers."""
    operations = json.dumps({"query": IMPORT, "variables": {"input": {"file": None, **input}}})
    parts = {
        "operations": (None, operations), "map": (None, '{"0": ["variables.input.file"]}'),
        "0": ("patrons.csv", text.encode(), "text/csv"),
    }  # fmt: skip
    async with api.client() as client:
        answer = await client.post("/graphql", files=parts, headers=api.headers(token))
    assert (answer.status_code, answer.json().get("errors")) == (200, None), answer.text
    return answer.json()["data"]["importPatrons"]


async def counted(job_id: int) -> dict[str, int]:
    """The numbers of a report that are not 0."""
    found = await db.row(REPORT, job_id)
    assert found is not None
    assert found["rows"] >= sum(found[name] for name in COUNTERS[1:])
    return {name: found[name] for name in COUNTERS if found[name]}


async def missing_of(job_id: int) -> tuple[int, int, int, str]:
    """How many are missing, of how many, how many were deactivated, and what became of the rest."""
    found = await db.row(REPORT, job_id)
    assert found is not None
    return (
        found["missing"], found["missing_considered"], found["missing_deactivated"], found["missing_state"],
    )  # fmt: skip


async def rejections(job_id: int) -> list[tuple[int, str, str, str]]:
    """Line, column, code and reason of each rejected row; what the row says to programs must agree with them."""
    found = await db.rows(REJECTIONS, job_id)
    for row in found:
        if row["code"] != "FAILED":
            first, *more = wrongs = json.loads(row["wrongs"])
            assert (first["column"] or "", first["code"]) == (row["column_name"], row["code"]), row
            for each in wrongs:
                assert (each["reason"] is not None) == (each["code"] in ("INVALID", "UNREADABLE")), row
            lines = re.findall(r"line (\d+)", row["reason"])
            assert [str(each["number"]) for each in wrongs if each["code"] == "DUPLICATE"] == lines, row
            assert len(more) <= row["reason"].count("; "), row
    return [(row["line"], row["column_name"], row["code"], row["reason"]) for row in found]


async def patron(town: Town, where: str, *args: object) -> dict[str, Any]:
    """The one patron of the library of that condition, with cards and addresses."""
    [found] = await db.rows(PATRON + where, town.id, *args)
    return dict(found)


async def statuses(town: Town) -> dict[str, str]:
    """Status by username."""
    found = await db.rows("SELECT username, status FROM patron WHERE library_id = $1 ORDER BY id", town.id)
    return {row["username"]: row["status"] for row in found}


async def pupils(town: Town, count: int, status: str = "ACTIVE") -> list[int]:
    """Patrons whose usernames are pupil1, pupil2 and so on."""
    ids = await town.patrons(count, status=status)
    await db.rows(
        "UPDATE patron SET username = 'pupil' || n FROM unnest($1::bigint[]) WITH ORDINALITY AS u(id, n)"
        " WHERE patron.id = u.id RETURNING patron.id",
        ids,
    )
    return ids


def status_file(**enabled: str) -> str:
    """A file of usernames."""
    return "username,enabled\n" + "".join(f"{name},{value}\n" for name, value in enabled.items())
