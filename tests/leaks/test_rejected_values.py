"""What is refused is not repeated: no error says a value that was sent, in whatever place of a request it stood."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from graphql import get_named_type, is_composite_type, is_enum_type
from tests.graph.conftest import ROOMY
from tests.graph.library import NORTH
from tests.matrix.asking import SCHEMA, Leaf, field_text, header, leaves, roots, with_leaf, written
from tests.matrix.ground import Ground
from tests.matrix.recipes import VALUES

from patrongraph.context import ANONYMOUS
from patrongraph.graph.engine import Engine
from patrongraph.graph.scalars import Upload
from patrongraph.permissions import ALL_PERMISSIONS
from patrongraph.schema import schema
from patrongraph.settings import Settings

MARK = "Zqvxjwkyp"
LONG = f"{MARK}{'9' * 60}"
PROBLEM = "{ __typename ... on Problem { message } ... on InvalidInput { fields { message } } }"
MEMBERS = {name for type_ in SCHEMA.type_map.values() if is_enum_type(type_) for name in type_.values}
FILE = VALUES["file"]
LEAVES = [leaf for root in roots("Query", "Mutation") for leaf in leaves(root)]


@pytest_asyncio.fixture(scope="module")
async def ground(settings: Settings, empty: Callable[[], Awaitable[None]]) -> AsyncIterator[Ground]:
    made = Ground(Engine(schema, settings.model_copy(update=ROOMY)), empty)
    await made.build()
    yield made


def wrong_values() -> Iterator[Any]:
    """Values that no text and no id is, and texts that no id is; each holds the mark."""
    yield from (MARK, LONG, f"pat_{MARK}", f"{MARK}_1", {MARK: MARK}, [MARK], [[MARK]], {"id": [MARK]})


def put(variables: Any, leaf: Leaf, value: Any) -> None:
    for step in leaf.path[:-1]:
        variables = variables[step]
    variables[leaf.path[-1]] = value


def literal(value: Any) -> str:
    """Return a value as a document has it: keys and members of enumerations bare; a file stays a variable."""
    if isinstance(value, Upload):
        return "$file"
    if isinstance(value, str) and value in MEMBERS:
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {literal(each)}" for name, each in value.items()) + "}"
    return f"[{', '.join(map(literal, value))}]" if isinstance(value, list) else json.dumps(value)


@pytest.mark.parametrize("leaf", LEAVES, ids=str)
async def test_no_error_repeats_what_was_sent(ground: Ground, leaf: Leaf) -> None:
    given, _ = with_leaf(leaf, instead=MARK)
    below = PROBLEM if leaf.root.type == "Mutation" and leaf.root.name != "signOut" else None
    text = f"{header(leaf.root, given)} {{ {field_text(leaf.root, given, below)} }}"
    refused = 0
    for who in (ground.staff(*ALL_PERMISSIONS), ANONYMOUS):
        for value in wrong_values():
            variables = written(given, NORTH)
            put(variables, leaf, value)
            said = await ground.ask(who, text, variables)
            inside = ", ".join(f"{name}: {literal(each)}" for name, each in variables.items())
            file = {"file": FILE.upload()} if "$file" in inside else {}
            kind = leaf.root.type.lower() + ("($file: Upload!)" if file else "")
            document = f"{kind} {{ {leaf.root.name}({inside}) {below or _inner(leaf)} }}"
            for found in (said, await ground.ask(who, document, file)):
                words = json.dumps(found.envelope, ensure_ascii=False)
                assert MARK.lower() not in words.lower(), (value, words)
                refused += "errors" in found.envelope or "Problem" in words
                assert "INTERNAL" not in found.codes, found
    assert refused
    await ground.build()


def _inner(leaf: Leaf) -> str:
    return "{ __typename }" if is_composite_type(get_named_type(leaf.root.definition.type)) else ""
