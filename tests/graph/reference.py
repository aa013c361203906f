"""A deliberately naive interpreter of queries: it reads whole tables and does the rest in plain Python.

It shares nothing with the compiler but graphql-core's parser and coercion: what each field means is written here
a second time, field by field, after the schema's descriptions. It is slow, and meant to be obviously right.
"""

import base64
import datetime as dt
import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLIncludeDirective,
    GraphQLSchema,
    GraphQLSkipDirective,
    InlineFragmentNode,
    OperationDefinitionNode,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    parse,
)
from graphql.execution.values import get_argument_values, get_directive_values, get_variable_values

from patrongraph import db
from patrongraph.context import Actor, ActorKind
from patrongraph.permissions import Permission

TABLES = (
    "library", "branch", "cohort", "staff_user", "role", "staff_role", "api_token", "patron", "address", "card",
    "block", "patron_group", "group_membership", "privacy_waiver", "item", "loan", "reservation",
    "ledger_entry", "job", "job_item", "data_export", "audit_event", "audit_seal", "tombstone",
    "job_erasure", "loan_statistic", "import_run", "import_row", "rollover",
)  # fmt: skip

Row = dict[str, Any]


@dataclass
class World:
    """Every row of every table, by id."""

    tables: dict[str, list[Row]]

    @classmethod
    async def load(cls) -> "World":
        async def rows(table: str) -> list[Row]:
            key = "event_id" if table == "audit_seal" else "id"
            return [dict(row) for row in await db.rows(f"SELECT * FROM {table} ORDER BY {key}")]

        return cls({name: await rows(name) for name in TABLES})


@dataclass
class Of:
    """A row whose type the schema leaves open."""

    type: str
    row: Row


@dataclass
class Pages:
    """A whole list in its order, and the page that is asked for."""

    rows: list[Row]
    key: Callable[[Row], tuple[Any, ...]]
    args: dict[str, Any]
    descending: bool = False

    def cursor(self, row: Row) -> str:
        return base64.b64encode(json.dumps(list(self.key(row)), ensure_ascii=False).encode()).decode()

    def page(self) -> list[Row]:
        return self._rest()[: self.args["first"]]

    def more(self) -> bool:
        return len(self._rest()) > self.args["first"]

    def _rest(self) -> list[Row]:
        ordered = sorted(self.rows, key=self.key, reverse=self.descending)
        if self.args.get("after") is None:
            return ordered
        after = tuple(json.loads(base64.b64decode(self.args["after"])))
        return [row for row in ordered if (self.key(row) < after if self.descending else self.key(row) > after)]


@dataclass
class Asked:
    """What a field's meaning may depend on: the rows, who asks, and the time."""

    world: World
    actor: Actor
    now: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))

    @property
    def library(self) -> int:
        return self.actor.library

    @property
    def policy(self) -> Row:
        [found] = [row for row in self.everywhere("library") if row["id"] == self.library]
        return found

    def everywhere(self, table: str) -> list[Row]:
        return self.world.tables[table]

    def own(self, table: str, **equal: Any) -> list[Row]:
        """Return the library's rows with these values."""
        return [
            row
            for row in self.everywhere(table)
            if row["library_id"] == self.library and all(row[name] == value for name, value in equal.items())
        ]

    def one(self, table: str, row_id: int | None) -> Row | None:
        found = self.own(table, id=row_id)
        return found[0] if found else None

    def any_library(self, table: str, row_id: int | None) -> Row | None:
        found = [row for row in self.everywhere(table) if row["id"] == row_id]
        return found[0] if found else None


Meaning = Callable[[Asked, Row, dict[str, Any]], Any]
FIELDS: dict[tuple[str, str], Meaning] = {}


def means(type_: str, name: str) -> Callable[[Meaning], Meaning]:
    """Say what a field means."""

    def keep(meaning: Meaning) -> Meaning:
        FIELDS[type_, name] = meaning
        return meaning

    return keep


def snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda match: "_" + match[1].lower(), name)


def of_column(column: str) -> Meaning:
    """Return the meaning of a field that is a column."""
    return lambda _ask, row, _args: row[column]


def columns(type_: str, prefix: str | None, names: str) -> None:
    """Say that fields are columns of the same name, and how the id begins."""
    for name in names.split():
        FIELDS[type_, name] = of_column(snake(name))
    if prefix:
        FIELDS[type_, "id"] = lambda _ask, row, _args: f"{prefix}_{row['id']}"


# ---- Texts


LETTERS = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ı": "i"}


def fold(text: str) -> str:
    """Return a text without case, accents and superfluous spaces."""
    lower = unicodedata.normalize("NFC", text).lower()
    plain = "".join(LETTERS.get(letter, letter) for letter in lower)
    bare = "".join(c for c in unicodedata.normalize("NFD", plain) if unicodedata.category(c) != "Mn")
    return re.sub(r"\s+", " ", bare).strip(" ")


def fold_for_sorting(text: str) -> str:
    """Return the same with å, ä and ö after z."""
    lower = unicodedata.normalize("NFC", text).lower()
    return fold(lower.translate(str.maketrans("åäæöø", "{||}}")))


def sort_key(patron: Row) -> str:
    return fold_for_sorting(patron["last_name"] + " " + patron["first_name"])


def name_parts(patron: Row) -> list[str]:
    names = [patron[name] for name in ("last_name", "first_name", "middle_name", "preferred_name")]
    return fold(" ".join(name for name in names if name is not None)).split(" ")


def matches_search(ask: Asked, patron: Row, search: str | None) -> bool:
    text = (search or "").strip()
    if not text:
        return True
    if "@" in text:
        return patron["email"] is not None and patron["email"].lower() == text.lower()
    if not any(letter.isalpha() for letter in text):
        return any(card["barcode"] == text for card in ask.own("card", patron_id=patron["id"]))
    if "," in text:
        return sort_key(patron).startswith(fold_for_sorting(" ".join(text.replace(",", " ").split())))
    return all(any(part.startswith(fold(word)) for part in name_parts(patron)) for word in text.split()[:5])


def matches_filter(ask: Asked, patron: Row, chosen: dict[str, Any] | None) -> bool:
    given = {name: value for name, value in (chosen or {}).items() if value is not None}

    def key(name: str) -> int:
        return int(given[name].split("_")[1])

    def members() -> list[int]:
        return [row["patron_id"] for row in ask.own("group_membership", group_id=key("groupId"))]

    used, expires = patron["last_activity_at"], patron["expires_on"]
    checks: dict[str, Callable[[], bool]] = {
        "status": lambda: patron["status"] == given["status"],
        "category": lambda: patron["category"] == given["category"],
        "branchId": lambda: patron["branch_id"] == key("branchId"),
        "cohortId": lambda: patron["cohort_id"] == key("cohortId"),
        "groupId": lambda: patron["id"] in members(),
        "expiredBefore": lambda: expires is not None and expires < given["expiredBefore"],
        "inactiveSince": lambda: patron["status"] != "ACTIVE" and patron["status_changed_at"] <= given["inactiveSince"],
        "lastActivityBefore": lambda: used is None or used < given["lastActivityBefore"],
    }
    return all(checks[name]() for name in given)


# ---- The library


columns(
    "Library", "lib",
    "code name locale currency blockLevel retainDeletedPatronLoans purgeWaiveLimit graceDays maxPurgePerOperation"
    " exportTtlHours groupLeadAccess createdAt",
)  # fmt: skip
columns("Branch", "branch", "code name phone email")
columns("LibrarySummary", None, "code name")
columns("Cohort", "cohort", "code name graduated")
columns("PatronCategory", None, "name")


@means("Library", "branches")
def _(ask: Asked, _row: Row, _args: Row) -> Any:
    return sorted(ask.own("branch"), key=lambda row: row["code"])


@means("Library", "cohorts")
def _(ask: Asked, _row: Row, _args: Row) -> Any:
    return sorted(ask.own("cohort"), key=lambda row: row["code"])


@means("Library", "categories")
def _(ask: Asked, _row: Row, _args: Row) -> Any:
    return [{"name": name} for name in sorted({patron["category"] for patron in ask.own("patron")})]


@means("Cohort", "nextCode")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    following = ask.one("cohort", row["next_cohort_id"])
    return following and following["code"]


@means("Cohort", "next")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.one("cohort", row["next_cohort_id"])


@means("Cohort", "memberCount")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return len(ask.own("patron", cohort_id=row["id"]))


@means("Cohort", "activeMemberCount")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return len(ask.own("patron", cohort_id=row["id"], status="ACTIVE"))


# ---- Patrons


columns("Address", "addr", "kind street postalCode city region country")
columns("Card", "card", "barcode active createdAt")
columns("Block", "block", "comment message placedAt expiresAt liftedAt liftReason")
columns(
    "Patron", "pat",
    "externalId username firstName middleName lastName preferredName dateOfBirth email phone category registeredAt"
    " expiresOn lastActivityAt status statusChangedAt purgeAfter protected version notes",
)  # fmt: skip
columns("BlockReason", None, "code message block debt level amountToClear")
columns("Obstacle", None, "code count ids")


def block_is_active(ask: Asked, block: Row) -> bool:
    return block["lifted_at"] is None and (block["expires_at"] is None or block["expires_at"] > ask.now)


def charges(ask: Asked, patron: Row) -> list[Row]:
    return ask.own("ledger_entry", patron_id=patron["id"], kind="CHARGE")


def debt_of(ask: Asked, *patrons: Row) -> Decimal:
    return sum((row["outstanding"] for patron in patrons for row in charges(ask, patron)), Decimal("0.00"))


def open_loans(ask: Asked, patron: Row) -> list[Row]:
    return ask.own("loan", patron_id=patron["id"], returned_at=None)


def open_reservations(ask: Asked, patron: Row) -> list[Row]:
    return ask.own("reservation", patron_id=patron["id"], state="OPEN")


def is_overdue(ask: Asked, loan: Row) -> bool:
    return loan["returned_at"] is None and not loan["lost"] and loan["due_at"] < ask.now


def is_expired(ask: Asked, patron: Row) -> bool:
    return patron["expires_on"] is not None and patron["expires_on"] < ask.now.date()


def membership(ask: Asked, patron: Row) -> Row | None:
    found = ask.own("group_membership", patron_id=patron["id"])
    return found[0] if found else None


def block_reasons(ask: Asked, patron: Row) -> list[Row]:
    def reason(code: str, message: str, **more: Any) -> Row:
        return {"code": code, "message": message, "block": None, "debt": None, "level": None,
                "amount_to_clear": None, **more}  # fmt: skip

    found = []
    for block in ask.own("block", patron_id=patron["id"]):
        if block_is_active(ask, block):
            message = "Blocked by staff." if block["message"] is None else block["message"]
            found.append(reason("MANUAL", message, block=block))
    debt, level = debt_of(ask, patron), ask.policy["block_level"]
    if level is not None and debt > 0 and debt >= level:
        # A cent below the level is enough; at level 0 all of the debt, for there is nothing below.
        pay = debt if level == 0 else debt - level + Decimal("0.01")
        message = "Owes as much as the library allows, or more; payment lifts this block."
        found.append(reason("DEBT", message, debt=debt, level=level, amount_to_clear=pay))
    if patron["status"] != "ACTIVE":
        found.append(reason("INACTIVE", "The account is not in use."))
    if is_expired(ask, patron):
        found.append(reason("EXPIRED", "The account has expired."))
    return found


def obstacles(ask: Asked, patron: Row, purge: bool) -> list[Row]:
    found = []

    def add(code: str, prefix: str, rows: list[Row]) -> None:
        if rows:
            ids = [f"{prefix}_{row['id']}" for row in sorted(rows, key=lambda row: row["id"])]
            found.append({"code": code, "count": len(rows), "ids": ids})

    add("OPEN_LOANS", "loan", open_loans(ask, patron))
    add("OPEN_RESERVATIONS", "res", open_reservations(ask, patron))
    debts = [row for row in charges(ask, patron) if row["outstanding"] > 0]
    if not (purge and sum(row["outstanding"] for row in debts) <= ask.policy["purge_waive_limit"]):
        add("DEBTS", "debt", debts)
    add("CREDIT_BALANCE", "debt", [row for row in charges(ask, patron) if row["outstanding"] < 0])
    exports = []
    for export in ask.own("data_export"):
        job = ask.one("job", export["job_id"])
        if (
            export["patron_id"] in (patron["id"], None)
            and export["state"] in ("REQUESTED", "RUNNING")
            and job is not None
            and job["state"] in ("QUEUED", "RUNNING", "PAUSED")
        ):
            exports.append(export)
    add("EXPORT_IN_PROGRESS", "export", exports)
    if patron["protected"]:
        found.append({"code": "PROTECTED", "count": 1, "ids": []})
    if purge and patron["status"] == "ACTIVE":
        found.append({"code": "NOT_INACTIVE", "count": 1, "ids": []})
    return sorted(found, key=lambda row: row["code"])


@means("Block", "active")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return block_is_active(ask, row)


@means("Block", "placedBy")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.one("staff_user", row["placed_by_id"])


@means("Block", "liftedBy")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.one("staff_user", row["lifted_by_id"])


@means("Patron", "barcode")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    cards = ask.own("card", patron_id=row["id"], active=True)
    return max(cards, key=lambda card: card["id"])["barcode"] if cards else None


@means("Patron", "cards")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.own("card", patron_id=row["id"])


@means("Patron", "addresses")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.own("address", patron_id=row["id"])


@means("Patron", "displayName")
def _(_ask: Asked, row: Row, _args: Row) -> Any:
    called = row["first_name"] if row["preferred_name"] is None else row["preferred_name"]
    return f"{called} {row['last_name']}".strip(" ")


@means("Patron", "cohort")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.one("cohort", row["cohort_id"])


@means("Patron", "branch")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.one("branch", row["branch_id"])


@means("Patron", "expired")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return is_expired(ask, row)


@means("Patron", "blocked")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return bool(block_reasons(ask, row))


@means("Patron", "blockReasons")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return block_reasons(ask, row)


@means("Patron", "openLoanCount")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return len(open_loans(ask, row))


@means("Patron", "overdueLoanCount")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return len([loan for loan in open_loans(ask, row) if is_overdue(ask, loan)])


@means("Patron", "openReservationCount")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return len(open_reservations(ask, row))


@means("Patron", "debtTotal")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return debt_of(ask, row)


@means("Patron", "group")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    place = membership(ask, row)
    return place and ask.one("patron_group", place["group_id"])


@means("Patron", "groupLead")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    place = membership(ask, row)
    return bool(place and place["lead"])


@means("Patron", "otherAccounts")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    if row["person_id"] is None:
        return []
    accounts = [other for other in ask.everywhere("patron") if other["person_id"] == row["person_id"]]
    elsewhere = {account["library_id"] for account in accounts} - {ask.library}
    return sorted((ask.any_library("library", each) or {} for each in elsewhere), key=lambda other: other["code"])


@means("Patron", "blocks")
def _(ask: Asked, row: Row, args: Row) -> Any:
    rows = ask.own("block", patron_id=row["id"])
    return newest([each for each in rows if args["includeEnded"] or block_is_active(ask, each)], args)


@means("Patron", "loans")
def _(ask: Asked, row: Row, args: Row) -> Any:
    keep: dict[Any, Callable[[Row], bool]] = {
        None: lambda _loan: True,
        "OPEN": lambda loan: loan["returned_at"] is None,
        "OVERDUE": lambda loan: is_overdue(ask, loan),
        "LOST": lambda loan: bool(loan["lost"]),
        "CLOSED": lambda loan: loan["returned_at"] is not None,
    }
    return newest([loan for loan in ask.own("loan", patron_id=row["id"]) if keep[args["state"]](loan)], args)


@means("Patron", "reservations")
def _(ask: Asked, row: Row, args: Row) -> Any:
    rows = ask.own("reservation", patron_id=row["id"])
    return newest([each for each in rows if args["state"] in (None, each["state"])], args)


@means("Patron", "debts")
def _(ask: Asked, row: Row, args: Row) -> Any:
    keep: dict[Any, Callable[[Row], bool]] = {
        None: lambda _debt: True,
        "OPEN": lambda debt: debt["outstanding"] != 0,
        "SETTLED": lambda debt: debt["outstanding"] == 0,
    }
    return newest([debt for debt in charges(ask, row) if keep[args["state"]](debt)], args)


@means("Patron", "obstacles")
def _(ask: Asked, row: Row, args: Row) -> Any:
    return obstacles(ask, row, args["to"] == "PURGE")


def newest(rows: list[Row], args: Row) -> Pages:
    return Pages(rows, lambda row: (row["id"],), args, descending=True)


# ---- Circulation


columns("Item", "item", "barcode title author callNumber materialType price status")
columns("Loan", "loan", "checkedOutAt dueAt returnedAt renewalsLeft lost")
columns("Reservation", "res", "state requestedAt frozen fulfilledAt cancelledAt")
columns("LedgerEntry", "entry", "kind amount note createdAt")
columns("Debt", "debt", "reason note amount outstanding createdAt")


@means("Item", "library")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.any_library("library", row["library_id"])


@means("Item", "branch")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.any_library("branch", row["branch_id"])


@means("Loan", "item")
@means("Reservation", "item")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.any_library("item", row["item_id"])


@means("Loan", "patron")
@means("Reservation", "patron")
@means("GroupMember", "patron")
@means("JobItem", "patron")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.one("patron", row["patron_id"])


@means("Loan", "overdue")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return is_overdue(ask, row)


@means("Loan", "branch")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.one("branch", row["branch_id"])


@means("Reservation", "pickupBranch")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.one("branch", row["pickup_branch_id"])


@means("Debt", "loan")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.one("loan", row["loan_id"])


@means("Debt", "entries")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.own("ledger_entry", charge_id=row["id"])


# ---- Groups


columns("PatronGroup", "grp", "createdAt")
columns("GroupMember", "member", "lead joinedAt")


columns("PrivacyWaiver", None, "grantedAt")


@means("GroupMember", "waiver")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    given = ask.own("privacy_waiver", patron_id=row["patron_id"], group_id=row["group_id"], revoked_at=None)
    return given[0] if given else None


def members(ask: Asked, group: Row) -> list[Row]:
    return ask.own("group_membership", group_id=group["id"])


@means("PatronGroup", "lead")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    leads = [place for place in members(ask, row) if place["lead"]]
    return ask.one("patron", leads[0]["patron_id"]) if leads else None


@means("PatronGroup", "memberCount")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return len(members(ask, row))


@means("PatronGroup", "members")
def _(ask: Asked, row: Row, args: Row) -> Any:
    return Pages(members(ask, row), lambda place: (place["id"],), args)


@means("PatronGroup", "totals")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    patrons = [ask.one("patron", place["patron_id"]) or {} for place in members(ask, row)]
    loans = [loan for patron in patrons for loan in open_loans(ask, patron)]
    return {
        "open_loans": len(loans),
        "overdue_loans": len([loan for loan in loans if is_overdue(ask, loan)]),
        "lost_loans": len([loan for loan in loans if loan["lost"]]),
        "reservations": sum(len(open_reservations(ask, patron)) for patron in patrons),
        "debt": debt_of(ask, *patrons),
        "informational_only": True,
    }


columns("GroupTotals", None, "openLoans overdueLoans lostLoans reservations debt informationalOnly")


# ---- Jobs, exports, purges


columns("Job", "job", "kind state createdAt startedAt finishedAt version error")
columns("JobItem", "jobitem", "state codes reason finishedAt")
columns("DataExport", "export", "format state size sha256 createdAt readyAt expiresAt downloads")


def job_number(ask: Asked, job: Row, name: str) -> int:
    items = [item for item in ask.everywhere("job_item") if item["job_id"] == job["id"]]
    if name == "total":
        return len(items) if job["itemised"] else job["total"]
    if job["itemised"]:
        return len([item for item in items if item["state"] == name.upper()])
    return 0 if name == "cancelled" else int(job[name])


for _name in ("total", "done", "skipped", "failed", "cancelled"):
    FIELDS["Job", _name] = lambda ask, row, _args, name=_name: job_number(ask, row, name)  # type: ignore[misc]


def settled(ask: Asked, job: Row) -> int:
    return sum(job_number(ask, job, name) for name in ("done", "skipped", "failed"))


def rate(ask: Asked, job: Row) -> Decimal | None:
    if job["started_at"] is None:
        return None
    run = (job["finished_at"] or ask.now) - job["started_at"]
    seconds = Decimal(run // dt.timedelta(microseconds=1)) / 1_000_000
    return settled(ask, job) / seconds if seconds else None


@means("Job", "ratePerSecond")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    found = rate(ask, row)
    return None if found is None else float(found.quantize(Decimal("0.1"), ROUND_HALF_UP))


@means("Job", "etaSeconds")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    done, total, speed = settled(ask, row), job_number(ask, row, "total"), rate(ask, row)
    if row["state"] != "RUNNING" or done == 0 or done * 20 < total or not speed:
        return None
    return int(((total - done) / speed).quantize(Decimal(1), ROUND_CEILING))


@means("Job", "startedBy")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.one("staff_user", row["started_by_id"])


@means("Job", "export")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    found = ask.own("data_export", job_id=row["id"])
    return found[0] if found else None


@means("Job", "items")
def _(ask: Asked, row: Row, args: Row) -> Any:
    rows = [item for item in ask.own("job_item", job_id=row["id"]) if args["state"] in (None, item["state"])]
    return Pages(rows, lambda item: (item["id"],), args)


columns("Rollover", "rollover", "year moved deactivated undoneAt")


def undo_obstacle(ask: Asked, rollover: Row) -> str | None:
    def unfinished(job_id: int | None) -> bool:
        job = ask.one("job", job_id)
        return job is not None and job["finished_at"] is None

    since = [job for job in ask.own("job", kind="PURGE") if job["created_at"] > rollover["created_at"]]
    if rollover["undone_at"] is not None:
        return "ALREADY_UNDONE"
    if unfinished(rollover["job_id"]):
        return "RUNNING"
    if unfinished(rollover["undo_job_id"]):
        return "UNDO_RUNNING"
    if since and rollover["undo_job_id"] is None:
        return "PURGED_SINCE"
    later = [each for each in ask.own("rollover", undone_at=None) if each["id"] > rollover["id"]]
    return "LATER_ROLLOVER" if later else None


@means("Rollover", "startedAt")
def _(_ask: Asked, row: Row, _args: Row) -> Any:
    return row["created_at"]


@means("Rollover", "job")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.one("job", row["job_id"])


@means("Rollover", "undoJob")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.one("job", row["undo_job_id"])


@means("Rollover", "undone")
def _(_ask: Asked, row: Row, _args: Row) -> Any:
    return row["undone_at"] is not None


@means("Rollover", "undoable")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return undo_obstacle(ask, row) is None


@means("Rollover", "undoObstacle")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return undo_obstacle(ask, row)


columns("PatronCertificate", None, "erasedAt state atRestAt")
columns("ErasureCertificate", None, "statistics firstErasedAt lastErasedAt")
columns("CertifiedRows", None, "table rows")


@means("Job", "certificate")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    found = ask.own("job_erasure", job_id=row["id"])
    return found[0] if found else None


columns(
    "ImportReport", None,
    "format dryRun encoding warnings rows created updated deactivated reactivated unchanged rejected missing"
    " missingConsidered missingDeactivated missingState",
)  # fmt: skip
columns("ImportColumn", None, "name field")
columns("ImportRejection", None, "line code")
columns("ImportRowProblem", None, "column code reason")
columns("ImportNote", None, "code columns places number message")


@means("Job", "import")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    found = ask.own("import_run", job_id=row["id"])
    return found[0] if found else None


@means("ImportReport", "waiting")
def _(_ask: Asked, row: Row, _args: Row) -> Any:
    settled = ("created", "updated", "deactivated", "reactivated", "unchanged", "rejected")
    return row["rows"] - sum(row[name] for name in settled)


@means("ImportReport", "columns")
def _(_ask: Asked, row: Row, _args: Row) -> Any:
    pairs = zip(row["columns"], row["meanings"], strict=True)
    return [{"name": name, "field": field.upper()} for name, field in pairs]


@means("ImportReport", "notes")
def _(_ask: Asked, row: Row, _args: Row) -> Any:
    notes = json.loads(row["notes"] or "[]")
    return [{**note, "message": row["warnings"][place]} for place, note in enumerate(notes)]


@means("ImportNote", "field")
def _(_ask: Asked, row: Row, _args: Row) -> Any:
    return row["field"] and row["field"].upper()


@means("ImportReport", "deactivateMissing")
def _(_ask: Asked, row: Row, _args: Row) -> Any:
    return json.loads(row["options"])["missing"]["deactivate"]


@means("ImportReport", "maximumMissingShare")
def _(_ask: Asked, row: Row, _args: Row) -> Any:
    return float(json.loads(row["options"])["missing"]["maximum_share"])


@means("ImportReport", "rejections")
def _(ask: Asked, row: Row, args: Row) -> Any:
    rejected = ask.own("import_row", job_id=row["job_id"], state="REJECTED")
    return Pages(rejected, lambda each: (each["id"],), args)


@means("ImportRejection", "column")
def _(_ask: Asked, row: Row, _args: Row) -> Any:
    return row["column_name"] or None


@means("ImportRejection", "problems")
def _(_ask: Asked, row: Row, _args: Row) -> Any:
    if row["wrongs"] is not None:
        return json.loads(row["wrongs"])
    return [{"column": row["column_name"] or None, "code": row["code"], "reason": None, "number": None}]


@means("ImportRowProblem", "limit")
def _(_ask: Asked, row: Row, _args: Row) -> Any:
    return None if row["code"] == "DUPLICATE" else row["number"]


@means("ImportRowProblem", "firstLine")
def _(_ask: Asked, row: Row, _args: Row) -> Any:
    return row["number"] if row["code"] == "DUPLICATE" else None


@means("ImportRejection", "message")
def _(_ask: Asked, row: Row, _args: Row) -> Any:
    return f"{row['column_name'] or 'The row'} {row['reason']}."


@means("ImportRejection", "patron")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.one("patron", row["patron_id"])


@means("ErasureCertificate", "jobId")
def _(_ask: Asked, row: Row, _args: Row) -> Any:
    return f"job_{row['job_id']}"


@means("ErasureCertificate", "library")
def _(ask: Asked, _row: Row, _args: Row) -> Any:
    return ask.policy


@means("ErasureCertificate", "patronCount")
def _(_ask: Asked, row: Row, _args: Row) -> Any:
    return row["patrons"]


def stones(ask: Asked, row: Row) -> list[Row]:
    return [stone for stone in ask.everywhere("tombstone") if stone["job_id"] == row["job_id"]]


@means("ErasureCertificate", "state")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return "AT_REST_ERASED" if all(stone["at_rest_at"] for stone in stones(ask, row)) else "LIVE_ERASED"


@means("ErasureCertificate", "atRestAt")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    moments = [stone["at_rest_at"] for stone in stones(ask, row)]
    return max(moments) if moments and all(moments) else None


@means("ErasureCertificate", "patrons")
def _(ask: Asked, row: Row, args: Row) -> Any:
    return Pages(ask.own("tombstone", job_id=row["job_id"]), lambda stone: (stone["id"],), args)


@means("ErasureCertificate", "rows")
@means("PatronCertificate", "rows")
def _(_ask: Asked, row: Row, _args: Row) -> Any:
    return [{"table": name, "rows": count} for name, count in sorted(json.loads(row["rows"]).items())]


@means("PatronCertificate", "patronId")
def _(_ask: Asked, row: Row, _args: Row) -> Any:
    return f"pat_{row['patron_id']}"


@means("PatronCertificate", "job")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.one("job", row["job_id"])


@means("Query", "erasureCertificate")
def _(ask: Asked, _row: Row, args: Row) -> Any:
    found = ask.own("tombstone", patron_id=int(args["patronId"].split("_")[1]))
    return found[0] if found else None


@means("JobItem", "patronId")
def _(_ask: Asked, row: Row, _args: Row) -> Any:
    return f"pat_{row['patron_id']}"


@means("PurgeCandidate", "patron")
def _(_ask: Asked, row: Row, _args: Row) -> Any:
    return row


@means("PurgeCandidate", "openLoanCount")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return len(open_loans(ask, row))


@means("PurgeCandidate", "taggable")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return open_loans(ask, row) == []


@means("PurgeCandidate", "purgeable")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return not obstacles(ask, row, purge=True)


@means("PurgeCandidate", "obstacles")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return obstacles(ask, row, purge=True)


# ---- Staff


columns("StaffUser", "staff", "username displayName active createdAt lastSignedInAt")
columns("Role", "role", "name")
columns("ApiToken", "token", "name createdAt expiresAt revokedAt lastUsedAt")


def known(names: Any) -> list[str]:
    return [permission.value for permission in Permission if permission.value in names]


@means("Role", "permissions")
@means("ApiToken", "permissions")
def _(_ask: Asked, row: Row, _args: Row) -> Any:
    return known(row["permissions"])


@means("StaffUser", "locked")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return row["locked_until"] is not None and row["locked_until"] > ask.now


@means("StaffUser", "roles")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    held = {each["role_id"] for each in ask.everywhere("staff_role") if each["staff_user_id"] == row["id"]}
    return sorted((role for role in ask.own("role") if role["id"] in held), key=lambda role: role["name"])


@means("ApiToken", "state")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    if row["revoked_at"] is not None:
        return "REVOKED"
    return "EXPIRED" if row["expires_at"] is not None and row["expires_at"] <= ask.now else "ACTIVE"


@means("ApiToken", "createdBy")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.one("staff_user", row["created_by_id"])


@means("StaffViewer", "user")
@means("TokenViewer", "token")
def _(_ask: Asked, row: Row, _args: Row) -> Any:
    return row


@means("StaffViewer", "library")
@means("TokenViewer", "library")
@means("Query", "library")
def _(ask: Asked, _row: Row, _args: Row) -> Any:
    return ask.policy


@means("StaffViewer", "permissions")
@means("TokenViewer", "permissions")
def _(ask: Asked, _row: Row, _args: Row) -> Any:
    return known({permission.value for permission in ask.actor.permissions})


# ---- The audit trail


columns("AuditEvent", "evt", "at actorKind action")
columns("AuditDetail", None, "name value")

BEGINNINGS = {"patron": "pat", "library": "lib", "group": "grp", "reservation": "res"}


def subject_of(event: Row) -> str | None:
    if event["subject_id"] is None:
        return None
    return f"{BEGINNINGS.get(event['subject_kind'], event['subject_kind'])}_{event['subject_id']}"


@means("AuditEvent", "actorId")
def _(_ask: Asked, row: Row, _args: Row) -> Any:
    beginning = {"STAFF": "staff", "TOKEN": "token", "PATRON": "pat"}.get(row["actor_kind"])
    return beginning and f"{beginning}_{row['actor_id']}"


@means("AuditEvent", "actor")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.one("staff_user", row["actor_id"]) if row["actor_kind"] == "STAFF" else None


@means("AuditEvent", "tokenName")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    token = ask.one("api_token", row["actor_id"]) if row["actor_kind"] == "TOKEN" else None
    return token and token["name"]


@means("AuditEvent", "subjectId")
def _(_ask: Asked, row: Row, _args: Row) -> Any:
    return subject_of(row)


@means("AuditEvent", "jobId")
def _(_ask: Asked, row: Row, _args: Row) -> Any:
    return None if row["job_id"] is None else f"job_{row['job_id']}"


@means("AuditEvent", "detail")
def _(_ask: Asked, row: Row, _args: Row) -> Any:
    def said(value: Any) -> str | None:
        return value if value is None or isinstance(value, str) else json.dumps(value)

    told = json.loads(row["detail"])
    return [{"name": name, "value": said(told[name])} for name in sorted(told)]


@means("Patron", "activity")
def _(ask: Asked, row: Row, args: Row) -> Any:
    return newest(ask.own("audit_event", subject_kind="patron", subject_id=row["id"]), args)


@means("Query", "auditEvents")
def _(ask: Asked, _row: Row, args: Row) -> Any:
    given = {name: value for name, value in (args.get("filter") or {}).items() if value is not None}
    checks: dict[str, Callable[[Row, Any], bool]] = {
        "action": lambda event, wanted: event["action"] == wanted,
        "actorKind": lambda event, wanted: event["actor_kind"] == wanted,
        "subject": lambda event, wanted: subject_of(event) == wanted,
        "jobId": lambda event, wanted: event["job_id"] == int(wanted.split("_")[1]),
        "from": lambda event, wanted: event["at"] >= wanted,
        "to": lambda event, wanted: event["at"] < wanted,
    }
    rows = ask.own("audit_event")
    return newest([row for row in rows if all(checks[name](row, given[name]) for name in given)], args)


columns("AuditChain", None, "sealed head sealedAt waiting waitingSince")


@means("Query", "auditChain")
def _(ask: Asked, _row: Row, _args: Row) -> Any:
    seals = sorted(ask.own("audit_seal"), key=lambda seal: seal["sequence"])
    sealed = {seal["event_id"] for seal in seals}
    waiting = [event["at"] for event in ask.own("audit_event") if event["id"] not in sealed]
    newest = seals[-1] if seals else None
    return {
        "sealed": len(seals),
        "head": newest and f"{ask.policy['code']}:{newest['sequence']}:{newest['hash'].hex()}",
        "sealed_at": newest and newest["sealed_at"],
        "waiting": len(waiting),
        "waiting_since": min(waiting, default=None),
    }


# ---- What patrons see of themselves


columns("ItemSummary", None, "title author callNumber materialType")
columns("OwnAddress", None, "kind street postalCode city region country")
columns("OwnBlockReason", None, "code message debt level amountToClear")
columns("OwnLoan", "loan", "checkedOutAt dueAt returnedAt renewalsLeft lost")
columns("OwnReservation", "res", "state requestedAt frozen fulfilledAt cancelledAt")
columns("OwnEntry", None, "kind amount createdAt")
columns("OwnDebt", "debt", "reason amount outstanding createdAt")
columns("OwnGroup", None, "lead joinedAt")
columns("MemberLoan", "loan", "dueAt")
columns("MemberOverview", "member", "")
columns("OverviewTotals", None, "openLoans overdueLoans reservations debt")
columns(
    "OwnAccount", "pat",
    "firstName middleName lastName preferredName email phone category registeredAt expiresOn",
)  # fmt: skip


def member_of(ask: Asked, place: Row) -> Row:
    return ask.one("patron", place["patron_id"]) or {}


def consents(ask: Asked, place: Row) -> bool:
    """Return whether a member lets the lead of this very group see titles."""
    waivers = ask.own("privacy_waiver", patron_id=place["patron_id"], group_id=place["group_id"])
    return any(waiver["revoked_at"] is None for waiver in waivers)


@means("PatronViewer", "patron")
def _(_ask: Asked, row: Row, _args: Row) -> Any:
    return row


@means("PatronViewer", "library")
def _(ask: Asked, _row: Row, _args: Row) -> Any:
    return ask.policy


@means("PatronViewer", "currency")
def _(ask: Asked, _row: Row, _args: Row) -> Any:
    return ask.policy["currency"]


@means("ItemSummary", "library")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.any_library("library", row["library_id"])


@means("OwnLoan", "item")
@means("OwnReservation", "item")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.any_library("item", row["item_id"])


@means("OwnLoan", "overdue")
@means("MemberLoan", "overdue")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return is_overdue(ask, row)


@means("OwnLoan", "branch")
@means("OwnAccount", "branch")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.one("branch", row["branch_id"])


@means("OwnReservation", "pickupBranch")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.one("branch", row["pickup_branch_id"])


@means("OwnDebt", "loan")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    loan = ask.one("loan", row["loan_id"])
    return loan if loan and loan["patron_id"] == row["patron_id"] else None


@means("OwnDebt", "entries")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.own("ledger_entry", charge_id=row["id"])


@means("PatronViewer", "group")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return membership(ask, row)


for _name in (
    "barcode", "displayName", "addresses", "expired", "blocked", "blockReasons", "openLoanCount", "overdueLoanCount",
    "openReservationCount", "debtTotal", "loans", "reservations", "debts",
):  # fmt: skip
    FIELDS["OwnAccount", _name] = FIELDS["Patron", _name]


@means("MemberLoan", "title")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return (ask.any_library("item", row["item_id"]) or {})["title"]


@means("MemberLoan", "author")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return (ask.any_library("item", row["item_id"]) or {})["author"]


@means("OwnGroup", "overview")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    if not (row["lead"] and ask.policy["group_lead_access"]):
        return None
    return ask.one("patron_group", row["group_id"])


@means("GroupOverview", "memberCount")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return len(members(ask, row))


@means("GroupOverview", "members")
def _(ask: Asked, row: Row, args: Row) -> Any:
    return Pages(members(ask, row), lambda place: (place["id"],), args)


@means("GroupOverview", "totals")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    patrons = [member_of(ask, place) for place in members(ask, row)]
    loans = [loan for patron in patrons for loan in open_loans(ask, patron)]
    return {
        "open_loans": len(loans),
        "overdue_loans": sum(is_overdue(ask, loan) for loan in loans),
        "reservations": sum(len(open_reservations(ask, patron)) for patron in patrons),
        "debt": debt_of(ask, *patrons),
    }


@means("MemberOverview", "displayName")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return FIELDS["Patron", "displayName"](ask, member_of(ask, row), {})


@means("MemberOverview", "you")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return row["patron_id"] == ask.actor.id


@means("MemberOverview", "openLoanCount")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return len(open_loans(ask, member_of(ask, row)))


@means("MemberOverview", "overdueLoanCount")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return sum(is_overdue(ask, loan) for loan in open_loans(ask, member_of(ask, row)))


@means("MemberOverview", "openReservationCount")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return len(open_reservations(ask, member_of(ask, row)))


@means("MemberOverview", "debtTotal")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return debt_of(ask, member_of(ask, row))


@means("MemberOverview", "sharesTitles")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return consents(ask, row)


@means("MemberOverview", "loans")
def _(ask: Asked, row: Row, args: Row) -> Any:
    return newest(open_loans(ask, member_of(ask, row)) if consents(ask, row) else [], args)


# ---- Roots


NODES = {
    "lib": "Library", "branch": "Branch", "cohort": "Cohort", "addr": "Address", "card": "Card", "block": "Block",
    "pat": "Patron", "item": "Item", "loan": "Loan", "res": "Reservation", "entry": "LedgerEntry", "debt": "Debt",
    "grp": "PatronGroup", "member": "GroupMember", "job": "Job", "jobitem": "JobItem", "export": "DataExport",
    "staff": "StaffUser", "role": "Role", "token": "ApiToken", "evt": "AuditEvent", "rollover": "Rollover",
}  # fmt: skip
NODE_TABLES = {
    "lib": "library", "branch": "branch", "cohort": "cohort", "addr": "address", "card": "card", "block": "block",
    "pat": "patron", "item": "item", "loan": "loan", "res": "reservation", "entry": "ledger_entry",
    "debt": "ledger_entry", "grp": "patron_group", "member": "group_membership", "job": "job",
    "jobitem": "job_item", "export": "data_export", "staff": "staff_user", "role": "role", "token": "api_token",
    "evt": "audit_event", "rollover": "rollover",
}  # fmt: skip


@means("Query", "node")
def _(ask: Asked, _row: Row, args: Row) -> Any:
    prefix, _, digits = args["id"].partition("_")
    if prefix == "lib":
        return Of("Library", ask.policy) if int(digits) == ask.library else None
    found = ask.one(NODE_TABLES[prefix], int(digits))
    if found is None or (prefix in ("debt", "entry") and (found["kind"] == "CHARGE") != (prefix == "debt")):
        return None
    return Of(NODES[prefix], found)


@means("Query", "viewer")
def _(ask: Asked, _row: Row, _args: Row) -> Any:
    tables = {
        ActorKind.STAFF: ("StaffViewer", "staff_user"),
        ActorKind.TOKEN: ("TokenViewer", "api_token"),
        ActorKind.PATRON: ("PatronViewer", "patron"),
    }
    type_, table = tables[ask.actor.kind]
    found = ask.one(table, ask.actor.id)
    return found and Of(type_, found)


@means("Query", "staff")
def _(ask: Asked, _row: Row, args: Row) -> Any:
    return Pages(ask.own("staff_user"), lambda row: (row["id"],), args)


@means("Query", "roles")
def _(ask: Asked, _row: Row, _args: Row) -> Any:
    return sorted(ask.own("role"), key=lambda role: role["name"])


@means("Query", "apiTokens")
def _(ask: Asked, _row: Row, _args: Row) -> Any:
    return ask.own("api_token")


@means("Query", "patron")
def _(ask: Asked, _row: Row, args: Row) -> Any:
    by = args["by"]
    if "id" in by:
        return ask.one("patron", int(by["id"].split("_")[1]))
    if "barcode" in by:
        cards = ask.own("card", barcode=by["barcode"])
        return ask.one("patron", cards[0]["patron_id"]) if cards else None
    wanted = by["username"].lower()
    found = [row for row in ask.own("patron") if row["username"] is not None and row["username"].lower() == wanted]
    return found[0] if found else None


def listed(ask: Asked, patrons: list[Row], args: Row) -> list[Row]:
    return [
        row
        for row in patrons
        if matches_search(ask, row, args.get("search")) and matches_filter(ask, row, args.get("filter"))
    ]


def sorted_patrons(ask: Asked, patrons: list[Row], args: Row) -> Any:
    sort = args["sort"] or "NAME"
    by_name = sort in ("NAME", "NAME_DESCENDING")
    return Pages(
        listed(ask, patrons, args),
        lambda row: (sort_key(row), row["id"]) if by_name else (row["id"],),
        args,
        descending=sort in ("NAME_DESCENDING", "NEWEST"),
    )


@means("Query", "patrons")
def _(ask: Asked, _row: Row, args: Row) -> Any:
    return sorted_patrons(ask, ask.own("patron"), args)


@means("Query", "purgeCandidates")
def _(ask: Asked, _row: Row, args: Row) -> Any:
    return sorted_patrons(ask, ask.own("patron", status="INACTIVE"), args)


@means("Query", "item")
def _(ask: Asked, _row: Row, args: Row) -> Any:
    found = ask.own("item", barcode=args["barcode"])
    return found[0] if found else None


@means("Query", "group")
def _(ask: Asked, _row: Row, args: Row) -> Any:
    return ask.one("patron_group", int(args["id"].split("_")[1]))


@means("Query", "job")
def _(ask: Asked, _row: Row, args: Row) -> Any:
    return ask.one("job", int(args["id"].split("_")[1]))


@means("Query", "jobs")
def _(ask: Asked, _row: Row, args: Row) -> Any:
    rows = [row for row in ask.own("job") if args["kind"] in (None, row["kind"])]
    return newest([row for row in rows if args["state"] in (None, row["state"])], args)


# ---- Statistics


columns("LoanStatisticRow", None, "year month day weekday materialType category cohort declaredLost loans returned"
        " lost open averageDays")  # fmt: skip
DIMENSIONS = {
    "YEAR": "year", "MONTH": "month", "DAY": "day", "WEEKDAY": "weekday", "BRANCH": "branch_id",
    "ITEM_BRANCH": "item_branch_id", "MATERIAL_TYPE": "material_type", "CATEGORY": "category", "COHORT": "cohort",
    "LOST": "declared_lost",
}  # fmt: skip


def lent(ask: Asked) -> list[Row]:
    """Return every loan of the library, live or kept, with what it is counted under."""
    found = []
    for loan in ask.own("loan"):
        item = ask.any_library("item", loan["item_id"]) or {}
        patron = ask.one("patron", loan["patron_id"]) or {}
        cohort = ask.one("cohort", patron["cohort_id"])
        returned = loan["returned_at"] and loan["returned_at"].astimezone(dt.UTC).date()
        found.append(
            {"record": "LIVE", "day": loan["checked_out_at"].astimezone(dt.UTC).date(), "back": returned,
             "branch_id": loan["branch_id"], "item_branch_id": item["branch_id"],
             "material_type": item["material_type"], "category": patron["category"],
             "cohort": cohort and cohort["code"], "declared_lost": loan["lost"]}
        )  # fmt: skip
    for kept in ask.own("loan_statistic"):
        found.append({**kept, "record": "RETAINED", "day": kept["checked_out_on"], "back": kept["returned_on"],
                      "cohort": kept["cohort_code"], "declared_lost": kept["lost"]})  # fmt: skip
    for loan in found:
        day = loan["day"]
        loan |= {"year": day.year, "month": day.replace(day=1), "weekday": day.isoweekday()}
    return found


def is_counted(ask: Asked, loan: Row, args: Row) -> bool:
    given = {name: value for name, value in (args["filter"] or {}).items() if value is not None}

    def ids(name: str) -> list[int]:
        return [int(each.split("_")[1]) for each in given[name]]

    checks: dict[str, Callable[[], bool]] = {
        "branchIds": lambda: loan["branch_id"] in ids("branchIds"),
        "itemBranchIds": lambda: (
            loan["item_branch_id"] in ids("itemBranchIds") and ask.one("branch", loan["item_branch_id"]) is not None
        ),
        "materialTypes": lambda: loan["material_type"] in given["materialTypes"],
        "categories": lambda: loan["category"] in given["categories"],
        "cohorts": lambda: loan["cohort"] in given["cohorts"],
        "lost": lambda: loan["declared_lost"] == given["lost"],
        "record": lambda: loan["record"] == given["record"],
    }
    return args["from"] <= loan["day"] <= args["to"] and all(checks[name]() for name in given)


def counted(loans: list[Row]) -> Row:
    """Return the counts of a group."""
    came_back = [loan for loan in loans if loan["back"] is not None and not loan["declared_lost"]]
    days = sum((loan["back"] - loan["day"]).days for loan in came_back)
    average = (Decimal(days) / len(came_back)).quantize(Decimal("0.1"), ROUND_HALF_UP) if came_back else None
    return {
        "loans": len(loans),
        "returned": len(came_back),
        "lost": len([loan for loan in loans if loan["declared_lost"]]),
        "open": len([loan for loan in loans if loan["back"] is None]),
        "average_days": None if average is None else float(average),
    }


@means("Query", "loanStatistics")
def _(ask: Asked, _row: Row, args: Row) -> Any:
    names = list(dict.fromkeys(DIMENSIONS[dimension] for dimension in args["by"]))
    groups: dict[tuple[Any, ...], list[Row]] = {} if names else {(): []}
    for loan in lent(ask):
        if is_counted(ask, loan, args):
            groups.setdefault(tuple(loan[name] for name in names), []).append(loan)

    def place(values: tuple[Any, ...]) -> list[Any]:
        found: list[Any] = []
        for name, value in zip(names, values, strict=True):
            if name in ("branch_id", "item_branch_id"):
                branch = ask.any_library("branch", value)
                found.append((branch is None, branch and branch["code"]))
            found.append((value is None, value))
        return found

    empty = dict.fromkeys(DIMENSIONS.values())
    return [
        {**empty, **dict(zip(names, values, strict=True)), **counted(groups[values])}
        for values in sorted(groups, key=place)
    ]


@means("LoanStatisticRow", "branch")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.one("branch", row["branch_id"])


@means("LoanStatisticRow", "itemBranch")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    return ask.any_library("branch", row["item_branch_id"])


@means("LoanStatisticRow", "itemLibrary")
def _(ask: Asked, row: Row, _args: Row) -> Any:
    branch = ask.any_library("branch", row["item_branch_id"])
    return branch and ask.any_library("library", branch["library_id"])


@means("Query", "rollovers")
def _(ask: Asked, _row: Row, args: Row) -> Any:
    return newest(ask.own("rollover"), args)


# ---- The interpreter


class Reference:
    """Answers operations from the rows of a World."""

    def __init__(self, schema: GraphQLSchema, world: World) -> None:
        self.schema = schema
        self.world = world

    def answer(self, query: str, actor: Actor, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the data of the only operation of a document."""
        return Run(self.schema, parse(query), Asked(self.world, actor), variables or {}).data()


class Run:
    """One operation."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, ask: Asked, variables: dict[str, Any]) -> None:
        self.schema = schema
        self.ask = ask
        self.fragments = {
            one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
        }
        [self.operation] = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
        values = get_variable_values(schema, self.operation.variable_definitions or [], variables)
        assert not isinstance(values, list), values
        self.variables = values

    def data(self) -> dict[str, Any]:
        root = self.schema.get_root_type(self.operation.operation)
        return self.object(root, {}, [self.operation.selection_set])

    def object(self, type_: Any, row: Any, sets: list[Any]) -> dict[str, Any]:
        fields: dict[str, list[FieldNode]] = {}
        for selections in sets:
            self.collect(type_, selections, fields)
        return {key: self.field(type_, row, nodes) for key, nodes in fields.items()}

    def collect(self, type_: Any, selections: Any, fields: dict[str, list[FieldNode]]) -> None:
        for node in selections.selections:
            if self.left_out(node):
                continue
            if isinstance(node, FieldNode):
                fields.setdefault(node.alias.value if node.alias else node.name.value, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                if node.type_condition is None or self.fits(node.type_condition.name.value, type_):
                    self.collect(type_, node.selection_set, fields)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self.fragments[node.name.value]
                if self.fits(fragment.type_condition.name.value, type_):
                    self.collect(type_, fragment.selection_set, fields)

    def left_out(self, node: Any) -> bool:
        skip = get_directive_values(GraphQLSkipDirective, node, self.variables)
        include = get_directive_values(GraphQLIncludeDirective, node, self.variables)
        return bool(skip and skip["if"]) or bool(include and not include["if"])

    def fits(self, condition: str, type_: Any) -> bool:
        wanted: Any = self.schema.get_type(condition)
        return wanted is type_ or (is_abstract_type(wanted) and self.schema.is_sub_type(wanted, type_))

    def field(self, type_: Any, row: Any, nodes: list[FieldNode]) -> Any:
        name = nodes[0].name.value
        if name == "__typename":
            return type_.name
        definition = type_.fields[name]
        args = get_argument_values(definition, nodes[0], self.variables)
        return self.value(definition.type, self.meaning(type_.name, name, row, args), nodes)

    def meaning(self, type_: str, name: str, row: Any, args: dict[str, Any]) -> Any:
        if type_.endswith("Connection"):
            answers = {
                "edges": lambda: [(row, each) for each in row.page()],
                "pageInfo": lambda: row,
                "totalCount": lambda: len(row.rows),
            }
            return answers[name]()
        if type_.endswith("Edge"):
            pages, each = row
            return each if name == "node" else pages.cursor(each)
        if type_ == "PageInfo":
            page = row.page()
            answers = {
                "hasNextPage": row.more,
                "hasPreviousPage": lambda: row.args.get("after") is not None,
                "startCursor": lambda: row.cursor(page[0]) if page else None,
                "endCursor": lambda: row.cursor(page[-1]) if page else None,
            }
            return answers[name]()
        return FIELDS[type_, name](self.ask, row, args)

    def value(self, type_: Any, value: Any, nodes: list[FieldNode]) -> Any:
        if is_non_null_type(type_):
            assert value is not None, nodes[0].name.value
            return self.value(type_.of_type, value, nodes)
        if value is None:
            return None
        if is_list_type(type_):
            return [self.value(type_.of_type, each, nodes) for each in value]
        if is_leaf_type(type_):
            return leaf(value)
        named: Any = get_named_type(type_)
        if isinstance(value, Of):
            named, value = self.schema.get_type(value.type), value.row
        return self.object(named, value, [node.selection_set for node in nodes])


def leaf(value: Any) -> Any:
    """Return a scalar as JSON: money as text with its cents, a moment without superfluous zeros."""
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    if isinstance(value, dt.datetime):
        text = value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").rstrip(".")
        return f"{text}+00:00"
    if isinstance(value, dt.date):
        return value.isoformat()
    return value
