"""setPatronPin through the API: kept as a hash that nobody reads, weak ones refused, the patron signed out."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.clients import Api, why
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.patrons.pins import verify_pins
from patrongraph.permissions import Permission

SET_PIN = """mutation($input: SetPatronPinInput!) { found: setPatronPin(input: $input) {
  __typename
  ... on SetPatronPinSuccess { patron { id version } }
  ... on Problem { code message }
  ... on InvalidInput { field fields { reason limit } }
} }"""

SESSION = """
INSERT INTO session (library_id, patron_id, token_sha256, expires_at, last_seen_at)
VALUES ($1, $2, md5($2::bigint::text) || md5('x'), now() + interval '1 hour', now()) RETURNING id
"""


async def set_pin(api: Api, token: str, patron: int, pin: str | None) -> Any:
    return (await api.data(SET_PIN, {"input": {"patronId": f"pat_{patron}", "pin": pin}}, token))["found"]


async def refused(api: Api, token: str, patron: int, pin: str | None) -> Any:
    async with nothing_changes():
        return await set_pin(api, token, patron, pin)


async def stored(patron: int) -> str | None:
    found: str | None = await db.value("SELECT pin_hash FROM patron_pin WHERE patron_id = $1", patron)
    return found


@pytest.mark.parametrize("pin", ["2580", "1235", "1122", "123456789013"])
async def test_a_pin_is_set_and_unlocks(api: Api, town: Town, pin: str) -> None:
    patron, other = await town.patrons(2)
    await db.rows("UPDATE patron_pin SET failed_attempts = 5, locked_until = now() + interval '1 hour' RETURNING 1")
    token = await town.token(Permission.PATRONS_EDIT)
    assert await set_pin(api, token, patron, pin) == {
        "__typename": "SetPatronPinSuccess",
        "patron": {"id": f"pat_{patron}", "version": 1},
    }
    kept = await stored(patron)
    assert kept is not None
    assert kept.startswith("$argon2id$")
    assert (await verify_pins(pin, [kept], 1))[0].right
    assert not (await verify_pins(pin + "0", [kept], 1))[0].right
    rows = await db.rows("SELECT failed_attempts, locked_until IS NULL AS free FROM patron_pin ORDER BY patron_id")
    assert [tuple(row) for row in rows] == [(0, True), (5, False)]
    assert await stored(other) == "hash"


async def test_the_same_pin_of_two_patrons_is_kept_as_two_hashes(api: Api, town: Town) -> None:
    ids = await town.patrons(2)
    token = await town.token()
    for each in ids:
        await set_pin(api, token, each, "2580")
    assert await stored(ids[0]) != await stored(ids[1])


async def test_a_patron_who_had_none_gets_one(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1)
    await db.rows("DELETE FROM patron_pin RETURNING 1")
    await set_pin(api, await town.token(), patron, "2580")
    assert await db.value("SELECT library_id FROM patron_pin WHERE patron_id = $1", patron) == town.id


async def test_null_takes_the_pin_away_and_again_is_no_change(api: Api, town: Town) -> None:
    patron, other = await town.patrons(2)
    token = await town.token()
    assert (await set_pin(api, token, patron, None))["__typename"] == "SetPatronPinSuccess"
    assert (await stored(patron), await stored(other)) == (None, "hash")
    again = await refused(api, token, patron, None)
    assert again["__typename"] == "SetPatronPinSuccess"


async def test_the_patron_is_signed_out_everywhere_and_nobody_else_is(api: Api, town: Town) -> None:
    ids = await town.patrons(3)
    for each in ids:
        await db.rows(SESSION, town.id, each)
    token = await town.token()
    await set_pin(api, token, ids[0], "2580")
    assert [row["patron_id"] for row in await db.rows("SELECT patron_id FROM session")] == ids[1:]
    await set_pin(api, token, ids[1], None)
    assert [row["patron_id"] for row in await db.rows("SELECT patron_id FROM session")] == ids[2:]
    found = await db.rows(
        "SELECT subject_kind, subject_id, detail FROM audit_event WHERE action = 'patron.set_pin' ORDER BY id"
    )
    assert [(row[0], row[1], json.loads(row[2])) for row in found] == [
        ("patron", ids[0], {"removed": False, "sessions": 1}),
        ("patron", ids[1], {"removed": True, "sessions": 1}),
    ]


@pytest.mark.parametrize(
    ("pin", "reason"),
    [
        ("", ("TOO_SHORT", 4)), ("123", ("TOO_SHORT", 4)), ("1234567890123", ("TOO_LONG", 12)),
        *[(pin, ("NOT_DIGITS", None))
          for pin in ("25a0", "25 80", " 2580", "2580 ", "2580\n", "٢٥٨٠", "2.50", "-258")],
        *[(pin, ("GUESSABLE", None))
          for pin in ("0000", "999999999999", "1234", "0123", "4321", "9876543210", "7890", "0987")],
    ],
)  # fmt: skip
async def test_a_pin_that_is_none_or_soon_guessed_is_refused(
    api: Api, town: Town, pin: str, reason: tuple[str, int | None]
) -> None:
    [patron] = await town.patrons(1)
    await db.rows(SESSION, town.id, patron)
    found = await refused(api, await town.token(), patron, pin)
    assert (found["code"], found["field"], why(found)) == ("INVALID_INPUT", "input.pin", [reason])
    assert not pin.strip() or pin not in found["message"]


async def test_another_librarys_patron_is_as_unknown_as_one_that_never_was(
    api: Api, town: Town, other_town: Town
) -> None:
    [theirs] = await other_town.patrons(1)
    token = await town.token()
    for pin in ("2580", None):
        unknown = await refused(api, token, 999_999, pin)
        assert unknown["code"] == "NOT_FOUND"
        assert await refused(api, token, theirs, pin) == unknown


async def test_without_the_permission_nothing_happens(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1)
    variables = {"input": {"patronId": f"pat_{patron}", "pin": "2580"}}
    token = await town.token(*(frozenset(Permission) - {Permission.PATRONS_EDIT}))
    async with nothing_changes():
        assert await api.refused(SET_PIN, variables, token) == ["FORBIDDEN"]
        assert await api.refused(SET_PIN, variables) == ["UNAUTHENTICATED"]


async def test_a_pin_that_is_left_out_takes_nothing_away(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1)
    token = await town.token()
    async with nothing_changes():
        found = (await api.data(SET_PIN, {"input": {"patronId": f"pat_{patron}"}}, token))["found"]
        assert (found["code"], found["field"], why(found)) == ("INVALID_INPUT", "input.pin", [("REQUIRED", None)])
        assert await api.refused(SET_PIN, {"input": {"pin": "2580"}}, token) == ["BAD_VARIABLES"]
        assert await api.refused(SET_PIN, {"input": {"patronId": f"pat_{patron}", "pin": 2580}}, token) == [
            "BAD_VARIABLES"
        ]


async def test_the_pin_is_in_no_table_and_in_no_log(api: Api, town: Town, api_log: Path) -> None:
    [patron] = await town.patrons(1)
    token = await town.token()
    pin = "740291836455"
    await set_pin(api, token, patron, pin)
    await refused(api, token, 999_999, pin)
    tables = await db.rows("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
    for table in tables:
        sql = f"SELECT count(*) FROM {table['relname']} t WHERE to_jsonb(t)::text LIKE '%' || $1 || '%'"
        assert await db.value(sql, pin) == 0
    assert pin not in api_log.read_text()
