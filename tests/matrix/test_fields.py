"""Fields of types, where they are stricter than the roots that lead to them, and types behind a permission."""

from typing import Any

import pytest
from graphql import get_named_type, is_object_type
from tests.graph.library import NORTH
from tests.matrix.asking import (
    SCHEMA,
    Root,
    Way,
    arguments,
    field_text,
    header,
    inner_arguments,
    required,
    roots,
    ways,
    written,
)
from tests.matrix.ground import Ground, of_others
from tests.matrix.recipes import ABOUT_PATRONS, BESIDE, ONESELF, SHOWN
from tests.matrix.table import looked_at
from tests.matrix.test_roots import send
from tests.town import contents

from patrongraph.graph.declare import NODES
from patrongraph.permissions import ALL_PERMISSIONS, Permission

EVERY = roots("Query", "Mutation", "Subscription")
GUARDED = [
    f"{type_.name}.{name}"
    for type_ in SCHEMA.type_map.values()
    if is_object_type(type_) and type_.name not in ("Query", "Mutation", "Subscription")
    for name, definition in type_.fields.items()  # type: ignore[union-attr]
    if required(definition)
]


def ways_to(type_name: str) -> list[Way]:
    """Return one way to a type from each root field that leads there, the shortest."""
    found = []
    for root in EVERY:
        to = [way for type_, way in ways(root) if type_.name == type_name]
        found.extend(to[:1])
    return found


def values_of(key: str, answer: Any) -> list[Any]:
    """Return what stands under that key, wherever in an answer."""
    if isinstance(answer, list):
        return [value for each in answer for value in values_of(key, each)]
    if not isinstance(answer, dict):
        return []
    return [answer[key]] if key in answer else values_of(key, list(answer.values()))


@pytest.mark.parametrize("coordinate", GUARDED)
async def test_a_stricter_field_is_refused_on_every_way_to_it(ground: Ground, coordinate: str) -> None:
    type_name, name = coordinate.split(".")
    definition: Any = SCHEMA.type_map[type_name].fields[name]  # type: ignore[attr-defined]
    inner = "{ __typename }" if is_object_type(get_named_type(definition.type)) else ""
    asked = f"{name}{inner_arguments(definition, coordinate)} {inner}"
    found = ways_to(type_name)
    assert found, f"no root field leads to {type_name}"
    before = await contents()
    for way in found:
        given = arguments(way.root)
        for selected in (f"{{ {asked} }}", f"{{ a: {asked} }}", f"{{ ... on {type_name} {{ {asked} }} }}"):
            text = f"{header(way.root, given)} {{ {field_text(way.root, given, way.around(selected))} }}"
            for permission in required(definition):
                who = ground.staff(*(ALL_PERMISSIONS - {permission}))
                said = await send(ground, way.root, who, text, written(given, NORTH))
                assert (said.status, said.executed, "data" in said.envelope) == (403, False, False), (text, said)
                names = {"code": "FORBIDDEN", "field": coordinate, "permission": permission.value}
                assert names in [error["extensions"] for error in said.envelope["errors"]], (text, said)
    assert await contents() == before
    seen = []
    for way in found:
        if way.root.type == "Query" and way.root.name != "node":
            given = arguments(way.root) | SHOWN.get((coordinate, way.root.name), {})
            below = way.around(f"{{ seen: {asked} }}")
            text = f"{header(way.root, given)} {{ {field_text(way.root, given, below)} }}"
            said = await ground.ask(ground.staff(*way.permissions, *required(definition)), text, written(given, NORTH))
            assert (said.status, said.codes) == (200, []), said
            assert await of_others(said.envelope) == []
            seen += [value for value in values_of("seen", said.envelope) if value is not None]
    assert seen, f"{coordinate} is null wherever it is asked: say in SHOWN of tests/matrix/recipes.py where it is not."
    looked_at("stricter fields", coordinate, "own", *(["without permission"] * len(found)))


@pytest.mark.parametrize("root", [root for root in EVERY if root.name != "node"], ids=str)
def test_no_way_leads_around_the_permission_of_a_type(root: Root) -> None:
    """What node(id:) asks for a type is asked on every other way to it, but for what the recipes allow."""
    needs = {node.name: node.permission for node in NODES.values()}
    about_patrons = {name for name, needed in needs.items() if needed is Permission.PATRONS_VIEW}
    for type_, way in ways(root):
        needed = needs.get(type_.name)
        if needed is None or needed in way.permissions or type_.name in BESIDE:
            continue
        if type_.name in about_patrons and way.permissions & ABOUT_PATRONS:
            continue
        assert (root.coordinate, type_.name) in ONESELF, (
            f"{way} leads to {type_.name} without {needed}: put permission= on a field of the way,"
            " or say in tests/matrix/recipes.py why it may."
        )
    looked_at("ways to types", root, "without permission")
