"""A whole life with marked values at DEBUG: logs are lines of ids, and neither a PIN nor a secret is in any output."""

import asyncio
import datetime as dt
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
from graphql import get_named_type
from tests.clients import FOLLOW, Api
from tests.fixtures_api import serving, working
from tests.graph.conftest import ROOMY
from tests.matrix.asking import arguments, field_text, header, roots, selection, written
from tests.town import Town
from tests.wipe import places
from tests.wipe.life import Life
from tests.wipe.needles import GONE, Needle, disguises, found_in

from patrongraph import db
from patrongraph.cli import COMMANDS
from patrongraph.context import Actor, ActorKind, Context
from patrongraph.graph.engine import Engine, Request
from patrongraph.permissions import ALL_PERMISSIONS
from patrongraph.schema import schema
from patrongraph.settings import Settings
from patrongraph.staff.actions import create_staff

PASSWORD = "nineteen zqvxjwkyp owls"
SIGN_IN = 'mutation($p: String!) { signIn(input: {username: "anna", password: $p}) { __typename } }'
LINE = {"time", "level", "logger", "message", "request_id", "job_id", "actor", "library_id", "status", "code", "error",
        "where"}  # fmt: skip
# Commands that run until they are stopped, or make what is looked at here.
NOT_RUN = {"up", "serve", "worker", "migrate", "schema", "erase-at-rest", "import"}


@dataclass
class Listening(Api):
    """A client that keeps whatever it was answered."""

    heard: list[bytes] = field(default_factory=list)

    def client(self) -> httpx.AsyncClient:
        opened = super().client()

        async def keep(answer: httpx.Response) -> None:
            if answer.headers.get("content-type", "").startswith("text/event-stream"):
                return
            # The session's own cookie is meant for whoever has just signed in.
            headers = [pair for pair in answer.headers.multi_items() if pair[0] != "set-cookie"]
            self.heard.append(repr(headers).encode() + await answer.aread())

        opened.event_hooks = {"response": [keep]}
        return opened

    async def events(self, *args: Any, **more: Any) -> AsyncIterator[dict[str, Any]]:
        async for event in super().events(*args, **more):
            self.heard.append(json.dumps(event).encode())
            yield event


@dataclass
class Processes:
    """An API and a worker that log at DEBUG, and what they have written."""

    api: Listening
    logs: list[Path]

    def written(self) -> str:
        return "".join(log.read_text() for log in self.logs)


@pytest_asyncio.fixture
async def processes(settings: Settings, database: Any, tmp_path: Path) -> AsyncIterator[Processes]:
    loud = settings.model_copy(update={"log_level": "DEBUG"})
    logs = [tmp_path / "api.log", tmp_path / "worker.log"]
    with serving(loud, logs[0]) as url, working(loud, logs[1]):
        yield Processes(Listening(url), logs)


@asynccontextmanager
async def raw(settings: Settings) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    connection = await asyncpg.connect(settings.database_url)
    try:
        yield connection
    finally:
        await connection.close()


async def test_a_whole_life(
    processes: Processes, town: Town, settings: Settings, run_cli: Callable[..., Any], tmp_path: Path
) -> None:
    api, token = processes.api, await town.token()
    await create_staff(town.system, "anna", PASSWORD, permissions=ALL_PERMISSIONS)
    [mate] = await town.patrons(1, status="ACTIVE")
    life = Life(api, town, token, GONE, 1)
    patron = await life.live(f"B{mate}")
    cookie = await staff_member(api, token, patron, life)
    secret = await secrets(settings, life, token, cookie)
    outputs = {
        "GraphQL": await every_field(settings, town, patron),
        "command line": await every_command(run_cli, tmp_path, life),
        "documents": await documents(api, token),
    }
    await life.purged(patron)
    outputs["documents after the purge"] = await documents(api, token)
    outputs["answers"] = b"\n".join(api.heard)
    assert len(api.heard) > 100

    # The search can find: what a patron may read is there.
    assert GONE.letters.encode() in outputs["GraphQL"].lower()
    assert GONE.letters.encode() in outputs["answers"].lower()
    for name, text in outputs.items():
        assert found_in(text, secret) == [], name
    only_ids(processes.written(), secret)
    async with raw(settings) as connection:
        kept = await places.tables(connection, [needle for needle in secret if "stored" not in needle.what])
    assert kept == {}
    assert await places.valkey(settings.redis_url, secret) == {}


async def staff_member(api: Listening, token: str, patron: str, life: Life) -> str:
    """Sign in and work over both kinds of stream; return the session's token."""
    async with api.client() as browser:
        browser.headers.update({"origin": api.url, "sec-fetch-site": "same-origin"})
        for password in (f"wrong {PASSWORD}", PASSWORD):
            answer = await browser.post("/graphql", json={"query": SIGN_IN, "variables": {"p": password}})
        assert "SignInSuccess" in answer.text
        cookie = browser.cookies["pg_session"]
    query = "query($b: String!) { patron(by: {barcode: $b}) { displayName notes } }"
    async with api.socket(token) as socket:
        async for envelope in socket.events(query, {"b": life.code("card2")}):
            assert GONE.letters in json.dumps(envelope).lower()
        # A PIN in the wrong place, and in the wrong type.
        for variables in ({"b": {"pin": life.pin}}, {"b": life.pin}, {life.pin: life.pin}):
            await socket.start(query, variables)
            message = await socket.receive()
            api.heard.append(json.dumps(message).encode())
        await socket.start(FOLLOW, {"id": life.pin})
        api.heard.append(json.dumps(await socket.receive()).encode())
    set_pin = "mutation($i: SetPatronPinInput!) { setPatronPin(input: $i) { __typename ... on Problem { message } } }"
    for pin in ({"a": life.pin}, [life.pin], int(life.pin), life.pin * 3):
        await api.post(set_pin, {"i": {"patronId": patron, "pin": pin}}, token)
        await api.post(set_pin, {"i": {"patronId": life.pin, "pin": pin}}, token)
        await api.post(set_pin, {"i": pin}, token)
    for text in (f'{{ patron(by: {{barcode: {life.pin} }}) {{ id }} }}', f'{{ patron(by: "{life.pin}") {{ id }} }}',
                 f'{{ patron "{life.pin}" }}'):  # fmt: skip
        await api.post(text, token=token)
    async with api.raw_socket() as connection:
        await connection.send(
            json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {PASSWORD}"}})
        )
        with pytest.raises(Exception, match="4403"):
            await connection.recv()
    return cookie


async def secrets(settings: Settings, life: Life, token: str, cookie: str) -> list[Needle]:
    """Return what may be in no output: the PIN, passwords, tokens, and what is stored of them."""
    found = [*disguises("PIN", life.pin), *disguises("PIN in quotes", f'"{life.pin}"')]
    hashed = [row["pin_hash"] for row in await db.rows("SELECT pin_hash FROM patron_pin WHERE pin_hash <> 'hash'")]
    hashed += [row["password_hash"] for row in await db.rows("SELECT password_hash FROM staff_user")]
    assert len(hashed) == 3
    for what, text in (
        ("password", PASSWORD), ("API token", token), ("session", cookie),
        ("secret key", settings.secret_key.get_secret_value()),
        *(("stored hash", part) for each in hashed for part in (each, each.rsplit("$", 1)[1], each.rsplit("$", 2)[1])),
    ):  # fmt: skip
        found.append(Needle(what, text.lower().encode(), folded=True))
    return found


def only_ids(log: str, secret: list[Needle]) -> None:
    """Assert that a log has lines of ids, at every level, and none of the marks."""
    lines = [json.loads(line) for line in log.splitlines() if not line.startswith("PatronGraph ")]
    levels = {line["level"] for line in lines}
    assert levels >= {"DEBUG", "INFO", "ERROR"}, levels
    assert len([line for line in lines if line["level"] == "DEBUG"]) > 50
    for line in lines:
        assert set(line) <= LINE, line
        if line["level"] == "DEBUG":
            assert line["logger"].startswith("patrongraph") or line["message"].endswith("not shown"), line
    needles = [*disguises("a marked value", GONE.letters), *disguises("marked digits", GONE.digits), *secret]
    assert found_in(log.encode(), needles) == []
    for words in ("SELECT ", "mutation", "query(", "{ patron", "Bearer ", "pg_session", "Traceback"):
        assert words not in log, words
    assert re.search(r"argon2", log) is None


async def every_field(settings: Settings, town: Town, patron: str) -> bytes:
    """Return the answers of every query field with every field below, to two levels of objects."""
    engine = Engine(schema, settings.model_copy(update=ROOMY))
    known = {
        "Query.node": {"id": patron}, "Query.patron": {"by": {"id": patron}}, "Query.patrons": {"first": 200},
    }  # fmt: skip
    found = []
    for kind in (ActorKind.STAFF, ActorKind.PATRON):
        id = int(patron.removeprefix("pat_")) if kind is ActorKind.PATRON else 1
        for root in roots("Query"):
            if kind is ActorKind.PATRON and not root.for_patrons:
                continue
            given = known.get(root.coordinate) or arguments(root)
            below = selection(get_named_type(root.definition.type), ALL_PERMISSIONS, 2)
            text = f"{header(root, given)} {{ {field_text(root, given, below)} }}"
            who = Actor(kind, id, town.id, ALL_PERMISSIONS)
            answer = await engine.execute(Request(text, None, written(given, 1)), Context(who, "a test"))
            assert b'"errors"' not in answer.body, (root, answer.body)
            found.append(answer.body)
    return b"\n".join(found)


async def every_command(run_cli: Callable[..., Any], folder: Path, life: Life) -> bytes:
    """Return what every command that shows something writes, on both streams and into its file."""
    jobs = [f"job_{row['id']}" for row in await db.rows("SELECT id FROM job ORDER BY id")]
    card = life.code("card2")
    runs: list[tuple[str, ...]] = [
        ("jobs", "list", "NORTH"), ("jobs", "show", jobs[0]), ("jobs", "items", jobs[0]), ("staff", "list", "NORTH"),
        ("token", "list", "NORTH"), ("audit", "seal"), ("audit", "verify"), ("tombstones", "export", "-"),
        ("doctor",), ("purge", "NORTH", "--filter", "--dry-run"), ("certificate", "show", jobs[0]),
        ("cohorts", "list", "NORTH"), ("rollover", "NORTH", "--year", str(dt.datetime.now(dt.UTC).year), "--dry-run"),
        ("statistics", "NORTH", "--from", "2015-01-01", "--to", "2039-12-31", "--by", "branch,category", "--csv"),
        ("export", "NORTH", "--patron", card, "--output", "{file}"),
        ("export", "NORTH", "--all", "--output", "{file}"),
    ]  # fmt: skip
    missing = set(COMMANDS) - NOT_RUN - {words[0] for words in runs}
    assert not missing, f"{missing} are new: run them here, or say in NOT_RUN why not"
    return b"\n".join([await command(run_cli, folder / str(number), words) for number, words in enumerate(runs)])


async def command(run_cli: Callable[..., Any], file: Path, words: tuple[str, ...]) -> bytes:
    done = await asyncio.to_thread(run_cli, *(str(file) if word == "{file}" else word for word in words))
    assert "Traceback" not in done.stderr, done.stderr
    text = done.stdout.encode() + done.stderr.encode()
    if file.exists():
        text += file.read_bytes()
    return text


async def documents(api: Listening, token: str) -> bytes:
    """Return every document of every job and of every erased patron, and the table of loans."""
    jobs = [f"/jobs/job_{row['id']}" for row in await db.rows("SELECT id FROM job ORDER BY id")]
    gone = [f"/patrons/pat_{row['patron_id']}" for row in await db.rows("SELECT patron_id FROM tombstone")]
    paths = [
        f"{job}/{name}" for job in jobs for name in ("items.csv", "rejected.csv", "certificate", "certificate.json")
    ]
    paths += [f"{each}/{name}" for each in gone for name in ("certificate", "certificate.json")]
    paths.append("/statistics/loans.csv?from=2015-01-01&to=2039-12-31&by=BRANCH,ITEM_BRANCH,CATEGORY,COHORT")
    async with api.client() as client:
        found = [await client.get(path, headers=api.headers(token) | {"accept": "*/*"}) for path in paths]
    assert {answer.status_code for answer in found} <= {200, 404}
    return b"\n".join(answer.content for answer in found)
