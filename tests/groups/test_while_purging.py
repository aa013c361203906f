"""Groups change while their members are being purged: everybody is wholly there or gone, and no group stays empty."""

import asyncio
import random

import pytest
from tests.clients import Api
from tests.groups.support import all_is_well, consent, groups
from tests.town import Town

from patrongraph import db
from patrongraph.groups import actions
from patrongraph.groups.actions import Move
from patrongraph.problems import Refused

PURGE = """
mutation($ids: [ID!]!) { purgePatrons(input: {dryRun: false, patronIds: $ids}) {
  ... on PurgePatronsSuccess { job { id } }
} }
"""


@pytest.mark.usefixtures("worker_process")
@pytest.mark.parametrize("seed", [1, 2])
async def test_members_are_purged_while_others_move_them(api: Api, town: Town, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a shuffle that can be repeated
    token = await town.token()
    ids = await town.patrons(60)
    for first in range(0, 60, 3):
        group = await town.group(*ids[first : first + 3])
        await consent(town.id, ids[first], group)
    doomed = [chance.sample(ids, 15) for _ in range(2)]
    over = asyncio.Event()

    async def shuffle() -> set[str]:
        said: set[str] = set()
        while not over.is_set():
            who = chance.sample(ids, 3)
            try:
                if chance.randrange(3):
                    target = f"B{chance.choice(ids)}"
                    await actions.move_to_group(town.system, Move(patron_ids=who, member_barcode=target))
                else:
                    await actions.remove_from_group(town.system, who)
                said.add("DONE")
            except Refused as no:
                said.add(no.problem.code.value)
        return said

    movers = [asyncio.create_task(shuffle()) for _ in range(4)]
    for batch in doomed:
        started = await api.data(
            PURGE, {"ids": [f"pat_{each}" for each in set(batch) & set(await town.remaining())]}, token
        )
        last = (await api.follow(started["purgePatrons"]["job"]["id"], token))[-1]
        assert (last["state"], last["failed"]) == ("SUCCEEDED", 0)
    over.set()
    said: set[str] = set().union(*await asyncio.gather(*movers))
    assert said <= {"DONE", "NOT_FOUND", "INVALID_INPUT", "GROUP_CHANGED"}
    assert await all_is_well()
    left = set(ids) - set(doomed[0]) - set(doomed[1])
    assert set(await town.remaining()) == left
    assert {each for members, _ in (await groups(town.id)).values() for each in members} <= left
    assert await db.value("SELECT count(*) FROM privacy_waiver WHERE patron_id <> ALL($1)", list(left)) == 0
