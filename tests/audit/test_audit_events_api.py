"""auditEvents through the API: newest first, by every filter, by permission, one library's only, nothing personal."""

from typing import Any

import pytest
from tests.clients import Api
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.audit.actions import record, record_many
from patrongraph.context import Actor, ActorKind
from patrongraph.permissions import ALL_PERMISSIONS, Permission

EVENTS = """query($first: Int!, $after: String, $filter: AuditFilter) {
  auditEvents(first: $first, after: $after, filter: $filter) {
    edges { node {
      id at actorKind actorId actor { id displayName } tokenName action subjectId jobId detail { name value }
    } }
    pageInfo { hasNextPage endCursor }
    totalCount
  }
}"""


async def page(api: Api, token: str, first: int = 50, after: str | None = None, **chosen: Any) -> Any:
    variables = {"first": first, "after": after, "filter": chosen or None}
    return (await api.data(EVENTS, variables, token))["auditEvents"]


async def events(api: Api, token: str, **chosen: Any) -> list[Any]:
    return [edge["node"] for edge in (await page(api, token, **chosen))["edges"]]


async def actions(api: Api, token: str, **chosen: Any) -> list[str]:
    return [event["action"] for event in await events(api, token, **chosen)]


async def note(actor: Actor, action: str, subject: tuple[str, int] | None = None, **more: Any) -> int:
    async with db.transaction():
        return await record(actor, action, subject, **more)


async def viewer(town: Town) -> str:
    return await town.token(Permission.AUDIT_VIEW)


async def test_who_did_what_to_whom(api: Api, town: Town) -> None:
    token = await viewer(town)
    anna = await town.staff(Permission.PATRONS_BLOCK)
    program = Actor(ActorKind.TOKEN, await db.value("SELECT id FROM api_token"), town.id)
    patron = Actor(ActorKind.PATRON, 12, town.id)
    await note(anna, "patron.block", ("patron", 12), block=7, message=True)
    await note(program, "purge.start", ("job", 3), job_id=3, patrons=59, by=["FILTER", "STATUS"])
    await note(patron, "loan.renew", ("loan", 4))
    await note(town.system, "purge.chunk", ("job", 3), job_id=3, rows={"loan": 2, "card": 1}, error=None)
    found = await events(api, token)
    keys = [event.pop("id") for event in found]
    assert keys == sorted(keys, key=lambda key: int(key.removeprefix("evt_")), reverse=True)
    moments = [event.pop("at") for event in found]
    assert all(moment.endswith("+00:00") for moment in moments)
    nobody: dict[str, Any] = {"actorId": None, "actor": None, "tokenName": None, "jobId": None, "subjectId": None}
    assert found == [
        nobody | {
            "actorKind": "SYSTEM", "action": "purge.chunk", "subjectId": "job_3", "jobId": "job_3",
            "detail": [{"name": "error", "value": None}, {"name": "rows", "value": '{"card": 1, "loan": 2}'}],
        },
        nobody | {
            "actorKind": "PATRON", "actorId": "pat_12", "action": "loan.renew", "subjectId": "loan_4", "detail": [],
        },
        nobody | {
            "actorKind": "TOKEN", "actorId": f"token_{program.id}", "tokenName": "tests", "action": "purge.start",
            "subjectId": "job_3", "jobId": "job_3",
            "detail": [{"name": "by", "value": '["FILTER", "STATUS"]'}, {"name": "patrons", "value": "59"}],
        },
        nobody | {
            "actorKind": "STAFF", "actorId": f"staff_{anna.id}", "actor": {"id": f"staff_{anna.id}",
            "displayName": "Anna"}, "action": "patron.block", "subjectId": "pat_12",
            "detail": [{"name": "block", "value": "7"}, {"name": "message", "value": "true"}],
        },
        nobody | {
            "actorKind": "SYSTEM", "action": "token.create", "subjectId": f"token_{program.id}",
            "detail": [{"name": "permissions", "value": '["AUDIT_VIEW"]'}],
        },
    ]  # fmt: skip


async def test_every_filter_and_all_together(api: Api, town: Town) -> None:
    token = await viewer(town)
    anna = await town.staff()
    for action, subject, job in (
        ("patron.block", ("patron", 12), None),
        ("patron.unblock", ("patron", 12), None),
        ("patron.block", ("patron", 13), None),
        ("export.request", ("patron", 12), 3),
        ("purge.start", ("job", 3), 3),
        ("group.dissolve", ("group", 12), None),
        ("session.open", ("session", 12), None),
    ):
        await note(anna if action.startswith("patron") else town.system, action, subject, job_id=job)
    assert await actions(api, token, action="patron.block") == ["patron.block", "patron.block"]
    assert await actions(api, token, action="PATRON.BLOCK") == []
    assert await actions(api, token, actorKind="STAFF") == ["patron.block", "patron.unblock", "patron.block"]
    assert await actions(api, token, actorKind="PATRON") == []
    assert await actions(api, token, subject="pat_12") == ["export.request", "patron.unblock", "patron.block"]
    assert await actions(api, token, subject="grp_12") == ["group.dissolve"]
    assert await actions(api, token, subject="session_12") == ["session.open"]
    assert await actions(api, token, subject="loan_12") == []
    assert await actions(api, token, jobId="job_3") == ["purge.start", "export.request"]
    assert await actions(api, token, jobId="job_3", subject="job_3") == ["purge.start"]
    assert await actions(api, token, subject="pat_12", action="patron.block", actorKind="STAFF") == ["patron.block"]
    assert await actions(api, token, subject="pat_12", action="patron.block", actorKind="SYSTEM") == []


async def test_from_is_included_and_to_is_not(api: Api, town: Town) -> None:
    token = await viewer(town)
    for n in range(3):
        await db.rows(
            "INSERT INTO audit_event (library_id, at, actor_kind, action, detail)"
            " VALUES ($1, '2026-01-01 12:00+00'::timestamptz + make_interval(days => $2), 'SYSTEM', $3, '{}')"
            " RETURNING id",
            town.id,
            n,
            f"day.n{'abc'[n]}",
        )
    first, second, third = (f"2026-01-0{n}T12:00:00Z" for n in (1, 2, 3))
    assert await actions(api, token, to=third) == ["day.nb", "day.na"]
    assert await actions(api, token, **{"from": second, "to": third}) == ["day.nb"]
    assert await actions(api, token, **{"from": first, "to": first}) == []
    assert await actions(api, token, **{"from": second}) == ["day.nc", "day.nb", "token.create"]
    # The same moment, written with another offset.
    assert await actions(api, token, **{"from": "2026-01-02T14:00:00+02:00", "to": third}) == ["day.nb"]


async def test_pages_neither_repeat_nor_miss_while_events_are_added(api: Api, town: Town) -> None:
    token = await viewer(town)
    async with db.transaction():
        await record_many(town.system, "patron.deactivate", "patron", range(1, 8))
    seen: list[str] = []
    after, more = None, True
    while more:
        found = await page(api, token, 3, after, action="patron.deactivate")
        seen += [edge["node"]["subjectId"] for edge in found["edges"]]
        after, more = found["pageInfo"]["endCursor"], found["pageInfo"]["hasNextPage"]
        await note(town.system, "patron.deactivate", ("patron", 99))
    assert seen == [f"pat_{n}" for n in (7, 6, 5, 4, 3, 2, 1)]
    assert (await page(api, token, 1, action="patron.deactivate"))["totalCount"] == 10


async def test_one_library_sees_its_own_events_only(api: Api, town: Town, other_town: Town) -> None:
    theirs = await note(other_town.system, "patron.deactivate", ("patron", 12), job_id=3)
    token = await viewer(town)
    for chosen in ({}, {"subject": "pat_12"}, {"jobId": "job_3"}, {"action": "patron.deactivate"}):
        assert await actions(api, token, **chosen) == ([] if chosen else ["token.create"])
    data = await api.data("query($id: ID!) { node(id: $id) { id } }", {"id": f"evt_{theirs}"}, token)
    assert data == {"node": None}
    data = await api.data(
        "query($id: ID!) { node(id: $id) { id ... on AuditEvent { action } } }",
        {"id": f"evt_{theirs}"},
        await viewer(other_town),
    )
    assert data == {"node": {"id": f"evt_{theirs}", "action": "patron.deactivate"}}


@pytest.mark.parametrize(
    "query",
    [
        "{ auditEvents(first: 1) { totalCount } }",
        "{ auditEvents(first: 1) { edges { node { id } } } }",
        '{ node(id: "evt_1") { id } }',
        '{ patron(by: {id: "pat_1"}) { activity(first: 1) { totalCount } } }',
        '{ patron(by: {id: "pat_1"}) { activity(first: 1) { edges { cursor } } } }',
        '{ node(id: "pat_1") { ... on Patron { activity(first: 1) { totalCount } } } }',
    ],
)
async def test_without_the_permission_nothing_is_shown(api: Api, town: Town, query: str) -> None:
    others = await town.token(*(ALL_PERMISSIONS - {Permission.AUDIT_VIEW}))
    assert set(await api.refused(query, token=others)) == {"FORBIDDEN"}
    assert (await api.refused(query))[0] == "UNAUTHENTICATED"


async def test_what_cannot_be_an_argument_is_told(api: Api, town: Town) -> None:
    token = await viewer(town)
    async with nothing_changes():
        for chosen in (
            {"subject": "12"}, {"subject": "xyz_12"}, {"subject": "pat_0"}, {"subject": "patron_12"},
            {"jobId": "pat_12"}, {"jobId": "3"},
        ):  # fmt: skip
            answer = await api.post(EVENTS, {"first": 1, "filter": chosen}, token)
            assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_ARGUMENT", chosen
        for wrong in ({"from": "2026-01-01"}, {"from": "yesterday"}, {"actorKind": "ROBOT"}, {"kind": "x"}):
            assert await api.refused(EVENTS, {"first": 1, "filter": wrong}, token) == ["BAD_VARIABLES"], wrong
        for first in (0, 201):
            answer = await api.post(EVENTS, {"first": first}, token)
            assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_ARGUMENT"


async def test_nothing_personal_comes_out(api: Api, town: Town) -> None:
    """After much was done to a patron, none of the patron's words is in the whole trail."""
    [patron] = await town.patrons(1, status="ACTIVE")
    token = await town.token()
    everything = [
        'blockPatron(input: {patronId: "ID", comment: "Secret comment", message: "Secret message"}) { __typename }',
        'deactivatePatrons(input: {patronIds: ["ID"]}) { __typename }',
        'exportPatronData(input: {patronId: "ID"}) { __typename }',
    ]
    for one in everything:
        await api.data(f"mutation {{ {one.replace('ID', f'pat_{patron}')} }}", token=token)
    found = await events(api, token)
    assert {event["action"] for event in found} >= {"patron.block", "patron.deactivate", "export.request"}
    for word in ("Secret", "First", "Last", "example.org", f"B{patron}", "Street", "a note"):
        assert word not in str(found)
