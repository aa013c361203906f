"""Arguments become parameters, never text; only their shape (absent, null, an enumeration's member) forms the SQL."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from graphql import FieldNode, GraphQLError, GraphQLField, GraphQLSchema, Undefined, coerce_input_value
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import (
    VariableValues,
    VariableValueSource,
    get_argument_values,
    get_variable_values,
)
from graphql.language import Node, ObjectValueNode, VariableDefinitionNode, VariableNode

from patrongraph.context import Actor
from patrongraph.db import storable
from patrongraph.graph.ids import BadArgument
from patrongraph.graph.values import wrong_variables

Convert = Callable[[Any], Any]
NO_VARIABLES = VariableValues({}, {})


def _has_variable(node: object) -> bool:
    if isinstance(node, VariableNode):
        return True
    if isinstance(node, Node):
        return any(_has_variable(getattr(node, key, None)) for key in node.keys if key != "loc")
    if isinstance(node, list | tuple):
        return any(_has_variable(one) for one in node)
    return False


def shape_of(value: Any) -> Hashable:
    """Return what of a variable's value may form SQL: its nulls, booleans and enumeration members."""
    if value is None or isinstance(value, bool | Enum):
        return value
    if isinstance(value, Mapping):
        return tuple((name, shape_of(inner)) for name, inner in value.items())
    return ...


class Variables:
    """The variables of one operation, their types worked out once."""

    def __init__(self, schema: GraphQLSchema, definitions: Sequence[VariableDefinitionNode]) -> None:
        self._schema = schema
        self._definitions = definitions
        found = [get_variable_signature(schema, definition) for definition in definitions]
        self._signatures = [each for each in found if isinstance(each, GraphQLVariableSignature)]

    def coerce(self, inputs: Mapping[str, Any], *, hints: bool) -> VariableValues | list[GraphQLError]:
        """Return the values, or what is wrong with them; with hints the errors name what exists."""
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for signature in self._signatures:
            given = inputs.get(signature.name, Undefined)
            value = Undefined if given is Undefined else coerce_input_value(given, signature.type)
            if value is Undefined:
                # Absent or wrong: the long way knows defaults and words of errors.
                found = get_variable_values(self._schema, self._definitions, dict(inputs))
                return (
                    found
                    if isinstance(found, VariableValues)
                    else wrong_variables(self._signatures, inputs, hints=hints)
                )
            sources[signature.name] = VariableValueSource(signature, given)
            coerced[signature.name] = value
        return VariableValues(sources, coerced)


class FieldArguments:
    """The arguments of one field in one document: constant, or computed from the variables of each request."""

    __slots__ = ("_definition", "_fixed", "_node", "_places", "varies")

    def __init__(self, definition: GraphQLField, node: FieldNode) -> None:
        self._definition = definition
        self._node = node
        self._places = _places(node)
        self.varies = self._places != []
        self._fixed: dict[str, Any] | None = None if self.varies else get_argument_values(definition, node)

    def values(self, variables: VariableValues) -> dict[str, Any]:
        """Return the coerced arguments by name."""
        if self._fixed is None:
            found = get_argument_values(self._definition, self._node, variables)
            # What no variable touches is the same in every request.
            self._fixed = found if self._places is not None else None
            return found
        if not self._places:
            return self._fixed
        found, coerced = dict(self._fixed), variables.coerced
        for name, inner, variable in self._places:
            value = coerced.get(variable)
            if value is None:  # absent or null: defaults and non-null arguments are for the long way
                return get_argument_values(self._definition, self._node, variables)
            found[name] = value if inner is None else {**found[name], inner: value}
        return found


def _places(node: FieldNode) -> list[tuple[str, str | None, str]] | None:
    """Return where variables stand: argument, field of its input object, variable. None where they stand deeper."""
    found: list[tuple[str, str | None, str]] = []
    for argument in node.arguments or ():
        if isinstance(argument.value, VariableNode):
            found.append((argument.name.value, None, argument.value.name.value))
        elif isinstance(argument.value, ObjectValueNode):
            for part in argument.value.fields or ():
                if isinstance(part.value, VariableNode):
                    found.append((argument.name.value, part.name.value, part.value.name.value))
                elif _has_variable(part.value):
                    return None
        elif _has_variable(argument.value):
            return None
    return found


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one argument, or a part of an input object, out of a request."""

    arguments: FieldArguments
    path: tuple[str, ...]

    def read(self, variables: VariableValues) -> Any:
        """Return the value; absent and null are both None."""
        value: Any = self.arguments.values(variables)
        for name in self.path:
            value = value.get(name) if value else None
        return None if value is Undefined else value


@dataclass(frozen=True, slots=True)
class Call:
    """What the parameters of a statement are computed from: one request, and the row key of a read-back."""

    variables: VariableValues
    actor: Actor
    key: int | Sequence[int] | None = None


Compute = Callable[[Call], Any]


class Parameters:
    """The parameters of one statement, each once; `$1` is always the library."""

    def __init__(self) -> None:
        self.computed: list[Compute] = [lambda call: call.actor.library_id]
        self.depends_on_actor = False
        self._known: dict[Hashable, int] = {}

    def add(self, key: Hashable, sql_type: str, compute: Compute) -> str:
        """Return the placeholder of a computed value, cast to its SQL type."""
        if key not in self._known:
            self.computed.append(compute)
            self._known[key] = len(self.computed)
        return f"${self._known[key]}::{sql_type}"

    def named(self, name: str) -> str | None:
        """Return the placeholder that {library}, {actor}, {permissions} or {key} stands for."""
        if name == "library":
            return "$1::bigint"
        if name == "key":
            return self.add("key", "bigint", lambda call: call.key)
        if name == "keys":
            return self.add("keys", "bigint[]", lambda call: call.key)
        if name in ("actor", "permissions"):
            self.depends_on_actor = True
        if name == "actor":
            return self.add("actor", "bigint", lambda call: call.actor.id)
        if name == "permissions":
            return self.add("permissions", "text[]", lambda call: sorted(call.actor.permissions))
        return None


@dataclass(slots=True)
class Trace:
    """The values that a compilation looked at beyond the shape: with them the plan is found again."""

    steps: list[tuple[Callable[[VariableValues], Hashable], Hashable]] = field(default_factory=list)


class Where:
    """What a declaration's `where` receives: the arguments to look at, and predicates to add."""

    def __init__(
        self,
        arguments: FieldArguments,
        variables: VariableValues,
        actor: Actor,
        parameters: Parameters,
        trace: Trace,
    ) -> None:
        self.actor = actor
        self.predicates: list[str] = []
        self.source: str | None = None
        self.arguments = arguments
        self.parameters = parameters
        self._variables = variables
        self._trace = trace

    def add(self, predicate: str) -> None:
        """Require a predicate; {t}, {p} and {library} as in every declaration."""
        self.predicates.append(predicate)

    def read_from(self, source: str) -> None:
        """Take the rows from this parenthesised query instead of the declared one."""
        self.source = source

    def given(self, *path: str) -> bool:
        """Return whether an argument (or part of an input object) is present and not null."""
        return Reader(self.arguments, path).read(self._variables) is not None

    def choice(self, *path: str) -> Any:
        """Return an enumeration member or boolean; None where absent or null. It forms the SQL."""
        value = Reader(self.arguments, path).read(self._variables)
        if value is not None and not isinstance(value, bool | Enum):
            raise TypeError(f"argument {'.'.join(path)} is a value: bind() it")
        return value

    def classify(self, classify: Callable[[Any], Hashable], *path: str) -> Any:
        """Return the class of a value; requests whose value is of another class get another statement."""
        reader = Reader(self.arguments, path)

        def step(variables: VariableValues) -> Hashable:
            return classify(reader.read(variables))

        found = step(self._variables)
        self._trace.steps.append((step, found))
        return found

    def check(self, check: Callable[[Mapping[str, Any]], None]) -> None:
        """Look at the arguments of every request together, by name. `check` may raise BadArgument."""
        arguments = self.arguments

        def compute(call: Call) -> None:
            check(arguments.values(call.variables))

        # No SQL names it; arguments that a statement does not use are computed all the same.
        self.parameters.add((id(arguments), check), "text", compute)

    def text(self, *path: str) -> str:
        """Return a value to refuse it; what forms the SQL goes through choice() or classify()."""
        return str(Reader(self.arguments, path).read(self._variables))

    def bind(self, sql_type: str, *path: str, convert: Convert | None = None) -> str:
        """Return the placeholder of an argument's value. `convert` may raise BadArgument."""
        reader = Reader(self.arguments, path)

        def compute(call: Call) -> Any:
            value = reader.read(call.variables)
            if isinstance(value, str) and not storable(value):
                raise BadArgument(f"Argument {'.'.join(path)} holds a character that no stored text has.")
            if value is None or convert is None:
                return value
            try:
                return convert(value)
            except BadArgument as bad:
                raise BadArgument(f"Argument {'.'.join(path)}: {bad}") from None

        return self.parameters.add((id(self.arguments), path, convert), sql_type, compute)
