"""Whoever is not signed in learns nothing of the schema: no introspection and no suggestion, through any door."""

import json
from typing import Any

import pytest
from tests.clients import Api, sse
from tests.town import Town

LOOKS = {
    "schema": "{ __schema { types { name } } }",
    "type": '{ __type(name: "Patron") { fields { name } } }',
    "under another name": "{ a: __schema { queryType { name } } }",
    "in a fragment": "{ ...f } fragment f on Query { b: __type(name: \"Patron\") { name } }",
    "in nested fragments": "{ ... { ... on Query { ...f } } } fragment f on Query { ...g } fragment g on Query"
    " { __schema { description } }",
    "skipped": "query($no: Boolean = true) { __typename ... @skip(if: $no) { __schema { description } } }",
    "beside what is allowed": "{ __typename __schema { description } }",
}  # fmt: skip
NEARLY = {
    "a field": ("{ viewr { __typename } }", {}),
    "an argument": ("mutation { signIn(inputt: {}) { __typename } }", {}),
    "a field without a selection": ("{ viewer }", {}),
    "an input field": ('mutation { signIn(input: {usernam: "a", password: "b"}) { __typename } }', {}),
    "an input field in a variable": (
        "mutation($i: SignInInput!) { signIn(input: $i) { __typename } }", {"i": {"usernam": "a", "password": "b"}}),
    "a member": ("{ patrons(first: 1, sort: NAMEE) { totalCount } }", {}),
    "a member in a variable": (
        "query($s: PatronSort) { patrons(first: 1, sort: $s) { totalCount } }", {"s": "NAMEE"}),
    "a type": ("query($s: PatronSor) { viewer { __typename } }", {}),
    "a fragment's type": ("{ viewer { ... on StafViewer { permissions } } }", {}),
    "a directive": ("{ __typename @skipp(if: true) }", {}),
    "a directive's argument": ("{ __typename @skip(iff: true) }", {}),
}  # fmt: skip


async def through(api: Api, door: str, query: str, variables: dict[str, Any], token: str | None) -> tuple[Any, str]:
    """Send one operation through a door; return its errors, and all that was said."""
    if door == "socket":
        async with api.socket(token) as socket:
            await socket.start(query, variables)
            message = await socket.receive()
            said = message["payload"]
            return (said if message["type"] == "error" else said.get("errors")), json.dumps(message)
    payload = {"query": query, "variables": variables}
    async with api.client() as client:
        if door == "stream":
            headers = api.headers(token) | {"accept": "text/event-stream"}
            async with client.stream("POST", "/graphql/stream", json=payload, headers=headers) as answer:
                if answer.status_code != 200:
                    text = (await answer.aread()).decode()
                    return json.loads(text)["errors"], text
                text = "".join([data async for _, data in sse(answer)])
                return json.loads(text).get("errors"), text
        if door == "GET":
            asked = {"query": query, "variables": json.dumps(variables)}
            got = await client.get("/graphql", params=asked, headers=api.headers(token))
        else:
            got = await client.post("/graphql", json=payload, headers=api.headers(token))
        return got.json().get("errors"), got.text


DOORS = ("POST", "GET", "stream", "socket")


@pytest.mark.parametrize("door", DOORS)
async def test_no_introspection(api: Api, town: Town, door: str) -> None:
    token = await town.token()
    for query in LOOKS.values():
        errors, text = await through(api, door, query, {}, None)
        assert {error["extensions"]["code"] for error in errors} == {"UNAUTHENTICATED"}, query
        assert "Patron" not in text
        assert "data" not in json.loads(text), query
        errors, text = await through(api, door, query, {}, token)
        assert errors is None, query
    errors, text = await through(api, door, "{ __typename }", {}, None)
    assert errors is None
    assert '"__typename":"Query"' in text.replace(" ", "")


@pytest.mark.parametrize("door", DOORS)
async def test_no_suggestions(api: Api, town: Town, door: str) -> None:
    token = await town.token()
    helped = 0
    for what, (query, variables) in NEARLY.items():
        if door == "GET" and query.startswith("mutation"):
            continue
        errors, text = await through(api, door, query, variables, None)
        assert errors, what
        for word in ("Did you mean", "did you mean", "viewer", "username", "NEWEST", "StaffViewer", "PatronSort "):
            # What the request itself names is no news.
            assert word not in text.replace(query, "") or word in query, (what, text)
        _, text = await through(api, door, query, variables, token)
        helped += "Did you mean" in text or "NEWEST" in text or "Its fields are" in text
    # Who is signed in is helped.
    assert helped >= (5 if door == "GET" else 8)
