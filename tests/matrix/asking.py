"""Operations, inputs and the places of ids in them, worked out from the schema and the recipes."""

from collections import deque
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from graphql import (
    GraphQLField,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
    is_required_argument,
    is_required_input_field,
)
from tests.matrix import recipes
from tests.matrix.recipes import OMIT, File, Own

from patrongraph.permissions import Patrons, Permission, Public, Requires
from patrongraph.schema import schema

SCHEMA = schema._schema
WHERE = "tests/matrix/recipes.py"
Path = tuple[str, ...]


def directives(definition: Any) -> list[Any]:
    made_by = (definition.extensions or {}).get("strawberry-definition")
    return [] if made_by is None else list(made_by.directives or ())


def required(definition: GraphQLField) -> frozenset[Permission]:
    """Return what a field takes: its own permission and its type's."""
    result = get_named_type(definition.type)
    found = [*directives(definition), *(directives(result) if is_object_type(result) else [])]
    return frozenset(one.permission for one in found if isinstance(one, Requires))


@dataclass(frozen=True)
class Root:
    """One field of Query, Mutation or Subscription."""

    type: str
    name: str

    @property
    def definition(self) -> GraphQLField:
        return SCHEMA.type_map[self.type].fields[self.name]  # type: ignore[attr-defined, no-any-return]

    @property
    def coordinate(self) -> str:
        return f"{self.type}.{self.name}"

    @property
    def permission(self) -> Permission | None:
        found = sorted(required(self.definition))
        assert len(found) <= 1, f"{self.coordinate} needs more than one permission: teach the matrix that"
        return found[0] if found else None

    @property
    def public(self) -> bool:
        return any(isinstance(one, Public) for one in directives(self.definition))

    @property
    def for_patrons(self) -> bool:
        return any(isinstance(one, Public | Patrons) for one in directives(self.definition))

    @property
    def act(self) -> recipes.Act:
        if self.type == "Mutation" and self.name not in recipes.ACTS:
            pytest.fail(
                f"{self.coordinate}: say in ACTS of {WHERE} what it answers when it acts, and what it is given."
            )
        return recipes.ACTS.get(self.name, recipes.Act("")) if self.type == "Mutation" else recipes.Act("")

    def __str__(self) -> str:
        return self.coordinate


def roots(*types: str) -> list[Root]:
    found = (SCHEMA.query_type, SCHEMA.mutation_type, SCHEMA.subscription_type)
    return [Root(t.name, name) for t in found if t is not None and t.name in types for name in t.fields]


# ---- What is sent


def value(type_: Any, name: str, owner: str) -> Any:
    """Return what must be sent as an input of that name; ids are Own, to be written for a library later."""
    if is_non_null_type(type_):
        return value(type_.of_type, name, owner)
    if isinstance(recipes.VALUES.get(f"{owner}.{name}"), list):
        return recipes.VALUES[f"{owner}.{name}"]
    if is_list_type(type_):
        return [value(type_.of_type, name, owner)]
    if is_input_object_type(type_):
        return fields(type_)
    known: dict[str, Any] = {**recipes.IDS, **recipes.NAMES, **recipes.VALUES}
    for key in (f"{owner}.{name}", name):
        if key in known:
            return known[key]
    if is_enum_type(type_):
        return next(iter(type_.values))
    pytest.fail(f"{owner}.{name} must be sent ({type_}): say in VALUES of {WHERE} what, or in IDS of what type it is.")


def fields(type_: Any) -> dict[str, Any]:
    """Return an input object with what it must have."""
    if type_.is_one_of:
        name = recipes.CHOICES.get(type_.name, next(iter(type_.fields)))
        return {name: value(type_.fields[name].type, name, type_.name)}
    return {
        name: value(each.type, name, type_.name) for name, each in type_.fields.items() if is_required_input_field(each)
    }


def arguments(root: Root, form: str = "") -> dict[str, Any]:
    """Return the arguments of a root field with which it answers or acts; `form` names another form of the input."""
    given = {
        name: value(each.type, name, root.coordinate)
        for name, each in root.definition.args.items()
        if is_required_argument(each)
    }
    if "input" in given:
        given["input"] |= root.act.given
        given["input"] |= recipes.FORMS.get((root.name, form), {})
        given["input"] = {name: each for name, each in given["input"].items() if each is not OMIT}
    return given


def written(given: Any, library: int, missing: Own | None = None) -> Any:
    """Return arguments as they come in: ids of that library, and of nobody where `missing` stands."""
    if isinstance(given, Own):
        return given.missing if given is missing else given.of(library)
    if isinstance(given, File):
        return given.upload()
    if isinstance(given, dict):
        return {name: written(each, library, missing) for name, each in given.items()}
    return [written(each, library, missing) for each in given] if isinstance(given, list) else given


# ---- Where ids and names stand


@dataclass(frozen=True)
class Leaf:
    """One input that takes an id or a text: its path from the root field, and what it names."""

    root: Root
    path: Path
    owner: str
    kind: str

    @property
    def key(self) -> str:
        return f"{self.owner}.{self.path[-1]}"

    def look(self, known: dict[str, Any]) -> Any:
        return known.get(self.key, known.get(self.path[-1]))

    @property
    def means(self) -> str:
        """Return id, name, new, shared or plain."""
        if self.kind == "ID":
            if self.look(recipes.IDS) is None:
                pytest.fail(f"{self.key} takes an id: say in IDS of {WHERE} of what type, like {self.path[-1]!r}.")
            return "id"
        for word, known in (("name", recipes.NAMES), ("new", recipes.NEW), ("shared", recipes.SHARED)):
            if self.key in known or self.path[-1] in known:
                return word
        if self.path[-1] not in recipes.PLAIN:
            pytest.fail(
                f"{self.key} takes a text: say in {WHERE} whether it names an object of the library (NAMES), of any"
                " library (SHARED), something new (NEW), or nothing (PLAIN)."
            )
        return "plain"

    def __str__(self) -> str:
        return ".".join((self.root.coordinate, *self.path))


def leaves(root: Root) -> Iterator[Leaf]:
    """Yield each place of a root field's arguments that takes an ID or a String."""

    def walk(type_: Any, path: Path, owner: str) -> Iterator[Leaf]:
        named: Any = get_named_type(type_)
        if is_input_object_type(named):
            for name, each in named.fields.items():
                yield from walk(each.type, (*path, name), named.name)
        elif named.name in ("ID", "String"):
            yield Leaf(root, path, owner, named.name)

    for name, each in root.definition.args.items():
        yield from walk(each.type, (name,), root.coordinate)


def with_leaf(leaf: Leaf, instead: Any = None) -> tuple[dict[str, Any], Any]:
    """Return arguments in which the leaf is given, and what stands there: the Own of the recipes, or `instead`."""
    given = containers(arguments(leaf.root, leaf.path[1] if len(leaf.path) > 1 else ""))
    at: Any = given
    type_: Any = None
    for step, following in pairwise(leaf.path):
        type_ = get_named_type((leaf.root.definition.args if type_ is None else type_.fields)[step].type)
        if not isinstance(at.get(step), dict):
            at[step] = {} if type_.is_one_of else fields(type_)
        at = at[step]
        if type_.is_one_of:
            for name in [name for name in at if name != following]:
                del at[name]
    name = leaf.path[-1]
    definition: Any = leaf.root.definition.args[name] if type_ is None else type_.fields[name]
    there = at.get(name)
    there = there[0] if isinstance(there, list) else there
    found = there if isinstance(there, Own) else leaf.look({**recipes.IDS, **recipes.NAMES, **recipes.NEW})
    found = copy(found) if instead is None else instead  # one that stands nowhere else
    bare = definition.type.of_type if is_non_null_type(definition.type) else definition.type
    at[name] = [found] if is_list_type(bare) else found
    return given, found


def containers(given: Any) -> Any:
    """Return a copy of the containers; what stands in them stays the same object."""
    if isinstance(given, dict):
        return {name: containers(each) for name, each in given.items()}
    return [containers(each) for each in given] if isinstance(given, list) else given


# ---- What is selected


def inner_arguments(definition: GraphQLField, coordinate: str) -> str:
    given = []
    for name, each in definition.args.items():
        if is_required_argument(each):
            if name not in recipes.INNER:
                pytest.fail(f"{coordinate} needs the argument {name}: say in INNER of {WHERE} what to send.")
            given.append(f"{name}: {recipes.INNER[name]}")
    return f"({', '.join(given)})" if given else ""


def selection(type_: Any, permissions: frozenset[Permission], levels: int = 1) -> str:
    """Return a selection of everything that the permissions allow, to that many levels of objects."""
    if not is_composite_type(type_):
        return ""
    if is_abstract_type(type_):
        members = [f"... on {each.name} {_part(each, permissions, levels, each.name)}" for each in possible(type_)]
        return f"{{ __typename {' '.join(members)} }}"
    return _part(type_, permissions, levels)


def possible(type_: Any) -> list[Any]:
    return sorted(SCHEMA.get_possible_types(type_), key=lambda each: each.name)


def _part(type_: Any, permissions: frozenset[Permission], levels: int, prefix: str = "") -> str:
    # Members of a union may have fields of one name and of several types: each is asked under a name of its own.
    parts = ["__typename"]
    for name, definition in type_.fields.items():
        result: Any = get_named_type(definition.type)
        if not required(definition) <= permissions:
            continue
        step = result.name.endswith(("Connection", "Edge", "PageInfo"))
        if is_composite_type(result) and not (levels > 0 or step):
            continue
        below = selection(result, permissions, levels if step else levels - 1)
        alias = f"{prefix[:30]}_{name}: " if prefix else ""
        parts.append(f"{alias}{name}{inner_arguments(definition, f'{type_.name}.{name}')} {below}")
    return f"{{ {' '.join(parts)} }}"


def field_text(root: Root, given: dict[str, Any], below: str | None = None) -> str:
    """Return the root field with its arguments as variables; without `below` the shortest selection."""
    inside = ", ".join(f"{name}: ${name}" for name in given)
    if below is None:
        below = "{ __typename }" if is_composite_type(get_named_type(root.definition.type)) else ""
    return f"{root.name}{f'({inside})' if inside else ''} {below}"


def header(root: Root, given: dict[str, Any], *more: str) -> str:
    """Return how the operation begins: its kind and its variables."""
    defined = ", ".join([*(f"${name}: {root.definition.args[name].type}" for name in given), *more])
    return root.type.lower() + (f"({defined})" if defined else "")


def forms(root: Root, given: dict[str, Any]) -> Iterator[str]:
    """Yield the ways to write one root field: plain, under another name beside another field, hidden in fragments."""
    text, begin = field_text(root, given), header(root, given)
    yield f"{begin} {{ {text} }}"
    yield f"{begin} {{ ... {{ ...f }} }} fragment f on {root.type} {{ {text} }}"
    if root.type != "Subscription":
        beside = "library { id }" if root.type == "Query" else "signOut { ended }"
        yield f"{begin} {{ {beside} a: {text} }}"
        yield f"{header(root, given, '$q: Boolean = false')} {{ ... @skip(if: $q) {{ {text} }} }}"
    if root.type == "Query":
        yield f"{begin} {{ {text} __schema {{ description }} }}"


# ---- Ways through the graph


@dataclass(frozen=True)
class Way:
    """A way from a root field to a type: the steps as text to be wrapped around a selection, and what it takes."""

    root: Root
    steps: tuple[str, ...]
    permissions: frozenset[Permission]

    def around(self, inner: str) -> str:
        for step in reversed(self.steps):
            inner = f"{{ {step} {inner} }}"
        return inner

    def __str__(self) -> str:
        return ".".join((self.root.coordinate, *(step.split("(")[0] for step in self.steps)))


def ways(root: Root) -> Iterator[tuple[Any, Way]]:
    """Yield the object types below a root field, each by its shortest way for each set of permissions it takes."""
    seen: dict[str, list[frozenset[Permission]]] = {}
    first = get_named_type(root.definition.type)
    pending = deque([(first, Way(root, (), required(root.definition)))])
    while pending:
        type_, way = pending.popleft()
        if is_abstract_type(type_):
            for each in possible(type_):
                pending.append((each, Way(root, (*way.steps, f"... on {each.name}"), way.permissions)))
            continue
        if not is_object_type(type_) or any(known <= way.permissions for known in seen.get(type_.name, [])):
            continue
        seen.setdefault(type_.name, []).append(way.permissions)
        yield type_, way
        for name, definition in type_.fields.items():
            result = get_named_type(definition.type)
            if is_composite_type(result):
                step = name + inner_arguments(definition, f"{type_.name}.{name}")
                pending.append((result, Way(root, (*way.steps, step), way.permissions | required(definition))))
