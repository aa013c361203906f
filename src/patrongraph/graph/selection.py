"""Which fields an operation selects of a type, once fragments, @skip and @include are resolved."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLIncludeDirective,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSkipDirective,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
    get_named_type,
    is_abstract_type,
)
from graphql.execution.values import VariableValues, get_directive_values

from patrongraph.graph.declare import KEY, TABLE, Declared, Table

Fragments = Mapping[str, FragmentDefinitionNode]
Fields = dict[str, list[FieldNode]]


def declaration_of(definition: GraphQLField) -> Declared | None:
    """Return what a field declares about where its data lives."""
    made_by = definition.extensions.get("strawberry-definition")
    found: Declared | None = None if made_by is None else made_by.metadata.get(KEY)
    return found


def table_of(type_: GraphQLObjectType) -> Table | None:
    """Return where the rows of a type live; None for payloads, connections and edges."""
    made_by = type_.extensions.get("strawberry-definition")
    found: Table | None = None if made_by is None else getattr(made_by.origin, TABLE, None)
    return found


def object_type(type_: Any) -> GraphQLObjectType:
    """Return the object type inside lists and non-nulls. Raises TypeError for any other kind."""
    named = get_named_type(type_)
    if not isinstance(named, GraphQLObjectType):
        raise TypeError(f"{named} is no object type")
    return named


def included(node: SelectionNode, variables: VariableValues) -> bool:
    """Return whether @skip and @include leave a selection in, with these variables."""
    if not node.directives:
        return True
    skip = get_directive_values(GraphQLSkipDirective, node, variables)
    if skip and skip["if"] is True:
        return False
    include = get_directive_values(GraphQLIncludeDirective, node, variables)
    return not include or include["if"] is not False


class Selector:
    """Collects fields for one document and one set of variables."""

    def __init__(self, schema: GraphQLSchema, fragments: Fragments, variables: VariableValues) -> None:
        self.schema = schema
        self._fragments = fragments
        self._variables = variables

    def fields(self, type_: GraphQLObjectType, sets: Sequence[SelectionSetNode | None]) -> Fields:
        """Return the selected fields of an object by response key, in the order of the answer."""
        found: Fields = {}
        for selections in sets:
            if selections is not None:
                for node in self._nodes(type_, selections, set()):
                    key = node.alias.value if node.alias else node.name.value
                    found.setdefault(key, []).append(node)
        return found

    def _nodes(self, type_: GraphQLObjectType, selections: SelectionSetNode, visited: set[str]) -> Iterator[FieldNode]:
        for node in selections.selections:
            if not included(node, self._variables):
                continue
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition.name.value if node.type_condition else None
                if self._applies(condition, type_):
                    yield from self._nodes(type_, node.selection_set, visited)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in visited:
                visited.add(node.name.value)
                fragment = self._fragments[node.name.value]
                if self._applies(fragment.type_condition.name.value, type_):
                    yield from self._nodes(type_, fragment.selection_set, visited)

    def _applies(self, condition: str | None, type_: GraphQLObjectType) -> bool:
        if condition is None or condition == type_.name:
            return True
        wanted = self.schema.get_type(condition)
        if isinstance(wanted, GraphQLInterfaceType) or (wanted is not None and is_abstract_type(wanted)):
            return self.schema.is_sub_type(wanted, type_)
        return False
