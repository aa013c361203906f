"""Walk 2, purge: from `purgePatrons` to the tombstones, and back to whoever watches.

A purge takes long, so the request only writes down what is to be done; a worker does it. PostgreSQL holds the truth at
every moment, Valkey only rings a bell. Five patrons are meant here, and one of them has a book at home.
"""

from pathlib import Path

import orjson
from redis.asyncio import Redis
from tests.clients import Api
from tests.fixtures_api import working
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.settings import Settings

PURGE = """
mutation($confirm: Int, $token: String, $dry: Boolean!) {
  purgePatrons(input: {
    filter: {category: "Pupil"}, dryRun: $dry, confirmCount: $confirm, confirmationToken: $token
  }) {
    ... on PurgePreview { matched purgeable obstacles { code patrons } confirmationToken }
    ... on PurgePatronsSuccess { count job { id state total } }
    ... on Problem { code message }
  }
}
"""
FOLLOW = "subscription($id: ID!) { jobProgress(id: $id) { state total done skipped version } }"
WHY = "query($id: ID!) { job(id: $id) { items(first: 10, state: SKIPPED) { edges { node { patronId codes } } } } }"
BELL, STREAM = "patrongraph:bell", "patrongraph:progress"


async def test_purge(api: Api, town: Town, settings: Settings, worker_log: Path, valkey: Redis) -> None:
    ids = await town.patrons(5, loans=2)
    stays = ids[2]
    await town.open_loan(stays)
    await town.patrons(1, status="ACTIVE")  # in use: no purge ever means them
    token = await town.token()

    # Station 1, the dry run. It says how many are meant and what stands in the way, and does nothing. The confirmation
    # is a keyed digest of whom it is about and who asked; nothing of it is stored.
    async with nothing_changes():
        preview = (await api.data(PURGE, {"dry": True}, token))["purgePatrons"]
    confirmation = preview.pop("confirmationToken")
    assert preview == {"matched": 5, "purgeable": 4, "obstacles": [{"code": "OPEN_LOANS", "patrons": 1}]}

    # Station 2, the request. `erasure.actions.start` compares the number that the client quotes with the number of
    # now, and the confirmation with exactly these patrons; then it writes job, items and audit event in one
    # transaction. It erases nobody.
    quoted = {"dry": False, "confirm": 5, "token": confirmation}
    started = (await api.data(PURGE, quoted, token))["purgePatrons"]
    assert started == {"count": 5, "job": {"id": "job_1", "state": "QUEUED", "total": 5}}
    job = await db.row("SELECT kind, state, params, token_id, started_by_id FROM job")
    assert job is not None
    assert dict(job) == {
        "kind": "PURGE", "state": "QUEUED", "params": '{"by": ["FILTER", "CATEGORY"]}', "token_id": 1,
        "started_by_id": None,
    }  # fmt: skip
    items = await db.rows("SELECT patron_id, state FROM job_item ORDER BY id")
    assert [tuple(item) for item in items] == [(patron, "PENDING") for patron in ids]
    event = await db.row("SELECT actor_kind, actor_id, job_id, detail FROM audit_event WHERE action = 'purge.start'")
    assert event is not None
    assert (event["actor_kind"], event["actor_id"], event["job_id"]) == ("TOKEN", 1, 1)
    assert orjson.loads(event["detail"]) == {"patrons": 5, "by": ["FILTER", "CATEGORY"]}
    assert len(await town.remaining()) == 6

    # Station 3, the bell. After the commit the job's id, and nothing else, went to arq's queue. Had Valkey been away,
    # the worker would have found the row by itself some seconds later.
    assert await valkey.zcard(BELL) == 1
    [(_, told)] = await valkey.xrange(STREAM)
    assert told == {b"job": b"1", b"library": b"1", b"version": b"1"}

    # Station 4, the watcher. A subscription shows the row as it is first; nothing is missed by coming late.
    async with api.socket(token) as socket:
        events = socket.events(FOLLOW, {"id": "job_1"})
        first = (await anext(events))["data"]["jobProgress"]
        assert first == {"state": "QUEUED", "total": 5, "done": 0, "skipped": 0, "version": 1}

        # Station 5, the worker. It takes the job by a lease and goes chunk by chunk. A chunk is one transaction: lock
        # the patrons, look for obstacles, keep statistics, erase, write tombstones, settle the items, audit.
        with working(settings, worker_log):
            seen = [event["data"]["jobProgress"] async for event in events]
    assert seen[-1].items() >= {"state": "COMPLETED_WITH_ISSUES", "total": 5, "done": 4, "skipped": 1}.items()
    versions = [event["version"] for event in [first, *seen]]
    assert versions == sorted(set(versions))
    assert await valkey.zcard(BELL) == 0

    # Station 6, what is gone. Every row about the four patrons, in every table; not the book that they once had.
    gone = [patron for patron in ids if patron != stays]
    assert await town.remaining() == [stays, ids[-1] + 1]
    for table in ("card", "address", "patron_pin", "block", "loan", "ledger_entry"):
        assert await db.value(f"SELECT count(*) FROM {table} WHERE patron_id = ANY($1)", gone) == 0
        assert await db.value(f"SELECT count(*) FROM {table} WHERE patron_id = $1", stays) > 0
    assert await db.value("SELECT count(*) FROM item") == 5 * 2 + 1

    # Station 7, what is kept. A tombstone for each patron: an opaque id, when, by which job, how many rows.
    tombstones = await db.rows("SELECT patron_id, job_id, rows FROM tombstone ORDER BY patron_id")
    assert [(stone["patron_id"], stone["job_id"]) for stone in tombstones] == [(patron, 1) for patron in gone]
    counted = {"patron": 1, "card": 1, "address": 1, "patron_pin": 1, "block": 1, "loan": 2, "ledger_entry": 2}
    assert all(orjson.loads(stone["rows"]) == counted for stone in tombstones)
    # And the loans as numbers of the library, in which no patron is.
    statistics = await db.rows("SELECT checked_out_on::text, title, category, cohort_code FROM loan_statistic")
    assert sorted(map(tuple, statistics)) == sorted(
        [("2025-03-04", f"Title {n}", "Pupil", "Y9") for n in (1, 2) for _ in gone]
    )

    # Station 8, who says so. Each chunk left an audit event with counts and codes; the item of whoever was skipped
    # says why, to staff as well.
    chunks = await db.rows("SELECT actor_kind, detail FROM audit_event WHERE action = 'purge.chunk'")
    details = [orjson.loads(chunk["detail"]) for chunk in chunks]
    assert {chunk["actor_kind"] for chunk in chunks} == {"TOKEN"}
    assert sum(detail["patrons"] for detail in details) == 4
    assert sum(detail.get("reasons", {}).get("OPEN_LOANS", 0) for detail in details) == 1
    items = await db.rows("SELECT patron_id, state, codes FROM job_item ORDER BY id")
    assert [tuple(item) for item in items] == [
        (patron, "SKIPPED", ["OPEN_LOANS"]) if patron == stays else (patron, "DONE", []) for patron in ids
    ]
    why = await api.data(WHY, {"id": "job_1"}, token)
    assert why["job"]["items"]["edges"] == [{"node": {"patronId": f"pat_{stays}", "codes": ["OPEN_LOANS"]}}]

    # Station 9, the stream. What it told was ids and versions; the numbers came from the rows. It is gone in an hour.
    entries = [fields for _, fields in await valkey.xrange(STREAM)]
    assert all(set(fields) == {b"job", b"library", b"version"} for fields in entries)
    assert int(entries[-1][b"version"]) == seen[-1]["version"]
    assert 0 < await valkey.ttl(STREAM) <= 3600
    assert "example.org" not in worker_log.read_text()
