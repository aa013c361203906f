"""How rows of branches.csv and items.csv become branches and items, and when they are rejected.

Beside the six names because each file of a snapshot has its own rules; see people.py and circulation.py for
the others. A column that the file does not have leaves what is there; an empty cell empties it, but for a
status.
"""

from collections.abc import Collection

from patrongraph.imports.layout import BRANCHES, ITEMS
from patrongraph.imports.queries import LIBRARIES, Check, create_resolved, find_duplicates, shown

# A new library's code must be one that `library.create` accepts.
LIBRARY_CODE = Check(
    "library",
    """r.library_id IS NULL AND (r.library COLLATE "pg_c_utf8") !~
    '^[[:alnum:]]([[:alnum:]_.-]{0,38}[[:alnum:]])?$'""",
    f"{shown('r.library')} || 'is not a library code; use letters, digits, dots, hyphens and underscores'",
)
UNKNOWN_BRANCH = "|| 'is not a branch of this library; add it to branches.csv'"


def changed(target: str, pairs: dict[str, str], known: Collection[str]) -> str:
    """Return SQL that is true when `target` exists and differs in a column that the file has."""
    compared = {column: value for column, (value, needs) in _needs(pairs).items() if needs in known}
    if not compared:
        return "false"
    old = ", ".join(f"{target}.{column}" for column in compared)
    return f"({target}.id IS NOT NULL AND ROW({old}) IS DISTINCT FROM ROW({', '.join(compared.values())}))"


def _needs(pairs: dict[str, str]) -> dict[str, tuple[str, str]]:
    return {column.split(":")[0]: (value, column.split(":")[-1]) for column, value in pairs.items()}


def assignments(pairs: dict[str, str], known: Collection[str]) -> str:
    """Return the SET list of the columns that the file has."""
    return ", ".join(f"{column} = {value}" for column, (value, needs) in _needs(pairs).items() if needs in known)


BRANCH_VALUES = {"name": "coalesce(s.name, s.code)", "phone": "s.phone", "email": "s.email"}

# One name for each library: that of the branch row whose code is the library's.
NEW_LIBRARY_NAMES = """
SELECT lower(library) AS code, min(name) AS name FROM import_branches WHERE lower(code) = lower(library)
    GROUP BY 1
"""

# A library takes the name of its own row in branches.csv.
RENAME_LIBRARIES = """
UPDATE library l SET name = s.name FROM import_branches s
WHERE l.id = s.library_id AND lower(s.code) = lower(s.library) AND s.name IS NOT NULL AND l.name <> s.name
"""

# The branches that no row had yet.
INSERT_BRANCHES = """
INSERT INTO branch (library_id, code, name, phone, email)
SELECT library_id, code, coalesce(name, code), phone, email FROM import_branches WHERE is_new ORDER BY line
"""

ITEM_STATUS = """CASE WHEN s.status = 'AVAILABLE' AND t.status IN ('ON_LOAN', 'LOST')
    AND EXISTS (SELECT FROM loan o WHERE o.item_id = t.id AND o.returned_at IS NULL)
    THEN t.status ELSE coalesce(s.status, t.status) END"""
ITEM_VALUES = {
    "branch_id:branch": "{branch}", "title": "coalesce(s.title, '')", "author": "coalesce(s.author, '')",
    "call_number": "coalesce(s.call_number, '')", "material_type": "coalesce(s.material_type, '')",
    "price": "s.price", "status": ITEM_STATUS,
}  # fmt: skip

# The items that no row had yet, a range of lines at a time so that PostgreSQL's memory stays flat.
INSERT_ITEMS = """
INSERT INTO item (library_id, branch_id, barcode, title, author, call_number, material_type, price, status)
SELECT library_id, branch_id, barcode, coalesce(title, ''), coalesce(author, ''), coalesce(call_number, ''),
       coalesce(material_type, ''), price, coalesce(status, 'AVAILABLE')
FROM import_items WHERE is_new AND line >= $1 AND line < $2 ORDER BY line
"""


def resolve_branches(known: Collection[str]) -> str:
    """Return the statement that finds the branches that exist."""
    return create_resolved(
        BRANCHES,
        f"l.id AS library_id, t.id IS NULL AS is_new, {changed('t', BRANCH_VALUES, known)} AS changed,"
        " t.id AS target_id",
        f"LEFT JOIN {LIBRARIES} l ON l.code = lower(s.library)"
        " LEFT JOIN branch t ON t.library_id = l.id AND t.code = s.code",
        [
            LIBRARY_CODE,
            Check("name", "r.name ~ '[[:cntrl:]]'",
                  "'holds a line end or another control character; write it in one line'"),
        ],
    )  # fmt: skip


def update_branches(known: Collection[str]) -> str:
    """Return the statement that changes the branches that differ."""
    sets = assignments(BRANCH_VALUES, known)
    return f"UPDATE branch t SET {sets} FROM import_branches s WHERE s.changed AND t.id = s.target_id" if sets else ""


BRANCH_DUPLICATES = (
    find_duplicates(
        BRANCHES,
        "code",
        "lower(library), code",
        "true",
        "is already on line %s of this file; keep one of the rows",
    ),
)


def resolve_items(known: Collection[str]) -> str:
    """Return the statement that finds the items that exist and the branches that the rows name."""
    values = {column: value.replace("{branch}", "b.id") for column, value in ITEM_VALUES.items()}
    return create_resolved(
        ITEMS,
        "l.id AS library_id, b.id AS branch_id, t.id AS target_id, t.id IS NULL AS is_new,"
        f" {changed('t', values, known)} AS changed",
        f"LEFT JOIN {LIBRARIES} l ON l.code = lower(s.library)"
        " LEFT JOIN branch b ON b.library_id = l.id AND b.code = s.branch"
        " LEFT JOIN item t ON t.library_id = l.id AND t.barcode = s.barcode",
        [
            LIBRARY_CODE,
            Check(
                "branch",
                "r.branch IS NOT NULL AND r.branch_id IS NULL",
                f"{shown('r.branch')} {UNKNOWN_BRANCH}",
            ),
        ],
    )


def update_items(known: Collection[str]) -> str:
    """Return the statement that changes the items that differ."""
    values = {column: value.replace("{branch}", "s.branch_id") for column, value in ITEM_VALUES.items()}
    sets = assignments(values, known)
    return f"UPDATE item t SET {sets} FROM import_items s WHERE s.changed AND t.id = s.target_id" if sets else ""


ITEM_DUPLICATES = (
    find_duplicates(
        ITEMS, "barcode", "lower(library), barcode", "true",
        "is already on line %s of this file; an item has one row",
    ),
)  # fmt: skip
