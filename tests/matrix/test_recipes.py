"""The recipes fit the schema: what is new is asked for in a sentence, and what is gone is not kept."""

import pytest
from graphql import build_schema
from tests.matrix import asking, recipes
from tests.matrix.asking import SCHEMA, Leaf, Root, leaves, roots, value

from patrongraph.graph.declare import NODES

ALL = [leaf for root in roots("Query", "Mutation", "Subscription") for leaf in leaves(root)]


def test_every_input_is_known() -> None:
    assert {leaf.means for leaf in ALL} == {"id", "name", "new", "shared", "plain"}


def test_no_recipe_is_of_something_that_is_gone() -> None:
    named = {leaf.key for leaf in ALL} | {leaf.path[-1] for leaf in ALL}
    for known in (recipes.IDS, recipes.NAMES, recipes.NEW, recipes.SHARED, recipes.PLAIN):
        assert set(known) <= named
    assert {root.name for root in roots("Mutation")} == set(recipes.ACTS)
    coordinates = {root.coordinate for root in roots("Query", "Mutation", "Subscription")}
    assert coordinates >= recipes.SIGNED_IN | recipes.PATRONS
    assert {own.prefix for own in recipes.IDS.values()} <= set(NODES)
    assert set(recipes.CHOICES) <= set(SCHEMA.type_map)
    assert {Root(*coordinate.split(".")) for coordinate, _ in recipes.ONESELF} <= set(roots("Query"))
    for coordinate, query in recipes.SHOWN:
        type_name, name = coordinate.split(".")
        assert name in SCHEMA.type_map[type_name].fields  # type: ignore[attr-defined]
        assert Root("Query", query) in roots("Query")


NEW = build_schema("input NewInput { strangerId: ID!  strangersName: String!  often: Int! }").type_map["NewInput"]


@pytest.mark.parametrize(("name", "kind", "asks"), [
    ("strangerId", "ID", "NewInput.strangerId takes an id: say in IDS"),
    ("strangersName", "String", "NewInput.strangersName takes a text: say in .*recipes.py whether it names an object"),
])  # fmt: skip
def test_a_new_input_is_asked_for_in_a_sentence(name: str, kind: str, asks: str) -> None:
    leaf = Leaf(Root("Mutation", "signIn"), ("input", name), "NewInput", kind)
    with pytest.raises(pytest.fail.Exception, match=asks):
        assert leaf.means


def test_a_new_value_and_a_new_mutation_are_asked_for_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"NewInput.strangerId must be sent \(ID\): say in VALUES"):
        value(NEW, "new", "Mutation.new")
    monkeypatch.delitem(recipes.ACTS, "signOut")
    with pytest.raises(pytest.fail.Exception, match=r"Mutation.signOut: say in ACTS of tests/matrix/recipes.py"):
        assert asking.Root("Mutation", "signOut").act
