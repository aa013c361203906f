"""Deactivating patrons signs them out everywhere, in the same transaction; nobody else is signed out."""

import asyncio

import pytest
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.patrons.actions import deactivate, reactivate
from patrongraph.problems import Refused

OPEN = """
INSERT INTO session (patron_id, staff_user_id, library_id, token_sha256, expires_at)
VALUES ($1, $2, $3, md5(random()::text) || md5(random()::text), now() + interval '1 hour')
RETURNING id
"""


async def session_of(town: Town, patron: int | None, staff: int | None = None) -> int:
    found: int = await db.value(OPEN, patron, staff, town.id)
    return found


async def sessions() -> list[int]:
    return [row["id"] for row in await db.rows("SELECT id FROM session ORDER BY id")]


async def test_all_sessions_of_the_deactivated_end_and_no_other(town: Town, other_town: Town) -> None:
    first, second, third = await town.patrons(3, status="ACTIVE")
    [elsewhere] = await other_town.patrons(1, status="ACTIVE")
    anna = await town.staff()
    ended = [await session_of(town, patron) for patron in (first, first, second)]
    await session_of(town, third)
    await session_of(other_town, elsewhere)
    await session_of(town, None, anna.id)
    before = await sessions()
    await deactivate(anna, [second, first])
    assert await sessions() == [session for session in before if session not in ended]
    assert len(before) == 3 + 4


async def test_a_refused_deactivation_ends_no_session(town: Town, other_town: Town) -> None:
    [patron] = await town.patrons(1, status="ACTIVE")
    [elsewhere] = await other_town.patrons(1, status="ACTIVE")
    await session_of(town, patron)
    async with nothing_changes():
        with pytest.raises(Refused):
            await deactivate(town.system, [patron, elsewhere])


async def test_sessions_stay_when_the_transaction_around_it_fails(town: Town) -> None:
    [patron] = await town.patrons(1, status="ACTIVE")
    await session_of(town, patron)

    async def fails() -> None:
        async with db.transaction():
            await deactivate(town.system, [patron])
            raise LookupError

    async with nothing_changes():
        with pytest.raises(LookupError):
            await fails()


async def test_reactivating_ends_no_session(town: Town) -> None:
    active, inactive = [*await town.patrons(1, status="ACTIVE"), *await town.patrons(1)]
    kept = await session_of(town, active)
    await reactivate(town.system, [active, inactive])
    assert await sessions() == [kept]


async def test_two_who_deactivate_at_once_sign_out_once_and_both_succeed(town: Town) -> None:
    ids = await town.patrons(20, status="ACTIVE")
    for patron in ids:
        await session_of(town, patron)
    done = await asyncio.gather(deactivate(town.system, ids), deactivate(town.system, ids[::-1]))
    assert sorted(sum(each.changed for each in outcomes) for outcomes in done) == [0, 20]
    assert await sessions() == []
