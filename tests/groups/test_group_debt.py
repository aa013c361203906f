"""What a group owes together is information: it blocks nobody; only a patron's own debt does."""

from tests.clients import Api
from tests.town import Town

from patrongraph import db
from patrongraph.patrons.models import ObstacleCode
from patrongraph.patrons.queries import ErasureAction, obstacles
from patrongraph.permissions import Permission

GROUP = """
query($id: ID!) { group(id: $id) {
  totals { debt informationalOnly }
  members(first: 10) { edges { node {
    patron { id debtTotal blocked blockReasons { code debt level amountToClear } }
  } } }
} }
"""
MOVE = """
mutation($into: GroupRef!, $id: ID!) { moveToGroup(input: {into: $into, confirm: true, patronIds: [$id]}) {
  ... on MoveToGroupSuccess { changed group { totals { debt } } patrons { blocked } }
} }
"""


async def test_a_group_over_the_level_blocks_nobody_but_who_owes_that_much(api: Api, town: Town) -> None:
    await town.policy(block_level=5)
    a, b, c, d = await town.patrons(4, status="ACTIVE")
    for patron in (a, b, c):
        await town.charge(patron, "4.99")
    group = await town.group(a, b)
    token = await town.token()
    moved = await api.data(MOVE, {"into": {"groupId": f"grp_{group}"}, "id": f"pat_{c}"}, token)
    assert moved["moveToGroup"] == {
        "changed": 1, "group": {"totals": {"debt": "14.97"}}, "patrons": [{"blocked": False}],
    }  # fmt: skip
    found = (await api.data(GROUP, {"id": f"grp_{group}"}, token))["group"]
    assert found["totals"] == {"debt": "14.97", "informationalOnly": True}
    owes = {"debtTotal": "4.99", "blocked": False, "blockReasons": []}
    assert [edge["node"]["patron"] for edge in found["members"]["edges"]] == [
        {"id": f"pat_{each}"} | owes for each in (a, b, c)
    ]

    # One member reaches the level alone: that one is blocked, and nobody with them.
    await town.charge(b, "0.01")
    await api.data(MOVE, {"into": {"groupId": f"grp_{group}"}, "id": f"pat_{d}"}, token)
    found = (await api.data(GROUP, {"id": f"grp_{group}"}, token))["group"]
    assert found["totals"]["debt"] == "14.98"
    reason = {"code": "DEBT", "debt": "5.00", "level": "5.00", "amountToClear": "0.01"}
    patrons = [edge["node"]["patron"] for edge in found["members"]["edges"]]
    assert [(each["id"], each["blocked"], each["blockReasons"]) for each in patrons] == [
        (f"pat_{a}", False, []),
        (f"pat_{b}", True, [reason]),
        (f"pat_{c}", False, []),
        (f"pat_{d}", False, []),
    ]


async def test_others_debts_do_not_keep_a_member_from_erasure(api: Api, town: Town) -> None:
    a, b = await town.patrons(2)
    await town.group(a, b)
    await town.charge(a, "100.00")
    assert [each.code for each in await obstacles(town.id, [a, b], ErasureAction.PURGE)] == [ObstacleCode.DEBTS]
    assert {each.patron_id for each in await obstacles(town.id, [a, b], ErasureAction.PURGE)} == {a}


async def test_what_a_group_owes_is_shown_to_those_who_may_see_it(api: Api, town: Town) -> None:
    a, b = await town.patrons(2)
    group = await town.group(a, b)
    manages = await town.token(Permission.PATRONS_VIEW, Permission.GROUPS_MANAGE)
    assert await api.refused(GROUP, {"id": f"grp_{group}"}, manages) == ["FORBIDDEN"]
    sees = await town.token(Permission.PATRONS_VIEW, Permission.GROUPS_VIEW_TOTALS)
    found = (await api.data(GROUP, {"id": f"grp_{group}"}, sees))["group"]
    assert found["totals"] == {"debt": "0.00", "informationalOnly": True}
    assert await db.value("SELECT count(*) FROM block WHERE lifted_at IS NULL") == 0
