"""Ids, cursors and tokens that nobody was given: refused with a code, as quickly as right ones, and nothing else."""

import json
from typing import Any

import pytest
from graphql import build_schema, get_named_type
from hypothesis import strategies as st
from tests.fuzz import drawing
from tests.fuzz.hunting import hunt
from tests.fuzz.target import Target

from patrongraph.schema import schema

QUERY: Any = build_schema(schema.as_str()).query_type
PAGED = sorted(name for name, field in QUERY.fields.items() if "after" in field.args)
BY_ID = sorted(
    name for name, field in QUERY.fields.items() if str(get_named_type(field.args.get("id", field).type)) == "ID"
)


def ask(target: Target, query: str, variables: Any, **options: Any) -> Any:
    body = json.dumps({"query": query, "variables": variables}).encode()
    accept = [("Accept", "application/graphql-response+json"), *options.pop("headers", ())]
    return target.unhurt(target.request(body, headers=accept, **options))


@pytest.mark.parametrize("field", BY_ID)
def test_any_id(target: Target, field: str) -> None:
    query = f"query($id: ID!) {{ {field}(id: $id) {{ __typename }} }}"

    def check(id_: str) -> None:
        reply = ask(target, query, {"id": id_})
        if reply.status != 200:
            [error] = json.loads(reply.body)["errors"]
            assert error["extensions"]["code"] in ("BAD_ARGUMENT", "BAD_INPUT", "BAD_REQUEST", "BAD_VARIABLES")
            assert len(error["message"]) < 300

    hunt(f"ids of {field}", drawing.ids | drawing.right_ids, check, 60)
    assert target.executed > 0 < target.refused


@pytest.mark.parametrize("field", PAGED)
def test_any_cursor(target: Target, field: str) -> None:
    query = f"query($n: Int!, $a: String) {{ {field}(first: $n, after: $a) {{ edges {{ cursor }} }} }}"

    def check(example: tuple[int, str]) -> None:
        first, after = example
        reply = ask(target, query, {"n": first, "a": after})
        if reply.status != 200:
            [error] = json.loads(reply.body)["errors"]
            assert error["extensions"]["code"] in ("BAD_ARGUMENT", "BAD_INPUT", "BAD_REQUEST", "BAD_VARIABLES")

    hunt(f"cursors of {field}", st.tuples(st.integers(1, 5) | drawing.NUMBERS, drawing.cursors), check, 60)
    assert target.refused > 0


def test_any_token(target: Target) -> None:
    def check(shown: list[tuple[str, str]]) -> None:
        reply = ask(target, "{ viewer { __typename } }", {}, headers=shown)
        # Nobody gets in: 401, or 400 for a header that is no header.
        assert reply.status == 401, reply

    bearer = st.builds("{}{}".format, drawing.schemes, drawing.tokens)
    cookie = drawing.tokens.map("a=b; pg_session={}".format)
    by_bearer = bearer.map(lambda text: [("Authorization", text)])
    by_cookie = cookie.map(lambda text: [("Authorization", ""), ("Cookie", text)])
    hunt("tokens", by_bearer | by_cookie, check, 150)
