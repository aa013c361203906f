"""After a restore: whoever was erased is erased again, by the same road, before anybody looks.

A file of its own beside actions.py, because nobody asks for these erasures: they were asked for, done and certified
before the restore. docs/certificates.md says why each patron is recognised by a random key and not by the id, and when
statistics are kept again.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from patrongraph import db
from patrongraph.audit.actions import record
from patrongraph.context import system_actor
from patrongraph.erasure.chunk import erase, remove_files
from patrongraph.erasure.tombstones import Stone, Unreadable, read
from patrongraph.patrons.queries import OBSTACLE_CODES, PURGE_LIBRARY

BATCH = 5_000
CHUNK = 500

# Of patron ids: who lives with that id, by what key, and whether the database itself has a tombstone of the id.
LIVING = """
SELECT asked.id, patron.erasure_key, patron.library_id, stone.id IS NOT NULL AS certified
FROM unnest($1::bigint[]) AS asked(id)
LEFT JOIN patron ON patron.id = asked.id
LEFT JOIN tombstone stone ON stone.patron_id = asked.id
"""

# Tombstones of the database whose patron lives: somebody put tables back one by one.
RISEN = """
SELECT stone.library_id, stone.patron_id, stone.patron_key, stone.job_id, stone.erased_at, stone.rows
FROM tombstone stone JOIN patron ON patron.id = stone.patron_id
ORDER BY stone.id
"""

HIGHEST = "SELECT coalesce(max(patron_id), 0) AS patron, coalesce(max(job_id), 0) AS job FROM tombstone"

# The patrons that are still the ones meant, locked in id order.
LOCK = """
SELECT patron.id FROM patron JOIN unnest($1::bigint[], $2::uuid[]) AS meant(id, key)
     ON meant.id = patron.id AND meant.key = patron.erasure_key
WHERE patron.library_id = $3
ORDER BY patron.id
FOR UPDATE OF patron
"""

# Open loans were ended before the patron was erased, at the latest then; the return itself is what the restore lost.
END_LOANS = """
WITH ended AS (
    UPDATE loan SET returned_at = greatest(loan.checked_out_at, meant.erased_at)
    FROM unnest($1::bigint[], $2::timestamptz[]) AS meant(id, erased_at)
    WHERE loan.patron_id = meant.id AND loan.returned_at IS NULL
    RETURNING loan.item_id
), back AS (
    UPDATE item SET status = 'AVAILABLE' WHERE status = 'ON_LOAN' AND id IN (SELECT item_id FROM ended)
    RETURNING id
)
SELECT count(*)::int FROM ended
"""

RETAIN = "SELECT retain_deleted_patron_loans FROM library WHERE id = $1"

# The replay of a library as a job that was done at once, so that it has a certificate; later chunks add to it.
BEGIN_JOB = """
INSERT INTO job (library_id, kind, state, params, itemised, total, done, skipped, failed, version, created_at,
                 started_at, finished_at)
VALUES ($1, 'PURGE', 'SUCCEEDED', '{"by": ["TOMBSTONES"]}', false, $2, $2, 0, 0, 1, now(), now(), now())
RETURNING id
"""
GO_ON_WITH_JOB = """
UPDATE job SET total = total + $2, done = done + $2, version = version + 1, finished_at = now() WHERE id = $1
RETURNING id
"""

# Tombstones that the restore has lost and whose id nobody has: the proof is put back. Their jobs may be lost too.
PUT_BACK = """
INSERT INTO tombstone (library_id, patron_id, patron_key, erased_at, rows, state)
SELECT library.id, lost.patron_id, lost.key, lost.erased_at, lost.rows::jsonb, 'LIVE_ERASED'
FROM unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::timestamptz[], $5::text[])
     AS lost(library_id, patron_id, key, erased_at, rows)
JOIN library ON library.id = lost.library_id
WHERE NOT EXISTS (SELECT FROM patron WHERE patron.id = lost.patron_id)
ON CONFLICT (patron_id) DO NOTHING
RETURNING library_id
"""

# New rows get numbers beyond every one that a tombstone names.
ADVANCE = """
SELECT setval(counter, $2) FROM (SELECT pg_get_serial_sequence($1, 'id')::regclass AS counter) AS its
WHERE coalesce(pg_sequence_last_value(counter), 0) < $2
"""


@dataclass(slots=True)
class Plan:
    """What a replay has found. Patrons by id, so that a tombstone that comes twice counts once."""

    erase: dict[int, Stone] = field(default_factory=dict)
    again: set[int] = field(default_factory=set)
    put_back: dict[int, Stone] = field(default_factory=dict)
    reused: set[int] = field(default_factory=set)
    unidentified: set[int] = field(default_factory=set)
    unreadable: list[str] = field(default_factory=list)
    obstacles: dict[str, int] = field(default_factory=dict)
    read: int = 0
    highest_patron: int = 0
    highest_job: int = 0


@dataclass(slots=True)
class Done:
    """What a replay did: patrons erased, statistics kept, loans ended, tombstones put back, its jobs by library."""

    erased: int = 0
    statistics: int = 0
    loans_ended: int = 0
    put_back: int = 0
    jobs: dict[int, int] = field(default_factory=dict)


async def plan(files: Iterable[Path]) -> Plan:
    """Read the tombstones of the database and of the files, and compare them with who lives; changes nothing.

    Raises OSError for a file that cannot be read.
    """
    found = Plan()
    highest = await db.row(HIGHEST)
    assert highest is not None  # noqa: S101 - an aggregate
    found.highest_patron, found.highest_job = highest["patron"], highest["job"]
    await _compare(found, [_stone(row) for row in await db.rows(RISEN)])
    for file in files:
        batch: list[Stone] = []
        for said in read(file):
            if isinstance(said, Unreadable):
                found.unreadable.append(str(said))
                continue
            batch.append(said)
            if len(batch) == BATCH:
                await _compare(found, batch)
                batch = []
        await _compare(found, batch)
    ids = sorted(found.erase)
    for start in range(0, len(ids), CHUNK):
        for row in await db.rows(OBSTACLE_CODES, ids[start : start + CHUNK]):
            for code in row["codes"]:
                found.obstacles[code] = found.obstacles.get(code, 0) + 1
    return found


async def _compare(found: Plan, stones: list[Stone]) -> None:
    """Sort tombstones by what is to be done about them."""
    if not stones:
        return
    found.read += len(stones)
    found.highest_patron = max(found.highest_patron, *(stone.patron_id for stone in stones))
    found.highest_job = max(found.highest_job, *(stone.job_id or 0 for stone in stones))
    rows = {row["id"]: row for row in await db.rows(LIVING, list({stone.patron_id for stone in stones}))}
    for stone in stones:
        lives = rows[stone.patron_id]
        if lives["erasure_key"] is None:
            if not lives["certified"]:
                found.put_back[stone.patron_id] = stone
        elif stone.key is None:
            found.unidentified.add(stone.patron_id)
        elif (lives["erasure_key"], lives["library_id"]) != (stone.key, stone.library_id):
            found.reused.add(stone.patron_id)
        else:
            found.erase[stone.patron_id] = stone
            if lives["certified"]:
                found.again.add(stone.patron_id)
    # An id may have been given out twice: of its tombstones one is of somebody else, one of whoever lives.
    found.unidentified -= found.erase.keys()
    found.reused -= found.erase.keys()


async def carry_out(found: Plan, tell: Callable[[int], None] = lambda count: None) -> Done:
    """Do what the plan says, in transactions of their own that may be repeated; `tell` hears of patrons erased.

    Obstacles do not stop it: the erasure was decided before. Killed anywhere, it is to be run again.
    """
    done = Done()
    async with db.transaction():
        for table, highest in (("patron", found.highest_patron), ("job", found.highest_job)):
            await db.rows(ADVANCE, table, highest)
    by_library: dict[int, list[Stone]] = {}
    for patron_id in sorted(found.erase):
        stone = found.erase[patron_id]
        by_library.setdefault(stone.library_id, []).append(stone)
    for library_id, stones in by_library.items():
        for start in range(0, len(stones), CHUNK):
            chunk = stones[start : start + CHUNK]
            files = await _erase(library_id, chunk, found.again, done)
            tell(len(chunk))
            if files:
                await remove_files(library_id=library_id)
    lost = list(found.put_back.values())
    for start in range(0, len(lost), BATCH):
        done.put_back += await _put_back(lost[start : start + BATCH])
    return done


async def _erase(library_id: int, stones: list[Stone], again: set[int], done: Done) -> int:
    """Erase one chunk of a library's patrons in one transaction; return how many files are to be removed.

    Where the database itself has the tombstone, it has the statistics too, and keeps none again. Where the restore
    took the tombstone, it took the statistics with it, and the policy applies as it did then.
    """
    erased_at = {stone.patron_id: stone.erased_at for stone in stones}
    async with db.transaction():
        await db.rows(PURGE_LIBRARY, library_id)
        keys = [stone.key for stone in stones]
        ids = [row["id"] for row in await db.rows(LOCK, [stone.patron_id for stone in stones], keys, library_id)]
        if not ids:
            return 0
        ended = await db.value(END_LOANS, ids, [erased_at[patron_id] for patron_id in ids])
        job_id = await _job(done.jobs.get(library_id), library_id, len(ids))
        files = statistics = 0
        for known in (False, True):
            some = [patron_id for patron_id in ids if (patron_id in again) is known]
            if not some:
                continue
            retain = not known and await db.value(RETAIN, library_id)
            # A tombstone that is there keeps its own job, and stays in that job's certificate.
            gone = await erase(library_id, some, retain=retain, job_id=None if known else job_id)
            subject, told = ("job", job_id), {"patrons": len(some), "again": known}
            await record(system_actor(library_id), "purge.replay", subject, job_id=job_id, **told, **gone.detail)
            files, statistics = files + gone.files, statistics + gone.statistics
    done.jobs[library_id] = job_id
    done.erased += len(ids)
    done.statistics += statistics
    done.loans_ended += ended
    return files


async def _job(job_id: int | None, library_id: int, patrons: int) -> int:
    if job_id is None:
        begun: int = await db.value(BEGIN_JOB, library_id, patrons)
        return begun
    await db.value(GO_ON_WITH_JOB, job_id, patrons)
    return job_id


async def _put_back(lost: list[Stone]) -> int:
    """Insert tombstones that the restore has lost; one whose library is lost too is left out."""
    rows = [orjson.dumps(stone.rows).decode() for stone in lost]
    async with db.transaction():
        made = await db.rows(
            PUT_BACK,
            [stone.library_id for stone in lost],
            [stone.patron_id for stone in lost],
            [stone.key for stone in lost],
            [stone.erased_at for stone in lost],
            rows,
        )
        for library_id, count in Counter(row["library_id"] for row in made).items():
            await record(system_actor(library_id), "tombstones.put_back", ("library", library_id), tombstones=count)
    return len(made)


def _stone(row: Any) -> Stone:
    rows = orjson.loads(row["rows"])
    return Stone(row["library_id"], row["patron_id"], row["patron_key"], row["job_id"], row["erased_at"], rows)
