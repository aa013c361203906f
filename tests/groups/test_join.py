"""A new patron comes into the group of another one, as registering by cloning does it."""

import pytest
from tests.groups.support import all_is_well, events, groups
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.patrons.membership import GroupsMoved, join


async def test_into_the_group_that_the_other_is_in(town: Town) -> None:
    a, b, c = await town.patrons(3)
    group = await town.group(a, b)
    async with db.transaction():
        assert await join(town.system, c, b) == group
    assert await groups(town.id) == {group: ([a, b, c], [a])}
    assert await all_is_well()
    # Whoever registers tells of it in their own event.
    assert await events("") == []


async def test_into_a_new_group_that_nobody_leads(town: Town) -> None:
    a, b = await town.patrons(2)
    async with db.transaction():
        made = await join(town.system, b, a)
    assert await groups(town.id) == {made: ([a, b], [])}
    assert await all_is_well()


async def test_who_is_in_a_group_already_is_not_put_into_two(town: Town) -> None:
    a, b = await town.patrons(2)
    await town.group(a)
    await town.group(b)
    async with nothing_changes():
        with pytest.raises(GroupsMoved):
            async with db.transaction():
                await join(town.system, b, a)
