"""Walk 1, look up: from a token at the door to one SQL statement and back, to the bytes that the client gets.

Read this first when you are new to the house. Each station is what `app` does for one request, and says which room
does it. The request asks for a patron by the barcode of a card, and for the totals of the group behind.
"""

import hashlib
import json

from graphql.execution.values import VariableValues
from tests.clients import Api
from tests.town import Town, contents

from patrongraph import db
from patrongraph.context import Actor, ActorKind
from patrongraph.graph.arguments import Call
from patrongraph.graph.engine import Engine, Request
from patrongraph.graph.plans import Prepared
from patrongraph.permissions import Permission
from patrongraph.schema import schema
from patrongraph.settings import Settings
from patrongraph.staff.identify import identify

# What a front end at a desk asks after a scan. Change it, and see at the third station what becomes of it.
ENVELOPE = b'{"data":{"patron":%b},"extensions":{"cost":{"requested":3,"limit":50000}}}'
LOOK_UP = """{
  patron(by: {barcode: "B2"}) {
    displayName
    openLoanCount
    debtTotal
    group { memberCount totals { openLoans overdueLoans reservations debt } }
  }
}"""
ANSWER = {
    "displayName": "First2 Last2",
    "openLoanCount": 1,
    "debtTotal": "2.50",
    "group": {"memberCount": 3, "totals": {"openLoans": 2, "overdueLoans": 2, "reservations": 1, "debt": "3.25"}},
}


async def family(town: Town) -> None:
    """Patrons 1, 2 and 3 are a group: two loans, one reservation and 3.25 of debt between them."""
    ids = await town.patrons(4, status="ACTIVE")
    assert ids == [1, 2, 3, 4]
    await town.group(*ids[:3])
    await town.open_loan(1)
    await town.open_loan(2)
    await town.open_reservation(3)
    await town.charge(2, "2.50")
    await town.charge(3, "0.75")


async def test_look_up(api: Api, town: Town, other_town: Town, settings: Settings) -> None:
    await family(town)

    # Station 1, who asks. A program shows a bearer token. The database knows its SHA-256 only, so whoever reads the
    # table cannot act with it. `staff.identify` turns the token into an Actor: who, of which library, allowed what.
    token = await town.token(Permission.PATRONS_VIEW, Permission.GROUPS_VIEW_TOTALS)
    row = await db.row("SELECT id, token_sha256 FROM api_token")
    assert row is not None
    assert row["token_sha256"] == hashlib.sha256(token.encode()).hexdigest()
    actor = await identify(session_token=None, authorization=f"Bearer {token}")
    allowed = frozenset({Permission.PATRONS_VIEW, Permission.GROUPS_VIEW_TOTALS})
    assert actor == Actor(ActorKind.TOKEN, row["id"], town.id, allowed)

    # Station 2, may they? `graph.access` walks the whole operation before anything runs. A field that needs a
    # permission which the actor lacks refuses all of it, and says which. The same `@requires` stands in schema.graphql.
    lesser = await town.token(Permission.PATRONS_VIEW)
    refused = await api.post(LOOK_UP, token=lesser)
    [error] = refused.json()["errors"]
    assert (refused.status_code, error["extensions"]["code"]) == (403, "FORBIDDEN")
    assert "GROUPS_VIEW_TOTALS" in error["message"]
    assert "totals: GroupTotals! @requires(permission: GROUPS_VIEW_TOTALS)" in schema.as_str()

    # Station 3, the plan. `graph.compiler` makes one statement of the whole selection, however deep it is. What the
    # client wrote is not in its text: the barcode is a parameter, and so is the library, at every table.
    engine = Engine(schema, settings)
    prepared = engine._prepare(Request(LOOK_UP), actor)
    assert isinstance(prepared, Prepared)
    assert prepared.roots is not None
    [(key, nodes, definition)] = prepared.roots
    variables = engine._variables(prepared, Request(LOOK_UP), actor)
    assert isinstance(variables, VariableValues)
    statement = engine._statement(prepared, variables, actor, nodes, definition)
    parameters = statement.parameters(Call(variables, actor))
    assert (key, "B2" in statement.sql, sorted(map(str, parameters))) == ("patron", False, ["1", "B2"])
    for table in ("card", "patron", "group_membership", "patron_group", "loan", "ledger_entry", "reservation"):
        assert f" {table} " in statement.sql

    # The second time the plan is found, not made: it is kept by document and permission set.
    assert engine._prepare(Request(LOOK_UP), actor) is prepared
    assert engine._statement(prepared, variables, actor, nodes, definition) is statement
    assert (engine.hits, engine.misses) == (1, 1)

    # Station 4, the one statement. PostgreSQL returns finished JSON: nothing in Python takes it apart again.
    json_bytes = await db.read_pool().fetchval(statement.sql, *parameters)
    assert isinstance(json_bytes, bytes)
    assert json.loads(json_bytes) == ANSWER

    # Station 5, the bytes. The running API splices them into the envelope as they came. PostgreSQL can tell what its
    # process asked last: the very statement that was compiled here.
    answer = await api.post(LOOK_UP, token=token)
    assert answer.content == ENVELOPE % json_bytes
    assert answer.headers["content-type"] == "application/graphql-response+json; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    asked = await db.value(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND left(query, 500) = left($1, 500)",
        statement.sql,
    )
    assert asked >= 1

    # Nobody else's: in another library the same barcode is nobody's, and so is one that was never printed.
    stranger = await other_town.token()
    assert (await api.post(LOOK_UP, token=stranger)).content == ENVELOPE % b"null"
    assert (await api.post(LOOK_UP.replace("B2", "none"), token=token)).content == ENVELOPE % b"null"

    # A look-up is only a look: no row of any table is another one now.
    before = await contents()
    assert (await api.data(LOOK_UP, token=token))["patron"] == ANSWER
    assert await contents() == before
