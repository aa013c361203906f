"""Tokens are shown once, stored as their sha256, and end by expiry or revocation."""

import hashlib
from datetime import UTC, datetime, timedelta
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.clients import why

from patrongraph.permissions import Permission
from patrongraph.problems import ProblemCode, Refused
from patrongraph.staff import actions, queries, tokens

from .conftest import SignedIn, Town

VIEW, PURGE = Permission.PATRONS_VIEW, Permission.PATRONS_PURGE


async def test_only_the_digest_is_stored(database: ModuleType, north: Town, signed_in: SignedIn) -> None:
    anna = await signed_in(north)
    expires = datetime.now(UTC) + timedelta(days=1)
    token_id, plain = await actions.create_token(anna, " Monthly  reports ", [PURGE, VIEW], expires)
    assert plain.startswith("pg_")
    assert len(plain) == 41
    stored = dict(await database.row("SELECT * FROM api_token"))
    del stored["created_at"]
    assert stored == {
        "id": token_id, "library_id": north.library_id, "name": "Monthly reports",
        "token_sha256": hashlib.sha256(plain.encode()).hexdigest(),
        "permissions": ["PATRONS_VIEW", "PATRONS_PURGE"],
        "created_by_id": north.anna, "expires_at": expires, "revoked_at": None, "last_used_at": None,
    }  # fmt: skip
    event = await database.row("SELECT * FROM audit_event WHERE action = 'token.create'")
    assert (event["actor_id"], event["subject_kind"], event["subject_id"]) == (north.anna, "token", token_id)
    assert event["detail"] == '{"permissions": ["PATRONS_VIEW", "PATRONS_PURGE"]}'
    assert plain not in "".join(str(dict(row)) for row in await database.rows("SELECT * FROM audit_event"))


async def test_lists_states_of_one_library(database: ModuleType, north: Town, south: Town) -> None:
    for name in ("running", "expired", "revoked"):
        await actions.create_token(north.operator, name, [VIEW])
    await actions.create_token(south.operator, "theirs", [VIEW])
    await database.rows("UPDATE api_token SET expires_at = now() WHERE name = 'expired'")
    assert await actions.revoke_token(north.operator, 3)
    assert [(t["name"], t["state"]) for t in await queries.tokens(north.library_id)] == [
        ("running", "ACTIVE"), ("expired", "EXPIRED"), ("revoked", "REVOKED"),
    ]  # fmt: skip
    assert [t["library"] for t in await queries.tokens()] == ["NORTH", "NORTH", "NORTH", "SOUTH"]
    assert "token_sha256" not in (await queries.tokens())[0]


async def test_malformed_ones_are_not_made(database: ModuleType, north: Town) -> None:
    later = datetime.now(UTC) + timedelta(days=1)
    for name, permissions, expires, reason in (
        ("", [VIEW], None, ("REQUIRED", None)), ("x" * 101, [VIEW], None, ("TOO_LONG", 100)),
        ("a\x00", [VIEW], None, ("NOT_PRINTABLE", None)), ("none", [], None, ("REQUIRED", None)),
        ("past", [VIEW], datetime.now(UTC) - timedelta(seconds=1), ("IN_PAST", None)),
        ("naive", [VIEW], later.replace(tzinfo=None), ("IN_PAST", None)),
    ):  # fmt: skip
        with pytest.raises(Refused) as refused:
            await actions.create_token(north.operator, name, permissions, expires)
        assert refused.value.problem.code is ProblemCode.INVALID_INPUT
        assert why(refused.value.problem) == [reason]
    assert await database.value("SELECT count(*) FROM api_token") == 0
    assert await database.value("SELECT count(*) FROM audit_event WHERE action = 'token.create'") == 0


async def test_revoking_is_for_good_and_told_once(database: ModuleType, north: Town, south: Town) -> None:
    token_id, _ = await actions.create_token(north.operator, "reports", [VIEW])
    for actor, wanted in ((south.operator, token_id), (north.operator, 999)):
        with pytest.raises(Refused) as refused:
            await actions.revoke_token(actor, wanted)
        assert refused.value.problem.code is ProblemCode.NOT_FOUND
    assert await database.value("SELECT revoked_at FROM api_token") is None
    assert await actions.revoke_token(north.operator, token_id) is True
    at = await database.value("SELECT revoked_at FROM api_token")
    assert await actions.revoke_token(north.operator, token_id) is False
    assert await database.value("SELECT revoked_at FROM api_token") == at
    assert await database.value("SELECT count(*) FROM audit_event WHERE action = 'token.revoke'") == 1


def test_every_new_token_is_well_formed() -> None:
    made = {tokens.new_api_token() for _ in range(200)}
    assert len(made) == 200
    assert all(tokens.is_api_token(token) for token in made)


@given(st.data())
def test_one_wrong_character_is_noticed(data: st.DataObject) -> None:
    token = tokens.new_api_token()
    place = data.draw(st.integers(3, len(token) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda char: char != token[place]))
    assert not tokens.is_api_token(token[:place] + other + token[place + 1 :])


@given(st.text())
def test_no_other_text_is_a_token(text: str) -> None:
    assert not tokens.is_api_token(text)
    assert not tokens.is_api_token("pg_" + text)
