"""A library has a code of its own in any spelling, and starts with the domain's policy."""

import asyncio
from decimal import Decimal
from types import ModuleType

import pytest

from patrongraph.libraries import actions, queries
from patrongraph.problems import Refused


async def test_starts_with_the_default_policy(database: ModuleType) -> None:
    library_id = await actions.create("NORTH", "  North   public library ")
    library = dict(await queries.by_id(library_id) or {})
    del library["created_at"]
    assert library == {
        "id": library_id, "code": "NORTH", "name": "North public library", "locale": "en", "currency": "USD",
        "block_level": None, "retain_deleted_patron_loans": True, "purge_waive_limit": Decimal("0.00"),
        "grace_days": 0, "max_purge_per_operation": 200, "export_ttl_hours": 72, "group_lead_access": False,
    }  # fmt: skip
    assert [dict(e) for e in await database.rows("SELECT library_id, action, subject_id FROM audit_event")] == [
        {"library_id": library_id, "action": "library.create", "subject_id": library_id}
    ]


async def test_is_found_by_code_in_any_case(database: ModuleType) -> None:
    library_id = await actions.create("Nörd-1", "Nörd", currency="SEK", block_level=Decimal(5))
    for code in ("Nörd-1", "nörd-1", "NÖRD-1"):
        found = await queries.by_code(code)
        assert found is not None
        assert (found["id"], found["currency"], found["block_level"]) == (library_id, "SEK", Decimal("5.00"))
    assert await queries.by_code("nord-1") is None
    assert await queries.by_code("N\x00") is None
    assert await queries.by_code("\ud800") is None


async def test_a_code_is_taken_in_any_spelling(database: ModuleType) -> None:
    await actions.create("NORTH", "North")
    with pytest.raises(Refused, match="already a library"):
        await actions.create("north", "Other")
    assert [dict(library) for library in await queries.all_libraries()] == [{"id": 1, "code": "NORTH", "name": "North"}]
    assert await database.value("SELECT count(*) FROM audit_event") == 1


async def test_of_two_at_once_one_is_refused(database: ModuleType) -> None:
    outcomes = await asyncio.gather(
        actions.create("NORTH", "One"), actions.create("north", "Two"), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Refused", "int"]
    assert await database.value("SELECT count(*) FROM library") == 1


@pytest.mark.parametrize(
    ("code", "name", "currency"),
    [("", "A", "USD"), ("a b", "A", "USD"), ("-", "A", "USD"), ("a" * 41, "A", "USD"), ("a\x00", "A", "USD"),
     ("A", " ", "USD"), ("A", "x" * 201, "USD"), ("A", "\ud800", "USD"), ("A", "A", "usd"),
     ("A", "A", "EURO")],
)  # fmt: skip
async def test_malformed_values_are_refused(database: ModuleType, code: str, name: str, currency: str) -> None:
    with pytest.raises(Refused):
        await actions.create(code, name, currency=currency)
    assert await database.value("SELECT count(*) FROM library") == 0
