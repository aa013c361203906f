"""Signing in and the viewer through the HTTP door: cookies, refusals, permissions and tenants."""

from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import httpx
import pytest_asyncio
import strawberry
from strawberry.schema.config import StrawberryConfig

from patrongraph.app import Application, make_door
from patrongraph.graph.attach import attach
from patrongraph.graph.engine import Engine
from patrongraph.graph.scalars import SCALARS
from patrongraph.permissions import ALL_PERMISSIONS, Permission
from patrongraph.settings import Settings, use_settings
from patrongraph.staff import actions
from patrongraph.staff.resolvers import StaffMutation, StaffQuery, session_cookie

from .conftest import PASSWORD, Town

SIGN_IN = """mutation($u: String!, $p: String!, $l: String) {
  signIn(input: {username: $u, password: $p, libraryCode: $l}) {
    __typename ... on SignInSuccess { permissions expiresAt } ... on Problem { code message } } }"""
VIEWER = """{ viewer { __typename
  ... on StaffViewer { permissions library { code }
    user { id username displayName active } }
  ... on TokenViewer { permissions library { code }
    token { id name state permissions createdBy { username } } } } }"""
STAFF = """{ staff(first: 10) { totalCount edges { node { username locked roles { name } } } }
  roles { name permissions } apiTokens { name state } }"""
SCHEMA = attach(
    strawberry.Schema(query=StaffQuery, mutation=StaffMutation, config=StrawberryConfig(scalar_map=SCALARS))
)
ORDER = [permission.value for permission in Permission]


class Client:
    """A browser, or a program with a token, at the door."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def send(self, query: str, token: str | None = None, **variables: object) -> httpx.Response:
        headers = {"accept": "application/graphql-response+json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        return await self.http.post("/graphql", json={"query": query, "variables": variables}, headers=headers)

    async def data(self, query: str, token: str | None = None, **variables: object) -> Any:
        answer = await self.send(query, token, **variables)
        assert (answer.status_code, answer.json().get("errors")) == (200, None), answer.text
        return answer.json()["data"]

    async def refused(self, query: str, token: str | None = None, **variables: object) -> tuple[int, list[str]]:
        answer = await self.send(query, token, **variables)
        assert "data" not in answer.json(), answer.text
        return answer.status_code, [error["extensions"]["code"] for error in answer.json()["errors"]]


@pytest_asyncio.fixture
async def client(database: ModuleType, settings: Settings) -> AsyncIterator[Client]:
    app = Application(make_door(Engine(SCHEMA, settings), settings), settings, [])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        yield Client(http)


async def test_signing_in_sets_the_cookie_that_signs_in(database: ModuleType, client: Client, north: Town) -> None:
    answer = await client.send(SIGN_IN, u="anna", p=PASSWORD, l="NORTH")
    name, _, rest = answer.headers["set-cookie"].partition("=")
    token, _, attributes = rest.partition("; ")
    assert (name, len(token)) == ("pg_session", 43)
    assert attributes == "Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"
    assert token not in answer.text
    assert answer.json()["data"]["signIn"]["permissions"] == ORDER
    assert await client.data(VIEWER) == {
        "viewer": {
            "__typename": "StaffViewer",
            "permissions": ORDER,
            "user": {
                "id": f"staff_{north.anna}", "username": "anna", "displayName": "anna", "active": True,
            },
            "library": {"code": "NORTH"},
        }
    }  # fmt: skip
    answer = await client.send("mutation { signOut { ended } }")
    assert answer.json()["data"] == {"signOut": {"ended": True}}
    assert answer.headers["set-cookie"] == "pg_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"
    assert await client.refused(VIEWER) == (401, ["UNAUTHENTICATED"])
    assert await database.value("SELECT count(*) FROM session") == 0


async def test_signing_in_again_ends_the_session_before(database: ModuleType, client: Client, north: Town) -> None:
    await client.data(SIGN_IN, u="anna", p=PASSWORD)
    first = client.http.cookies["pg_session"]
    await client.data(SIGN_IN, u="anna", p=PASSWORD)
    assert client.http.cookies["pg_session"] != first
    assert await database.value("SELECT count(*) FROM session") == 1


async def test_a_dead_session_does_not_keep_anybody_out(database: ModuleType, client: Client, north: Town) -> None:
    client.http.cookies.set("pg_session", "x" * 43)
    assert await client.refused(VIEWER) == (401, ["UNAUTHENTICATED"])
    assert (await client.data("mutation { signOut { ended } }"))["signOut"] == {"ended": False}
    client.http.cookies.clear()
    client.http.cookies.set("pg_session", "x" * 43)
    assert (await client.data(SIGN_IN, u="anna", p=PASSWORD))["signIn"]["__typename"] == "SignInSuccess"


async def test_refusals_are_problems_and_set_no_cookie(
    database: ModuleType, client: Client, north: Town, south: Town
) -> None:
    for username, password, code, wanted in (
        ("anna", "wrong password", "NORTH", ("SignInFailed", "SIGN_IN_FAILED")),
        ("nobody", PASSWORD, "NORTH", ("SignInFailed", "SIGN_IN_FAILED")),
        ("anna", PASSWORD, None, ("LibraryRequired", "LIBRARY_REQUIRED")),
    ):
        answer = await client.send(SIGN_IN, u=username, p=password, l=code)
        found = answer.json()["data"]["signIn"]
        assert (found["__typename"], found["code"]) == wanted
        assert "set-cookie" not in answer.headers
    assert (await client.send(SIGN_IN, u="\x00", p="\x00", l="\x00")).status_code == 400
    assert await database.value("SELECT count(*) FROM session") == 0


async def test_a_page_of_another_site_cannot_sign_in(database: ModuleType, client: Client, north: Town) -> None:
    answer = await client.http.post(
        "/graphql",
        json={"query": SIGN_IN, "variables": {"u": "anna", "p": PASSWORD}},
        headers={"origin": "https://elsewhere.example"},
    )
    assert answer.status_code == 403
    assert await database.value("SELECT count(*) FROM session") == 0


async def test_a_token_sees_itself(client: Client, north: Town) -> None:
    token_id, token = await actions.create_token(north.operator, "reports", [Permission.REPORTS_VIEW])
    assert await client.data(VIEWER, token) == {
        "viewer": {
            "__typename": "TokenViewer",
            "permissions": ["REPORTS_VIEW"],
            "token": {
                "id": f"token_{token_id}", "name": "reports", "state": "ACTIVE",
                "permissions": ["REPORTS_VIEW"], "createdBy": None,
            },
            "library": {"code": "NORTH"},
        }
    }  # fmt: skip
    assert await client.refused(STAFF, token) == (403, ["FORBIDDEN"] * 5)
    await actions.revoke_token(north.operator, token_id)
    assert await client.refused(VIEWER, token) == (401, ["UNAUTHENTICATED"])


async def test_lists_hold_the_own_library_only(client: Client, north: Town, south: Town) -> None:
    await actions.create_staff(north.operator, "ben", PASSWORD, permissions=[Permission.PATRONS_VIEW])
    _, token = await actions.create_token(north.operator, "north", ALL_PERMISSIONS)
    await actions.create_token(south.operator, "south", ALL_PERMISSIONS)
    assert await client.data(STAFF, token) == {
        "staff": {
            "totalCount": 2,
            "edges": [
                {"node": {"username": "anna", "locked": False, "roles": [{"name": "All permissions"}]}},
                {"node": {"username": "ben", "locked": False, "roles": [{"name": "Permissions of ben"}]}},
            ],
        },
        "roles": [
            {"name": "All permissions", "permissions": ORDER},
            {"name": "Permissions of ben", "permissions": ["PATRONS_VIEW"]},
        ],
        "apiTokens": [{"name": "north", "state": "ACTIVE"}],
    }


async def test_passwords_are_changed_and_proven_by_staff_only(
    database: ModuleType, client: Client, north: Town
) -> None:
    change = """mutation($c: String!, $n: String!) {
      changePassword(input: {currentPassword: $c, newPassword: $n}) {
        __typename ... on Problem { code } ... on InvalidInput { field fields { reason limit } } } }"""
    prove = """mutation($p: String!) {
      reauthenticate(input: {password: $p}) { __typename ... on Problem { code } } }"""
    for query, variables in ((change, {"c": PASSWORD, "n": "eleven loud geese"}), (prove, {"p": PASSWORD})):
        assert await client.refused(query, **variables) == (401, ["UNAUTHENTICATED"])
    _, token = await actions.create_token(north.operator, "all", ALL_PERMISSIONS)
    found = await client.data(change, token, c=PASSWORD, n="eleven loud geese")
    assert found["changePassword"] == {"__typename": "NotFound", "code": "NOT_FOUND"}

    await client.data(SIGN_IN, u="anna", p=PASSWORD)
    weak = await client.data(change, c=PASSWORD, n="password1")
    assert weak["changePassword"] == {
        "__typename": "InvalidInput", "code": "INVALID_INPUT", "field": "input.newPassword",
        "fields": [{"reason": "GUESSABLE", "limit": None}],
    }  # fmt: skip
    wrong = await client.data(prove, p="wrong password")
    assert wrong["reauthenticate"] == {"__typename": "SignInFailed", "code": "SIGN_IN_FAILED"}
    assert (await client.data(prove, p=PASSWORD))["reauthenticate"] == {"__typename": "ReauthenticateSuccess"}
    done = await client.data(change, c=PASSWORD, n="eleven loud geese")
    assert done["changePassword"] == {"__typename": "ChangePasswordSuccess"}
    assert await actions.sign_in("anna", "eleven loud geese", "NORTH")


def test_permissions_are_printed_and_secrets_are_not() -> None:
    text = SCHEMA.as_str()
    assert "staff(first: Int!, after: String = null): StaffUserConnection! @requires(permission: STAFF_MANAGE)" in text
    assert "signIn(input: SignInInput!): SignInResult! @public" in text
    assert "hash" not in text.lower()
    assert "sha256" not in text


def test_behind_https_the_cookie_is_bound_to_the_host(settings: Settings) -> None:
    behind = settings.model_copy(update={"secure_cookies": True})
    use_settings(behind)
    try:
        assert session_cookie("abc", 60) == (
            "__Host-pg_session=abc; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure"
        )
        assert make_door(Engine(SCHEMA, behind), behind).cookie_name == behind.session_cookie
    finally:
        use_settings(settings)
    assert make_door(Engine(SCHEMA, settings), settings).cookie_name == settings.session_cookie
