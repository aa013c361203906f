"""Each awkward file of the folder goes through the job: its report is the one beside it, and no row is ever lost."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.imports.files import COUNTERS, REPORT, counted, rejections, take_in
from tests.imports.test_read_files import END, FILES, NAMES

from patrongraph import db
from patrongraph.imports.models import ImportFormat
from patrongraph.problems import Refused

EXPECTED: dict[str, Any] = json.loads((Path(__file__).parent / "reports.json").read_text(encoding="utf-8"))
READ = {name: json.loads((FILES / f"{name}{END}").read_text(encoding="utf-8")) for name in NAMES}
WITH_ROWS = [name for name in NAMES if READ[name].get("rows")]

# A branch that files name (the town has the other, MAIN), and the patron whom some of them are about.
PLACES = """
WITH places AS (INSERT INTO branch (library_id, code, name) SELECT $1, code, code FROM unnest($2::text[]) AS code)
INSERT INTO patron (library_id, first_name, last_name, username, status) VALUES ($1, 'Anna', 'Ek', 'anna', 'ACTIVE')
"""


async def report_of(town: Any, work: Any, name: str, content: bytes, **more: Any) -> dict[str, Any]:
    """Take a file in, apply it, and return what is told of it."""
    read = READ[name]
    job_id = await take_in(town, content, ImportFormat(read["format"]), mapping=read.get("mapping"), **more)
    job = await work(town.id, job_id)
    found = await db.row(REPORT, job_id)
    accepted = sum(found[each] for each in COUNTERS[1:-1])
    assert accepted + found["rejected"] == found["rows"] == job.total - found["missing"]
    told = await rejections(job_id)
    assert len(told) == found["rejected"]
    return {"counted": await counted(job_id), "rejections": [list(each) for each in told]}


@pytest.mark.parametrize("name", WITH_ROWS)
async def test_report(name: str, town: Any, work: Any) -> None:
    await db.rows(PLACES, town.id, ["BR1"])
    content = (FILES / name).read_bytes()
    shown = await report_of(town, work, name, content, dry_run=True)
    assert await db.value("SELECT count(*) FROM patron") == 1
    found = await report_of(town, work, name, content)
    assert shown == found
    assert found["counted"]["rows"] == len(READ[name]["rows"])
    unread = {row["line"] for row in READ[name]["rows"] if "wrong" in row}
    assert unread == {line for line, _, code, _ in found["rejections"] if code == "UNREADABLE"}
    assert found == EXPECTED[name]


def test_every_file_has_its_report() -> None:
    assert sorted(EXPECTED) == WITH_ROWS
    assert len(WITH_ROWS) >= 60


def damaged(chance: Random, content: bytes) -> bytes:
    """Return the file with some of its bytes cut out, doubled, or replaced."""
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(content) + 1)
        end = min(len(content), start + chance.randint(0, 12))
        piece = chance.choice([b"", content[start:end] * 2, bytes(chance.choices(b'",;\n\r\x00\xff\xe5{}[]:t1', k=3))])
        content = content[:start] + piece + content[end:]
    return content


@pytest.mark.parametrize("seed", range(30))
async def test_a_damaged_file_is_refused_or_loses_no_row(seed: int, town: Any, work: Any) -> None:
    chance = Random(seed)  # noqa: S311 - damage, the same each time
    name = chance.choice(WITH_ROWS)
    content = damaged(chance, (FILES / name).read_bytes())
    refusal = None
    try:
        await report_of(town, work, name, content)
    except Refused as refused:
        refusal = refused.problem.code
    jobs = await db.value("SELECT count(*) FROM job")
    assert (refusal, jobs) in [(None, 1), ("FILE_REFUSED", 0)]
