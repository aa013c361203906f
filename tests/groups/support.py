"""What the tests of groups ask, and what must be true of groups at any moment."""

from typing import Any

from patrongraph import db

# Each live group: members in the order in which they joined, and which of them lead.
GROUPS = """
SELECT g.id, array_agg(m.patron_id ORDER BY m.patron_id) FILTER (WHERE m.id IS NOT NULL) AS members,
       array_agg(m.patron_id) FILTER (WHERE m.lead) AS leads
FROM patron_group g LEFT JOIN group_membership m ON m.group_id = g.id
WHERE g.library_id = $1 GROUP BY g.id ORDER BY g.id
"""

# Everything that must never be: a patron in two groups, a group without members or with two leads, a membership or a
# waiver across libraries, a waiver that stands outside the group of the member who gave it.
WRONG = """
SELECT 'two groups' AS what, patron_id AS id FROM group_membership GROUP BY patron_id HAVING count(*) > 1
UNION ALL
SELECT 'no members', g.id FROM patron_group g
WHERE NOT EXISTS (SELECT FROM group_membership m WHERE m.group_id = g.id)
UNION ALL
SELECT 'two leads', group_id FROM group_membership WHERE lead GROUP BY group_id HAVING count(*) > 1
UNION ALL
SELECT 'across libraries', m.id FROM group_membership m JOIN patron_group g ON g.id = m.group_id
JOIN patron p ON p.id = m.patron_id WHERE m.library_id <> g.library_id OR m.library_id <> p.library_id
UNION ALL
SELECT 'waiver outside its group', w.id FROM privacy_waiver w
WHERE w.revoked_at IS NULL AND NOT EXISTS (SELECT FROM group_membership m WHERE m.patron_id = w.patron_id
                                           AND m.group_id = w.group_id AND m.library_id = w.library_id)
UNION ALL
SELECT 'waiver given twice', patron_id FROM privacy_waiver WHERE revoked_at IS NULL
GROUP BY patron_id, group_id HAVING count(*) > 1
"""


async def groups(library: int) -> dict[int, tuple[list[int], list[int]]]:
    """Members and leads of each live group."""
    found = await db.rows(GROUPS, library)
    return {row["id"]: (row["members"] or [], row["leads"] or []) for row in found}


async def all_is_well() -> bool:
    assert [tuple(row) for row in await db.rows(WRONG)] == []
    return True


async def events(prefix: str = "group.") -> list[tuple[Any, ...]]:
    """What the audit trail says about groups: action, subject and detail (JSON text), oldest first."""
    found = await db.rows(
        "SELECT action, subject_kind, subject_id, detail::text AS detail FROM audit_event"
        " WHERE starts_with(action, $1) ORDER BY id",
        prefix,
    )
    return [tuple(row) for row in found]


async def consent(library: int, patron: int, group: int) -> int:
    """A waiver that stands."""
    made: int = await db.value(
        "INSERT INTO privacy_waiver (library_id, patron_id, group_id, granted_at) VALUES ($1, $2, $3, now())"
        " RETURNING id",
        library,
        patron,
        group,
    )
    return made


async def standing() -> list[tuple[int, int]]:
    """Patron and group of each waiver that stands."""
    found = await db.rows("SELECT patron_id, group_id FROM privacy_waiver WHERE revoked_at IS NULL ORDER BY id")
    return [tuple(row) for row in found]
