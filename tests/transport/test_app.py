"""The application itself, as the process that `patrongraph serve` runs."""

import asyncio
import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio
from tests import processes
from tests.clients import MODERN, beside_cost, sse
from tests.exported import add_export
from tests.fixtures_api import wait_until_ready, working
from tests.transport.uploads import FORM, form

from patrongraph.context import Actor, system_actor
from patrongraph.exports.actions import create_link
from patrongraph.jobs import actions as jobs
from patrongraph.jobs import progress
from patrongraph.jobs.heartbeat import heartbeat_key
from patrongraph.jobs.models import JobKind
from patrongraph.libraries import actions as libraries
from patrongraph.permissions import ALL_PERMISSIONS
from patrongraph.staff import actions as staff
from patrongraph.staff.identify import identify

PASSWORD = "seven quiet herons"
SIGN_IN = """
mutation($password: String!) {
  signIn(input: {username: "anna", password: $password}) {
    ... on SignInSuccess { permissions }
    ... on Problem { code }
  }
}
"""
FOLLOW = "subscription($id: ID!) { jobProgress(id: $id) { id state } }"
VIEWER = "{ viewer { ... on StaffViewer { user { username } } ... on TokenViewer { library { code } } } }"


@dataclass(frozen=True)
class Town:
    operator: Actor
    token: str


@pytest_asyncio.fixture
async def town(database) -> Town:
    operator = system_actor(await libraries.create("NORTH", "North"))
    await staff.create_staff(operator, "anna", PASSWORD, permissions=ALL_PERMISSIONS)
    made = await staff.create_token(operator, "tests", ALL_PERMISSIONS)
    return Town(operator, made if isinstance(made, str) else made[1])


async def get(api, path: str, method: str = "GET", **headers: str):
    async with api.client() as client:
        return await client.request(method, path, headers=headers)


# Health


async def test_the_process_is_alive(api):
    answer = await get(api, "/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer.headers["cache-control"] == "no-store"
    assert "server" not in answer.headers


READY = {"status": "ok", "database": "ok", "migrations": "ok", "valkey": "ok", "workers": 1}


async def test_without_a_worker_it_is_degraded(api):
    answer = await get(api, "/readyz")
    assert (answer.status_code, answer.json()) == (200, READY | {"status": "degraded", "workers": 0})


async def test_it_is_ready_while_a_worker_lives(api, settings, valkey, tmp_path):
    with working(settings, tmp_path / "worker"):
        async with asyncio.timeout(30):
            while (await get(api, "/readyz")).json()["workers"] == 0:
                await asyncio.sleep(0.05)
        answer = await get(api, "/readyz")
        assert (answer.status_code, answer.json()) == (200, READY)
        assert 0 < await valkey.ttl(heartbeat_key(settings)) <= 60
    # A worker that was stopped takes its name away; one that was killed is forgotten when its time is over.
    assert (await get(api, "/readyz")).json() == READY | {"status": "degraded", "workers": 0}
    now, _ = await valkey.time()
    await valkey.zadd(heartbeat_key(settings), {"killed": now - 1, "alive": now + 20})
    assert (await get(api, "/readyz")).json() == READY


async def test_migrations_that_lack_make_it_unready(api, database):
    name = await database.value("DELETE FROM tortoise_migrations WHERE name = '0004_beyond_models' RETURNING name")
    try:
        answer = await get(api, "/readyz")
    finally:
        await database.rows(
            "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('patrongraph', $1, now())", name
        )
    assert (answer.status_code, answer.json()) == (
        503,
        READY | {"status": "unavailable", "migrations": "1 to apply: run `patrongraph migrate`", "workers": 0},
    )


def start(settings, log: Path, **changed: str) -> tuple[str, processes.Running]:
    with socket.socket() as bound, log.open("wb") as out:
        bound.bind(("127.0.0.1", 0))
        fd, to, environment = bound.fileno(), out.fileno(), os.environ | settings.as_environment() | changed
        process = processes.start("serve", "--socket-fd", str(fd), env=environment, pass_fds=[fd], stdout=to, stderr=to)
        return f"http://127.0.0.1:{bound.getsockname()[1]}", process


async def test_without_valkey_it_is_degraded(api, settings, tmp_path):
    url, process = start(settings, tmp_path / "log", PATRONGRAPH_REDIS_URL="redis://127.0.0.1:1/0")
    try:
        wait_until_ready(url, process, tmp_path / "log")
        api.url = url
        answer = await get(api, "/readyz")
        assert (answer.status_code, answer.json()) == (
            200,
            READY | {"status": "degraded", "valkey": "away", "workers": "unknown"},
        )
    finally:
        process.terminate()
        assert process.wait(20) == 0
    only_json_lines(tmp_path / "log")


def test_without_a_database_it_does_not_start_and_says_so(settings, tmp_path):
    address = "postgresql://someone:hidden-password@127.0.0.1:1/none"
    _, process = start(settings, tmp_path / "log", PATRONGRAPH_DATABASE_URL=address)
    assert process.wait(60) != 0
    text = (tmp_path / "log").read_text()
    assert "The application could not start: the database cannot be reached" in text
    assert "Traceback" not in text
    assert "hidden-password" not in text


# Files


async def test_files_are_for_those_who_are_signed_in(api, town):
    """The variable is a text, so that the answer shows that the file came as far as the engine, and no further."""
    query = 'mutation($file: String!) { signInPatron(input: {barcode: $file, pin: "1234"}) { __typename } }'
    async with api.client() as client:
        anonymous = await client.post("/graphql", content=form(query=query), headers=FORM | api.headers())
        known = await client.post("/graphql", content=form(query=query), headers=FORM | api.headers(town.token))
    found = [(one.status_code, one.json()["errors"][0]["extensions"]["code"]) for one in (anonymous, known)]
    assert found == [(401, "UNAUTHENTICATED"), (400, "BAD_VARIABLES")]


# Addresses


async def test_other_addresses_and_methods(api):
    for path in ("/", "/nothing", "/healthz/", "/exports/", "/exports/a/b"):
        answer = await get(api, path)
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (404, "NOT_FOUND")
    answer = await get(api, "/healthz", "POST")
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] in ("GET, HEAD", "HEAD, GET")
    assert answer.headers["x-content-type-options"] == "nosniff"


# Who asks


async def test_a_token(api, town):
    assert await api.data(VIEWER, token=town.token) == {"viewer": {"library": {"code": "NORTH"}}}
    for bad in ("pg_bad", "x", town.token[:-1] + ("a" if town.token[-1] != "a" else "b")):
        answer = await api.post(VIEWER, token=bad)
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")
        assert answer.headers["www-authenticate"].startswith("Bearer ")


async def test_nobody(api, town):
    answer = await api.post(VIEWER)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")


async def test_a_session(api, town, database):
    async with api.client() as client:
        sign_in = {"query": SIGN_IN, "variables": {"password": PASSWORD}}
        foreign = await client.post("/graphql", json=sign_in, headers={"origin": "https://evil.example"})
        assert foreign.status_code == 403
        assert await database.value("SELECT count(*) FROM session") == 0
        signed = await client.post("/graphql", json=sign_in, headers={"origin": api.url})
        assert signed.status_code == 200, signed.text
        assert signed.json()["data"]["signIn"]["permissions"]
        assert "HttpOnly" in signed.headers["set-cookie"]
        assert "SameSite=Strict" in signed.headers["set-cookie"]
        viewer = await client.post("/graphql", json={"query": VIEWER})
        assert beside_cost(viewer.json()) == {"data": {"viewer": {"user": {"username": "anna"}}}}
        cookie = f"pg_session={client.cookies['pg_session']}"
        async with api.socket(additional_headers={"cookie": cookie}, origin=api.url) as ws:
            assert [event async for event in ws.events(VIEWER)] == [viewer.json()]
        sign_out = {"query": "mutation { signOut { __typename } }"}
        foreign = await client.post("/graphql", json=sign_out, headers={"sec-fetch-site": "cross-site"})
        assert foreign.status_code == 403
        assert await database.value("SELECT count(*) FROM session") == 1
        out = await client.post("/graphql", json=sign_out, headers={"origin": api.url})
        assert beside_cost(out.json()) == {"data": {"signOut": {"__typename": "SignOutSuccess"}}}
        headers = {"accept": MODERN, "cookie": cookie}
        assert (await client.post("/graphql", json={"query": VIEWER}, headers=headers)).status_code == 401


# Following a job


@pytest_asyncio.fixture
async def job(town, settings) -> int:
    """A queued job, and a bell in this process."""
    await progress.open_progress(settings)
    made = await jobs.create(town.operator, JobKind.ROLLOVER, {}, itemised=False, total=1)
    yield made.id
    await progress.close_progress()


async def test_following_a_job_over_both_ways(api, town, job, settings):
    id = f"job_{job}"
    queued, cancelled = (
        {
            "data": {"jobProgress": {"id": id, "state": state}},
            "extensions": {"cost": {"requested": 1, "limit": settings.max_cost}},
        }
        for state in ("QUEUED", "CANCELLED")
    )
    payload = {"query": FOLLOW, "variables": {"id": id}}
    headers = {"accept": "text/event-stream", "authorization": f"Bearer {town.token}"}
    async with (
        api.socket(town.token) as ws,
        api.client() as client,
        client.stream("POST", "/graphql/stream", json=payload, headers=headers) as stream,
    ):
        over_socket, over_stream = ws.events(FOLLOW, {"id": id}), sse(stream)
        assert await anext(over_socket) == queued
        name, data = await anext(over_stream)
        assert (name, json.loads(data)) == ("next", queued)
        await jobs.cancel(town.operator, job)
        assert [event async for event in over_socket] == [cancelled]
        found = [(name, json.loads(data) if data else "") async for name, data in over_stream]
        assert found == [("next", cancelled), ("complete", "")]


async def test_a_server_that_stops_ends_its_streams(api, town, job, settings, tmp_path):
    url, process = start(settings, tmp_path / "log")
    try:
        wait_until_ready(url, process, tmp_path / "log")
        payload = {"query": FOLLOW, "variables": {"id": f"job_{job}"}}
        headers = {"authorization": f"Bearer {town.token}"}
        api.url = url
        async with (
            api.client() as client,
            client.stream("POST", "/graphql/stream", json=payload, headers=headers) as stream,
        ):
            following = sse(stream)
            assert (await anext(following))[0] == "next"
            process.terminate()
            assert [event async for event in following] == []
        assert await asyncio.to_thread(process.wait, 20) == 0
    finally:
        process.kill()
        process.wait()
    assert "timeout graceful shutdown exceeded" not in only_json_lines(tmp_path / "log")


async def test_a_job_that_is_not_there(api, town):
    async with api.client() as client:
        answer = await client.post(
            "/graphql/stream",
            json={"query": FOLLOW, "variables": {"id": "job_999"}},
            headers={"authorization": f"Bearer {town.token}"},
        )
    assert answer.status_code == 200
    assert answer.text == (
        ":\n\nevent: next\n"
        """data: {"errors":[{"message":"Argument id: 'job_999' was not found in your library.","""
        """"extensions":{"code":"BAD_ARGUMENT"}}]}\n\n"""
        "event: complete\ndata: \n\n"
    )


# Downloads


@pytest_asyncio.fixture
async def link(town, database) -> str:
    """A one-time link of the token to a file of a megabyte and a bit."""
    export = await add_export(town.operator.library, CONTENT)
    return (await create_link(await identify(session_token=None, authorization=f"Bearer {town.token}"), export)).token


CONTENT = b'{"a":1}\n' * 150_000


async def test_a_link_gives_its_file_once(api, link, town):
    for method in ("HEAD", "POST"):
        assert (await get(api, f"/exports/{link}", method)).status_code == 405
    answer = await get(api, f"/exports/{link}", authorization=f"Bearer {town.token}")
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["content-disposition"].startswith('attachment; filename="')
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = await get(api, f"/exports/{link}", authorization=f"Bearer {town.token}")
    assert again.status_code == 410
    assert again.json()["errors"][0]["extensions"]["code"] != "NOT_FOUND"


async def test_an_unknown_link_is_404(api, link, town, database):
    for token in ("x", link[:-1], link + "x", "y" * 500):
        answer = await get(api, f"/exports/{token}", authorization=f"Bearer {town.token}")
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (404, "NOT_FOUND")
    assert await database.value("SELECT used_at FROM download_link") is None


async def test_a_link_with_a_bad_token_is_401_and_stays(api, link, town, database):
    answer = await get(api, f"/exports/{link}", authorization="Bearer bad")
    assert answer.status_code == 401
    assert await database.value("SELECT used_at FROM download_link") is None


async def test_a_link_whose_file_is_gone(api, link, town, settings):
    for file in settings.exports_dir.iterdir():
        file.unlink()
    answer = await get(api, f"/exports/{link}", authorization=f"Bearer {town.token}")
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (404, "NOT_FOUND")


# What is logged


def only_json_lines(log: Path) -> str:
    text = log.read_text()
    for line in text.splitlines()[1:]:  # the first is the greeting
        assert set(json.loads(line)) >= {"time", "level", "logger", "message"}
    return text


async def test_the_log_has_no_values(api, town, api_log):
    await api.post('{ patron(by: {barcode: "9988776655"}) { id } }', token=town.token)
    await api.post('{ patron(by: {barcode: "9988776655"}) { nothing } }', token=town.token)
    await api.post("mutation { signIn(input: {username: 7}) { __typename } }")
    await get(api, "/graphql?query={patron(by:{barcode:%229988776655%22}){id}}")
    text = only_json_lines(api_log)
    assert "9988776655" not in text
    assert "herons" not in text
    assert town.token not in text
