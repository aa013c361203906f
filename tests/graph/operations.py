"""Selections written from the schema itself, so that no field is forgotten."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLNonNull,
    get_named_type,
    is_abstract_type,
    is_composite_type,
)

from patrongraph.schema import schema

SCHEMA = schema._schema
assert SCHEMA.query_type
QUERY = SCHEMA.query_type

# What a field that must have arguments gets where the test is about something else.
USUAL = {"first": "3", "to": "PURGE"}
STEPS = ("Connection", "Edge")
"""Types that are steps on the way, not levels."""


def usual_arguments(definition: GraphQLField) -> str:
    """Return the arguments that a field must have, in parentheses, or nothing."""
    given = [
        f"{name}: {USUAL[name]}"
        for name, argument in definition.args.items()
        if isinstance(argument.type, GraphQLNonNull) and name in USUAL
    ]
    return f"({', '.join(given)})" if given else ""


def selection(type_: Any, levels: int) -> str:
    """Return a selection of every field of a type, to that many levels of objects below it."""
    if is_abstract_type(type_):
        inner = [f"... on {one.name} {selection(one, levels)}" for one in SCHEMA.get_possible_types(type_)]
        common = " ".join(getattr(type_, "fields", {}))
        return f"{{ __typename {common} {' '.join(inner)} }}"
    parts = ["__typename"]
    for name, definition in type_.fields.items():
        result: Any = get_named_type(definition.type)
        if not is_composite_type(result):
            parts.append(name)
        elif levels > 0 or result.name.endswith(STEPS) or result.name == "PageInfo":
            below = levels if result.name.endswith((*STEPS, "PageInfo")) else levels - 1
            parts.append(f"{name}{usual_arguments(definition)} {selection(result, below)}")
    return f"{{ {' '.join(parts)} }}"


def identity(type_: Any) -> str:
    """Return a small selection that tells a type's rows apart."""
    result: Any = get_named_type(type_)
    if result.name.endswith("Connection"):
        node: Any = get_named_type(result.fields["edges"].type)
        row: Any = get_named_type(node.fields["node"].type)
        inner = "{ patron { id } }" if "patron" in row.fields and "id" not in row.fields else identity(row)
        page = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
        return f"{{ edges {{ cursor node {inner} }} {page} totalCount }}"
    if is_abstract_type(result):
        return "{ __typename }"
    return next(
        f"{{ {name} }}" for name in ("id", "code", "patronId", "jobId", "loans", "sealed") if name in result.fields
    )


def choices(name: str, argument: Any) -> list[Any]:
    """Return the values to try for an argument; Ellipsis leaves it out."""
    named = get_named_type(argument.type)
    needed = isinstance(argument.type, GraphQLNonNull)
    values: list[Any] = []
    if isinstance(named, GraphQLEnumType):
        values = [Enum(member) for member in named.values]
    elif named.name == "Boolean":
        values = [True, False]
    elif name == "first":
        values = [1, 2, 200]
    if not needed:
        values.append(None)
    if not needed or argument.default_value is not None:
        values.append(...)
    # `T! = default` may be left out, T! may not.
    return [value for value in values if value is not ... or not needed or has_default(argument)]


def has_default(argument: Any) -> bool:
    """Return whether an argument has a default value."""
    return argument.default is not None if hasattr(argument, "default") else argument.default_value is not None


class Enum(str):
    """A member of an enumeration: a name in a document, a string in variables."""

    __slots__ = ()


def literal(value: Any) -> str:
    """Return a value as GraphQL writes it."""
    if isinstance(value, Enum):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {literal(inner)}" for name, inner in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def written(definition: GraphQLField, values: dict[str, Any], *, as_variables: bool) -> tuple[str, str, dict[str, Any]]:
    """Return (arguments, variable definitions, variables) of a field with these values."""
    given = {name: value for name, value in values.items() if value is not ...}
    if not as_variables:
        inside = ", ".join(f"{name}: {literal(value)}" for name, value in given.items())
        return (f"({inside})" if inside else ""), "", {}
    arguments = ", ".join(f"{name}: ${name}" for name in values)
    # A variable without a value leaves its argument out.
    defined = ", ".join(f"${name}: {_variable_type(definition, name)}" for name in values)
    return f"({arguments})", f"({defined})", given


def _variable_type(definition: GraphQLField, name: str) -> str:
    argument = definition.args[name]
    text = str(argument.type)
    # One with a default may be absent, so its variable must be nullable.
    return text.removesuffix("!") if has_default(argument) else text


def combinations(definition: GraphQLField, **known: list[Any]) -> Iterator[dict[str, Any]]:
    """Return every combination of a field's arguments; `known` says what to try where the type cannot tell."""
    names = list(definition.args)
    tried = [known.get(name) or choices(name, definition.args[name]) for name in names]
    for values in itertools.product(*tried):
        yield dict(zip(names, values, strict=True))
