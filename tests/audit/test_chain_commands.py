"""`patrongraph audit`: verify with its exit code, seal, and heads to keep elsewhere."""

from types import ModuleType
from typing import Any

import orjson
import pytest
from tests.audit.tampering import head, note, sealed_trail, tamper
from tests.conftest import RunCli
from tests.town import Town, nothing_changes

from patrongraph.settings import Settings


async def test_a_trail_that_is_well(town: Town, other_town: Town, run_cli: RunCli) -> None:
    await sealed_trail(town, other_town, 3)
    await note(town)
    async with nothing_changes():
        plain = run_cli("audit", "verify")
        as_json = run_cli("audit", "verify", "--json", "--library", "north")
    assert (plain.returncode, plain.stdout, plain.stderr) == (
        0,
        "ok    NORTH: 3 events sealed, 1 not yet; head 3\nok    SOUTH: 3 events sealed, 0 not yet; head 3\n",
        "",
    )
    assert as_json.returncode == 0
    sequence, value = await head("NORTH")
    assert orjson.loads(as_json.stdout) == {
        "ok": True,
        "libraries": [
            {
                "library": "NORTH", "ok": True, "sealed": 3, "unsealed": 1,
                "head": {"sequence": sequence, "hash": value.hex()}, "counts": {}, "findings": [],
            }
        ],
    }  # fmt: skip


async def test_a_changed_event_ends_with_1(town: Town, other_town: Town, run_cli: RunCli, settings: Settings) -> None:
    ids = await sealed_trail(town, other_town, 3)
    await tamper(settings, f"UPDATE audit_event SET actor_id = 8 WHERE id = {ids[1]}")
    found = run_cli("audit", "verify")
    assert (found.returncode, found.stdout.splitlines()) == (
        1,
        [
            "wrong NORTH: 3 events sealed, 0 not yet; head 3",
            f"      EVENT_CHANGED sequence 2, event {ids[1]}: the event is not what was sealed",
            "ok    SOUTH: 3 events sealed, 0 not yet; head 3",
        ],
    )
    told = orjson.loads(run_cli("audit", "verify", "--json").stdout)
    assert told["ok"] is False
    assert told["libraries"][0]["counts"] == {"EVENT_CHANGED": 1}
    assert told["libraries"][0]["findings"] == [
        {"kind": "EVENT_CHANGED", "sequence": 2, "event_id": ids[1], "words": "the event is not what was sealed"}
    ]


async def test_seal_and_heads(town: Town, other_town: Town, run_cli: RunCli, settings: Settings) -> None:
    none = run_cli("audit", "head", "--library", "NORTH")
    assert none.stdout == f"NORTH:0:{'0' * 64}  nothing sealed yet\n"
    ids = [await note(town), await note(town)]
    assert run_cli("audit", "seal").stdout == "Sealed 2 events.\n"
    printed = run_cli("audit", "head").stdout.splitlines()
    north, south = (line.split("  ")[0] for line in printed)
    sequence, value = await head("NORTH")
    assert north == f"NORTH:{sequence}:{value.hex()}" == f"NORTH:2:{value.hex()}"
    [told] = orjson.loads(run_cli("audit", "head", "--json", "--library", "NORTH").stdout)
    assert printed[0].split("  ")[1] == told.pop("sealed_at")
    assert told == {"library": "NORTH", "sequence": 2, "hash": value.hex()}
    # What was printed is taken back as it is, also after more was sealed.
    await note(town)
    assert run_cli("audit", "seal").stdout == "Sealed 1 events.\n"
    well = run_cli("audit", "verify", "--head", north, "--head", south, "--head", none.stdout.split("  ")[0])
    assert well.returncode == 0
    cut = [f"DELETE FROM {table} WHERE {column} >= {ids[1]}" for table, column in
           (("audit_event", "id"), ("audit_seal", "event_id"))]  # fmt: skip
    await tamper(settings, *cut)
    found = run_cli("audit", "verify", "--library", "NORTH", "--head", north.removeprefix("NORTH:"))
    assert (found.returncode, "HEAD_MISSING sequence 2: " in found.stdout) == (1, True)


async def test_events_that_wait_too_long_end_with_1(town: Town, run_cli: RunCli) -> None:
    first = await note(town)
    assert run_cli("audit", "verify").returncode == 0
    late = run_cli("audit", "verify", "--minutes", "0")
    assert late.returncode == 1
    assert f"NOT_SEALED event {first}: 1 events have waited for a seal for more than 0 minutes" in late.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--library", "WEST"], "there is no library with the code 'WEST'"),
        (["--head", "NORTH:1:abc"], "is not like NORTH:120:"),
        (["--head", f"1:{'0' * 64}"], "does not say of which library"),
        (["--head", f"WEST:1:{'0' * 64}"], "there is no library west, whose head was given"),
        (["--library", "NORTH", "--head", f"SOUTH:1:{'0' * 64}"], "is not of the library NORTH"),
        (["--head", f"NORTH:1:{'0' * 64}", "--head", f"north:1:{'1' * 64}"], "have different hashes"),
    ],
)
async def test_what_cannot_be_asked_is_told(
    database: ModuleType, town: Town, run_cli: RunCli, arguments: list[str], words: str
) -> None:
    found = run_cli("audit", "verify", *arguments)
    assert found.returncode != 0
    assert words in " ".join(found.stderr.split())
    assert found.stdout == ""


@pytest.mark.parametrize("command", [["audit", "verify"], ["audit", "seal"]])
async def test_without_the_secret_key_nothing_is_sealed_or_judged(
    town: Town, run_cli: RunCli, command: list[Any]
) -> None:
    await note(town)
    async with nothing_changes():
        found = run_cli(*command, PATRONGRAPH_SECRET_KEY="")
    assert (found.returncode, found.stdout) == (1, "")
    assert "the audit chain needs PATRONGRAPH_SECRET_KEY, of at least 32 characters" in found.stderr
