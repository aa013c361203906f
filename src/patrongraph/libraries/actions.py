"""A library is created by the operator, with the policy that domain rules start from; its managers change that."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from patrongraph import db
from patrongraph.audit.actions import record
from patrongraph.context import Actor, system_actor
from patrongraph.problems import (
    InputReason,
    InvalidField,
    invalid,
    invalid_field,
    invalid_fields,
    out_of_range,
    wrong_text,
)

_CODE = re.compile(r"[^\W_](?:[\w.-]{0,38}[^\W_])?")
_CURRENCY = re.compile(r"[A-Z]{3}")

# One new library with its policy; no row comes back when the code is taken.
INSERT_LIBRARY = """
INSERT INTO library (code, name, locale, currency, block_level, retain_deleted_patron_loans,
                     purge_waive_limit, grace_days, max_purge_per_operation, export_ttl_hours,
                     group_lead_access, created_at)
VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 200, 72, false, now())
ON CONFLICT DO NOTHING
RETURNING id
"""

# Makes two creations of codes that differ only in case wait for each other.
LOCK_CODE = "SELECT pg_advisory_xact_lock(hashtextextended('library ' || lower($1), 0))"

# Whether a code is in use in any spelling.
CODE_TAKEN = "SELECT 1 FROM library WHERE lower(code) = lower($1)"

# The policy of a library, held against a change beside this one.
LOCK_POLICY = """
SELECT name, locale, block_level, retain_deleted_patron_loans, purge_waive_limit, grace_days,
       max_purge_per_operation, export_ttl_hours, group_lead_access
FROM library WHERE id = $1 FOR NO KEY UPDATE
"""

UPDATE_POLICY = """
UPDATE library SET name = $2, locale = $3, block_level = $4, retain_deleted_patron_loans = $5, purge_waive_limit = $6,
       grace_days = $7, max_purge_per_operation = $8, export_ttl_hours = $9, group_lead_access = $10
WHERE id = $1 RETURNING id
"""

MOST_GRACE_DAYS = 365
MOST_PURGED = 200
MOST_EXPORT_HOURS = 720
MOST_MONEY = Decimal("9999999999.99")
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})?")
_WHOLE = {
    "grace_days": ("graceDays", 0, MOST_GRACE_DAYS, "days of grace"),
    "max_purge_per_operation": ("maxPurgePerOperation", 1, MOST_PURGED, "patrons of one purge"),
    "export_ttl_hours": ("exportTtlHours", 1, MOST_EXPORT_HOURS, "hours that a file is kept"),
}
_SUMS = {"block_level": "blockLevel", "purge_waive_limit": "purgeWaiveLimit"}


async def create(
    code: str,
    name: str,
    *,
    locale: str = "en",
    currency: str = "USD",
    block_level: Decimal | None = None,
    retain_deleted_patron_loans: bool = True,
) -> int:
    """Create a library and return its id.

    Raises Refused when the code is taken in any spelling, or a value is malformed. block_level is an amount
    in the library's currency; None means that no debt blocks.
    """
    code, name = code.strip(), " ".join(name.split())
    if not _CODE.fullmatch(code):
        message = "A library code is 1 to 40 letters, digits, dots, hyphens or underscores."
        raise invalid("code", message, InputReason.NOT_A_CODE)
    if not name or len(name) > 200 or not name.isprintable():
        raise invalid("name", "A library name has 1 to 200 characters.", *wrong_text(name, 200))
    if not _CURRENCY.fullmatch(currency):
        raise invalid("currency", "A currency is three capital letters such as EUR.", InputReason.NOT_A_CODE)
    async with db.transaction():
        await db.rows(LOCK_CODE, code)
        library_id = None
        if await db.value(CODE_TAKEN, code) is None:
            library_id = await db.value(
                INSERT_LIBRARY, code, name, locale, currency, block_level, retain_deleted_patron_loans
            )
        if library_id is None:
            raise invalid("code", f"There is already a library with the code {code}.", InputReason.TAKEN)
        await record(system_actor(library_id), "library.create", ("library", library_id))
    return int(library_id)


async def update_policy(actor: Actor, changes: Mapping[str, Any]) -> bool:
    """Change what `changes` names of the policy of the actor's library, by column; return whether anything is other.

    Sums are in the library's currency; a block_level of None means that no debt blocks. Raises Refused with
    INVALID_INPUT, which names every field that is wrong.
    """
    async with db.transaction():
        [row] = await db.rows(LOCK_POLICY, actor.library)
        before = dict(row)
        wanted = before | dict(changes)
        wanted["name"] = " ".join(wanted["name"].split())
        changed = [name for name, value in wanted.items() if value != before[name]]
        if not changed:
            return False
        wrong = _wrong_policy(wanted)
        if wrong:
            raise invalid_fields(wrong)
        await db.value(UPDATE_POLICY, actor.library, *wanted.values())
        told = {name: wanted[name] for name in changed if name not in {"name", "locale"}}
        names = [name.upper() for name in changed]
        await record(actor, "library.update_policy", ("library", actor.library), changed=names, **told)
    return True


def _wrong_policy(wanted: Mapping[str, Any]) -> list[InvalidField]:
    found = []

    def wrong(field: str, message: str, reason: InputReason, limit: int | None = None) -> None:
        found.append(invalid_field(f"input.{field}", message, reason, limit))

    name = wanted["name"]
    if not 1 <= len(name) <= 200 or not name.isprintable() or not db.storable(name):
        wrong("name", "A library name has 1 to 200 characters.", *wrong_text(name, 200))
    if not _LOCALE.fullmatch(wanted["locale"]):
        wrong("locale", "A language is a code such as en or sv.", InputReason.NOT_A_CODE)
    for column, (field, least, most, what) in _WHOLE.items():
        if not least <= wanted[column] <= most:
            bound = out_of_range(least, most, is_less=wanted[column] < least)
            wrong(field, f"The {what} are a number from {least} to {most}.", *bound)
    for column, field in _SUMS.items():
        reason = None if wanted[column] is None else _no_sum(wanted[column])
        if reason is not None:
            wrong(field, f"An amount is from 0 to {MOST_MONEY}, with at most two decimals.", *reason)
    return found


def _no_sum(amount: Decimal) -> tuple[InputReason, int | None] | None:
    """Return why an amount is none, and the bound that it breaks where that is a whole number."""
    if not amount.is_finite() or amount > MOST_MONEY:
        return InputReason.TOO_LARGE, None
    if amount < 0:
        return InputReason.TOO_SMALL, 0
    return None if amount == amount.quantize(Decimal("0.01")) else (InputReason.TOO_PRECISE, 2)
