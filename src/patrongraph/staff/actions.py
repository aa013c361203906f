"""Every write to staff accounts, sessions, roles and tokens; each leaves an audit event, no secret in it."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import asyncpg

from patrongraph import db
from patrongraph.audit.actions import record
from patrongraph.context import Actor, ActorKind, system_actor
from patrongraph.permissions import ALL_PERMISSIONS, Permission
from patrongraph.problems import InputReason, invalid, not_found, wrong_text
from patrongraph.settings import get_settings
from patrongraph.staff import identify, passwords, queries, throttle, tokens
from patrongraph.staff.problems import (
    LOCK_AFTER,
    LOCK_MINUTES,
    REAUTHENTICATION_MINUTES,
    library_required,
    reauthentication_required,
    sign_in_failed,
    wrong_password,
)

ALL_PERMISSIONS_ROLE = "All permissions"

# The account whose password was checked, locked so that attempts made side by side count one after another.
LOCK_ACCOUNT = """
SELECT password_hash, active, coalesce(locked_until > now(), false) AS locked
FROM staff_user WHERE id = $1 FOR UPDATE
"""

# Counts a wrong password, starting over after a lock has run out, and locks at the limit.
COUNT_FAILURE = """
UPDATE staff_user SET failed_attempts = next.attempts,
       locked_until = CASE WHEN next.attempts >= $2 THEN now() + make_interval(mins => $3) END
FROM (SELECT id, CASE WHEN locked_until IS NULL THEN failed_attempts ELSE 0 END + 1 AS attempts
      FROM staff_user WHERE id = $1) AS next
WHERE staff_user.id = next.id
RETURNING next.attempts
"""

# Clears the count after a right password, and stores its hash anew when the parameters have changed.
COUNT_SUCCESS = """
UPDATE staff_user SET failed_attempts = 0, locked_until = NULL, password_hash = coalesce($2, password_hash)
WHERE id = $1
RETURNING id
"""

# Opens a session; signing in counts as having typed the password.
INSERT_SESSION = """
INSERT INTO session (staff_user_id, library_id, token_sha256, expires_at, created_at, last_seen_at,
                     reauthenticated_at)
VALUES ($1, $2, $3, now() + make_interval(hours => $4), now(), now(), now())
RETURNING id
"""

# Notes when somebody last signed in.
NOTE_SIGN_IN = "UPDATE staff_user SET last_signed_in_at = now() WHERE id = $1"

# Ends one session of a staff member, or of a patron ($3).
DELETE_SESSION = """
DELETE FROM session WHERE id = $1 AND CASE WHEN $3::boolean THEN patron_id ELSE staff_user_id END = $2 RETURNING id
"""

# Ends all sessions of patrons.
DELETE_PATRON_SESSIONS = "DELETE FROM session WHERE patron_id = ANY($1::bigint[]) RETURNING id"

# Ends all sessions of a staff member but one (null: every one).
DELETE_SESSIONS = "DELETE FROM session WHERE staff_user_id = $1 AND id IS DISTINCT FROM $2 RETURNING id"

# Ends the sessions whose time is over.
DELETE_EXPIRED_SESSIONS = "DELETE FROM session WHERE expires_at <= now() RETURNING id"

# Notes that the password was typed again.
REAUTHENTICATE = """
UPDATE session SET reauthenticated_at = now() WHERE id = $1 AND staff_user_id = $2 RETURNING id
"""

# Stores a new password and lifts a lock that the old one had earned.
STORE_HASH = """
UPDATE staff_user SET password_hash = $3, failed_attempts = 0, locked_until = NULL
WHERE id = $1 AND library_id = $2
RETURNING id
"""

# Enables or disables an account, when that changes it.
SET_ACTIVE = """
UPDATE staff_user SET active = $3 WHERE id = $1 AND library_id = $2 AND active <> $3 RETURNING id
"""

# The username of an account of the library, whatever its state.
STAFF_USERNAME = "SELECT username FROM staff_user WHERE id = $1 AND library_id = $2"

# All that an account may do, disabled or not.
HELD_PERMISSIONS = """
SELECT coalesce(array_agg(DISTINCT given.permission), '{}')
FROM staff_role held JOIN role ON role.id = held.role_id CROSS JOIN unnest(role.permissions) AS given (permission)
WHERE held.staff_user_id = $1
"""

# One new account; no row comes back when the username is taken in that library.
INSERT_STAFF = """
INSERT INTO staff_user (library_id, username, display_name, password_hash, active, failed_attempts,
                        created_at)
VALUES ($1, $2, $3, $4, true, 0, now())
ON CONFLICT DO NOTHING
RETURNING id
"""

# One new role; no row comes back when the name is taken in that library.
INSERT_ROLE = """
INSERT INTO role (library_id, name, permissions) VALUES ($1, $2, $3::text[])
ON CONFLICT DO NOTHING
RETURNING id
"""

# The role that may do everything, brought up to the permissions this version knows.
ENSURE_ALL_PERMISSIONS = """
INSERT INTO role (library_id, name, permissions) VALUES ($1, $2, $3::text[])
ON CONFLICT (library_id, name) DO UPDATE SET permissions = excluded.permissions
RETURNING id, xmax = 0 AS created
"""

# The oldest role of a library with exactly these permissions.
ROLE_OF_PERMISSIONS = """
SELECT id FROM role WHERE library_id = $1 AND permissions @> $2::text[] AND permissions <@ $2::text[]
ORDER BY id LIMIT 1
"""

# The roles among some ids that belong to the library.
ROLES_BY_ID = "SELECT id, permissions FROM role WHERE library_id = $1 AND id = ANY($2::bigint[])"

# Gives an account its roles.
INSERT_STAFF_ROLES = """
INSERT INTO staff_role (staff_user_id, role_id) SELECT $1, unnest($2::bigint[]) ON CONFLICT DO NOTHING
"""

# One new token, known by its digest only.
INSERT_BEARER = """
INSERT INTO api_token (library_id, name, token_sha256, permissions, created_by_id, created_at, expires_at)
VALUES ($1, $2, $3, $4::text[], $5, now(), $6)
RETURNING id
"""

# A token of the library, locked for its revocation.
LOCK_BEARER = "SELECT revoked_at FROM api_token WHERE id = $1 AND library_id = $2 FOR UPDATE"

# Ends a token for good.
REVOKE_BEARER = "UPDATE api_token SET revoked_at = now() WHERE id = $1"


async def sign_in(username: str, password: str, library_code: str | None = None, *, address: str = "") -> str:
    """Open a session and return its token, 43 URL-safe characters of which only the sha256 is stored.

    Without a library code the username must be alone in all libraries; else this raises Refused with
    LIBRARY_REQUIRED, if the password is right in one of them. Unknown users, wrong passwords, disabled and locked
    accounts cost the same comparisons and get the same refusal. `address` is the client's, where there is one:
    SIGN_IN_THROTTLED after too many failures. A failure is counted in a transaction of its own, so this must not be
    called inside another (RuntimeError).
    """
    _no_transaction()
    async with throttle.attempt(address, staff=True):
        return await _sign_in(username.strip(), password, (library_code or "").strip() or None)


async def _sign_in(username: str, password: str, library_code: str | None) -> str:
    found = await queries.accounts(username, library_code)
    times = await queries.comparisons(library_code)
    outcomes = await passwords.verify_each([account["password_hash"] for account in found], password, times)
    tried = passwords.attempts(found, outcomes)
    token = tokens.new_session_token()
    async with db.transaction():
        accepted = [account for account, verified in tried if await _settle(account, verified)]
        if len(found) == 1 and accepted:
            [account] = accepted
            actor = Actor(ActorKind.STAFF, account["id"], account["library_id"])
            hours = get_settings().session_hours
            digest = tokens.digest(token)
            session_id = await db.value(INSERT_SESSION, account["id"], actor.library, digest, hours)
            await db.rows(NOTE_SIGN_IN, account["id"])
            await record(actor, "session.open", ("session", session_id))
    if not accepted:
        raise sign_in_failed()
    if len(found) > 1:
        raise library_required()
    return token


async def sign_out(actor: Actor) -> bool:
    """End the actor's session; False when there was none to end."""
    if actor.session_id is None:
        return False
    async with db.transaction():
        ended = await db.value(DELETE_SESSION, actor.session_id, actor.id, actor.kind is ActorKind.PATRON)
        if ended is not None:
            await record(actor, "session.close", ("session", actor.session_id))
    identify.forget_session(actor.session_id)
    return ended is not None


async def reauthenticate(actor: Actor, password: str) -> None:
    """Note that a signed-in staff member typed the password again; it holds for 5 minutes in that session.

    Raises Refused for a wrong password, which counts towards the lock; RuntimeError inside a transaction.
    """
    account, accepted = await _prove(actor, password)
    if accepted:
        async with db.transaction():
            noted = await db.value(REAUTHENTICATE, actor.session_id, account["id"])
            if noted is not None:
                await record(actor, "session.reauthenticate", ("session", noted))
                return
    raise wrong_password()


async def require_reauthentication(actor: Actor) -> None:
    """Raise Refused unless the actor's password was typed in the last 5 minutes; tokens have none to type."""
    if not await identify.recently_reauthenticated(actor, REAUTHENTICATION_MINUTES):
        raise reauthentication_required()


async def change_password(actor: Actor, current: str, new: str) -> None:
    """Replace the actor's own password, and end their other sessions.

    Raises Refused when the current one is wrong (which counts towards the lock) or the new one is too weak;
    RuntimeError inside a transaction.
    """
    account, accepted = await _prove(actor, current)
    if not accepted:
        raise wrong_password()
    passwords.check_password(new, account["username"], "input.newPassword")
    await _store_password(actor, account["id"], new, keep_session=actor.session_id)


async def set_password(actor: Actor, staff_id: int, new: str) -> None:
    """Give an account of the actor's library a new password, lift its lock and end its sessions.

    Raises Refused also for an account that may do what the actor may not: its password would give that away.
    """
    username = await db.value(STAFF_USERNAME, staff_id, actor.library)
    if username is None:
        raise not_found("This staff account")
    held = await db.value(HELD_PERMISSIONS, staff_id)
    within(actor, (code for code in held if code in Permission.__members__), "input.id")
    passwords.check_password(new, username, "input.password")
    await _store_password(actor, staff_id, new, keep_session=None)


async def set_active(actor: Actor, staff_id: int, active: bool) -> bool:
    """Enable or disable an account of the actor's library; disabling ends its sessions.

    Returns whether that changed anything. Raises Refused also for the actor's own account.
    """
    if actor.kind is ActorKind.STAFF and actor.id == staff_id and not active:
        message = "You cannot disable your own account; let a colleague do it."
        raise invalid("input.id", message, InputReason.NOT_ALLOWED)
    async with db.transaction():
        changed = await db.value(SET_ACTIVE, staff_id, actor.library, active)
        if changed is None:
            if await db.value(STAFF_USERNAME, staff_id, actor.library) is None:
                raise not_found("This staff account")
            return False
        if not active:
            await db.rows(DELETE_SESSIONS, staff_id, None)
        await record(actor, "staff.enable" if active else "staff.disable", ("staff", staff_id))
    identify.forget_actor(ActorKind.STAFF, staff_id)
    return True


async def create_staff(
    actor: Actor,
    username: str,
    password: str,
    *,
    display_name: str = "",
    role_ids: Sequence[int] = (),
    permissions: Iterable[Permission] = (),
) -> int:
    """Create an account in the actor's library and return its id.

    It gets the roles named, and a role for `permissions`: the library's role of exactly these when there is
    one, else a new one. Raises Refused for a username that is taken or malformed, a weak password, another
    library's role, or permissions that the actor does not have.
    """
    username = one_name(username, "input.username", 100)
    display_name = one_name(display_name or username, "input.displayName", 200)
    passwords.check_password(password, username)
    password_hash = await passwords.hash_secret(password)
    async with db.transaction():
        staff_id = await db.value(INSERT_STAFF, actor.library, username, display_name, password_hash)
        if staff_id is None:
            raise invalid("input.username", "This library already has a user of that name.", InputReason.TAKEN)
        wanted = set(role_ids)
        known = await db.rows(ROLES_BY_ID, actor.library, list(wanted))
        if len(known) < len(wanted):
            raise not_found("A role")
        for role in known:
            within(actor, role["permissions"], "input.roles")
        if given := frozenset(permissions):
            wanted.add(await _role_of(actor, given, f"Permissions of {username[:80]}"))
        await db.rows(INSERT_STAFF_ROLES, staff_id, sorted(wanted))
        await record(actor, "staff.create", ("staff", staff_id), roles=len(wanted))
    return int(staff_id)


async def create_role(actor: Actor, name: str, permissions: Iterable[Permission]) -> int:
    """Create a role in the actor's library and return its id.

    Raises Refused for a name that is taken or malformed, no permission, or one that the actor does not have.
    """
    name, codes = one_name(name, "input.name", 100), codes_of(permissions)
    within(actor, codes, "input.permissions")
    async with db.transaction():
        role_id = await db.value(INSERT_ROLE, actor.library, name, codes)
        if role_id is None:
            raise invalid("input.name", "This library already has a role of that name.", InputReason.TAKEN)
        await record(actor, "role.create", ("role", role_id), permissions=codes)
    return int(role_id)


async def create_token(
    actor: Actor, name: str, permissions: Iterable[Permission], expires_at: datetime | None = None
) -> tuple[int, str]:
    """Create an API token in the actor's library; return its id and the token, which is never shown again.

    Raises Refused for a malformed name, no permission, one that the actor does not have, or an expiry that
    is not in the future (a datetime with a time zone; None holds until revoked).
    """
    name, codes = one_name(name, "input.name", 100), codes_of(permissions)
    within(actor, codes, "input.permissions")
    if expires_at is not None and (expires_at.tzinfo is None or expires_at <= datetime.now(UTC)):
        raise invalid("input.expiresAt", "A token must expire in the future.", InputReason.IN_PAST)
    creator = actor.id if actor.kind is ActorKind.STAFF else None
    token = tokens.new_api_token()
    async with db.transaction():
        digest = tokens.digest(token)
        token_id = await db.value(INSERT_BEARER, actor.library, name, digest, codes, creator, expires_at)
        await record(actor, "token.create", ("token", token_id), permissions=codes)
    return int(token_id), token


async def revoke_token(actor: Actor, token_id: int) -> bool:
    """End a token of the actor's library for good; False when it was revoked before. Refused if not found."""
    async with db.transaction():
        found = await db.row(LOCK_BEARER, token_id, actor.library)
        if found is None:
            raise not_found("This API token")
        if found["revoked_at"] is None:
            await db.rows(REVOKE_BEARER, token_id)
            await record(actor, "token.revoke", ("token", token_id))
    identify.forget_actor(ActorKind.TOKEN, token_id)
    return found["revoked_at"] is None


async def end_patron_sessions(patron_ids: Sequence[int]) -> int:
    """Sign patrons out everywhere, inside the transaction that takes away why they were let in; returns how many."""
    return len(await db.rows(DELETE_PATRON_SESSIONS, list(patron_ids)))


async def delete_expired_sessions() -> int:
    """Remove the sessions whose time is over, for housekeeping; returns how many."""
    return len(await db.rows(DELETE_EXPIRED_SESSIONS))


async def _prove(actor: Actor, password: str) -> tuple[asyncpg.Record, bool]:
    """Check a signed-in staff member's password, counting the attempt; return the account and the outcome."""
    _no_transaction()
    account = None
    if actor.kind is ActorKind.STAFF and actor.session_id is not None:
        account = await db.row(queries.ACCOUNT_BY_ID, actor.id, actor.library)
    if account is None:
        raise not_found("Your staff account")
    verified = await passwords.verify_secret(account["password_hash"], password)
    async with db.transaction():
        return account, await _settle(account, verified)


async def _settle(account: asyncpg.Record, verified: passwords.Verified) -> bool:
    """Count one attempt under the row lock; return whether it is let in, which a locked account is not."""
    locked = await db.row(LOCK_ACCOUNT, account["id"])
    if locked is None or not locked["active"] or locked["locked"]:
        return False
    if locked["password_hash"] != account["password_hash"]:
        return False  # changed since it was compared
    if verified.right:
        await db.rows(COUNT_SUCCESS, account["id"], verified.new_hash)
        return True
    attempts = await db.value(COUNT_FAILURE, account["id"], LOCK_AFTER, LOCK_MINUTES)
    action = "staff.lock" if attempts >= LOCK_AFTER else "staff.wrong_password"
    await record(system_actor(account["library_id"]), action, ("staff", account["id"]), attempts=attempts)
    return False


async def _store_password(actor: Actor, staff_id: int, new: str, *, keep_session: int | None) -> None:
    password_hash = await passwords.hash_secret(new)
    async with db.transaction():
        await db.rows(STORE_HASH, staff_id, actor.library, password_hash)
        ended = await db.rows(DELETE_SESSIONS, staff_id, keep_session)
        await record(actor, "staff.change_password", ("staff", staff_id), sessions_ended=len(ended))
    identify.forget_actor(ActorKind.STAFF, staff_id)


async def _role_of(actor: Actor, permissions: frozenset[Permission], name: str) -> int:
    codes = codes_of(permissions)
    within(actor, codes, "input.permissions")
    if permissions == ALL_PERMISSIONS:
        role = await db.rows(ENSURE_ALL_PERMISSIONS, actor.library, ALL_PERMISSIONS_ROLE, codes)
        if role[0]["created"]:
            await record(actor, "role.create", ("role", role[0]["id"]), permissions=codes)
        return int(role[0]["id"])
    found = await db.value(ROLE_OF_PERMISSIONS, actor.library, codes)
    return int(found) if found is not None else await create_role(actor, name, permissions)


def within(actor: Actor, codes: Iterable[str], field: str) -> None:
    """Raise Refused unless the actor has all of these permissions; names of a newer version are nobody's."""
    missing = sorted(set(codes) - actor.permissions)
    if missing:
        message = f"You cannot give permissions that you do not have: {', '.join(missing)}."
        raise invalid(field, message, InputReason.NOT_ALLOWED)


def codes_of(permissions: Iterable[Permission]) -> list[str]:
    """Return the names of permissions, in their order. Raises Refused for none."""
    wanted = frozenset(permissions)
    if not wanted:
        raise invalid("input.permissions", "Name at least one permission.", InputReason.REQUIRED)
    return [permission.value for permission in Permission if permission in wanted]


def one_name(text: str, field: str, longest: int) -> str:
    """Return a name without needless spaces. Raises Refused for one that is none."""
    text = " ".join(text.split())
    if not text or len(text) > longest or not text.isprintable():
        message = f"This name needs 1 to {longest} printable characters."
        raise invalid(field, message, *wrong_text(text, longest))
    return text


def _no_transaction() -> None:
    if db.transaction_is_open():
        raise RuntimeError("a password attempt is counted in its own transaction, not inside another")
