"""Each id of another library, wherever one can be sent, gets the very answer of an id that does not exist."""

import re
from typing import Any

import pytest
from graphql import get_named_type
from tests.graph.library import NORTH, SOUTH
from tests.matrix.asking import SCHEMA, Leaf, field_text, header, leaves, roots, selection, with_leaf, written
from tests.matrix.ground import Ground, Said, of_others
from tests.matrix.recipes import Own
from tests.matrix.table import looked_at
from tests.town import contents

from patrongraph.context import ANONYMOUS
from patrongraph.graph.declare import NODES
from patrongraph.permissions import ALL_PERMISSIONS

ALL = [leaf for root in roots("Query", "Mutation", "Subscription") for leaf in leaves(root)]
KINDS = {"id": "inputs that take an id", "name": "inputs that take a name"}


def without(text: str, words: list[str]) -> str:
    """Return an answer without the id that was asked for, wherever it stands."""
    for word in words:
        text = re.sub(rf"(?<![\w-]){re.escape(word)}(?![\w-])", "…", text)
    return text


async def answer(ground: Ground, leaf: Leaf, library: int, *, missing: bool = False) -> tuple[str, Any]:
    """Ask as NORTH's staff, with that library's id in the leaf; return the answer without that id, and what it is."""
    given, there = with_leaf(leaf)
    variables = written(given, NORTH)
    at = variables
    for step in leaf.path[:-1]:
        at = at[step]
    word = there.missing if missing else there.of(library)
    at[leaf.path[-1]] = [word] if isinstance(at[leaf.path[-1]], list) else word
    who = ground.staff(*ALL_PERMISSIONS)
    text = f"{header(leaf.root, given)} {{ {field_text(leaf.root, given, _below(leaf))} }}"
    if leaf.root.type != "Subscription":
        said = await ground.ask(who, text, variables)
        return without(repr((said.status, said.executed, said.envelope)), [word]), said
    found = await ground.follow(who, text, variables)
    return without(repr(found), [word]), found


def _below(leaf: Leaf) -> str:
    return selection(get_named_type(leaf.root.definition.type), ALL_PERMISSIONS)


@pytest.mark.parametrize("leaf", ALL, ids=str)
async def test_an_id_of_another_library_is_as_one_that_does_not_exist(ground: Ground, leaf: Leaf) -> None:
    if leaf.means not in KINDS:
        return
    before = await contents()
    foreign, _ = await answer(ground, leaf, SOUTH)
    nowhere, _ = await answer(ground, leaf, SOUTH, missing=True)
    assert foreign == nowhere
    assert await contents() == before
    # The own library's does something else, so the two above were not refused for something else.
    try:
        own, said = await answer(ground, leaf, NORTH)
        assert own != nowhere
        assert await of_others(said.envelope if isinstance(said, Said) else said) == []
        if await contents() != before:
            await ground.build()
    except BaseException:
        await ground.build()
        raise
    looked_at(KINDS[leaf.means], leaf, "own", "other library")


@pytest.mark.parametrize("leaf", ALL, ids=str)
async def test_a_new_object_may_be_called_as_another_librarys(ground: Ground, leaf: Leaf) -> None:
    """That a name is taken elsewhere is not said: the answer is that to a name which nobody has."""
    if leaf.means != "new":
        return
    try:
        _, foreign = await answer(ground, leaf, SOUTH)
        await ground.build()
        _, nowhere = await answer(ground, leaf, SOUTH, missing=True)
        await ground.build()
        _, own = await answer(ground, leaf, NORTH)
    finally:
        await ground.build()
    found = [said.root(leaf.root.name)["__typename"] for said in (foreign, nowhere, own)]
    assert found[0] == found[1] == leaf.root.act.answers
    assert found[2] in ("BarcodeTaken", "UsernameTaken", "CohortCodeTaken")
    looked_at("inputs that name something new", leaf, "own", "other library")


# ---- Node types


NODE = "query($id: ID!) { node(id: $id) { __typename id ... on %s %s } }"


def whole(prefix: str) -> str:
    name = NODES[prefix].name
    return NODE % (name, selection(SCHEMA.type_map[name], ALL_PERMISSIONS, 0))


@pytest.mark.parametrize("prefix", sorted(NODES))
async def test_a_node_of_each_type(ground: Ground, prefix: str) -> None:
    node = NODES[prefix]
    own, needed = Own(prefix), {node.permission} - {None}
    if prefix == "entry":
        own = Own(prefix, 2)  # the first is a charge, which is a Debt
    text = "query($id: ID!) { node(id: $id) { __typename id } }"
    before = await contents()
    for who in (ground.staff(*needed), ground.token(*needed)):
        said = await ground.ask(who, text, {"id": own.of(NORTH)})
        assert said.envelope["data"] == {"node": {"__typename": node.name, "id": own.of(NORTH)}}
    mighty = ground.staff(*ALL_PERMISSIONS)
    said = await ground.ask(mighty, whole(prefix), {"id": own.of(NORTH)})
    assert (said.codes, said.root("node")["id"]) == ([], own.of(NORTH))
    foreign = await ground.ask(mighty, whole(prefix), {"id": own.of(SOUTH)})
    nowhere = await ground.ask(mighty, whole(prefix), {"id": own.missing})
    assert (foreign.status, foreign.envelope) == (nowhere.status, nowhere.envelope)
    assert (nowhere.status, nowhere.envelope["data"]) == (200, {"node": None})
    # It is there for those whose it is.
    theirs = await ground.ask(ground.of(SOUTH), whole(prefix), {"id": own.of(SOUTH)})
    assert theirs.root("node")["id"] == own.of(SOUTH)
    for key in (own.of(NORTH), own.of(SOUTH), own.missing):
        if node.permission is not None:
            said = await ground.ask(ground.staff(*(ALL_PERMISSIONS - {node.permission})), text, {"id": key})
            [error] = said.envelope["errors"]
            assert (said.status, said.executed, "data" in said.envelope) == (403, False, False)
            names = {"code": "FORBIDDEN", "field": "Query.node", "permission": node.permission.value}
            assert (error["extensions"], node.permission.value in error["message"]) == (names, True)
        for who, status, code in ((ANONYMOUS, 401, "UNAUTHENTICATED"), (ground.patron(), 403, "FORBIDDEN")):
            said = await ground.ask(who, text, {"id": key})
            assert (said.status, said.codes, "data" in said.envelope) == (status, [code], False)
    assert await contents() == before
    columns = ("own", "other library", "anonymous", "patron")
    looked_at("node types", prefix, *columns, *(["without permission"] if node.permission else []))
