"""`patrongraph tombstones replay` after a real restore: a copy of the whole database, made before the purges.

The checker is plain SQL: what it saw after the purges it must see again after restore and replay.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import orjson
import pytest
import pytest_asyncio
from tests.erasure.conftest import working
from tests.erasure.test_certificate import delete
from tests.town import Town, make_town, nothing_changes, wait_until

from patrongraph import db
from patrongraph.erasure import actions, replay, tombstones
from patrongraph.jobs.queries import progress
from patrongraph.settings import Settings, use_settings
from patrongraph.workers.housekeeping import tidy

# Who is there, and how many rows each table has of whom.
LEFT = """
SELECT 'patron' AS name, patron.id, 1 AS n FROM patron
UNION ALL SELECT 'loan', patron_id, count(*) FROM loan GROUP BY patron_id
UNION ALL SELECT 'ledger_entry', patron_id, count(*) FROM ledger_entry GROUP BY patron_id
UNION ALL SELECT 'reservation', patron_id, count(*) FROM reservation GROUP BY patron_id
UNION ALL SELECT 'address', patron_id, count(*) FROM address GROUP BY patron_id
UNION ALL SELECT 'card', patron_id, count(*) FROM card GROUP BY patron_id
UNION ALL SELECT 'block', patron_id, count(*) FROM block GROUP BY patron_id
UNION ALL SELECT 'patron_pin', patron_id, 1 FROM patron_pin
UNION ALL SELECT 'group_membership', patron_id, count(*) FROM group_membership GROUP BY patron_id
UNION ALL SELECT 'patron_group', id, 1 FROM patron_group
UNION ALL SELECT 'on loan', id, 1 FROM item WHERE status = 'ON_LOAN'
ORDER BY 1, 2
"""
# A loan that was open when the backup was made has lost the day of its return, and nothing else.
STATISTICS = """
SELECT checked_out_on, CASE WHEN title <> 'Open' THEN returned_on END AS returned_on, item_id, title, cohort_code, lost
FROM loan_statistic ORDER BY item_id, checked_out_on
"""
STONES = "SELECT library_id, patron_id, patron_key FROM tombstone ORDER BY patron_id"


@dataclass
class Place:
    """A database of its own that can be backed up and put back."""

    settings: Settings
    server: Any
    name: str

    async def copy(self, made: str, of: str) -> None:
        await db.close_pools()
        await self.server.execute(f"DROP DATABASE IF EXISTS {made} WITH (FORCE)")
        await self.server.execute(f"CREATE DATABASE {made} TEMPLATE {of} STRATEGY FILE_COPY")
        await db.open_pools(self.settings)

    async def back_up(self) -> None:
        await self.copy(f"{self.name}_backup", self.name)

    async def restore(self) -> None:
        await self.copy(self.name, f"{self.name}_backup")

    async def purge(self, town: Town, ids: list[int]) -> int:
        started = await actions.start(town.system, patron_ids=ids)
        assert isinstance(started, actions.PurgeStarted)

        async def ended() -> bool:
            found = await progress(town.id, started.job_id)
            return found is not None and found.finished and found.done == len(ids)

        async with working(self.settings):
            await wait_until(ended)
        return started.job_id


@pytest_asyncio.fixture
async def place(settings: Settings, worker_number: int, database: Any) -> AsyncIterator[Place]:
    name, url = f"replay_{worker_number}", urlsplit(settings.database_url)
    changed = settings.model_copy(
        update={"database_url": url._replace(path=f"/{name}").geturl(), "job_poll_seconds": 0.1, "chunk_loans": 100}
    )
    use_settings(changed)
    place = Place(changed, await asyncpg.connect(url._replace(path="/postgres").geturl()), name)
    await place.copy(name, "test_template")
    yield place
    await db.close_pools()
    for made in (name, f"{name}_backup"):
        await place.server.execute(f"DROP DATABASE IF EXISTS {made} WITH (FORCE)")
    await place.server.close()
    use_settings(settings)


@pytest.fixture
def cli(place: Place, run_cli: Any) -> Any:
    async def replay_from_the_command_line(*words: str) -> Any:
        url = {"PATRONGRAPH_DATABASE_URL": place.settings.database_url}
        done = await asyncio.to_thread(run_cli, "tombstones", "replay", *words, **url)
        assert done.returncode == 0, done.stderr
        return orjson.loads(done.stdout) if "--json" in words else done.stdout

    return replay_from_the_command_line


async def seen(sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in await db.rows(sql)]


async def test_a_restored_backup_is_erased_again(place: Place, cli: Any) -> None:
    town = await make_town("NORTH")
    ids = await town.patrons(10, loans=3)
    lends, owes, active, protected, grouped, plain, single = ids[:7]
    loan = await town.open_loan(lends)
    debt = await town.charge(owes, "2.50")
    await town.open_reservation(owes)
    await town.group(grouped)
    await db.rows("UPDATE patron SET status = 'ACTIVE' WHERE id = $1 RETURNING id", active)
    await db.rows("UPDATE patron SET protected = true WHERE id = $1 RETURNING id", protected)
    await place.back_up()

    # Afterwards whatever stood in the way is settled, three patrons are new, and nearly all of these are erased.
    await db.rows("UPDATE loan SET returned_at = now() WHERE id = $1", loan)
    await db.rows("UPDATE item SET status = 'AVAILABLE' WHERE status = 'ON_LOAN'")
    await db.rows("UPDATE ledger_entry SET outstanding = 0 WHERE id = $1", debt)
    await db.rows("UPDATE reservation SET state = 'CANCELLED'")
    await db.rows("UPDATE patron SET status = 'INACTIVE', protected = false")
    late = await town.patrons(3)
    await place.purge(town, [lends, owes, active, protected, grouped, plain, *late[:2]])
    await delete(town, single)
    await tidy()
    left, statistics, stones = await seen(LEFT), await seen(STATISTICS), await seen(STONES)
    assert len(statistics) == 7 * 3 + 1

    await place.restore()
    assert await town.remaining() == ids
    [reused] = await town.patrons(1)
    assert reused == late[0]
    # The others are told by the file of the settings; a second file says the same again.
    kept = place.settings.data_dir / "tombstones.ndjson"
    expected = {
        "files": [str(kept)], "tombstones": 9, "toErase": 7,
        "obstacles": {"DEBTS": 1, "NOT_INACTIVE": 1, "OPEN_LOANS": 1, "OPEN_RESERVATIONS": 1, "PROTECTED": 1},
        "toPutBack": 1, "otherKey": [f"pat_{reused}"], "withoutKey": [], "unreadable": [],
    }  # fmt: skip
    async with nothing_changes():
        assert await cli("--json") == expected | {"done": None}
        assert "Nothing was changed. Say --yes to do it.\n" in await cli()

    answer = await cli("--yes", "--json", str(kept), str(kept))
    [job] = await db.rows("SELECT id, kind, state, total, done FROM job")
    assert tuple(job)[1:] == ("PURGE", "SUCCEEDED", 7, 7)
    assert answer == expected | {"files": [str(kept)] * 2, "tombstones": 18} | {
        "done": {"erased": 7, "statistics": 22, "loansEnded": 1, "putBack": 1, "jobs": [f"job_{job['id']}"]}
    }  # fmt: skip
    # The third of the new patrons is lost with the restore; whoever took the id of the first is still there.
    assert await town.remaining() == [*ids[7:], reused]
    gone = [row for row in await seen(LEFT) if row[1] != reused or row[0] in ("patron_group", "on loan")]
    assert gone == [row for row in left if row[1] not in late or row[0] in ("patron_group", "on loan")]
    assert await seen(STATISTICS) == statistics
    assert await seen(STONES) == [stone for stone in stones if stone[1] != reused]
    sums = await db.row("SELECT job_id, patrons, statistics, rows FROM job_erasure")
    assert sums is not None
    assert (sums["job_id"], sums["patrons"], sums["statistics"]) == (job["id"], 7, 22)
    assert orjson.loads(sums["rows"])["patron"] == 7
    events = await seen("SELECT action, actor_kind, job_id FROM audit_event ORDER BY id")
    assert events == [("purge.replay", "SYSTEM", job["id"]), ("tombstones.put_back", "SYSTEM", None)]

    # New numbers are beyond every one that a tombstone names, and once more there is nothing to do.
    assert await town.patrons(1) == [late[1] + 1]
    async with nothing_changes():
        again = await cli("--yes", "--json")
    assert (again["toErase"], again["toPutBack"], again["done"]["erased"]) == (0, 0, 0)


async def test_where_the_tombstones_are_still_there_no_statistics_are_kept_twice(place: Place, cli: Any) -> None:
    """Somebody put the patrons' tables back, and only these."""
    town = await make_town("NORTH")
    ids = await town.patrons(2, loans=2)
    patron = "SELECT to_jsonb(p) - 'sort_key' - 'search_key' FROM patron p ORDER BY id"
    saved = [orjson.loads(row[0]) for row in await seen(patron)]
    items = [row[0] for row in await seen("SELECT id FROM item ORDER BY id")]
    job = await place.purge(town, ids)
    await db.rows("UPDATE tombstone SET state = 'AT_REST_ERASED', at_rest_at = now(), copied_at = now()")
    columns = ", ".join(saved[0])
    insert = f"INSERT INTO patron ({columns}) SELECT {columns} FROM jsonb_populate_record(NULL::patron, $1::jsonb)"
    for row in saved:
        await db.rows(insert, orjson.dumps(row).decode())
        await db.rows(
            "INSERT INTO loan (library_id, patron_id, item_id, checked_out_at, due_at, returned_at)"
            " VALUES ($1, $2, $3, '2025-03-04', '2025-03-09', '2025-03-08')",
            town.id, row["id"], items[0],
        )  # fmt: skip
    stones, statistics = await seen("SELECT id, patron_id, job_id, rows FROM tombstone"), await seen(STATISTICS)
    answer = await cli("--yes", "--json")
    assert (answer["files"], answer["toErase"]) == ([], 2)
    assert (answer["done"]["erased"], answer["done"]["statistics"]) == (2, 0)
    assert await town.remaining() == []
    assert await seen(STATISTICS) == statistics
    assert await seen("SELECT id, patron_id, job_id, rows FROM tombstone") == stones
    assert {stone[2] for stone in stones} == {job}
    states = await seen("SELECT state, at_rest_at, copied_at FROM tombstone")
    assert states == [("LIVE_ERASED", None, None)] * 2
    assert await seen("SELECT job_id, patrons FROM job_erasure") == [(job, 2)]


async def test_nobody_is_erased_whom_a_tombstone_does_not_name_beyond_doubt(
    place: Place, cli: Any, tmp_path: Path
) -> None:
    town, other = await make_town("NORTH"), await make_town("SOUTH")
    other_key, no_key, other_library, right = await town.patrons(4)
    keys = dict(await seen("SELECT id, erasure_key FROM patron"))
    said = [
        (town.id, other_key, str(uuid4())), (town.id, no_key, None),
        (other.id, other_library, str(keys[other_library])),
        (town.id, right, str(keys[right])), (town.id, right, str(uuid4())), (town.id, right, None),
        (99, 500, str(uuid4())),
    ]  # fmt: skip
    file = tmp_path / "told.ndjson"
    moment = {"job": 7, "erasedAt": "2026-01-02T03:04:05+00:00", "rows": {"patron": 1}}
    told = [{"library": library, "patron": patron, "key": key} | moment for library, patron, key in said]
    file.write_bytes(b"\n".join(map(orjson.dumps, told)) + b"\ncut o")
    answer = await cli(str(file), "--yes", "--json")
    assert answer == {
        "files": [str(file)], "tombstones": 7, "toErase": 1, "obstacles": {}, "toPutBack": 1,
        "otherKey": [f"pat_{other_key}", f"pat_{other_library}"], "withoutKey": [f"pat_{no_key}"],
        "unreadable": [f"{file}, line 8: this is not a tombstone"],
        "done": {"erased": 1, "statistics": 0, "loansEnded": 0, "putBack": 0, "jobs": ["job_8"]},
    }  # fmt: skip
    assert await town.remaining() == [other_key, no_key, other_library]
    assert (await town.patrons(1))[0] == 501


async def test_a_replay_that_was_stopped_is_run_again(
    place: Place, cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = await make_town("NORTH")
    ids = await town.patrons(5, loans=1)
    await place.back_up()
    await place.purge(town, ids)
    await tombstones.copy_new(tmp_path / "some.ndjson")
    stones = await seen(STONES)
    await place.restore()
    monkeypatch.setattr(replay, "CHUNK", 2)
    told: list[int] = []

    def stop(count: int) -> None:
        told.append(count)
        if len(told) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await replay.carry_out(await replay.plan([tmp_path / "some.ndjson"]), stop)
    assert await town.remaining() == ids[4:]
    assert await seen("SELECT total, done, state FROM job") == [(4, 4, "SUCCEEDED")]
    done = await replay.carry_out(await replay.plan([tmp_path / "some.ndjson"]))
    assert (done.erased, done.statistics) == (1, 1)
    assert await seen(STONES) == stones
    assert await seen("SELECT patrons FROM job_erasure ORDER BY job_id") == [(4,), (1,)]
    assert await db.value("SELECT count(*) FROM loan_statistic") == 5
