"""A purge that retains loans moves no total of any group; one that does not leaves the present patrons' loans."""

import itertools
from typing import Any

import pytest
from tests.clients import Api
from tests.erasure.test_certificate import delete, purge
from tests.statistics.lending import FIELDS, Lender, ask, flat
from tests.town import Town

from patrongraph import db
from patrongraph.problems import Refused

GROUPS = [(), *((name,) for name in FIELDS), *itertools.combinations(FIELDS, 2), tuple(FIELDS)]


async def fill(lender: Lender, other: Town) -> tuple[list[int], int]:
    """Patrons who can be purged, and one with an open loan; what they were and the items had changed since."""
    annex, eighth = await lender.branch("ANNEX"), await lender.cohort("Y8")
    leaving = [
        await lender.patron("Pupil", lender.town.cohort),
        await lender.patron("Teacher"),
        await lender.patron("", eighth),
    ]
    staying = await lender.patron("Pupil", eighth)
    items = [
        await lender.item("BOOK", lender.town.branch),
        await lender.item("", annex),
        await lender.item("DVD"),
        await Lender(other).item("MAP", other.branch),
    ]
    for n, (patron, item) in enumerate(itertools.product([*leaving, staying], items)):
        out = f"202{n % 3 + 3}-0{n % 9 + 1}-1{n % 7}T23:59:59"
        back = f"202{n % 3 + 3}-1{n % 2}-01T00:00:0{n % 2}"
        branch = [None, annex, lender.town.branch][n % 3]
        await lender.lend(patron, item, out, back, branch=branch, lost=n % 5 == 0)
    await lender.lend(staying, await lender.item(), "2025-05-05T05:05:05")
    await db.rows("UPDATE patron SET category = 'Alumnus', cohort_id = $2 WHERE id = $1", leaving[0], eighth)
    await db.rows("UPDATE item SET material_type = 'AUDIO', branch_id = NULL WHERE id = $1", items[0])
    return leaving, staying


async def everything(api: Api, **chosen: Any) -> dict[tuple[str, ...], Any]:
    return {by: flat(await ask(api, *by, **chosen)) for by in GROUPS}


async def test_every_group_is_the_same_before_and_after(
    reports: Api, lender: Lender, other_town: Town, work: Any
) -> None:
    leaving, staying = await fill(lender, other_town)
    before = await everything(reports)
    assert before[()][0][:1] == (17,)
    assert len(before[tuple(FIELDS)]) > 10

    with pytest.raises(Refused, match="1 of the patrons has outstanding loans"):
        await purge(lender.town, work, [*leaving, staying])
    await purge(lender.town, work, leaving[:2])
    await delete(lender.town, leaving[2])

    assert await lender.town.remaining() == [staying]
    assert await db.value("SELECT count(*) FROM loan_statistic") == 12
    assert await everything(reports) == before
    assert flat(await ask(reports, record="RETAINED"))[0][:1] == (12,)
    assert flat(await ask(reports, record="LIVE"))[0][:1] == (5,)
    assert [row[:2] for row in flat(await ask(reports, "CATEGORY", record="RETAINED"))] == [
        ("", 4), ("Alumnus", 4), ("Teacher", 4),
    ]  # fmt: skip


async def test_what_changes_later_moves_live_loans_only(
    reports: Api, lender: Lender, other_town: Town, work: Any
) -> None:
    """What is kept says what was so at the purge; nobody can tell any more whose it was."""
    leaving, staying = await fill(lender, other_town)
    await purge(lender.town, work, leaving)
    await db.rows("UPDATE patron SET category = 'Alumnus' WHERE id = $1", staying)
    await db.rows("UPDATE item SET material_type = 'GAME' WHERE material_type = 'DVD' RETURNING id")
    assert [row[:2] for row in flat(await ask(reports, "CATEGORY"))] == [("", 4), ("Alumnus", 9), ("Teacher", 4)]
    assert [row[:2] for row in flat(await ask(reports, "MATERIAL_TYPE"))] == [
        ("", 4), ("AUDIO", 4), ("BOOK", 1), ("DVD", 3), ("GAME", 1), ("MAP", 4),
    ]  # fmt: skip


async def test_without_retention_only_present_patrons_are_counted(
    reports: Api, lender: Lender, other_town: Town, work: Any
) -> None:
    await lender.town.policy(retain_deleted_patron_loans=False)
    leaving, _ = await fill(lender, other_town)
    assert flat(await ask(reports))[0][:1] == (17,)
    await purge(lender.town, work, leaving)
    assert flat(await ask(reports))[0][:1] == (5,)
    assert await ask(reports, "CATEGORY", record="RETAINED") == []
    assert [row[:2] for row in flat(await ask(reports, "CATEGORY"))] == [("Pupil", 5)]
