"""A library of any size by a few set-based statements, with every kind of row that a purge meets."""

import asyncpg

BYSTANDER_SHARE = 40
"""One patron of the other library for so many of the first."""

LIBRARY = """
INSERT INTO library (code, name, max_purge_per_operation, purge_waive_limit) VALUES ($1, $1, 1000000, 1) RETURNING id
"""

# A table of numbers 1…n and what they became; every rule below is a rule about the number.
NUMBERED = "CREATE TEMPORARY TABLE IF NOT EXISTS numbered (library bigint, n int, id bigint, PRIMARY KEY (library, n))"

PLACES = """
WITH branches AS (
    INSERT INTO branch (library_id, code, name) VALUES ($1, 'MAIN', 'Main'), ($1, 'EAST', 'East')
)
INSERT INTO cohort (library_id, code, name) VALUES ($1, 'Y9', 'Year 9')
"""

# Of 97 patrons one is in use, of 101 one is protected, of 89 one waits out days of grace, of 30 one is a teacher.
PATRONS = """
WITH made AS (
    INSERT INTO patron (library_id, external_id, first_name, last_name, category, status, purge_after, protected,
                        branch_id, cohort_id, notes, email)
    SELECT $1, 'n' || n, 'First' || n, 'Last' || n, CASE WHEN n % 30 = 0 THEN 'Teacher' ELSE 'Pupil' END,
           CASE WHEN n % 97 = 0 THEN 'ACTIVE' WHEN n % 89 = 1 THEN 'PENDING_PURGE' ELSE 'INACTIVE' END,
           CASE WHEN n % 89 = 1 AND n % 97 <> 0 THEN now() + interval '30 days' END, n % 101 = 2,
           (SELECT min(id) FROM branch WHERE library_id = $1),
           CASE WHEN n % 2 = 0 THEN (SELECT min(id) FROM cohort WHERE library_id = $1) END,
           'a note', 'p' || n || '@example.org'
    FROM generate_series(1, $2::int) AS n
    RETURNING id, substr(external_id, 2)::int AS n
)
INSERT INTO numbered SELECT $1, n, id FROM made
"""

BELONGINGS = """
WITH who AS (SELECT n, id FROM numbered WHERE library = $1),
cards AS (INSERT INTO card (library_id, patron_id, barcode) SELECT $1, id, 'card-' || id FROM who),
second AS (
    INSERT INTO card (library_id, patron_id, barcode, active)
    SELECT $1, id, 'old-card-' || id, false FROM who WHERE n % 6 = 0
),
homes AS (INSERT INTO address (library_id, patron_id, street) SELECT $1, id, 'Street ' || n FROM who),
mail AS (
    INSERT INTO address (library_id, patron_id, kind, street)
    SELECT $1, id, 'MAILING', 'Box ' || n FROM who WHERE n % 4 = 1
),
pins AS (INSERT INTO patron_pin (patron_id, library_id, pin_hash) SELECT id, $1, 'not a hash' FROM who WHERE n % 3 > 0),
blocks AS (
    INSERT INTO block (library_id, patron_id, comment, lifted_at) SELECT $1, id, 'noisy', now() FROM who WHERE n % 5 = 0
)
INSERT INTO session (library_id, patron_id, token_sha256, expires_at)
SELECT $1, id, lpad(id::text, 64, '0'), now() + interval '30 days' FROM who WHERE n % 7 = 0
"""

# Groups of three; each second member has given a privacy waiver.
GROUPS = """
WITH made AS (
    INSERT INTO patron_group (library_id, external_id)
    SELECT $1, 'g' || n / 10 FROM numbered WHERE library = $1 AND n % 10 = 1
    RETURNING id, substr(external_id, 2)::int AS tens
), members AS (
    INSERT INTO group_membership (library_id, group_id, patron_id, lead)
    SELECT $1, made.id, who.id, who.n % 10 = 1
    FROM made JOIN numbered who ON who.library = $1 AND who.n / 10 = made.tens AND who.n % 10 IN (1, 2, 3)
)
INSERT INTO privacy_waiver (library_id, group_id, patron_id)
SELECT $1, made.id, who.id
FROM made JOIN numbered who ON who.library = $1 AND who.n / 10 = made.tens AND who.n % 10 = 2
"""

ITEMS = """
INSERT INTO item (library_id, barcode, title, material_type, status, branch_id)
SELECT $1, kind || '-' || n, 'Title ' || n % 1000, 'BOOK', status,
       (SELECT max(id) FROM branch WHERE library_id = $1)
FROM (
    SELECT 'item' AS kind, n, 'AVAILABLE' AS status FROM generate_series(1, $2::int) AS n
    UNION ALL SELECT 'desk', n, 'AVAILABLE' FROM generate_series(1, $3::int) AS n
    UNION ALL SELECT 'open', n, 'ON_LOAN' FROM numbered WHERE library = $1 AND n % 53 = 3
    UNION ALL SELECT 'held', n, 'AVAILABLE' FROM numbered WHERE library = $1 AND n % 59 = 4
) AS wanted
"""

# Three finished loans each, dates all over two years; of 53 patrons one has a book at home.
LOANS = """
INSERT INTO loan (library_id, patron_id, item_id, checked_out_at, due_at, returned_at, branch_id, lost)
SELECT $1, who.id, item.id, at, at + interval '28 days', at + interval '20 days',
       (SELECT min(id) FROM branch WHERE library_id = $1), who.n % 200 = 0
FROM numbered who
CROSS JOIN generate_series(0, 2) AS k
CROSS JOIN LATERAL (
    SELECT timestamptz '2023-01-01 23:30+00' + make_interval(days => (who.n * 7 + k * 211) % 700) AS at
) AS day
JOIN item ON item.library_id = $1 AND item.barcode = 'item-' || 1 + (who.n * 31 + k * 17) % $2::int
WHERE who.library = $1
UNION ALL
SELECT $1, who.id, item.id, now() - interval '9 days', now() + interval '9 days', NULL, NULL, false
FROM numbered who JOIN item ON item.library_id = $1 AND item.barcode = 'open-' || who.n
WHERE who.library = $1
"""

RESERVATIONS = """
INSERT INTO reservation (library_id, patron_id, item_id, state, fulfilled_at)
SELECT $1, who.id, item.id, 'OPEN', NULL
FROM numbered who JOIN item ON item.library_id = $1 AND item.barcode = 'held-' || who.n
WHERE who.library = $1
UNION ALL
SELECT $1, who.id, item.id, 'FULFILLED', now()
FROM numbered who JOIN item ON item.library_id = $1 AND item.barcode = 'item-' || 1 + who.n % $2::int
WHERE who.library = $1 AND who.n % 4 = 0
"""

# A third has paid a debt; of 61 one owes 5, of 67 one owes less than is waived, of 71 one has a credit of 2.
LEDGER = """
WITH charge AS (
    INSERT INTO ledger_entry (library_id, patron_id, kind, amount, outstanding, loan_id)
    SELECT $1, id, 'CHARGE', amount, outstanding,
           (SELECT min(loan.id) FROM loan WHERE loan.patron_id = numbered.id AND returned_at IS NOT NULL)
    FROM numbered CROSS JOIN LATERAL (VALUES
        (n % 3 = 0, 3.00, 0.00), (n % 61 = 5, 5.00, 5.00), (n % 67 = 6, 0.50, 0.50), (n % 71 = 7, 1.00, -2.00)
    ) AS kind(wanted, amount, outstanding)
    WHERE library = $1 AND wanted
    RETURNING id, patron_id, amount, outstanding
)
INSERT INTO ledger_entry (library_id, patron_id, charge_id, kind, amount)
SELECT $1, patron_id, id, 'PAYMENT', amount - outstanding FROM charge WHERE amount <> outstanding
"""

# Accounts of one person: two here, and one here with one of the other library.
PERSONS = """
WITH pair AS (
    SELECT a.id AS one, b.id AS other
    FROM numbered a JOIN numbered b
      ON b.library = a.library AND b.n = a.n + 1 AND a.n % 20 = 9
      OR b.library = $2 AND a.n = b.n * $3::int - 3
    WHERE a.library = $1
), named AS (
    SELECT one, other, nextval(pg_get_serial_sequence('person', 'id')) AS person FROM pair
), made AS (
    INSERT INTO person (id) OVERRIDING SYSTEM VALUE SELECT person FROM named
)
UPDATE patron SET person_id = named.person FROM named WHERE patron.id IN (named.one, named.other)
"""

# Deleting a patron takes as long as the one row of witness.pace says, so that a run lasts as long as its faults.
PACE = """
CREATE SCHEMA witness;
CREATE TABLE witness.pace (seconds float8 NOT NULL);
INSERT INTO witness.pace VALUES (0);
CREATE FUNCTION witness.slow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(seconds) FROM witness.pace WHERE seconds > 0;
    RETURN OLD;
END $$;
CREATE TRIGGER witness_slow BEFORE DELETE ON patron FOR EACH ROW EXECUTE FUNCTION witness.slow();
"""


async def build(connection: "asyncpg.Connection[asyncpg.Record]", patrons: int, desk: int) -> tuple[int, int]:
    """Make the library TORTURE with so many patrons and items for the desk, and a BYSTANDER; return their ids."""
    async with connection.transaction():
        await connection.execute(NUMBERED)
        library = await _one(connection, "TORTURE", patrons, desk)
        bystander = await _one(connection, "BYSTANDER", max(8, patrons // BYSTANDER_SHARE), 1)
        await connection.execute(PERSONS, library, bystander, BYSTANDER_SHARE)
        await connection.execute("DROP TABLE numbered")
        await connection.execute(PACE)
    await connection.execute("VACUUM (ANALYZE)")
    await connection.execute("CHECKPOINT")
    return library, bystander


async def _one(connection: "asyncpg.Connection[asyncpg.Record]", code: str, patrons: int, desk: int) -> int:
    library: int = await connection.fetchval(LIBRARY, code)
    for statement, *arguments in (
        (PLACES,), (PATRONS, patrons), (BELONGINGS,), (GROUPS,), (ITEMS, patrons * 2, desk),
        (LOANS, patrons * 2), (RESERVATIONS, patrons * 2), (LEDGER,),
    ):  # fmt: skip
        await connection.execute(statement, library, *arguments)
    return library
