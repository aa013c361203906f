"""GraphQL over HTTP: each status, each header, and never a 500 for what a client sends."""

import gzip
import json
import logging

import asyncpg
import pytest
from tests.transport.peer import Peer, serving

JSON = {"content-type": "application/json"}
MODERN = "application/graphql-response+json"
HELLO = '{"query":"{ hello }"}'


async def send(peer: Peer, method: str = "POST", path: str = "/graphql", content=HELLO, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    async with peer.client() as client:
        return await client.request(method, path, content=content if method == "POST" else None, headers=JSON | headers)


def code_of(answer) -> str:
    body = answer.json()
    assert set(body) == {"errors"}
    [error] = body["errors"]
    assert error["message"]
    return error["extensions"]["code"]


async def test_an_answer_is_complete(peer):
    answer = await send(peer, accept=MODERN)
    assert (answer.status_code, answer.content) == (200, b'{"data":{"hello":"Hello you"}}')
    assert answer.headers["content-type"] == f"{MODERN}; charset=utf-8"
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert len(answer.headers["x-request-id"]) == 24
    assert "server" not in answer.headers or answer.headers["server"] == "uvicorn"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("application/json", "application/json"),
        ("application/json; charset=utf-8", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        (MODERN, MODERN),
        (f"{MODERN}, application/json;q=0.9", MODERN),
        (f"{MODERN};q=0.5, application/json", "application/json"),
        (f"application/json, {MODERN}", MODERN),
        (f"{MODERN};q=0, */*", "application/json"),
        ("application/json;q=0, */*", MODERN),
        ("text/html, */*;q=0.1", "application/json"),
        ("", "application/json"),
    ],
)
async def test_the_content_type_is_the_one_asked_for(peer, accept, content_type):
    answer = await send(peer, accept=accept)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"{content_type}; charset=utf-8"


@pytest.mark.parametrize(
    "accept",
    ["text/html", "text/event-stream", "application/json;q=0", "application/json;q=x", "nonsense", "*/*" + "," * 2000],
)
async def test_nothing_acceptable(peer, accept):
    answer = await send(peer, accept=accept)
    assert (answer.status_code, code_of(answer)) == (406, "NOT_ACCEPTABLE")


@pytest.mark.parametrize(
    ("query", "legacy", "modern"),
    [
        ("{ hello", 200, 400),
        ("{ unknown }", 200, 400),
        ("query A { hello } query B { hello }", 200, 400),
        ("query($n: Int!) { hello }", 200, 400),
        ("{ secret }", 200, 401),
        ("", 200, 400),
        ("{a" * 500 + "}" * 499, 200, 400),
        ("{ hello(name: " + "[" * 900 + ") }", 200, 400),
    ],
)
async def test_what_graphql_refuses(peer, query, legacy, modern):
    content = json.dumps({"query": query})
    for accept, status in (("application/json", legacy), (MODERN, modern)):
        answer = await send(peer, content=content, accept=accept)
        assert answer.status_code == status
        assert answer.headers["content-type"].startswith(accept)
        code_of(answer)
        assert ("www-authenticate" in answer.headers) == (status == 401)


async def test_a_permission_that_lacks_is_403(peer):
    answer = await send(peer, content='{"query":"{ secret }"}', accept=MODERN, authorization="Bearer weak")
    assert (answer.status_code, code_of(answer)) == (403, "FORBIDDEN")


@pytest.mark.parametrize("accept", ["application/json", MODERN])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"nonsense",
        b'"text"',
        b"null",
        b"7",
        b"true",
        b"[]",
        b'[{"query":"{ hello }"}]',
        b"{}",
        b'{"query":null}',
        b'{"query":7}',
        b'{"query":{}}',
        b'{"query":["{ hello }"]}',
        b'{"query":"{ hello }","operationName":7}',
        b'{"query":"{ hello }","operationName":{}}',
        b'{"query":"{ hello }","variables":7}',
        b'{"query":"{ hello }","variables":"{}"}',
        b'{"query":"{ hello }","variables":[]}',
        b'{"query":"{ hello }","extensions":[]}',
        b'{"query":"{ hello }","extensions":"x"}',
        b'{"query":"{ hello }","query":"{ who }"}',
        b'{"query":"{ hello }","variables":{"a":1},"variables":{"a":2}}',
        b'{"query":"{ hello }\xff"}',
        b'{"query":"{ hello \\ud800 }"}',
        b"\xef\xbb\xbf" + HELLO.encode(),
        HELLO.encode("utf-16"),
        b'{"query":"{ hello }","variables":' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}",
        b'{"query":"{ hello }","variables":{"a":' + b"[" * 40 + b"]" * 40 + b"}}",
        b"[" * 10_000,
        b'{"query":"{ hello }","variables":{"a":"\\u0000"}}',
        b'{"query":"{ hello }","variables":{"\\u0000":1}}',
        b'{"query":"{ hello(name: \\"\\\\u0000\\") }"}',
        b'{"query":"{ hello(name: \\"\\\\u{00}\\") }"}',
        b'{"query":"{ hello }\\u0000"}',
    ],
    ids=range(35),
)
async def test_a_malformed_body_is_400(peer, accept, content):
    answer = await send(peer, content=content, accept=accept)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith(accept)
    code_of(answer)


async def test_null_is_as_good_as_absent(peer):
    content = '{"query":"{ hello }","variables":null,"operationName":null,"extensions":null,"more":1}'
    answer = await send(peer, content=content)
    assert (answer.status_code, answer.json()) == (200, {"data": {"hello": "Hello you"}})


async def test_variables_and_operation_name_arrive(peer):
    query = "query A { who } query B($n: String) { hello(name: $n) }"
    content = {"query": query, "operationName": "B", "variables": {"n": "Åsa"}}
    answer = await send(peer, content=json.dumps(content, ensure_ascii=False))
    assert answer.json() == {"data": {"hello": "Hello Åsa"}}


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/mixed; boundary=x",
        "application/graphql",
        "application/graphql-response+json",
        "application/json; charset=iso-8859-1",
        "application/json;charset=utf-16",
        "",
    ],
)
async def test_another_content_type_is_415(peer, content_type):
    answer = await send(peer, content_type=content_type)
    assert (answer.status_code, code_of(answer)) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_no_content_type_is_415(peer):
    async with peer.client() as client:
        answer = await client.post("/graphql", content=HELLO)
    assert (answer.status_code, code_of(answer)) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_compressed_body_is_415(peer):
    answer = await send(peer, content=gzip.compress(HELLO.encode()), content_encoding="gzip")
    assert (answer.status_code, code_of(answer)) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", 'APPLICATION/JSON;charset="UTF-8"'])
async def test_utf8_may_be_said(peer, content_type):
    assert (await send(peer, content_type=content_type)).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_another_method_is_405(peer, method):
    answer = await send(peer, method)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    assert code_of(answer) == "METHOD_NOT_ALLOWED"


async def test_head_is_405(peer):
    answer = await send(peer, "HEAD")
    assert (answer.status_code, answer.headers["allow"], answer.content) == (405, "GET, POST", b"")


async def get(peer, query_string: str, path="/graphql", **headers):
    async with peer.client() as client:
        return await client.get(f"{path}?{query_string}", headers=headers)


async def test_a_query_by_get(peer):
    answer = await get(peer, 'query=query($n:String){hello(name:$n)}&variables={"n":"Åsa"}&operationName=')
    assert (answer.status_code, answer.json()) == (200, {"data": {"hello": "Hello Åsa"}})


@pytest.mark.parametrize(
    "query_string",
    [
        "",
        "variables={}",
        "query={hello}&query={who}",
        "query={hello}&variables=[]",
        "query={hello}&variables=7",
        "query={hello}&variables={",
        "query={hello}&extensions=x",
        "query=%ff",
        "query=%00",
        "&".join(f"a{n}=1" for n in range(60)),
    ],
)
async def test_a_malformed_get_is_400(peer, query_string):
    answer = await get(peer, query_string)
    assert answer.status_code == 400
    code_of(answer)


async def test_a_mutation_by_get_is_405_and_does_nothing(peer):
    answer = await get(peer, "query=mutation{set(value:7)}")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert code_of(answer) == "METHOD_NOT_ALLOWED"
    assert peer.engine.value == 0


@pytest.mark.parametrize("accept", ["application/json", MODERN])
async def test_a_subscription_is_told_where_to_go(peer, accept):
    answer = await send(peer, content='{"query":"subscription { forever }"}', accept=accept)
    assert (answer.status_code, code_of(answer)) == (400, "SUBSCRIPTION_NEEDS_STREAM")
    assert "/graphql/stream" in answer.json()["errors"][0]["message"]
    assert peer.engine.running == set()


async def test_a_large_body_is_413(peer):
    content = '{"query":"mutation { set(value: 7) }"' + " " * 20_000 + "}"
    answer = await send(peer, content=content)
    assert (answer.status_code, code_of(answer)) == (413, "TOO_LARGE")
    assert peer.engine.value == 0


async def test_a_large_body_in_pieces_is_413(peer):
    async def pieces():
        yield b'{"query":"mutation { set(value: 7) }"'
        for _ in range(10):
            yield b" " * 4000
        yield b"}"

    answer = await send(peer, content=pieces())
    assert (answer.status_code, code_of(answer)) == (413, "TOO_LARGE")
    assert peer.engine.value == 0


async def test_a_body_in_pieces_is_put_together(peer):
    async def pieces():
        for one in HELLO:
            yield one.encode()

    assert (await send(peer, content=pieces())).json() == {"data": {"hello": "Hello you"}}


@pytest.mark.parametrize("given", ["0123456789abcdef", "3f2504e0-4f89-11d3-9a0c-0305e82c3301"])
async def test_a_request_id_is_taken_over(peer, given):
    assert (await send(peer, x_request_id=given)).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["short", "1" * 65, "with space in the middle", "<script>alert(1)</script>", ""])
async def test_another_request_id_is_replaced(peer, given):
    answer = await send(peer, x_request_id=given)
    assert answer.headers["x-request-id"] != given
    assert len(answer.headers["x-request-id"]) == 24


async def test_a_bad_token_is_401(peer):
    for accept in ("application/json", MODERN):
        answer = await send(peer, accept=accept, authorization="Bearer bad")
        assert (answer.status_code, code_of(answer)) == (401, "UNAUTHENTICATED")
        assert answer.headers["www-authenticate"] == 'Bearer realm="patrongraph", error="invalid_token"'


async def who(peer, **headers):
    return (await send(peer, content='{"query":"{ who }"}', **headers)).json()["data"]["who"]


async def test_who_asks(peer):
    assert await who(peer) == "ANONYMOUS:0"
    assert await who(peer, authorization="Bearer good") == "TOKEN:2"
    assert await who(peer, cookie="a=b; pg_session=good-session; c=d") == "STAFF:1"
    assert await who(peer, cookie="xpg_session=good-session") == "ANONYMOUS:0"
    assert await who(peer, cookie="pg_session=ended") == "ANONYMOUS:0"
    assert await who(peer, cookie="pg_session=good-session", authorization="Bearer good") == "TOKEN:2"


async def test_a_safe_cookie_has_another_name():
    async with serving(cookie_name="__Host-pg_session", https_only=True) as peer:
        assert await who(peer, cookie="__Host-pg_session=good-session") == "STAFF:1"
        assert await who(peer, cookie="pg_session=good-session") == "ANONYMOUS:0"
        origin = peer.url
        answer = await send(peer, content=SET, cookie="__Host-pg_session=good-session", origin=origin)
        assert (answer.status_code, peer.engine.value) == (403, 0)
        answer = await send(
            peer, content=SET, cookie="__Host-pg_session=good-session", origin=origin.replace("http", "https")
        )
        assert (answer.status_code, peer.engine.value) == (200, 7)


SET = '{"query":"mutation { set(value: 7) }"}'


@pytest.mark.parametrize("cookie", ["pg_session=good-session", "other=1"])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "http://[bad"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "origin": "OURS"},
    ],
)
async def test_a_foreign_page_changes_nothing(peer, headers, cookie):
    headers = {name: value.replace("OURS", peer.url) for name, value in headers.items()}
    answer = await send(peer, content=SET, cookie=cookie, **headers)
    assert (answer.status_code, code_of(answer)) == (403, "CROSS_ORIGIN")
    assert peer.engine.value == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "OURS"},
        {"origin": "OURS", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "same-origin"},
    ],
)
async def test_our_own_page_may_change(peer, headers):
    headers = {name: value.replace("OURS", peer.url) for name, value in headers.items()}
    answer = await send(peer, content=SET, cookie="pg_session=good-session", **headers)
    assert (answer.status_code, peer.engine.value) == (200, 7)


async def test_a_token_may_come_from_anywhere(peer):
    answer = await send(
        peer,
        content=SET,
        authorization="Bearer good",
        origin="https://partner.example",
        sec_fetch_site="cross-site",
    )
    assert (answer.status_code, peer.engine.value) == (200, 7)


async def test_a_mutation_looks_at_the_actor_afresh(peer):
    await send(peer, authorization="Bearer good")
    assert peer.people.fresh_looks == 0
    await send(peer, content=SET, authorization="Bearer good")
    assert peer.people.fresh_looks == 1


async def test_cookies_that_a_mutation_sets(peer):
    answer = await send(peer, content='{"query":"mutation { signIn }"}')
    assert answer.headers["set-cookie"] == "pg_session=abc; HttpOnly; SameSite=Lax; Path=/"


async def test_a_bug_is_masked_and_logged_without_its_words(peer, caplog):
    with caplog.at_level(logging.INFO):
        answer = await send(peer, content='{"query":"{ boom }"}')
    assert (answer.status_code, code_of(answer)) == (500, "INTERNAL")
    assert answer.headers["x-request-id"] in answer.json()["errors"][0]["message"]
    assert "Anna" not in answer.text
    [record] = [one for one in caplog.records if one.name == "patrongraph.graph"]
    assert (record.error, record.request_id) == ("SystemError", answer.headers["x-request-id"])
    assert record.where.startswith("patrongraph/graph/http.py:")
    assert "Anna" not in caplog.text


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError("no"),
        asyncpg.CrashShutdownError("the server ends connections"),
        asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_an_absent_database_is_503(peer, error):
    peer.people.error = error
    answer = await send(peer, authorization="Bearer good")
    assert (answer.status_code, code_of(answer)) == (503, "UNAVAILABLE")


async def test_another_address_is_404_in_json(peer):
    answer = await send(peer, "GET", "/nothing")
    assert (answer.status_code, code_of(answer)) == (404, "NOT_FOUND")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert len(answer.headers["x-request-id"]) == 24


async def test_no_address_redirects(peer):
    for path in ("/graphql/", "/graphql/stream/"):
        assert (await send(peer, path=path)).status_code == 404
