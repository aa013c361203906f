"""A request sent twice is done once: the one memory of what an actor's idempotency key has led to.

A file of its own because every feature's actions use it, and jobs are only one of them.
"""

import hashlib
import hmac
from collections.abc import Mapping
from collections.abc import Set as AnySet
from decimal import Decimal
from typing import Any

import orjson

from patrongraph import db
from patrongraph.context import Actor
from patrongraph.jobs import problems
from patrongraph.problems import invalid, wrong_text
from patrongraph.settings import get_settings

LONGEST_KEY = 200
"""Most characters of an idempotency key."""

# Takes the key for this transaction; a second taker waits here until the first has committed or rolled back.
CLAIM_KEY = """
INSERT INTO idempotency_key (library_id, actor, key, body_sha256, created_at)
VALUES ($1, $2, $3, $4, now())
ON CONFLICT (library_id, actor, key) DO NOTHING
RETURNING id
"""

# What the key was used for before.
READ_KEY = "SELECT body_sha256, result FROM idempotency_key WHERE library_id = $1 AND actor = $2 AND key = $3"

# Remembers what the request came to.
BIND_KEY = """
UPDATE idempotency_key SET result = $4::jsonb WHERE library_id = $1 AND actor = $2 AND key = $3 RETURNING id
"""


async def find(actor: Actor, key: str | None, verb: str, body: object) -> dict[str, Any] | None:
    """Take the key for the open transaction, or return what the request with it came to before.

    Call it first, before any check that the first request may have made fail. `verb` names the mutation and
    `body` is what was asked for: dataclasses, inputs, mappings, lists and plain values; of it only a keyed
    fingerprint is kept. Without a key the answer is None. Raises Refused: IDEMPOTENCY_MISMATCH when the key came
    with another verb or body, INVALID_INPUT when it is empty or too long.
    """
    if key is None:
        return None
    if not 1 <= len(key) <= LONGEST_KEY or not db.storable(key):
        raise invalid(
            "input.idempotencyKey",
            f"An idempotency key has 1 to {LONGEST_KEY} characters.",
            *wrong_text(key, LONGEST_KEY),
        )
    if not db.transaction_is_open():
        raise RuntimeError("an idempotency key is taken in the transaction of what it stands for")
    who = (actor.library, actor.key, opaque(key))
    fingerprint = _fingerprint(verb, body)
    if await db.value(CLAIM_KEY, *who, fingerprint) is not None:
        return None
    earlier = await db.row(READ_KEY, *who)
    if earlier is None or earlier["body_sha256"] != fingerprint:
        raise problems.idempotency_mismatch()
    return None if earlier["result"] is None else dict(orjson.loads(earlier["result"]))


async def remember(actor: Actor, key: str | None, result: Mapping[str, object]) -> None:
    """Bind ids, codes and counts to the key that find() took, in the same transaction; never personal data."""
    if key is not None:
        await db.value(BIND_KEY, actor.library, actor.key, opaque(key), orjson.dumps(dict(result)).decode())


def opaque(key: str) -> str:
    """Return what is kept of a key, a keyed digest: a front end may have made it of a barcode or a name."""
    return _digest(b"idempotency key", key.encode())


def _fingerprint(verb: str, body: object) -> str:
    """Return a keyed digest: what people type is short enough to be guessed from a plain one."""
    return _digest(b"idempotency", orjson.dumps([verb, body], _plain, orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS))


def _digest(purpose: bytes, text: bytes) -> str:
    secret = get_settings().secret_key.get_secret_value().encode()
    return hmac.new(secret, purpose + b"\x00" + text, hashlib.sha256).hexdigest()


def _plain(value: object) -> object:
    """Return as JSON what orjson does not know, the same for the same request."""
    if isinstance(value, Decimal):
        return str(value.normalize())
    if isinstance(value, AnySet):
        return sorted(value, key=repr)
    if isinstance(value, bytes):
        return value.hex()
    # Strawberry's UNSET, and its Some around a value that was given.
    return [type(value).__name__, getattr(value, "value", None)]
