"""Lets graphql-core walk what the compiled path has read: for introspection beside data, and for mutation payloads."""

from typing import Any

import strawberry
from graphql import GraphQLInputObjectType, GraphQLInterfaceType, GraphQLObjectType, GraphQLUnionType

from patrongraph.graph.declare import Pages, ReadBack, RootRow, RootRows
from patrongraph.graph.selection import declaration_of, table_of

_PARTS = ("Connection", "Edge")


def _from_json(source: Any, info: Any, **_arguments: Any) -> Any:
    return source[info.path.key]


async def _from_database(_source: Any, info: Any, **_arguments: Any) -> Any:
    return await info.context.engine.read(info.context, info, None)


def _read_back(attribute: str) -> Any:
    async def resolve(source: Any, info: Any, **_arguments: Any) -> Any:
        key = getattr(source, attribute)
        return None if key is None else await info.context.engine.read(info.context, info, key)

    return resolve


def attach(schema: strawberry.Schema) -> strawberry.Schema:
    """Give every declared field the resolver that takes its value from compiled JSON. Returns the same schema."""
    for type_ in schema._schema.type_map.values():
        if isinstance(type_, GraphQLObjectType):
            _attach_fields(type_)
        elif isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
            _attach_choice(type_)
        elif isinstance(type_, GraphQLInputObjectType) and type_.extensions["strawberry-definition"].is_one_of:
            # Strawberry only checks values; this lets validation and introspection know it too.
            type_.is_one_of = True
    return schema


def _attach_fields(type_: GraphQLObjectType) -> None:
    compiled = table_of(type_) is not None or type_.name.endswith(_PARTS) or type_.name == "PageInfo"
    if compiled:
        type_.is_type_of = None
    for definition in type_.fields.values():
        spec = declaration_of(definition)
        if compiled:
            definition.resolve = _from_json
        elif isinstance(spec, ReadBack):
            definition.resolve = _read_back(spec.key)
        elif isinstance(spec, RootRow | RootRows | Pages):
            definition.resolve = _from_database


def _attach_choice(type_: GraphQLInterfaceType | GraphQLUnionType) -> None:
    otherwise = type_.resolve_type

    def resolve(value: Any, info: Any, abstract: Any) -> Any:
        if isinstance(value, dict):
            return value["$type"]
        return otherwise(value, info, abstract) if otherwise else None

    type_.resolve_type = resolve


def sdl(schema: strawberry.Schema) -> str:
    """Return the schema as text, with a newline at the end."""
    return schema.as_str().rstrip() + "\n"
