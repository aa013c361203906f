"""A bug is answered with an id and nothing else, through every door, and the log has its place under that id."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.clients import FOLLOW, Api
from tests.exported import add_export
from tests.leaks.test_what_the_anonymous_learn import DOORS, through
from tests.town import Town, wait_until

from patrongraph import db
from patrongraph.context import Actor
from patrongraph.exports.actions import create_link
from patrongraph.jobs import actions as jobs
from patrongraph.jobs.models import JobKind
from patrongraph.staff.identify import identify

MARK = "Zqvxjwkyp"
NUMBER = re.compile(r"[Nn]umber:? ([0-9A-Za-z_-]{16,})")


@asynccontextmanager
async def broken(table: str) -> AsyncIterator[None]:
    """Take a table away, as a migration gone wrong would."""
    await db.rows(f"ALTER TABLE {table} RENAME TO {table}_away")
    try:
        yield
    finally:
        await db.rows(f"ALTER TABLE {table}_away RENAME TO {table}")


def is_masked(text: str, log: Path, *also: str) -> None:
    """Assert that an answer says a number and no more of the bug, and that the log has it."""
    [number] = set(NUMBER.findall(text))
    for word in ("does not exist", "relation", "Traceback", "asyncpg", "SELECT", "_away", MARK, MARK.lower(), *also):
        assert word not in text, text
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    [line] = [line for line in lines if line.get("request_id") == number]
    assert (line["level"], line["message"], line["error"]) == ("ERROR", "unexpected error", "UndefinedTableError")
    assert line["where"].startswith("patrongraph/"), line
    assert MARK.lower() not in json.dumps(line).lower()


@pytest.mark.parametrize("door", DOORS)
async def test_an_operation(api: Api, town: Town, api_log: Path, door: str) -> None:
    token = await town.token()
    query = "query($b: String!) { item(barcode: $b) { title branch { name } } }"
    async with broken("item"):
        errors, text = await through(api, door, query, {"b": MARK}, token)
    assert [error["extensions"]["code"] for error in errors] == ["INTERNAL"]
    is_masked(text, api_log)


@pytest.mark.parametrize("door", ["POST", "stream", "socket"])
async def test_a_mutation(api: Api, town: Town, api_log: Path, door: str) -> None:
    token, [patron] = await town.token(), await town.patrons(1)
    block = f'mutation {{ blockPatron(input: {{patronId: "pat_{patron}", comment: "{MARK}"}}) {{ __typename }} }}'
    async with broken("block"):
        errors, text = await through(api, door, block, {}, token)
    assert [error["extensions"]["code"] for error in errors] == ["INTERNAL"]
    is_masked(text, api_log)


@pytest.mark.parametrize("door", ["stream", "socket"])
async def test_a_subscription_that_breaks_under_way(api: Api, town: Town, api_log: Path, door: str) -> None:
    token = await town.token()
    job = f"job_{(await jobs.create(town.system, JobKind.ROLLOVER, {}, itemised=False, total=1)).id}"
    if door == "socket":
        async with api.socket(token) as socket:
            events = socket.connection
            await socket.start(FOLLOW, {"id": job})
            assert (await socket.receive())["type"] == "next"
            async with broken("job"):
                text = str(await events.recv())
    else:
        found = api.events(FOLLOW, {"id": job}, token)
        assert "errors" not in await anext(found)
        async with broken("job"):
            text = json.dumps(await anext(found))
    assert "INTERNAL" in text
    is_masked(text, api_log)


async def test_a_download_and_the_documents_of_a_job(api: Api, town: Town, api_log: Path) -> None:
    token = await town.token()
    headers = {"authorization": f"Bearer {token}"}
    who: Actor = await identify(session_token=None, authorization=headers["authorization"])
    link = await create_link(who, await add_export(town.id, b"{}\n"))
    async with api.client() as client:
        for table, path in (
            ("download_link", f"/exports/{link.token}"), ("job", "/jobs/job_1/items.csv"),
            ("tombstone", "/patrons/pat_1/certificate"), ("tombstone", "/patrons/pat_1/certificate.json"),
            ("job_erasure", "/jobs/job_1/certificate"),
        ):  # fmt: skip
            async with broken(table):
                answer = await client.get(path, headers=headers)
            assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (500, "INTERNAL"), path
            assert NUMBER.findall(answer.text) == [answer.headers["x-request-id"]]
            is_masked(answer.text, api_log, link.token)


async def test_a_job(api: Api, town: Town, worker_process: Any, worker_log: Path) -> None:
    """The job ends as FAILED with a number; the worker's log has the place under it."""
    token, [patron] = await town.token(), await town.patrons(1)
    await db.rows("UPDATE patron SET last_name = $2 WHERE id = $1", patron, MARK)
    started = "... on ExportStarted { job { id } }"
    start = f'mutation {{ exportPatronData(input: {{patronId: "pat_{patron}"}}) {{ {started} }} }}'
    async with broken("privacy_waiver"):
        job = (await api.data(start, token=token))["exportPatronData"]["job"]["id"]

        async def ended() -> Any:
            row = await db.row("SELECT state, error FROM job WHERE id = $1", int(job.removeprefix("job_")))
            return row if row is not None and row["state"] == "FAILED" else None

        failed = await wait_until(ended)
    found = re.fullmatch(r"The export broke off \(UndefinedTableError ([0-9a-f]{8})\)\.", failed["error"])
    assert found, failed["error"]
    lines = [json.loads(line) for line in worker_log.read_text().splitlines() if line.startswith("{")]
    [line] = [line for line in lines if line.get("code") == found[1]]
    assert (line["error"], line["job_id"]) == ("UndefinedTableError", int(job.removeprefix("job_")))
    assert MARK.lower() not in worker_log.read_text().lower()
