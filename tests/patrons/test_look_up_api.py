"""Looking up through the API: an unknown barcode, a foreign id, a malformed query, and who may not look at all."""

import json
from typing import Any

import pytest
from tests.clients import Api
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.erasure import actions as erasure
from patrongraph.exports.actions import start_patron_export
from patrongraph.permissions import Permission

PATRON = "query($by: PatronRef!) { patron(by: $by) { id displayName group { memberCount } } }"
GROUP = "query($id: ID!) { group(id: $id) { id memberCount members(first: 10) { edges { node { patron { id } } } } } }"
NODE = "query($id: ID!) { node(id: $id) { __typename id } }"
ITEM = "query($barcode: String!) { item(barcode: $barcode) { title } }"
LIST = "query($filter: PatronFilter, $search: String) { patrons(first: 5, filter: $filter, search: $search) {"
PATRONS = LIST + " totalCount edges { node { id } } } }"
NO_PATRONS = {"patrons": {"totalCount": 0, "edges": []}}
TOO_DEAR = "{ patrons(first: 1000) { edges { node { loans(first: 200) { edges { node { id } } } } } } }"
ONE_OF_EACH = """
SELECT (SELECT id FROM card WHERE patron_id = $1), (SELECT id FROM address WHERE patron_id = $1),
       (SELECT id FROM block WHERE patron_id = $1), (SELECT id FROM loan WHERE patron_id = $1 AND returned_at IS NULL),
       (SELECT id FROM reservation WHERE patron_id = $1), (SELECT id FROM group_membership WHERE patron_id = $1),
       (SELECT min(id) FROM job_item WHERE patron_id = $1), (SELECT id FROM item WHERE barcode = 'held-' || $1::text)
"""


async def test_a_patron_is_found_by_id_barcode_and_username(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1, status="ACTIVE")
    await db.rows("UPDATE patron SET username = 'First.Last' RETURNING id")
    await db.rows("INSERT INTO card (library_id, patron_id, barcode, active) VALUES (1, 1, 'OLD', false) RETURNING id")
    token = await town.token(Permission.PATRONS_VIEW)
    found = {"patron": {"id": f"pat_{patron}", "displayName": "First1 Last1", "group": None}}
    for by in ({"id": f"pat_{patron}"}, {"barcode": f"B{patron}"}, {"barcode": "OLD"}, {"username": "first.LAST"}):
        assert await api.data(PATRON, {"by": by}, token) == found
    for by in ({"barcode": "21000000009999"}, {"barcode": ""}, {"barcode": "b1"}, {"username": "nobody"}):
        assert await api.data(PATRON, {"by": by}, token) == {"patron": None}


async def test_what_is_another_librarys_is_as_unknown_as_what_never_was(api: Api, town: Town, other_town: Town) -> None:
    await town.patrons(1)
    [theirs] = await other_town.patrons(1)
    await db.rows("UPDATE patron SET username = 'theirs' WHERE id = $1 RETURNING id", theirs)
    group = await other_town.group(theirs)
    await other_town.open_reservation(theirs)
    charge = await other_town.charge(theirs, "1.00")
    await start_patron_export(other_town.system, theirs)
    started = await erasure.start(other_town.system, patron_ids=[theirs])
    assert isinstance(started, erasure.PurgeStarted)
    await other_town.open_loan(theirs)
    token, insider = await town.token(), await other_town.token()
    for by in ({"id": f"pat_{theirs}"}, {"barcode": f"B{theirs}"}, {"username": "theirs"}):
        assert await api.data(PATRON, {"by": by}, token) == {"patron": None}
        assert (await api.data(PATRON, {"by": by}, insider))["patron"]["id"] == f"pat_{theirs}"
    assert await api.data(GROUP, {"id": f"grp_{group}"}, token) == {"group": None}
    assert await api.data(GROUP, {"id": "grp_999999"}, token) == {"group": None}
    assert (await api.data(GROUP, {"id": f"grp_{group}"}, insider))["group"]["memberCount"] == 1
    assert await api.data(ITEM, {"barcode": f"held-{theirs}"}, token) == {"item": None}
    for chosen in (
        {"groupId": f"grp_{group}"}, {"branchId": f"branch_{other_town.branch}"},
        {"cohortId": f"cohort_{other_town.cohort}"}, {"groupId": "grp_999999"},
    ):  # fmt: skip
        assert await api.data(PATRONS, {"filter": chosen}, token) == NO_PATRONS
    for search in (f"B{theirs}", f"00{theirs}", "theirs"):
        assert await api.data(PATRONS, {"search": search}, token) == NO_PATRONS
    row = await db.row(ONE_OF_EACH, theirs)
    assert row is not None
    assert None not in tuple(row)
    prefixes = ("card", "addr", "block", "loan", "res", "member", "jobitem", "item")
    ids = {f"{prefix}_{key}" for prefix, key in zip(prefixes, tuple(row), strict=True)}
    ids |= {f"pat_{theirs}", f"grp_{group}", f"job_{started.job_id}", "export_1", f"debt_{charge}"}
    ids |= {f"branch_{other_town.branch}", f"cohort_{other_town.cohort}", f"lib_{other_town.id}", "token_2"}
    for id in sorted(ids):
        unknown = await api.data(NODE, {"id": f"{id.rpartition('_')[0]}_999999"}, token)
        assert await api.data(NODE, {"id": id}, token) == unknown == {"node": None}
        assert (await api.data(NODE, {"id": id}, insider))["node"]["id"] == id


async def test_who_may_not_look(api: Api, town: Town) -> None:
    await town.patrons(1)
    blind = await town.token(*(frozenset(Permission) - {Permission.PATRONS_VIEW}))
    async with nothing_changes():
        for query, variables in (
            (PATRON, {"by": {"id": "pat_1"}}), (GROUP, {"id": "grp_1"}), (PATRONS, {}), (ITEM, {"barcode": "i"}),
        ):  # fmt: skip
            assert set(await api.refused(query, variables, blind)) == {"FORBIDDEN"}
            assert set(await api.refused(query, variables)) <= {"UNAUTHENTICATED", "FORBIDDEN"}
        for id in ("pat_1", "pat_999999"):
            assert await api.refused(NODE, {"id": id}, blind) == ["FORBIDDEN"]
        answer = await api.post("subscription { jobs { id } }", token=blind)
        assert answer.json()["errors"][0]["extensions"]["code"] in ("FORBIDDEN", "SUBSCRIPTION_TRANSPORT")


@pytest.mark.parametrize(
    ("query", "variables", "status", "code"),
    [
        ("{ patron(by: {barcode: \"1\"}) { id ", None, 400, "GRAPHQL_PARSE_FAILED"),
        ("", None, 400, None),
        ("{ patron(by: {barcode: \"1\"}) { nothing } }", None, 400, "GRAPHQL_VALIDATION_FAILED"),
        ("{ patron(by: {}) { id } }", None, 400, "GRAPHQL_VALIDATION_FAILED"),
        ("{ patron(by: {id: \"pat_1\", barcode: \"1\"}) { id } }", None, 400, "GRAPHQL_VALIDATION_FAILED"),
        (PATRON, {"by": {}}, 400, "BAD_VARIABLES"),
        (PATRON, {"by": {"id": "pat_1", "barcode": "1"}}, 400, "BAD_VARIABLES"),
        (PATRON, {"by": {"id": "grp_1"}}, 400, "BAD_ARGUMENT"),
        (PATRON, {"by": {"barcode": 7}}, 400, "BAD_VARIABLES"),
        (GROUP, {"id": "pat_1"}, 400, "BAD_ARGUMENT"),
        (NODE, {"id": "what"}, 400, "BAD_ARGUMENT"),
        ("{ patrons { totalCount } }", None, 400, "GRAPHQL_VALIDATION_FAILED"),
        ("{ patrons(first: 0) { totalCount } }", None, 400, "BAD_ARGUMENT"),
        ("{ patrons(first: 1001) { totalCount } }", None, 400, "BAD_ARGUMENT"),
        ("{ patrons(first: 1, after: \"x\") { totalCount } }", None, 400, "BAD_ARGUMENT"),
        (TOO_DEAR, None, 400, "COST_EXCEEDED"),
        ("query A { __typename } query B { __typename }", None, 400, "OPERATION_RESOLUTION_FAILED"),
    ],
)  # fmt: skip
async def test_a_query_that_is_not_right_says_so(
    api: Api, town: Town, query: str, variables: Any, status: int, code: str | None
) -> None:
    token = await town.token()
    async with nothing_changes():
        answer = await api.post(query, variables, token)
    assert answer.status_code == status, answer.text
    [error, *_] = answer.json()["errors"]
    assert "data" not in answer.json()
    assert error["message"]
    assert code is None or error["extensions"]["code"] == code, answer.text


async def test_a_body_that_is_not_json(api: Api, town: Town) -> None:
    token = await town.token()
    headers = api.headers(token) | {"content-type": "application/json"}
    bodies = [
        b"",
        b"{",
        b"[]",
        b"7",
        b'"{ viewer }"',
        b'{"query": 7}',
        b"\xff",
        json.dumps({"query": "{ a(b: \ud800) }"}).encode(),
    ]
    async with api.client() as client, nothing_changes():
        for body in bodies:
            answer = await client.post("/graphql", content=body, headers=headers)
            assert (answer.status_code, list(answer.json())) == (400, ["errors"]), body
