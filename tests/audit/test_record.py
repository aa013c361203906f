"""An event stands or falls with its transaction, takes counts and codes only, and is never changed."""

from decimal import Decimal
from types import ModuleType

import asyncpg
import orjson
import pytest
import pytest_asyncio

from patrongraph.audit import queries
from patrongraph.audit.actions import record, record_many
from patrongraph.context import ANONYMOUS, Actor, ActorKind, system_actor
from patrongraph.libraries import actions as libraries


@pytest_asyncio.fixture
async def operator(database: ModuleType) -> Actor:
    return system_actor(await libraries.create("NORTH", "North"))


async def _count(database: ModuleType) -> int:
    return await database.value("SELECT count(*) FROM audit_event WHERE action <> 'library.create'")


async def test_one_event_with_counts_and_codes(database: ModuleType, operator: Actor) -> None:
    staff = Actor(ActorKind.STAFF, 7, operator.library_id)
    detail = {
        "done": 3,
        "waived": Decimal("2.50"),
        "dry_run": False,
        "codes": ["OPEN_LOANS"],
        "rows": {"loan": 12},
    }
    async with database.transaction():
        event_id = await record(staff, "purge.chunk", ("patron", 12), job_id=9, **detail)
    event = dict(
        await database.row(
            "SELECT *, now() - at < interval '1 hour' AS recent FROM audit_event WHERE id = $1", event_id
        )
    )
    assert event.pop("recent")
    del event["at"]
    assert orjson.loads(event.pop("detail")) == {
        "done": 3, "waived": "2.50", "dry_run": False, "codes": ["OPEN_LOANS"], "rows": {"loan": 12},
    }  # fmt: skip
    assert event == {
        "id": event_id, "library_id": operator.library_id, "actor_kind": "STAFF", "actor_id": 7,
        "action": "purge.chunk", "subject_kind": "patron", "subject_id": 12, "job_id": 9,
    }  # fmt: skip


async def test_many_events_in_order(database: ModuleType, operator: Actor) -> None:
    async with database.transaction():
        assert await record_many(operator, "patron.deactivate", "patron", [30, 10, 20], done=1) == 3
    found = await queries.events(operator.library, first=3)
    first = found[2]["id"]
    assert [(event["id"], event["subject_id"]) for event in found] == [(first + 2, 20), (first + 1, 10), (first, 30)]
    assert {event["actor_kind"] for event in found} == {"SYSTEM"}


async def test_no_events_for_no_subjects(database: ModuleType, operator: Actor) -> None:
    async with database.transaction():
        assert await record_many(operator, "patron.deactivate", "patron", []) == 0
    assert await _count(database) == 0


async def test_rolls_back_with_its_transaction(database: ModuleType, operator: Actor) -> None:
    async def fails() -> None:
        async with database.transaction():
            await record(operator, "patron.deactivate", ("patron", 1))
            raise LookupError

    with pytest.raises(LookupError):
        await fails()
    assert await _count(database) == 0


async def test_needs_a_transaction(database: ModuleType, operator: Actor) -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        await record(operator, "patron.deactivate")
    assert await _count(database) == 0


@pytest.mark.parametrize(
    "value",
    [
        "Shannon",
        "shannon@example.org",
        "1809 Target Way",
        b"x",
        1.5,
        {"a b": 1},
        ["ok"],
        {"codes": ["Brooks"]},
    ],
)
async def test_refuses_what_could_be_personal(database: ModuleType, operator: Actor, value: object) -> None:
    async with database.transaction():
        with pytest.raises(ValueError, match="audit detail") as refused:
            await record(operator, "patron.deactivate", detail=value)
    assert str(value) not in str(refused.value)
    assert await _count(database) == 0


@pytest.mark.parametrize("action", ["deactivate", "Patron.Deactivate", "patron deactivate", "a." + "b" * 60])
async def test_refuses_a_malformed_action(database: ModuleType, operator: Actor, action: str) -> None:
    async with database.transaction():
        with pytest.raises(ValueError, match="audit action"):
            await record(operator, action)
    assert await _count(database) == 0


async def test_refuses_a_stranger(database: ModuleType, operator: Actor) -> None:
    async with database.transaction():
        with pytest.raises(ValueError, match="known actor"):
            await record(ANONYMOUS, "patron.deactivate")
    assert await _count(database) == 0


async def test_events_of_one_library_and_one_subject(database: ModuleType, operator: Actor) -> None:
    other = system_actor(await libraries.create("SOUTH", "South"))
    async with database.transaction():
        for actor, patron in ((operator, 1), (other, 1), (operator, 2), (operator, 1)):
            await record(actor, "patron.deactivate", ("patron", patron))
    about = await queries.events(operator.library, subject=("patron", 1))
    assert [event["subject_id"] for event in about] == [1, 1]
    page = await queries.events(operator.library, first=2)
    rest = await queries.events(operator.library, before=page[-1]["id"])
    assert [e["action"] for e in [*page, *rest]] == ["patron.deactivate"] * 3 + ["library.create"]


@pytest.mark.parametrize(
    "change", ["UPDATE audit_event SET actor_id = 1", "DELETE FROM audit_event", "TRUNCATE audit_event"]
)
async def test_nothing_changes_an_event(database: ModuleType, operator: Actor, change: str) -> None:
    before = await queries.events(operator.library)
    with pytest.raises(asyncpg.PostgresError, match="append-only"):
        await database.rows(change)
    assert await queries.events(operator.library) == before
