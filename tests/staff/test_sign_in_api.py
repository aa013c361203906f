"""Signing in to the running API: a cookie that acts, is bound to our own pages, and ends; and the viewer."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.clients import MODERN, Api, beside_cost
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.permissions import Permission
from patrongraph.staff import actions

PASSWORD = "seven quiet herons"
SIGN_IN = """
mutation($u: String!, $p: String!, $l: String) { signIn(input: {username: $u, password: $p, libraryCode: $l}) {
  __typename ... on SignInSuccess { permissions } ... on Problem { code message } } }
"""
VIEWER = """
{ viewer { __typename
  ... on StaffViewer { user { username roles { name } } library { code } permissions }
  ... on TokenViewer { token { name state } library { code } permissions } } }
"""
PERMISSIONS = "{ viewer { ... on StaffViewer { permissions } } }"
DEACTIVATE = 'mutation { deactivatePatrons(input: {patronIds: ["pat_1"]}) { __typename } }'
HELD = [Permission.PATRONS_VIEW, Permission.PATRONS_DEACTIVATE]


@pytest.fixture
async def browser(api: Api, town: Town) -> AsyncIterator[httpx.AsyncClient]:
    """A browser on one of our own pages, which keeps cookies; anna works in NORTH, and an active patron is there."""
    await actions.create_staff(town.system, "anna", PASSWORD, permissions=HELD)
    await town.patrons(1, status="ACTIVE")
    async with api.client() as client:
        client.headers.update({"accept": MODERN, "origin": api.url, "sec-fetch-site": "same-origin"})
        yield client


async def ask(browser: httpx.AsyncClient, query: str, variables: Any = None, **headers: str) -> httpx.Response:
    return await browser.post("/graphql", json={"query": query, "variables": variables}, headers=headers)


async def sign_in(browser: httpx.AsyncClient, password: str = PASSWORD, code: str = "NORTH", **headers: str) -> Any:
    return await ask(browser, SIGN_IN, {"u": "anna", "p": password, "l": code}, **headers)


def codes(answer: httpx.Response) -> list[str]:
    return [error["extensions"]["code"] for error in answer.json()["errors"]]


async def test_the_cookie_acts_until_it_is_given_back(browser: httpx.AsyncClient) -> None:
    answer = await sign_in(browser)
    assert answer.json()["data"]["signIn"]["permissions"] == ["PATRONS_VIEW", "PATRONS_DEACTIVATE"]
    cookie = answer.headers["set-cookie"]
    assert cookie.endswith("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict")
    viewer = (await ask(browser, PERMISSIONS)).json()
    assert beside_cost(viewer) == {"data": {"viewer": {"permissions": ["PATRONS_VIEW", "PATRONS_DEACTIVATE"]}}}
    # Which role somebody has is for staff managers.
    refused = await ask(browser, VIEWER)
    assert (refused.status_code, codes(refused)) == (403, ["FORBIDDEN"])
    done = await ask(browser, DEACTIVATE)
    assert beside_cost(done.json()) == {"data": {"deactivatePatrons": {"__typename": "PatronsStatusSuccess"}}}
    who = await db.row("SELECT actor_kind, actor_id FROM audit_event WHERE action = 'patron.deactivate'")
    assert who is not None
    assert tuple(who) == ("STAFF", await db.value("SELECT id FROM staff_user"))
    token = browser.cookies["pg_session"]
    out = await ask(browser, "mutation { signOut { ended } }")
    assert beside_cost(out.json()) == {"data": {"signOut": {"ended": True}}}
    assert "pg_session" not in browser.cookies
    for cookie in (token, "x" * 43, "x"):
        late = await ask(browser, PERMISSIONS, cookie=f"pg_session={cookie}")
        assert (late.status_code, codes(late)) == (401, ["UNAUTHENTICATED"])


async def test_a_page_of_another_site_does_nothing_with_the_cookie(api: Api, browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    port = api.url.rpartition(":")[2]
    async with nothing_changes():
        for headers in (
            {"origin": "https://elsewhere.example"},
            {"origin": "null"},
            {"origin": f"{api.url}0"},
            {"origin": f"http://localhost.elsewhere.example:{port}"},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
        ):
            for query in (DEACTIVATE, "mutation { signOut { ended } }"):
                answer = await ask(browser, query, **headers)
                assert (answer.status_code, codes(answer)) == (403, ["CROSS_ORIGIN"]), headers
                assert "access-control-allow-origin" not in answer.headers
                assert "set-cookie" not in answer.headers
        by_address = await browser.get("/graphql", params={"query": DEACTIVATE})
        assert (by_address.status_code, codes(by_address)) == (405, ["METHOD_NOT_ALLOWED"])
        form = await browser.post("/graphql", data={"query": DEACTIVATE})
        assert (form.status_code, codes(form)) == (415, ["UNSUPPORTED_MEDIA_TYPE"])
    assert (await ask(browser, DEACTIVATE)).status_code == 200


async def test_a_wrong_sign_in_says_one_thing_and_sets_no_cookie(browser: httpx.AsyncClient, other_town: Town) -> None:
    said = set()
    for username, password, code in (
        ("anna", "wrong", "NORTH"), ("nobody", PASSWORD, "NORTH"), ("anna", PASSWORD, "SOUTH"), ("anna", PASSWORD, "X"),
    ):  # fmt: skip
        answer = await ask(browser, SIGN_IN, {"u": username, "p": password, "l": code})
        found = answer.json()["data"]["signIn"]
        assert (found["__typename"], found["code"]) == ("SignInFailed", "SIGN_IN_FAILED")
        said.add(found["message"])
        assert "set-cookie" not in answer.headers
    assert len(said) == 1
    foreign = await sign_in(browser, origin="https://elsewhere.example")
    assert (foreign.status_code, codes(foreign)) == (403, ["CROSS_ORIGIN"])
    assert await db.value("SELECT count(*) FROM session") == 0


async def test_five_wrong_passwords_lock_the_right_one_out(browser: httpx.AsyncClient) -> None:
    for _ in range(5):
        assert (await sign_in(browser, "wrong")).json()["data"]["signIn"]["code"] == "SIGN_IN_FAILED"
    assert (await sign_in(browser)).json()["data"]["signIn"]["code"] == "SIGN_IN_FAILED"
    assert await db.value("SELECT locked_until > now() FROM staff_user") is True
    await db.rows("UPDATE staff_user SET locked_until = now() RETURNING id")
    assert (await sign_in(browser)).json()["data"]["signIn"]["__typename"] == "SignInSuccess"


async def test_the_viewer_of_a_token_and_of_nobody(api: Api, town: Town) -> None:
    token = await town.token(Permission.STAFF_MANAGE, Permission.REPORTS_VIEW)
    assert await api.data(VIEWER, token=token) == {
        "viewer": {
            "__typename": "TokenViewer",
            "token": {"name": "tests", "state": "ACTIVE"},
            "library": {"code": "NORTH"},
            "permissions": ["REPORTS_VIEW", "STAFF_MANAGE"],
        }
    }
    assert await api.refused(PERMISSIONS) == ["UNAUTHENTICATED"]


async def test_what_is_taken_away_counts_for_the_next_mutation(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1, status="ACTIVE")
    lesser, gone = await town.token(), await town.token()
    variables = {"ids": [f"pat_{patron}"]}
    deactivate = "mutation($ids: [ID!]!) { deactivatePatrons(input: {patronIds: $ids}) { __typename } }"
    for token in (lesser, gone):
        await api.data("{ library { code } }", token=token)  # the API remembers a token for a few seconds
    await db.rows("UPDATE api_token SET permissions = '{PATRONS_VIEW}' WHERE id = 1 RETURNING id")
    await db.rows("UPDATE api_token SET revoked_at = now() WHERE id = 2 RETURNING id")
    async with nothing_changes():
        assert await api.refused(deactivate, variables, lesser) == ["FORBIDDEN"]
        assert await api.refused(deactivate, variables, gone) == ["UNAUTHENTICATED"]
