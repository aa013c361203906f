"""purgePatrons and purgeCandidates through the API and a worker: whom it erases, and every way it says no."""

import datetime as dt
from typing import Any

import pytest
from tests.clients import Api, why
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.permissions import Permission

PURGE = """
mutation($input: PurgePatronsInput!) { purgePatrons(input: $input) {
  __typename
  ... on PurgePatronsSuccess { count job { id kind state total startedBy { id } } }
  ... on PurgePreview { matched purgeable graceDays obstacles { code patrons } confirmationToken confirmUntil }
  ... on Problem { code message }
  ... on TooMany { limit }
  ... on InvalidInput { field fields { reason limit } }
  ... on ConfirmationMismatch { currentCount }
  ... on ConfirmationVoid { expired }
  ... on OutstandingLoans { patrons { patronId openLoanCount loanIds } }
} }
"""
ITEMS = """
query($id: ID!) { job(id: $id) {
  state total done skipped failed cancelled error
  items(first: 100) { totalCount edges { node { patronId state codes patron { id } } } }
} }
"""
CANDIDATES = """
query($filter: PatronFilter, $search: String) { purgeCandidates(first: 50, filter: $filter, search: $search) {
  totalCount edges { node { patron { id } openLoanCount taggable purgeable obstacles { code count ids } } }
} }
"""


def ids_of(*keys: int) -> list[str]:
    return [f"pat_{key}" for key in keys]


async def purge(api: Api, token: str, **given: Any) -> Any:
    return (await api.data(PURGE, {"input": {"dryRun": False} | given}, token))["purgePatrons"]


async def refused(api: Api, token: str, **given: Any) -> Any:
    """A purge that must not happen."""
    async with nothing_changes():
        return await purge(api, token, **given)


async def dry_run(api: Api, token: str, **given: Any) -> tuple[Any, dict[str, Any]]:
    """What a dry run tells, and what is quoted back from it."""
    preview = await refused(api, token, dryRun=True, **given)
    quoted = {"confirmCount": preview["matched"], "confirmationToken": preview.pop("confirmationToken")}
    until = preview.pop("confirmUntil")
    if "filter" in given:
        seconds = (dt.datetime.fromisoformat(until) - dt.datetime.now(dt.UTC)).total_seconds()
        assert 800 < seconds <= 900
    else:
        assert (until, quoted["confirmationToken"]) == (None, None)
    return preview, quoted


@pytest.fixture
async def token(town: Town) -> str:
    return await town.token(Permission.PATRONS_VIEW, Permission.PATRONS_PURGE)


@pytest.mark.usefixtures("worker_process")
async def test_by_id_those_without_obstacles_go_and_the_others_say_why(api: Api, town: Town, token: str) -> None:
    ids = await town.patrons(6, loans=2)
    await town.open_reservation(ids[0])
    await town.charge(ids[1], "0.01")
    held = await db.value("SELECT id FROM reservation")
    found = (await api.data(CANDIDATES, {}, token))["purgeCandidates"]
    assert found["totalCount"] == 6
    first = next(edge["node"] for edge in found["edges"] if edge["node"]["patron"]["id"] == f"pat_{ids[0]}")
    assert (first["openLoanCount"], first["taggable"], first["purgeable"]) == (0, True, False)
    assert first["obstacles"] == [{"code": "OPEN_RESERVATIONS", "count": 1, "ids": [f"res_{held}"]}]

    started = await purge(api, token, patronIds=ids_of(*ids[:4]))
    assert (started["count"], started["job"]["kind"], started["job"]["startedBy"]) == (4, "PURGE", None)
    last = (await api.follow(started["job"]["id"], token))[-1]
    assert (last["state"], last["done"], last["skipped"], last["failed"]) == ("COMPLETED_WITH_ISSUES", 2, 2, 0)
    job = (await api.data(ITEMS, {"id": started["job"]["id"]}, token))["job"]
    assert [(edge["node"]["patronId"], edge["node"]["codes"]) for edge in job["items"]["edges"]] == [
        (f"pat_{ids[0]}", ["OPEN_RESERVATIONS"]),
        (f"pat_{ids[1]}", ["DEBTS"]),
        (f"pat_{ids[2]}", []),
        (f"pat_{ids[3]}", []),
    ]
    assert [edge["node"]["patron"] for edge in job["items"]["edges"]] == [
        {"id": f"pat_{ids[0]}"}, {"id": f"pat_{ids[1]}"}, None, None,
    ]  # fmt: skip
    assert await town.remaining() == [*ids[:2], *ids[4:]]
    assert await db.value("SELECT count(*) FROM loan_statistic") == 4


@pytest.mark.usefixtures("worker_process")
async def test_by_filter_the_confirmed_number_goes(api: Api, town: Town, other_town: Town, token: str) -> None:
    ids, theirs = await town.patrons(30, loans=1), await other_town.patrons(3)
    active = await town.patrons(2, status="ACTIVE")
    await db.rows("UPDATE patron SET category = 'Adult' WHERE id = ANY($1) RETURNING id", ids[:5])
    chosen = {"category": "Pupil", "branchId": f"branch_{town.branch}", "cohortId": f"cohort_{town.cohort}"}
    preview, quoted = await dry_run(api, token, filter=chosen)
    assert preview == {
        "__typename": "PurgePreview", "matched": 25, "purgeable": 25, "graceDays": 0, "obstacles": [],
    }  # fmt: skip
    started = await purge(api, token, filter=chosen, **quoted)
    assert started["count"] == 25
    last = (await api.follow(started["job"]["id"], token))[-1]
    assert (last["state"], last["total"], last["done"]) == ("SUCCEEDED", 25, 25)
    assert await town.remaining() == [*ids[:5], *active]
    assert await other_town.remaining() == theirs


@pytest.mark.usefixtures("worker_process")
async def test_the_same_key_starts_nothing_new(api: Api, town: Town, token: str) -> None:
    ids = await town.patrons(4)
    first = await purge(api, token, patronIds=ids_of(*ids[:2]), idempotencyKey="monday")
    await api.follow(first["job"]["id"], token)
    async with nothing_changes():
        again = await purge(api, token, patronIds=ids_of(ids[1], ids[0]), idempotencyKey="monday")
    assert (again["count"], again["job"]["id"], again["job"]["state"]) == (2, first["job"]["id"], "SUCCEEDED")
    other = await refused(api, token, patronIds=ids_of(ids[2]), idempotencyKey="monday")
    assert other["code"] == "IDEMPOTENCY_MISMATCH"
    # The key belongs to whoever sent it: another program's is another key.
    theirs = await purge(api, await town.token(), patronIds=ids_of(ids[2]), idempotencyKey="monday")
    assert theirs["job"]["id"] != first["job"]["id"]
    await api.follow(theirs["job"]["id"], token)
    assert await town.remaining() == [ids[3]]


async def test_a_dry_run_counts_what_stands_in_the_way(api: Api, town: Town, token: str) -> None:
    ids = await town.patrons(5)
    await town.open_loan(ids[0])
    await town.charge(ids[0], "1.00")
    await town.charge(ids[1], "1.00")
    await town.policy(grace_days=14)
    expected = {
        "__typename": "PurgePreview",
        "matched": 5,
        "purgeable": 3,
        "graceDays": 14,
        "obstacles": [{"code": "DEBTS", "patrons": 2}, {"code": "OPEN_LOANS", "patrons": 1}],
    }
    assert (await dry_run(api, token, filter={}))[0] == expected
    assert (await dry_run(api, token, patronIds=ids_of(*ids), idempotencyKey="k"))[0] == expected
    # A dry run does not use the key up.
    assert await db.value("SELECT count(*) FROM idempotency_key") == 0


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        ({"filter": {}}, ("CONFIRMATION_MISMATCH", 3)),
        ({"filter": {}, "confirmCount": 2}, ("CONFIRMATION_MISMATCH", 3)),
        ({"filter": {}, "confirmCount": -1}, ("CONFIRMATION_MISMATCH", 3)),
        ({"filter": {}, "search": "first1", "confirmCount": 3}, ("CONFIRMATION_MISMATCH", 1)),
        ({"filter": {}, "confirmCount": 3}, ("CONFIRMATION_VOID", False)),
        ({"filter": {}, "confirmCount": 3, "confirmationToken": ""}, ("CONFIRMATION_VOID", False)),
        ({"filter": {}, "confirmCount": 3, "confirmationToken": "1.x"}, ("CONFIRMATION_VOID", True)),
        ({"filter": {"category": "Nobody"}, "confirmCount": 0}, ("NOTHING_MATCHES", None)),
        ({"filter": {"category": "Nobody"}, "dryRun": True}, ("NOTHING_MATCHES", None)),
        ({"filter": {"status": "ACTIVE"}, "dryRun": True}, ("NOTHING_MATCHES", None)),
        ({"filter": {"inactiveSince": "2001-01-01T00:00:00Z"}, "dryRun": True}, ("NOTHING_MATCHES", None)),
        ({"filter": {}, "search": "nobody", "confirmCount": 0}, ("NOTHING_MATCHES", None)),
        ({"filter": {}, "patronIds": ["pat_1"]}, ("INVALID_INPUT", ("input", "CONTRADICTION", None))),
        ({}, ("INVALID_INPUT", ("input", "REQUIRED", None))),
        ({"search": "first1"}, ("INVALID_INPUT", ("input.search", "CONTRADICTION", None))),
        ({"patronIds": ["pat_1"], "search": "first1"}, ("INVALID_INPUT", ("input.search", "CONTRADICTION", None))),
        ({"patronIds": []}, ("INVALID_INPUT", ("input.patronIds", "REQUIRED", None))),
        (
            {"patronIds": ["pat_1"], "idempotencyKey": "k" * 201},
            ("INVALID_INPUT", ("input.idempotencyKey", "TOO_LONG", 200)),
        ),
        ({"patronIds": ["pat_1"], "idempotencyKey": ""}, ("INVALID_INPUT", ("input.idempotencyKey", "REQUIRED", None))),
    ],
)
async def test_a_request_that_is_not_right_is_refused(
    api: Api, town: Town, token: str, given: dict[str, Any], answer: tuple[str, Any]
) -> None:
    await town.patrons(3)
    await town.patrons(1, status="ACTIVE")
    found = await refused(api, token, **given)
    if "fields" in found:
        assert (found["code"], *[(found["field"], *each) for each in why(found)]) == answer
    else:
        assert (found["code"], found.get("currentCount", found.get("expired"))) == answer


async def test_more_than_the_library_allows(api: Api, town: Town, token: str) -> None:
    ids = await town.patrons(201)
    many = await refused(api, token, patronIds=ids_of(*ids))
    assert (many["code"], many["limit"]) == ("TOO_MANY", 200)
    assert many["message"] == "201 patrons are too many: one operation may take 200."


async def test_what_is_another_librarys_is_as_unknown_as_what_never_was(
    api: Api, town: Town, other_town: Town, token: str
) -> None:
    mine, theirs = await town.patrons(2), await other_town.patrons(2)
    group = await other_town.group(*theirs)
    for dry in (True, False):
        foreign = await refused(api, token, patronIds=ids_of(*mine, *theirs), dryRun=dry)
        unknown = await refused(api, token, patronIds=ids_of(*mine, 999_998, 999_999), dryRun=dry)
        assert foreign == unknown
        assert foreign["code"] == "NOT_FOUND"
        for name, kind, key in (
            ("branchId", "branch", other_town.branch),
            ("cohortId", "cohort", other_town.cohort),
            ("groupId", "grp", group),
        ):
            foreign = await refused(api, token, filter={name: f"{kind}_{key}"}, dryRun=dry, confirmCount=2)
            unknown = await refused(api, token, filter={name: f"{kind}_999999"}, dryRun=dry, confirmCount=2)
            assert foreign == unknown
            assert foreign["code"] == "NOTHING_MATCHES"
    found = await api.data(CANDIDATES, {"filter": {"groupId": f"grp_{group}"}}, token)
    assert found["purgeCandidates"] == {"totalCount": 0, "edges": []}
    started = await purge(api, token, patronIds=ids_of(*mine))
    stranger = await other_town.token()
    assert await api.data(ITEMS, {"id": started["job"]["id"]}, stranger) == {"job": None}
    node = "query($id: ID!) { node(id: $id) { id } }"
    assert await api.data(node, {"id": started["job"]["id"]}, stranger) == {"node": None}
    [item] = await db.rows("SELECT min(id) AS id FROM job_item")
    for id in (f"jobitem_{item['id']}", ids_of(*mine)[0]):
        assert await api.data(node, {"id": id}, stranger) == {"node": None}


async def test_without_the_permission_nothing_happens(api: Api, town: Town) -> None:
    ids = await town.patrons(1)
    lesser = await town.token(*(frozenset(Permission) - {Permission.PATRONS_PURGE}))
    async with nothing_changes():
        for dry in (True, False):
            variables = {"input": {"dryRun": dry, "patronIds": ids_of(*ids)}}
            assert await api.refused(PURGE, variables, lesser) == ["FORBIDDEN"]
            assert await api.refused(PURGE, variables) == ["UNAUTHENTICATED"]
        assert await api.refused(CANDIDATES, {}, lesser) == ["FORBIDDEN"]


async def test_what_cannot_be_stored_or_read_is_refused_before_anything_runs(api: Api, town: Town, token: str) -> None:
    await town.patrons(1)
    wrong: list[dict[str, Any]] = [
        {"patronIds": ["pat_x"]},
        {"patronIds": ["job_1"]},
        {"filter": {"branchId": "pat_1"}},
        {"filter": {"category": "a\0b"}},
        {"filter": {}, "search": "a\0b"},
        {"patronIds": ["pat_1"], "idempotencyKey": "a\0b"},
        {"filter": {"inactiveSince": "yesterday"}},
        {"filter": {"expiredBefore": "2026-13-01"}},
        {"filter": {"nothing": 1}},
        {"filter": {}, "confirmCount": 2**40},
        {"filter": {}, "dryRun": None},
    ]
    async with nothing_changes():
        for given in wrong:
            answer = await api.post(PURGE, {"input": {"dryRun": False, "confirmCount": 1} | given}, token)
            body = answer.json()
            assert body.get("data") is None, given
            codes = [error["extensions"]["code"] for error in body["errors"]]
            assert codes[0] in ("BAD_ARGUMENT", "BAD_VARIABLES", "BAD_INPUT"), (given, answer.text)
