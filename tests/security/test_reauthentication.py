"""The password again, within five minutes, before a purge, a deletion and the export of many."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from tests.clients import Api
from tests.town import Town, nothing_changes

from patrongraph import db

from .conftest import PASSWORD, browsing, found, sign_in

PURGE = """mutation($ids: [ID!], $filter: PatronFilter, $dry: Boolean!, $count: Int, $token: String, $key: String) {
  found: purgePatrons(input: {patronIds: $ids, filter: $filter, dryRun: $dry, confirmCount: $count,
                              confirmationToken: $token, idempotencyKey: $key}) {
    __typename ... on PurgePreview { matched confirmationToken } ... on Problem { code message } } }"""
LOST = """mutation($id: ID!, $loans: [ID!]!, $purge: Boolean!, $dry: Boolean!) {
  found: markLoansLost(input: {patronId: $id, loanIds: $loans, purge: $purge, dryRun: $dry}) {
    __typename ... on Problem { code } } }"""
DELETE = """mutation($id: ID!, $token: String) {
  found: deletePatron(input: {patronId: $id, confirmationToken: $token}) {
    __typename ... on DeletePatronPreview { confirmationToken } ... on Problem { code } } }"""
EXPORT = "mutation { found: exportPatrons(input: {}) { __typename ... on Problem { code } } }"
AGAIN = "mutation($p: String!) { found: reauthenticate(input: {password: $p}) { __typename ... on Problem { code } } }"
REQUIRED = {"__typename": "ReauthenticationRequired", "code": "REAUTHENTICATION_REQUIRED"}
PASSED = "UPDATE session SET reauthenticated_at = reauthenticated_at - make_interval(secs => $1) RETURNING id"


@pytest_asyncio.fixture
async def browser(api: Api, anna: int) -> AsyncIterator[httpx.AsyncClient]:
    """Anna's, who signed in long ago."""
    async with browsing(api.url) as browser:
        assert (await sign_in(browser))["__typename"] == "SignInSuccess"
        await db.rows(PASSED, 301)
        yield browser


async def asked(browser: httpx.AsyncClient, query: str, **variables: Any) -> Any:
    answer = await found(browser, query, variables)
    answer.pop("message", None)
    return answer


async def again(browser: httpx.AsyncClient) -> None:
    assert await asked(browser, AGAIN, p=PASSWORD) == {"__typename": "ReauthenticateSuccess"}


async def test_a_purge_by_filter(browser: httpx.AsyncClient, town: Town) -> None:
    await town.patrons(2)
    preview = await asked(browser, PURGE, filter={}, dry=True)  # looking is free
    given = {"filter": {}, "dry": False, "count": 2, "token": preview["confirmationToken"], "key": "once"}
    async with nothing_changes():
        assert await asked(browser, PURGE, **given) == REQUIRED
        said = await found(browser, PURGE, given)
        assert said["message"] == "Give your password again first: it counts for 5 minutes."
        assert (await asked(browser, PURGE, **given | {"filter": None, "ids": ["pat_1"]})) == REQUIRED
    await again(browser)
    assert await asked(browser, PURGE, **given) == {"__typename": "PurgePatronsSuccess"}
    # What was done is told to whoever sends it again, however late.
    await db.rows(PASSED, 301)
    async with nothing_changes():
        assert await asked(browser, PURGE, **given) == {"__typename": "PurgePatronsSuccess"}


async def test_mark_as_lost_and_purge(browser: httpx.AsyncClient, town: Town) -> None:
    [patron] = await town.patrons(1)
    given = {"id": f"pat_{patron}", "loans": [f"loan_{await town.open_loan(patron)}"], "dry": False}
    async with nothing_changes():
        assert await asked(browser, LOST, **given, purge=True) == REQUIRED
        preview = await asked(browser, LOST, **given | {"dry": True, "loans": []}, purge=True)
        assert preview == {"__typename": "MarkLoansLostPreview"}
    await again(browser)
    assert await asked(browser, LOST, **given, purge=True) == {"__typename": "MarkLoansLostSuccess"}
    assert await db.value("SELECT kind FROM job") == "PURGE"


async def test_mark_as_lost_without_a_purge_is_desk_work(browser: httpx.AsyncClient, town: Town) -> None:
    [patron] = await town.patrons(1)
    given = {"id": f"pat_{patron}", "loans": [f"loan_{await town.open_loan(patron)}"], "dry": False}
    assert await asked(browser, LOST, **given, purge=False) == {"__typename": "MarkLoansLostSuccess"}


async def test_a_deletion(browser: httpx.AsyncClient, town: Town) -> None:
    [patron] = await town.patrons(1)
    preview = await asked(browser, DELETE, id=f"pat_{patron}")
    given = {"id": f"pat_{patron}", "token": preview["confirmationToken"]}
    async with nothing_changes():
        assert await asked(browser, DELETE, **given) == REQUIRED
    await again(browser)
    assert await asked(browser, DELETE, **given) == {"__typename": "DeletePatronSuccess"}
    assert await town.remaining() == []


async def test_an_export_of_many(browser: httpx.AsyncClient, town: Town) -> None:
    await town.patrons(2)
    async with nothing_changes():
        assert await asked(browser, EXPORT) == REQUIRED
    await again(browser)
    assert await asked(browser, EXPORT) == {"__typename": "ExportStarted"}


@pytest.mark.parametrize(("seconds", "enough"), [(270, True), (301, False)])
async def test_it_counts_for_five_minutes(browser: httpx.AsyncClient, town: Town, seconds: int, enough: bool) -> None:
    await town.patrons(1)
    assert (await sign_in(browser))["__typename"] == "SignInSuccess"  # signing in counts
    await db.rows(PASSED, seconds)
    assert await asked(browser, EXPORT) == ({"__typename": "ExportStarted"} if enough else REQUIRED)


async def test_the_wrong_password_and_another_session_are_of_no_use(
    api: Api, browser: httpx.AsyncClient, town: Town
) -> None:
    await town.patrons(1)
    failed = {"__typename": "SignInFailed", "code": "SIGN_IN_FAILED"}
    assert await asked(browser, AGAIN, p="wrong") == failed
    assert await asked(browser, EXPORT) == REQUIRED
    async with browsing(api.url) as elsewhere:
        await sign_in(elsewhere)  # the same person, in another browser
        assert await asked(browser, EXPORT) == REQUIRED
        assert await asked(elsewhere, EXPORT) == {"__typename": "ExportStarted"}
    for _ in range(5):
        assert await asked(browser, AGAIN, p="wrong") == failed
    assert await asked(browser, AGAIN, p=PASSWORD) == failed  # locked, as at the door
    assert await asked(browser, EXPORT) == REQUIRED


async def test_a_token_has_no_password_to_give(api: Api, town: Town) -> None:
    await town.patrons(1)
    token = await town.token()
    assert (await api.data(EXPORT, token=token))["found"] == {"__typename": "ExportStarted"}
    done = (await api.data(PURGE, {"ids": ["pat_1"], "dry": False}, token))["found"]
    assert done["__typename"] == "PurgePatronsSuccess"
    assert (await api.data(AGAIN, {"p": PASSWORD}, token))["found"]["code"] == "NOT_FOUND"
