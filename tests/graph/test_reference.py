"""The reference knows every field of the schema, and folds text as the database does."""

from types import ModuleType

from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLUnionType, get_named_type
from tests.graph import reference
from tests.graph.conftest import Ways
from tests.graph.library import NORTH, actor

from patrongraph.graph.declare import NODES
from patrongraph.schema import schema

PARTS = ("Connection", "Edge", "PageInfo")


def reachable() -> dict[str, GraphQLObjectType]:
    """Return every object type that a query can reach, by name."""
    found: dict[str, GraphQLObjectType] = {}
    pending: list[object] = [schema._schema.query_type]
    while pending:
        type_ = pending.pop()
        if isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
            pending.extend(schema._schema.get_possible_types(type_))
        elif isinstance(type_, GraphQLObjectType) and type_.name not in found:
            found[type_.name] = type_
            pending.extend(get_named_type(each.type) for each in type_.fields.values())
    return found


def test_every_field_that_a_query_can_reach_has_a_meaning_here() -> None:
    fields = {
        (type_.name, name) for type_ in reachable().values() if not type_.name.endswith(PARTS) for name in type_.fields
    }
    assert fields == set(reference.FIELDS)


def test_every_connection_is_of_the_parts_that_are_known_here() -> None:
    parts = {
        (type_.name.removesuffix(part), part): sorted(type_.fields)
        for type_ in reachable().values()
        for part in PARTS
        if type_.name.endswith(part)
    }
    known = {
        "Connection": ["edges", "pageInfo", "totalCount"],
        "Edge": ["cursor", "node"],
        "PageInfo": ["endCursor", "hasNextPage", "hasPreviousPage", "startCursor"],
    }
    assert parts == {(name, part): known[part] for name, part in parts}
    assert len(parts) > 15


def test_every_prefix_of_an_id_is_known_here() -> None:
    assert {prefix: node.name for prefix, node in NODES.items()} == reference.NODES


def test_names_fold_as_the_database_folds_them(ways: Ways) -> None:
    patrons = ways.reference.world.tables["patron"]
    assert len(patrons) == 90
    for patron in patrons:
        assert reference.sort_key(patron) == patron["sort_key"]
        assert " ".join(reference.name_parts(patron)) == patron["search_key"]


async def test_the_libraries_hold_what_the_tests_need(standing_libraries: ModuleType, ways: Ways) -> None:
    """Each list that is paged has several rows, and the computed values come out both ways."""
    data = await ways.compiled(
        "{ patrons(first: 200) { totalCount edges { node { blocked expired groupLead openLoanCount debtTotal"
        " blockReasons { code } obstacles(to: PURGE) { code } } } } jobs(first: 200) { edges { node { state kind"
        " ratePerSecond etaSeconds } } } }",
        actor(NORTH),
    )
    patrons = [edge["node"] for edge in data["patrons"]["edges"]]
    assert data["patrons"]["totalCount"] == len(patrons) == 30
    for name in ("blocked", "expired", "groupLead"):
        assert {patron[name] for patron in patrons} == {True, False}
    assert {reason["code"] for patron in patrons for reason in patron["blockReasons"]} == {
        "MANUAL", "DEBT", "INACTIVE", "EXPIRED"}  # fmt: skip
    assert {obstacle["code"] for patron in patrons for obstacle in patron["obstacles"]} == {
        "OPEN_LOANS", "OPEN_RESERVATIONS", "DEBTS", "CREDIT_BALANCE", "EXPORT_IN_PROGRESS", "PROTECTED",
        "NOT_INACTIVE"}  # fmt: skip
    jobs = [edge["node"] for edge in data["jobs"]["edges"]]
    assert {job["etaSeconds"] for job in jobs} == {None, 0, 10001}
    assert {job["ratePerSecond"] for job in jobs} == {None, 0.0, 0.3}
