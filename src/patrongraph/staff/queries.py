"""Reads of who acts that are not the graph's; a password hash goes only to who checks a password."""

from collections.abc import Sequence

import asyncpg

from patrongraph import db

# The permissions of staff_user u: the union of its roles', in its own library.
_STAFF_PERMISSIONS = """
ARRAY(SELECT DISTINCT unnest(role.permissions)
      FROM staff_role JOIN role ON role.id = staff_role.role_id AND role.library_id = u.library_id
      WHERE staff_role.staff_user_id = u.id) AS permissions"""

# Whether patron p may be signed in now: the account is in use, and no block of staff stands. Debts and expiry do not
# matter here: who owes must be able to see what.
_MAY_BE_IN = """
(p.status = 'ACTIVE' AND NOT EXISTS (
    SELECT FROM block b WHERE b.patron_id = p.id AND b.library_id = p.library_id
           AND b.lifted_at IS NULL AND (b.expires_at IS NULL OR b.expires_at > now())))"""

# Who holds a session, staff or patron, what they may do, and for how long it holds. A patron's does not outlive a
# change of the account's status, whoever made it: an import deactivates and reactivates patrons too.
SESSION_BY_DIGEST = f"""
SELECT s.id AS session_id, coalesce(u.id, p.id) AS id, s.library_id, p.id IS NOT NULL AS is_patron,
       CASE WHEN p.id IS NULL THEN u.active ELSE {_MAY_BE_IN} AND s.created_at >= p.status_changed_at END AS active,
       extract(epoch FROM s.expires_at - now())::float8 AS seconds_left,
       s.last_seen_at < now() - interval '1 minute' AS unseen, {_STAFF_PERMISSIONS}
FROM session s
LEFT JOIN staff_user u ON u.id = s.staff_user_id AND u.library_id = s.library_id
LEFT JOIN patron p ON p.id = s.patron_id AND p.library_id = s.library_id
WHERE s.token_sha256 = $1 AND coalesce(u.id, p.id) IS NOT NULL
"""

# What an API token may do, and for how long it holds (null: without end).
BEARER_BY_DIGEST = """
SELECT id, library_id, permissions, revoked_at IS NOT NULL AS revoked,
       extract(epoch FROM expires_at - now())::float8 AS seconds_left,
       coalesce(last_used_at < now() - interval '1 minute', true) AS unseen
FROM api_token
WHERE token_sha256 = $1
"""

# Notes that a session is in use, to the minute.
TOUCH_SESSION = "UPDATE session SET last_seen_at = now() WHERE id = $1 AND last_seen_at < now()"

# Notes that a token is in use, to the minute.
TOUCH_BEARER = "UPDATE api_token SET last_used_at = now() WHERE id = $1"

# What an active staff member of a library may do now.
CURRENT_STAFF_PERMISSIONS = f"""
SELECT {_STAFF_PERMISSIONS} FROM staff_user u WHERE u.id = $1 AND u.library_id = $2 AND u.active
"""

# What a token of a library that is neither revoked nor expired may do now.
CURRENT_BEARER_PERMISSIONS = """
SELECT permissions FROM api_token
WHERE id = $1 AND library_id = $2 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
"""

# A row when a patron of a library may still be signed in; patrons have no permissions.
CURRENT_PATRON_PERMISSIONS = f"""
SELECT '{{}}'::text[] AS permissions FROM patron p WHERE p.id = $1 AND p.library_id = $2 AND {_MAY_BE_IN}
"""

# Whether a session of a staff member, or of a patron ($3), is still open.
SESSION_OPEN = """
SELECT 1 FROM session
WHERE id = $1 AND CASE WHEN $3::boolean THEN patron_id ELSE staff_user_id END = $2 AND expires_at > now()
"""

# Whether the password was typed for a session within so many minutes.
REAUTHENTICATED = """
SELECT 1 FROM session
WHERE id = $1 AND staff_user_id = $2 AND expires_at > now()
  AND reauthenticated_at > now() - make_interval(mins => $3)
"""

# Active accounts of a username, in one library or in all; at most two, enough to know that one is not alone.
ACCOUNTS_BY_USERNAME = """
SELECT u.id, u.library_id, u.username, u.password_hash
FROM staff_user u JOIN library l ON l.id = u.library_id
WHERE lower(u.username) = lower($1) AND u.active AND ($2::text IS NULL OR lower(l.code) = lower($2))
ORDER BY u.id LIMIT 2
"""

# How many libraries there are, up to two.
LIBRARIES = "SELECT count(*)::int FROM (SELECT FROM library LIMIT 2) AS up_to_two"

# One active account of a library with its password hash, for somebody signed in who gives the password again.
ACCOUNT_BY_ID = """
SELECT id, library_id, username, password_hash FROM staff_user WHERE id = $1 AND library_id = $2 AND active
"""

# One account of a library by username, whatever its state.
STAFF_BY_USERNAME = "SELECT id, active FROM staff_user WHERE library_id = $1 AND lower(username) = lower($2)"

# Staff with their roles and permissions, of one library or of all.
STAFF = f"""
SELECT u.id, l.code AS library, u.username, u.display_name, u.active, u.last_signed_in_at,
       coalesce(u.locked_until > now(), false) AS locked,
       ARRAY(SELECT role.name FROM staff_role JOIN role ON role.id = staff_role.role_id
             WHERE staff_role.staff_user_id = u.id ORDER BY role.name) AS roles, {_STAFF_PERMISSIONS}
FROM staff_user u JOIN library l ON l.id = u.library_id
WHERE $1::bigint IS NULL OR u.library_id = $1
ORDER BY l.code, lower(u.username)
"""

# API tokens without their digests, of one library or of all.
TOKENS = """
SELECT t.id, l.code AS library, t.name, t.permissions, t.created_at, t.expires_at, t.revoked_at,
       t.last_used_at,
       CASE WHEN t.revoked_at IS NOT NULL THEN 'REVOKED'
            WHEN t.expires_at <= now() THEN 'EXPIRED' ELSE 'ACTIVE' END AS state
FROM api_token t JOIN library l ON l.id = t.library_id
WHERE $1::bigint IS NULL OR t.library_id = $1
ORDER BY l.code, t.id
"""


async def staff(library_id: int | None = None) -> Sequence[asyncpg.Record]:
    """Return staff with roles and permissions; all libraries' for None, which only the operator may ask."""
    return await db.rows(STAFF, library_id)


async def tokens(library_id: int | None = None) -> Sequence[asyncpg.Record]:
    """Return API tokens with their state; all libraries' for None, which only the operator may ask."""
    return await db.rows(TOKENS, library_id)


async def staff_by_username(library_id: int, username: str) -> asyncpg.Record | None:
    """Return id and active of a library's account, or None."""
    return await db.row(STAFF_BY_USERNAME, library_id, username) if db.storable(username) else None


async def accounts(username: str, library_code: str | None) -> Sequence[asyncpg.Record]:
    """Return the active accounts that a username can mean (at most 2), with their password hashes."""
    if not db.storable(username) or not db.storable(library_code or ""):
        return []
    return await db.rows(ACCOUNTS_BY_USERNAME, username, library_code)


async def comparisons(library_code: str | None) -> int:
    """Return how many secrets a sign-in compares: as many as accounts can be meant, whether they exist or not."""
    return 1 if library_code is not None else int(await db.value(LIBRARIES))
