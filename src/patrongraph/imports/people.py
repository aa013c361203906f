"""How rows of patrons.csv become patrons, cards, addresses, blocks and groups.

Beside the six names because each file of a snapshot has its own rules. They are:
- A patron is found by (library, external_id), or else by a card. The row's barcode becomes the one active
  card; earlier cards stay, inactive, and still find the patron.
- enabled says ACTIVE or INACTIVE; a patron who waits for a purge keeps waiting.
- barred places one block with a fixed comment, and lifts that block (no other) when it is no longer so.
- A group is made where two or more patrons of the file share the key, or where it exists: source systems
  give every patron a group key of their own, and a group of one links nobody. Who is no longer in a group
  of the file leaves it; groups without a key, which staff made, are left only by moving to one with a key.
  Empty groups are dissolved.
- The first row of a group that says group_lead leads it; the others are reported, not rejected.
- Addresses: street to country are the HOME address. A column the file lacks leaves what is there.
"""

from collections.abc import Collection

from patrongraph.imports.layout import PATRONS
from patrongraph.imports.places import LIBRARY_CODE, UNKNOWN_BRANCH, assignments, changed
from patrongraph.imports.queries import LIBRARIES, Check, create_resolved, find_duplicates, shown

BARRED = "Barred in the imported data"
NO_LONGER_BARRED = "No longer barred in the imported data"
ADDRESS_COLUMNS = ("street", "postal_code", "city", "region", "country")

_NEW_STATUS = """CASE WHEN s.enabled IS NULL OR t.status = 'PENDING_PURGE' THEN t.status
    WHEN s.enabled THEN 'ACTIVE' ELSE 'INACTIVE' END"""
PATRON_VALUES = {
    "external_id": "coalesce(s.external_id, t.external_id)",
    "username": "s.username",
    "first_name": "coalesce(s.first_name, '')",
    "middle_name": "s.middle_name",
    "last_name": "coalesce(s.last_name, '')",
    "date_of_birth": "s.date_of_birth",
    "email": "s.email",
    "phone": "s.phone",
    "category": "coalesce(s.category, '')",
    "branch_id:branch": "s.branch_id",
    "registered_at": "coalesce(s.registered_at, t.registered_at)",
    "expires_on": "s.expires_on",
    "status:enabled": _NEW_STATUS,
}

# Marks the patrons that differ, before anything is written.
MARK_CHANGED = "UPDATE import_patrons s SET changed = true FROM patron t WHERE t.id = s.target_id AND {differs}"

# Gives new patrons their ids, in the order of the file, so that cards, addresses and groups can be written by set.
NUMBER_NEW = """
WITH numbered AS (
    SELECT line, nextval(pg_get_serial_sequence('patron', 'id')) AS id
    FROM (SELECT line FROM import_patrons WHERE target_id IS NULL ORDER BY line) n
)
UPDATE import_patrons s SET is_new = true, target_id = n.id FROM numbered n WHERE n.line = s.line
"""

# The patrons that nobody had yet.
INSERT_PATRONS = """
INSERT INTO patron (id, library_id, external_id, username, first_name, middle_name, last_name,
    date_of_birth, email,
                    phone, category, branch_id, status, status_changed_at, registered_at, expires_on,
                        updated_at)
SELECT target_id, library_id, external_id, username, coalesce(first_name, ''), middle_name,
    coalesce(last_name, ''),
       date_of_birth, email, phone, coalesce(category, ''), branch_id,
       CASE WHEN enabled IS FALSE THEN 'INACTIVE' ELSE 'ACTIVE' END, now(), coalesce(registered_at, now()),
           expires_on,
       now()
FROM import_patrons WHERE is_new AND line >= $1 AND line < $2 ORDER BY line
"""

# Patrons who wait for a purge although the file calls them enabled.
COUNT_WAITING = """
SELECT count(*) FROM import_patrons s JOIN patron p ON p.id = s.target_id
WHERE s.enabled AND p.status = 'PENDING_PURGE'
"""

# Between which lines there are new barcodes.
NEW_CARD_LINES = "SELECT min(line) AS first, max(line) AS last FROM import_patrons WHERE card_id IS NULL"

# New barcodes become active cards.
INSERT_CARDS = """
WITH done AS (
    INSERT INTO card (library_id, patron_id, barcode, active, created_at)
    SELECT library_id, target_id, barcode, true, now() FROM import_patrons
    WHERE barcode IS NOT NULL AND card_id IS NULL AND line >= $1 AND line < $2 ORDER BY line
    RETURNING patron_id
)
UPDATE import_patrons s SET changed = true FROM done WHERE done.patron_id = s.target_id AND NOT s.is_new
"""

# The row's card is the active one, every other card of the patron is not.
SWITCH_CARDS = """
WITH done AS (
    UPDATE card c SET active = (c.barcode = s.barcode) FROM import_patrons s
    WHERE c.patron_id = s.target_id AND NOT s.is_new AND s.barcode IS NOT NULL
      AND c.active <> (c.barcode = s.barcode)
    RETURNING c.patron_id
)
UPDATE import_patrons s SET changed = true FROM done WHERE done.patron_id = s.target_id
"""

# One block for a barred patron who has none placed by an import.
INSERT_BLOCKS = """
WITH done AS (
    INSERT INTO block (library_id, patron_id, comment, placed_at)
    SELECT library_id, target_id, $1, now() FROM import_patrons s
    WHERE s.barred AND NOT EXISTS (
        SELECT FROM block b WHERE b.patron_id = s.target_id AND b.comment = $1 AND b.placed_by_id IS NULL
        AND b.lifted_at IS NULL AND (b.expires_at IS NULL OR b.expires_at > now()))
    RETURNING patron_id
)
UPDATE import_patrons s SET changed = true FROM done WHERE done.patron_id = s.target_id AND NOT s.is_new
"""

# Of blocks that were placed just now the planner knows nothing, and would compare each with each patron of the file.
ANALYZE_BLOCKS = "ANALYZE block"

# The block that an import placed ends when the file no longer bars the patron.
LIFT_BLOCKS = """
WITH done AS (
    UPDATE block b SET lifted_at = now(), lift_reason = $2 FROM import_patrons s
    WHERE b.patron_id = s.target_id AND NOT s.is_new AND s.barred IS FALSE AND b.comment = $1
      AND b.placed_by_id IS NULL AND b.lifted_at IS NULL
    RETURNING b.patron_id
)
UPDATE import_patrons s SET changed = true FROM done WHERE done.patron_id = s.target_id
"""

# The group each row of the file belongs to, NULL for none; `leads` marks the first lead of a group.
CREATE_MEMBERS = """
CREATE TEMP TABLE import_member ON COMMIT DROP AS
SELECT line, library_id, target_id AS patron_id, key, "group" AS group_key, group_id, lead,
       lead AND line = min(line) FILTER (WHERE lead) OVER (PARTITION BY library_id, "group") AS leads,
       min(line) FILTER (WHERE lead) OVER (PARTITION BY library_id, "group") AS lead_line
FROM (
    SELECT s.line, s.library_id, s.target_id, s.key, g.id AS group_id, coalesce(s.group_lead, false) AS lead,
           CASE WHEN g.id IS NOT NULL
                  OR (s."group" IS NOT NULL AND count(*) OVER (PARTITION BY s.library_id, s."group") > 1)
                THEN s."group" END AS "group"
    FROM import_patrons s
    LEFT JOIN patron_group g ON g.library_id = s.library_id AND g.external_id = s."group"
) m
"""

# The groups that the file makes.
INSERT_GROUPS = """
WITH made AS (
    INSERT INTO patron_group (library_id, external_id, created_at)
    SELECT library_id, group_key, now() FROM import_member
    WHERE group_key IS NOT NULL AND group_id IS NULL GROUP BY library_id, group_key ORDER BY min(line)
    RETURNING id, library_id, external_id
)
UPDATE import_member m SET group_id = made.id FROM made
WHERE made.library_id = m.library_id AND made.external_id = m.group_key
"""

# The joins below are of hundreds of thousands of rows.
ANALYZE_MEMBERS = "ANALYZE import_member"

# Who is in another group than the file says; a group that staff made is left only for one of the file.
CREATE_LEAVERS = """
CREATE TEMP TABLE import_leaver ON COMMIT DROP AS
SELECT s.line, s.patron_id, m.id AS membership_id, m.group_id AS old_group_id
FROM import_member s JOIN group_membership m ON m.patron_id = s.patron_id
JOIN patron_group g ON g.id = m.group_id
WHERE m.group_id IS DISTINCT FROM s.group_id AND (s.group_id IS NOT NULL OR g.external_id IS NOT NULL)
"""

# Consent given in a group ends with the membership.
REVOKE_WAIVERS = """
UPDATE privacy_waiver w SET revoked_at = now() FROM import_leaver s
WHERE w.patron_id = s.patron_id AND w.group_id = s.old_group_id AND w.revoked_at IS NULL
"""

# Who leaves a group, and with it the lead.
DELETE_MEMBERSHIPS = "DELETE FROM group_membership m USING import_leaver s WHERE m.id = s.membership_id"

# Leads in whose place the file names another; two statements, because one with OR compares each with each.
UNSET_REPLACED_LEADS = """
WITH done AS (
    UPDATE group_membership m SET lead = false FROM import_member s
    WHERE s.leads AND s.group_id = m.group_id AND m.lead AND s.patron_id <> m.patron_id
    RETURNING m.patron_id
)
UPDATE import_patrons s SET changed = true FROM done WHERE done.patron_id = s.target_id
"""

# Leads of whom the file says that they do not lead.
UNSET_LEADS = """
WITH done AS (
    UPDATE group_membership m SET lead = false FROM import_member s
    WHERE s.patron_id = m.patron_id AND s.group_id = m.group_id AND m.lead AND NOT s.leads
    RETURNING m.patron_id
)
UPDATE import_patrons s SET changed = true FROM done WHERE done.patron_id = s.target_id
"""

# Who joins a group; joining is a change of the row.
INSERT_MEMBERSHIPS = """
WITH done AS (
    INSERT INTO group_membership (library_id, group_id, patron_id, lead, joined_at)
    SELECT s.library_id, s.group_id, s.patron_id, coalesce(s.leads, false), now() FROM import_member s
    WHERE s.group_id IS NOT NULL AND NOT EXISTS (SELECT FROM group_membership m WHERE m.patron_id =
        s.patron_id)
    ORDER BY s.line
    RETURNING patron_id
)
UPDATE import_patrons s SET changed = true FROM done WHERE done.patron_id = s.target_id AND NOT s.is_new
"""

# The lead that the file names.
SET_LEADS = """
WITH done AS (
    UPDATE group_membership m SET lead = true FROM import_member s
    WHERE s.leads AND s.group_id = m.group_id AND s.patron_id = m.patron_id AND NOT m.lead
    RETURNING m.patron_id
)
UPDATE import_patrons s SET changed = true FROM done WHERE done.patron_id = s.target_id
"""

# Leaving a group is a change of the row too.
MARK_LEAVERS = "UPDATE import_patrons s SET changed = true FROM import_leaver l WHERE l.line = s.line"

# Groups that lost their last member, first what refers to them.
DELETE_EMPTY_WAIVERS = """
DELETE FROM privacy_waiver w WHERE w.group_id IN (SELECT old_group_id FROM import_leaver)
  AND NOT EXISTS (SELECT FROM group_membership m WHERE m.group_id = w.group_id)
"""
DELETE_EMPTY_GROUPS = """
DELETE FROM patron_group g WHERE g.id IN (SELECT old_group_id FROM import_leaver)
  AND NOT EXISTS (SELECT FROM group_membership m WHERE m.group_id = g.id)
"""

# Lead flags that were not kept: of patrons without a group, and of groups that have a lead on an earlier
# line.
COUNT_LONE_LEADS = "SELECT count(*) FROM import_member WHERE lead AND group_key IS NULL"
SECOND_LEADS = """
SELECT line, group_key, lead_line, count(*) OVER () AS total FROM import_member
WHERE lead AND NOT leads AND group_key IS NOT NULL ORDER BY line LIMIT 20
"""

# The version moves with an address, which is edited under it.
BUMP_VERSIONS = """
UPDATE patron t SET version = t.version + 1, updated_at = now() FROM import_address a
WHERE t.id = a.patron_id AND NOT a.counted
"""


def resolve(known: Collection[str]) -> str:
    """Return the statement that finds the patrons that exist, and who holds the barcodes and user names."""
    return create_resolved(
        PATRONS,
        "l.id AS library_id, b.id AS branch_id, c.id AS card_id, pc.id AS card_owner_id,"
        " pu.id AS username_owner_id,"
        " coalesce(pe.id, CASE WHEN s.external_id IS NULL OR pc.external_id IS NULL THEN pc.id END)"
        " AS target_id,"
        " false AS is_new, false AS changed",
        f"LEFT JOIN {LIBRARIES} l ON l.code = lower(s.library)"
        " LEFT JOIN branch b ON b.library_id = l.id AND b.code = s.branch"
        " LEFT JOIN patron pe ON pe.library_id = l.id AND pe.external_id = s.external_id"
        " LEFT JOIN card c ON c.library_id = l.id AND c.barcode = s.barcode"
        " LEFT JOIN patron pc ON pc.id = c.patron_id"
        " LEFT JOIN patron pu ON pu.library_id = l.id AND lower(pu.username) = lower(s.username)",
        [
            LIBRARY_CODE,
            Check("barcode", "r.barcode IS NULL AND r.external_id IS NULL",
                  "'is empty and so is external_id; a patron needs one of them'"),
            Check("barcode", "r.card_owner_id IS NOT NULL AND r.card_owner_id IS DISTINCT FROM r.target_id",
                  "'is the card of another patron of this library; give this patron a card of their own'"),
            Check("username",
                  "r.username_owner_id IS NOT NULL AND r.username_owner_id IS DISTINCT FROM r.target_id",
                  "'is the user name of another patron of this library; choose another or leave it empty'"),
            Check("branch", "r.branch IS NOT NULL AND r.branch_id IS NULL",
                  f"{shown('r.branch')} {UNKNOWN_BRANCH}"),
        ],
    )  # fmt: skip


DUPLICATES = (
    find_duplicates(
        PATRONS, "external_id", "lower(library), external_id", "external_id IS NOT NULL",
        "is already on line %s of this file; a patron has one row",
    ),
    find_duplicates(
        PATRONS, "barcode", "lower(library), barcode", "barcode IS NOT NULL",
        "is already on line %s of this file; a card has one holder",
    ),
    find_duplicates(
        PATRONS, "username", "lower(library), lower(username)", "username IS NOT NULL",
        "is already on line %s of this file; a user name has one holder",
    ),
    find_duplicates(
        PATRONS, "", "target_id", "target_id IS NOT NULL",
        "is about the same patron as line %s; a patron has one row",
    ),
)  # fmt: skip


def mark_changed(known: Collection[str]) -> str:
    """Return the statement that marks the patrons that differ from their rows."""
    return MARK_CHANGED.format(differs=changed("t", PATRON_VALUES, known))


def update(known: Collection[str]) -> str:
    """Return the statement that changes the marked patrons."""
    sets = assignments(PATRON_VALUES, known)
    if not sets:
        return ""
    moved = f"status_changed_at = CASE WHEN t.status <> {_NEW_STATUS} THEN now() ELSE t.status_changed_at END"
    return (
        f"UPDATE patron t SET {sets}, {moved}, version = t.version + 1, updated_at = now()"
        " FROM import_patrons s WHERE s.changed AND t.id = s.target_id"
    )


def addresses(known: Collection[str]) -> list[str]:
    """Return the statements that make each HOME address what the file says; none without its columns."""
    if not set(ADDRESS_COLUMNS) & set(known):
        return []
    value = {c: f"coalesce(s.{c}, '')" if c in known else f"coalesce(a.{c}, '')" for c in ADDRESS_COLUMNS}
    new = ", ".join(value[c] for c in ADDRESS_COLUMNS)
    named = ", ".join(f"{value[c]} AS {c}" for c in ADDRESS_COLUMNS)
    old = ", ".join(f"coalesce(a.{c}, '')" for c in ADDRESS_COLUMNS)
    columns = ", ".join(ADDRESS_COLUMNS)
    sets = ", ".join(f"{c} = s.{c}" for c in ADDRESS_COLUMNS)
    return [
        f"""
CREATE TEMP TABLE import_address ON COMMIT DROP AS
SELECT s.line, s.library_id, s.target_id AS patron_id, s.is_new OR s.changed AS counted, a.id AS address_id,
       concat({new}) = '' AS gone, {named}
FROM import_patrons s LEFT JOIN LATERAL (
    SELECT * FROM address h WHERE h.patron_id = s.target_id AND h.kind = 'HOME' ORDER BY h.id LIMIT 1
) a ON NOT s.is_new
WHERE ROW({new}) IS DISTINCT FROM ROW({old})
""",
        f"INSERT INTO address (library_id, patron_id, kind, {columns})"
        f" SELECT library_id, patron_id, 'HOME', {columns} FROM import_address"
        " WHERE address_id IS NULL ORDER BY line",
        f"UPDATE address a SET {sets} FROM import_address s WHERE a.id = s.address_id AND NOT s.gone",
        "DELETE FROM address a USING import_address s WHERE a.id = s.address_id AND s.gone",
        BUMP_VERSIONS,
        "UPDATE import_patrons s SET changed = true FROM import_address a WHERE a.line = s.line AND NOT s.is_new",
    ]
