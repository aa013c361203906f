"""An operation costs one statement for each root field, compiled once, whose values are never part of its text."""

import itertools
from collections.abc import AsyncIterator, Iterator
from types import ModuleType
from typing import Any

import orjson
import pytest
import pytest_asyncio
from tests.graph.conftest import ROOMY
from tests.graph.library import NORTH, SOUTH, actor, number
from tests.graph.operations import QUERY, selection

from patrongraph.context import Context
from patrongraph.db import read_pool
from patrongraph.graph import engine as engine_module
from patrongraph.graph.compiler import Compiler, Statement
from patrongraph.graph.engine import Engine, Request
from patrongraph.graph.plans import PLANS_PER_FIELD
from patrongraph.permissions import Permission
from patrongraph.schema import schema
from patrongraph.settings import Settings

ME = actor(NORTH)


class Sent:
    """Runs operations and knows the statements that PostgreSQL was sent, with their parameters."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.statements: list[tuple[str, tuple[Any, ...]]] = []

    def note(self, record: Any) -> None:
        self.statements.append((record.query, record.args))

    async def run(self, query: str, variables: dict[str, Any] | None = None, who: Any = ME) -> Any:
        self.statements.clear()
        answer = await self.engine.execute(Request(query, None, variables or {}), Context(who, "a test"))
        envelope = orjson.loads(answer.body)
        assert "errors" not in envelope, envelope
        return envelope["data"]


@pytest_asyncio.fixture
async def sent(libraries: ModuleType, settings: Settings) -> AsyncIterator[Sent]:
    """The query logger of asyncpg sits on every connection of the pool."""
    made = Sent(Engine(schema, settings.model_copy(update=ROOMY)))
    pool = read_pool()
    held = [await pool.acquire() for _ in range(pool.get_max_size())]
    for connection in held:
        connection.add_query_logger(made.note)
    for connection in held:
        await pool.release(connection)
    original = pool.release

    yield made

    assert pool.release == original
    held = [await pool.acquire() for _ in range(pool.get_max_size())]
    for connection in held:
        connection.remove_query_logger(made.note)
        await pool.release(connection)


@pytest.mark.parametrize(("query", "roots"), [
    ("{ library { id } }", 1),
    ("{ library { id } a: library { id } roles { id } viewer { __typename } }", 4),
    ("{ patrons(first: 200) { totalCount edges { node { cards { id } loans(first: 5) { totalCount edges { node { item"
     " { library { code } } } } } group { totals { debt } members(first: 9) { edges { node { patron { blockReasons"
     " { block { id } } } } } } } obstacles(to: PURGE) { ids } } } } }", 1),
    ("{ patrons(first: 3) { edges { cursor } } patrons(first: 3) { totalCount } }", 1),
    ("{ ...a ... on Query { jobs(first: 2) { totalCount } } } fragment a on Query { library { id } }", 2),
    ('{ node(id: "job_1") { id ... on Job { items(first: 3) { edges { node { patron { id } } } } } } }', 1),
    ("{ __typename }", 0),
    ("{ __schema { queryType { name } } library { id } roles { id } }", 2),
])  # fmt: skip
async def test_a_statement_for_each_root(sent: Sent, query: str, roots: int) -> None:
    await sent.run(query)
    assert len(sent.statements) == roots
    await sent.run(query)
    assert len(sent.statements) == roots


@pytest.mark.parametrize("name", ["patrons", "purgeCandidates", "jobs", "staff", "auditEvents", "rollovers"])
async def test_all_fields_of_many_rows_are_one_statement(sent: Sent, name: str) -> None:
    result = QUERY.fields[name].type
    while hasattr(result, "of_type"):
        result = result.of_type
    data = await sent.run(f"{{ {name}(first: 200) {selection(result, 2)} }}")
    assert len(data[name]["edges"]) >= 4
    assert len(sent.statements) == 1


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the root fields that were compiled from now on."""
    done: list[str] = []

    class Counting(Compiler):
        def root(self, definition: Any, nodes: Any) -> Any:
            done.append(nodes[0].name.value)
            return super().root(definition, nodes)

    monkeypatch.setattr(engine_module, "Compiler", Counting)
    return done


async def test_a_document_is_compiled_once(sent: Sent, compilations: list[str]) -> None:
    query = "query($n: Int!, $s: String) { patrons(first: $n, search: $s) { totalCount } library { id } }"
    for search in ("anna", "berg", "it's"):
        for n in (1, 200):
            await sent.run(query, {"n": n, "s": search})
    # The size of a page is part of the statement, so there are two of them; the library has one.
    assert compilations == ["patrons", "library", "patrons"]
    assert (sent.engine.misses, sent.engine.hits) == (1, 5)


async def test_only_the_shape_of_variables_makes_another_statement(sent: Sent, compilations: list[str]) -> None:
    query = (
        "query($s: String, $f: PatronFilter, $o: PatronSort, $a: String) {"
        " patrons(first: 2, search: $s, filter: $f, sort: $o, after: $a) { edges { cursor node { id } } } }"
    )

    async def new(variables: dict[str, Any]) -> int:
        before = len(compilations)
        await sent.run(query, variables)
        return len(compilations) - before

    assert await new({"s": "anna"}) == 1
    assert await new({"s": "åsa"}) == 0
    assert await new({"s": "anna andersson"}) == 1
    assert await new({"s": "berg lund"}) == 0
    assert await new({"s": "100"}) == 1
    assert await new({"s": "berg, a"}) == 1
    assert await new({"s": "a@b"}) == 1
    assert await new({"f": {"category": "Adult"}}) == 1
    assert await new({"f": {"category": "x"}}) == 0
    assert await new({"f": {"category": "x", "status": "ACTIVE"}}) == 1
    assert await new({"o": "NEWEST"}) == 1
    assert await new({"o": "OLDEST"}) == 1
    found = (await sent.run(query, {"o": "NEWEST"}))["patrons"]["edges"]
    assert await new({"o": "NEWEST", "a": found[0]["cursor"]}) == 1
    assert await new({"o": "NEWEST", "a": found[1]["cursor"]}) == 0


async def test_another_librarys_staff_use_the_same_plan_with_their_own_library(
    sent: Sent, compilations: list[str]
) -> None:
    query = "{ library { code } patrons(first: 1, sort: OLDEST) { edges { node { id } } } }"
    for library, code in ((NORTH, "NORTH"), (SOUTH, "SOUTH")):
        data = await sent.run(query, who=actor(library))
        assert data["library"]["code"] == code
        assert data["patrons"]["edges"] == [{"node": {"id": f"pat_{library}"}}]
    assert compilations == ["library", "patrons"]


async def test_another_set_of_permissions_is_checked_and_compiled_anew(sent: Sent, compilations: list[str]) -> None:
    query = "{ viewer { ... on StaffViewer { permissions } } }"
    for permissions in ((Permission.PATRONS_VIEW,), (Permission.STAFF_MANAGE, Permission.PATRONS_EDIT)):
        data = await sent.run(query, who=actor(NORTH, *permissions))
        assert set(data["viewer"]["permissions"]) == {permission.value for permission in permissions}
    assert len(compilations) == 2


async def test_the_caches_are_bounded(libraries: ModuleType, settings: Settings) -> None:
    engine = Engine(schema, settings.model_copy(update={"plan_cache_size": 5}))

    async def run(query: str, variables: dict[str, Any] | None = None) -> None:
        answer = await engine.execute(Request(query, None, variables or {}), Context(ME, "a test"))
        assert answer.status == 200

    for n in range(20):
        await run(f"query q{n} {{ library {{ id }} }}")
    assert len(engine._cache) == 5
    misses = engine.misses
    await run("query q19 { library { id } }")
    assert engine.misses == misses
    await run("query q0 { library { id } }")
    assert engine.misses == misses + 1
    # Refused documents are not kept, nor are long ones.
    before = list(engine._cache)
    await engine.execute(Request("{ nope }"), Context(ME, "a test"))
    await run("{ library { id } }" + " " * 20_000)
    assert list(engine._cache) == before
    # Every combination of twelve flags is another shape of the same document.
    flags = [f"b{n}" for n in range(12)]
    inner = " ".join(f"{flag}: id @include(if: ${flag})" for flag in flags)
    query = f"query({' '.join(f'${flag}: Boolean!' for flag in flags)}) {{ library {{ {inner} }} }}"
    for n in range(200):
        await run(query, {flag: bool(n >> place & 1) for place, flag in enumerate(flags)})
    prepared = engine._cache[next(reversed(engine._cache))]
    [plans] = prepared.plans.values()
    assert 0 < len(plans._plans) <= PLANS_PER_FIELD


async def test_plans_stay_few_where_values_form_the_sql(libraries: ModuleType, settings: Settings) -> None:
    """Each order of the dimensions is another statement of the same document and the same shape of variables."""
    engine = Engine(schema, settings.model_copy(update=ROOMY))
    query = """query($by: [StatisticDimension!]!) {
      loanStatistics(from: "2024-01-01", to: "2024-12-31", by: $by) { loans } }"""
    for by in itertools.islice(itertools.permutations(("YEAR", "MONTH", "WEEKDAY", "LOST", "COHORT", "CATEGORY")), 200):
        answer = await engine.execute(Request(query, None, {"by": list(by)}), Context(ME, "a test"))
        assert answer.status == 200
    [prepared] = engine._cache.values()
    [plans] = prepared.plans.values()
    assert 0 < len(list(kept(plans._plans))) <= PLANS_PER_FIELD


def kept(level: dict[Any, Any]) -> Iterator[Statement]:
    """Yield the statements in the levels of a field's plans."""
    for found in level.values():
        if isinstance(found, tuple):
            yield from kept(found[1])
        else:
            yield found


EVIL = "'; DROP TABLE patron; --"


@pytest.mark.parametrize(("query", "variables"), [
    ("query($t: String!) { item(barcode: $t) { id } }", {"t": EVIL}),
    ("query($t: String!) { patron(by: {username: $t}) { id } }", {"t": EVIL}),
    ("query($t: String!) { patron(by: {barcode: $t}) { id } }", {"t": EVIL}),
    ("query($t: String!) { patrons(first: 7, search: $t) { totalCount edges { cursor } } }", {"t": EVIL}),
    ("query($t: String!) { patrons(first: 7, search: $t) { totalCount } }", {"t": EVIL + "@x"}),
    ("query($t: String!) { patrons(first: 7, search: $t) { totalCount } }", {"t": EVIL + ", x"}),
    ("query($t: String!) { patrons(first: 7, filter: {category: $t}) { totalCount } }", {"t": EVIL}),
    (f'{{ item(barcode: "{EVIL}") {{ id }} }}', {}),
    (f'{{ patrons(first: 7, search: "{EVIL}", filter: {{category: "{EVIL}"}}) {{ edges {{ cursor }} }} }}', {}),
])  # fmt: skip
async def test_values_are_never_part_of_the_sql(sent: Sent, query: str, variables: dict[str, Any]) -> None:
    await sent.run(query, variables)
    [(sql, args)] = sent.statements
    assert "DROP" not in sql
    assert "drop" not in sql
    assert any("DROP" in str(arg) for arg in args)


async def test_cursors_ids_and_days_are_parameters_and_a_size_is_a_checked_number(sent: Sent) -> None:
    query = (
        "{ patrons(first: 187, after: \"WyJiZXJnIiwgNzg2NTRd\", filter: {branchId: \"branch_65432\","
        " expiredBefore: \"2031-07-13\"}) { edges { node { loans(first: 123) { totalCount edges { cursor } } } } } }"
    )  # fmt: skip
    await sent.run(query)
    [(sql, args)] = sent.statements
    for value in ("berg", "78654", "65432", "2031"):
        assert value not in sql
    assert (sql.count("LIMIT 187)"), sql.count("LIMIT 123)")) == (1, 1)
    assert {"berg", 78654, 65432} <= {arg for arg in args if isinstance(arg, int | str)}
    assert args[0] == number(NORTH, 1)
