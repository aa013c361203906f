"""Verifying names what was changed, dropped, moved or added, and leaves other libraries' chains alone."""

from collections.abc import AsyncIterator
from types import ModuleType

import pytest
import pytest_asyncio
from pydantic import SecretStr
from tests.audit.tampering import head, note, sealed_trail, seals, tamper, told, verified
from tests.town import Town

from patrongraph.audit import chain
from patrongraph.audit.sealing import seal_all
from patrongraph.settings import Settings, use_settings

COLUMNS = "SELECT column_name FROM information_schema.columns WHERE table_name = 'audit_event'"


@pytest_asyncio.fixture
async def trail(town: Town, other_town: Town) -> AsyncIterator[list[int]]:
    """Ids of NORTH's six sealed events; SOUTH's chain is well before and after, whatever the test does to NORTH's."""
    ids = await sealed_trail(town, other_town)
    for code in ("NORTH", "SOUTH"):
        assert (await verified(code)).well
    yield ids
    south = await verified("SOUTH")
    assert (told(south), south.sealed) == ([], 6)


async def test_every_column_is_sealed(database: ModuleType) -> None:
    assert {row["column_name"] for row in await database.rows(COLUMNS)} == set(chain.EVENT_COLUMNS)


CHANGES = {
    "library_id": "library_id = (SELECT id FROM library WHERE code = 'SOUTH')",
    "at": "at = at + interval '1 microsecond'",
    "actor_kind": "actor_kind = 'TOKEN'",
    "actor_id": "actor_id = 8",
    "action": "action = 'patron.unblock'",
    "subject_kind": "subject_kind = 'group'",
    "subject_id": "subject_id = 999",
    "job_id": "job_id = 4",
    "detail": "detail = jsonb_set(detail, '{n}', '3')",
}
OTHERS = {
    "far": "at = '20000-01-01 00:00+00'",
    "never": "at = 'infinity'",
    "nobody": "actor_id = NULL",
    "nothing": "subject_kind = NULL, subject_id = NULL",
    "no job": "job_id = NULL",
    "a number's form": "detail = jsonb_set(detail, '{n}', '2.0')",
    "a number's kind": """detail = jsonb_set(detail, '{n}', '"2"')""",
    "more detail": """detail = detail || '{"more": null}'""",
    "no detail": "detail = '{}'",
    "columns exchanged": "actor_id = subject_id, subject_id = actor_id",
}


def test_every_column_is_changed_below() -> None:
    assert set(CHANGES) == set(chain.EVENT_COLUMNS) - {"id"}


@pytest.mark.parametrize("change", [*CHANGES, *OTHERS])
async def test_a_changed_event_is_named(trail: list[int], settings: Settings, change: str) -> None:
    for place in (0, 2, 5):
        await tamper(settings, f"UPDATE audit_event SET {(CHANGES | OTHERS)[change]} WHERE id = {trail[place]}")
    found = told(await verified("NORTH"))
    assert found == [("EVENT_CHANGED", place + 1, trail[place]) for place in (0, 2, 5)]


async def test_a_changed_number_of_an_event_is_one_missing_and_one_added(trail: list[int], settings: Settings) -> None:
    await tamper(settings, f"UPDATE audit_event SET id = 5000 WHERE id = {trail[2]}")
    found = told(await verified("NORTH", minutes=0))
    assert found == [("EVENT_MISSING", 3, trail[2]), ("NOT_SEALED", None, 5000)]


@pytest.mark.parametrize("place", [0, 3, 5])
async def test_a_deleted_event_is_named(trail: list[int], settings: Settings, place: int) -> None:
    await tamper(settings, f"DELETE FROM audit_event WHERE id = {trail[place]}")
    assert told(await verified("NORTH")) == [("EVENT_MISSING", place + 1, trail[place])]


async def test_two_events_that_change_places_are_named(trail: list[int], settings: Settings) -> None:
    await tamper(
        settings,
        f"""UPDATE audit_event SET subject_id = other.subject_id, detail = other.detail, at = other.at
        FROM audit_event other
        WHERE (audit_event.id, other.id) IN (({trail[1]}, {trail[3]}), ({trail[3]}, {trail[1]}))""",
    )
    found = told(await verified("NORTH"))
    assert found == [("EVENT_CHANGED", 2, trail[1]), ("EVENT_CHANGED", 4, trail[3])]


async def test_two_seals_that_change_places_are_named(trail: list[int], settings: Settings) -> None:
    """With the seal after each: it was linked to what stood there before."""
    await tamper(
        settings,
        f"UPDATE audit_seal SET sequence = 900 WHERE event_id = {trail[1]}",
        f"UPDATE audit_seal SET sequence = 2 WHERE event_id = {trail[3]}",
        f"UPDATE audit_seal SET sequence = 4 WHERE event_id = {trail[1]}",
    )
    found = told(await verified("NORTH"))
    assert found == [
        ("SEAL_CHANGED", 2, trail[3]), ("SEAL_CHANGED", 3, trail[2]),
        ("SEAL_CHANGED", 4, trail[1]), ("SEAL_CHANGED", 5, trail[4]),
    ]  # fmt: skip


async def test_an_event_put_in_without_a_seal_is_seen(trail: list[int], settings: Settings) -> None:
    await tamper(
        settings,
        "INSERT INTO audit_event (id, library_id, at, actor_kind, action)"
        f" SELECT 5000, library_id, at - interval '1 hour', 'SYSTEM', 'x.y' FROM audit_event WHERE id = {trail[2]}",
    )
    assert told(await verified("NORTH")) == [("NOT_SEALED", None, 5000)]


async def test_an_event_put_in_with_a_seal_is_named(trail: list[int], settings: Settings) -> None:
    await tamper(
        settings,
        "INSERT INTO audit_event (id, library_id, actor_kind, action)"
        f" SELECT 5000, library_id, 'SYSTEM', 'x.y' FROM audit_event WHERE id = {trail[2]}",
        f"UPDATE audit_seal SET sequence = sequence + 100 WHERE event_id >= {trail[2]}"
        f" AND library_id = (SELECT library_id FROM audit_event WHERE id = {trail[2]})",
        "UPDATE audit_seal SET sequence = sequence - 99 WHERE sequence > 100",
        "INSERT INTO audit_seal (event_id, library_id, sequence, sealed_at, key_id, digest, hash)"
        " SELECT 5000, library_id, 3, sealed_at, key_id, sha256('x'), sha256('y')"
        f" FROM audit_seal WHERE event_id = {trail[2]}",
    )
    found = told(await verified("NORTH"))
    assert found[:2] == [("EVENT_CHANGED", 3, 5000), ("SEAL_CHANGED", 3, 5000)]
    # Those after it stand at another number than the one that was sealed.
    assert found[2:] == [("SEAL_CHANGED", place, trail[place - 2]) for place in range(4, 8)]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ("hash = sha256('x')", "SEAL_CHANGED"),
        ("digest = sha256('x')", "SEAL_CHANGED"),
        ("digest = '', hash = digest", "SEAL_CHANGED"),
        ("sealed_at = sealed_at + interval '1 microsecond'", "SEAL_CHANGED"),
        ("key_id = 'ffffffff'", "KEY_UNKNOWN"),
    ],
)
async def test_a_changed_seal_is_named(trail: list[int], settings: Settings, change: str, kind: str) -> None:
    for place in (0, 2, 5):
        await tamper(settings, f"UPDATE audit_seal SET {change} WHERE event_id = {trail[place]}")
    found = told(await verified("NORTH"))
    assert {row[1:] for row in found} == {(place + 1, trail[place]) for place in (0, 2, 5)}
    assert kind in {row[0] for row in found}


async def test_a_seal_that_names_another_event_is_named(trail: list[int], settings: Settings) -> None:
    await tamper(settings, f"UPDATE audit_seal SET event_id = 5000 WHERE event_id = {trail[2]}")
    found = told(await verified("NORTH", minutes=0))
    assert found == [("EVENT_MISSING", 3, 5000), ("NOT_SEALED", None, trail[2])]


async def test_dropped_seals_are_a_gap(trail: list[int], settings: Settings) -> None:
    await tamper(settings, f"DELETE FROM audit_seal WHERE event_id IN ({trail[1]}, {trail[2]})")
    report = await verified("NORTH", minutes=0)
    assert told(report) == [("SEAL_MISSING", 2, None), ("NOT_SEALED", None, trail[1])]
    assert [finding.words for finding in report.findings] == [
        "no seal at 2 to 3",
        "2 events have waited for a seal for more than 0 minutes",
    ]
    assert report.unsealed == 2


async def test_the_first_seals_dropped_with_their_events_are_a_gap(trail: list[int], settings: Settings) -> None:
    await tamper(
        settings,
        f"DELETE FROM audit_event WHERE id IN ({trail[0]}, {trail[1]})",
        f"DELETE FROM audit_seal WHERE event_id IN ({trail[0]}, {trail[1]})",
    )
    assert told(await verified("NORTH")) == [("SEAL_MISSING", 1, None)]


async def test_an_end_cut_off_is_seen_with_a_head_only(
    trail: list[int], town: Town, database: ModuleType, settings: Settings
) -> None:
    """Without a head nothing tells: the rest is a chain as it was before. So heads are kept elsewhere."""
    sequence, newest = await head("NORTH")
    second = bytes((await seals(database, town.id))[1]["hash"])
    heads = {0: chain.FIRST, 2: second, sequence: newest}
    assert told(await verified("NORTH", heads)) == []
    for table, column in (("audit_event", "id"), ("audit_seal", "event_id")):
        await tamper(settings, f"DELETE FROM {table} WHERE {column} IN ({trail[4]}, {trail[5]})")
    assert told(await verified("NORTH")) == []
    assert told(await verified("NORTH", heads)) == [("HEAD_MISSING", 6, None)]
    # What is done afterwards fills the places, but not with the same hash.
    await note(town)
    await note(town)
    assert await seal_all() == 2
    assert told(await verified("NORTH")) == []
    assert told(await verified("NORTH", heads)) == [("HEAD_CHANGED", 6, None)]
    assert told(await verified("NORTH", {2: second})) == []


async def test_both_tables_emptied_is_seen_with_a_head_only(trail: list[int], town: Town, settings: Settings) -> None:
    sequence, newest = await head("NORTH")
    await tamper(
        settings,
        f"DELETE FROM audit_event WHERE library_id = {town.id}",
        f"DELETE FROM audit_seal WHERE library_id = {town.id}",
    )
    assert told(await verified("NORTH")) == []
    assert told(await verified("NORTH", {sequence: newest})) == [("HEAD_MISSING", 6, None)]


async def test_a_chain_made_anew_without_the_key_is_seen(trail: list[int], town: Town, settings: Settings) -> None:
    await tamper(
        settings,
        f"UPDATE audit_event SET subject_id = 1 WHERE id = {trail[1]}",
        f"DELETE FROM audit_seal WHERE library_id = {town.id}",
    )
    use_settings(settings.model_copy(update={"secret_key": SecretStr("a guess of somebody who has the tables only")}))
    assert await seal_all() == 6
    use_settings(settings)
    assert told(await verified("NORTH")) == [("KEY_UNKNOWN", n + 1, trail[n]) for n in range(6)]
    # The number of the key tells nothing: with the right one on them these seals are still not right.
    key = chain.keyring(settings).current.id
    await tamper(settings, f"UPDATE audit_seal SET key_id = '{key}'")
    found = told(await verified("NORTH"))
    assert next(row[1:] for row in found if row[0] == "SEAL_CHANGED") == (1, trail[0])
    assert [row[1:] for row in found if row[0] == "EVENT_CHANGED"] == [(n + 1, trail[n]) for n in range(6)]


async def test_earlier_keys_verify_what_they_sealed(trail: list[int], town: Town, settings: Settings) -> None:
    old = settings.secret_key.get_secret_value()
    alone = settings.model_copy(update={"secret_key": SecretStr("the second secret, as long as the first one")})
    both = alone.model_copy(update={"audit_keys": SecretStr(f"some even older secret of 32 letters\n{old}\n")})
    added = await note(town)
    use_settings(both)
    assert await seal_all() == 1
    for code in ("NORTH", "SOUTH"):
        assert told(await verified(code, settings=both)) == []
    assert told(await verified("NORTH", settings=alone)) == [("KEY_UNKNOWN", n + 1, trail[n]) for n in range(6)]
    # The new key's seal is linked to the old ones: they cannot be changed by somebody who has the old key.
    assert told(await verified("NORTH", settings=settings)) == [("KEY_UNKNOWN", 7, added)]
    use_settings(settings)


async def test_a_chain_longer_than_a_page(database: ModuleType, town: Town, settings: Settings) -> None:
    await database.rows(
        "INSERT INTO audit_event (library_id, actor_kind, action, detail)"
        " SELECT $1, 'SYSTEM', 'a.b', '{}' FROM generate_series(1, 12000)",
        town.id,
    )
    first = await database.value("SELECT min(id) FROM audit_event")
    assert await seal_all() == 12_000
    report = await verified("NORTH")
    assert (told(report), report.sealed, report.sequence) == ([], 12_000, 12_000)
    await tamper(settings, f"UPDATE audit_event SET action = 'a.c' WHERE id IN ({first + 4_999}, {first + 5_000})")
    found = told(await verified("NORTH"))
    assert found == [("EVENT_CHANGED", 5_000, first + 4_999), ("EVENT_CHANGED", 5_001, first + 5_000)]


async def test_very_many_findings_are_counted(database: ModuleType, town: Town, settings: Settings) -> None:
    await database.rows(
        "INSERT INTO audit_event (library_id, actor_kind, action, detail)"
        " SELECT $1, 'SYSTEM', 'a.b', '{}' FROM generate_series(1, 1500)",
        town.id,
    )
    await seal_all()
    await tamper(settings, "UPDATE audit_event SET action = 'a.c'")
    report = await verified("NORTH")
    assert (len(report.findings), report.counts.total()) == (1_000, 1_500)
