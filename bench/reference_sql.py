"""The five read workloads as one statement each, written by hand for just that answer: the limit to compare with.

$1 is the library. What may be chosen is chosen as the fastest that was tried: one statement, the page first, then
laterals for its rows only.
"""

# The barcode that a patron shows: of the newest active card.
_BARCODE = "(SELECT c.barcode FROM card c WHERE c.patron_id = p.id AND c.active ORDER BY c.id DESC LIMIT 1)"

# Ten values of the patron who has the card $2.
BY_BARCODE = f"""
SELECT row_to_json(r) FROM (
  SELECT 'pat_' || p.id AS id, {_BARCODE} AS barcode, p.username, p.first_name AS "firstName",
         p.last_name AS "lastName", p.email, p.phone, p.category, p.status, p.expires_on AS "expiresOn"
  FROM card k JOIN patron p ON p.id = k.patron_id
  WHERE k.library_id = $1 AND k.barcode = $2
) r
"""

# The patron who has the card $2: ten newest loans, ten open debts, ten blocks, ten members with their counts.
DETAIL = f"""
SELECT row_to_json(r) FROM (
  SELECT 'pat_' || p.id AS id, {_BARCODE} AS barcode, p.first_name AS "firstName", p.last_name AS "lastName",
    p.status,
    (SELECT json_build_object('edges', coalesce(json_agg(json_build_object('node', n)), '[]')) FROM (
       SELECT 'loan_' || l.id AS id, l.checked_out_at AS "checkedOutAt", l.due_at AS "dueAt",
              l.returned_at AS "returnedAt",
              (SELECT json_build_object('title', i.title, 'barcode', i.barcode) FROM item i WHERE i.id = l.item_id)
                AS item
       FROM loan l WHERE l.patron_id = p.id ORDER BY l.id DESC LIMIT 10) n) AS loans,
    (SELECT json_build_object('edges', coalesce(json_agg(json_build_object('node', n)), '[]')) FROM (
       SELECT 'debt_' || e.id AS id, e.amount::text AS amount, e.outstanding::text AS outstanding, e.reason
       FROM ledger_entry e WHERE e.patron_id = p.id AND e.kind = 'CHARGE' AND e.outstanding <> 0
       ORDER BY e.id DESC LIMIT 10) n) AS debts,
    (SELECT json_build_object('edges', coalesce(json_agg(json_build_object('node', n)), '[]')) FROM (
       SELECT 'block_' || b.id AS id, b.comment, b.placed_at AS "placedAt"
       FROM block b
       WHERE b.patron_id = p.id AND b.lifted_at IS NULL AND (b.expires_at IS NULL OR b.expires_at > now())
       ORDER BY b.id DESC LIMIT 10) n) AS blocks,
    (SELECT json_build_object('id', 'grp_' || g.group_id, 'members', (
       SELECT json_build_object('edges', json_agg(json_build_object('node', n))) FROM (
         SELECT m.lead,
           json_build_object('id', 'pat_' || q.id,
             'displayName', btrim(coalesce(q.preferred_name, q.first_name) || ' ' || q.last_name),
             'openLoanCount', o.total, 'overdueLoanCount', o.overdue,
             'debtTotal', (SELECT coalesce(sum(e.outstanding), 0.00)::text FROM ledger_entry e
                           WHERE e.patron_id = q.id AND e.kind = 'CHARGE' AND e.outstanding <> 0)) AS patron
         FROM (SELECT * FROM group_membership m WHERE m.group_id = g.group_id ORDER BY m.id LIMIT 10) m
         JOIN patron q ON q.id = m.patron_id
         CROSS JOIN LATERAL (
           SELECT count(*) AS total, count(*) FILTER (WHERE NOT l.lost AND l.due_at < now()) AS overdue
           FROM loan l WHERE l.patron_id = q.id AND l.returned_at IS NULL) o
         ORDER BY m.id) n))
     FROM group_membership g WHERE g.patron_id = p.id) AS "group"
  FROM card k JOIN patron p ON p.id = k.patron_id
  WHERE k.library_id = $1 AND k.barcode = $2
) r
"""


def _page(values: str, where: str, size: int) -> str:
    """Return a list by name: {values} of the first {size} patrons p, whether it goes on, and after which place.

    That more follow is a look into the index after the last row, not one row more.
    """
    return f"""
SELECT json_build_object('edges', edges, 'pageInfo', json_build_object(
  'hasNextPage', EXISTS (
     SELECT FROM patron p WHERE p.library_id = $1 AND (p.sort_key, p.id) > (last_key, last_id) AND {where}),
  'endCursor', CASE WHEN last_id IS NOT NULL THEN translate(
     encode(convert_to(json_build_array(last_key, last_id)::text, 'UTF8'), 'base64'), E'\\n', '') END))
FROM (
  SELECT coalesce(json_agg(edge), '[]') AS edges, (array_agg(p.sort_key))[count(*)] AS last_key,
         (array_agg(p.id))[count(*)] AS last_id
  FROM (SELECT * FROM patron p WHERE p.library_id = $1 AND {where} ORDER BY p.sort_key, p.id LIMIT {size}) p
  CROSS JOIN LATERAL (SELECT {values}) node
  CROSS JOIN LATERAL (SELECT node) edge
) page
"""


_AFTER = "(p.sort_key, p.id) > ($2::text, $3::bigint)"

# A hundred patrons after a place, each with the totals of the group.
GROUP_TOTALS = _page(
    f"""'pat_' || p.id AS id, {_BARCODE} AS barcode, p.first_name AS "firstName", p.last_name AS "lastName",
       (SELECT json_build_object('id', 'grp_' || g.group_id, 'totals', (
          SELECT json_build_object(
            'openLoans', coalesce(sum(l.total), 0), 'overdueLoans', coalesce(sum(l.overdue), 0),
            'lostLoans', coalesce(sum(l.lost), 0), 'reservations', coalesce(sum(h.total), 0),
            'debt', coalesce(sum(d.total), 0.00)::text)
          FROM group_membership m
          CROSS JOIN LATERAL (
            SELECT count(*) AS total, count(*) FILTER (WHERE NOT l.lost AND l.due_at < now()) AS overdue,
                   count(*) FILTER (WHERE l.lost) AS lost
            FROM loan l WHERE l.patron_id = m.patron_id AND l.returned_at IS NULL) l
          CROSS JOIN LATERAL (
            SELECT count(*) AS total FROM reservation r WHERE r.patron_id = m.patron_id AND r.state = 'OPEN') h
          CROSS JOIN LATERAL (
            SELECT sum(e.outstanding) AS total FROM ledger_entry e
            WHERE e.patron_id = m.patron_id AND e.kind = 'CHARGE' AND e.outstanding <> 0) d
          WHERE m.group_id = g.group_id))
        FROM group_membership g WHERE g.patron_id = p.id) AS "group\"""",
    _AFTER,
    100,
)

_WANTED = """
WITH wanted AS MATERIALIZED (
  SELECT low, low || chr(1114111) AS high FROM (SELECT fold_sort($2) AS low OFFSET 0) once
)
"""

# The first fifty patrons whose name begins with $2, folded once.
SEARCH = _WANTED + _page(
    f"""'pat_' || p.id AS id, {_BARCODE} AS barcode, p.first_name AS "firstName", p.last_name AS "lastName",
       p.date_of_birth AS "dateOfBirth", p.status""",
    "p.sort_key >= (SELECT low FROM wanted) AND p.sort_key < (SELECT high FROM wanted)",
    50,
)

# A thousand patrons after a place, twelve columns.
LONG_LIST = _page(
    """'pat_' || p.id AS id, p.external_id AS "externalId", p.username, p.first_name AS "firstName",
       p.last_name AS "lastName", p.date_of_birth AS "dateOfBirth", p.email, p.phone, p.category,
       p.registered_at AS "registeredAt", p.expires_on AS "expiresOn", p.status""",
    _AFTER,
    1000,
)
