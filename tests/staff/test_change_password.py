"""A password is changed by who knows it or by the operator; the new one must not be guessable."""

from types import ModuleType

import pytest
from tests.clients import why

from patrongraph.permissions import ALL_PERMISSIONS
from patrongraph.problems import InvalidInput, ProblemCode, Refused
from patrongraph.staff import actions, identify, passwords

from .conftest import PASSWORD, SignedIn, Town

NEW = "eleven loud geese"
HASH = "SELECT password_hash FROM staff_user WHERE id = $1"


async def test_ends_the_other_sessions(database: ModuleType, north: Town, signed_in: SignedIn) -> None:
    here, there = await signed_in(north), await signed_in(north)
    await actions.change_password(here, PASSWORD, NEW)
    assert await identify.still_valid(here) == here
    assert await identify.still_valid(there) is None
    with pytest.raises(Refused):
        await actions.sign_in("anna", PASSWORD, "NORTH")
    assert await actions.sign_in("anna", NEW, "NORTH")
    event = await database.row("SELECT * FROM audit_event WHERE action = 'staff.change_password'")
    assert (event["actor_kind"], event["actor_id"], event["subject_id"]) == ("STAFF", north.anna, north.anna)
    assert event["detail"] == '{"sessions_ended": 1}'


async def test_a_wrong_current_one_changes_nothing_and_counts(
    database: ModuleType, north: Town, signed_in: SignedIn
) -> None:
    actor = await signed_in(north)
    before = await database.value(HASH, north.anna)
    for _ in range(5):
        with pytest.raises(Refused) as refused:
            await actions.change_password(actor, "wrong password", NEW)
        assert refused.value.problem.code is ProblemCode.SIGN_IN_FAILED
    with pytest.raises(Refused):  # locked by now
        await actions.change_password(actor, PASSWORD, NEW)
    assert await database.value(HASH, north.anna) == before


REASONS: dict[str, tuple[str, int | None]] = {
    "at least 8": ("TOO_SHORT", 8), "at most 1000": ("TOO_LONG", 1000), "cannot be typed": ("NOT_PRINTABLE", None),
    "guessed": ("GUESSABLE", None), "must not be the username": ("GUESSABLE", None),
}  # fmt: skip
BAD = [
    ("", "at least 8"), ("short 7", "at least 8"), ("Password1", "guessed"), ("p@ssw0rd", "guessed"),
    ("Bibliotek1", "guessed"), ("LÖSENORD", "guessed"), ("aaaaaaaaaaaa", "guessed"),
    ("x" * 1001, "at most 1000"),
    ("eight\x00chars", "cannot be typed"), ("eight chars \ud800", "cannot be typed"),
]  # fmt: skip


@pytest.mark.parametrize(("new", "words"), BAD)
async def test_a_weak_one_is_refused(
    database: ModuleType, north: Town, signed_in: SignedIn, new: str, words: str
) -> None:
    actor = await signed_in(north)
    before = await database.value(HASH, north.anna)
    for attempt, field in (
        (actions.change_password(actor, PASSWORD, new), "input.newPassword"),
        (actions.set_password(north.operator, north.anna, new), "input.password"),
        (actions.create_staff(north.operator, "ben", new), "input.password"),
    ):
        with pytest.raises(Refused, match=words) as refused:
            await attempt
        assert isinstance(refused.value.problem, InvalidInput)
        assert refused.value.problem.field == field
        assert why(refused.value.problem) == [REASONS[words]]
    assert await database.value(HASH, north.anna) == before
    assert await database.value("SELECT count(*) FROM staff_user") == 1


async def test_the_username_is_refused_in_any_case(north: Town) -> None:
    with pytest.raises(Refused, match="must not be the username"):
        await actions.create_staff(north.operator, "Benjamin-9", "bENJAMIN-9")


def test_the_known_bad_ones_are_long_enough_to_matter_and_in_lower_case() -> None:
    assert len(passwords.known_bad()) > 200
    assert all(len(word) >= passwords.MIN_LENGTH and word == word.casefold() for word in passwords.known_bad())


async def test_the_operator_lifts_a_lock_with_a_new_one(
    database: ModuleType, north: Town, south: Town, signed_in: SignedIn
) -> None:
    actor = await signed_in(north)
    await database.rows("UPDATE staff_user SET failed_attempts = 5, locked_until = now() + interval '1 hour'")
    with pytest.raises(Refused, match="not found"):
        await actions.set_password(south.operator, north.anna, NEW)
    await actions.set_password(north.operator, north.anna, NEW)
    assert await identify.still_valid(actor) is None
    assert await actions.sign_in("anna", NEW, "NORTH")
    assert await database.value("SELECT failed_attempts FROM staff_user WHERE id = $1", south.anna) == 5


async def test_reauthentication_holds_for_five_minutes(database: ModuleType, north: Town, signed_in: SignedIn) -> None:
    actor, other = await signed_in(north), await signed_in(north)
    await actions.require_reauthentication(actor)  # signing in counts
    await database.rows("UPDATE session SET reauthenticated_at = now() - interval '5 minutes'")
    with pytest.raises(Refused) as refused:
        await actions.require_reauthentication(actor)
    assert refused.value.problem.code is ProblemCode.REAUTHENTICATION_REQUIRED
    with pytest.raises(Refused) as refused:
        await actions.reauthenticate(actor, "wrong password")
    assert refused.value.problem.code is ProblemCode.SIGN_IN_FAILED
    assert not await identify.recently_reauthenticated(actor, 5)
    await actions.reauthenticate(actor, PASSWORD)
    await actions.require_reauthentication(actor)
    with pytest.raises(Refused):  # a session of its own
        await actions.require_reauthentication(other)


async def test_only_sessions_reauthenticate(north: Town) -> None:
    await actions.require_reauthentication(north.operator)
    with pytest.raises(Refused, match="not found"):
        await actions.reauthenticate(north.operator, PASSWORD)
    _, plain = await actions.create_token(north.operator, "reports", ALL_PERMISSIONS)
    token = await identify.identify(session_token=None, authorization=f"Bearer {plain}")
    await actions.require_reauthentication(token)
    with pytest.raises(Refused, match="not found"):
        await actions.change_password(token, PASSWORD, NEW)
