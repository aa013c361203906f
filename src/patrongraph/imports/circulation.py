"""How rows of loans.csv, reservations.csv and debts.csv become loans, reservations and ledger entries.

Beside the six names because each file of a snapshot has its own rules. They are:
- The patron is found by any card, active or not; the item in the patron's library first, else in the one
  other library that has the barcode.
- An item is on one open loan at a time: the first in the file, or the one that is there unless the file
  returns it.
- An open loan makes an AVAILABLE item ON_LOAN, or LOST when the loan is; any other status stays as
  items.csv says.
- A debt is a CHARGE; what was paid is one PAYMENT of the charge, its external id ending in :paid. What is
  outstanding is the amount less all entries of the charge, so that payments made here survive an import.
"""

from collections.abc import Collection

from patrongraph.imports.layout import DEBTS, LOANS, RESERVATIONS
from patrongraph.imports.places import UNKNOWN_BRANCH, assignments, changed
from patrongraph.imports.queries import LIBRARIES, Check, create_resolved, find_duplicates, shown

_REFERENCES = f"""
LEFT JOIN {LIBRARIES} l ON l.code = lower(s.library)
LEFT JOIN card c ON c.library_id = l.id AND c.barcode = s.patron_barcode
LEFT JOIN item own ON own.library_id = l.id AND own.barcode = s.item_barcode
LEFT JOIN LATERAL (
    SELECT min(o.id) AS id, count(*) AS found FROM item o WHERE own.id IS NULL AND o.barcode = s.item_barcode
) other ON true
"""
_ITEM = "coalesce(own.id, CASE WHEN other.found = 1 THEN other.id END)"
_FOUND = f"l.id AS library_id, c.patron_id, {_ITEM} AS item_id, other.found AS elsewhere"
_KNOWN_LIBRARY = Check(
    "library",
    "r.library_id IS NULL",
    f"{shown('r.library')} || 'is not a library here; it needs branches or patrons'",
)
_KNOWN_PATRON = Check(
    "patron_barcode", "r.library_id IS NOT NULL AND r.patron_id IS NULL",
    "'is no card of this library; add the patron to patrons.csv'",
)  # fmt: skip
_KNOWN_ITEM = Check(
    "item_barcode", "r.library_id IS NOT NULL AND r.item_barcode IS NOT NULL AND r.item_id IS NULL",
    f"{shown('r.item_barcode')} || CASE WHEN r.elsewhere > 1"
    " THEN 'is not this library''s, and ' || r.elsewhere || ' other libraries have it; one must'"
    " ELSE 'is not an item of any library; add it to items.csv' END",
)  # fmt: skip

LOAN_VALUES = {
    "due_at": "s.due_at",
    "returned_at": "s.returned_at",
    "renewals_left": "coalesce(s.renewals_left, t.renewals_left)",
    "lost": "coalesce(s.lost, t.lost)",
    "branch_id:branch": "{branch}",
}

# Rows that would put an item on a second open loan, unless the file returns the first.
REFUSE_SECOND_LOANS = """
INSERT INTO import_problem
SELECT 'loans', s.line, 'item_barcode', s.key,
       'is already on another open loan; fill in returned_at here, or return that loan first'
FROM import_loans s JOIN loan o ON o.item_id = s.item_id AND o.returned_at IS NULL
WHERE s.returned_at IS NULL AND (s.is_new OR s.changed) AND o.id IS DISTINCT FROM s.target_id
  AND NOT EXISTS (SELECT FROM import_loans f WHERE f.target_id = o.id AND f.returned_at IS NOT NULL)
"""

# New loans, a range of lines at a time: the checks of foreign keys wait in memory for the end of a statement.
INSERT_LOANS = """
INSERT INTO loan (library_id, patron_id, item_id, checked_out_at, due_at, returned_at, renewals_left, lost,
    branch_id)
SELECT library_id, patron_id, item_id, checked_out_at, due_at, returned_at, coalesce(renewals_left, 0),
       coalesce(lost, false), branch_id
FROM import_loans WHERE is_new AND line >= $1 AND line < $2 ORDER BY patron_id, checked_out_at, line
"""

# Items of these libraries whose loan the import opened, where items.csv says no more than AVAILABLE.
LEND_ITEMS = """
UPDATE item i SET status = CASE WHEN s.lost THEN 'LOST' ELSE 'ON_LOAN' END
FROM import_loans s
WHERE i.id = s.item_id AND i.status = 'AVAILABLE' AND s.returned_at IS NULL AND (s.is_new OR s.changed)
  AND i.library_id = ANY ($1::bigint[])
"""

# A patron was active at the latest when one of the rows that changed something happened.
TOUCH_PATRONS = """
UPDATE patron p SET last_activity_at = a.at
FROM (SELECT patron_id, max({at}) AS at FROM import_{file} WHERE is_new OR changed GROUP BY patron_id) a
WHERE p.id = a.patron_id AND a.at IS NOT NULL AND (p.last_activity_at IS NULL OR p.last_activity_at < a.at)
"""
TOUCH_BY_LOANS = TOUCH_PATRONS.format(file="loans", at="greatest(checked_out_at, returned_at)")
TOUCH_BY_RESERVATIONS = TOUCH_PATRONS.format(file="reservations", at="requested_at")

_STATE = """CASE WHEN s.cancelled_at IS NOT NULL THEN 'CANCELLED' WHEN s.fulfilled_at IS NOT NULL THEN
    'FULFILLED'
    ELSE 'OPEN' END"""
RESERVATION_VALUES = {
    "pickup_branch_id:pickup_branch": "{branch}",
    "frozen": "coalesce(s.frozen, t.frozen)",
    "cancelled_at": "s.cancelled_at",
    "fulfilled_at": "s.fulfilled_at",
    "state:library": f"CASE WHEN {_STATE} = 'OPEN' AND t.state = 'EXPIRED' THEN t.state ELSE {_STATE} END",
}

# New reservations, a range of lines at a time.
INSERT_RESERVATIONS = f"""
INSERT INTO reservation (library_id, patron_id, item_id, requested_at, pickup_branch_id, frozen, state,
    fulfilled_at,
                         cancelled_at)
SELECT library_id, patron_id, item_id, requested_at, branch_id, coalesce(frozen, false),
       {_STATE}, fulfilled_at, cancelled_at
FROM import_reservations s WHERE is_new AND line >= $1 AND line < $2 ORDER BY patron_id, requested_at, line
"""

DEBT_VALUES = {
    "amount": "s.amount",
    "reason": "coalesce(s.reason, '')",
    "note": "s.note",
    "created_at:charged_at": "s.charged_at",
    "loan_id:item_barcode": "coalesce(s.loan_id, t.loan_id)",
}

# New charges, a range of lines at a time.
INSERT_CHARGES = """
INSERT INTO ledger_entry (library_id, patron_id, loan_id, kind, amount, reason, note, external_id, created_at,
                          outstanding)
SELECT library_id, patron_id, loan_id, 'CHARGE', amount, coalesce(reason, ''), note, external_id, charged_at,
       amount - coalesce(paid, 0)
FROM import_debts WHERE is_new AND line >= $1 AND line < $2 ORDER BY patron_id, charged_at, line
"""

# What was paid of new charges, and of charges of which nothing was.
INSERT_PAYMENTS = """
INSERT INTO ledger_entry (library_id, patron_id, charge_id, loan_id, kind, amount, external_id, created_at)
SELECT s.library_id, s.patron_id, t.id, t.loan_id, 'PAYMENT', s.paid, s.external_id || ':paid', s.charged_at
FROM import_debts s JOIN ledger_entry t ON t.library_id = s.library_id AND t.external_id = s.external_id
WHERE s.paid > 0 AND (s.is_new OR s.changed) AND s.payment_id IS NULL AND s.line >= $1 AND s.line < $2
ORDER BY s.patron_id, s.charged_at, s.line
"""

# Holds the charges that change, so that a payment at the desk is counted either before or after.
LOCK_CHARGES = """
SELECT count(*) FROM (
    SELECT FROM ledger_entry t JOIN import_debts s ON s.target_id = t.id WHERE s.changed FOR UPDATE OF t) held
"""
UPDATE_PAYMENTS = """
UPDATE ledger_entry p SET amount = s.paid FROM import_debts s
WHERE p.id = s.payment_id AND s.changed AND s.paid > 0 AND p.amount <> s.paid
"""
DELETE_PAYMENTS = """
DELETE FROM ledger_entry p USING import_debts s
WHERE p.id = s.payment_id AND s.changed AND coalesce(s.paid, 0) = 0
"""

# What is left of a changed charge: its amount less every entry that settled some of it, refunds given back.
SETTLE_CHARGES = """
UPDATE ledger_entry t SET outstanding = t.amount - coalesce((
    SELECT sum(CASE WHEN e.kind = 'REFUND' THEN -e.amount ELSE e.amount END)
    FROM ledger_entry e WHERE e.charge_id = t.id), 0)
FROM import_debts s WHERE s.changed AND t.id = s.target_id
"""


def _filled(values: dict[str, str], branch: str) -> dict[str, str]:
    return {column: value.replace("{branch}", branch) for column, value in values.items()}


def resolve_loans(known: Collection[str]) -> str:
    """Return the statement that finds patron, item and the loan that is already there."""
    return create_resolved(
        LOANS,
        f"{_FOUND}, b.id AS branch_id, t.id AS target_id, t.id IS NULL AS is_new,"
        f" {changed('t', _filled(LOAN_VALUES, 'b.id'), known)} AS changed",
        f"{_REFERENCES} LEFT JOIN branch b ON b.library_id = l.id AND b.code = s.branch"
        f" LEFT JOIN loan t ON t.patron_id = c.patron_id AND t.item_id = {_ITEM}"
        " AND t.checked_out_at = s.checked_out_at",
        [
            _KNOWN_LIBRARY,
            _KNOWN_PATRON,
            _KNOWN_ITEM,
            Check("branch", "r.library_id IS NOT NULL AND r.branch IS NOT NULL AND r.branch_id IS NULL",
                  f"{shown('r.branch')} {UNKNOWN_BRANCH}"),
            Check("returned_at", "r.returned_at < r.checked_out_at",
                  "'is before checked_out_at; a loan ends after it began'"),
        ],
    )  # fmt: skip


LOAN_DUPLICATES = (
    find_duplicates(
        LOANS, "", "patron_id, item_id, checked_out_at", "true",
        "is the same loan as line %s: patron, item and checked_out_at are equal; keep one of the rows",
    ),
    find_duplicates(
        LOANS, "item_barcode", "item_id", "returned_at IS NULL",
        "is already on an open loan on line %s of this file; fill in returned_at on one of the rows",
    ),
)  # fmt: skip


def update_loans(known: Collection[str]) -> list[str]:
    """Return the statements that change loans: those that end come first, which frees their items."""
    sets = assignments(_filled(LOAN_VALUES, "s.branch_id"), known)
    base = f"UPDATE loan t SET {sets} FROM import_loans s WHERE s.changed AND t.id = s.target_id"
    return [f"{base} AND s.returned_at IS NOT NULL", f"{base} AND s.returned_at IS NULL"]


def resolve_reservations(known: Collection[str]) -> str:
    """Return the statement that finds patron, item and the reservation that is already there."""
    return create_resolved(
        RESERVATIONS,
        f"{_FOUND}, b.id AS branch_id, t.id AS target_id, t.id IS NULL AS is_new,"
        f" {changed('t', _filled(RESERVATION_VALUES, 'b.id'), known)} AS changed",
        f"{_REFERENCES} LEFT JOIN branch b ON b.library_id = l.id AND b.code = s.pickup_branch"
        f" LEFT JOIN reservation t ON t.patron_id = c.patron_id AND t.item_id = {_ITEM}"
        " AND t.requested_at = s.requested_at",
        [
            _KNOWN_LIBRARY,
            _KNOWN_PATRON,
            _KNOWN_ITEM,
            Check("pickup_branch",
                  "r.library_id IS NOT NULL AND r.pickup_branch IS NOT NULL AND r.branch_id IS NULL",
                  f"{shown('r.pickup_branch')} {UNKNOWN_BRANCH}"),
            Check("cancelled_at", "r.cancelled_at IS NOT NULL AND r.fulfilled_at IS NOT NULL",
                  "'is filled in and so is fulfilled_at; a reservation ends once'"),
        ],
    )  # fmt: skip


RESERVATION_DUPLICATES = (
    find_duplicates(
        RESERVATIONS, "", "patron_id, item_id, requested_at", "true",
        "is the same reservation as line %s: patron, item and requested_at are equal; keep one of the rows",
    ),
)  # fmt: skip


def update_reservations(known: Collection[str]) -> list[str]:
    """Return the statement that changes the reservations that differ."""
    sets = assignments(_filled(RESERVATION_VALUES, "s.branch_id"), known)
    return [f"UPDATE reservation t SET {sets} FROM import_reservations s WHERE s.changed AND t.id = s.target_id"]


def resolve_debts(known: Collection[str]) -> str:
    """Return the statement that finds patron, the loan a debt is about, and the charge if it is there."""
    paid = "coalesce(p.amount, 0) <> coalesce(s.paid, 0)" if "paid" in known else "false"
    return create_resolved(
        DEBTS,
        f"{_FOUND}, n.id AS loan_id, t.id AS target_id, t.kind AS target_kind,"
        f" t.patron_id AS target_patron_id, p.id AS payment_id, t.id IS NULL AS is_new,"
        f" {changed('t', DEBT_VALUES | {'loan_id:item_barcode': 'coalesce(n.id, t.loan_id)'}, known)}"
        f" OR (t.id IS NOT NULL AND {paid}) AS changed",
        f"""{_REFERENCES}
LEFT JOIN LATERAL (
    SELECT n.id FROM loan n
    WHERE n.patron_id = c.patron_id AND n.item_id = {_ITEM} AND n.checked_out_at <= s.charged_at
    ORDER BY n.checked_out_at DESC LIMIT 1
) n ON s.item_barcode IS NOT NULL
LEFT JOIN ledger_entry t ON t.library_id = l.id AND t.external_id = s.external_id
LEFT JOIN ledger_entry p ON p.library_id = l.id AND p.external_id = s.external_id || ':paid'
""",
        [
            _KNOWN_LIBRARY,
            _KNOWN_PATRON,
            _KNOWN_ITEM,
            Check("external_id", "r.external_id LIKE '%:paid'",
                  "'ends in :paid, which is kept for payments; choose another'"),
            Check("external_id", "r.target_id IS NOT NULL AND (r.target_kind <> 'CHARGE'"
                  " OR (r.patron_id IS NOT NULL AND r.target_patron_id <> r.patron_id))",
                  "'is the id of another patron''s debt; each debt needs one of its own'"),
            Check("amount", "r.amount = 0", "'is nothing; a debt is more than 0'"),
        ],
    )  # fmt: skip


DEBT_DUPLICATES = (
    find_duplicates(
        DEBTS, "external_id", "library_id, external_id", "true",
        "is already on line %s of this file; a debt has one row",
    ),
)  # fmt: skip


def update_debts(known: Collection[str]) -> list[str]:
    """Return the statements that change charges and payments, and what is then outstanding."""
    sets = assignments(DEBT_VALUES, known)
    charges = f"UPDATE ledger_entry t SET {sets} FROM import_debts s WHERE s.changed AND t.id = s.target_id"
    payments = [UPDATE_PAYMENTS, DELETE_PAYMENTS] if "paid" in known else []
    return [LOCK_CHARGES, charges, *payments]
