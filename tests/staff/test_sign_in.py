"""Signing in: one refusal for every failure, a lock after five, only the digest of a session is stored."""

import asyncio
import hashlib
from types import ModuleType

import pytest
from argon2 import PasswordHasher

from patrongraph.context import ActorKind
from patrongraph.permissions import ALL_PERMISSIONS
from patrongraph.problems import ProblemCode, Refused
from patrongraph.staff import actions, identify, passwords

from .conftest import PASSWORD, SignedIn, Town

LOCK_STATE = "SELECT failed_attempts, locked_until > now() AS locked FROM staff_user WHERE id = $1"


async def _refusal(username: str, password: str, code: str | None) -> tuple[ProblemCode, str]:
    with pytest.raises(Refused) as refused:
        await actions.sign_in(username, password, code)
    return refused.value.problem.code, refused.value.problem.message


async def _events(database: ModuleType, town: Town) -> list[tuple[str, str]]:
    found = await database.rows(
        "SELECT actor_kind, action FROM audit_event WHERE library_id = $1 AND id > "
        "(SELECT max(id) FROM audit_event WHERE action = 'staff.create' AND library_id = $1) ORDER BY id",
        town.library_id,
    )
    return [(event["actor_kind"], event["action"]) for event in found]


async def test_opens_a_session(database: ModuleType, north: Town) -> None:
    token = await actions.sign_in("anna", PASSWORD, "NORTH")
    assert len(token) == 43
    session = await database.row(
        "SELECT *, expires_at - created_at = interval '12 hours' AS half_a_day, "
        "reauthenticated_at = created_at AS proven FROM session"
    )
    assert session["token_sha256"] == hashlib.sha256(token.encode()).hexdigest()
    assert (session["staff_user_id"], session["library_id"], session["patron_id"]) == (
        north.anna,
        north.library_id,
        None,
    )
    assert (session["half_a_day"], session["proven"]) == (True, True)
    actor = await identify.identify(session_token=token, authorization=None)
    assert (actor.kind, actor.id, actor.library_id) == (ActorKind.STAFF, north.anna, north.library_id)
    assert (actor.permissions, actor.session_id) == (ALL_PERMISSIONS, session["id"])
    assert await _events(database, north) == [("STAFF", "session.open")]
    assert await database.value("SELECT last_signed_in_at IS NOT NULL FROM staff_user WHERE id = $1", north.anna)


@pytest.mark.parametrize(("username", "code"), [("ANNA", "north"), (" anna ", " NORTH "), ("Anna", None), ("anna", "")])
async def test_case_and_surrounding_space_do_not_matter(north: Town, username: str, code: str | None) -> None:
    actor = await identify.identify(session_token=await actions.sign_in(username, PASSWORD, code), authorization=None)
    assert actor.id == north.anna


async def test_asks_for_the_library_when_two_know_the_username(database: ModuleType, north: Town, south: Town) -> None:
    code, _ = await _refusal("anna", PASSWORD, None)
    assert code is ProblemCode.LIBRARY_REQUIRED
    assert await database.value("SELECT count(*) FROM session") == 0
    for town in (north, south):
        actor = await identify.identify(
            session_token=await actions.sign_in("anna", PASSWORD, town.code), authorization=None
        )
        assert (actor.id, actor.library_id) == (town.anna, town.library_id)


async def test_every_failure_gets_the_same_answer(database: ModuleType, north: Town, south: Town) -> None:
    disabled = await actions.create_staff(north.operator, "ben", PASSWORD, permissions=ALL_PERMISSIONS)
    await actions.set_active(north.operator, disabled, False)
    await actions.create_staff(south.operator, "only-south", PASSWORD, permissions=ALL_PERMISSIONS)
    for _ in range(5):
        await _refusal("anna", "wrong password", "SOUTH")
    answers = {
        await _refusal("anna", "wrong password", "NORTH"),
        await _refusal("anna", "", "NORTH"),
        await _refusal("anna", "\ud800\x00", "NORTH"),
        await _refusal("anna", "x" * 100_000, "NORTH"),
        await _refusal("anna", PASSWORD, "SOUTH"),  # locked
        await _refusal("ben", PASSWORD, "NORTH"),  # disabled
        await _refusal("ben", PASSWORD, None),
        await _refusal("only-south", PASSWORD, "NORTH"),
        await _refusal("nobody", PASSWORD, "NORTH"),
        await _refusal("nobody", PASSWORD, None),
        await _refusal("nobody\x00", PASSWORD, None),
        await _refusal("\ud800", PASSWORD, "\ud800"),
        await _refusal("anna", PASSWORD, "NOWHERE"),
    }
    assert answers == {
        (
            ProblemCode.SIGN_IN_FAILED,
            "The username or the password is wrong, or the account is locked. "
            "5 wrong passwords in a row lock an account for 15 minutes. "
            "Where several libraries use this service, give the library's code too.",
        )
    }
    assert await database.value("SELECT count(*) FROM session") == 0


async def test_an_unknown_user_costs_one_verification_too(north: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:
            compared.append(str(hash).rsplit("$", 2)[0])
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "HASHER", Counting(time_cost=2, memory_cost=19_456, parallelism=1))
    await _refusal("nobody", "wrong password", "NORTH")
    await _refusal("anna", "wrong password", "NORTH")
    assert compared == ["$argon2id$v=19$m=19456,t=2,p=1"] * 2


async def test_five_failures_lock_for_fifteen_minutes(database: ModuleType, north: Town, south: Town) -> None:
    for attempt in range(1, 6):
        await _refusal("anna", "wrong password", "NORTH")
        state = await database.row(LOCK_STATE, north.anna)
        assert (state["failed_attempts"], bool(state["locked"])) == (attempt, attempt == 5)
    assert await database.value(
        "SELECT locked_until - now() BETWEEN interval '14 minutes' AND interval '15 minutes' "
        "FROM staff_user WHERE id = $1",
        north.anna,
    )
    await _refusal("anna", PASSWORD, "NORTH")
    await _refusal("anna", "wrong password", "NORTH")
    assert (await database.row(LOCK_STATE, north.anna))["failed_attempts"] == 5
    assert await _events(database, north) == [("SYSTEM", "staff.wrong_password")] * 4 + [("SYSTEM", "staff.lock")]
    assert await actions.sign_in("anna", PASSWORD, "SOUTH")

    await database.rows("UPDATE staff_user SET locked_until = now() - interval '1 second' WHERE id = $1", north.anna)
    await _refusal("anna", "wrong password", "NORTH")
    assert tuple(await database.row(LOCK_STATE, north.anna)) == (1, None)
    assert await actions.sign_in("anna", PASSWORD, "NORTH")
    assert tuple(await database.row(LOCK_STATE, north.anna)) == (0, None)


async def test_guesses_side_by_side_are_counted_one_after_another(database: ModuleType, north: Town) -> None:
    guesses = [actions.sign_in("anna", f"wrong password {n}", "NORTH") for n in range(12)]
    outcomes = await asyncio.gather(*guesses, return_exceptions=True)
    assert all(isinstance(outcome, Refused) for outcome in outcomes)
    assert tuple(await database.row(LOCK_STATE, north.anna)) == (5, True)
    assert (await _events(database, north)).count(("SYSTEM", "staff.wrong_password")) == 4


async def test_a_flood_is_refused_and_leaves_no_trace(database: ModuleType, north: Town) -> None:
    guesses = [actions.sign_in("nobody", f"wrong password {n}", "NORTH") for n in range(130)]
    outcomes = await asyncio.gather(*guesses, return_exceptions=True)
    codes = [outcome.problem.code for outcome in outcomes if isinstance(outcome, Refused)]
    assert len(codes) == 130
    assert set(codes) == {ProblemCode.SIGN_IN_FAILED, ProblemCode.TOO_MANY}
    assert await actions.sign_in("anna", PASSWORD, "NORTH")


async def test_an_older_hash_is_renewed(database: ModuleType, north: Town) -> None:
    older = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash(PASSWORD)
    await database.rows("UPDATE staff_user SET password_hash = $2 WHERE id = $1", north.anna, older)
    await _refusal("anna", "wrong password", "NORTH")
    read = "SELECT password_hash FROM staff_user WHERE id = $1"
    assert await database.value(read, north.anna) == older
    await actions.sign_in("anna", PASSWORD, "NORTH")
    renewed = await database.value(read, north.anna)
    assert renewed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    await actions.sign_in("anna", PASSWORD, "NORTH")
    assert await database.value(read, north.anna) == renewed


async def test_composed_and_decomposed_letters_are_the_same_password(north: Town) -> None:
    await actions.create_staff(north.operator, "åsa", "bl\u00e5b\u00e4rssoppa", permissions=ALL_PERMISSIONS)
    assert await actions.sign_in("åsa", "bla\u030aba\u0308rssoppa", "NORTH")


async def test_is_not_called_inside_a_transaction(database: ModuleType, north: Town) -> None:
    async with database.transaction():
        with pytest.raises(RuntimeError, match="own transaction"):
            await actions.sign_in("anna", PASSWORD, "NORTH")


async def test_signing_out_ends_that_session_only(database: ModuleType, north: Town, signed_in: SignedIn) -> None:
    here, there = await signed_in(north), await signed_in(north)
    assert await actions.sign_out(here) is True
    assert await identify.still_valid(here) is None
    assert await identify.still_valid(there) == there
    assert await actions.sign_out(here) is False
    assert await actions.sign_out(north.operator) is False
    assert await database.value("SELECT count(*) FROM session") == 1
    assert (await _events(database, north))[-1] == ("STAFF", "session.close")


async def test_expired_sessions_are_removed(database: ModuleType, north: Town, signed_in: SignedIn) -> None:
    old, current = await signed_in(north), await signed_in(north)
    await database.rows("UPDATE session SET expires_at = now() WHERE id = $1", old.session_id)
    assert await actions.delete_expired_sessions() == 1
    assert [row["id"] for row in await database.rows("SELECT id FROM session")] == [current.session_id]
