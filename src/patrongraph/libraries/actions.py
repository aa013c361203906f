"""A library is created by the operator, with the policy that domain rules start from."""

import re
from decimal import Decimal

from patrongraph import db
from patrongraph.audit.actions import record
from patrongraph.context import system_actor
from patrongraph.problems import invalid

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
        raise invalid("code", "A library code is 1 to 40 letters, digits, dots, hyphens or underscores.")
    if not name or len(name) > 200 or not name.isprintable():
        raise invalid("name", "A library name has 1 to 200 characters.")
    if not _CURRENCY.fullmatch(currency):
        raise invalid("currency", "A currency is three capital letters such as EUR.")
    async with db.transaction():
        await db.rows(LOCK_CODE, code)
        library_id = None
        if await db.value(CODE_TAKEN, code) is None:
            library_id = await db.value(
                INSERT_LIBRARY, code, name, locale, currency, block_level, retain_deleted_patron_loans
            )
        if library_id is None:
            raise invalid("code", f"There is already a library with the code {code}.")
        await record(system_actor(library_id), "library.create", ("library", library_id))
    return int(library_id)
