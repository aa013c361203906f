"""What must be true of patrons after a purge: wholly gone or wholly there; and how whatever was there is found.

Nothing here comes from the product: tables that name patrons are found in the catalogue, what was there stands in
copies made before (witness.copy_…), what the desk was told stands in its journal (witness.act).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Invariant:
    """A name for reports, the sentence that must be true, and the SELECT whose rows contradict it."""

    name: str
    sentence: str
    sql: str


# -- prepared once a check, from the catalogue (checker.py fills in one part for each table) ---------------------

PREPARED = """
CREATE TEMPORARY TABLE gone AS
SELECT id AS patron_id, library_id FROM witness.copy_patron before
WHERE NOT EXISTS (SELECT FROM patron WHERE patron.id = before.id);

CREATE TEMPORARY TABLE touched AS SELECT DISTINCT patron_id FROM witness.act;

CREATE TEMPORARY TABLE loose AS
SELECT DISTINCT patron_id, name
FROM witness.act JOIN (VALUES ('MOVE', 'group_membership'), ('MOVE', 'privacy_waiver'), ('ACTIVATE', 'session'))
     AS may(verb, name) USING (verb);

CREATE TEMPORARY TABLE expected AS
SELECT patron_id, name, sum(n)::int AS n
FROM (
    {copied}
    UNION ALL
    SELECT patron_id, name, 1
    FROM witness.act JOIN (VALUES ('LEND', 'loan'), ('RESERVE', 'reservation'), ('CHARGE', 'ledger_entry'),
                                  ('PAY', 'ledger_entry'), ('EXPORT', 'data_export')) AS makes(verb, name) USING (verb)
    WHERE ok
) AS each GROUP BY patron_id, name;

CREATE TEMPORARY TABLE actual AS {actual};

ANALYZE gone; ANALYZE touched; ANALYZE expected; ANALYZE actual
"""

# A patron's rows that the desk may have changed are compared without the columns that its verbs set.
MAY_CHANGE = {
    "patron": ("status", "status_changed_at", "purge_after", "protected", "version", "updated_at", "last_activity_at"),
    "loan": ("returned_at", "due_at", "renewals_left", "lost"),
    "reservation": ("state", "fulfilled_at", "cancelled_at"),
    "ledger_entry": ("outstanding",),
    "data_export": (
        "state",
        "path",
        "sha256",
        "size",
        "ready_at",
        "expires_at",
        "downloads",
        "key_id",
        "sealed_key",
    ),
}

UNHARMED = """
SELECT before.{patron} AS patron_id, '{table}' AS name, before.{key} AS row
FROM witness.copy_{table} before
LEFT JOIN {table} now ON now.{key} = before.{key}
WHERE EXISTS (SELECT FROM patron WHERE patron.id = before.{patron})
  AND NOT EXISTS (SELECT FROM loose WHERE loose.patron_id = before.{patron} AND loose.name = '{table}')
  AND CASE WHEN EXISTS (SELECT FROM touched WHERE touched.patron_id = before.{patron})
           THEN to_jsonb(before) - ARRAY[{changing}]::text[] IS DISTINCT FROM to_jsonb(now) - ARRAY[{changing}]::text[]
           ELSE to_jsonb(before) IS DISTINCT FROM to_jsonb(now) END
"""

# -- the statistics that should have been added, by every column but the key ------------------------------------

_STATISTIC = "library_id, checked_out_on, returned_on, item_id, title, material_type, branch_id, category, lost"

_STATISTICS_WANTED = """
SELECT loan.library_id, (loan.checked_out_at AT TIME ZONE 'UTC')::date AS checked_out_on,
       (loan.returned_at AT TIME ZONE 'UTC')::date AS returned_on, loan.item_id, item.title, item.material_type,
       loan.branch_id, patron.category, loan.lost
FROM gone
JOIN witness.copy_patron patron ON patron.id = gone.patron_id
JOIN witness.copy_loan loan ON loan.patron_id = gone.patron_id AND loan.returned_at IS NOT NULL
JOIN item ON item.id = loan.item_id
"""

STATISTICS_ADDED = """
SELECT added.* FROM loan_statistic added
WHERE NOT EXISTS (SELECT FROM witness.copy_loan_statistic before WHERE before.id = added.id)
"""

# Items that only the journal knows: lent and returned at the desk during the run.
_DESK_ITEM = "item_id IN (SELECT item_id FROM witness.act WHERE verb = 'LEND')"

OF_PATRONS = (
    Invariant(
        "wholly_gone",
        "A patron who is gone has no row left in any table that names patrons.",
        "SELECT patron_id, name, n FROM actual JOIN gone USING (patron_id)",
    ),
    Invariant(
        "wholly_there",
        "A patron who is there has as many rows in each table as before, and those that the desk was told were made.",
        """
        SELECT patron_id, name, expected.n AS expected, actual.n AS found
        FROM expected FULL JOIN actual USING (patron_id, name)
        WHERE expected.n IS DISTINCT FROM actual.n
          AND EXISTS (SELECT FROM patron WHERE patron.id = coalesce(expected.patron_id, actual.patron_id))
          AND NOT EXISTS (SELECT FROM loose WHERE (loose.patron_id, loose.name) =
                          (coalesce(expected.patron_id, actual.patron_id), coalesce(expected.name, actual.name)))
        """,
    ),
    Invariant(
        "unharmed", "Each row of a patron who is there is as it was, but for what the desk changed.", "{unharmed}"
    ),
    Invariant(
        "one_tombstone",
        "Each patron who is gone has exactly one tombstone, and nobody who is there has one.",
        """
        SELECT coalesce(gone.patron_id, stone.patron_id) AS patron_id, count(stone.id) AS tombstones
        FROM gone FULL JOIN tombstone stone ON stone.patron_id = gone.patron_id
        GROUP BY 1 HAVING count(stone.id) <> 1 OR count(gone.patron_id) <> 1
        """,
    ),
    Invariant(
        "tombstone_rows",
        "A tombstone says how many rows of each table went: those from before and those that the desk made.",
        """
        SELECT patron_id, name, expected.n AS expected, said.n AS said
        FROM (SELECT expected.* FROM expected JOIN gone USING (patron_id)) AS expected
        FULL JOIN (SELECT patron_id, key AS name, value::int AS n
                   FROM tombstone CROSS JOIN LATERAL jsonb_each_text(rows) WHERE value <> '0') AS said
             USING (patron_id, name)
        WHERE expected.n IS DISTINCT FROM said.n AND name <> 'download_link'
          AND NOT EXISTS (SELECT FROM loose WHERE (loose.patron_id, loose.name) =
                          (coalesce(expected.patron_id, said.patron_id), coalesce(expected.name, said.name)))
        """,
    ),
    Invariant(
        "statistics_once",
        "Each finished loan of a patron who is gone has one statistic with its data; no other loan has any.",
        f"""
        SELECT {_STATISTIC}, sum(n) AS too_many
        FROM (
            SELECT {_STATISTIC}, 1 AS n FROM ({STATISTICS_ADDED}) AS added WHERE NOT {_DESK_ITEM}
            UNION ALL SELECT {_STATISTIC}, -1 FROM ({_STATISTICS_WANTED}) AS wanted
        ) AS both_sides GROUP BY {_STATISTIC} HAVING sum(n) <> 0
        """,
    ),
    Invariant(
        "statistics_desk",
        "A loan made and returned or lost at the desk meanwhile has one statistic when its patron is gone, else none.",
        f"""
        SELECT item_id, sum(n) AS too_many
        FROM (
            SELECT item_id, 1 AS n FROM loan_statistic WHERE {_DESK_ITEM}
            UNION ALL
            SELECT item_id, -1 FROM witness.act JOIN gone USING (patron_id) WHERE verb IN ('RETURN', 'LOSE') AND ok
        ) AS both_sides GROUP BY item_id HAVING sum(n) <> 0
        """,
    ),
    Invariant(
        "ledger",
        "What is left of a charge is its amount less what was paid or waived.",
        """
        SELECT charge.id, charge.outstanding, charge.amount, sum(part.amount) AS settled
        FROM ledger_entry charge LEFT JOIN ledger_entry part ON part.charge_id = charge.id
        WHERE charge.kind = 'CHARGE'
        GROUP BY charge.id HAVING charge.outstanding <> charge.amount - coalesce(sum(part.amount), 0)
        """,
    ),
    Invariant(
        "ledger_orphans",
        "A payment belongs to a charge of the same patron.",
        """
        SELECT part.id FROM ledger_entry part LEFT JOIN ledger_entry charge ON charge.id = part.charge_id
        WHERE part.kind <> 'CHARGE' AND charge.patron_id IS DISTINCT FROM part.patron_id
        """,
    ),
    Invariant(
        "promise_loan",
        "What was lent with success and neither returned nor lost is on loan to that patron, who is there.",
        """
        SELECT patron_id, item_id FROM witness.act lent WHERE verb = 'LEND' AND ok
          AND NOT EXISTS (SELECT FROM witness.act back
                          WHERE back.verb IN ('RETURN', 'LOSE') AND back.ok AND back.item_id = lent.item_id)
          AND NOT EXISTS (SELECT FROM loan JOIN patron ON patron.id = loan.patron_id
                          WHERE (loan.patron_id, loan.item_id) = (lent.patron_id, lent.item_id) AND returned_at IS NULL)
        """,
    ),
    Invariant(
        "promise_reservation",
        "What was reserved with success and not cancelled is still reserved.",
        """
        SELECT patron_id, item_id FROM witness.act asked WHERE verb = 'RESERVE' AND ok
          AND NOT EXISTS (SELECT FROM witness.act taken
                          WHERE taken.verb = 'CANCEL' AND taken.item_id = asked.item_id)
          AND NOT EXISTS (SELECT FROM reservation
                          WHERE (patron_id, item_id, state) = (asked.patron_id, asked.item_id, 'OPEN'))
        """,
    ),
    Invariant(
        "promise_debt",
        "What was charged with success and not paid is still owed.",
        """
        SELECT patron_id, item_id AS debt FROM witness.act charged WHERE verb = 'CHARGE' AND ok
          AND NOT EXISTS (SELECT FROM witness.act paid WHERE paid.verb = 'PAY' AND paid.item_id = charged.item_id)
          AND NOT EXISTS (SELECT FROM ledger_entry
                          WHERE (id, patron_id) = (charged.item_id, charged.patron_id) AND outstanding = amount)
        """,
    ),
    Invariant(
        "promise_protected",
        "Whoever was protected with success and not released is there.",
        """
        SELECT patron_id FROM witness.act WHERE verb = 'PROTECT' AND ok
          AND NOT EXISTS (SELECT FROM witness.act free WHERE free.verb = 'RELEASE' AND free.patron_id = act.patron_id)
          AND EXISTS (SELECT FROM gone WHERE gone.patron_id = act.patron_id)
        """,
    ),
    Invariant(
        "promise_deleted",
        "Whoever was deleted at the desk with success is gone by no job, and nobody else is.",
        """
        SELECT coalesce(act.patron_id, stone.patron_id) AS patron_id, stone.job_id
        FROM (SELECT DISTINCT patron_id FROM witness.act WHERE verb = 'DELETE' AND ok) AS act
        FULL JOIN (SELECT * FROM tombstone WHERE job_id IS NULL) AS stone USING (patron_id)
        WHERE act.patron_id IS NULL OR stone.id IS NULL
        """,
    ),
    Invariant(
        "items_on_loan",
        "An item has the status ON_LOAN exactly when somebody has it.",
        """
        SELECT item.id, item.status FROM item
        WHERE (item.status = 'ON_LOAN') <> EXISTS (SELECT FROM loan WHERE item_id = item.id AND returned_at IS NULL)
        """,
    ),
    Invariant(
        "groups_have_members",
        "No group is empty.",
        "SELECT id FROM patron_group g WHERE NOT EXISTS (SELECT FROM group_membership m WHERE m.group_id = g.id)",
    ),
    Invariant(
        "one_group_each",
        "Nobody is in two groups.",
        "SELECT patron_id FROM group_membership GROUP BY patron_id HAVING count(*) > 1",
    ),
    Invariant(
        "persons_have_accounts",
        "A person without any account is gone.",
        "SELECT id FROM person WHERE NOT EXISTS (SELECT FROM patron WHERE patron.person_id = person.id)",
    ),
)
