"""A patron who is signed in reaches the viewer, signing in and out, and nothing else of the whole schema."""

from types import ModuleType
from typing import Any

import orjson
import pytest
from graphql import GraphQLNonNull, GraphQLObjectType, get_named_type, is_composite_type, is_input_object_type
from tests.graph.library import ADMIN, ASA, NORTH, actor, number
from tests.graph.operations import SCHEMA, selection

from patrongraph.context import Actor, ActorKind, Context
from patrongraph.graph.declare import NODES
from patrongraph.graph.engine import Engine, Request
from patrongraph.permissions import ALL_PERMISSIONS

OPEN = {("Query", "viewer"), ("Mutation", "signIn"), ("Mutation", "signInPatron"), ("Mutation", "signOut")}
ROOTS = [
    (type_.name, name)
    for type_ in (SCHEMA.query_type, SCHEMA.mutation_type, SCHEMA.subscription_type)
    if type_ is not None
    for name in type_.fields
]
# The staff member of this number may do everything.
PATRON = Actor(ActorKind.PATRON, number(NORTH, ADMIN), NORTH)

# Every type that hangs on PatronViewer with every field. Whatever is added here is shown to patrons: think first.
SHOWN = {
    "PatronViewer": "currency group library patron",
    "LibrarySummary": "code name",
    "OwnAccount": "addresses barcode blockReasons blocked branch category debtTotal debts displayName email expired"
    " expiresOn firstName id lastName loans middleName openLoanCount openReservationCount overdueLoanCount phone"
    " preferredName registeredAt reservations",
    "OwnAddress": "city country kind postalCode region street",
    "OwnBlockReason": "amountToClear code debt level message",
    "OwnLoan": "branch checkedOutAt dueAt id item lost overdue renewalsLeft returnedAt",
    "OwnReservation": "cancelledAt frozen fulfilledAt id item pickupBranch requestedAt state",
    "OwnDebt": "amount createdAt entries id loan outstanding reason",
    "OwnEntry": "amount createdAt kind",
    "ItemSummary": "author callNumber library materialType title",
    "OwnGroup": "joinedAt lead overview",
    "GroupOverview": "memberCount members totals",
    "OverviewTotals": "debt openLoans overdueLoans reservations",
    "MemberOverview": "debtTotal displayName id loans openLoanCount openReservationCount overdueLoanCount sharesTitles"
    " you",
    "MemberLoan": "author dueAt id overdue title",
}


def a_value(type_: Any) -> str:
    """Return some value of an input type, as GraphQL writes it."""
    if isinstance(type_, GraphQLNonNull):
        return a_value(type_.of_type)
    named: Any = get_named_type(type_)
    if named is not type_:
        return f"[{a_value(named)}]"
    if is_input_object_type(named):
        needed = [name for name, field in named.fields.items() if isinstance(field.type, GraphQLNonNull)]
        names = needed or (list(named.fields)[:1] if named.is_one_of else [])
        return "{" + ", ".join(f"{name}: {a_value(named.fields[name].type)}" for name in names) + "}"
    if hasattr(named, "values"):
        return str(next(iter(named.values)))
    known = {"Int": "1", "Boolean": "true", "ID": '"pat_1"', "Decimal": '"1.00"', "Date": '"2026-01-01"',
             "DateTime": '"2026-01-01T00:00:00Z"', "Float": "1.0"}  # fmt: skip
    return known.get(named.name, '"x"')


def asked(type_name: str, name: str) -> str:
    """Return the shortest operation that asks a root field."""
    definition = SCHEMA.type_map[type_name].fields[name]  # type: ignore[attr-defined]
    given = [f"{n}: {a_value(a.type)}" for n, a in definition.args.items() if isinstance(a.type, GraphQLNonNull)]
    inner = " { __typename }" if is_composite_type(get_named_type(definition.type)) else ""
    return f"{type_name.lower()} {{ {name}{f'({chr(44).join(given)})' if given else ''}{inner} }}"


async def answer(engine: Engine, query: str, who: Actor = PATRON) -> tuple[int, dict[str, Any]]:
    found = await engine.execute(Request(query), Context(who, "a test"))
    return found.status, orjson.loads(found.body)


@pytest.mark.parametrize(("type_name", "name"), sorted(set(ROOTS) - OPEN))
async def test_every_other_root_is_refused_before_anything_runs(engine: Engine, type_name: str, name: str) -> None:
    query = asked(type_name, name)
    own = query.replace("{", "{ ... { ...f } } fragment f on " + type_name + " {", 1)
    # Not even permissions, should a patron ever have any, open it.
    mighty = Actor(ActorKind.PATRON, PATRON.id, NORTH, ALL_PERMISSIONS)
    for text in (query, own.rstrip()):
        for who in (PATRON, mighty):
            status, envelope = await answer(engine, text, who)
            assert (status, "data" in envelope) == (403, False), (text, envelope)
            [error] = envelope["errors"]
            assert error["extensions"] == {"code": "FORBIDDEN", "field": f"{type_name}.{name}"}
    if type_name != "Subscription":
        # The same operation is known to the schema: staff are not refused it for its form.
        prepared = engine._prepare(Request(query), actor(NORTH))
        assert type(prepared).__name__ == "Prepared", query


def test_the_open_roots_are_known() -> None:
    assert set(ROOTS) >= OPEN


@pytest.mark.parametrize("prefix", sorted(NODES))
async def test_no_node_is_reached_by_its_id(engine: Engine, prefix: str) -> None:
    status, envelope = await answer(engine, f'{{ node(id: "{prefix}_1") {{ id }} }}')
    assert (status, envelope["errors"][0]["extensions"]["code"]) == (403, "FORBIDDEN")


def test_below_the_viewer_is_what_is_listed_here_and_nothing_else() -> None:
    found: dict[str, str] = {}
    pending: list[Any] = [SCHEMA.type_map["PatronViewer"]]
    while pending:
        type_ = pending.pop()
        if not isinstance(type_, GraphQLObjectType) or type_.name in found:
            continue
        found[type_.name] = " ".join(sorted(type_.fields))
        pending.extend(get_named_type(field.type) for field in type_.fields.values())
    parts = ("Connection", "Edge", "PageInfo")
    assert {name: fields for name, fields in found.items() if not name.endswith(parts)} == SHOWN


async def test_the_types_of_staff_are_empty_for_a_patron(engine: Engine, libraries: ModuleType) -> None:
    inner = "user { username displayName } library { code blockLevel } permissions"
    status, envelope = await answer(engine, f"{{ viewer {{ __typename ... on StaffViewer {{ {inner} }} }} }}")
    assert (status, envelope) == (200, {"data": {"viewer": {"__typename": "PatronViewer"}}})
    status, envelope = await answer(engine, "{ viewer { ... on StaffViewer { user { roles { name } } } } }")
    assert (status, envelope["errors"][0]["extensions"]["code"]) == (403, "FORBIDDEN")


async def test_staff_and_programs_never_get_the_patrons_view(engine: Engine, libraries: ModuleType) -> None:
    """Nor do they get another's answer from the plan of a patron who asked the same, with the same permissions."""
    query = "{ viewer { __typename ... on PatronViewer { patron { id } } } }"
    for kind, wanted in (
        (ActorKind.PATRON, {"__typename": "PatronViewer", "patron": {"id": f"pat_{number(NORTH, ASA)}"}}),
        (ActorKind.STAFF, {"__typename": "StaffViewer"}),
        (ActorKind.TOKEN, {"__typename": "TokenViewer"}),
        (ActorKind.PATRON, {"__typename": "PatronViewer", "patron": {"id": f"pat_{number(NORTH, ASA)}"}}),
    ):
        found = await answer(engine, query, Actor(kind, number(NORTH, ASA), NORTH))
        assert found == (200, {"data": {"viewer": wanted}})


async def test_nothing_of_other_people_is_in_any_answer(engine: Engine, libraries: ModuleType) -> None:
    """All of the account at once: no comment, note, other library or staff of the fixtures is in it."""
    query = f"{{ viewer {{ ... on PatronViewer {selection(SCHEMA.type_map['PatronViewer'], 4)} }} }}"
    roomy = engine._settings.model_copy(update={"max_cost": 10**12, "max_depth": 60})
    status, envelope = await answer(Engine(_strawberry(), roomy), query)
    assert status == 200, envelope
    text = orjson.dumps(envelope).decode()
    assert "N title" in text
    for canary in ("comment", "notes", "cash", "the cover too", "Ada N", "Carl N", "ES title"):
        assert canary not in text


def _strawberry() -> Any:
    from patrongraph.schema import schema

    return schema
