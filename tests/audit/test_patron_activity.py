"""Patron.activity: what was done to one account, newest first."""

from typing import Any

from tests.clients import Api
from tests.town import Town

from patrongraph import db
from patrongraph.audit.actions import record
from patrongraph.patrons import actions, blocks
from patrongraph.permissions import Permission

ACTIVITY = """query($id: ID!, $n: Int!, $after: String) { patron(by: {id: $id}) { activity(first: $n, after: $after) {
  edges { node { action subjectId actorKind actor { displayName } detail { name value } } }
  pageInfo { hasNextPage endCursor }
  totalCount
} } }"""


async def activity(api: Api, token: str, patron: int, first: int = 20, after: str | None = None) -> Any:
    data = await api.data(ACTIVITY, {"id": f"pat_{patron}", "n": first, "after": after}, token)
    return data["patron"]["activity"]


async def test_what_was_done_to_one_account(api: Api, town: Town) -> None:
    patron, other = await town.patrons(2, status="ACTIVE")
    token = await town.token(Permission.PATRONS_VIEW, Permission.AUDIT_VIEW)
    assert await activity(api, token, patron) == {
        "edges": [], "pageInfo": {"hasNextPage": False, "endCursor": None}, "totalCount": 0,
    }  # fmt: skip
    anna = await town.staff(Permission.PATRONS_BLOCK, Permission.PATRONS_DEACTIVATE)
    placed = await blocks.place(anna, patron, "Broke a lamp")
    await blocks.place(anna, other, "Broke it too")
    await blocks.lift(town.system, placed.block_id, "Paid the lamp")
    await actions.deactivate(anna, [other, patron])
    found = await activity(api, token, patron)
    block = {"name": "block", "value": str(placed.block_id)}
    by_anna = {"subjectId": f"pat_{patron}", "actorKind": "STAFF", "actor": {"displayName": "Anna"}}
    assert [edge["node"] for edge in found["edges"]] == [
        by_anna | {"action": "patron.deactivate", "detail": []},
        {"action": "patron.unblock", "subjectId": f"pat_{patron}", "actorKind": "SYSTEM", "actor": None,
         "detail": [block]},
        by_anna | {"action": "patron.block", "detail": [
            block, {"name": "expires", "value": "false"}, {"name": "message", "value": "false"}]},
    ]  # fmt: skip
    assert found["totalCount"] == 3


async def test_page_by_page(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1, status="ACTIVE")
    token = await town.token()
    async with db.transaction():
        for n in range(5):
            await record(town.system, "patron.edit", ("patron", patron), n=n)
    seen, after, more = [], None, True
    while more:
        found = await activity(api, token, patron, 2, after)
        seen += [edge["node"]["detail"][0]["value"] for edge in found["edges"]]
        after, more = found["pageInfo"]["endCursor"], found["pageInfo"]["hasNextPage"]
    assert seen == ["4", "3", "2", "1", "0"]


async def test_what_shares_the_number_is_not_the_patrons(api: Api, town: Town, other_town: Town) -> None:
    """A group, a job and another library's event about the same number are somebody else's."""
    [patron] = await town.patrons(1, status="ACTIVE")
    async with db.transaction():
        await record(town.system, "group.dissolve", ("group", patron))
        await record(town.system, "job.pause", ("job", patron), job_id=patron)
        await record(other_town.system, "patron.edit", ("patron", patron))
        await record(town.system, "purge.done", None, patrons=patron)
    assert (await activity(api, await town.token(), patron))["totalCount"] == 0
