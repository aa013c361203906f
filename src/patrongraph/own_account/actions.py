"""A patron signs in with barcode and PIN; every attempt on an account is counted under its row lock."""

import asyncpg

from patrongraph import db
from patrongraph.audit.actions import record
from patrongraph.context import Actor, ActorKind, system_actor
from patrongraph.own_account import problems, queries
from patrongraph.patrons.pins import verify_pins
from patrongraph.patrons.queries import BlockReasonCode, service_refusals
from patrongraph.settings import get_settings
from patrongraph.staff import throttle, tokens
from patrongraph.staff.passwords import Verified, attempts
from patrongraph.staff.queries import comparisons

# The account whose PIN was compared, held so that attempts made side by side count one after another, and so that
# nobody deactivates or blocks it meanwhile.
LOCK_ACCOUNT = """
SELECT p.status = 'ACTIVE' AS active, pin.pin_hash, coalesce(pin.locked_until > now(), false) AS locked
FROM patron p JOIN patron_pin pin ON pin.patron_id = p.id
WHERE p.id = $1 AND p.library_id = $2
FOR NO KEY UPDATE
"""

# Counts a wrong PIN, starting over after a lock has run out, and locks at the limit.
COUNT_FAILURE = """
UPDATE patron_pin SET failed_attempts = next.attempts,
       locked_until = CASE WHEN next.attempts >= $2 THEN now() + make_interval(mins => $3) END
FROM (SELECT patron_id, CASE WHEN locked_until IS NULL THEN failed_attempts ELSE 0 END + 1 AS attempts
      FROM patron_pin WHERE patron_id = $1) AS next
WHERE patron_pin.patron_id = next.patron_id
RETURNING next.attempts
"""

# Clears the count after a right PIN, and stores its hash anew when the parameters have changed.
COUNT_SUCCESS = """
UPDATE patron_pin SET failed_attempts = 0, locked_until = NULL, pin_hash = coalesce($2, pin_hash)
WHERE patron_id = $1
RETURNING patron_id
"""

# Opens a patron's session.
INSERT_SESSION = """
INSERT INTO session (patron_id, library_id, token_sha256, expires_at, created_at, last_seen_at)
VALUES ($1, $2, $3, now() + make_interval(mins => $4), now(), now())
RETURNING id
"""

# Signing in is use of the account, not an edit of it: the version stays.
NOTE_SIGN_IN = "UPDATE patron SET last_activity_at = now() WHERE id = $1"


async def sign_in(barcode: str, pin: str, library_code: str | None = None, *, address: str = "") -> str:
    """Open a session and return its token, 43 URL-safe characters of which only the sha256 is stored.

    Without a library code the barcode must be alone in all libraries; else this raises Refused with LIBRARY_REQUIRED,
    if the PIN is right in one of them. Unknown barcodes, wrong PINs, accounts without a PIN, locked, inactive or
    waiting for their purge cost the same comparisons and get the same SIGN_IN_FAILED; ACCOUNT_BLOCKED is for the right
    PIN only. Debts and expiry keep nobody out. `address` is the client's, where there is one: SIGN_IN_THROTTLED after
    too many failures. An attempt is counted in a transaction of its own, so this must not be called inside another
    (RuntimeError).
    """
    if db.transaction_is_open():
        raise RuntimeError("a PIN attempt is counted in its own transaction, not inside another")
    async with throttle.attempt(address):
        return await _sign_in(barcode.strip(), pin, (library_code or "").strip() or None)


async def _sign_in(barcode: str, pin: str, library_code: str | None) -> str:
    found = await queries.accounts(barcode, library_code)
    outcomes = await verify_pins(pin, [account["pin_hash"] for account in found], await comparisons(library_code))
    tried = attempts(found, outcomes)
    token = tokens.new_session_token()
    messages: list[str] = []
    async with db.transaction():
        accepted = [account for account, verified in tried if await _settle(account, verified)]
        if len(found) == 1 and accepted:
            [account] = accepted
            messages = await _blocks(account)
            if not messages:
                await _open_session(account, token)
    if not accepted:
        raise problems.sign_in_failed()
    if len(found) > 1:
        raise problems.library_required()
    if messages:
        raise problems.account_blocked(messages)
    return token


async def _blocks(account: asyncpg.Record) -> list[str]:
    """Return what the blocks of staff that stand tell the patron."""
    refusals = await service_refusals(account["library_id"], account["id"])
    return [each.message for each in refusals if each.code is BlockReasonCode.MANUAL]


async def _open_session(account: asyncpg.Record, token: str) -> None:
    actor = Actor(ActorKind.PATRON, account["id"], account["library_id"])
    minutes = get_settings().patron_session_minutes
    session_id = await db.value(INSERT_SESSION, account["id"], actor.library, tokens.digest(token), minutes)
    await db.rows(NOTE_SIGN_IN, account["id"])
    await record(actor, "session.open", ("session", session_id))


async def _settle(account: asyncpg.Record, verified: Verified) -> bool:
    """Count one attempt under the row lock; return whether the PIN is right and the account not locked."""
    patron_id, library_id = account["id"], account["library_id"]
    locked = await db.row(LOCK_ACCOUNT, patron_id, library_id)
    if locked is None or not locked["active"] or locked["locked"]:
        return False
    if locked["pin_hash"] != account["pin_hash"]:
        return False  # changed since it was compared
    if verified.right:
        await db.rows(COUNT_SUCCESS, patron_id, verified.new_hash)
        return True
    attempts = await db.value(COUNT_FAILURE, patron_id, problems.LOCK_AFTER, problems.LOCK_MINUTES)
    action = "patron.lock_pin" if attempts >= problems.LOCK_AFTER else "patron.wrong_pin"
    await record(system_actor(library_id), action, ("patron", patron_id), attempts=attempts)
    return False
