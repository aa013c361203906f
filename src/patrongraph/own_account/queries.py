"""Reads for a patron's sign-in; a PIN's hash goes only to who checks a PIN."""

from collections.abc import Sequence

import asyncpg

from patrongraph import db

# Accounts that an active card's barcode can mean and that have a PIN and are in use, in one library or in all; at
# most two, enough to know that one is not alone. LIMIT 1 keeps to the card index of each library.
ACCOUNTS_BY_BARCODE = """
SELECT account.id, l.id AS library_id, account.pin_hash
FROM library l
CROSS JOIN LATERAL (
    SELECT p.id, pin.pin_hash
    FROM card c
    JOIN patron p ON p.id = c.patron_id AND p.library_id = l.id AND p.status = 'ACTIVE'
    JOIN patron_pin pin ON pin.patron_id = p.id
    WHERE c.library_id = l.id AND c.barcode = $1 AND c.active
    LIMIT 1
) AS account
WHERE $2::text IS NULL OR lower(l.code) = lower($2)
ORDER BY account.id LIMIT 2
"""


async def accounts(barcode: str, library_code: str | None) -> Sequence[asyncpg.Record]:
    """Return the accounts that a barcode can sign in to (at most 2), with the hashes of their PINs."""
    if not db.storable(barcode) or not db.storable(library_code or ""):
        return []
    return await db.rows(ACCOUNTS_BY_BARCODE, barcode, library_code)
