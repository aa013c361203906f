"""The console's addresses: one page for all of them, files that are kept for good, and nothing from elsewhere."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from patrongraph.console import Console

HTML = {"accept": "text/html,application/xhtml+xml"}
CONSOLE_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; style-src 'self'; font-src 'self'"
)
EXPLORER_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
    "worker-src 'self' blob:"
)


@pytest_asyncio.fixture
async def browser(api_process: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=api_process, headers=HTML, trust_env=False) as client:
        yield client


def files(page: str) -> list[str]:
    return re.findall(r'(?:src|href)="([^"]+)"', page)


@pytest.mark.parametrize("path", ["/console", "/console/", "/console/patrons", "/console/patrons/pat_12/loans?after=x"])
async def test_every_address_of_the_console_gives_its_page(browser: httpx.AsyncClient, path: str) -> None:
    answer = await browser.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert '<div id="console"></div>' in answer.text
    assert answer.headers["content-security-policy"] == CONSOLE_POLICY
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"


async def test_the_explorer_has_a_page_and_a_policy_of_its_own(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/explorer")
    assert (answer.status_code, answer.headers["content-security-policy"]) == (200, EXPLORER_POLICY)
    assert '<div id="explorer"></div>' in answer.text


@pytest.mark.parametrize("page", ["/console", "/explorer"])
async def test_all_that_a_page_loads_is_ours_and_is_kept_for_good(browser: httpx.AsyncClient, page: str) -> None:
    named = files((await browser.get(page)).text)
    assert len(named) > 2
    for file in named:
        assert file.startswith("/console/assets/")
        answer = await browser.get(file)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-type"].split(";")[0] in ("text/javascript", "text/css", "image/svg+xml")


async def test_a_file_is_the_same_packed_and_unpacked(browser: httpx.AsyncClient) -> None:
    [script] = [
        file for file in files((await browser.get("/console")).text) if "/index-" in file and file.endswith(".js")
    ]
    packed = await browser.get(script, headers={"accept-encoding": "gzip"})
    plain = await browser.get(script, headers={"accept-encoding": "identity"})
    assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "accept-encoding")
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"])


@pytest.mark.parametrize(
    "path",
    [
        "/console/assets/nothing-here.js",
        "/console/assets/..%2f..%2fconsole.py",
        "/console/assets/%2e%2e%2findex.html",
        "/console/assets/",
        "/console/assets/%2findex.html",
        "/console/assets/index.js%00.css",
    ],
)
async def test_what_is_no_file_of_the_build_is_not_found(api_process: str, path: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        url = httpx.URL(api_process).copy_with(raw_path=path.encode())
        answer = await client.send(client.build_request("GET", url, headers=HTML))
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_a_browser_at_the_root_is_sent_to_the_console_and_a_program_is_not(browser: httpx.AsyncClient) -> None:
    sent = await browser.get("/")
    assert (sent.status_code, sent.headers["location"]) == (303, "/console")
    told = await browser.get("/", headers={"accept": "*/*"})
    assert told.status_code == 404


async def test_without_a_build_it_is_said_what_to_do(tmp_path: Path) -> None:
    transport = httpx.ASGITransport(app=Starlette(routes=Console(tmp_path).routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://library.test") as client:
        for path in ("/console", "/console/patrons", "/explorer"):
            answer = await client.get(path)
            assert answer.status_code == 503
            assert answer.text == (
                "The console is not built. Run `make console`, or install PatronGraph from its wheel, which has it.\n"
            )
        assert (await client.get("/console/assets/index.js")).status_code == 404
