"""Deactivate and reactivate: all or none, only the library's own, each change counted, versioned and audited."""

from types import ModuleType

import pytest
import pytest_asyncio
from tests.clients import why

from patrongraph import db
from patrongraph.context import Actor, system_actor
from patrongraph.patrons import actions
from patrongraph.patrons.actions import StatusOutcome
from patrongraph.problems import Refused

ROWS = "SELECT id, status, version, status_changed_at FROM patron ORDER BY id"


async def add_patrons(code: str, count: int) -> tuple[Actor, list[int]]:
    library = await db.value("INSERT INTO library (code, name) VALUES ($1, $1) RETURNING id", code)
    made = await db.rows(
        "INSERT INTO patron (library_id, first_name, last_name, status_changed_at)"
        " SELECT $1, 'A', 'B' || n, '2020-01-01' FROM generate_series(1, $2::int) AS n RETURNING id",
        library,
        count,
    )
    return system_actor(library), sorted(row["id"] for row in made)


@pytest_asyncio.fixture
async def north(database: ModuleType) -> tuple[Actor, list[int]]:
    return await add_patrons("N", 3)


async def test_active_patrons_change_and_others_do_not(north) -> None:
    actor, ids = north
    await actions.deactivate(actor, ids[:1])
    outcome = await actions.deactivate(actor, [ids[1], ids[0], ids[1]])
    assert outcome == [StatusOutcome(ids[1], True), StatusOutcome(ids[0], False)]
    rows = await db.rows(ROWS)
    assert [(row["status"], row["version"]) for row in rows] == [
        ("INACTIVE", 2), ("INACTIVE", 2), ("ACTIVE", 1),
    ]  # fmt: skip
    assert rows[1]["status_changed_at"].year > 2020
    events = await db.rows("SELECT action, subject_kind, subject_id FROM audit_event ORDER BY id")
    assert [tuple(event) for event in events] == [
        ("patron.deactivate", "patron", ids[0]),
        ("patron.deactivate", "patron", ids[1]),
    ]


async def test_reactivation_undoes_it(north) -> None:
    actor, ids = north
    await actions.deactivate(actor, ids)
    assert await actions.reactivate(actor, ids[:2]) == [StatusOutcome(i, True) for i in ids[:2]]
    assert [row["status"] for row in await db.rows(ROWS)] == ["ACTIVE", "ACTIVE", "INACTIVE"]


async def refused(verb, actor: Actor, ids: list[int]):
    before = await db.rows(ROWS)
    with pytest.raises(Refused) as no:
        await verb(actor, ids)
    assert await db.rows(ROWS) == before
    assert await db.value("SELECT count(*) FROM audit_event") == 0
    return no.value.problem


async def test_foreign_and_unknown_ids_refuse_all(north) -> None:
    actor, ids = north
    _, theirs = await add_patrons("S", 1)
    foreign = await refused(actions.deactivate, actor, [*ids, *theirs])
    unknown = await refused(actions.deactivate, actor, [*ids, 999_999])
    assert foreign == unknown
    assert foreign.code == "NOT_FOUND"


async def test_none_and_too_many_are_refused(north) -> None:
    actor, _ = north
    none = await refused(actions.deactivate, actor, [])
    assert (none.code, why(none)) == ("INVALID_INPUT", [("REQUIRED", None)])
    problem = await refused(actions.deactivate, actor, list(range(1, 202)))
    assert (problem.code, problem.limit) == ("TOO_MANY", 200)


async def test_who_waits_for_the_purge_is_not_reactivated(north) -> None:
    actor, ids = north
    await db.rows("UPDATE patron SET status = 'PENDING_PURGE', purge_after = now() WHERE id = $1 RETURNING id", ids[0])
    waits = await refused(actions.reactivate, actor, ids)
    assert (waits.code, why(waits)) == ("INVALID_INPUT", [("NOT_ALLOWED", None)])
    assert (await actions.deactivate(actor, ids[:1])) == [StatusOutcome(ids[0], False)]
