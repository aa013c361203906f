"""What is kept of an operation: checked once for a set of permissions, compiled once for each shape of variables."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from graphql import DocumentNode, FieldNode, GraphQLField, OperationDefinitionNode
from graphql.execution.values import VariableValues

from patrongraph.graph.access import Cost, Refused
from patrongraph.graph.arguments import Variables, shape_of
from patrongraph.graph.compiler import Compiler, Statement
from patrongraph.graph.selection import Fragments

PLANS_PER_FIELD = 64


class Plans:
    """The statements of one field by the shape of the variables, and by classes of values where one was asked."""

    def __init__(self) -> None:
        self._plans: dict[Hashable, Any] = {}
        self._kept = 0

    def find(self, variables: VariableValues) -> Statement | None:
        """Return the statement that fits a request, or None."""
        found = self._plans.get(shape_of(variables.coerced))
        while isinstance(found, tuple):
            step, by_class = found
            found = by_class.get(step(variables))
        return found if isinstance(found, Statement) else None

    def add(self, variables: VariableValues, compiler: Compiler, statement: Statement) -> None:
        """Keep a statement under the shape and the classes that its compilation looked at."""
        if self._kept >= PLANS_PER_FIELD:
            self._plans.clear()
            self._kept = 0
        self._kept += 1
        level, key = self._plans, shape_of(variables.coerced)
        for step, found in compiler.trace.steps:
            level = level.setdefault(key, (step, {}))[1]
            key = found
        level[key] = statement


@dataclass(slots=True)
class Prepared:
    """One operation of one document for one set of permissions: validated, checked, with its plans.

    `paid`: somebody's points have gone for preparing it.
    """

    key: Hashable
    document: DocumentNode
    operation: OperationDefinitionNode
    fragments: Fragments
    refused: Refused
    cost: Cost
    variables: Variables | None
    roots: list[tuple[str, list[FieldNode], GraphQLField]] | None
    plans: dict[Hashable, Plans] = field(default_factory=dict)
    paid: bool = False
    meter: Any = None
    label: str = ""
