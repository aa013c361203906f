"""Three small libraries, always the same, whose rows lie interleaved: whatever crosses a library shows.

Row n of a table has the id 3 * (n - 1) + library in each library, so that id 1 is NORTH's, 2 SOUTH's, 3 EAST's.
The libraries hold the same kinds of patrons; they differ in policy, and each lends an item to the next one.
"""

import datetime as dt
import json
import unicodedata
import uuid
from collections import defaultdict
from decimal import Decimal
from typing import Any

from patrongraph import db
from patrongraph.context import Actor, ActorKind
from patrongraph.permissions import ALL_PERMISSIONS, Permission

NORTH, SOUTH, EAST = 1, 2, 3
CODES = {NORTH: "NORTH", SOUTH: "SOUTH", EAST: "EAST"}
LEVELS = {NORTH: Decimal("5.00"), SOUTH: Decimal("0.00"), EAST: None}
ADMIN, CLERK, LOCKED, FORMER = 1, 2, 3, 4
LETTERS = {NORTH: "N", SOUTH: "S", EAST: "E"}

# Parents before children.
TABLES = (
    "library", "branch", "cohort", "person", "staff_user", "role", "staff_role", "api_token", "patron", "address",
    "card", "block", "patron_group", "group_membership", "privacy_waiver", "item", "loan", "reservation",
    "ledger_entry", "job", "job_item", "data_export", "audit_event", "audit_seal", "tombstone", "job_erasure",
    "loan_statistic", "import_run", "import_row", "rollover",
)  # fmt: skip

(
    ASA, OYSTEIN, ANNA, ANNA_AGAIN, ANNA_INACTIVE, NOBODY, EMPTY, BORROWER, PROTECTED, FORGIVEN, CREDIT, EXPORTED,
    OBSTACLES, LEAVING, AT_LEVEL, BELOW_LEVEL, ABOVE_LEVEL, EVEN, EXPIRED, LAST_DAY, TOMORROW, BLOCKED, EVERYTHING,
    SPACES, QUOTES, PERCENT, FAR, STROKES, DECOMPOSED, UNUSED,
) = range(1, 31)  # fmt: skip


def number(library: int, n: int) -> int:
    """Return the id of a library's row n."""
    return 3 * (n - 1) + library


def other(library: int) -> int:
    """Return the library that lends to this one."""
    return library % 3 + 1


def actor(library: int, *permissions: Permission, kind: ActorKind = ActorKind.STAFF, n: int = ADMIN) -> Actor:
    """Return a staff member, or a token, with these permissions; with all of them where none is named."""
    return Actor(kind, number(library, n), library, frozenset(permissions) or ALL_PERMISSIONS)


class Builder:
    """Collects rows by table."""

    def __init__(self, now: dt.datetime) -> None:
        self.now = now
        self.today = now.date()
        self.rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._counts: dict[tuple[str, int], int] = defaultdict(int)

    def add(self, table: str, library: int, **values: Any) -> int:
        """Add a library's next row of a table; return its id."""
        self._counts[table, library] += 1
        row_id = number(library, self._counts[table, library])
        self.rows[table].append({"id": row_id, **values})
        return row_id

    def own(self, table: str, library: int, **values: Any) -> int:
        """Add a row that names its library."""
        return self.add(table, library, library_id=library, **values)

    def days(self, days: float, seconds: float = 0) -> dt.datetime:
        """Return the moment that many days from now."""
        return self.now + dt.timedelta(days=days, seconds=seconds)

    def day(self, days: int) -> dt.date:
        """Return the day that many days from today."""
        return self.today + dt.timedelta(days=days)


async def build() -> None:
    """Fill an empty database."""
    builder = Builder(dt.datetime.now(dt.UTC))
    for library, code in CODES.items():
        builder.add(
            "library", library, code=code, name=f"{code.title()} Library",
            locale=["en", "sv", "nb"][library - 1], currency=["USD", "SEK", "NOK"][library - 1],
            block_level=LEVELS[library], purge_waive_limit=Decimal(["1.00", "0.00", "0.00"][library - 1]),
            grace_days=[0, 7, 0][library - 1], group_lead_access=library != EAST, created_at=builder.days(-400.5),
        )  # fmt: skip
        builder.add("person", library, created_at=builder.days(-300))
    for library in CODES:
        for fill in FILLS:
            fill(builder, library)
    await _write(builder)


async def _write(builder: Builder) -> None:
    async with db.transaction() as connection:
        for table in TABLES:
            # Rows with the same columns go in together, a charge before what settles it.
            rows = sorted(builder.rows[table], key=lambda row: "charge_id" in row)
            alike: dict[tuple[str, ...], list[tuple[Any, ...]]] = defaultdict(list)
            for row in rows:
                alike[tuple(row)].append(tuple(row.values()))
            for columns, values in alike.items():
                places = ", ".join(f"${place}" for place in range(1, len(columns) + 1))
                insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"
                await connection.executemany(insert, values)
            if table in ("loan_statistic", "audit_seal"):  # have keys at random, or their events'
                continue
            highest = max(row["id"] for row in rows)
            await connection.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {highest + 1000})")


def _places(b: Builder, library: int) -> None:
    letter = LETTERS[library]
    b.own("branch", library, code="MAIN", name=f"{letter} main", phone="+46 8 123", email=f"main@{letter}.test")
    b.own("branch", library, code="ANNEX", name=f"{letter} annex")
    b.own("cohort", library, code="10A", name=f"{letter} left", graduated=True)
    b.own("cohort", library, code="8B", name=f"{letter} year 8", next_cohort_id=number(library, 1))
    b.own("cohort", library, code="7B", name=f"{letter} year 7", next_cohort_id=number(library, 2))


def _staff(b: Builder, library: int) -> None:
    letter = LETTERS[library]
    b.own("staff_user", library, username="admin", display_name=f"Ada {letter}", password_hash="x",
          created_at=b.days(-300), last_signed_in_at=b.days(-1, 0.25))  # fmt: skip
    b.own("staff_user", library, username="clerk", display_name=f"Carl {letter}", password_hash="x",
          created_at=b.days(-200), locked_until=b.days(-1))  # fmt: skip
    b.own("staff_user", library, username="locked", display_name=f"Lo {letter}", password_hash="x",
          created_at=b.days(-100), locked_until=b.days(1))  # fmt: skip
    b.own("staff_user", library, username="former", display_name=f"Fo {letter}", password_hash="x", active=False,
          created_at=b.days(-99))  # fmt: skip
    every = [permission.value for permission in Permission]
    b.own("role", library, name="Everything", permissions=list(reversed(every)))
    b.own("role", library, name="Desk", permissions=["CIRCULATION_DESK", "PATRONS_VIEW", "OF_A_NEWER_VERSION"])
    b.own("role", library, name="Nothing", permissions=[])
    for n, roles in ((ADMIN, (1, 2)), (CLERK, (2,)), (FORMER, (3, 1))):
        for role in roles:
            b.add("staff_role", library, staff_user_id=number(library, n), role_id=number(library, role))
    ends: list[dict[str, Any]] = [
        {"created_by_id": number(library, ADMIN), "last_used_at": b.days(0, -60)},
        {"expires_at": b.days(-1)},
        {"expires_at": b.days(1), "created_by_id": number(library, FORMER)},
        {"expires_at": b.days(-2), "revoked_at": b.days(-3)},
    ]
    for n, values in enumerate(ends, start=1):
        b.own("api_token", library, name=f"{letter} program {n}", token_sha256=f"{library}{n}".rjust(64, "0"),
              permissions=["REPORTS_VIEW", "PATRONS_VIEW"], created_at=b.days(-90), **values)  # fmt: skip


# First, middle, last and preferred name of each patron, then whatever else is not usual.
NAMES: dict[int, tuple[str, str | None, str, str | None]] = {
    ASA: ("Åsa", "Märta", "Öberg", "Åsa-Li"),
    OYSTEIN: ("Øystein", None, "Ærø", None),
    ANNA: ("Anna", None, "Andersson", None),
    ANNA_AGAIN: ("Anna", None, "Andersson", None),
    ANNA_INACTIVE: ("Anna", "Maria", "Andersson", "Annie"),
    NOBODY: ("", None, "", None),
    EMPTY: ("Émile", None, "Zola", None),
    BORROWER: ("Björn", None, "Ström", None),
    PROTECTED: ("Pia", None, "Ågren", None),
    FORGIVEN: ("Fia", None, "Ängström", None),
    CREDIT: ("Cia", None, "Zander", ""),
    EXPORTED: ("Elsa", None, "Berg", None),
    OBSTACLES: ("Olle", None, "Bergman", None),
    LEAVING: ("Lars", None, "Berg", None),
    AT_LEVEL: ("Atle", None, "Berg", None),
    BELOW_LEVEL: ("Bo", None, "Bergström", None),
    ABOVE_LEVEL: ("Abel", None, "van den Berg", None),
    EVEN: ("Eva", None, "Lund", None),
    EXPIRED: ("Ex", None, "Lund", None),
    LAST_DAY: ("Las", None, "Lund", None),
    TOMORROW: ("Tor", None, "Lund", None),
    BLOCKED: ("Bella", None, "Anderssén", None),
    EVERYTHING: ("Eve", None, "Wolff-Muß", None),
    SPACES: ("  José   María ", None, "de la  Cruz", None),
    QUOTES: ("Bob'; DROP TABLE patron; --", None, 'O\'Brien "Q"', None),
    PERCENT: ("100%", None, "_sure\\", None),
    FAR: ("小明", None, "王 🦉", None),
    STROKES: ("Łukasz", None, "Żółw", None),
    DECOMPOSED: (unicodedata.normalize("NFD", "Zoë"), None, unicodedata.normalize("NFD", "Ångström"), None),
    UNUSED: ("Una", None, "Åberg", None),
}


def _patrons(b: Builder, library: int) -> None:
    letter = LETTERS[library]
    inactive = {ANNA_INACTIVE, EMPTY, BORROWER, PROTECTED, FORGIVEN, CREDIT, EXPORTED, OBSTACLES, EVERYTHING}
    more: dict[int, dict[str, Any]] = {
        ASA: {
            "person_id": 1, "external_id": f"{letter}-1", "username": "Asa.Oberg", "date_of_birth": b.day(-9000),
            "email": "Asa@Example.org", "phone": "070-1", "cohort_id": number(library, 1),
            "branch_id": number(library, 1), "expires_on": b.day(100), "last_activity_at": b.days(-2, 0.5),
            "notes": f'{letter} "notes"\n\\ \t é', "version": 7,
        },
        OYSTEIN: {"person_id": 2 if library != EAST else None, "username": f"o{letter}", "email": "asa@example.ORG"},
        ANNA: {"cohort_id": number(library, 2), "branch_id": number(library, 2), "last_activity_at": b.days(-20)},
        EXPIRED: {"expires_on": b.day(-1)},
        LAST_DAY: {"expires_on": b.day(0)},
        TOMORROW: {"expires_on": b.day(1), "cohort_id": number(library, 3)},
        EVERYTHING: {"expires_on": b.day(-30), "protected": True},
        PROTECTED: {"protected": True},
        OBSTACLES: {"protected": True},
        LEAVING: {"status": "PENDING_PURGE", "purge_after": b.days(3), "last_activity_at": b.days(-400)},
    }  # fmt: skip
    for n, (first, middle, last, preferred) in NAMES.items():
        values: dict[str, Any] = {
            "first_name": first, "middle_name": middle, "last_name": last, "preferred_name": preferred,
            "registered_at": b.days(-500 + n, n), "status_changed_at": b.days(-n), "updated_at": b.now,
            "category": "" if n == NOBODY else ["Adult", "Child", "Élève"][n % 3],
        }  # fmt: skip
        if n in inactive:
            values["status"] = "INACTIVE"
        b.own("patron", library, **values | more.get(n, {}))
    me = number(library, ASA)
    for barcode, active in (("100", True), ("200", True), ("300", False)):
        b.own("card", library, patron_id=me, barcode=barcode, active=active, created_at=b.days(-10))
    b.own("card", library, patron_id=number(library, ANNA), barcode=f"{letter}-50", created_at=b.days(-9))
    b.own("card", library, patron_id=number(library, OYSTEIN), barcode="400", active=False, created_at=b.days(-8))
    b.own("card", library, patron_id=number(library, EMPTY), barcode="5 00", created_at=b.days(-8))
    for kind in ("MAILING", "HOME", "OTHER"):
        b.own("address", library, patron_id=me, kind=kind, street=f"{letter} Storgatan {kind}", postal_code="111 22",
              city="Malmö", country="SE")  # fmt: skip
    b.own("address", library, patron_id=number(library, ANNA))


def _groups(b: Builder, library: int) -> None:
    for members in ((ASA, ANNA, BLOCKED, OBSTACLES), (ANNA_INACTIVE, ANNA_AGAIN), (AT_LEVEL,)):
        group = b.own("patron_group", library, created_at=b.days(-50))
        for n in members:
            b.own("group_membership", library, group_id=group, patron_id=number(library, n),
                  lead=n in (ASA, AT_LEVEL), joined_at=b.days(-40, -n))  # fmt: skip
    b.own("privacy_waiver", library, patron_id=number(library, ANNA), group_id=number(library, 1),
          granted_at=b.days(-5))  # fmt: skip
    # Taken back, and one of the time in another group.
    b.own("privacy_waiver", library, patron_id=number(library, BLOCKED), group_id=number(library, 1),
          granted_at=b.days(-9), revoked_at=b.days(-1))  # fmt: skip
    b.own("privacy_waiver", library, patron_id=number(library, ANNA_AGAIN), group_id=number(library, 1),
          granted_at=b.days(-8), revoked_at=b.days(-7))  # fmt: skip
    b.own("privacy_waiver", library, patron_id=number(library, OBSTACLES), group_id=number(library, 1),
          granted_at=b.days(-9), revoked_at=b.days(-8))  # fmt: skip
    b.own("privacy_waiver", library, patron_id=number(library, OBSTACLES), group_id=number(library, 1),
          granted_at=b.days(-7, 0.5))  # fmt: skip
    b.own("privacy_waiver", library, patron_id=number(library, OBSTACLES), group_id=number(library, 1),
          granted_at=b.days(-5), revoked_at=b.days(-4))  # fmt: skip
    b.own("privacy_waiver", library, patron_id=number(library, OBSTACLES), group_id=number(library, 2),
          granted_at=b.days(-5))  # fmt: skip


def _blocks(b: Builder, library: int) -> None:
    by = number(library, ADMIN)
    kinds: tuple[dict[str, Any], ...] = (
        {"message": "Come to the desk"},
        {"expires_at": b.days(5)},
        {"expires_at": b.days(-5)},
        {"lifted_at": b.days(-1), "lifted_by_id": by, "lift_reason": "paid"},
        {"lifted_at": b.days(-1), "expires_at": b.days(9), "message": "once"},
        {"message": ""},
    )
    for n, values in enumerate(kinds):
        b.own("block", library, patron_id=number(library, BLOCKED), comment=f"comment {n}", placed_by_id=by,
              placed_at=b.days(-20 + n), **values)  # fmt: skip
    b.own("block", library, patron_id=number(library, EVERYTHING), comment="stop", placed_at=b.days(-3))
    b.own("block", library, patron_id=number(library, ANNA), comment="was", placed_at=b.days(-3),
          expires_at=b.days(-2))  # fmt: skip


STATUSES = (
    "ON_LOAN", "ON_LOAN", "LOST", "AVAILABLE", "LOST", "ON_LOAN", "ON_HOLD_SHELF", "IN_TRANSIT", "DAMAGED",
    "MISSING", "ON_ORDER", "IN_PROCESS", "WITHDRAWN", "OTHER", "ON_LOAN", "ON_LOAN",
)  # fmt: skip
LENT, LATE, LOST_OPEN, HISTORY, LOST_CLOSED, ABROAD, OF_BORROWER, OF_OBSTACLES = 1, 2, 3, 4, 5, 6, 15, 16


def _items(b: Builder, library: int) -> None:
    letter = LETTERS[library]
    for n, status in enumerate(STATUSES, start=1):
        b.own("item", library, barcode=f"i{n}", title=f"{letter} title {n}", author="" if n % 2 else "Läckberg",
              call_number=f"Hce {n}" if n % 3 else "", material_type="BOOK" if n % 2 else "", status=status,
              price=Decimal(f"{n}.50") if n % 4 else None,
              branch_id=number(library, 1 + n % 2) if n % 5 else None)  # fmt: skip


def _loans(b: Builder, library: int) -> None:
    def lend(patron: int, item: int, out: float, due: float, back: float | None = None, **values: Any) -> None:
        owner = values.pop("owner", library)
        b.own("loan", library, patron_id=number(library, patron), item_id=number(owner, item),
              checked_out_at=b.days(out, 0.000001), due_at=b.days(due),
              returned_at=None if back is None else b.days(back), **values)  # fmt: skip

    lend(ASA, LENT, -5, 9, renewals_left=2, branch_id=number(library, 1))
    lend(ASA, LATE, -40, -10)
    lend(ASA, LOST_OPEN, -90, -60, lost=True, branch_id=number(library, 2))
    for n in range(4):
        lend(ASA, HISTORY, -200 + 10 * n, -190 + 10 * n, -195 + 10 * n)
    lend(ASA, LOST_CLOSED, -300, -270, -200, lost=True)
    lend(ANNA, ABROAD, -3, -1, owner=other(library))
    lend(ANNA, HISTORY, -60, -50, -55, owner=other(library))
    lend(BORROWER, OF_BORROWER, -9, -2)
    lend(OBSTACLES, OF_OBSTACLES, -9, 2)
    lend(OYSTEIN, HISTORY, -8, 1, -7)


def _reservations(b: Builder, library: int) -> None:
    def reserve(patron: int, item: int, state: str, **values: Any) -> None:
        owner = values.pop("owner", library)
        b.own("reservation", library, patron_id=number(library, patron), item_id=number(owner, item),
              requested_at=b.days(-item, 0.12), state=state, **values)  # fmt: skip

    reserve(ASA, 7, "OPEN", pickup_branch_id=number(library, 1))
    reserve(ASA, 8, "OPEN", frozen=True, owner=other(library))
    reserve(ASA, 9, "FULFILLED", fulfilled_at=b.days(-1))
    reserve(ASA, 10, "CANCELLED", cancelled_at=b.days(-2))
    reserve(ASA, 11, "EXPIRED")
    reserve(ANNA, 7, "OPEN")
    reserve(OBSTACLES, 12, "OPEN")
    reserve(EMPTY, 12, "CANCELLED", cancelled_at=b.days(-2))


def _ledger(b: Builder, library: int) -> None:
    def charge(patron: int, amount: str, outstanding: str, **values: Any) -> int:
        return b.own("ledger_entry", library, patron_id=number(library, patron), kind="CHARGE",
                     amount=Decimal(amount), outstanding=Decimal(outstanding),
                     created_at=b.days(-10, 0.1), **values)  # fmt: skip

    def settle(of: int, patron: int, kind: str, amount: str, **values: Any) -> None:
        b.own("ledger_entry", library, patron_id=number(library, patron), kind=kind, charge_id=of,
              amount=Decimal(amount), created_at=b.days(-5), **values)  # fmt: skip

    first = charge(ASA, "10.00", "2.50", reason="OVERDUE", loan_id=number(library, 2))
    settle(first, ASA, "PAYMENT", "7.00", note="cash", created_by_id=number(library, ADMIN))
    settle(first, ASA, "WAIVE", "0.50")
    lost = charge(ASA, "20.00", "0.00", reason="LOST", note="the cover too", loan_id=number(library, 3))
    settle(lost, ASA, "WRITE_OFF", "20.00")
    charge(ASA, "1.00", "1.00")
    paid = charge(CREDIT, "3.00", "-1.50")
    settle(paid, CREDIT, "PAYMENT", "5.00")
    settle(paid, CREDIT, "REFUND", "0.50")
    charge(FORGIVEN, "1.00", "1.00")
    charge(OBSTACLES, "0.60", "0.60")
    charge(OBSTACLES, "0.60", "0.60")
    charge(OBSTACLES, "0.60", "-0.10")
    for patron, owed in ((AT_LEVEL, "5.00"), (BELOW_LEVEL, "4.99"), (ABOVE_LEVEL, "5.01")):
        charge(patron, owed, owed)
    charge(EVEN, "3.00", "3.00")
    charge(EVEN, "3.00", "-3.00")
    charge(EVERYTHING, "1.00", "1.00")
    charge(EVERYTHING, "6.00", "6.00")


def _jobs(b: Builder, library: int) -> None:
    admin = number(library, ADMIN)

    def job(kind: str, state: str, *items: tuple[int, str, list[str]], **values: Any) -> int:
        of = b.own("job", library, kind=kind, state=state, params=json.dumps({}), created_at=b.days(-3), **values)
        for patron, item_state, codes in items:
            settled = None if item_state == "PENDING" else b.days(-2)
            b.add("job_item", library, job_id=of, library_id=library, patron_id=patron, state=item_state, codes=codes,
                  reason="disk full" if item_state == "FAILED" else None, finished_at=settled)  # fmt: skip
        return of

    def export(of: int, patron: int | None, state: str, **values: Any) -> None:
        b.own("data_export", library, job_id=of, patron_id=patron, state=state, created_at=b.days(-3), **values)

    def p(n: int) -> int:
        return number(library, n)

    job("PURGE", "CANCELLED", (p(EMPTY), "DONE", []), (p(BORROWER), "SKIPPED", ["OPEN_LOANS", "DEBTS"]),
        (990_000 + library, "DONE", ["ALREADY_GONE"]), (p(CREDIT), "FAILED", []), (p(EXPORTED), "CANCELLED", []),
        (p(PROTECTED), "SKIPPED", ["PROTECTED"]),
        started_at=b.days(-2, -20), finished_at=b.days(-2), started_by_id=admin)  # fmt: skip
    job("PURGE", "RUNNING", *((800_000 + n, "DONE", []) for n in range(3)), (p(EMPTY), "DONE", []),
        started_at=b.days(-12_000), started_by_id=admin)  # fmt: skip
    job("PURGE", "RUNNING", *((700_000 + n, "DONE" if n == 0 else "PENDING", []) for n in range(25)),
        started_at=b.days(-12_000))  # fmt: skip
    job("IMPORT", "RUNNING", itemised=False, total=1_000_000, done=999_980, skipped=7, failed=3,
        started_at=b.days(0, -1e9))  # fmt: skip
    job("IMPORT", "FAILED", itemised=False, total=10, error="the disk is full", started_at=b.days(-1),
        finished_at=b.days(-1))  # fmt: skip
    job("ROLLOVER", "QUEUED", itemised=False)
    job("ROLLOVER", "COMPLETED_WITH_ISSUES", itemised=False, total=5, done=4, failed=1,
        started_at=b.days(-1, -20), finished_at=b.days(-1), version=4)  # fmt: skip
    done = job("EXPORT_PATRON", "SUCCEEDED", (p(ANNA), "DONE", []), started_at=b.days(-1, -4),
               finished_at=b.days(-1), started_by_id=number(library, FORMER))  # fmt: skip
    export(done, p(ANNA), "READY", format="JSON", sha256="ab" * 32, size=3_000_000_000, ready_at=b.days(-1),
           expires_at=b.days(2), downloads=2)  # fmt: skip
    going = job("EXPORT_PATRON", "PAUSED", (p(EXPORTED), "PENDING", []), token_id=number(library, 1))
    export(going, p(EXPORTED), "RUNNING", format="HTML")
    stuck = job("EXPORT_PATRON", "FAILED", (p(ANNA), "PENDING", []))
    export(stuck, p(ANNA), "REQUESTED", format="JSON")
    also = job("EXPORT_PATRON", "RUNNING", (p(OBSTACLES), "PENDING", []))
    export(also, p(OBSTACLES), "REQUESTED", format="JSON")
    if library == SOUTH:
        whole = job("EXPORT_PATRONS", "QUEUED", itemised=False)
        export(whole, None, "REQUESTED", format="NDJSON")


def _rollovers(b: Builder, library: int) -> None:
    """Years with everything that can stand in the way of taking one back; in EAST nothing does for the last."""
    queued, ended = number(library, 6), number(library, 7)
    years: list[dict[str, Any]] = [
        {"created_at": b.days(-400), "job_id": ended, "undo_job_id": queued},
        {"created_at": b.days(-30), "job_id": ended, "moved": 40, "deactivated": 7},
        {"created_at": b.days(-20), "job_id": ended, "moved": 5, "undo_job_id": ended, "undone_at": b.days(-19, 0.5)},
        {"created_at": b.days(-2), "job_id": ended, "moved": 3, "deactivated": 3},
        {"created_at": b.days(-1), "job_id": queued},
    ]
    for year, values in enumerate(years if library != EAST else years[:4], start=2021):
        b.own("rollover", library, year=year, **values)


def _erased(b: Builder, library: int) -> None:
    """Four patrons whom job 1 erased, of whom two are at rest, two of job 2 who are, and a single deletion."""
    states = ((1, None), (1, -1), (1, -0.5), (1, None), (2, -0.25), (2, -0.75), (None, None))
    for n, (job, at_rest) in enumerate(states):
        b.own("tombstone", library, patron_id=990_000 + 3 * n + library, erased_at=b.days(-2, n),
              job_id=job and number(library, job), rows=json.dumps({"patron": 1, "loan": n} if n else {"patron": 1}),
              state="LIVE_ERASED" if at_rest is None else "AT_REST_ERASED",
              at_rest_at=None if at_rest is None else b.days(at_rest))  # fmt: skip
    for job, patrons, loans in ((1, 4, 6), (2, 2, 9)):
        b.own("job_erasure", library, job_id=number(library, job), patrons=patrons, statistics=loans - 1,
              rows=json.dumps({"patron": patrons, "loan": loans}), first_erased_at=b.days(-2),
              last_erased_at=b.days(-2, 4))  # fmt: skip


def _statistics(b: Builder, library: int) -> None:
    """Loans that purges have kept: like some of the live ones, with words of before, and of a branch that is gone."""
    kept: tuple[tuple[int, int, dict[str, Any]], ...] = (
        (-5, -2, {"category": "Adult", "branch_id": number(library, 1), "material_type": "BOOK", "cohort_code": "10A",
                  "item_branch_id": number(library, 2)}),
        (-5, -4, {"category": "Adult", "branch_id": number(library, 1), "material_type": "BOOK", "cohort_code": "10A",
                  "item_branch_id": number(library, 2)}),
        (-3, -1, {"category": "Child", "item_branch_id": number(other(library), 1)}),
        (-300, -200, {"category": "Élève", "lost": True, "branch_id": number(library, 2), "cohort_code": "8B"}),
        (-190, -190, {"category": "Gone", "material_type": "MAP", "cohort_code": "6C", "branch_id": 999_999}),
        (-700, -690, {}),
    )  # fmt: skip
    for n, (out, back, values) in enumerate(kept):
        b.rows["loan_statistic"].append({
            "id": uuid.UUID(int=100 * n + library), "library_id": library, "checked_out_on": b.day(out),
            "returned_on": b.day(back), "title": f"title {n}", **values,
        })  # fmt: skip


def _imports(b: Builder, library: int) -> None:
    """One import at work with rejected rows and notes of every sort, and one that was not planned."""
    notes = [
        dict(zip(("code", "columns", "places", "field", "number"), one, strict=True)) for one in (
            ("READ_AS_LATIN", [], [], None, None), ("FIRST_FILLED", ["tel", "Mobil é"], [4, 2], "phone", None),
            ("UNKNOWN_COLUMNS", ["x", ""], [5, 7], None, 31), ("TOTAL_DIFFERS", [], [], None, -3),
        )
    ]  # fmt: skip
    job = number(library, 4)
    b.own("import_run", library, job_id=job, format="PATRONS", dry_run=False, columns=["Kort", "", "é"],
          meanings=["barcode", "last_name", "date_of_birth"], encoding="latin-1",
          warnings=["read as Latin-1", "", "told: 3", "é", "no note"], notes=json.dumps(notes),
          options=json.dumps({"missing": {"deactivate": True, "maximum_share": 0.35}}), rows=1_000, created=1,
          updated=20, deactivated=300, reactivated=4, unchanged=5, rejected=6, missing=7, missing_considered=80,
          missing_deactivated=9, missing_state="ROWS_REJECTED")  # fmt: skip
    b.own("import_run", library, job_id=number(library, 5), format="FOLIO", dry_run=True, columns=[], meanings=[],
          encoding="utf-8", warnings=["of before there were notes"],
          options=json.dumps({"missing": {"deactivate": False, "maximum_share": 1}}))  # fmt: skip
    wrongs = {
        7: (("Kort", "TAKEN", None, None), (None, "DUPLICATE", None, 3), ("é", "INVALID", "TOO_LONG", 100)),
        9: ((None, "UNREADABLE", "COLUMN_COUNT", 3),), 11: (("Kort", "DUPLICATE", None, 7),),
    }  # fmt: skip
    for line, patron, column, code in (
        (7, number(library, ANNA), "Kort", "TAKEN"), (9, None, "", "UNREADABLE"),
        (12, 990_000 + library, "é", "INVALID"),
        (None, number(library, EMPTY), "", "FAILED"), (11, number(other(library), ANNA), "Kort", "DUPLICATE"),
    ):  # fmt: skip
        each = [
            dict(zip(("column", "code", "reason", "number"), one, strict=True)) for one in wrongs.get(line or 0, ())
        ]
        b.own("import_row", library, job_id=job, line=line, cells=["secret"], patron_id=patron, state="REJECTED",
              column_name=column, code=code, reason=f"is wrong in {line}",
              wrongs=json.dumps(each) if each else None)  # fmt: skip
    b.own("import_row", library, job_id=job, line=40, cells=["secret"], state="PENDING")


# Kind of actor and number, action, subject, job's number, detail; the oldest first.
TRAIL: tuple[tuple[str, int | None, str, tuple[str, int] | None, int | None, dict[str, Any]], ...] = (
    ("SYSTEM", None, "library.create", ("library", 1), None, {}),
    ("STAFF", ADMIN, "patron.block", ("patron", ASA), None, {"block": 7, "message": True, "expires": False}),
    ("STAFF", CLERK, "patron.unblock", ("patron", ASA), None, {"block": 7}),
    ("TOKEN", 1, "export.request", ("patron", ASA), 8, {}),
    ("PATRON", ASA, "session.open", ("patron", ASA), None, {"z": None, "Y": False, "b": 1}),
    ("TOKEN", 4, "purge.start", ("job", 1), 1, {"patrons": 6, "by": ["FILTER", "STATUS"], "waived": "2.50"}),
    ("SYSTEM", None, "purge.chunk", ("job", 1), 1, {"done": 2, "rows": {"loan": 12, "card": 0}}),
    ("STAFF", FORMER, "session.close", ("session", 5), None, {}),
    ("STAFF", 99, "patron.deactivate", ("patron", ANNA), None, {"codes": []}),
    ("STAFF", ADMIN, "group.dissolve", ("group", 2), None, {}),
    ("STAFF", ADMIN, "hold.cancel", ("reservation", 3), None, {}),
    ("STAFF", ADMIN, "report.run", None, None, {"total": 12}),
)


def _trail(b: Builder, library: int) -> None:
    for n, (kind, who, action, subject, job, detail) in enumerate(TRAIL):
        b.own("audit_event", library, at=b.days(-30 + n, 0.5), actor_kind=kind,
              actor_id=None if who is None else number(library, who), action=action,
              subject_kind=subject and subject[0],
              subject_id=None if subject is None else number(library, subject[1]),
              job_id=None if job is None else number(library, job), detail=json.dumps(detail))  # fmt: skip


SEALED = {NORTH: range(1, 10), SOUTH: (1, 2, *range(4, 13)), EAST: ()}
"""Which rows of the trail are sealed: its beginning, all but the third, none. The seals are nobody's to verify."""


def _seals(b: Builder, library: int) -> None:
    for place, n in enumerate(SEALED[library], start=1):
        b.rows["audit_seal"].append({
            "event_id": number(library, n), "library_id": library, "sequence": place, "sealed_at": b.days(-n, 0.6),
            "key_id": "0a1b2c3d", "digest": bytes([place] * 32), "hash": bytes([library * 16, place] * 16),
        })  # fmt: skip


FILLS = (
    _places, _staff, _patrons, _groups, _blocks, _items, _loans, _reservations, _ledger, _jobs, _rollovers, _erased,
    _imports, _trail, _seals, _statistics,
)  # fmt: skip
