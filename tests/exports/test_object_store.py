"""Export files in an object store, over the real S3 protocol: whole or not there, and nothing lost while it is away."""

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from tests import processes
from tests.clients import Api
from tests.exported import add_export, content_of
from tests.exports.s3 import S3, in_bucket, s3_server
from tests.fixtures_api import QUICK, wait_until_ready, working
from tests.town import Town, nothing_changes, wait_until

from patrongraph import db, personal_data
from patrongraph.exports import bucket
from patrongraph.exports.actions import create_link, expire_due, start_patron_export, start_patrons_export, sweep
from patrongraph.settings import Settings, use_settings
from patrongraph.staff.identify import identify

BIG = b"".join(b"%063d\n" % number for number in range(20 * 1024 * 1024 // 64))  # three parts of an upload

# Enough lines for several parts of an upload.
CROWD = """
INSERT INTO patron (library_id, first_name, last_name, notes, registered_at, status_changed_at, updated_at)
SELECT $1, 'Number ' || n, 'Crowd', repeat('x', 9000), now(), now(), now() FROM generate_series(1, $2) AS n
RETURNING id
"""


@pytest.fixture(scope="module")
def s3(settings: Settings) -> Iterator[S3]:
    with s3_server() as server:
        yield server


@pytest.fixture
def stored(s3: S3, database: object, settings: Settings) -> Iterator[S3]:
    """The bucket, empty, as this process's store."""
    s3.empty()
    use_settings(in_bucket(settings))
    yield s3
    use_settings(settings)


@pytest.fixture(scope="module")
def bucket_api(s3: S3, settings: Settings) -> Iterator[str]:
    """An API whose files lie in the bucket."""
    log = settings.data_dir.parent / "bucket-api.log"
    with socket.socket() as bound, log.open("wb") as out:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        fd, to, environment = bound.fileno(), out.fileno(), os.environ | in_bucket(settings).as_environment()
        process = processes.start("serve", "--socket-fd", str(fd), env=environment, pass_fds=[fd], stdout=to, stderr=to)
        try:
            wait_until_ready(url, process, log)
            yield url
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def api(bucket_api: str, stored: S3) -> Api:
    return Api(bucket_api)


async def get(api: Api, link: str, token: str):
    async with api.client() as client:
        return await client.get(f"/exports/{link}", headers=api.headers(token))


async def link_of(token: str, export: int) -> str:
    return (await create_link(await identify(session_token=None, authorization=f"Bearer {token}"), export)).token


async def test_a_file_of_several_parts_goes_in_and_comes_out(api: Api, town: Town, stored: S3, settings) -> None:
    export = await add_export(town.id, BIG)
    [name] = stored.names()
    assert name == await db.value("SELECT path FROM data_export")
    assert not settings.exports_dir.exists()
    assert len(BIG) > 2 * bucket.PART_BYTES
    head = stored.client.head_object(Bucket="exports", Key=f"north/files/{name}")
    assert head["ETag"].endswith('-3"')  # S3's mark of an upload in three parts
    assert BIG[:64] not in stored.content(name)
    token = await town.token()
    answer = await get(api, await link_of(token, export), token)
    assert (answer.status_code, answer.content == BIG) == (200, True)


async def test_a_worker_writes_there_and_the_command_reads_it(api: Api, town: Town, stored: S3, settings, tmp_path):
    await town.patrons(3)
    log = settings.data_dir.parent / "bucket-worker.log"
    output = tmp_path / "all.ndjson"
    with working(in_bucket(settings), log):
        command = ["export", "NORTH", "--all", "--output", str(output)]
        environment = os.environ | in_bucket(settings).as_environment()
        done = await asyncio.to_thread(processes.run, *command, env=environment)
    assert done.returncode == 0, done.stderr
    assert [orjson.loads(line)["identity"]["firstName"] for line in output.read_bytes().splitlines()] == [
        "First1", "First2", "First3",
    ]  # fmt: skip
    [name] = stored.names()
    assert output.read_bytes() == await content_of(name)


async def test_an_upload_that_breaks_off_leaves_nothing(town: Town, stored: S3) -> None:
    from patrongraph.exports import files

    writer = files.ExportWriter(1, files.new_name(1))

    async def write_and_break_off() -> None:
        async with writer:
            await writer.write(BIG)
            assert await wait_until(lambda: asyncio.to_thread(stored.uploads))
            raise RuntimeError("breaks off")

    with pytest.raises(RuntimeError, match="breaks off"):
        await write_and_break_off()
    assert (stored.names(), stored.uploads()) == ([], [])
    # Nor one that was finished, when what comes after it fails.
    finished = await files.store().create(files.new_name(1))
    await finished.write(b"x")
    await finished.finish()
    assert len(stored.names()) == 1
    await finished.abort()
    assert stored.names() == []


async def test_a_worker_killed_while_it_uploads_leaves_nothing_to_fetch_and_the_next_one_finishes(
    town: Town, stored: S3, settings: Settings
) -> None:
    await db.rows(CROWD, town.id, 6000)
    job = await start_patrons_export(town.system)
    quick = in_bucket(settings).model_copy(update=QUICK)
    log = settings.data_dir.parent / "killed-worker.log"
    with log.open("wb") as out:
        environment = os.environ | quick.as_environment()
        process = processes.start("worker", env=environment, stdout=out.fileno(), stderr=out.fileno())
    try:
        await wait_until(lambda: asyncio.to_thread(stored.uploads))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert stored.names() == []
    [row] = await db.rows("SELECT id, state, path, sealed_key FROM data_export")
    assert (row["state"], row["sealed_key"]) == ("RUNNING", None)
    with working(in_bucket(settings), log):

        async def ended() -> bool:
            return await db.value("SELECT state FROM job WHERE id = $1", job) == "SUCCEEDED"

        await wait_until(ended)
    [name] = stored.names()
    assert name != row["path"]
    assert (await content_of(name)).count(b"\n") == 6000


async def test_while_the_store_is_away_a_link_waits(api: Api, town: Town, stored: S3) -> None:
    token = await town.token()
    export = await add_export(town.id, b"content")
    link = await link_of(token, export)
    with stored.away():
        async with nothing_changes():
            answer = await get(api, link, token)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    [error] = answer.json()["errors"]
    assert error["extensions"] == {"code": "UNAVAILABLE"}
    assert "the link still works" in error["message"]
    answer = await get(api, link, token)
    assert (answer.status_code, answer.content) == (200, b"content")


async def test_a_purge_goes_on_while_the_store_is_away_and_the_file_goes_later(town: Town, stored: S3) -> None:
    [gone, stays] = await town.patrons(2)
    await add_export(town.id, b"gone", patron=gone)
    kept = await add_export(town.id, b"stays", patron=stays)
    over = await add_export(town.id, b"over", patron=stays, minutes=0)
    with stored.away():
        async with db.transaction():
            for _, statement in personal_data.erasure_statements():
                await db.rows(statement, [gone])
        assert await expire_due() == 1
    # All files are still there, and two can be read by nobody: their keys are gone.
    assert len(stored.names()) == 3
    keys = "SELECT id FROM data_export WHERE sealed_key IS NOT NULL"
    assert [row["id"] for row in await db.rows(keys)] == [kept]
    assert await db.value("SELECT state FROM data_export WHERE id = $1", over) == "EXPIRED"
    await expire_due()
    assert stored.names() == [await db.value("SELECT path FROM data_export WHERE id = $1", kept)]


async def test_the_sweep_looks_at_page_after_page_and_leaves_other_objects_alone(
    town: Town, stored: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "LIST_NAMES", 3)
    await add_export(town.id, b"kept")
    [kept] = stored.names()
    for number in range(10):
        stored.put(f"north/files/export-9-{number:032x}.sealed")
    others = ["north/files/README", f"north/export-9-{0:032x}.sealed", f"export-9-{0:032x}.sealed"]
    for other in others:
        stored.put(other)
    assert await sweep() == 10
    assert sorted(stored.names()) == sorted([kept, "README", *others[1:]])


async def test_a_store_that_is_away_fails_the_export_in_words(town: Town, stored: S3, work) -> None:
    [patron] = await town.patrons(1)
    job = await start_patron_export(town.system, patron)
    with stored.away():
        await work(job)
    found = await db.row("SELECT state, error FROM job WHERE id = $1", job)
    assert found["state"] == "FAILED"
    assert found["error"].startswith("The export file could not be written: the object store does not answer as it")
    assert "127.0.0.1" not in found["error"]
    assert stored.names() == []


async def test_doctor_tries_the_store(town: Town, stored: S3, settings: Settings, run_cli) -> None:
    where = in_bucket(settings).export_store
    done = await asyncio.to_thread(run_cli, "doctor", PATRONGRAPH_EXPORT_STORE=where)
    assert f"ok    export store: {where} can be written, read and deleted from" in done.stdout
    assert stored.names() == []
    nowhere = "s3://nowhere/files"
    done = await asyncio.to_thread(run_cli, "doctor", PATRONGRAPH_EXPORT_STORE=nowhere)
    assert f"wrong export store: {nowhere}: the object store " in done.stdout
    assert done.returncode == 1
    done = await asyncio.to_thread(run_cli, "doctor", PATRONGRAPH_EXPORT_STORE="ftp://elsewhere")
    assert "PATRONGRAPH_EXPORT_STORE" in done.stderr


async def test_doctor_tries_the_folder(town: Town, settings: Settings, run_cli) -> None:
    done = await asyncio.to_thread(run_cli, "doctor")
    assert f"ok    export store: {settings.exports_dir} can be written, read and deleted from" in done.stdout
    assert list(Path(settings.exports_dir).iterdir()) == []
