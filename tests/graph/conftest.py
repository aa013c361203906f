"""The libraries, an engine with room for large operations, and the three answers that must be the same."""

from collections.abc import Awaitable, Callable
from functools import cache
from types import ModuleType
from typing import Any

import orjson
import pytest_asyncio
from graphql import OperationDefinitionNode, parse
from tests.graph import library
from tests.graph.reference import Reference, World

from patrongraph import db
from patrongraph.context import Actor, Context
from patrongraph.graph.engine import Engine, Request
from patrongraph.schema import schema
from patrongraph.settings import Settings

ROOMY = {
    "max_cost": 10**12,
    "max_aliases": 10_000,
    "max_tokens": 1_000_000,
    "max_anonymous_tokens": 1_000_000,
    "max_depth": 60,
    "max_fields": 1_000_000,
}


@cache
def through_core(query: str) -> str:
    """Return the operation with an introspection field beside it, which only graphql-core answers."""
    [operation] = [one for one in parse(query).definitions if isinstance(one, OperationDefinitionNode)]
    assert operation.selection_set.loc is not None
    end = operation.selection_set.loc.end - 1
    return f"{query[:end]} __schema {{ queryType {{ name }} }} {query[end:]}"


def canonical(value: Any) -> Any:
    """Return a JSON value so that equal means the same JSON: keys in order, true is not 1, 2 is 2.0."""
    if isinstance(value, dict):
        return ("object", *((key, canonical(inner)) for key, inner in value.items()))
    if isinstance(value, list):
        return ("array", *map(canonical, value))
    return (value,) if isinstance(value, bool) else value


def first_difference(left: Any, right: Any, path: str = "data") -> str:
    """Return where two JSON values differ first, for the message of a failure."""
    if isinstance(left, dict) and isinstance(right, dict):
        if list(left) != list(right):
            return f"{path}: keys {list(left)} != {list(right)}"
        for key in left:
            if canonical(left[key]) != canonical(right[key]):
                return first_difference(left[key], right[key], f"{path}.{key}")
    if isinstance(left, list) and isinstance(right, list):
        for index, (one, other) in enumerate(zip(left, right, strict=False)):
            if canonical(one) != canonical(other):
                return first_difference(one, other, f"{path}[{index}]")
        return f"{path}: {len(left)} != {len(right)} entries"
    return f"{path}: {left!r} != {right!r}"


class Ways:
    """The compiled path, graphql-core over compiled roots, and the naive reference."""

    def __init__(self, engine: Engine, reference: Reference) -> None:
        self.engine = engine
        self.reference = reference

    async def compiled(self, query: str, actor: Actor, variables: dict[str, Any] | None = None) -> Any:
        answer = await self.engine.execute(Request(query, None, variables or {}), Context(actor, "a test"))
        envelope = orjson.loads(answer.body)
        assert answer.status == 200, (query, variables, envelope)
        assert "errors" not in envelope, (query, variables, envelope)
        return envelope["data"]

    async def agree(
        self, query: str, actor: Actor, variables: dict[str, Any] | None = None, *, fast: bool = True
    ) -> Any:
        """Assert that all three answer the same; return the answer. `fast`: it must not have gone through core."""
        found = await self.compiled(query, actor, variables)
        prepared = self.engine._prepare(Request(query, None, variables or {}), actor)
        assert not fast or prepared.roots is not None, f"not compiled: {query}"
        wanted = self.reference.answer(query, actor, variables)
        self._same(found, wanted, "compiled != reference", query, variables, actor)
        walked = await self.compiled(through_core(query), actor, variables)
        assert walked.pop("__schema") == {"queryType": {"name": "Query"}}
        self._same(walked, wanted, "through core != reference", query, variables, actor)
        return found

    @staticmethod
    def _same(found: Any, wanted: Any, what: str, query: str, variables: Any, actor: Actor) -> None:
        if canonical(found) != canonical(wanted):
            where = first_difference(found, wanted)
            raise AssertionError(f"{what} at {where}\n{query}\n{variables}\n{actor.key} of {actor.library_id}")


@pytest_asyncio.fixture
async def libraries(database: ModuleType) -> ModuleType:
    """Three libraries, filled."""
    await library.build()
    return database


@pytest_asyncio.fixture(scope="module")
async def standing_libraries(empty: Callable[[], Awaitable[None]]) -> ModuleType:
    """The same, made once for the tests of a file; for files that only read."""
    await empty()
    await library.build()
    return db


@pytest_asyncio.fixture
async def engine(settings: Settings) -> Engine:
    """An engine as the server has it."""
    return Engine(schema, settings)


@pytest_asyncio.fixture(scope="module")
async def ways(standing_libraries: ModuleType, settings: Settings) -> Ways:
    """The three ways to answer, over the libraries."""
    roomy = Engine(schema, settings.model_copy(update=ROOMY))
    return Ways(roomy, Reference(roomy.schema, await World.load()))
