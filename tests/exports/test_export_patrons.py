"""A library-wide export: one document a line, only this library's, followed, stopped, killed and done again."""

import asyncio
import contextvars
import hashlib
import os
import signal
import sys
from datetime import UTC, date, datetime, timedelta

import orjson
import pytest
from tests.clients import why
from tests.exported import content_of

from patrongraph.context import Actor, ActorKind
from patrongraph.exports import runs
from patrongraph.exports.actions import start_patron_export, start_patrons_export, sweep
from patrongraph.jobs import actions as jobs
from patrongraph.patrons.filters import PatronCriteria
from patrongraph.problems import ProblemCode, Refused

EXPORT = "SELECT * FROM data_export WHERE job_id = $1"
JOB = "SELECT * FROM job WHERE id = $1"

# Enough lines for a stream that lasts.
CROWD = """
INSERT INTO patron (library_id, first_name, last_name, notes, registered_at, status_changed_at, updated_at)
SELECT $1, 'Number ' || n, 'Crowd', repeat('x', 1000), now(), now(), now() FROM generate_series(1, $2) AS n
RETURNING id
"""

# One worker's job in a process of its own.
WORKER = """
import asyncio, sys
from patrongraph import db
from patrongraph.exports.actions import run_patrons_export
from patrongraph.jobs import leases
from patrongraph.jobs.models import JobKind
from patrongraph.settings import get_settings

async def main():
    await db.open_pools(get_settings())
    [(lease, _)] = await leases.claim("doomed", 600, [JobKind.EXPORT_PATRONS], 1, int(sys.argv[1]))
    await run_patrons_export(lease)

asyncio.run(main())
"""


async def names(path):
    return [orjson.loads(line)["identity"]["firstName"] for line in (await content_of(path.name)).splitlines()]


async def test_every_line_is_one_patrons_document(database, north, south, ada, patron, work, stored):
    await patron(south, "SOUTHERN")
    job_id = await start_patrons_export(north.operator)
    await work(job_id)
    [path] = stored()
    data = await content_of(path.name)
    lines = [orjson.loads(line) for line in data.splitlines()]
    assert [line["identity"]["firstName"] for line in lines] == ["Ada", "MATEFIRST"]
    assert {line["library"]["code"] for line in lines} == {"NORTH"}
    assert b"SOUTHERN" not in data
    assert b"CANARY" not in data

    one = await start_patron_export(north.operator, ada.id)
    await work(one)
    [alone] = [found for found in stored() if found != path]
    single = orjson.loads(await content_of(alone.name))
    for document in (single, lines[0]):
        del document["exportedAt"], document["exports"]
    assert single == lines[0]

    export = await database.row(EXPORT, job_id)
    assert (export["state"], export["format"], export["patron_id"], export["size"]) == (
        "READY", "NDJSON", None, len(data),
    )  # fmt: skip
    assert export["sha256"] == hashlib.sha256(data).hexdigest()
    job = await database.row(JOB, job_id)
    assert (job["state"], job["done"], job["total"]) == ("SUCCEEDED", 2, 2)


async def test_control_characters_and_the_copy_marks_survive(database, north, patron, work, stored):
    strange = "\x01\x02\r\n\t\\.\"'\u2028,x"
    await patron(north, strange, "\\.", notes="\\N")
    await work(await start_patrons_export(north.operator))
    [path] = stored()
    [line] = (await content_of(path.name)).split(b"\n")[:-1]
    document = orjson.loads(line)
    assert (document["identity"]["firstName"], document["identity"]["lastName"]) == (strange, "\\.")
    assert document["notes"] == "\\N"


async def test_filters_choose(database, north, patron, work, stored):
    await patron(
        north,
        "A",
        status="ACTIVE",
        category="Adult",
        expires_on=date(2025, 1, 1),
        last_activity_at=datetime(2026, 3, 9, tzinfo=UTC),
    )
    await patron(north, "B", status="INACTIVE", category="Adult", branch_id=north.branch)
    await patron(
        north,
        "C",
        status="INACTIVE",
        category="It's $1",
        cohort_id=north.cohort,
        last_activity_at=datetime(2026, 3, 1, tzinfo=UTC),
    )
    seen = set()
    for chosen, expected in [
        (PatronCriteria(status="INACTIVE"), ["B", "C"]),
        (PatronCriteria(expired_before=date(2026, 1, 1)), ["A"]),
        (PatronCriteria(inactive_since=datetime(2026, 3, 1, 12, tzinfo=UTC)), ["B", "C"]),
        (PatronCriteria(last_activity_before=datetime(2026, 3, 1, 12, tzinfo=UTC)), ["B", "C"]),
        (PatronCriteria(category="Adult"), ["A", "B"]),
        (PatronCriteria(category="It's $1"), ["C"]),
        (PatronCriteria(branch_id=north.branch), ["B"]),
        (PatronCriteria(cohort_id=north.cohort), ["C"]),
        (PatronCriteria(status="INACTIVE", category="Adult", branch_id=north.branch), ["B"]),
    ]:
        job_id = await start_patrons_export(north.operator, chosen)
        assert (await database.row(JOB, job_id))["total"] == len(expected)
        await work(job_id)
        [path] = set(stored()) - seen
        seen.add(path)
        assert await names(path) == expected


async def test_a_filter_that_is_wrong_or_matches_nobody_starts_nothing(database, north, south, patron):
    await patron(north, "A")
    for chosen, code, reasons in [
        (PatronCriteria(status="GONE"), ProblemCode.INVALID_INPUT, ["UNKNOWN"]),
        (PatronCriteria(branch_id=south.branch), ProblemCode.INVALID_INPUT, ["UNKNOWN"]),
        (PatronCriteria(cohort_id=south.cohort), ProblemCode.INVALID_INPUT, ["UNKNOWN"]),
        (PatronCriteria(search="Lovelace"), ProblemCode.INVALID_INPUT, ["NOT_ALLOWED"]),
        (PatronCriteria(category="\x00"), ProblemCode.INVALID_INPUT, ["NOT_PRINTABLE"]),
        (PatronCriteria(category="nobody's"), ProblemCode.NOTHING_MATCHES, None),
    ]:
        with pytest.raises(Refused) as refused:
            await start_patrons_export(north.operator, chosen)
        assert refused.value.problem.code is code
        assert reasons is None or why(refused.value.problem) == [(each, None) for each in reasons]
    for table in ("job", "data_export", "audit_event"):
        assert await database.value(f"SELECT count(*) FROM {table}") == 0


async def test_progress_is_told_while_it_streams_and_a_cancel_ends_it(database, north, take, stored, monkeypatch):
    """Every report is awaited by the stream, so that what is told does not depend on the machine's speed."""
    await database.rows(CROWD, north.id, 3000)
    job_id = await start_patrons_export(north.operator)
    lease = await take(job_id)
    monkeypatch.setattr(runs, "PROGRESS_SECONDS", 0.001)
    done = 0
    stream = runs.document.stream_documents

    async def slow(connection, sink, where, *args):
        async def wait_then_write(data):
            nonlocal done
            await sink(data)
            while done == 0:
                done = await database.read_pool().fetchval("SELECT done FROM job WHERE id = $1", job_id)
            if done > 0:
                await asyncio.create_task(cancel(), context=outside)

        await stream(connection, wait_then_write, where, *args)

    async def cancel():
        moved = await jobs.cancel(north.operator, job_id)
        if moved.changed:
            assert len(stored()) == 1
        await asyncio.sleep(0.05)

    outside = contextvars.copy_context()
    monkeypatch.setattr(runs.document, "stream_documents", slow)
    await runs.run_patrons_export(lease)
    assert 0 < done < 3000
    assert stored() == []
    export = await database.row(EXPORT, job_id)
    assert (export["state"], export["path"], export["size"]) == ("CANCELLED", None, None)
    assert (await database.row(JOB, job_id))["state"] == "CANCELLED"


async def test_a_worker_that_shuts_down_gives_the_job_back_unfinished(database, north, take, work, stored, monkeypatch):
    await database.rows(CROWD, north.id, 3000)
    job_id = await start_patrons_export(north.operator)
    lease = await take(job_id)
    lease.stopping.set()
    monkeypatch.setattr(runs, "PROGRESS_SECONDS", 0.001)
    await runs.run_patrons_export(lease)
    job = await database.row(JOB, job_id)
    assert (job["state"], stored()) == ("QUEUED" if job["started_at"] is None else "RUNNING", [])
    lease.stopping.clear()
    await database.rows("UPDATE job SET lease_owner = NULL, lease_until = NULL WHERE id = $1", job_id)
    await work(job_id)
    assert [len(await names(path)) for path in stored()] == [3000]


async def test_who_loses_the_permission_while_it_streams_gets_no_file(database, north, take, add, stored, monkeypatch):
    await database.rows(CROWD, north.id, 3000)
    role = await add("role", library_id=north.id, name="Data", permissions=["PATRONS_DOWNLOAD_DATA"])
    await add("staff_role", staff_user_id=north.staff, role_id=role)
    session = await add(
        "session", staff_user_id=north.staff, library_id=north.id, token_sha256="0" * 64,
        expires_at=datetime.now(UTC) + timedelta(hours=1), reauthenticated_at=datetime.now(UTC),
    )  # fmt: skip
    job_id = await start_patrons_export(Actor(ActorKind.STAFF, north.staff, north.id, session_id=session))
    lease = await take(job_id)
    stream = runs.document.stream_documents

    async def revoke_then_stream(connection, sink, where, *args):
        await database.read_pool().fetch("UPDATE role SET permissions = '{}'")

        async def slow(data):
            await asyncio.sleep(0.02)
            await sink(data)

        await stream(connection, slow, where, *args)

    monkeypatch.setattr(runs, "PROGRESS_SECONDS", 0.001)
    monkeypatch.setattr(runs.document, "stream_documents", revoke_then_stream)
    await runs.run_patrons_export(lease)
    job = await database.row(JOB, job_id)
    assert job["state"] == "FAILED"
    assert "no longer allowed" in job["error"]
    assert (await database.row(EXPORT, job_id))["state"] == "FAILED"
    assert stored() == []


async def test_a_worker_killed_while_it_writes_leaves_nothing_to_fetch_and_the_next_one_finishes(
    database, north, settings, work, stored
):
    await database.rows(CROWD, north.id, 30_000)
    job_id = await start_patrons_export(north.operator)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WORKER, str(job_id), env=os.environ | settings.as_environment()
    )
    async with asyncio.timeout(60):
        while not any(path.stat().st_size > 100_000 for path in stored()):
            await asyncio.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL

    [left] = stored()
    assert left.name.endswith(".part")
    export = await database.row(EXPORT, job_id)
    assert (export["state"], export["sha256"], export["size"]) == ("RUNNING", None, None)
    assert await sweep() == 0  # it may belong to a run that lives

    await database.rows("UPDATE job SET lease_until = now() - interval '1 second' WHERE id = $1", job_id)
    await work(job_id)
    [path] = stored()
    assert path != left
    assert len(await names(path)) == 30_000
    export = await database.row(EXPORT, job_id)
    assert (export["state"], export["path"]) == ("READY", path.name)
