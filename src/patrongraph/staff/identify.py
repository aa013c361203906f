"""Who acts is settled from a session cookie or a bearer token, and remembered for a few seconds."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from patrongraph import db
from patrongraph.context import ANONYMOUS, Actor, ActorKind
from patrongraph.permissions import ALL_PERMISSIONS, Permission, parse_permissions
from patrongraph.settings import get_settings
from patrongraph.staff import queries, tokens
from patrongraph.staff.problems import Unauthenticated

CACHE_SIZE = 10_000
_SIGN_IN_AGAIN = "Sign in again."


@dataclass(slots=True)
class _Cache:
    """Actors by the digest of their credential.

    `forgotten` counts what was taken away, so that a look-up which began before a sign-out cannot bring the
    actor back after it.
    """

    entries: OrderedDict[str, tuple[Actor, float]] = field(default_factory=OrderedDict)
    forgotten: int = 0

    def get(self, key: str) -> Actor | None:
        found = self.entries.get(key)
        if found is None:
            return None
        if found[1] <= time.monotonic():
            del self.entries[key]
            return None
        self.entries.move_to_end(key)
        return found[0]

    def put(self, key: str, actor: Actor, seconds: float, seen: int) -> None:
        if seconds <= 0 or seen != self.forgotten:
            return
        self.entries[key] = (actor, time.monotonic() + seconds)
        self.entries.move_to_end(key)
        while len(self.entries) > CACHE_SIZE:
            self.entries.popitem(last=False)

    def forget(self, matches: Callable[[Actor], bool]) -> None:
        self.forgotten += 1
        for key in [key for key, (actor, _) in self.entries.items() if matches(actor)]:
            del self.entries[key]


_cache = _Cache()


async def identify(*, session_token: str | None, authorization: str | None, fresh: bool = False) -> Actor:
    """Return who acts: the bearer token's actor, else the session's, else ANONYMOUS when neither is given.

    A look-up is remembered for at most `actor_cache_seconds`, and never beyond the credential's expiry;
    `fresh` looks again. A patron is looked up each time, so that their session ends everywhere at once. Raises
    Unauthenticated for anything given that is malformed, unknown, expired, revoked or disabled.
    """
    if authorization:
        token = _bearer(authorization)
        digest = tokens.digest(token)
        if not fresh and (actor := _cache.get(digest)) is not None:
            return actor
        if not tokens.is_api_token(token):
            raise Unauthenticated("The API token is malformed: it is not one that was ever issued.", "token")
        return await _remembered(digest, _token_actor, fresh)
    if session_token:
        if not tokens.is_session_token(session_token):
            raise Unauthenticated(f"The session cookie is malformed. {_SIGN_IN_AGAIN}", "session")
        return await _remembered(tokens.digest(session_token), _session_actor, fresh)
    return ANONYMOUS


async def still_valid(actor: Actor) -> Actor | None:
    """Return the actor with the permissions of this moment, or None when their credential no longer holds.

    For sockets, which outlive the look-up at their door; always asks the database.
    """
    if actor.kind in {ActorKind.ANONYMOUS, ActorKind.SYSTEM}:
        return actor
    if actor.session_id is not None:
        is_patron = actor.kind is ActorKind.PATRON
        if not await db.value(queries.SESSION_OPEN, actor.session_id, actor.id, is_patron):
            return None
    permissions = await current_permissions(actor.kind, actor.id, actor.library_id)
    return None if permissions is None else replace(actor, permissions=permissions)


async def current_permissions(
    kind: ActorKind, actor_id: int | None, library_id: int | None
) -> frozenset[Permission] | None:
    """Return what an actor may do now, or None when they are gone, disabled, revoked or expired.

    For workers, which look again before each chunk. The SYSTEM may always do everything; a patron has no
    permissions, and is gone also while a block of staff stands.
    """
    match kind:
        case ActorKind.SYSTEM:
            return ALL_PERMISSIONS
        case ActorKind.STAFF:
            found = await db.row(queries.CURRENT_STAFF_PERMISSIONS, actor_id, library_id)
        case ActorKind.TOKEN:
            found = await db.row(queries.CURRENT_BEARER_PERMISSIONS, actor_id, library_id)
        case ActorKind.PATRON:
            found = await db.row(queries.CURRENT_PATRON_PERMISSIONS, actor_id, library_id)
        case _:
            return None
    return None if found is None else parse_permissions(found["permissions"])


async def recently_reauthenticated(actor: Actor, minutes: int) -> bool:
    """Return whether the password was typed in the last minutes; tokens and the SYSTEM have none to type."""
    if actor.kind in {ActorKind.TOKEN, ActorKind.SYSTEM}:
        return True
    if actor.session_id is None:
        return False
    return await db.value(queries.REAUTHENTICATED, actor.session_id, actor.id, minutes) is not None


def forget_session(session_id: int) -> None:
    """Drop a session from this process's memory."""
    _cache.forget(lambda actor: actor.session_id == session_id)


def forget_actor(kind: ActorKind, actor_id: int) -> None:
    """Drop every credential of one staff member or token from this process's memory."""
    _cache.forget(lambda actor: actor.kind is kind and actor.id == actor_id)


def forget_all() -> None:
    """Empty this process's memory."""
    _cache.forget(lambda _: True)


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("Send the API token as `Authorization: Bearer pg_…`.", "token")
    return token


async def _remembered(key: str, look_up: Callable[[str], Awaitable[tuple[Actor, float | None]]], fresh: bool) -> Actor:
    if not fresh and (actor := _cache.get(key)) is not None:
        return actor
    seen = _cache.forgotten
    actor, seconds_left = await look_up(key)
    longest = 0 if actor.kind is ActorKind.PATRON else get_settings().actor_cache_seconds
    _cache.put(key, actor, longest if seconds_left is None else min(longest, seconds_left), seen)
    return actor


async def _session_actor(digest: str) -> tuple[Actor, float | None]:
    found = await db.row(queries.SESSION_BY_DIGEST, digest)
    if found is None:
        raise Unauthenticated(f"The session is unknown or was ended. {_SIGN_IN_AGAIN}", "session")
    if found["seconds_left"] <= 0:
        raise Unauthenticated(f"The session has expired. {_SIGN_IN_AGAIN}", "session")
    if not found["active"]:
        raise Unauthenticated("The account of this session is disabled.", "session")
    if found["unseen"]:
        await db.rows(queries.TOUCH_SESSION, found["session_id"])
    actor = Actor(
        ActorKind.PATRON if found["is_patron"] else ActorKind.STAFF,
        found["id"],
        found["library_id"],
        parse_permissions(found["permissions"]),
        session_id=found["session_id"],
    )
    return actor, found["seconds_left"]


async def _token_actor(digest: str) -> tuple[Actor, float | None]:
    found = await db.row(queries.BEARER_BY_DIGEST, digest)
    if found is None:
        raise Unauthenticated("The API token is unknown.", "token")
    if found["revoked"]:
        raise Unauthenticated("The API token was revoked.", "token")
    if found["seconds_left"] is not None and found["seconds_left"] <= 0:
        raise Unauthenticated("The API token has expired.", "token")
    if found["unseen"]:
        await db.rows(queries.TOUCH_BEARER, found["id"])
    actor = Actor(ActorKind.TOKEN, found["id"], found["library_id"], parse_permissions(found["permissions"]))
    return actor, found["seconds_left"]
