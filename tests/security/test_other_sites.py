"""A page of another site can do nothing with somebody's session, at no address; nor sign anybody in."""

from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import ValidationError
from tests.clients import Api, Socket
from tests.exported import add_export
from tests.fixtures_api import serving
from tests.matrix.recipes import ADDRESSES
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.app import create_app
from patrongraph.exports.actions import create_link
from patrongraph.exports.json_schema import FILE_NAME
from patrongraph.settings import Settings, parse_origin, parse_origins
from patrongraph.staff import actions
from patrongraph.staff.identify import identify

from .conftest import PASSWORD, PIN, SIGN_IN, SIGN_IN_PATRON, ask, browsing, codes, sign_in

NAME = "{ library { name } }"
SIGN_OUT = "mutation { signOut { ended } }"
WATCH = "subscription { jobs { id } }"
FOREIGN = [
    {"origin": "https://elsewhere.example"},
    {"origin": "null"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "origin": "OURS"},
]
FORM = {"content-type": "multipart/form-data; boundary=x"}
FILE = (
    b'--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n{"query":"mutation { signOut { ended } }"}\r\n'
    b'--x\r\ncontent-disposition: form-data; name="map"\r\n\r\n{}\r\n--x--\r\n'
)
GRAPHQL: dict[str, tuple[str, str, dict[str, Any]]] = {
    "query": ("POST", "/graphql", {"json": {"query": NAME}}),
    "query by address": ("GET", "/graphql", {"params": {"query": NAME}}),
    "mutation": ("POST", "/graphql", {"json": {"query": SIGN_OUT}}),
    "file": ("POST", "/graphql", {"content": FILE, "headers": FORM}),
    "not even JSON": ("POST", "/graphql", {"content": b"{", "headers": {"content-type": "application/json"}}),
    "query as event": ("POST", "/graphql/stream", {"json": {"query": NAME}}),
    "subscription": ("POST", "/graphql/stream", {"json": {"query": WATCH}}),
    "subscription by address": ("GET", "/graphql/stream", {"params": {"query": WATCH}}),
    "mutation as event": ("POST", "/graphql/stream", {"json": {"query": SIGN_OUT}}),
}


@pytest_asyncio.fixture
async def cookie(anna: int) -> str:
    return f"pg_session={await actions.sign_in('anna', PASSWORD)}"


@pytest_asyncio.fixture
async def places(town: Town, cookie: str) -> dict[str, str]:
    """Every address that is not open to all, by its route; the export link works once."""
    who = await identify(session_token=cookie.partition("=")[2], authorization=None)
    link = await create_link(who, await add_export(town.id, b"{}\n"))
    paths = [getattr(route, "path", "") for route in create_app(Settings()).routes]
    closed = [path for path in paths if not ADDRESSES[path.replace(FILE_NAME, "{file}")].public]
    assert len(closed) == 8
    return {path: path.replace("{id}", "job_1").replace("{token}", link.token) for path in closed}


async def send(api: Api, method: str, path: str, options: dict[str, Any], **headers: str) -> tuple[int, list[str]]:
    """Return status and codes of an answer, of a stream without waiting for its end."""
    sent = options.get("headers", {}) | headers
    rest = {name: value for name, value in options.items() if name != "headers"}
    async with api.client() as client, client.stream(method, path, headers=sent, **rest) as answer:
        if answer.status_code == 200:
            return 200, []
        return answer.status_code, codes(httpx.Response(answer.status_code, content=await answer.aread()))


@pytest.mark.parametrize("foreign", FOREIGN, ids=str)
async def test_the_session_is_of_no_use_elsewhere(
    api: Api, town: Town, cookie: str, places: dict[str, str], foreign: dict[str, str]
) -> None:
    headers = {name: value.replace("OURS", api.url) for name, value in foreign.items()} | {"cookie": cookie}
    async with nothing_changes():
        for name, (method, path, options) in GRAPHQL.items():
            assert await send(api, method, path, options, **headers) == (403, ["CROSS_ORIGIN"]), name
        for route, path in places.items():
            assert await send(api, "GET", path, {}, **headers) == (403, ["CROSS_ORIGIN"]), route
    # With a token a page asks in its own name, and without anything it learns nothing.
    token = {name: value for name, value in headers.items() if name != "cookie"}
    bearer = await town.token()
    for path in places.values():
        assert (await send(api, "GET", path, {}, **token))[0] == 401
        assert "CROSS_ORIGIN" not in (await send(api, "GET", path, {}, authorization=f"Bearer {bearer}", **headers))[1]
    # The link is its maker's, so the token could not use it up either.
    assert await db.value("SELECT used_at FROM download_link") is None


@pytest.mark.parametrize(
    "own", [{}, {"sec-fetch-site": "none"}, {"sec-fetch-site": "same-origin"}, {"origin": "OURS"}], ids=str
)
async def test_our_own_pages_and_typed_addresses_work(
    api: Api, cookie: str, places: dict[str, str], own: dict[str, str]
) -> None:
    headers = {name: value.replace("OURS", api.url) for name, value in own.items()} | {"cookie": cookie}
    for name in ("query", "query by address", "query as event", "subscription", "subscription by address"):
        assert await send(api, *GRAPHQL[name], **headers) == (200, []), name
    # A form is looked into (this one has no file) for a browser that says where it is, and for no other.
    status, said = await send(api, *GRAPHQL["file"], **headers)
    assert (status, said) == ((400, ["BAD_REQUEST"]) if "origin" in own else (403, ["CROSS_ORIGIN"]))
    answered = {path: (await send(api, "GET", path, {}, **headers))[0] for path in places.values()}
    assert set(answered.values()) == {200, 400, 404}
    assert [status for path, status in answered.items() if path.startswith("/exports/")] == [200]
    assert await send(api, *GRAPHQL["mutation"], **headers) == (200, [])


@pytest.mark.parametrize("foreign", FOREIGN, ids=str)
async def test_nobody_is_signed_in_by_another_site(api: Api, anna: int, patron: int, foreign: dict[str, str]) -> None:
    headers = {name: value.replace("OURS", api.url) for name, value in foreign.items()}
    async with nothing_changes():
        for query, who in ((SIGN_IN, {"u": "anna", "p": PASSWORD}), (SIGN_IN_PATRON, {"u": f"B{patron}", "p": PIN})):
            for secret in (who["p"], "wrong"):  # nor does a foreign page lock anybody out
                payload = {"json": {"query": query, "variables": who | {"p": secret}}}
                for path in ("/graphql", "/graphql/stream"):
                    assert await send(api, "POST", path, payload, **headers) == (403, ["CROSS_ORIGIN"])
        for secret in (PASSWORD, "wrong"):
            async with api.raw_socket(additional_headers=headers) as connection:
                socket = Socket(connection)
                await socket.init()
                await socket.start(SIGN_IN, {"u": "anna", "p": secret})
                message = await socket.receive()
                assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "CROSS_ORIGIN")


@pytest.mark.parametrize("foreign", [{}, *FOREIGN], ids=str)
async def test_a_socket_of_another_site_has_no_session(api: Api, cookie: str, foreign: dict[str, str]) -> None:
    headers = {name: value.replace("OURS", api.url) for name, value in foreign.items()} | {"cookie": cookie}
    async with nothing_changes(), api.raw_socket(additional_headers=headers) as connection:
        socket = Socket(connection)
        await socket.send(type="connection_init")
        assert await socket.close_code() == (4403, "Forbidden: a page of another site may not use your session")


async def test_a_socket_of_ours_has_it(api: Api, cookie: str) -> None:
    async with api.raw_socket(additional_headers={"cookie": cookie, "origin": api.url}) as connection:
        socket = Socket(connection)
        await socket.init()
        answer = {"data": {"library": {"name": "NORTH"}}, "extensions": {"cost": {"requested": 1, "limit": 50_000}}}
        assert [event async for event in socket.events(NAME)] == [answer]


# Behind a proxy


async def test_behind_a_proxy_host_says_which_page_is_ours(settings: Settings, log: Any, anna: int) -> None:
    with serving(settings, log, secure_cookies=True) as url:
        async with browsing(url, host="library.example", origin="https://library.example") as browser:
            assert (await sign_in(browser))["__typename"] == "SignInSuccess"
            cookie = f"__Host-pg_session={browser.cookies['__Host-pg_session']}"
            async with nothing_changes():
                for headers in (
                    {"origin": "http://library.example"},
                    {"origin": "https://library.example:8443"},
                    {"origin": "https://elsewhere.example"},
                    # Whatever else says a host is not believed.
                    {"origin": "https://elsewhere.example", "x_forwarded_host": "elsewhere.example"},
                    {"origin": "https://elsewhere.example", "forwarded": "host=elsewhere.example"},
                ):
                    refused = await ask(browser, SIGN_OUT, cookie=cookie, **headers)
                    assert (refused.status_code, codes(refused)) == (403, ["CROSS_ORIGIN"]), headers
            assert (await ask(browser, NAME, cookie=cookie)).status_code == 200


async def test_where_browsers_come_can_be_said(settings: Settings, log: Any, anna: int) -> None:
    origins = "https://library.example, https://desk.example:8443"
    with serving(settings, log, secure_cookies=True, origins=origins) as url:
        # The proxy passes another Host on.
        async with browsing(url, host="api-1:8000", origin="https://desk.example:8443") as browser:
            assert (await sign_in(browser))["__typename"] == "SignInSuccess"
            async with nothing_changes():
                for origin in ("https://api-1:8000", url, "https://desk.example", "https://library.example:8443"):
                    refused = await ask(browser, SIGN_IN, {"u": "anna", "p": PASSWORD}, origin=origin)
                    assert (refused.status_code, codes(refused)) == (403, ["CROSS_ORIGIN"]), origin
                # Being ours too does not let a page use what is another page's.
                other = await ask(
                    browser, SIGN_IN, {"u": "anna", "p": PASSWORD},
                    origin="https://library.example", sec_fetch_site="same-site",
                )  # fmt: skip
                assert (other.status_code, codes(other)) == (403, ["CROSS_ORIGIN"])


def test_origins_are_read_or_refused() -> None:
    assert parse_origins("") == frozenset()
    assert parse_origins("https://Library.example, http://127.0.0.1:8000") == {
        ("https", "library.example", 443),
        ("http", "127.0.0.1", 8000),
    }
    for bad in ("library.example", "https://", "https://a/b", "https://u@a", "ftp://a", "https://a:x", "https://[a"):
        assert parse_origin(bad) is None, bad
        with pytest.raises(ValidationError, match="number 2 is not like https://library"):
            Settings(origins=f"https://a.example,{bad}")
    with pytest.raises(ValidationError, match="each begins with https://"):
        Settings(secure_cookies=True, origins="http://library.example")


# What the cookie is


def attributes(answer: httpx.Response) -> tuple[str, dict[str, str]]:
    [cookie] = answer.headers.get_list("set-cookie")
    named, *rest = cookie.split("; ")
    pairs = [part.partition("=") for part in rest]
    assert len({name for name, _, _ in pairs}) == len(pairs)
    return named.partition("=")[0], {name: value for name, _, value in pairs}


async def test_the_cookie_of_https_is_bound_to_the_host(settings: Settings, log: Any, anna: int, patron: int) -> None:
    common = {"Path": "/", "HttpOnly": "", "SameSite": "Strict", "Secure": ""}  # and no Domain
    with serving(settings, log, secure_cookies=True) as url:
        async with browsing(url, host="library.example", origin="https://library.example") as browser:
            for query, who, seconds in (
                (SIGN_IN, {"u": "anna", "p": PASSWORD}, "43200"),
                (SIGN_IN_PATRON, {"u": f"B{patron}", "p": PIN}, "3600"),
                (SIGN_OUT, {}, "0"),
            ):
                answer = await ask(browser, query, who)
                assert attributes(answer) == ("__Host-pg_session", common | {"Max-Age": seconds})
                assert answer.headers["strict-transport-security"] == "max-age=31536000"
            # What plain HTTP, or another host of the domain, could have set is no session.
            token = await actions.sign_in("anna", PASSWORD)
            assert (await ask(browser, NAME, cookie=f"pg_session={token}")).status_code == 401
            assert (await ask(browser, NAME, cookie=f"__Host-pg_session={token}")).status_code == 200


async def test_no_answer_can_be_put_into_another_sites_page(api: Api, cookie: str, places: dict[str, str]) -> None:
    async with api.client() as client:
        for path in ("/graphql", "/healthz", "/nothing", *places.values()):
            answer = await client.get(path, headers={"cookie": cookie})
            assert answer.headers["cross-origin-resource-policy"] == "same-origin", path
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
            assert not [name for name in answer.headers if name.startswith("access-control-")]
