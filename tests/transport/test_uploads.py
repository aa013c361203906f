"""Files by the GraphQL multipart request: whole in the mutation or refused in words, and nothing left behind."""

import asyncio
import gzip
import hashlib
import io
import json
import os
import re
import resource
import tempfile
from typing import Any

import httpx
import pytest
import pytest_asyncio
from tests.clients import beside_cost
from tests.transport import uploads
from tests.transport.conftest import left_to_end
from tests.transport.peer import People, until
from tests.transport.uploads import (
    BOUNDARY,
    END,
    FORM,
    KEPT,
    QUERY,
    engine,
    form,
    operations,
    part,
    taking_files,
)

from patrongraph.graph import uploads as door_of_uploads
from patrongraph.graph.door import Door
from patrongraph.graph.http import GraphQLOverHTTP
from patrongraph.graph.scalars import Upload
from patrongraph.graph.uploads import MAX_HEADERS, SPOOL_BYTES, safe_name
from patrongraph.jobs import idempotency

MODERN = "application/graphql-response+json"
TOKEN = {"authorization": "Bearer good"}
MAX_UPLOAD = 3 << 20


@pytest_asyncio.fixture
async def peer(settings, ending):
    async with left_to_end(taking_files(max_upload_bytes=MAX_UPLOAD), ending) as running:
        yield running


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every temporary file that is made from now on."""
    made: list[Any] = []

    class Noted(tempfile.SpooledTemporaryFile):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            made.append(self)

    monkeypatch.setattr(door_of_uploads, "SpooledTemporaryFile", Noted)
    return made


async def send(peer, content: Any = None, auth=TOKEN, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with peer.client() as client:
        body = form() if content is None else content
        return await client.post("/graphql", content=body, headers={"accept": MODERN} | FORM | auth | named)


async def begin(peer, body: bytes, length: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send the beginning of a request that says it is `length` bytes long, over a connection of its own."""
    reader, writer = await asyncio.open_connection(*peer.url.removeprefix("http://").split(":"))
    head = {**FORM, **TOKEN, "accept": MODERN, "host": "x", "content-length": str(length)}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    writer.write(f"POST /graphql HTTP/1.1\r\n{lines}\r\n".encode() + body)
    return reader, writer


def refused(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert set(body) == {"errors"}
    [error] = body["errors"]
    assert KEPT == []
    return answer.status_code, error["extensions"]["code"]


def message(answer: httpx.Response) -> str:
    return answer.json()["errors"][0]["message"]


# ---- A file arrives


@pytest.mark.parametrize("size", [0, 1, 70_000, SPOOL_BYTES, SPOOL_BYTES + 1, MAX_UPLOAD])
async def test_a_file_arrives_whole(peer, files, size):
    content = os.urandom(size)
    answer = await send(peer, form(content))
    assert (answer.status_code, beside_cost(answer.json())) == (200, {"data": {"keep": size}})
    [kept] = KEPT
    assert (kept.filename, kept.size, kept.content) == ("people.csv", size, content)
    assert kept.sha256 == hashlib.sha256(content).hexdigest()
    assert kept.on_disk == (size > SPOOL_BYTES)
    assert [file.closed for file in files] == [True]


async def test_what_looks_like_a_boundary_is_content(peer):
    content = f"a\r\n--{BOUNDARY}x\r\n--{BOUNDARY[:-1]}\r\n\r\n--\r\r\n-".encode() * 50
    assert (await send(peer, form(content))).status_code == 200
    assert KEPT[0].content == content


@pytest.mark.parametrize("pieces", [1, 7, 1000])
async def test_a_body_in_pieces_is_put_together(peer, pieces):
    content = b"\r\n--" * 500
    body = form(content)

    async def sent():
        for begin in range(0, len(body), pieces):
            yield body[begin : begin + pieces]

    assert (await send(peer, sent())).json()["data"] == {"keep": len(content)}
    assert KEPT[0].content == content


@pytest.mark.parametrize(
    ("query", "variables", "path"),
    [
        (
            "mutation($input: KeepInput!) { keepInput(input: $input) }",
            {"input": {"note": "a", "file": None}},
            "variables.input.file",
        ),
        (
            "mutation($input: KeepAllInput!) { keepAll(input: $input) }",
            {"input": {"files": [None, None]}},
            "variables.input.files.1",
        ),
        ("mutation($f: Upload!) { keep(file: $f) }", {"f": None, "other": None}, "variables.f"),
        ('mutation A { say(text: "") } mutation B($f: Upload!) { keep(file: $f) }', {"f": None}, "variables.f"),
    ],
)
async def test_the_file_is_where_map_says(peer, query, variables, path):
    name = {"operationName": "B"} if "mutation B" in query else {}
    body = b"".join(
        (part("operations", operations(query, variables, **name)), part("map", json.dumps({"x": [path]})),
         part("x", "abc", filename="a.csv"), END)
    )  # fmt: skip
    answer = await send(peer, body)
    assert list(answer.json()["data"].values()) == [3], answer.text
    assert [kept.content for kept in KEPT] == [b"abc"]


async def test_what_clients_may_write_differently(peer):
    for body, content_type in (
        (b"\r\n" + form("abc"), FORM["content-type"]),
        (form("abc").replace(b"Content-Disposition", b"CONTENT-DISPOSITION"), FORM["content-type"]),
        (form("abc").replace(b"Content-Type: text/csv\r\n", b""), FORM["content-type"]),
        (form("abc", filename=None), f'Multipart/Form-Data; charset=utf-8; boundary="{BOUNDARY}"'),
        (form("abc").removesuffix(b"\r\n"), FORM["content-type"]),
        (form("abc") + b"an epilogue", FORM["content-type"]),
        (form("abc").replace(b"text/csv", b"text/csv\r\nContent-Transfer-Encoding: Binary"), FORM["content-type"]),
    ):
        KEPT.clear()
        assert (await send(peer, body, content_type=content_type)).json()["data"] == {"keep": 3}
        assert KEPT[0].content == b"abc"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("people.csv", "people.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\anna\\people.csv", "people.csv"),
        ("\\\\server\\share\\people.csv", "people.csv"),
        ("..", "upload"),
        (".hidden", "hidden"),
        ("", "upload"),
        ("Elever åk 7 – våren.csv", "Elever åk 7 – våren.csv"),
        ("a\tb\x00c\u202egpj.csv", "a b c gpj.csv"),
        ("x" * 300, "x" * 100),
        ("/", "upload"),
    ],
)
async def test_a_file_name_is_only_a_name(peer, given, kept):
    assert safe_name(given) == kept
    if not re.search(r'[\x00\t"]', given):
        await send(peer, form("abc", filename=given.replace("\\", "\\\\")))
        assert KEPT[0].filename == kept


# ---- Refused before the body is read


async def without_reading(**headers: str) -> tuple[int, str, int]:
    """Return status, code, and how often the body was asked for."""
    KEPT.clear()
    asked, sent = 0, []

    async def receive() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": form(), "more_body": False}

    async def note(message: Any) -> None:
        sent.append(message)

    named = {"accept": MODERN, **FORM} | {name.replace("_", "-"): value for name, value in headers.items()}
    scope = {
        "type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "client": None,
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
    }  # fmt: skip
    door = Door(engine=engine(), identify=People().identify, max_body_bytes=16_384, max_upload_bytes=MAX_UPLOAD)
    await GraphQLOverHTTP(door)(scope, receive, note)
    body = json.loads(sent[1]["body"])
    code = body["errors"][0]["extensions"]["code"] if "errors" in body else ""
    return sent[0]["status"], code, asked


COOKIE = "pg_session=good-session"
OURS = "http://patrons.example"


@pytest.mark.parametrize(
    ("status", "code", "headers"),
    [
        (401, "UNAUTHENTICATED", {}),
        (401, "UNAUTHENTICATED", {"cookie": "pg_session=ended", "origin": OURS, "host": "patrons.example"}),
        (401, "UNAUTHENTICATED", {"authorization": "Bearer bad"}),
        (403, "CROSS_ORIGIN", {"cookie": COOKIE}),
        (403, "CROSS_ORIGIN", {"cookie": COOKIE, "origin": "https://evil.example", "host": "patrons.example"}),
        (403, "CROSS_ORIGIN", {"cookie": COOKIE, "origin": "null", "host": "patrons.example"}),
        (403, "CROSS_ORIGIN", {"cookie": COOKIE, "sec_fetch_site": "cross-site"}),
        (403, "CROSS_ORIGIN",
         {"cookie": COOKIE, "origin": OURS, "host": "patrons.example", "sec_fetch_site": "same-site"}),
        (403, "CROSS_ORIGIN", {"origin": "https://evil.example", "host": "patrons.example"}),
        (413, "TOO_LARGE", {**TOKEN, "content_length": str(MAX_UPLOAD * 2)}),
        (413, "TOO_LARGE", {**TOKEN, "content_length": "9" * 40}),
        (415, "UNSUPPORTED_MEDIA_TYPE", {**TOKEN, "content_encoding": "gzip"}),
        (400, "BAD_REQUEST", {**TOKEN, "content_type": "multipart/form-data"}),
        (400, "BAD_REQUEST", {**TOKEN, "content_type": "multipart/form-data; boundary="}),
        (400, "BAD_REQUEST", {**TOKEN, "content_type": "multipart/form-data; boundary=" + "x" * 71}),
        (400, "BAD_REQUEST", {**TOKEN, "content_type": 'multipart/form-data; boundary="a\tb"'}),
    ],
)  # fmt: skip
async def test_some_are_refused_before_a_byte_is_read(settings, status, code, headers):
    assert await without_reading(**headers) == (status, code, 0)
    assert KEPT == []


async def test_our_own_page_and_a_token_from_anywhere_may_send_a_file(settings):
    own = {"cookie": COOKIE, "origin": OURS, "host": "patrons.example", "sec_fetch_site": "same-origin"}
    for headers in (own, {**TOKEN, "origin": "https://partner.example", "sec_fetch_site": "cross-site"}):
        assert await without_reading(**headers) == (200, "", 1)
        assert len(KEPT) == 1


@pytest.mark.parametrize(
    ("status", "code", "query"),
    [
        (403, "FORBIDDEN", "mutation($file: Upload!) { forbidden(file: $file) }"),
        (400, "GRAPHQL_VALIDATION_FAILED", "mutation($file: Upload!) { nothing(file: $file) }"),
        (400, "GRAPHQL_VALIDATION_FAILED", "mutation($file: String!) { keep(file: $file) }"),
        (400, "GRAPHQL_PARSE_FAILED", "mutation {"),
        (400, "UPLOAD_NEEDS_MUTATION", "query($file: Upload) { hello(file: $file) }"),
        (400, "UPLOAD_NEEDS_MUTATION", "subscription($file: Upload!) { never(file: $file) }"),
    ],
)
async def test_what_may_not_run_is_refused_before_the_file_is_kept(peer, files, status, code, query):
    """The file never ends, and the answer comes nevertheless."""
    begun = b"".join((part("operations", operations(query)), part("map", '{"0": ["variables.file"]}')))
    reader, writer = await begin(peer, begun + part("0", "name", filename="a.csv"), 1000000)
    first = await reader.readline()
    rest = await reader.readuntil(b"}]}")
    writer.close()
    assert first.startswith(b"HTTP/1.1 %d " % status)
    assert json.loads(rest.partition(b"\r\n\r\n")[2])["errors"][0]["extensions"]["code"] == code
    assert (KEPT, files) == ([], [])


async def test_an_anonymous_sender_gets_an_answer_over_a_real_connection(peer, files):
    answer = await send(peer, form(b"x" * MAX_UPLOAD), auth={})
    assert refused(answer) == (401, "UNAUTHENTICATED")
    assert answer.headers["www-authenticate"] == 'Bearer realm="patrongraph"'
    assert files == []


async def test_whoever_loses_the_right_meanwhile_is_refused(peer, files):
    """The actor is looked up again when the file is there."""
    body = form("abc")

    async def sent():
        yield body[:-18]
        await until(lambda: files)
        del peer.people.known["Bearer good"]
        yield body[-18:]

    assert refused(await send(peer, sent())) == (401, "UNAUTHENTICATED")
    assert [file.closed for file in files] == [True]


# ---- Malformed

OPERATIONS, MAP = part("operations", operations()), part("map", '{"0": ["variables.file"]}')
FILE = part("0", "abc", filename="a.csv")

MALFORMED: dict[str, bytes] = {
    "nothing": b"",
    "no part": END,
    "no boundary": b"x" * 100,
    "another boundary": (OPERATIONS + MAP + FILE + END).replace(BOUNDARY.encode(), b"another"),
    "text before": b"preamble\r\n" + OPERATIONS + MAP + FILE + END,
    "JSON": operations().encode(),
    "cut off in operations": OPERATIONS[:-40],
    "cut off after operations": OPERATIONS,
    "cut off in map": OPERATIONS + MAP[:-10],
    "cut off after map": OPERATIONS + MAP,
    "cut off in the file": OPERATIONS + MAP + FILE[:-3],
    "cut off before the end": OPERATIONS + MAP + FILE,
    "cut off in the end": OPERATIONS + MAP + FILE + END[:-4],
    "cut off in a header": OPERATIONS + MAP + FILE[:40],
    "only operations": OPERATIONS + END,
    "no file": OPERATIONS + MAP + END,
    "map first": MAP + OPERATIONS + FILE + END,
    "file first": FILE + OPERATIONS + MAP + END,
    "no map": OPERATIONS + FILE + END,
    "operations twice": OPERATIONS + OPERATIONS + FILE + END,
    "map twice": OPERATIONS + MAP + MAP + FILE + END,
    "file twice": OPERATIONS + MAP + FILE + FILE + END,
    "two files": OPERATIONS + MAP + FILE + part("1", "x", filename="b.csv") + END,
    "a field after the file": OPERATIONS + MAP + FILE + part("more", "x") + END,
    "another name than in map": OPERATIONS + MAP + part("1", "x", filename="b.csv") + END,
    "operations as a file": part("operations", operations(), filename="o.json") + MAP + FILE + END,
    "map as a file": OPERATIONS + part("map", '{"0": ["variables.file"]}', filename="m.json") + FILE + END,
    "no name": OPERATIONS + MAP + part(None, "x", headers=["Content-Disposition: form-data"]) + END,
    "no disposition": OPERATIONS + MAP + part(None, "x", headers=["Content-Type: text/csv"]) + END,
    "two dispositions": OPERATIONS + MAP + part("0", "x", headers=['Content-Disposition: form-data; name="map"']) + END,
    "attachment": part(None, operations(), headers=['Content-Disposition: attachment; name="operations"']) + END,
    "a name that is no UTF-8": part(None, "x", headers=['Content-Disposition: form-data; name="0"']).replace(
        b'"0"', b'"\xff"'
    ),
    "base64": OPERATIONS + MAP + part("0", "YWJj", filename="a", headers=["Content-Transfer-Encoding: base64"]) + END,
    "a header without a colon": OPERATIONS + MAP + part("0", "x", headers=["no colon"]) + END,
    "too many headers": OPERATIONS + MAP + part("0", "x", headers=[f"X-{n}: 1" for n in range(MAX_HEADERS)]) + END,
    "a long header": OPERATIONS + MAP + part("0", "x", headers=["X-Long: " + "x" * 5000]) + END,
    "a nul in the name": OPERATIONS + MAP + part("0\x00", "x", filename="a.csv") + END,
}
BAD_OPERATIONS = {
    "empty": "",
    "no JSON": "{",
    "not UTF-8": b'{"query": "\xff"}',
    "a list": f"[{operations()}]",
    "a number": "7",
    "null": "null",
    "no query": '{"variables": {"file": null}}',
    "a query of another type": '{"query": 7}',
    "variables of another type": '{"query": "{ hello }", "variables": [null]}',
    "the query twice": '{"query": "{ hello }", "query": "{ hello }", "variables": {"file": null}}',
    "a nul in the query": operations("mutation($file: Upload!) { keep(file: $file) } # \x00"),
    "a nul in the variables": operations(variables={"file": None, "a": "\x00"}),
    "a raw nul": operations().replace("keep", "\x00"),
    "no variables": json.dumps({"query": QUERY}),
    "no such variable": operations(variables={"other": None}),
    "a text where the file belongs": operations(variables={"file": "people.csv"}),
    "an object where the file belongs": operations(variables={"file": {}}),
    "false where the file belongs": operations(variables={"file": False}),
    "deep": operations(variables={"file": json.loads("[" * 40 + "]" * 40)}),
}
BAD_MAPS = {
    "empty": "",
    "no JSON": "{",
    "a list": '[["variables.file"]]',
    "null": "null",
    "nothing": "{}",
    "two files": '{"0": ["variables.file"], "1": ["variables.file"]}',
    "one file twice": '{"0": ["variables.file"], "0": ["variables.file"]}',
    "a text": '{"0": "variables.file"}',
    "no place": '{"0": []}',
    "two places": '{"0": ["variables.file", "variables.file"]}',
    "a number": '{"0": [7]}',
    "an empty place": '{"0": [""]}',
    "only variables": '{"0": ["variables"]}',
    "the query": '{"0": ["query"]}',
    "a batch": '{"0": ["0.variables.file"]}',
    "a place that is not there": '{"0": ["variables.other"]}',
    "a place in nothing": '{"0": ["variables.file.0"]}',
    "a place in an attribute": '{"0": ["variables.__class__"]}',
    "a dot at the end": '{"0": ["variables.file."]}',
    "a nul": '{"0": ["variables.fi\\u0000le"]}',
}


def with_operations(text: str | bytes) -> bytes:
    return part("operations", text) + MAP + FILE + END


def with_map(text: str, variables: Any = {"file": None}) -> bytes:  # noqa: B006
    return part("operations", operations(variables=variables)) + part("map", text) + FILE + END


EVERY = (
    {f"body: {name}": body for name, body in MALFORMED.items()}
    | {f"operations: {name}": with_operations(text) for name, text in BAD_OPERATIONS.items()}
    | {f"map: {name}": with_map(text) for name, text in BAD_MAPS.items()}
    | {
        f"list: {place}": with_map(json.dumps({"0": [f"variables.file.{place}"]}), {"file": [None]})
        for place in ("1", "-1", "x", "", "٠", "00000000")
    }
)


@pytest.mark.parametrize("body", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize("accept", ["application/json", MODERN])
async def test_a_malformed_request_is_400_in_words(peer, files, body, accept):
    answer = await send(peer, body, accept=accept)
    status, code = refused(answer)
    assert (status, code in ("BAD_REQUEST", "BAD_INPUT")) == (400, True), answer.text
    assert answer.headers["content-type"].startswith(accept)
    assert len(message(answer)) > 20
    assert all(file.closed for file in files)
    assert (await send(peer)).json()["data"] == {"keep": 18}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (MALFORMED["map first"], "Part 1 must be the field operations. A multipart request has three parts in this "
         "order: operations, map, and the file that map names."),
        (MALFORMED["another name than in map"], "Part 3 must be the file that map names."),
        (MALFORMED["cut off in the file"], "cut off: it ends before its closing boundary"),
        (MALFORMED["no boundary"], "cannot be read at byte 0: each part begins with the boundary"),
        (MALFORMED["two files"], "A request carries one file"),
        (with_map(BAD_MAPS["two files"]), 'map must be a JSON object that names one file and where it belongs, like '
         '{"0": ["variables.file"]}.'),
        (with_map(BAD_MAPS["a place that is not there"]), "where operations has nothing: write null there"),
        (with_map(BAD_MAPS["no JSON"]), "map is not valid JSON (line 1, column 2)"),
        (with_operations(BAD_OPERATIONS["a text where the file belongs"]), "has a value: it must be null"),
        (with_operations(BAD_OPERATIONS["a list"]), "Batches are not supported"),
        (with_operations(BAD_OPERATIONS["the query twice"]), "operations names a key twice in one object"),
        (with_operations(BAD_OPERATIONS["no JSON"]), "operations is not valid JSON (line 1, column 2)"),
    ],
)  # fmt: skip
async def test_a_refusal_says_what_would_be_right(peer, body, words):
    assert words in message(await send(peer, body))


# ---- Too much


async def test_a_file_that_is_too_large_is_413(peer, files):
    async def sent(body: bytes):
        for begin in range(0, len(body), 50_000):
            yield body[begin : begin + 50_000]

    for body in (form(b"x" * (MAX_UPLOAD + 1)), sent(form(b"x" * (MAX_UPLOAD + 1)))):
        answer = await send(peer, body)
        assert refused(answer) == (413, "TOO_LARGE")
        assert message(answer) == f"The file is larger than {MAX_UPLOAD} bytes; send it in several files."
    assert [file.closed for file in files] == [True, True]


@pytest.mark.parametrize(
    "body",
    [
        part("operations", operations() + " " * 20_000) + MAP + FILE + END,
        OPERATIONS + part("map", '{"0": ["variables.file"]}' + " " * 20_000) + FILE + END,
        part("operations", operations() + " " * 9_000) + part("map", '{"0": ["variables.file"]}' + " " * 9_000) + END,
    ],
)
async def test_operations_and_map_have_the_limit_of_a_body(peer, files, body):
    answer = await send(peer, body)
    assert refused(answer) == (413, "TOO_LARGE")
    assert message(answer) == "operations and map are larger than 16384 bytes together."
    assert files == []


async def test_what_follows_the_last_boundary_has_a_limit_too(peer, files):
    async def sent():
        yield form("abc")
        for _ in range(80):
            yield b"x" * 50_000

    assert refused(await send(peer, sent())) == (413, "TOO_LARGE")
    assert [file.closed for file in files] == [True]


async def test_a_compressed_form_is_415(peer):
    answer = await send(peer, gzip.compress(form()), content_encoding="gzip")
    assert refused(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")


# ---- Nothing stays open


async def test_a_client_that_goes_away_takes_its_file_along(peer, files):
    _, writer = await begin(peer, form(b"x" * 2_000_000)[:-100], 2500000)
    await until(lambda: files and files[0].name is not None)
    assert not files[0].closed
    writer.transport.abort()
    await until(lambda: files[0].closed)
    assert KEPT == []


async def test_a_bug_in_the_mutation_closes_the_file(peer, files):
    answer = await send(peer, form(query="mutation($file: Upload!) { fail(file: $file) }"))
    assert answer.json()["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert "Anna" not in answer.text
    assert len(KEPT) == 1
    assert [file.closed for file in files] == [True]


async def test_a_full_disk_is_said_in_words(peer, files):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SPOOL_BYTES + 100_000, hard))
    try:
        answer = await send(peer, form(b"x" * 2_000_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert refused(answer) == (503, "UNAVAILABLE")
    assert "no room for the file" in message(answer)
    assert [file.closed for file in files] == [True]


async def test_a_sender_that_falls_silent_is_408(peer, files, monkeypatch):
    monkeypatch.setattr(door_of_uploads, "BODY_SECONDS", 0.2)

    reader, writer = await begin(peer, form("abc")[:-18], 1000)
    assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
    writer.close()
    assert [file.closed for file in files] == [True]


# ---- An Upload is a file and nothing else

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("given", ["people.csv", 7, True, {"filename": "a"}, ["a"], ["a", "b"]], ids=repr)
async def test_a_value_in_json_is_no_upload(peer, given):
    answer = await send(peer, operations(variables={"file": given}).encode(), **JSON, content_type=JSON["content-type"])
    assert refused(answer) == (400, "BAD_VARIABLES")
    assert "multipart" in message(answer)


async def test_null_is_no_upload(peer):
    answer = await send(peer, operations().encode(), content_type=JSON["content-type"])
    assert refused(answer) == (400, "BAD_VARIABLES")


@pytest.mark.parametrize("literal", ['"people.csv"', "7", "{a: 1}", "[]", "NAME"])
@pytest.mark.parametrize("query", ["mutation {{ keep(file: {}) }}", "mutation($f: Upload! = {}) {{ keep(file: $f) }}"])
async def test_a_literal_is_no_upload(peer, query, literal):
    answer = await send(peer, operations(query.format(literal)).encode(), content_type=JSON["content-type"])
    assert refused(answer) == (400, "GRAPHQL_VALIDATION_FAILED")


async def test_an_upload_is_no_text(peer, files):
    answer = await send(peer, form(query="mutation($file: String!) { say(text: $file) }"))
    assert refused(answer) == (400, "BAD_VARIABLES")
    assert "people.csv" not in answer.text
    assert [file.closed for file in files] == [True]


async def test_no_upload_over_a_socket(peer):
    peer.token = "good"
    async with peer.socket() as socket:
        for variables in ({"file": "people.csv"}, {"file": None}, {}):
            id = await socket.start(QUERY, variables)
            answer = await socket.receive()
            assert (answer["type"], answer["id"]) == ("error", id)
            assert answer["payload"][0]["extensions"]["code"] == "BAD_VARIABLES"
        id = await socket.start("subscription($file: Upload!) { never(file: $file) }", {"file": "x"})
        answer = await socket.receive()
        assert (answer["type"], answer["payload"][0]["extensions"]["code"]) == ("error", "BAD_VARIABLES")
    assert KEPT == []


async def test_no_upload_over_server_sent_events(peer):
    stream = {"accept": "text/event-stream"}
    async with peer.client() as client:
        answer = await client.post("/graphql/stream", content=form(), headers=FORM | TOKEN | stream)
        assert refused(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")
        assert "Files go to /graphql" in message(answer)
        text = operations(variables={"file": "x"})
        answer = await client.post("/graphql/stream", content=text, headers=JSON | TOKEN | stream)
    told, ended = [each for each in answer.text.strip().split("\n\n") if each.startswith("event")]
    assert (answer.status_code, told.split("\n")[0], ended.split("\n")[0]) == (200, "event: next", "event: complete")
    envelope = json.loads(told.split("\n")[1].removeprefix("data: "))
    assert (set(envelope), envelope["errors"][0]["extensions"]["code"]) == ({"errors"}, "BAD_VARIABLES")
    assert KEPT == []


async def test_an_upload_counts_in_an_idempotency_keys_fingerprint(settings):
    """Same name, size and bytes are the same request; other bytes are another one."""

    def upload(name: str, content: bytes) -> Upload:
        file = io.BytesIO(content)
        return Upload(name, len(content), hashlib.sha256(content).hexdigest(), file)

    body = {"input": {"file": upload("a.csv", b"abc"), "dryRun": True}}
    same = {"input": {"dryRun": True, "file": upload("a.csv", b"abc")}}
    other = {"input": {"dryRun": True, "file": upload("a.csv", b"abd")}}
    prints = [idempotency._fingerprint("import", one) for one in (body, same, other)]
    assert prints[0] == prints[1] != prints[2]
    assert "a.csv" not in repr(body)


def test_the_schema_says_what_an_upload_is():
    assert '"""\nA file, sent by the GraphQL multipart request' in uploads.SCHEMA.as_str()
