"""A link fetches a finished file once, for 15 minutes; files go when they expire or their patron is purged."""

import asyncio
import hashlib
import re
from datetime import timedelta

import orjson
import pytest

from patrongraph import personal_data
from patrongraph.context import ANONYMOUS, Actor, ActorKind
from patrongraph.exports import files
from patrongraph.exports.actions import (
    Download,
    create_link,
    expire_due,
    open_download,
    start_patron_export,
    start_patrons_export,
    sweep,
)
from patrongraph.exports.folder import UNFINISHED
from patrongraph.permissions import Forbidden, Permission
from patrongraph.problems import ProblemCode, Refused

LINK = "SELECT * FROM download_link WHERE token_sha256 = $1"
EXPORT = "SELECT * FROM data_export WHERE id = $1"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
LATEST = "SELECT max(id) FROM data_export"


@pytest.fixture
def ready(database, work):
    """A finished export of one patron; its id."""

    async def make(town, who) -> int:
        await work(await start_patron_export(town.operator, who))
        return await database.value(LATEST)

    return make


async def read(download: Download) -> bytes:
    return b"".join([piece async for piece in download.pieces()])


async def fetch(token: str, actor: Actor) -> bytes:
    return await read(await open_download(token, actor))


async def link_token(actor: Actor, export_id: int) -> str:
    return (await create_link(actor, export_id)).token


async def refused_code(awaitable) -> ProblemCode:
    with pytest.raises(Refused) as refused:
        await awaitable
    return refused.value.problem.code


async def test_a_link_works_once(database, north, ada, ready):
    export_id = await ready(north, ada.id)
    token = await link_token(north.operator, export_id)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token)

    download = await open_download(token, north.operator)
    content = await read(download)
    assert (download.size, download.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert orjson.loads(content)["identity"]["firstName"] == "Ada"
    assert download.filename == f"patrongraph-NORTH-export-{export_id}.json"
    assert await refused_code(open_download(token, north.operator)) is ProblemCode.LINK_USED
    assert (await database.row(EXPORT, export_id))["downloads"] == 1
    again = await link_token(north.operator, export_id)
    assert await read(await open_download(again, north.operator)) == content
    assert (await database.row(EXPORT, export_id))["downloads"] == 2


async def test_only_its_fingerprint_is_kept_and_it_holds_15_minutes(database, north, ada, ready):
    token = await link_token(north.operator, await ready(north, ada.id))
    link = await database.row(LINK, hashlib.sha256(token.encode()).hexdigest())
    assert link["expires_at"] - link["created_at"] == timedelta(minutes=15)
    assert (link["library_id"], link["used_at"]) == (north.id, None)
    assert await database.value("SELECT count(*) FROM audit_event WHERE detail::text LIKE '%' || $1 || '%'", token) == 0
    actions = [row["action"] for row in await database.rows("SELECT action FROM audit_event ORDER BY id")]
    assert actions[-1] == "export.link"


async def test_of_many_at_once_one_gets_the_file(database, north, ada, ready):
    export_id = await ready(north, ada.id)
    token = await link_token(north.operator, export_id)
    results = await asyncio.gather(*(fetch(token, north.operator) for _ in range(6)), return_exceptions=True)
    refused = [result for result in results if isinstance(result, Refused)]
    assert len(refused) == 5
    assert {result.problem.code for result in refused} == {ProblemCode.LINK_USED}
    assert (await database.row(EXPORT, export_id))["downloads"] == 1


async def test_an_expired_link_is_refused(database, north, ada, ready):
    export_id = await ready(north, ada.id)
    token = await link_token(north.operator, export_id)
    await database.rows("UPDATE download_link SET expires_at = now() - interval '1 second' WHERE used_at IS NULL")
    assert await refused_code(open_download(token, north.operator)) is ProblemCode.LINK_EXPIRED
    assert (await database.row(EXPORT, export_id))["downloads"] == 0
    assert (await database.row(LINK, hashlib.sha256(token.encode()).hexdigest()))["used_at"] is None


async def test_another_library_cannot_make_or_use_a_link(database, north, south, ada, ready):
    export_id = await ready(north, ada.id)
    assert await refused_code(link_token(south.operator, export_id)) is ProblemCode.NOT_FOUND
    token = await link_token(north.operator, export_id)
    assert await refused_code(open_download(token, south.operator)) is ProblemCode.NOT_FOUND
    assert (await database.row(EXPORT, export_id))["downloads"] == 0
    assert await fetch(token, north.operator)


async def test_only_whoever_made_the_link_may_use_it_and_is_told_of(database, north, ada, ready):
    export_id = await ready(north, ada.id)
    allowed = frozenset({Permission.PATRONS_DOWNLOAD_DATA})
    anna = Actor(ActorKind.STAFF, north.staff, north.id, allowed)
    token = await link_token(anna, export_id)
    for other in (
        ANONYMOUS,
        north.operator,
        Actor(ActorKind.STAFF, north.staff + 1, north.id, allowed),
        Actor(ActorKind.TOKEN, north.staff, north.id, allowed),
        Actor(ActorKind.PATRON, north.staff, north.id, allowed),
    ):
        assert await refused_code(open_download(token, other)) is ProblemCode.NOT_FOUND
    with pytest.raises(Forbidden):
        await open_download(token, Actor(ActorKind.STAFF, north.staff, north.id))
    assert (await database.row(EXPORT, export_id))["downloads"] == 0
    assert await fetch(token, anna)
    told = await database.rows("SELECT actor_kind, actor_id FROM audit_event WHERE action = 'export.download'")
    assert [tuple(row) for row in told] == [("STAFF", north.staff)]


@pytest.mark.parametrize("token", ["", "x" * 43, "\x00", "\ud800", "ä"])
async def test_an_unknown_token_is_not_found(database, north, token):
    assert await refused_code(open_download(token, north.operator)) is ProblemCode.NOT_FOUND


async def test_an_export_that_is_not_ready_gives_no_link(database, north, ada):
    await start_patron_export(north.operator, ada.id)
    export_id = await database.value(LATEST)
    links = await database.value("SELECT count(*) FROM download_link")
    for state in ("REQUESTED", "RUNNING", "FAILED", "CANCELLED", "EXPIRED"):
        await database.rows("UPDATE data_export SET state = $2 WHERE id = $1", export_id, state)
        with pytest.raises(Refused) as refused:
            await link_token(north.operator, export_id)
        assert refused.value.problem.code is ProblemCode.EXPORT_NOT_READY
        assert refused.value.problem.state == state
    assert await database.value("SELECT count(*) FROM download_link") == links


async def test_an_expired_export_loses_its_file_and_its_links(database, north, ada, ready, stored):
    export_id = await ready(north, ada.id)
    kept = await ready(north, ada.mate)
    token = await link_token(north.operator, export_id)
    await database.rows("UPDATE data_export SET expires_at = now() - interval '1 second' WHERE id = $1", export_id)

    # Before housekeeping comes it is expired all the same.
    assert await refused_code(open_download(token, north.operator)) is ProblemCode.EXPORT_NOT_READY
    assert await refused_code(link_token(north.operator, export_id)) is ProblemCode.EXPORT_NOT_READY
    assert await expire_due() == 1
    assert await expire_due() == 0
    export = await database.row(EXPORT, export_id)
    assert (export["state"], export["path"], export["sealed_key"], export["key_id"]) == ("EXPIRED", None, None, None)
    assert [path.name for path in stored()] == [(await database.row(EXPORT, kept))["path"]]
    assert await refused_code(open_download(token, north.operator)) is ProblemCode.EXPORT_NOT_READY
    expired = "SELECT subject_kind, subject_id, actor_kind FROM audit_event WHERE action = 'export.expire'"
    assert [tuple(row) for row in await database.rows(expired)] == [("patron", ada.id, "SYSTEM")]


async def test_old_links_are_forgotten(database, north, ada, ready):
    await link_token(north.operator, await ready(north, ada.id))
    await database.rows("UPDATE download_link SET expires_at = now() - interval '25 hours'")
    await expire_due()
    assert await database.value("SELECT count(*) FROM download_link") == 0


async def test_a_purge_takes_rows_links_and_files(database, north, patron, add, ready, work, stored):
    gone, stays = await patron(north, "Gone"), await patron(north, "Stays")
    first, second = await ready(north, gone), await ready(north, stays)
    token = await link_token(north.operator, first)
    async with database.transaction():
        for _, statement in personal_data.erasure_statements():
            await database.rows(statement, [gone])
    # From the commit on the file cannot be had, even if nobody lives to remove it.
    assert len(stored()) == 2
    assert await refused_code(open_download(token, north.operator)) is ProblemCode.NOT_FOUND

    assert await sweep() == 1
    assert [path.name for path in stored()] == [(await database.row(EXPORT, second))["path"]]


async def test_the_sweep_removes_orphans_only(database, north, ada, ready, stored, settings):
    await ready(north, ada.id)
    [kept] = stored()
    # The last ones are what an earlier version wrote.
    orphans = [files.new_name(1), files.new_name(7) + UNFINISHED, f"patron-7-{0:032x}.json", f"patrons-{0:032x}.ndjson"]
    for name in [*orphans, "README", "patron-1-short.json"]:
        (settings.exports_dir / name).write_text("x")
    assert await sweep() == 4
    assert sorted(path.name for path in stored()) == sorted([kept.name, "README", "patron-1-short.json"])


async def test_a_link_of_a_library_wide_export(database, north, ada, work):
    await work(await start_patrons_export(north.operator))
    export_id = await database.value(LATEST)
    download = await open_download(await link_token(north.operator, export_id), north.operator)
    assert download.filename == f"patrongraph-NORTH-export-{export_id}.ndjson"
    assert (await read(download)).count(b"\n") == 2


async def test_a_link_asked_for_while_the_patron_is_purged_waits_and_finds_nothing(database, north, ada, ready):
    export_id = await ready(north, ada.id)
    held = asyncio.Event()

    async def ask() -> str:
        await held.wait()
        return await link_token(north.operator, export_id)

    # Begun outside the purge's transaction, or it would share its connection.
    linking = asyncio.create_task(ask())
    async with asyncio.timeout(30), database.transaction():
        await database.rows("SELECT id FROM patron WHERE id = $1 FOR UPDATE", ada.id)
        held.set()
        while await database.read_pool().fetchval(WAITING) == 0:
            await asyncio.sleep(0.01)
        for _, statement in personal_data.erasure_statements():
            await database.rows(statement, [ada.id])
    assert await refused_code(linking) is ProblemCode.NOT_FOUND
