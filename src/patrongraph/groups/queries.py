"""What an action on groups looks up before it decides: who is meant, who is in which group, who would be left."""

from collections.abc import Iterable

from patrongraph import db

# Any card of a patron names them, active or not, as in Query.patron.
PATRON_OF_BARCODE = "SELECT patron_id FROM card WHERE library_id = $1 AND barcode = $2"

GROUP_EXISTS = "SELECT id FROM patron_group WHERE id = $1 AND library_id = $2"

# The group of each patron that is in one.
GROUPS_OF = """
SELECT patron_id, group_id FROM group_membership WHERE patron_id = ANY($1::bigint[]) AND library_id = $2
"""

# Groups that have no member but these patrons.
LEFT_EMPTY = """
SELECT id FROM patron_group
WHERE id = ANY($1::bigint[]) AND library_id = $3
  AND NOT EXISTS (SELECT FROM group_membership other
                  WHERE other.group_id = patron_group.id AND other.patron_id <> ALL($2::bigint[]))
ORDER BY id
"""

LEAD_OF = "SELECT patron_id FROM group_membership WHERE group_id = $1 AND library_id = $2 AND lead"

CONSENT = """
SELECT id FROM privacy_waiver
WHERE patron_id = $1 AND group_id = $2 AND library_id = $3 AND revoked_at IS NULL
ORDER BY id LIMIT 1
"""


async def patron_of_barcode(library_id: int, barcode: str) -> int | None:
    """Return the library's patron with that barcode, or None."""
    found: int | None = await db.value(PATRON_OF_BARCODE, library_id, barcode)
    return found


async def group_exists(library_id: int, group_id: int) -> bool:
    """Return whether the library has that group."""
    return await db.value(GROUP_EXISTS, group_id, library_id) is not None


async def groups_of(library_id: int, patron_ids: Iterable[int]) -> dict[int, int]:
    """Return the group of each of these patrons that is in one, by patron."""
    found = await db.rows(GROUPS_OF, list(patron_ids), library_id)
    return {row["patron_id"]: row["group_id"] for row in found}


async def left_empty(library_id: int, group_ids: Iterable[int], leaving: Iterable[int]) -> list[int]:
    """Return which of these groups would have no member once these patrons have left, ascending."""
    return [row["id"] for row in await db.rows(LEFT_EMPTY, list(group_ids), list(leaving), library_id)]


async def lead_of(library_id: int, group_id: int) -> int | None:
    """Return the patron who leads the group, or None."""
    found: int | None = await db.value(LEAD_OF, group_id, library_id)
    return found


async def consent_of(library_id: int, patron_id: int, group_id: int) -> int | None:
    """Return the waiver that the patron gave in that group and did not take back, or None."""
    found: int | None = await db.value(CONSENT, patron_id, group_id, library_id)
    return found
