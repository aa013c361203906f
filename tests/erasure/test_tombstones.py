"""Erasures are written down outside of the database: by the worker's housekeeping, and by `tombstones export`."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.erasure.test_certificate import delete, purge
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.erasure import tombstones
from patrongraph.settings import Settings, use_settings
from patrongraph.workers.housekeeping import tidy


def lines(file: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in file.read_bytes().splitlines()]


async def test_housekeeping_writes_each_tombstone_down(town: Town, quick: Settings, work: Any) -> None:
    ids = await town.patrons(3, loans=1)
    keys = {row["id"]: str(row["erasure_key"]) for row in await db.rows("SELECT id, erasure_key FROM patron")}
    job = await purge(town, work, ids[:2])
    file = quick.data_dir / "tombstones.ndjson"
    await tidy()
    assert file.stat().st_mode & 0o777 == 0o600
    first = lines(file)
    assert [(line["patron"], line["library"], line["job"], line["key"]) for line in first] == [
        (patron, town.id, job, keys[patron]) for patron in ids[:2]
    ]
    assert {frozenset(line) for line in first} == {frozenset({"library", "patron", "key", "job", "erasedAt", "rows"})}
    assert first[0]["rows"]["loan"] == 1
    await delete(town, ids[2])
    await tidy()
    await tidy()
    assert [(line["patron"], line["job"]) for line in lines(file)] == [(ids[0], job), (ids[1], job), (ids[2], None)]
    assert lines(file)[:2] == first


async def test_a_purge_that_is_running_leaves_nothing_out(town: Town, quick: Settings, work: Any) -> None:
    """Numbers are given out before the commit: a later one may be seen before an earlier one."""
    earlier, later = await town.patrons(2)
    file = quick.data_dir / "tombstones.ndjson"
    insert = "INSERT INTO tombstone (library_id, patron_id) VALUES ($1, $2) RETURNING id"
    begun, done = asyncio.Event(), asyncio.Event()

    async def slow() -> int:
        async with db.transaction():
            number: int = await db.value(insert, town.id, earlier)
            begun.set()
            await done.wait()
        return number

    task = asyncio.create_task(slow())
    await begun.wait()
    assert await db.value(insert, town.id, later) > 1
    assert await tombstones.copy_new(file) == 1
    done.set()
    await task
    assert await tombstones.copy_new(file) == 1
    assert [line["patron"] for line in lines(file)] == [later, earlier]


async def test_a_crash_between_the_file_and_the_commit_writes_twice(
    town: Town, quick: Settings, work: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await town.patrons(2)
    await purge(town, work, ids)
    file = quick.data_dir / "away" / "tombstones.ndjson"
    with monkeypatch.context() as broken:
        broken.setattr(tombstones, "MARK_COPIED", "SELECT 1 / 0, $1::bigint[]")
        with pytest.raises(Exception, match="division by zero"):
            await tombstones.copy_new(file)
    assert len(lines(file)) == 2
    file.write_bytes(file.read_bytes()[:-20])
    assert await tombstones.copy_new(file) == 2
    said = list(tombstones.read(file))
    assert [each.patron_id for each in said if isinstance(each, tombstones.Stone)] == [ids[0], *ids]
    assert [str(each) for each in said if isinstance(each, ValueError)] == [f"{file}, line 2: this is not a tombstone"]


async def test_a_file_that_cannot_be_written_keeps_nothing_else_from_being_done(
    town: Town, quick: Settings, work: Any
) -> None:
    await purge(town, work, await town.patrons(2))
    (quick.data_dir / "tombstones.ndjson").mkdir()
    await tidy()
    assert await db.value("SELECT count(*) FROM tombstone WHERE copied_at IS NULL") == 2
    (quick.data_dir / "tombstones.ndjson").rmdir()
    await tidy()
    assert len(lines(quick.data_dir / "tombstones.ndjson")) == 2


async def test_an_empty_setting_switches_it_off_and_a_path_is_taken(
    town: Town, quick: Settings, work: Any, tmp_path: Path
) -> None:
    await purge(town, work, await town.patrons(1))
    use_settings(quick.model_copy(update={"tombstones_file": ""}))
    await tidy()
    assert not (quick.data_dir / "tombstones.ndjson").exists()
    use_settings(quick.model_copy(update={"tombstones_file": str(tmp_path / "elsewhere.ndjson")}))
    await tidy()
    assert len(lines(tmp_path / "elsewhere.ndjson")) == 1


async def test_export_writes_all_of_every_library(
    town: Town, other_town: Town, work: Any, run_cli: Any, tmp_path: Path
) -> None:
    here, there = await town.patrons(2), await other_town.patrons(1)
    await purge(town, work, here)
    await purge(other_town, work, there)
    file = tmp_path / "all.ndjson"
    async with nothing_changes():
        done = await asyncio.to_thread(run_cli, "tombstones", "export", str(file))
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "3 tombstones\n")
        shown = await asyncio.to_thread(run_cli, "tombstones", "export", "-")
    assert shown.stdout.encode() == file.read_bytes()
    assert [(line["library"], line["patron"]) for line in lines(file)] == [
        *((town.id, patron) for patron in here), (other_town.id, there[0]),
    ]  # fmt: skip


def test_what_is_no_tombstone_is_told_with_its_line(tmp_path: Path) -> None:
    good = b'{"library":1,"patron":2,"key":null,"job":null,"erasedAt":"2026-01-02T03:04:05+00:00","rows":{"loan":1}}'
    bad = [
        b"{", b"[]", b"null", b'"x"', b"\xff", good.replace(b"2,", b'"2",'), good.replace(b"2,", b"true,"),
        good.replace(b"+00:00", b""), good.replace(b'"key":null', b'"key":"x"'), good.replace(b'"rows"', b'"row"'),
    ]  # fmt: skip
    file = tmp_path / "some.ndjson"
    file.write_bytes(b"\n".join([good, b"", *bad, good]) + b"\n")
    said = list(tombstones.read(file))
    assert [isinstance(each, tombstones.Stone) for each in said] == [True, *[False] * len(bad), True]
    assert str(said[1]) == f"{file}, line 3: this is not a tombstone"
