"""Who acts: from a bearer token or a session, refused with a reason otherwise, and forgotten when it ends."""

import asyncio
from types import ModuleType

import pytest

from patrongraph import db
from patrongraph.context import ANONYMOUS, Actor, ActorKind
from patrongraph.permissions import ALL_PERMISSIONS, Permission
from patrongraph.settings import Settings, use_settings
from patrongraph.staff import actions, identify, tokens
from patrongraph.staff.problems import Unauthenticated

from .conftest import PASSWORD, Town

VIEW, PURGE = Permission.PATRONS_VIEW, Permission.PATRONS_PURGE


async def _by_token(plain: str, *, fresh: bool = False) -> Actor:
    return await identify.identify(session_token=None, authorization=f"Bearer {plain}", fresh=fresh)


async def _by_session(token: str, *, fresh: bool = False) -> Actor:
    return await identify.identify(session_token=token, authorization=None, fresh=fresh)


async def test_without_credentials_it_is_nobody(database: ModuleType) -> None:
    for nothing in (None, ""):
        assert await identify.identify(session_token=nothing, authorization=nothing) is ANONYMOUS


async def test_a_token_acts_with_its_own_permissions(database: ModuleType, north: Town) -> None:
    token_id, plain = await actions.create_token(north.operator, "reports", [VIEW])
    expected = Actor(ActorKind.TOKEN, token_id, north.library_id, frozenset({VIEW}))
    assert await _by_token(plain) == expected
    for header in (f"bearer {plain}", f"BEARER   {plain} "):
        assert await identify.identify(session_token=None, authorization=header) == expected
    assert await database.value("SELECT last_used_at IS NOT NULL FROM api_token")


async def test_the_bearer_token_goes_before_the_cookie(north: Town) -> None:
    session = await actions.sign_in("anna", PASSWORD, "NORTH")
    _, plain = await actions.create_token(north.operator, "reports", [VIEW])
    actor = await identify.identify(session_token=session, authorization=f"Bearer {plain}")
    assert actor.kind is ActorKind.TOKEN
    with pytest.raises(Unauthenticated):
        await identify.identify(session_token=session, authorization="Bearer pg_wrong")


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "pg_x",
        "Basic YW5uYTp4",
        "Bearer pg_x",
        "Bearer \x00",
        "Bearer \ud800",
        "Bearer ü",
        "x" * 9000,
    ],
)
async def test_malformed_tokens_never_reach_the_database(settings: Settings, header: str) -> None:
    await db.close_pools()
    with pytest.raises(Unauthenticated) as refused:
        await identify.identify(session_token=None, authorization=header)
    assert refused.value.source == "token"


@pytest.mark.parametrize("cookie", ["x", "x" * 43 + "\n", "ü" * 43, "\x00" * 43, "\ud800" * 43])
async def test_malformed_sessions_never_reach_the_database(settings: Settings, cookie: str) -> None:
    await db.close_pools()
    with pytest.raises(Unauthenticated, match="malformed") as refused:
        await identify.identify(session_token=cookie, authorization=None)
    assert refused.value.source == "session"


async def test_unknown_expired_and_revoked_are_told_apart(database: ModuleType, north: Town) -> None:
    with pytest.raises(Unauthenticated, match="token is unknown"):
        await _by_token(tokens.new_api_token())
    with pytest.raises(Unauthenticated, match="session is unknown"):
        await _by_session(tokens.new_session_token())

    session = await actions.sign_in("anna", PASSWORD, "NORTH")
    await database.rows("UPDATE session SET expires_at = now()")
    with pytest.raises(Unauthenticated, match="session has expired"):
        await _by_session(session)

    token_id, plain = await actions.create_token(north.operator, "reports", [VIEW])
    await database.rows("UPDATE api_token SET expires_at = now()")
    with pytest.raises(Unauthenticated, match="token has expired"):
        await _by_token(plain)
    assert await identify.current_permissions(ActorKind.TOKEN, token_id, north.library_id) is None
    await database.rows("UPDATE api_token SET expires_at = NULL, revoked_at = now()")
    with pytest.raises(Unauthenticated, match="token was revoked"):
        await _by_token(plain)
    assert await identify.current_permissions(ActorKind.TOKEN, token_id, north.library_id) is None


async def test_a_disabled_account_has_no_session(database: ModuleType, north: Town) -> None:
    session = await actions.sign_in("anna", PASSWORD, "NORTH")
    await database.rows("UPDATE staff_user SET active = false")
    with pytest.raises(Unauthenticated, match="disabled"):
        await _by_session(session)


async def test_a_look_up_is_remembered(database: ModuleType, north: Town) -> None:
    session = await actions.sign_in("anna", PASSWORD, "NORTH")
    actor = await _by_session(session)
    await database.rows("DELETE FROM staff_role")
    assert await _by_session(session) is actor
    now = await _by_session(session, fresh=True)
    assert now.permissions == frozenset()
    assert await _by_session(session) is now


async def test_nothing_is_remembered_at_zero_seconds(database: ModuleType, north: Town, settings: Settings) -> None:
    session = await actions.sign_in("anna", PASSWORD, "NORTH")
    use_settings(settings.model_copy(update={"actor_cache_seconds": 0.0}))
    assert (await _by_session(session)).permissions == ALL_PERMISSIONS
    await database.rows("DELETE FROM staff_role")
    assert (await _by_session(session)).permissions == frozenset()


async def test_a_credential_is_not_remembered_beyond_its_end(database: ModuleType, north: Town) -> None:
    _, plain = await actions.create_token(north.operator, "reports", [VIEW])
    await database.rows("UPDATE api_token SET expires_at = now() + interval '50 ms'")
    await _by_token(plain)
    await asyncio.sleep(0.06)
    with pytest.raises(Unauthenticated, match="expired"):
        await _by_token(plain)


async def test_ending_is_forgotten_at_once(north: Town) -> None:
    session = await actions.sign_in("anna", PASSWORD, "NORTH")
    token_id, plain = await actions.create_token(north.operator, "reports", [VIEW])
    actor, by_token = await _by_session(session), await _by_token(plain)
    await actions.sign_out(actor)
    with pytest.raises(Unauthenticated, match="unknown or was ended"):
        await _by_session(session)
    assert await _by_token(plain) == by_token
    await actions.revoke_token(north.operator, token_id)
    with pytest.raises(Unauthenticated, match="revoked"):
        await _by_token(plain)


async def test_a_look_up_under_way_does_not_bring_back_what_ended(north: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    token_id, plain = await actions.create_token(north.operator, "reports", [VIEW])
    read, go_on, row = asyncio.Event(), asyncio.Event(), db.row

    async def slow(sql: str, *args: object) -> object:
        found = await row(sql, *args)
        read.set()
        await go_on.wait()
        return found

    monkeypatch.setattr(db, "row", slow)
    looking_up = asyncio.create_task(_by_token(plain))
    await read.wait()
    monkeypatch.setattr(db, "row", row)
    await actions.revoke_token(north.operator, token_id)
    go_on.set()
    await looking_up
    with pytest.raises(Unauthenticated, match="revoked"):
        await _by_token(plain)


async def test_memory_is_bounded(north: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identify, "CACHE_SIZE", 3)
    made = [(await actions.create_token(north.operator, "t", [VIEW]))[1] for _ in range(5)]
    actors = [await _by_token(plain) for plain in made]
    assert [await _by_token(plain) for plain in made[2:]] == actors[2:]
    assert len(identify._cache.entries) == 3
    assert tokens.digest(made[0]) not in identify._cache.entries


async def test_a_role_of_another_library_gives_nothing(database: ModuleType, north: Town, south: Town) -> None:
    theirs = await actions.create_role(south.operator, "Purgers", [PURGE])
    ben = await actions.create_staff(north.operator, "ben", PASSWORD, permissions=[VIEW])
    await database.rows("INSERT INTO staff_role (staff_user_id, role_id) VALUES ($1, $2)", ben, theirs)
    session = await actions.sign_in("ben", PASSWORD, "NORTH")
    assert (await _by_session(session)).permissions == frozenset({VIEW})
    assert await identify.current_permissions(ActorKind.STAFF, ben, north.library_id) == frozenset({VIEW})


async def test_permissions_of_this_moment(database: ModuleType, north: Town, south: Town) -> None:
    current = identify.current_permissions
    assert await current(ActorKind.STAFF, north.anna, north.library_id) == ALL_PERMISSIONS
    assert await current(ActorKind.STAFF, north.anna, south.library_id) is None
    assert await current(ActorKind.STAFF, 999, north.library_id) is None
    token_id, _ = await actions.create_token(north.operator, "reports", [VIEW])
    assert await current(ActorKind.TOKEN, token_id, north.library_id) == frozenset({VIEW})
    assert await current(ActorKind.TOKEN, token_id, south.library_id) is None
    assert await current(ActorKind.SYSTEM, None, north.library_id) == ALL_PERMISSIONS
    assert await current(ActorKind.ANONYMOUS, None, None) is None
    await database.rows("UPDATE api_token SET permissions = '{PATRONS_VIEW,OF_A_NEWER_VERSION}'")
    assert await current(ActorKind.TOKEN, token_id, north.library_id) == frozenset({VIEW})


async def test_long_connections_look_again(database: ModuleType, north: Town) -> None:
    actor = await _by_session(await actions.sign_in("anna", PASSWORD, "NORTH"))
    assert await identify.still_valid(actor) == actor
    assert await identify.still_valid(ANONYMOUS) is ANONYMOUS
    assert await identify.still_valid(north.operator) is north.operator
    await database.rows("UPDATE role SET permissions = '{PATRONS_VIEW}'")
    now = await identify.still_valid(actor)
    assert now is not None
    assert (now.permissions, now.session_id) == (frozenset({VIEW}), actor.session_id)
    await database.rows("UPDATE session SET expires_at = now()")
    assert await identify.still_valid(actor) is None
    token_id, plain = await actions.create_token(north.operator, "reports", [VIEW])
    by_token = await _by_token(plain)
    assert await identify.still_valid(by_token) == by_token
    await actions.revoke_token(north.operator, token_id)
    assert await identify.still_valid(by_token) is None
