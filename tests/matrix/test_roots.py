"""Each root field asked with its permission, without it, by nobody and by a patron: it acts, or nothing happens."""

from typing import Any

import pytest
from graphql import get_named_type, is_union_type
from tests.graph.library import NORTH, SOUTH
from tests.matrix import recipes
from tests.matrix.asking import (
    SCHEMA,
    Root,
    arguments,
    field_text,
    forms,
    header,
    inner_arguments,
    possible,
    roots,
    selection,
    written,
)
from tests.matrix.ground import Ground, Said, of_others
from tests.matrix.table import looked_at
from tests.town import contents

from patrongraph.context import ANONYMOUS, Actor
from patrongraph.jobs import actions as jobs
from patrongraph.permissions import ALL_PERMISSIONS, Permission

KINDS = {"Query": "query fields", "Mutation": "mutations", "Subscription": "subscriptions"}
QUERIES, MUTATIONS, SUBSCRIPTIONS = (roots(kind) for kind in KINDS)
ROOTS = [*QUERIES, *MUTATIONS, *SUBSCRIPTIONS]


def asked(root: Root, permissions: frozenset[Permission]) -> tuple[str, dict[str, Any]]:
    """Return the whole of a root field, as one with these permissions may ask it, and its variables."""
    given = arguments(root)
    below = selection(get_named_type(root.definition.type), permissions)
    return f"{header(root, given)} {{ {field_text(root, given, below)} }}", written(given, NORTH)


async def send(ground: Ground, root: Root, who: Actor, text: str, variables: dict[str, Any]) -> Said:
    if root.type != "Subscription":
        return await ground.ask(who, text, variables)
    found = await ground.follow(who, text, variables)
    return Said(200, True, {}) if isinstance(found, list) else found


async def is_refused(
    ground: Ground, root: Root, who: Actor, status: int, code: str, extensions: dict[str, Any] | None = None
) -> None:
    """Ask in every form; each is refused before anything runs, and afterwards every row is as it was."""
    given = arguments(root)
    before = await contents()
    for text in forms(root, given):
        said = await send(ground, root, who, text, written(given, NORTH))
        assert (said.status, said.executed, "data" in said.envelope) == (status, False, False), (text, said)
        assert code in said.codes, (text, said)
        found = [e for e in said.envelope["errors"] if e["message"].startswith(f"{root.coordinate} ")]
        assert found, (text, said)
        if extensions is not None:
            assert [e["extensions"] for e in found] == [{"code": code, **extensions}], (text, said)
    assert await contents() == before


@pytest.mark.parametrize("root", ROOTS, ids=str)
async def test_without_its_permission_it_is_refused(ground: Ground, root: Root) -> None:
    if root.permission is None:
        opened = recipes.PUBLIC if root.public else recipes.SIGNED_IN
        assert root.coordinate in opened, f"{root} needs no permission: give it one, or say in the recipes that it may."
        return
    everything_else = ALL_PERMISSIONS - {root.permission}
    names = {"field": root.coordinate, "permission": root.permission.value}
    for who in (ground.staff(*everything_else), ground.token(*everything_else)):
        await is_refused(ground, root, who, 403, "FORBIDDEN", names)
    looked_at(KINDS[root.type], root, "without permission")


@pytest.mark.parametrize("root", ROOTS, ids=str)
async def test_nobody_is_asked_to_sign_in(ground: Ground, root: Root) -> None:
    looked_at(KINDS[root.type], root, "anonymous")
    if root.public:
        assert root.coordinate in recipes.PUBLIC, f"{root} is open to anybody: say in the recipes that it may."
        return
    await is_refused(ground, root, ANONYMOUS, 401, "UNAUTHENTICATED")


@pytest.mark.parametrize("root", ROOTS, ids=str)
async def test_a_patron_is_refused(ground: Ground, root: Root) -> None:
    looked_at(KINDS[root.type], root, "patron")
    if root.for_patrons:
        assert root.coordinate in recipes.PATRONS, f"{root} is open to patrons: say in the recipes that it may."
        return
    # Not even permissions, should a patron ever have any, open it.
    for who in (ground.patron(), ground.patron(*ALL_PERMISSIONS)):
        await is_refused(ground, root, who, 403, "FORBIDDEN", {"field": root.coordinate})


@pytest.mark.parametrize("root", QUERIES, ids=str)
async def test_a_query_answers_with_its_permission_alone(ground: Ground, root: Root) -> None:
    """And with nothing of another library, whatever is asked of it."""
    # A node of a patron needs what patrons need; test_objects.py has the other types.
    needed = {root.permission} - {None} if root.name != "node" else {Permission.PATRONS_VIEW}
    for who in (ground.staff(*needed), ground.token(*needed), ground.staff(*ALL_PERMISSIONS)):
        said = await ground.ask(who, *asked(root, who.permissions))
        assert (said.status, said.codes) == (200, []), said
        assert said.root(root.name) not in (None, [], {"edges": []}), said
        assert await of_others(said.envelope) == []
    looked_at(KINDS[root.type], root, "own")


@pytest.mark.parametrize("root", [root for root in QUERIES if "after" in root.definition.args], ids=str)
async def test_another_librarys_cursor_leads_to_own_rows(ground: Ground, root: Root) -> None:
    """A cursor is a place in an order, not a key: whoever made it, the page is of the library that asks."""
    north = ground.staff(*ALL_PERMISSIONS)
    south = ground.of(SOUTH)
    given = arguments(root) | {"first": 1, "after": None}
    below = f"{{ edges {{ cursor node {selection(_node(root), frozenset(), 0)} }} }}"
    text = f"{header(root, given)} {{ {field_text(root, given, below)} }}"
    theirs = await ground.ask(south, text, written(given, NORTH))
    cursor = theirs.root(root.name)["edges"][0]["cursor"]
    said = await ground.ask(north, text, written(given, NORTH) | {"first": 50, "after": cursor})
    assert (said.status, said.codes) == (200, []), said
    assert await of_others(said.envelope) == []
    looked_at(KINDS[root.type], root, "other library")


def _node(root: Root) -> Any:
    edge: Any = get_named_type(get_named_type(root.definition.type).fields["edges"].type)  # type: ignore[union-attr]
    return get_named_type(edge.fields["node"].type)


@pytest.mark.parametrize("root", MUTATIONS, ids=str)
async def test_a_mutation_acts_with_its_permission_alone(ground: Ground, root: Root) -> None:
    act = root.act
    result = get_named_type(root.definition.type)
    types = [each.name for each in (possible(result) if is_union_type(result) else [result])]
    assert act.answers in types, f"{root} never answers {act.answers}: correct ACTS in {recipes.__file__}"
    needed = {root.permission, *act.also} - {None}
    who = ANONYMOUS if root.public and root.name != "signOut" else ground.staff(*needed)
    text, variables = asked(root, who.permissions)
    if act.confirmed:
        variables["input"] |= await dry_run(ground, root, who, variables)
    before = await contents()
    try:
        said = await ground.ask(who, text, variables)
        assert (said.status, said.codes) == (200, []), said
        assert said.root(root.name)["__typename"] == act.answers, said
        assert await of_others(said.envelope) == []
        assert (await contents() != before) is act.changes
    finally:
        await ground.build()
    looked_at(KINDS[root.type], root, "own")


async def dry_run(ground: Ground, root: Root, who: Actor, variables: dict[str, Any]) -> dict[str, Any]:
    """Return what a dry run says is to be quoted; it changes nothing."""
    before = await contents()
    asked_first = {"input": variables["input"] | {"dryRun": True}}
    said = await ground.ask(who, asked(root, who.permissions)[0], asked_first)
    assert (said.status, said.codes) == (200, []), said
    assert await of_others(said.envelope) == []
    assert await contents() == before
    names = {name.rpartition("_")[2]: value for name, value in said.root(root.name).items()}
    return {"confirmCount": names["count"], "confirmationToken": names["confirmationToken"]}


@pytest.mark.parametrize("root", SUBSCRIPTIONS, ids=str)
async def test_a_subscription_begins_with_its_permission_alone(ground: Ground, root: Root) -> None:
    needed = {root.permission} - {None}
    for who in (ground.staff(*needed), ground.token(*needed)):
        found = await ground.follow(who, *asked(root, who.permissions))
        assert isinstance(found, list), found
        assert found
        assert all("errors" not in event for event in found), found
        assert await of_others(found) == []
    looked_at(KINDS[root.type], root, "own")


INPUTS = [
    (root, root.definition.args["input"].type, name)
    for root in MUTATIONS
    if "input" in root.definition.args
    for name in get_named_type(root.definition.args["input"].type).fields  # type: ignore[union-attr]
]


def test_inputs_that_need_more_are_known() -> None:
    """An input whose description names a permission is in the recipes, and so in the test below."""
    said = {
        f"{root.name}.{name}"
        for root, type_, name in INPUTS
        for each in [get_named_type(type_).fields[name]]  # type: ignore[union-attr]
        if any(permission.value in (each.description or "") for permission in Permission)
    }
    assert said == set(recipes.INPUTS), "correct INPUTS in tests/matrix/recipes.py"


def test_every_kind_of_job_is_stopped() -> None:
    assert set(recipes.JOBS.values()) == set(jobs.PERMISSIONS.values()), "correct JOBS in tests/matrix/recipes.py"


@pytest.mark.parametrize(("key", "needed", "sent"), [
    *((key, needed, sent) for key, (needed, sent) in recipes.INPUTS.items()),
    *((f"{name}.id", needed, job) for (name, job), needed in recipes.JOBS.items()),
])  # fmt: skip
async def test_an_input_that_needs_more_is_refused_without_it(
    ground: Ground, key: str, needed: Permission, sent: Any
) -> None:
    name, _, field = key.partition(".")
    root = Root("Mutation", name)
    given = arguments(root, field)
    given["input"][field] = sent
    text = f"{header(root, given)} {{ {field_text(root, given)} }}"
    before = await contents()
    said = await ground.ask(ground.staff(*(ALL_PERMISSIONS - {needed})), text, written(given, NORTH))
    [error] = said.envelope["errors"]
    assert said.envelope["data"] is None
    assert error["extensions"] == {"code": "FORBIDDEN", "field": root.coordinate, "permission": needed.value}
    assert needed.value in error["message"]
    assert await contents() == before
    try:
        permitted = ground.staff(*{root.permission, needed} - {None})
        said = await ground.ask(permitted, text, written(given, NORTH))
        assert (said.status, said.codes, said.root(name)["__typename"]) == (200, [], root.act.answers), said
    finally:
        await ground.build()
    looked_at("inputs that need more", f"{key} {needed}", "own", "without permission")


def test_every_inner_argument_is_known() -> None:
    """Fields below the roots that must have arguments are asked with those of the recipes."""
    for type_ in SCHEMA.type_map.values():
        if type_.name not in KINDS:
            for name, definition in (getattr(type_, "fields", None) or {}).items():
                if hasattr(definition, "args"):
                    inner_arguments(definition, f"{type_.name}.{name}")
