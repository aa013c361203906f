"""What is not right or too much is refused before anything runs: no data key, one status, one code.

What is not allowed is in tests/matrix/, field by field.
"""

from types import ModuleType
from typing import Any

import orjson
import pytest
import pytest_asyncio
from tests.clients import beside_cost
from tests.graph.conftest import Ways
from tests.graph.library import NORTH, SOUTH, actor
from tests.graph.reference import NODE_TABLES

from patrongraph.context import ANONYMOUS, Actor, Context
from patrongraph.db import PooledConnection, read_pool
from patrongraph.graph.declare import NODES
from patrongraph.graph.engine import Engine, Request
from patrongraph.permissions import Permission
from patrongraph.settings import Settings

ME = actor(NORTH)
PAGE = "edges { cursor }"


@pytest_asyncio.fixture
async def statements(standing_libraries: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that a compiled read sends from now on."""
    sent: list[str] = []
    fetchval, fetch = PooledConnection.fetchval, PooledConnection.fetch

    async def noted_value(self: Any, query: str, *args: Any, **more: Any) -> Any:
        sent.append(query)
        return await fetchval(self, query, *args, **more)

    async def noted(self: Any, query: str, *args: Any, **more: Any) -> Any:
        sent.append(query)
        return await fetch(self, query, *args, **more)

    monkeypatch.setattr(PooledConnection, "fetchval", noted_value)
    monkeypatch.setattr(PooledConnection, "fetch", noted)
    return sent


class Door:
    """Sends requests that must be refused, and sees that nothing ran."""

    def __init__(self, engine: Engine, statements: list[str]) -> None:
        self.engine = engine
        self.statements = statements

    async def refused(
        self, query: str, who: Actor = ME, variables: dict[str, Any] | None = None, name: str | None = None
    ) -> tuple[int, list[str], list[dict[str, Any]]]:
        before = len(self.statements)
        answer = await self.engine.execute(Request(query, name, variables or {}), Context(who, "a test"))
        envelope = orjson.loads(answer.body)
        assert "data" not in envelope, envelope
        assert answer.executed is False
        assert self.statements[before:] == []
        return answer.status, [error["extensions"]["code"] for error in envelope["errors"]], envelope["errors"]

    async def is_refused(self, status: int, code: str, query: str, *args: Any, **more: Any) -> str:
        found, codes, errors = await self.refused(query, *args, **more)
        assert (found, set(codes)) == (status, {code}), (query, found, errors)
        return str(errors[0]["message"])

    async def data(self, query: str, who: Actor = ME, variables: dict[str, Any] | None = None) -> Any:
        answer = await self.engine.execute(Request(query, None, variables or {}), Context(who, "a test"))
        envelope = orjson.loads(answer.body)
        assert (answer.status, envelope.get("errors")) == (200, None), envelope
        return envelope["data"]


@pytest.fixture
def door(engine: Engine, statements: list[str]) -> Door:
    return Door(engine, statements)


# ---- Who may


async def test_every_missing_permission_is_named_at_once(door: Door) -> None:
    status, codes, errors = await door.refused(
        "{ patrons(first: 1) { edges { node { group { totals { debt } lead { group { totals { debt } } } } } } }"
        " roles { name } purgeCandidates(first: 1) { totalCount } }",
        actor(NORTH, Permission.REPORTS_VIEW),
    )
    assert (status, set(codes)) == (403, {"FORBIDDEN"})
    assert [(error["extensions"]["field"], error["extensions"]["permission"]) for error in errors] == [
        ("Query.patrons", "PATRONS_VIEW"),
        ("PatronGroup.totals", "GROUPS_VIEW_TOTALS"),
        ("Query.roles", "STAFF_MANAGE"),
        ("Query.purgeCandidates", "PATRONS_PURGE"),
    ]


WITHOUT_TOTALS = (
    "query($with: Boolean! = false) { library { code } ...one ...both @include(if: $with) ... @skip(if: $with) { viewer"
    " { __typename } } } fragment one on Query { patrons(first: 1) { edges { node { group { id"
    " totals @include(if: $with) { debt } } } } } } fragment both on Query { roles { name } }"
)


async def test_what_is_left_out_needs_no_permission_and_what_is_left_in_does(door: Door) -> None:
    who = actor(NORTH, Permission.PATRONS_VIEW)
    for left_out in ({}, {"with": False}):
        data = await door.data(WITHOUT_TOTALS, who, left_out)
        assert set(data) == {"library", "patrons", "viewer"}
        assert all(set(edge["node"]["group"] or {"id": 0}) == {"id"} for edge in data["patrons"]["edges"])
    status, codes, errors = await door.refused(WITHOUT_TOTALS, who, {"with": True})
    assert (status, set(codes)) == (403, {"FORBIDDEN"})
    assert [error["extensions"]["field"] for error in errors] == ["PatronGroup.totals", "Query.roles"]
    await door.is_refused(403, "FORBIDDEN", "{ roles @include(if: true) { name } }", who)
    await door.is_refused(403, "FORBIDDEN", "{ roles @include(if: false) { name } ... { roles { name } } }", who)
    assert await door.data("{ roles @include(if: false) { name } library { code } }", who) == {
        "library": data["library"]
    }


@pytest.mark.parametrize("query", ["{ __schema { description } }", '{ __type(name: "Patron") { name } }'])
async def test_anonymous_may_not_look_at_the_schema(door: Door, query: str) -> None:
    await door.is_refused(401, "UNAUTHENTICATED", query, ANONYMOUS)


async def test_anonymous_gets_no_suggestions(door: Door) -> None:
    assert "Did you mean" not in await door.is_refused(400, "GRAPHQL_VALIDATION_FAILED", "{ patrom }", ANONYMOUS)
    assert "Did you mean" in await door.is_refused(400, "GRAPHQL_VALIDATION_FAILED", "{ patronz { id } }")


# ---- Whose


@pytest.mark.parametrize("prefix", sorted(NODES))
async def test_another_librarys_node_is_as_one_that_does_not_exist(ways: Ways, prefix: str) -> None:
    query = "query($id: ID!) { node(id: $id) { id __typename } }"
    rows = ways.reference.world.tables[NODE_TABLES[prefix]]
    if prefix in ("debt", "entry"):
        rows = [row for row in rows if (row["kind"] == "CHARGE") == (prefix == "debt")]
    whose = {row["id"]: row.get("library_id", row["id"]) for row in rows}
    assert set(whose.values()) == {1, 2, 3}
    for row, library in whose.items():
        key = {"id": f"{prefix}_{row}"}
        for asks in (NORTH, SOUTH):
            found = await ways.compiled(query, actor(asks), key)
            wanted = {"id": f"{prefix}_{row}", "__typename": NODES[prefix].name} if asks == library else None
            assert found == {"node": wanted}
    unknown = await ways.compiled(query, ME, {"id": f"{prefix}_999999999999999999"})
    assert unknown == {"node": None}


async def test_a_charge_is_no_entry_and_a_payment_no_debt(ways: Ways) -> None:
    """Both live in one table; an id of the one kind is unknown to the other."""
    for row in ways.reference.world.tables["ledger_entry"]:
        wrong = "entry" if row["kind"] == "CHARGE" else "debt"
        query = f'{{ node(id: "{wrong}_{row["id"]}") {{ id ... on Debt {{ outstanding }} }} }}'
        assert await ways.compiled(query, actor(row["library_id"])) == {"node": None}


# ---- How much


async def test_the_deepest_selection_and_one_deeper(settings: Settings, door: Door) -> None:
    def leads(turns: int) -> str:
        # patron and id, and two levels for each turn.
        return '{ patron(by: {id: "pat_1"}) ' + "{ group { lead " * turns + "{ id }" + " } }" * turns + " }"

    assert await door.data(leads((settings.max_depth - 2) // 2))
    message = await door.is_refused(400, "LIMIT_EXCEEDED", leads((settings.max_depth - 2) // 2 + 1))
    assert str(settings.max_depth) in message


def tokens(count: int) -> str:
    """Return a valid document of that many tokens: small fragments, so that no rule compares too much."""
    fragments = (count - 5) // 9 - 1
    names = " ".join(f"...f{n}" for n in range(fragments))
    rest = "id " * (count - 5 - 9 * fragments)
    defined = " ".join(f"fragment f{n} on Library {{ id }}" for n in range(fragments))
    return f"{{ library {{ {names} {rest} }} }} {defined}"


@pytest.mark.parametrize(("code", "most", "one_more"), [
    ("LIMIT_EXCEEDED",
     "{ " + " ".join(f"a{n}: __typename" for n in range(15)) + " }",
     "{ " + " ".join(f"a{n}: __typename" for n in range(16)) + " }"),
    ("LIMIT_EXCEEDED", f"{{ {'a' * 63}: __typename }}", f"{{ {'a' * 64}: __typename }}"),
    ("LIMIT_EXCEEDED", tokens(1000), tokens(1001)),
])  # fmt: skip
async def test_aliases_alias_lengths_and_tokens(door: Door, code: str, most: str, one_more: str) -> None:
    assert await door.data(most)
    await door.is_refused(400, code, one_more)


async def test_an_alias_of_63_characters_is_kept_whole(door: Door) -> None:
    """PostgreSQL cuts longer names, and two of them could become one."""
    long, longer = "a" * 62 + "b", "a" * 62 + "c"
    query = f'{{ patron(by: {{id: "pat_1"}}) {{ {long}: id {longer}: status }} }}'
    assert await door.data(query) == {"patron": {long: "pat_1", longer: "ACTIVE"}}


async def test_aliases_hidden_in_fragments_count(door: Door) -> None:
    inner = " ".join(f"a{n}: id" for n in range(8))
    spread = f"{{ library {{ ...f }} other: library {{ ...f }} }} fragment f on Library {{ {inner} }}"
    await door.is_refused(400, "LIMIT_EXCEEDED", spread)


async def test_cost_names_the_figure_and_the_limit(settings: Settings, door: Door) -> None:
    costly = "{ patrons(first: 200) { edges { node { loans(first: 200) { edges { node { item { id } } } } } } } }"
    message = await door.is_refused(400, "COST_EXCEEDED", costly)
    figures = [int(word) for word in message.split() if word.isdigit()]
    assert figures[1] == settings.max_cost < figures[0]
    # 200 pages of 200 loans with an item each: nothing less may be said than those rows.
    assert figures[0] >= 200 * 200 * 2
    query = costly.replace("{", "query($n: Int!) {", 1).replace("patrons(first: 200)", "patrons(first: $n)")
    await door.is_refused(400, "COST_EXCEEDED", query, variables={"n": 200})
    assert await door.data(query, variables={"n": 2})


async def test_cost_counts_what_fragments_and_totals_hide(door: Door) -> None:
    fragment = "fragment f on Patron { loans(first: 200) { edges { node { id } } } }"
    await door.is_refused(
        400, "COST_EXCEEDED",
        "{ patrons(first: 200) { edges { node { ...f a: loans(first: 200) { totalCount } } } }"
        " b: patrons(first: 200) { edges { node { ...f } } } } " + fragment,
    )  # fmt: skip


# ---- What is not right


@pytest.mark.parametrize(
    ("name", "limit"), [("patrons", 1000), ("purgeCandidates", 200), ("jobs", 200), ("staff", 200), ("rollovers", 200)]
)
@pytest.mark.parametrize("inner", [PAGE, "pageInfo { endCursor }", "totalCount", "__typename"])
async def test_the_size_of_a_page(door: Door, name: str, limit: int, inner: str) -> None:
    for first in (0, -1, limit + 1, -(2**31), 2**31 - 1):
        for query, variables in (
            (f"{{ {name}(first: {first}) {{ {inner} }} }}", {}),
            (f"query($n: Int!) {{ {name}(first: $n) {{ {inner} }} }}", {"n": first}),
        ):
            message = await door.is_refused(400, "BAD_ARGUMENT", query, variables=variables)
            assert "first" in message
            assert f"1 to {limit}" in message
    for first in (1, limit):
        await door.data(f"{{ {name}(first: {first}) {{ {inner} }} }}")


@pytest.mark.parametrize("inner", [PAGE, "totalCount"])
async def test_the_size_of_an_inner_page(door: Door, inner: str) -> None:
    for field in ("loans", "blocks", "debts", "reservations"):
        for first in (0, -1, 201, 1001):
            query = f'{{ patron(by: {{id: "pat_1"}}) {{ {field}(first: {first}) {{ {inner} }} }} }}'
            assert "1 to 200" in await door.is_refused(400, "BAD_ARGUMENT", query)


@pytest.mark.parametrize("first", ["2147483648", '"1"', "1.5", "null", "true"])
async def test_a_size_that_is_no_int(door: Door, first: str) -> None:
    await door.is_refused(400, "GRAPHQL_VALIDATION_FAILED", f"{{ patrons(first: {first}) {{ {PAGE} }} }}")
    variables = {"n": orjson.loads(first)}
    await door.is_refused(
        400, "BAD_VARIABLES", f"query($n: Int!) {{ patrons(first: $n) {{ {PAGE} }} }}", variables=variables
    )


# "[1]", "[true]", '["x"]', "[\"a\",1,2]", "{}", "null", "[1.0]", "[1e400]", 2**63, a NUL, half a surrogate pair
CURSORS = (
    "", "x", "%%%", "bm90IGpzb24=", "WzFd", "W3RydWVd", "WyJ4Il0=", "WyJhIiwxLDJd", "e30=", "bnVsbA==", "WzEuMF0=",
    "WzFlNDAwXQ==", "WyJhIiwgOTIyMzM3MjAzNjg1NDc3NTgwOF0=", "WyJcdTAwMDAiLCAxXQ==", "WyJcdWQ4MDAiLCAxXQ==",
    "WzEsImEiXQ==",
    "WyJhIiwgdHJ1ZV0=", "WyJhIiwgMV0=\n", "é", "\x00",
)  # fmt: skip


@pytest.mark.parametrize("cursor", CURSORS)
@pytest.mark.parametrize("inner", [PAGE, "totalCount"])
async def test_a_cursor_that_no_page_has_given(door: Door, cursor: str, inner: str) -> None:
    query = f"query($c: String) {{ patrons(first: 1, after: $c) {{ {inner} }} }}"
    message = await door.is_refused(400, "BAD_ARGUMENT", query, variables={"c": cursor})
    assert "cursor" in message


@pytest.mark.parametrize("cursor", [cursor for cursor in CURSORS if cursor != "WzFd"])
async def test_a_cursor_that_no_inner_page_has_given(door: Door, cursor: str) -> None:
    query = "query($c: String) { jobs(first: 1) { edges { node { items(first: 1, after: $c) { totalCount } } } } }"
    await door.is_refused(400, "BAD_ARGUMENT", query, variables={"c": cursor})


IDS = (
    "", "1", "pat", "pat_", "pat_0", "pat_01", "pat_-1", "pat_1 ", " pat_1", "pat_1\n", "PAT_1", "pat_1x",
    "pat_x", "pat_٣",
    "pat_" + "9" * 19, "pat_9223372036854775808", "pat_" + "1" * 5000, "pat__1", "pat_1.0", "zzz_1", "patron_1", "\x00",
    "pat_1\x00", "\ud800",
)  # fmt: skip


@pytest.mark.parametrize("given", [*IDS, "job_1"], ids=lambda text: ascii(text)[:20])
async def test_an_id_that_is_not_a_patrons(door: Door, given: str) -> None:
    one = "query($id: ID!) { patron(by: {id: $id}) { id } }"
    listed = "query($id: ID) { patrons(first: 1, filter: {branchId: $id}) { totalCount } }"
    await door.is_refused(400, "BAD_ARGUMENT", one, variables={"id": given})
    await door.is_refused(400, "BAD_ARGUMENT", listed, variables={"id": given})
    if given != "job_1":
        await door.is_refused(400, "BAD_ARGUMENT", "query($id: ID!) { node(id: $id) { id } }", variables={"id": given})
        await door.is_refused(400, "BAD_ARGUMENT", "query($id: ID!) { job(id: $id) { id } }", variables={"id": given})


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\ud800", "a\udfff", "\udc00\ud800"], ids=ascii)
async def test_characters_that_cannot_be_stored(door: Door, text: str) -> None:
    for query in (
        "query($t: String!) { item(barcode: $t) { id } }",
        "query($t: String!) { patron(by: {barcode: $t}) { id } }",
        "query($t: String!) { patron(by: {username: $t}) { id } }",
        "query($t: String!) { patrons(first: 1, search: $t) { totalCount } }",
        'query($t: String!) { patrons(first: 1, search: "a", filter: {category: $t}) { edges { cursor } } }',
    ):
        await door.is_refused(400, "BAD_ARGUMENT", query, variables={"t": text})


async def test_such_characters_written_into_the_document(door: Door) -> None:
    await door.is_refused(400, "BAD_ARGUMENT", '{ item(barcode: "a\\u0000") { id } }')
    await door.is_refused(400, "GRAPHQL_PARSE_FAILED", '{ item(barcode: "\\uD800") { id } }')
    await door.is_refused(400, "BAD_ARGUMENT", '{ item(barcode: "a\x00") { id } }')


@pytest.mark.parametrize(("code", "query", "variables"), [
    ("GRAPHQL_VALIDATION_FAILED", "{ jobs(first: 1, kind: NOPE) { totalCount } }", {}),
    ("GRAPHQL_VALIDATION_FAILED", '{ jobs(first: 1, kind: "PURGE") { totalCount } }', {}),
    ("BAD_VARIABLES", "query($k: JobKind) { jobs(first: 1, kind: $k) { totalCount } }", {"k": "NOPE"}),
    ("BAD_VARIABLES", "query($k: JobKind) { jobs(first: 1, kind: $k) { totalCount } }", {"k": 1}),
    ("BAD_VARIABLES", "query($k: JobKind) { jobs(first: 1, kind: $k) { totalCount } }", {"k": ["PURGE", "IMPORT"]}),
    ("BAD_VARIABLES", "query($f: PatronFilter) { patrons(first: 1, filter: $f) { totalCount } }", {"f": {"x": 1}}),
    ("BAD_VARIABLES", "query($f: PatronFilter) { patrons(first: 1, filter: $f) { totalCount } }", {"f": "x"}),
    ("BAD_VARIABLES", "query($d: Date) { patrons(first: 1, filter: {expiredBefore: $d}) { totalCount } }",
     {"d": "soon"}),
    ("BAD_VARIABLES", "query($d: Date) { patrons(first: 1, filter: {expiredBefore: $d}) { totalCount } }",
     {"d": "2026-02-30"}),
    ("BAD_VARIABLES", "query($d: DateTime) { patrons(first: 1, filter: {inactiveSince: $d}) { totalCount } }",
     {"d": "2026-01-01T00:00:00"}),
    ("BAD_VARIABLES", "query($d: DateTime) { patrons(first: 1, filter: {inactiveSince: $d}) { totalCount } }",
     {"d": "0001-01-01T00:00:00+14:00"}),
    ("BAD_VARIABLES", "query($n: Int!) { patrons(first: $n) { totalCount } }", {}),
    # Nullable variables where a value is needed.
    ("BAD_VARIABLES", "query($n: Int = 2) { patrons(first: $n) { totalCount } }", {"n": None}),
    ("BAD_VARIABLES",
     'query($b: Boolean) { patron(by: {id: "pat_1"}) { blocks(first: 1, includeEnded: $b) { totalCount } } }',
     {"b": None}),
    ("BAD_VARIABLES", "query($i: ID = \"job_1\") { job(id: $i) { id } }", {"i": None}),
    ("BAD_VARIABLES", "query($b: Boolean = true) { library { id @skip(if: $b) } }", {"b": None}),
    # One of several.
    ("GRAPHQL_VALIDATION_FAILED", "{ patron(by: {}) { id } }", {}),
    ("GRAPHQL_VALIDATION_FAILED", '{ patron(by: {id: "pat_1", barcode: "1"}) { id } }', {}),
    ("GRAPHQL_VALIDATION_FAILED", "{ patron(by: {id: null}) { id } }", {}),
    ("BAD_VARIABLES", "query($r: PatronRef!) { patron(by: $r) { id } }", {"r": {}}),
    ("BAD_VARIABLES", "query($r: PatronRef!) { patron(by: $r) { id } }", {"r": {"id": None}}),
    ("BAD_VARIABLES", "query($r: PatronRef!) { patron(by: $r) { id } }", {"r": {"id": "pat_1", "username": None}}),
    ("BAD_VARIABLES", "query($i: ID) { patron(by: {id: $i}) { id } }", {"i": None}),
    ("BAD_VARIABLES", "query($i: ID) { patron(by: {id: $i}) { id } }", {}),
])  # fmt: skip
async def test_values_that_do_not_fit(door: Door, code: str, query: str, variables: dict[str, Any]) -> None:
    await door.is_refused(400, code, query, variables=variables)


@pytest.mark.parametrize(("code", "query", "name"), [
    ("GRAPHQL_PARSE_FAILED", "", None),
    ("GRAPHQL_PARSE_FAILED", "   # nothing", None),
    ("GRAPHQL_PARSE_FAILED", "{", None),
    ("GRAPHQL_PARSE_FAILED", "\ufeff\ufeff{", None),
    ("OPERATION_RESOLUTION_FAILED", "fragment f on Patron { id }", None),
    ("OPERATION_RESOLUTION_FAILED", "query a { library { id } } query b { library { id } }", None),
    ("OPERATION_RESOLUTION_FAILED", "query a { library { id } } query b { library { id } }", "c"),
    ("OPERATION_RESOLUTION_FAILED", "query a { library { id } }", "b"),
    ("OPERATION_RESOLUTION_FAILED", "query a { library { id } }", ""),
    ("OPERATION_RESOLUTION_FAILED", "{ library { id } }", "a"),
    ("GRAPHQL_VALIDATION_FAILED", "query a { library { id } } query a { library { id } }", "a"),
    ("GRAPHQL_VALIDATION_FAILED", "{ library { nope } }", None),
    ("GRAPHQL_VALIDATION_FAILED", "{ library }", None),
    ("GRAPHQL_VALIDATION_FAILED", "{ ...f } fragment f on Query { ...f }", None),
    ("SUBSCRIPTION_TRANSPORT", 'subscription { jobProgress(id: "job_1") { id } }', None),
    ("SUBSCRIPTION_TRANSPORT", "subscription { jobs { id } }", None),
])  # fmt: skip
async def test_documents_that_cannot_be_run(door: Door, code: str, query: str, name: str | None) -> None:
    await door.is_refused(400, code, query, name=name)


async def test_a_named_operation_among_several_runs(engine: Engine, standing_libraries: ModuleType) -> None:
    query = "query a { library { id } } query b { library { code } }"
    for name, wanted in (("a", {"id": "lib_1"}), ("b", {"code": "NORTH"})):
        answer = await engine.execute(Request(query, name), Context(ME, "a test"))
        assert beside_cost(orjson.loads(answer.body)) == {"data": {"library": wanted}}


async def test_a_very_long_document(door: Door) -> None:
    await door.is_refused(400, "LIMIT_EXCEEDED", "{ library { " + "id " * 100_000 + "} }")
    spaced = "{ library { id } }" + " " * 1_000_000
    assert await door.data(spaced) == {"library": {"id": "lib_1"}}
    assert not any(spaced in key for key in door.engine._cache)


async def test_the_log_and_the_answer_of_a_failing_statement_hold_no_value(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    """The database is made to fail in the middle; the client gets an id, and nobody the value."""
    async with read_pool().acquire() as connection:
        await connection.execute("ALTER TABLE item RENAME TO item_away")
    try:
        query = 'query { item(barcode: "a secret barcode") { id } }'
        answer = await door.engine.execute(Request(query), Context(ME, "a test"))
    finally:
        async with read_pool().acquire() as connection:
            await connection.execute("ALTER TABLE item_away RENAME TO item")
    envelope = orjson.loads(answer.body)
    assert envelope["data"] is None
    assert [error["extensions"]["code"] for error in envelope["errors"]] == ["INTERNAL"]
    assert "secret" not in answer.body.decode() + caplog.text
    assert await door.data(query) == {"item": None}
