"""Permissions and limits are checked on the whole operation before anything runs."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    get_named_type,
    is_composite_type,
    is_interface_type,
    is_object_type,
)
from graphql.execution.values import VariableValues

from patrongraph.context import Actor, ActorKind
from patrongraph.graph.arguments import NO_VARIABLES, FieldArguments
from patrongraph.graph.declare import Many, Pages, RootRows
from patrongraph.graph.errors import too_much
from patrongraph.graph.selection import Fragments, declaration_of, included
from patrongraph.permissions import Patrons, Permission, Public, Requires
from patrongraph.settings import Settings

SHORT_LIST = 5
"""Rows assumed for a list that is not paged (cards, addresses)."""
COUNT = 100
"""Cost of counting a whole list."""
LONGEST_KEY = 63
"""PostgreSQL's longest column name, which a response key becomes."""

Cost = Callable[[VariableValues], int]
"""Rows that an operation may touch, by its variables."""
Costs = Callable[[VariableValues], tuple[int, int]]
"""Rows for each row of the list that a selection belongs to, and rows once for that list (its totalCount)."""

Refused = Callable[[VariableValues], list[GraphQLError]]
"""Permissions that are missing for what @skip and @include leave in, by the variables."""


def too_many_directives(document: DocumentNode, most: int) -> GraphQLError | None:
    """Return the refusal of a document that has more directives than that in one place, before it is validated."""
    pending: list[Any] = list(document.definitions)
    while pending:
        node = pending.pop()
        found = getattr(node, "directives", None) or ()
        if len(found) > most:
            return too_much("directives", f"{len(found)} directives in one place", len(found), most, node)
        pending += getattr(node, "variable_definitions", None) or ()
        inner = getattr(node, "selection_set", None)
        pending += () if inner is None else inner.selections
    return None


@dataclass(slots=True)
class Checked:
    """What the walk over one operation found."""

    errors: list[GraphQLError]
    refused: Refused
    cost: Cost
    introspects: bool


class Walk:
    """One pass over an operation: permissions of each field and type, depth, size, aliases and static cost."""

    def __init__(self, schema: GraphQLSchema, fragments: Fragments, actor: Actor, settings: Settings) -> None:
        self._schema = schema
        self._fragments = fragments
        self._actor = actor
        self._settings = settings
        self._refused: dict[tuple[str, Permission], GraphQLError] = {}
        self._conditions: list[SelectionNode] = []
        self._conditional: dict[Hashable, tuple[list[SelectionNode], GraphQLError]] = {}
        self._limits: dict[str, GraphQLError] = {}
        self._aliases = 0
        self._size = 0
        self._introspects = False
        self._varies = False

    def operation(self, operation: OperationDefinitionNode) -> Checked:
        """Check one operation."""
        root = self._schema.get_root_type(operation.operation)
        costs = self._selections(root, operation.selection_set, 1, is_root=True)
        most = self._settings.max_aliases
        if self._aliases > most:
            self._limit("aliases", f"{self._aliases} aliases", self._aliases, most, operation)

        constant = None if self._varies else sum(costs(NO_VARIABLES))

        def cost(variables: VariableValues) -> int:
            return sum(costs(variables)) if constant is None else constant

        def refused(variables: VariableValues) -> list[GraphQLError]:
            return [
                error
                for conditions, error in self._conditional.values()
                if all(included(node, variables) for node in conditions)
            ]

        errors = [*self._limits.values(), *self._refused.values()]
        return Checked(errors, refused, cost, self._introspects)

    def _selections(self, type_: Any, selections: SelectionSetNode, depth: int, *, is_root: bool = False) -> Costs:
        most = self._settings.max_depth
        if depth > most:
            self._limit("depth", f"at least {depth} levels of fields", depth, most, selections)
            return _free
        costs = []
        for node in selections.selections:
            # Fragments that spread one another twice double at each step: what is looked at is counted, and it ends.
            self._size += 1
            if self._size > self._settings.max_fields:
                words = f"at least {self._size} fields and fragments, each counted wherever it is put in"
                self._limit("fields", words, self._size, self._settings.max_fields, node)
                return _free
            if node.directives:
                self._conditions.append(node)
            costs.append(self._selection(type_, node, depth, is_root))
            if node.directives:
                self._conditions.pop()

        def together(variables: VariableValues) -> tuple[int, int]:
            found = [cost(variables) for cost in costs]
            return sum(rows for rows, _ in found), sum(once for _, once in found)

        return together

    def _selection(self, type_: Any, node: SelectionNode, depth: int, is_root: bool) -> Costs:
        if isinstance(node, FieldNode):
            return self._field(type_, node, depth, is_root)
        if isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            inner = self._schema.get_type(condition.name.value) if condition else type_
            return self._selections(inner, node.selection_set, depth, is_root=is_root)
        assert isinstance(node, FragmentSpreadNode)  # noqa: S101 - there are three kinds
        fragment = self._fragments[node.name.value]
        inner = self._schema.get_type(fragment.type_condition.name.value)
        return self._selections(inner, fragment.selection_set, depth, is_root=is_root)

    def _field(self, type_: Any, node: FieldNode, depth: int, is_root: bool) -> Costs:
        name = node.name.value
        self._count_alias(node)
        if name.startswith("__"):
            if name != "__typename":
                self._introspects = True
                if not self._actor.signed_in:
                    self._unauthenticated(node, name)
            return _free
        definition: GraphQLField = type_.fields[name]
        self._permission(type_, definition, node, is_root)
        result = get_named_type(definition.type)
        if not is_composite_type(result) or node.selection_set is None:
            return _counted if name == "totalCount" else _free
        inner = self._selections(result, node.selection_set, depth + 1)
        return self._rows(definition, node, inner)

    def _rows(self, definition: GraphQLField, node: FieldNode, inner: Costs) -> Costs:
        spec = declaration_of(definition)
        if isinstance(spec, Pages):
            arguments = FieldArguments(definition, node)
            self._varies = self._varies or arguments.varies
            longest = spec.limit

            def pages(variables: VariableValues) -> tuple[int, int]:
                first = arguments.values(variables).get("first", 1)
                rows, once = inner(variables)
                return 1 + once + max(1, min(first, longest)) * rows, 0

            return pages
        rows = SHORT_LIST if isinstance(spec, Many | RootRows) else 1
        if isinstance(spec, RootRows) and spec.limit is not None:
            rows = spec.limit
        # A connection's edges, node and pageInfo are parts of its rows, not rows of their own.
        own = 0 if spec is None else 1
        own = 1 if node.name.value == "node" and spec is None else own

        def several(variables: VariableValues) -> tuple[int, int]:
            found, once = inner(variables)
            return rows * (own + found), once

        return several

    def _count_alias(self, node: FieldNode) -> None:
        if node.alias is None:
            return
        self._aliases += 1
        length = len(node.alias.value)
        if length > LONGEST_KEY:
            self._limit("aliasLength", f"an alias of {length} characters", length, LONGEST_KEY, node)

    def _permission(self, type_: Any, definition: GraphQLField, node: FieldNode, is_root: bool) -> None:
        directives = _directives(definition)
        if is_root and not self._actor.signed_in and not any(isinstance(one, Public) for one in directives):
            self._unauthenticated(node, f"{type_.name}.{node.name.value}")
            return
        if (
            is_root
            and self._actor.kind is ActorKind.PATRON
            and not any(isinstance(one, Public | Patrons) for one in directives)
        ):
            self._not_for_patrons(f"{type_.name}.{node.name.value}", node)
            return
        result = get_named_type(definition.type)
        if is_object_type(result) or is_interface_type(result):
            directives = [*directives, *_directives(result)]
        for directive in directives:
            if isinstance(directive, Requires) and directive.permission not in self._actor.permissions:
                self._forbidden(f"{type_.name}.{node.name.value}", directive.permission, node)

    def _forbidden(self, field: str, permission: Permission, node: FieldNode) -> None:
        error = GraphQLError(
            f"{field} needs the permission {permission.value}, which you do not have.",
            node,
            extensions={"code": "FORBIDDEN", "field": field, "permission": permission.value},
        )
        if self._conditions:
            key = (field, permission, *map(id, self._conditions))
            self._conditional.setdefault(key, (list(self._conditions), error))
        else:
            self._refused.setdefault((field, permission), error)

    def _not_for_patrons(self, field: str, node: FieldNode) -> None:
        self._limits.setdefault(
            f"patrons {field}",
            GraphQLError(
                f"{field} is not for patrons: what you may see is in Query.viewer.",
                node,
                extensions={"code": "FORBIDDEN", "field": field},
            ),
        )

    def _unauthenticated(self, node: FieldNode, field: str) -> None:
        self._limits.setdefault(
            f"sign-in {field}",
            GraphQLError(
                f"{field} needs somebody signed in: send a session cookie or Authorization: Bearer pg_….",
                node,
                extensions={"code": "UNAUTHENTICATED"},
            ),
        )

    def _limit(self, what: str, words: str, found: int, most: int, node: Any) -> None:
        self._limits.setdefault(what, too_much(what, words, found, most, node))


def _free(_variables: VariableValues) -> tuple[int, int]:
    return 0, 0


def _counted(_variables: VariableValues) -> tuple[int, int]:
    return 0, COUNT


def _directives(definition: Any) -> list[Any]:
    made_by = definition.extensions.get("strawberry-definition")
    return [] if made_by is None else list(made_by.directives or ())
