"""The limits of purge and export: the same work as plain SQL, written by hand, without progress, proof or audit."""

# Half of all patrons, alternately for our pipeline and for plain SQL, so that both halves are alike.
HALVES = """
CREATE SCHEMA bench;
CREATE TABLE bench.half AS
SELECT id AS patron_id, library_id,
       CASE WHEN row_number() OVER (PARTITION BY library_id ORDER BY id) % 2 = 0 THEN 'ours' ELSE 'plain' END AS side
FROM (
  SELECT id, library_id, row_number() OVER (PARTITION BY library_id ORDER BY hashint8(id)) AS n,
         count(*) OVER (PARTITION BY library_id) AS patrons
  FROM patron
) p
WHERE n <= patrons / 4 * 2;
ALTER TABLE bench.half ADD PRIMARY KEY (patron_id);
"""

# The chosen patrons have brought everything back, paid and cancelled, and are deactivated: nothing stops the purge.
CLEARED = (
    """UPDATE item SET status = 'AVAILABLE' FROM loan l JOIN bench.half h USING (patron_id)
       WHERE item.id = l.item_id AND l.returned_at IS NULL""",
    """UPDATE loan SET returned_at = greatest(now(), checked_out_at) FROM bench.half h
       WHERE loan.patron_id = h.patron_id AND loan.returned_at IS NULL""",
    """UPDATE reservation r SET state = 'CANCELLED', cancelled_at = now() FROM bench.half h
       WHERE r.patron_id = h.patron_id AND r.state = 'OPEN'""",
    """INSERT INTO ledger_entry (library_id, patron_id, charge_id, kind, amount)
       SELECT e.library_id, e.patron_id, e.id, 'PAYMENT', e.outstanding
       FROM ledger_entry e JOIN bench.half h USING (patron_id) WHERE e.kind = 'CHARGE' AND e.outstanding > 0""",
    """UPDATE ledger_entry e SET outstanding = 0 FROM bench.half h
       WHERE e.patron_id = h.patron_id AND e.kind = 'CHARGE' AND e.outstanding <> 0""",
    """UPDATE patron p SET status = 'INACTIVE', status_changed_at = now(), protected = false,
                           category = 'BENCH ' || upper(h.side)
       FROM bench.half h WHERE p.id = h.patron_id""",
    "ANALYZE bench.half",
)

SIDES = "SELECT library_id, count(*)::int FROM bench.half WHERE side = 'ours' GROUP BY library_id ORDER BY library_id"

# Loans of those patrons, to say how many went.
LOANS = "SELECT count(*)::int FROM loan JOIN bench.half h USING (patron_id) WHERE h.side = $1"

# Tables with a patron_id, children first, whose rows are simply deleted.
_SIMPLE = (
    "reservation", "block", "privacy_waiver", "card", "address", "patron_pin", "session", "import_row",
)  # fmt: skip

# The erasure of one library's half in one transaction: statistics of the loans, the rows, emptied groups, persons.
ERASE = (
    """CREATE TEMP TABLE gone ON COMMIT DROP AS
       SELECT patron_id AS id FROM bench.half WHERE side = 'plain' AND library_id = {library}""",
    "ANALYZE gone",
    "DELETE FROM ledger_entry t USING gone WHERE t.patron_id = gone.id",
    """WITH deleted AS (
         DELETE FROM loan USING gone WHERE loan.patron_id = gone.id
         RETURNING loan.*)
       INSERT INTO loan_statistic (library_id, checked_out_on, returned_on, item_id, title, material_type,
                                   item_branch_id, branch_id, category, cohort_code, lost)
       SELECT l.library_id, l.checked_out_at::date, l.returned_at::date, l.item_id, i.title, i.material_type,
              i.branch_id, l.branch_id, p.category, c.code, l.lost
       FROM deleted l JOIN item i ON i.id = l.item_id JOIN patron p ON p.id = l.patron_id
       LEFT JOIN cohort c ON c.id = p.cohort_id""",
    *(f"DELETE FROM {table} t USING gone WHERE t.patron_id = gone.id" for table in _SIMPLE),
    """DELETE FROM download_link t USING data_export e, gone WHERE t.export_id = e.id AND e.patron_id = gone.id""",
    "DELETE FROM data_export t USING gone WHERE t.patron_id = gone.id",
    """CREATE TEMP TABLE touched ON COMMIT DROP AS
       SELECT DISTINCT group_id AS id FROM group_membership m JOIN gone ON gone.id = m.patron_id""",
    "DELETE FROM group_membership t USING gone WHERE t.patron_id = gone.id",
    """DELETE FROM patron_group g USING touched
       WHERE g.id = touched.id AND NOT EXISTS (SELECT FROM group_membership m WHERE m.group_id = g.id)""",
    """WITH deleted AS (
         DELETE FROM patron USING gone WHERE patron.id = gone.id RETURNING patron.person_id)
       SELECT count(*) FROM deleted""",
)

# row_to_json, because json_build_object puts blanks into its text, and arrays, because json_agg breaks the line.
_ITEM = """CASE WHEN i.id IS NOT NULL THEN
  (SELECT row_to_json(o) FROM (SELECT i.title, i.author, i.barcode) o) END"""


def _object(name: str, values: str) -> str:
    return f'(SELECT row_to_json(o) FROM (SELECT {values}) o) AS "{name}"'


def _list(name: str, selection: str) -> str:
    return f"""(SELECT coalesce(array_to_json(array_agg(x)), '[]') FROM (SELECT {selection}) x) AS "{name}\""""


_MEMBERS = (
    _object("library", "b.code, b.name, b.currency"),
    _object(
        "identity",
        'p.external_id AS "externalId", p.username, p.first_name AS "firstName", p.middle_name AS "middleName",'
        ' p.last_name AS "lastName", p.preferred_name AS "preferredName", p.date_of_birth AS "dateOfBirth"',
    ),
    _object("contact", "p.email, p.phone"),
    _object(
        "registration",
        'p.category, c.name AS cohort, home.name AS "homeBranch", p.registered_at AS "registeredAt",'
        ' p.expires_on AS "expiresOn", p.last_activity_at AS "lastActivityAt", p.updated_at AS "updatedAt"',
    ),
    _object("status", 'p.status, p.status_changed_at AS "changedAt", p.purge_after AS "purgeAfter", p.protected'),
    "p.notes",
    _list(
        "importedRows",
        'r.line, r.cells, r.column_name AS "column", r.reason FROM import_row r WHERE r.patron_id = p.id ORDER BY r.id',
    ),
    _list(
        "exports",
        'e.format, e.state, e.created_at AS "createdAt", e.ready_at AS "readyAt", e.expires_at AS "expiresAt",'
        " e.downloads FROM data_export e WHERE e.patron_id = p.id ORDER BY e.id",
    ),
    _list(
        "addresses",
        'a.kind, a.street, a.postal_code AS "postalCode", a.city, a.region, a.country'
        " FROM address a WHERE a.patron_id = p.id ORDER BY a.id",
    ),
    _list(
        "cards",
        'k.barcode, k.active, k.created_at AS "createdAt" FROM card k WHERE k.patron_id = p.id ORDER BY k.id',
    ),
    _list(
        "groupMemberships",
        'm.lead, m.joined_at AS "joinedAt" FROM group_membership m WHERE m.patron_id = p.id ORDER BY m.id',
    ),
    _list(
        "privacyWaivers",
        'w.granted_at AS "grantedAt", w.revoked_at AS "revokedAt"'
        " FROM privacy_waiver w WHERE w.patron_id = p.id ORDER BY w.id",
    ),
    _list(
        "blocks",
        'k.comment, k.message, k.placed_at AS "placedAt", k.expires_at AS "expiresAt", k.lifted_at AS "liftedAt",'
        ' k.lift_reason AS "liftReason" FROM block k WHERE k.patron_id = p.id ORDER BY k.id',
    ),
    _list(
        "loans",
        f'{_ITEM} AS item, l.checked_out_at AS "checkedOutAt", l.due_at AS "dueAt", l.returned_at AS "returnedAt",'
        ' l.renewals_left AS "renewalsLeft", l.lost, at.name AS branch'
        " FROM loan l JOIN item i ON i.id = l.item_id LEFT JOIN branch at ON at.id = l.branch_id"
        " WHERE l.patron_id = p.id ORDER BY l.id",
    ),
    _list(
        "reservations",
        f'{_ITEM} AS item, r.requested_at AS "requestedAt", at.name AS "pickupBranch", r.frozen, r.state,'
        ' r.fulfilled_at AS "fulfilledAt", r.cancelled_at AS "cancelledAt"'
        " FROM reservation r JOIN item i ON i.id = r.item_id LEFT JOIN branch at ON at.id = r.pickup_branch_id"
        " WHERE r.patron_id = p.id ORDER BY r.id",
    ),
    _list(
        "ledger",
        "e.kind, e.amount::text AS amount, e.outstanding::text AS outstanding, e.reason, e.note,"
        f' {_ITEM} AS item, e.external_id AS "externalId", e.created_at AS "createdAt"'
        " FROM ledger_entry e LEFT JOIN ledger_entry charge ON charge.id = e.charge_id"
        " LEFT JOIN loan l ON l.id = coalesce(e.loan_id, charge.loan_id) LEFT JOIN item i ON i.id = l.item_id"
        " WHERE e.patron_id = p.id ORDER BY e.id",
    ),
)

# All that a library holds about a patron, as one line of JSON; for the patrons p of {where}.
DOCUMENT = (
    """
SELECT row_to_json(d)::text FROM patron p
JOIN library b ON b.id = p.library_id
LEFT JOIN branch home ON home.id = p.branch_id
LEFT JOIN cohort c ON c.id = p.cohort_id
CROSS JOIN LATERAL (SELECT 'patrongraph/patron-data/1' AS schema, transaction_timestamp() AS "exportedAt",
"""
    + ",\n".join(_MEMBERS)
    + "\n) d WHERE {where}\n"
)

ONE_DOCUMENT = DOCUMENT.format(where="p.id = $1 AND p.library_id = $2")

# COPY takes no parameters; a control character that JSON never holds keeps it from quoting.
COPY_LIBRARY = (
    "COPY ("
    + DOCUMENT.format(where="p.library_id = {library}")
    + " ORDER BY p.id) TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')"
)
