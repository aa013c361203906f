"""Staff block a patron and lift the block again; a file of its own beside the actions, for it is one table's story."""

from dataclasses import dataclass
from datetime import datetime

from patrongraph import db
from patrongraph.audit.actions import record
from patrongraph.context import Actor, ActorKind
from patrongraph.jobs import idempotency
from patrongraph.patrons import problems
from patrongraph.patrons.actions import LOCK_PATRONS
from patrongraph.problems import InputReason, invalid, not_found

LONGEST_COMMENT = 2000
"""Most characters of a comment and of the reason for lifting a block."""

LONGEST_MESSAGE = 500
"""Most characters of what the patron is told."""

# Whether a moment is still to come: by the clock, for the transaction may have waited for the patron.
LIES_AHEAD = "SELECT $1::timestamptz > clock_timestamp()"

INSERT_BLOCK = """
INSERT INTO block (library_id, patron_id, comment, message, placed_by_id, placed_at, expires_at)
VALUES ($1, $2, $3, $4, $5, now(), $6)
RETURNING id
"""

# Whose block it is, to lock that patron first; of the library only.
PATRON_OF_BLOCK = "SELECT patron_id FROM block WHERE id = $1 AND library_id = $2"

# Holds the block still; whether its time is over is decided by the clock.
LOCK_BLOCK = """
SELECT lifted_at, expires_at, coalesce(expires_at <= clock_timestamp(), false) AS expired
FROM block WHERE id = $1 AND library_id = $2 FOR NO KEY UPDATE
"""

LIFT_BLOCK = "UPDATE block SET lifted_at = now(), lifted_by_id = $2, lift_reason = $3 WHERE id = $1 RETURNING id"


@dataclass(frozen=True, slots=True)
class Placed:
    """A block and whose it is."""

    block_id: int
    patron_id: int


async def place(
    actor: Actor,
    patron_id: int,
    comment: str,
    *,
    message: str | None = None,
    expires_at: datetime | None = None,
    idempotency_key: str | None = None,
) -> Placed:
    """Block a patron of the library, whatever their status, loans, debts and other blocks.

    Raises Refused: COMMENT_REQUIRED for a blank comment, INVALID_INPUT for an expiry that is not ahead or a text
    that is too long, NOT_FOUND, IDEMPOTENCY_MISMATCH.
    """
    comment, told = _needed("input.comment", comment), _told("input.message", message)
    async with db.transaction():
        body = (patron_id, comment, told, expires_at)
        earlier = await idempotency.find(actor, idempotency_key, "blockPatron", body)
        if earlier is not None:
            return await _again(actor, earlier["block_id"])
        if not await db.rows(LOCK_PATRONS, [patron_id], actor.library):
            raise not_found("The patron")
        if expires_at is not None and not await db.value(LIES_AHEAD, expires_at):
            message = "A block ends in the future; without an end it stays until it is lifted."
            raise invalid("input.expiresAt", message, InputReason.IN_PAST)
        block_id: int = await db.value(
            INSERT_BLOCK, actor.library, patron_id, comment, told, _staff_id(actor), expires_at
        )
        await record(
            actor,
            "patron.block",
            ("patron", patron_id),
            block=block_id,
            message=told is not None,
            expires=expires_at is not None,
        )
        await idempotency.remember(actor, idempotency_key, {"block_id": block_id})
    return Placed(block_id, patron_id)


async def lift(actor: Actor, block_id: int, reason: str, *, idempotency_key: str | None = None) -> Placed:
    """Lift one block, which stays as history; the patron's other blocks stand.

    Raises Refused: COMMENT_REQUIRED for a blank reason, INVALID_INPUT for one that is too long, NOT_FOUND,
    ALREADY_LIFTED, BLOCK_EXPIRED, IDEMPOTENCY_MISMATCH.
    """
    reason = _needed("input.reason", reason)
    async with db.transaction():
        earlier = await idempotency.find(actor, idempotency_key, "liftBlock", (block_id, reason))
        if earlier is not None:
            return await _again(actor, earlier["block_id"])
        patron_id = await db.value(PATRON_OF_BLOCK, block_id, actor.library)
        if patron_id is None or not await db.rows(LOCK_PATRONS, [patron_id], actor.library):
            raise not_found("The block")
        block = await db.row(LOCK_BLOCK, block_id, actor.library)
        if block is None:
            raise not_found("The block")
        if block["lifted_at"] is not None:
            raise problems.already_lifted(block["lifted_at"])
        if block["expired"]:
            raise problems.block_expired(block["expires_at"])
        await db.rows(LIFT_BLOCK, block_id, _staff_id(actor), reason)
        await record(actor, "patron.unblock", ("patron", patron_id), block=block_id)
        await idempotency.remember(actor, idempotency_key, {"block_id": block_id})
    return Placed(block_id, patron_id)


async def _again(actor: Actor, block_id: int) -> Placed:
    """Return what the same request came to before. Raises Refused when the patron was erased since."""
    patron_id = await db.value(PATRON_OF_BLOCK, block_id, actor.library)
    if patron_id is None:
        raise not_found("The block")
    return Placed(block_id, patron_id)


def _staff_id(actor: Actor) -> int | None:
    return actor.id if actor.kind is ActorKind.STAFF else None


def _needed(field: str, text: str) -> str:
    text = text.strip()
    if not any(letter.isprintable() and not letter.isspace() for letter in text):
        raise problems.comment_required(field)
    return _checked(field, text, LONGEST_COMMENT)


def _told(field: str, text: str | None) -> str | None:
    return _checked(field, text.strip(), LONGEST_MESSAGE) or None if text is not None else None


def _checked(field: str, text: str, longest: int) -> str:
    if len(text) > longest:
        raise invalid(field, f"This text has at most {longest} characters.", InputReason.TOO_LONG, longest)
    return text
