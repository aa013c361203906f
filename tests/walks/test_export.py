"""Walk 3, export: from `exportPatronData` to a file, a link that works once, and the file's end.

All that the library holds about one patron goes into one document. Which columns those are is not decided here or
there: `personal_data` names every column of every table, and the document's SQL is made from it.
"""

import hashlib
from pathlib import Path

import orjson
from redis.asyncio import Redis
from tests.clients import Api
from tests.exported import content_of
from tests.fixtures_api import working
from tests.town import Town, wait_until

from patrongraph import db
from patrongraph.personal_data import PATRON_TABLES
from patrongraph.settings import Settings

EXPORT = """
mutation($id: ID!) { exportPatronData(input: {patronId: $id}) {
  ... on ExportStarted { job { id kind state export { id state size } } }
  ... on Problem { code message }
} }
"""
RESULT = "query($id: ID!) { job(id: $id) { state export { id state format size sha256 downloads } } }"
LINK = """
mutation($id: ID!) { createDownloadLink(input: {exportId: $id}) {
  ... on DownloadLink { url } ... on Problem { code message }
} }
"""


async def test_export(api: Api, town: Town, settings: Settings, worker_log: Path, valkey: Redis) -> None:
    who, mate = await town.patrons(2, loans=2)
    await town.group(who, mate)
    token = await town.token()

    # Station 1, the request. Job, export and audit event are written in one transaction; then the bell rings. From
    # now on a purge leaves this patron alone, with the code EXPORT_IN_PROGRESS.
    started = (await api.data(EXPORT, {"id": f"pat_{who}"}, token))["exportPatronData"]["job"]
    assert started == {
        "id": "job_1", "kind": "EXPORT_PATRON", "state": "QUEUED",
        "export": {"id": "export_1", "state": "REQUESTED", "size": None},
    }  # fmt: skip
    row = await db.row("SELECT job_id, patron_id, format, state, path FROM data_export")
    assert row is not None
    assert tuple(row) == (1, who, "JSON", "REQUESTED", None)
    assert await db.value("SELECT subject_id FROM audit_event WHERE action = 'export.request'") == who
    assert await valkey.zcard("patrongraph:bell") == 1
    obstacles = "query($id: ID!) { patron(by: {id: $id}) { obstacles(to: PURGE) { code ids } } }"
    assert await api.data(obstacles, {"id": f"pat_{who}"}, token) == {
        "patron": {"obstacles": [{"code": "EXPORT_IN_PROGRESS", "ids": ["export_1"]}]}
    }
    early = await api.data(LINK, {"id": "export_1"}, token)
    assert early["createDownloadLink"]["code"] == "EXPORT_NOT_READY"

    # Station 2, the worker. The name of the file is written to the row first, then the bytes to an unfinished file,
    # then that gets its name, and then the export is READY: whoever dies in between leaves nothing half done.
    with working(settings, worker_log):
        assert (await api.follow("job_1", token))[-1]["state"] == "SUCCEEDED"
    [file] = settings.exports_dir.iterdir()
    content = await content_of(file.name)
    assert file.name == await db.value("SELECT path FROM data_export")
    assert file.stat().st_mode & 0o777 == 0o600
    # On the disk nobody can read it: its key is in the row, wrapped by a key that the database never sees.
    assert b"First1" not in file.read_bytes()
    assert await db.value("SELECT octet_length(sealed_key) FROM data_export") == 60
    found = (await api.data(RESULT, {"id": "job_1"}, token))["job"]
    assert found == {
        "state": "SUCCEEDED",
        "export": {
            "id": "export_1", "state": "READY", "format": "JSON", "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(), "downloads": 0,
        },
    }  # fmt: skip

    # Station 3, the document. It has a part for every table of the registry that has one, also the empty ones.
    document = orjson.loads(content)
    assert document["schema"] == "patrongraph/patron-data/1"
    assert document["library"]["code"] == "NORTH"
    assert set(document) >= {table.section for table in PATRON_TABLES if table.section}
    assert (document["identity"]["firstName"], document["contact"]["email"]) == ("First1", "p1@example.org")
    assert [card["barcode"] for card in document["cards"]] == [f"B{who}"]
    assert [loan["item"]["title"] for loan in document["loans"]] == ["Title 1", "Title 2"]
    # Not the PIN, and nobody else: not even who is in the same group.
    for absent in ("hash", "First2", "p2@example.org", f"B{mate}"):
        assert absent not in content.decode()

    # Station 4, the link. Its secret is in the answer and nowhere else; the row has its SHA-256.
    url = (await api.data(LINK, {"id": "export_1"}, token))["createDownloadLink"]["url"]
    secret = url.removeprefix("/exports/")
    assert await db.value("SELECT token_sha256 FROM download_link") == hashlib.sha256(secret.encode()).hexdigest()

    # Station 5, the download. The link works once, and for whoever made it: the token is shown again.
    async with api.client() as client:
        assert (await client.get(url)).status_code == 401
        answer = await client.get(url, headers=api.headers(token))
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["content-disposition"] == 'attachment; filename="patrongraph-NORTH-export-1.json"'
        again = await client.get(url, headers=api.headers(token))
    assert (again.status_code, again.json()["errors"][0]["extensions"]["code"]) == (410, "LINK_USED")
    events = await db.rows("SELECT action FROM audit_event WHERE action LIKE 'export.%' ORDER BY id")
    assert [event["action"] for event in events] == [
        "export.request", "export.ready", "export.link", "export.download",
    ]  # fmt: skip

    # Station 6, the end. When its time is over, a worker's housekeeping takes the file away; the row stays, to tell.
    await db.rows("UPDATE data_export SET expires_at = now() RETURNING id")

    async def expired() -> bool:
        return (await db.value("SELECT state FROM data_export")) == "EXPIRED" and not file.exists()

    with working(settings, worker_log):
        await wait_until(expired)
    late = (await api.data(LINK, {"id": "export_1"}, token))["createDownloadLink"]
    assert (late["code"], "Ask for a new export" in late["message"]) == ("EXPORT_NOT_READY", True)
    assert "example.org" not in worker_log.read_text()
