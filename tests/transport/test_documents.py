"""Persisted documents: named by their sha256 through every door, and in the mode `only` nothing else runs."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.clients import FOLLOW, MODERN, Api, sse
from tests.fixtures_api import serving

from patrongraph.context import Actor, ActorKind
from patrongraph.graph.documents import BadDocuments, load
from patrongraph.graph.engine import Engine, Request
from patrongraph.schema import schema
from patrongraph.settings import Settings

VIEWER = "query Who { viewer { __typename } }"
TWO = "query A { viewer { __typename } } query B { library { code } }"
CHANGE = 'mutation { reauthenticate(input: {password: "x"}) { __typename } }'
ANSWER = {
    "data": {"viewer": {"__typename": "TokenViewer"}},
    "extensions": {"cost": {"requested": 1, "limit": 50_000}},
}
UNKNOWN = "0" * 64


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Documents as graphql-codegen and Relay write them, and as Apollo does."""
    made = tmp_path_factory.mktemp("documents")
    (made / "a.json").write_text(json.dumps({sha256(VIEWER): VIEWER, f"sha256:{sha256(TWO)}": TWO}))
    operations = [{"id": sha256(text), "body": text, "name": "n", "type": "query"} for text in (FOLLOW, CHANGE)]
    manifest = {"format": "apollo-persisted-query-manifest", "version": 1, "operations": operations}
    (made / "b.json").write_text(json.dumps(manifest))
    (made / "notes.txt").write_text("not read")
    return made


@pytest.fixture(scope="module", params=["allowed", "only"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def knowing(mode: str, settings: Settings, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("knowing") / "log"
    with serving(settings, log, documents=str(folder), documents_mode=mode) as url:
        yield url
    assert "unexpected" not in log.read_text()


@pytest.fixture
async def api(knowing: str, town: Any) -> Api:
    return Api(knowing, await town.token())


def persisted(text: str) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": sha256(text)}}}


async def post(api: Api, payload: Any, path: str = "/graphql", **headers: str) -> Any:
    async with api.client() as client:
        return await client.post(path, json=payload, headers=api.headers() | headers)


async def get(api: Api, path: str = "/graphql", **parameters: str) -> Any:
    async with api.client() as client:
        return await client.get(path, params=parameters, headers=api.headers())


def refusal(answer: Any) -> tuple[int, str, str]:
    assert answer.headers["content-type"].startswith(MODERN)
    [error] = answer.json()["errors"]
    assert set(answer.json()) == {"errors"}
    return answer.status_code, error["message"], error["extensions"]["code"]


NOT_FOUND = (400, "PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")


@pytest.mark.parametrize(
    "payload",
    [
        {"documentId": f"sha256:{sha256(VIEWER)}"},
        {"documentId": sha256(VIEWER)},
        {"documentId": sha256(TWO), "operationName": "A"},
        {"documentId": sha256(VIEWER), "query": None, "variables": None},
        persisted(VIEWER),
        {"extensions": {"persistedQuery": {"sha256Hash": sha256(VIEWER)}}},
        # Clients that were told that it is unknown send the text with it.
        {"query": VIEWER, **persisted(VIEWER)},
        {"query": VIEWER, "documentId": f"sha256:{sha256(VIEWER)}"},
        {"query": VIEWER},
        {"query": VIEWER, "documentId": "an id of somebody else's making"},
    ],
)
async def test_a_document_by_post(api: Api, payload: dict[str, Any]) -> None:
    answer = await post(api, payload)
    assert (answer.status_code, answer.json()) == (200, ANSWER)


async def test_a_document_by_get(api: Api) -> None:
    assert (await get(api, documentId=f"sha256:{sha256(VIEWER)}")).json() == ANSWER
    assert (await get(api, extensions=json.dumps(persisted(VIEWER)["extensions"]))).json() == ANSWER
    assert (await get(api, documentId=sha256(TWO), operationName="A", variables="{}")).json() == ANSWER


async def test_a_mutation_by_get_is_405_also_when_it_is_only_named(api: Api) -> None:
    answer = await get(api, documentId=sha256(CHANGE))
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "payload",
    [
        {"documentId": UNKNOWN},
        {"documentId": ""},
        {"documentId": f"md5:{sha256(VIEWER)}"},
        {"documentId": sha256(VIEWER).upper()},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": UNKNOWN}}},
    ],
)
async def test_an_unknown_document(api: Api, mode: str, payload: dict[str, Any]) -> None:
    answer = await post(api, payload)
    assert refusal(answer) == NOT_FOUND
    advice = answer.json()["errors"][0]["extensions"]["advice"]
    assert ("send the text as query" in advice) == (mode == "allowed")
    legacy = await post(api, payload, accept="application/json")
    assert (legacy.status_code, legacy.json()) == (200, answer.json())


@pytest.mark.parametrize(
    "payload",
    [
        {"documentId": 7},
        {"documentId": {}},
        {"extensions": {"persistedQuery": sha256(VIEWER)}},
        {"extensions": {"persistedQuery": {}}},
        {"extensions": {"persistedQuery": {"version": 2, "sha256Hash": sha256(VIEWER)}}},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": 7}}},
        {"documentId": sha256(VIEWER), "query": 7},
    ],
)
async def test_a_malformed_name_is_400_and_closes_a_socket(api: Api, payload: dict[str, Any]) -> None:
    assert refusal(await post(api, payload))[::2] == (400, "BAD_REQUEST")
    async with api.socket() as socket:
        await socket.send(type="subscribe", id="1", payload=payload)
        assert (await socket.close_code())[0] == 4400


async def test_a_name_that_is_another_texts_is_refused(api: Api) -> None:
    for named in ({"documentId": sha256(TWO)}, persisted(TWO)):
        assert refusal(await post(api, {"query": VIEWER, **named})) == (
            400,
            "The document's id is not the sha256 of query; send one of the two.",
            "BAD_INPUT",
        )


@pytest.mark.parametrize("text", [f"{VIEWER} ", "{ library { code } }", "{ __schema { types { name } } }", "{", ""])
async def test_another_text(api: Api, mode: str, text: str) -> None:
    answer = await post(api, {"query": text})
    async with api.socket() as socket:
        told = [message async for message in said(socket, {"query": text})]
    if mode == "only":
        assert refusal(answer) == (
            400,
            "This server runs only the documents that were published with it (PATRONGRAPH_DOCUMENTS).",
            "QUERY_NOT_IN_SAFELIST",
        )
        assert told == ["QUERY_NOT_IN_SAFELIST"]
    elif text in ("{", ""):
        assert refusal(answer)[2] == "GRAPHQL_PARSE_FAILED"
        assert told == ["GRAPHQL_PARSE_FAILED"]
    else:
        assert (answer.status_code, list(answer.json())) == (200, ["data", "extensions"])
        assert told == ["data", "complete"]


async def said(socket: Any, payload: dict[str, Any]) -> Any:
    await socket.send(type="subscribe", id="1", payload=payload)
    while True:
        message = await socket.receive()
        if message["type"] == "next":
            key = next(iter(message["payload"]))
            yield key
        elif message["type"] == "error":
            yield message["payload"][0]["extensions"]["code"]
            return
        else:
            yield message["type"]
            return


async def test_documents_over_a_socket_and_a_stream(api: Api) -> None:
    unknown = {"documentId": "job_unknown"}
    variables = {"variables": {"id": "job_1"}}
    async with api.socket() as socket:
        assert [one async for one in said(socket, {"documentId": sha256(VIEWER)})] == ["data", "complete"]
        assert [one async for one in said(socket, persisted(FOLLOW) | variables)] == ["BAD_ARGUMENT"]
        assert [one async for one in said(socket, unknown)] == ["PERSISTED_QUERY_NOT_FOUND"]
        assert [one async for one in said(socket, persisted(VIEWER))] == ["data", "complete"]
    for payload, text in (
        (persisted(VIEWER), '{"data":{"viewer":{"__typename":"TokenViewer"}}'),
        (persisted(FOLLOW) | variables, '"code":"BAD_ARGUMENT"'),
        (unknown, '"code":"PERSISTED_QUERY_NOT_FOUND"'),
    ):
        async with (
            api.client() as client,
            client.stream(
                "POST", "/graphql/stream", json=payload, headers=api.headers() | {"accept": "text/event-stream"}
            ) as answer,
        ):
            found = [event async for event in sse(answer)]
        assert [name for name, _ in found] == ["next", "complete"]
        assert text in found[0][1]


async def test_a_document_with_a_file(api: Api, mode: str) -> None:
    """The one way into a request that is not JSON leads past the same list."""
    told = []
    for named in ({"documentId": sha256(CHANGE)}, {"query": CHANGE}, {"query": f"{CHANGE} "}, {"documentId": UNKNOWN}):
        fields = {"operations": json.dumps(named | {"variables": {"file": None}}), "map": '{"0": ["variables.file"]}'}
        parts = [(name, (None, text)) for name, text in fields.items()] + [("0", ("a.csv", b"x"))]
        async with api.client() as client:
            answer = (await client.post("/graphql", files=parts, headers=api.headers())).json()
        told.append(answer["errors"][0]["extensions"]["code"] if "errors" in answer else answer)
    assert told[0] == told[1] != "QUERY_NOT_IN_SAFELIST"
    assert told[2:] == [told[0] if mode == "allowed" else "QUERY_NOT_IN_SAFELIST", "PERSISTED_QUERY_NOT_FOUND"]


# Off, as it is unless asked for


async def test_without_documents_their_names_are_not_supported(api_process: str, town: Any) -> None:
    api = Api(api_process, await town.token())
    for payload in ({"documentId": sha256(VIEWER)}, persisted(VIEWER)):
        assert refusal(await post(api, payload)) == (
            400,
            "PersistedQueryNotSupported",
            "PERSISTED_QUERY_NOT_SUPPORTED",
        )
    assert (await post(api, {"query": VIEWER, **persisted(VIEWER)})).json() == ANSWER


# One plan for a document, however it is named


def test_a_name_finds_the_plan_of_the_text(settings: Settings, folder: Path) -> None:
    engine = Engine(schema, settings.model_copy(update={"documents": str(folder), "documents_mode": "allowed"}))
    who = Actor(ActorKind.TOKEN, 1, 1)
    for request in (Request(VIEWER), *(Request(document_id=f"{prefix}{sha256(VIEWER)}") for prefix in ("", "sha256:"))):
        assert engine.operation_kind(request, who) == "query"
    assert (engine.misses, engine.hits) == (1, 2)
    # What a name gives is one and the same text each time, so the cache need not hash or compare it.
    assert engine._documents.text(sha256(VIEWER)) is engine._documents.text(f"sha256:{sha256(VIEWER)}")


# Files that cannot be used


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "documents.json cannot be read: No such file or directory."),
        ("{", "documents.json is not valid JSON (line 1, column 2)."),
        ("[]", "documents.json must be {\"sha256\": \"text of the document\", …} or a manifest of Apollo's."),
        ('{"a": 7}', "documents.json must be {\"sha256\""),
        ('{"format": "apollo-persisted-query-manifest", "operations": [7]}', "documents.json must be {\"sha256\""),
        ("{}", "documents.json holds no documents; it is a JSON file or a folder of them."),
        (json.dumps({"c0ffee": VIEWER}), "'c0ffee' is not the sha256 of its document. Have the generator use SHA-256"),
        (json.dumps({sha256(VIEWER): TWO}), "is not the sha256 of its document"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_right(settings: Settings, tmp_path: Path, content: str | None, message: str) -> None:
    file = tmp_path / "documents.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(BadDocuments) as refused:
        load(settings.model_copy(update={"documents": str(file), "documents_mode": "only"}))
    assert message in str(refused.value)


def test_a_file_that_is_not_right_is_said_before_anything_starts(run_cli: Any, tmp_path: Path) -> None:
    chosen = {"PATRONGRAPH_DOCUMENTS": str(tmp_path / "none.json"), "PATRONGRAPH_DOCUMENTS_MODE": "only"}
    done = run_cli("serve", **chosen)
    words = f"PATRONGRAPH_DOCUMENTS: {tmp_path}/none.json cannot be read: No such file or directory."
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, f"Error: {words}")
    assert f"wrong persisted documents: {words}" in run_cli("doctor", **chosen).stdout.replace("\n", " ")


def test_a_mode_without_documents_and_an_unknown_mode_are_refused(run_cli: Any) -> None:
    done = run_cli("serve", PATRONGRAPH_DOCUMENTS_MODE="only")
    assert done.returncode == 1
    assert "PATRONGRAPH_DOCUMENTS_MODE: Value error, name the file or the folder of the documents" in done.stderr
    done = run_cli("serve", PATRONGRAPH_DOCUMENTS_MODE="some")
    assert "PATRONGRAPH_DOCUMENTS_MODE: Input should be 'off', 'allowed' or 'only'" in done.stderr


def test_doctor_says_which_documents_the_schema_has_outgrown(run_cli: Any, tmp_path: Path) -> None:
    old = "{ gone }"
    (tmp_path / "documents.json").write_text(json.dumps({sha256(old): old, sha256(VIEWER): VIEWER}))
    chosen = {"PATRONGRAPH_DOCUMENTS": str(tmp_path), "PATRONGRAPH_DOCUMENTS_MODE": "only"}
    done = run_cli("doctor", **chosen)
    words = f"wrong persisted documents: 1 of 2 do not fit the API's schema: {sha256(old)[:12]}"
    assert words in done.stdout
    (tmp_path / "documents.json").write_text(json.dumps({sha256(VIEWER): VIEWER}))
    assert "ok    persisted documents: 1 are known, and no others run" in run_cli("doctor", **chosen).stdout
