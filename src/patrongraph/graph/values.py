"""What is wrong with a value is said by place and type, never by repeating it: errors end up in logs and on screens."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    Undefined,
    ValuesOfCorrectTypeRule,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
    is_required_input_field,
    specified_rules,
    validate,
    validate_input_literal,
    validate_input_value,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature
from graphql.language import ListValueNode, NullValueNode, ObjectValueNode, ValueNode

from patrongraph.graph.ids import BadArgument

_KINDS = {
    "Int": "a whole number between -2147483648 and 2147483647",
    "Float": "a number",
    "String": "a text",
    "Boolean": "true or false",
    "ID": "an id, such as pat_12",
}
# The parser's messages end with the token that it found, or with the characters of a number or an escape.
_TOKEN = re.compile(r"\b(Name|Int|Float|String|BlockString|Comment) '.*", re.DOTALL)
_CHARACTERS = re.compile(r"(expected digit|escape sequence|unexpected digit after 0)\b.*", re.DOTALL)
_SUGGESTION = re.compile(r" Did you mean .*", re.DOTALL)
_INVALID = re.compile(r" has invalid (default )?value\b.*", re.DOTALL)

Path = Sequence[str | int]


def unreadable(error: GraphQLSyntaxError) -> GraphQLError:
    """Return the error of a document that cannot be parsed: its place, and no text of the document."""
    message = _CHARACTERS.sub(r"\1 is wrong here.", _TOKEN.sub(r"\1.", error.message))
    return GraphQLError(message, source=error.source, positions=error.positions)


def check(schema: GraphQLSchema, document: DocumentNode, *, hints: bool) -> list[GraphQLError]:
    """Return what is wrong with a document; with hints the errors name what exists, for those who may know it."""
    errors = validate(schema, document, _RULES, hide_suggestions=not hints)
    if hints:
        return errors
    # One rule suggests regardless.
    return [GraphQLError(_SUGGESTION.sub("", error.message), error.nodes) for error in errors]


def wrong_variables(
    signatures: Sequence[GraphQLVariableSignature], inputs: Mapping[str, Any], *, hints: bool
) -> list[GraphQLError]:
    """Return what is wrong with the variables of a request, by place and type."""
    errors: dict[str, GraphQLError] = {}
    for signature in signatures:
        given = inputs.get(signature.name, Undefined)
        if given is Undefined:
            if is_non_null_type(signature.type):
                message = f"Variable '${signature.name}' of type '{signature.type}' was not sent."
                errors.setdefault(message, GraphQLError(message))
            continue
        for path, why in _wrong_value(given, signature.type, hints):
            place = f" at '{_dotted(path)}'" if path else ""
            message = f"Variable '${signature.name}' has a wrong value{place}: {why}"
            errors.setdefault(message, GraphQLError(message))
    return list(errors.values()) or [GraphQLError("The variables do not have the types that the operation names.")]


def wrong_argument(error: GraphQLError) -> GraphQLError | None:
    """Return the error of an argument that a variable has left without a value; None when it is about anything else."""
    if not error.message.startswith("Argument "):
        return None
    message = _INVALID.sub(" needs a value, and a variable in it is null or was not sent.", error.message)
    return GraphQLError(message, error.nodes, path=error.path)


def _wrong_value(given: Any, type_: Any, hints: bool) -> list[tuple[Path, str]]:
    found: list[tuple[Path, str]] = []

    def note(error: GraphQLError, path: list[str | int]) -> None:
        found.append((path, _why(*_at(type_, given, path), error, hints)))

    try:
        validate_input_value(given, type_, note, hide_suggestions=True)
    except RecursionError:
        return [((), "it is nested too deeply.")]
    return found


def _at(type_: Any, value: Any, path: Sequence[Any]) -> tuple[Any, Any]:
    for step in path:
        type_ = _inner(type_, step)
        value = value[step] if isinstance(value, dict | list) else value  # one value stands for a list of one
    return type_, value


def _inner(type_: Any, step: str | int) -> Any:
    type_ = type_.of_type if is_non_null_type(type_) else type_
    if isinstance(step, int):
        return type_.of_type if is_list_type(type_) else type_
    type_ = type_.of_type if is_list_type(type_) else type_
    type_ = type_.of_type if is_non_null_type(type_) else type_
    return type_.fields[step].type


def _why(type_: Any, value: Any, error: GraphQLError, hints: bool) -> str:
    if is_non_null_type(type_):
        if value is None or value is Undefined:
            return f"a value of type '{type_}' is needed."
        type_ = type_.of_type
    while is_list_type(type_) or is_non_null_type(type_):  # one value stands for a list of one
        type_ = type_.of_type
    if is_input_object_type(type_):
        return _why_object(type_, value, hints)
    if is_enum_type(type_):
        members = f": {', '.join(type_.values)}" if hints else ""
        return f"it is not one of '{type_.name}'{members}."
    if isinstance(error.original_error, BadArgument):
        return str(error.original_error)
    return f"'{type_.name}' is {_KINDS.get(type_.name, 'another type')}."


def _why_object(type_: Any, value: Any, hints: bool) -> str:
    if not isinstance(value, dict):
        return f"an object of type '{type_.name}' is needed."
    missing = [name for name, field in type_.fields.items() if is_required_input_field(field) and name not in value]
    reasons = [f"'{type_.name}' needs {', '.join(missing) if hints else 'more fields'}"] if missing else []
    known = ""
    if not type_.fields.keys() >= value.keys():
        reasons.append(f"it has a field that '{type_.name}' does not have")
        known = f" Its fields are {', '.join(type_.fields)}." if hints else ""
    if reasons:
        return f"{'; '.join(reasons)}.{known}"
    return f"exactly one field of '{type_.name}' must be given, and not null."


def _dotted(path: Path) -> str:
    return ".".join(str(step) for step in path)


def _outline(node: ValueNode) -> Any:
    """Return the objects, lists and nulls of a literal; what else is in it does not matter."""
    if isinstance(node, ObjectValueNode):
        return {each.name.value: _outline(each.value) for each in node.fields}
    if isinstance(node, ListValueNode):
        return [_outline(each) for each in node.values]
    return None if isinstance(node, NullValueNode) else ...


class _QuietValues(ValuesOfCorrectTypeRule):
    """The rule about literals, with messages that do not repeat them."""

    def is_valid_value_node(self, node: ValueNode, input_type: Any) -> Any:
        """Look at one literal and all that is in it."""
        if input_type:
            hints, said = not self.context.hide_suggestions, set[str]()

            def note(error: GraphQLError, path: list[str | int]) -> None:
                place = f" at '{_dotted(path)}'" if path else ""
                why = _why(*_at(input_type, _outline(node), path), error, hints)
                message = f"A wrong value{place}: {why}"
                if message not in said:
                    said.add(message)
                    self.report_error(GraphQLError(message, error.nodes))

            validate_input_literal(node, input_type, note, hide_suggestions=True)
        return self.SKIP


_RULES: list[type[ASTValidationRule]] = [
    _QuietValues if rule is ValuesOfCorrectTypeRule else rule for rule in specified_rules
]
