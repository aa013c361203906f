"""APIs with other settings than the tests' own, and browsers of staff and patrons before them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from tests.clients import MODERN
from tests.town import Town

from patrongraph import db
from patrongraph.patrons.pins import hash_pin
from patrongraph.permissions import ALL_PERMISSIONS
from patrongraph.staff import actions, throttle
from patrongraph.staff.passwords import hash_secret

PASSWORD, PIN = "seven quiet herons", "4711"
SIGN_IN = """mutation($u: String!, $p: String!, $l: String) { found: signIn(input: {
  username: $u, password: $p, libraryCode: $l}) { __typename ... on Problem { code message }
  ... on SignInThrottled { retryAfterSeconds } } }"""
SIGN_IN_PATRON = """mutation($u: String!, $p: String!, $l: String) { found: signInPatron(input: {
  barcode: $u, pin: $p, libraryCode: $l}) { __typename ... on Problem { code message }
  ... on SignInThrottled { retryAfterSeconds } } }"""


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    """What earlier tests failed at in this process does not count here."""
    throttle.share(None)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest_asyncio.fixture
async def anna(town: Town) -> int:
    """Somebody of NORTH who may do everything."""
    return await actions.create_staff(town.system, "anna", PASSWORD, permissions=ALL_PERMISSIONS)


@pytest_asyncio.fixture
async def patron(town: Town) -> int:
    """A patron with a PIN, whose card is B<id>."""
    [made] = await town.patrons(1, status="ACTIVE")
    await db.rows("UPDATE patron_pin SET pin_hash = $1 RETURNING 1", await hash_pin(PIN))
    return made


async def more_staff(town: Town, *names: str) -> None:
    """Colleagues with anna's password."""
    hashed = await hash_secret(PASSWORD)
    for name in names:
        await db.rows(
            "INSERT INTO staff_user (library_id, username, display_name, password_hash) VALUES ($1, $2, $2, $3)",
            town.id, name, hashed,
        )  # fmt: skip


@asynccontextmanager
async def browsing(url: str, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    """A browser on one of the API's own pages, which keeps cookies."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    own = {"accept": MODERN, "origin": url, "sec-fetch-site": "same-origin"}
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False, headers=own | named) as client:
        yield client


async def ask(browser: httpx.AsyncClient, query: str, variables: Any = None, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await browser.post("/graphql", json={"query": query, "variables": variables or {}}, headers=named)


async def found(browser: httpx.AsyncClient, query: str, variables: Any = None, **headers: str) -> Any:
    """What the mutation that is called `found` answers."""
    answer = await ask(browser, query, variables, **headers)
    assert (answer.status_code, answer.json().get("errors")) == (200, None), answer.text
    return answer.json()["data"]["found"]


async def sign_in(browser: httpx.AsyncClient, username: str = "anna", password: str = PASSWORD, **headers: str) -> Any:
    return await found(browser, SIGN_IN, {"u": username, "p": password, "l": "NORTH"}, **headers)


def codes(answer: httpx.Response) -> list[str]:
    return [error["extensions"]["code"] for error in answer.json().get("errors", ())]
