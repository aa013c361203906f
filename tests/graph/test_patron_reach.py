"""What a patron who is signed in sees below the viewer; that no other root opens to them is in tests/matrix/."""

from types import ModuleType
from typing import Any

import orjson
from graphql import GraphQLObjectType, get_named_type
from tests.clients import beside_cost
from tests.graph.library import ADMIN, ASA, NORTH, number
from tests.graph.operations import SCHEMA, selection

from patrongraph.context import Actor, ActorKind, Context
from patrongraph.graph.engine import Engine, Request

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


async def answer(engine: Engine, query: str, who: Actor = PATRON) -> tuple[int, dict[str, Any]]:
    found = await engine.execute(Request(query), Context(who, "a test"))
    return found.status, orjson.loads(found.body)


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
    assert (status, beside_cost(envelope)) == (200, {"data": {"viewer": {"__typename": "PatronViewer"}}})
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
        assert (found[0], beside_cost(found[1])) == (200, {"data": {"viewer": wanted}})


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
