"""deactivatePatrons and reactivatePatrons through the API: all or none, the own library's only, by permission."""

from typing import Any

import pytest
from tests.clients import Api, why
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.permissions import Permission

ANSWER = """{
  __typename
  ... on PatronsStatusSuccess { changed patrons { id status obstacles(to: PURGE) { code } } }
  ... on Problem { code message }
  ... on TooMany { limit }
  ... on InvalidInput { field fields { reason limit } }
}"""
DEACTIVATE = f"mutation($ids: [ID!]!) {{ found: deactivatePatrons(input: {{patronIds: $ids}}) {ANSWER} }}"
REACTIVATE = f"mutation($ids: [ID!]!) {{ found: reactivatePatrons(input: {{patronIds: $ids}}) {ANSWER} }}"
MUTATIONS = pytest.mark.parametrize("mutation", [DEACTIVATE, REACTIVATE], ids=["deactivate", "reactivate"])


def named(*keys: int) -> dict[str, list[str]]:
    return {"ids": [f"pat_{key}" for key in keys]}


async def refused(api: Api, mutation: str, variables: dict[str, Any], token: str) -> Any:
    async with nothing_changes():
        return (await api.data(mutation, variables, token))["found"]


async def test_patrons_are_taken_out_of_use_and_back(api: Api, town: Town) -> None:
    ids = await town.patrons(3, status="ACTIVE")
    token = await town.token(Permission.PATRONS_VIEW, Permission.PATRONS_DEACTIVATE)
    done = await api.data(DEACTIVATE, named(ids[1], ids[0]), token)
    # In the order of the request, and nothing stands in the way of a purge any more.
    assert done["found"] == {
        "__typename": "PatronsStatusSuccess",
        "changed": 2,
        "patrons": [{"id": f"pat_{key}", "status": "INACTIVE", "obstacles": []} for key in (ids[1], ids[0])],
    }
    rows = await db.rows("SELECT status, version FROM patron ORDER BY id")
    assert [tuple(row) for row in rows] == [("INACTIVE", 2), ("INACTIVE", 2), ("ACTIVE", 1)]
    events = await db.rows(
        "SELECT actor_kind, actor_id, subject_kind, subject_id FROM audit_event WHERE action = 'patron.deactivate'"
        " ORDER BY id"
    )
    who = await db.value("SELECT id FROM api_token")
    assert [tuple(event) for event in events] == [("TOKEN", who, "patron", key) for key in ids[:2]]

    back = await api.data(REACTIVATE, named(ids[0]), token)
    assert back["found"]["patrons"] == [
        {"id": f"pat_{ids[0]}", "status": "ACTIVE", "obstacles": [{"code": "NOT_INACTIVE"}]}
    ]
    assert await db.value("SELECT count(*) FROM audit_event WHERE action = 'patron.reactivate'") == 1


async def test_again_and_the_same_id_twice_change_no_more(api: Api, town: Town) -> None:
    ids = await town.patrons(2, status="ACTIVE")
    token = await town.token()
    first = await api.data(DEACTIVATE, named(ids[0], ids[1], ids[0]), token)
    assert (first["found"]["changed"], len(first["found"]["patrons"])) == (2, 2)
    again = await refused(api, DEACTIVATE, named(*ids), token)
    assert (again["__typename"], again["changed"]) == ("PatronsStatusSuccess", 0)


@MUTATIONS
async def test_another_librarys_patron_is_as_unknown_as_one_that_never_was(
    api: Api, town: Town, other_town: Town, mutation: str
) -> None:
    mine, theirs = await town.patrons(2, status="ACTIVE"), await other_town.patrons(1, status="ACTIVE")
    token = await town.token()
    for alone in (True, False):
        others = [] if alone else mine
        foreign = await refused(api, mutation, named(*others, *theirs), token)
        unknown = await refused(api, mutation, named(*others, 999_999), token)
        assert foreign == unknown
        assert foreign["code"] == "NOT_FOUND"


@MUTATIONS
async def test_none_and_too_many_are_refused(api: Api, town: Town, mutation: str) -> None:
    await town.patrons(201, status="ACTIVE")
    token = await town.token()
    ids = [row["id"] for row in await db.rows("SELECT id FROM patron")]
    many = await refused(api, mutation, named(*ids), token)
    assert many == {
        "__typename": "TooMany",
        "code": "TOO_MANY",
        "limit": 200,
        "message": "201 patrons are too many: one operation may take 200.",
    }
    none = await refused(api, mutation, named(), token)
    assert (none["code"], none["field"], why(none)) == ("INVALID_INPUT", "input.patronIds", [("REQUIRED", None)])
    taken = await api.data(mutation, named(*ids[:200]), token)
    assert len(taken["found"]["patrons"]) == 200


async def test_who_waits_for_a_purge_is_not_reactivated(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1)
    await db.rows("UPDATE patron SET status = 'PENDING_PURGE', purge_after = now() RETURNING id")
    found = await refused(api, REACTIVATE, named(patron), await town.token())
    assert (found["code"], found["field"], why(found)) == ("INVALID_INPUT", "input.patronIds", [("NOT_ALLOWED", None)])


@MUTATIONS
async def test_without_the_permission_nothing_happens(api: Api, town: Town, mutation: str) -> None:
    variables = named(*await town.patrons(1, status="ACTIVE"))
    view = await town.token(*(frozenset(Permission) - {Permission.PATRONS_DEACTIVATE}))
    other = await town.token(Permission.PATRONS_VIEW, Permission.PATRONS_EDIT, Permission.PATRONS_PURGE)
    async with nothing_changes():
        for token in (view, other):
            assert await api.refused(mutation, variables, token) == ["FORBIDDEN"]
        assert await api.refused(mutation, variables) == ["UNAUTHENTICATED"]
        assert await api.refused(mutation, variables, "pg_" + "x" * 43) == ["UNAUTHENTICATED"]


async def test_what_is_not_an_operation_says_where_and_changes_nothing(api: Api, town: Town) -> None:
    ids = await town.patrons(1, status="ACTIVE")
    token = await town.token()
    async with nothing_changes():
        answer = await api.post("mutation { deactivatePatrons(input: {patronIds: [1 }) { changed } }", token=token)
        [error] = answer.json()["errors"]
        assert (answer.status_code, error["extensions"]["code"]) == (400, "GRAPHQL_PARSE_FAILED")
        assert error["locations"] == [{"line": 1, "column": 52}]
        answer = await api.post(DEACTIVATE.replace("patronIds", "patrons"), named(*ids), token)
        [error] = answer.json()["errors"]
        assert (answer.status_code, error["extensions"]["code"]) == (400, "GRAPHQL_VALIDATION_FAILED")
        assert error["message"] == (
            "A wrong value: 'PatronIdsInput' needs patronIds; it has a field that 'PatronIdsInput' does not have."
            " Its fields are patronIds."
        )
        assert await api.refused(DEACTIVATE, {"ids": [None]}, token) == ["BAD_VARIABLES"]
        for wrong in ("loan_1", f"{ids[0]}", "pat_0", "pat_99999999999999999999", "pat_1\n"):
            answer = await api.post(DEACTIVATE, {"ids": [f"pat_{ids[0]}", wrong]}, token)
            [error] = answer.json()["errors"]
            assert (answer.json()["data"], error["extensions"]["code"]) == (None, "BAD_ARGUMENT")
