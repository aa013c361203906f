"""The patrons of the Concerto library as a file of patrons: all good rows arrive, the same again changes nothing."""

import csv
from pathlib import Path

import pytest
from tests.imports.files import counted, rejections, take_in
from tests.town import contents

from patrongraph import db
from patrongraph.imports.models import ImportFormat
from patrongraph.jobs.models import JobState

CONCERTO = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "concerto"
pytestmark = pytest.mark.skipif(not CONCERTO.is_dir(), reason="the Concerto data is not beside this repository")

ANY_LIBRARY = {"library": ""}
"""The file is of six libraries; here they become one."""

ARRIVED = """
SELECT p.external_id, c.barcode, p.username, p.first_name, coalesce(p.middle_name, '') AS middle_name, p.last_name,
       coalesce(a.street, '') AS street, coalesce(a.postal_code, '') AS postal_code, coalesce(a.city, '') AS city,
       p.category, coalesce(b.code, '') AS branch, coalesce(p.expires_on::text, '') AS expires_on,
       CASE p.status WHEN 'ACTIVE' THEN 'TRUE' ELSE 'FALSE' END AS enabled
FROM patron p LEFT JOIN card c ON c.patron_id = p.id LEFT JOIN address a ON a.patron_id = p.id
LEFT JOIN branch b ON b.id = p.branch_id
WHERE p.library_id = $1 ORDER BY p.id
"""


async def test_all_of_them_in_a_fresh_library(town, other_town, work) -> None:
    with (CONCERTO / "branches.csv").open() as file:
        codes = [row["code"] for row in csv.DictReader(file)]
    await db.rows(
        "INSERT INTO branch (library_id, code, name) SELECT $1, code, code FROM unnest($2::text[]) AS code"
        " RETURNING id",
        town.id,
        codes,
    )
    content = (CONCERTO / "patrons.csv").read_bytes()
    rows = list(csv.DictReader(content.decode().splitlines()))
    before = await contents(other_town.id)
    elsewhere = await take_in(town, content, ImportFormat.PATRONS)
    await work(town.id, elsewhere)
    assert await counted(elsewhere) == {"rows": 377, "rejected": 377}
    assert {code for _, _, code, _ in await rejections(elsewhere)} == {"OTHER_LIBRARY"}
    job_id = await take_in(town, content, ImportFormat.PATRONS, mapping=ANY_LIBRARY)
    job = await work(town.id, job_id)
    assert (job.state, job.total, job.done, job.skipped) == (JobState.COMPLETED_WITH_ISSUES, 377, 376, 1)
    assert await counted(job_id) == {"rows": 377, "created": 376, "rejected": 1}
    [(line, *why)] = await rejections(job_id)
    assert why == ["date_of_birth", "INVALID", "lies more than 130 years back"]
    assert rows.pop(line - 2)["date_of_birth"] == "1784-01-09"
    found = [dict(row) for row in await db.rows(ARRIVED, town.id)]
    assert found == [{name: row[name] for name in found[0]} for row in rows]
    again = await take_in(town, content, ImportFormat.PATRONS, mapping=ANY_LIBRARY)
    await work(town.id, again)
    assert await counted(again) == {"rows": 377, "unchanged": 376, "rejected": 1}
    assert await contents(other_town.id) == before
