"""The registry of personal data: every column of every table, how it is exported and how it is erased.

Export and erasure are built from this file; a column that is not in it fails the build.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Withheld(StrEnum):
    """Why a column is not in the patron's document."""

    SECRET = "SECRET"  # noqa: S105 - the word, not a secret
    INTERNAL_KEY = "INTERNAL_KEY"
    OTHER_PEOPLE = "OTHER_PEOPLE"
    STAFF_IDENTITY = "STAFF_IDENTITY"
    DERIVED = "DERIVED"
    HOUSEKEEPING = "HOUSEKEEPING"


class Form(StrEnum):
    """How a column's value is written in the document; a reference is replaced by what it names."""

    VALUE = "VALUE"
    DATE = "DATE"
    MONEY = "MONEY"
    BRANCH = "BRANCH"
    COHORT = "COHORT"
    ITEM = "ITEM"
    LOAN_ITEM = "LOAN_ITEM"


class Erasure(StrEnum):
    """What a purge does with a column's value."""

    ROW_DELETED = "ROW_DELETED"
    KEPT_NOT_PERSONAL = "KEPT_NOT_PERSONAL"
    KEPT_OPAQUE = "KEPT_OPAQUE"


@dataclass(frozen=True, slots=True)
class Shown:
    """The column's place in the document: a JSON name, and for the patron's own columns its section."""

    name: str
    form: Form = Form.VALUE
    section: str = ""


@dataclass(frozen=True, slots=True)
class PatronTable:
    """A table whose rows belong to one patron and go with that patron.

    `patron_column` holds the patron id. A table without one is reached `through` (its column, parent table).
    `section` is the list of the document that its rows make; empty when nothing of it is shown.
    """

    name: str
    patron_column: str
    columns: dict[str, Shown | Withheld]
    section: str = ""
    through: tuple[str, str] | None = None

    def shown(self) -> dict[str, Shown]:
        """Return the columns that are in the document, in its order."""
        return {column: place for column, place in self.columns.items() if isinstance(place, Shown)}


@dataclass(frozen=True, slots=True)
class KeptTable:
    """A table that a purge leaves alone, and why nothing of a patron stays in it."""

    name: str
    why: str
    columns: tuple[str, ...]
    erasure: Erasure = Erasure.KEPT_NOT_PERSONAL


@dataclass(frozen=True, slots=True)
class Entry:
    """One column of the registry; `exported` is None in a kept table."""

    table: str
    column: str
    exported: Shown | Withheld | None
    erased: Erasure


KEY = Withheld.INTERNAL_KEY


def _patron(section: str, name: str, form: Form = Form.VALUE) -> Shown:
    return Shown(name, form, section)


# Children before parents: the order in which a purge deletes, the patron last.
PATRON_TABLES: tuple[PatronTable, ...] = (
    PatronTable(
        "ledger_entry",
        "patron_id",
        {
            "id": KEY,
            "library_id": KEY,
            "patron_id": KEY,
            "charge_id": KEY,
            "kind": Shown("kind"),
            "amount": Shown("amount", Form.MONEY),
            "outstanding": Shown("outstanding", Form.MONEY),
            "reason": Shown("reason"),
            "note": Shown("note"),
            "loan_id": Shown("item", Form.LOAN_ITEM),
            "external_id": Shown("externalId"),
            "created_at": Shown("createdAt"),
            "created_by_id": Withheld.STAFF_IDENTITY,
        },
        section="ledger",
    ),
    PatronTable(
        "reservation",
        "patron_id",
        {
            "id": KEY,
            "library_id": KEY,
            "patron_id": KEY,
            "item_id": Shown("item", Form.ITEM),
            "requested_at": Shown("requestedAt"),
            "pickup_branch_id": Shown("pickupBranch", Form.BRANCH),
            "frozen": Shown("frozen"),
            "state": Shown("state"),
            "fulfilled_at": Shown("fulfilledAt"),
            "cancelled_at": Shown("cancelledAt"),
        },
        section="reservations",
    ),
    PatronTable(
        "loan",
        "patron_id",
        {
            "id": KEY,
            "library_id": KEY,
            "patron_id": KEY,
            "item_id": Shown("item", Form.ITEM),
            "checked_out_at": Shown("checkedOutAt"),
            "due_at": Shown("dueAt"),
            "returned_at": Shown("returnedAt"),
            "renewals_left": Shown("renewalsLeft"),
            "lost": Shown("lost"),
            "branch_id": Shown("branch", Form.BRANCH),
        },
        section="loans",
    ),
    PatronTable(
        "block",
        "patron_id",
        {
            "id": KEY,
            "library_id": KEY,
            "patron_id": KEY,
            "comment": Shown("comment"),
            "message": Shown("message"),
            "placed_by_id": Withheld.STAFF_IDENTITY,
            "placed_at": Shown("placedAt"),
            "expires_at": Shown("expiresAt"),
            "lifted_by_id": Withheld.STAFF_IDENTITY,
            "lifted_at": Shown("liftedAt"),
            "lift_reason": Shown("liftReason"),
        },
        section="blocks",
    ),
    PatronTable(
        "privacy_waiver",
        "patron_id",
        {
            "id": KEY,
            "library_id": KEY,
            "patron_id": KEY,
            "group_id": Withheld.OTHER_PEOPLE,
            "granted_at": Shown("grantedAt"),
            "revoked_at": Shown("revokedAt"),
        },
        section="privacyWaivers",
    ),
    PatronTable(
        "group_membership",
        "patron_id",
        {
            "id": KEY,
            "library_id": KEY,
            "patron_id": KEY,
            "group_id": Withheld.OTHER_PEOPLE,
            "lead": Shown("lead"),
            "joined_at": Shown("joinedAt"),
        },
        section="groupMemberships",
    ),
    PatronTable(
        "rollover_step",
        "patron_id",
        {
            "id": KEY,
            "library_id": KEY,
            "rollover_id": KEY,
            "patron_id": KEY,
            "from_cohort_id": Shown("fromCohort", Form.COHORT),
            "to_cohort_id": Shown("toCohort", Form.COHORT),
            "deactivate": Withheld.HOUSEKEEPING,
            "done_at": Shown("movedAt"),
            "deactivated": Shown("deactivated"),
            "undone_at": Shown("undoneAt"),
        },
        section="rollovers",
    ),
    PatronTable(
        "card",
        "patron_id",
        {
            "id": KEY,
            "library_id": KEY,
            "patron_id": KEY,
            "barcode": Shown("barcode"),
            "active": Shown("active"),
            "created_at": Shown("createdAt"),
        },
        section="cards",
    ),
    PatronTable(
        "address",
        "patron_id",
        {
            "id": KEY,
            "library_id": KEY,
            "patron_id": KEY,
            "kind": Shown("kind"),
            "street": Shown("street"),
            "postal_code": Shown("postalCode"),
            "city": Shown("city"),
            "region": Shown("region"),
            "country": Shown("country"),
        },
        section="addresses",
    ),
    # The PIN, and even whether there is one, is never shown: the document may lie on a shared computer.
    PatronTable(
        "patron_pin",
        "patron_id",
        {
            "patron_id": KEY,
            "library_id": KEY,
            "pin_hash": Withheld.SECRET,
            "failed_attempts": Withheld.SECRET,
            "locked_until": Withheld.SECRET,
            "changed_at": Withheld.SECRET,
        },
    ),
    # A patron's session; a staff member's has no patron id and stays.
    PatronTable(
        "session",
        "patron_id",
        {
            "id": KEY,
            "staff_user_id": Withheld.STAFF_IDENTITY,
            "patron_id": KEY,
            "library_id": KEY,
            "token_sha256": Withheld.SECRET,
            "created_at": Withheld.HOUSEKEEPING,
            "expires_at": Withheld.HOUSEKEEPING,
            "last_seen_at": Withheld.HOUSEKEEPING,
            "reauthenticated_at": Withheld.HOUSEKEEPING,
        },
    ),
    PatronTable(
        "download_link",
        "patron_id",
        {
            "id": KEY,
            "export_id": KEY,
            "library_id": KEY,
            "token_sha256": Withheld.SECRET,
            "created_at": Withheld.HOUSEKEEPING,
            "expires_at": Withheld.HOUSEKEEPING,
            "used_at": Withheld.HOUSEKEEPING,
            "staff_user_id": Withheld.STAFF_IDENTITY,
            "token_id": Withheld.STAFF_IDENTITY,
        },
        through=("export_id", "data_export"),
    ),
    # Exports of one patron. A file of many patrons has no patron id: a purge in its library ends it.
    PatronTable(
        "data_export",
        "patron_id",
        {
            "id": KEY,
            "library_id": KEY,
            "job_id": KEY,
            "patron_id": KEY,
            "format": Shown("format"),
            "state": Shown("state"),
            "path": Withheld.SECRET,
            "sha256": Withheld.HOUSEKEEPING,
            "size": Withheld.HOUSEKEEPING,
            "key_id": Withheld.HOUSEKEEPING,
            "sealed_key": Withheld.SECRET,
            "created_at": Shown("createdAt"),
            "ready_at": Shown("readyAt"),
            "expires_at": Shown("expiresAt"),
            "downloads": Shown("downloads"),
        },
        section="exports",
    ),
    # What a file said about the patron and was not applied, until it expires.
    PatronTable(
        "import_row",
        "patron_id",
        {
            "id": KEY,
            "job_id": KEY,
            "library_id": KEY,
            "patron_id": KEY,
            "line": Shown("line"),
            "cells": Shown("cells"),
            "column_name": Shown("column"),
            "reason": Shown("reason"),
            "state": Withheld.HOUSEKEEPING,
            "code": Withheld.HOUSEKEEPING,
            "wrongs": Withheld.HOUSEKEEPING,
        },
        section="importedRows",
    ),
    PatronTable(
        "patron",
        "id",
        {
            "id": KEY,
            "library_id": KEY,
            "person_id": KEY,  # it would lead to accounts in other libraries
            "external_id": _patron("identity", "externalId"),
            "username": _patron("identity", "username"),
            "first_name": _patron("identity", "firstName"),
            "middle_name": _patron("identity", "middleName"),
            "last_name": _patron("identity", "lastName"),
            "preferred_name": _patron("identity", "preferredName"),
            "date_of_birth": _patron("identity", "dateOfBirth", Form.DATE),
            "email": _patron("contact", "email"),
            "phone": _patron("contact", "phone"),
            "category": _patron("registration", "category"),
            "cohort_id": _patron("registration", "cohort", Form.COHORT),
            "branch_id": _patron("registration", "homeBranch", Form.BRANCH),
            "registered_at": _patron("registration", "registeredAt"),
            "expires_on": _patron("registration", "expiresOn", Form.DATE),
            "last_activity_at": _patron("registration", "lastActivityAt"),
            "updated_at": _patron("registration", "updatedAt"),
            "status": _patron("status", "status"),
            "status_changed_at": _patron("status", "changedAt"),
            "purge_after": _patron("status", "purgeAfter"),
            "protected": _patron("status", "protected"),
            "notes": _patron("", "notes"),
            "version": Withheld.HOUSEKEEPING,
            "erasure_key": KEY,
            "sort_key": Withheld.DERIVED,
            "search_key": Withheld.DERIVED,
        },
    ),
)

KEPT_TABLES: tuple[KeptTable, ...] = (
    KeptTable(
        "library",
        "The tenant and its policies.",
        (
            "id", "code", "name", "locale", "currency", "block_level", "retain_deleted_patron_loans",
            "purge_waive_limit", "grace_days", "max_purge_per_operation", "export_ttl_hours",
            "group_lead_access", "created_at",
        ),
    ),
    KeptTable("branch", "A place.", ("id", "library_id", "code", "name", "phone", "email")),
    KeptTable("cohort", "A year group.", ("id", "library_id", "code", "name", "next_cohort_id", "graduated")),
    KeptTable(
        "rollover",
        "One year of a school: how many moved, in numbers only.",
        (
            "id", "library_id", "year", "job_id", "created_at", "moved", "deactivated", "undo_job_id", "undone_at",
        ),
    ),
    KeptTable(
        "person",
        "A number that joins accounts; once no account points at it, it leads to nobody.",
        ("id", "created_at"),
        Erasure.KEPT_OPAQUE,
    ),
    KeptTable(
        "patron_group",
        "Belongs to its members together; dissolved when the last one leaves or is purged.",
        ("id", "library_id", "external_id", "created_at"),
    ),
    KeptTable(
        "item",
        "A thing the library owns.",
        (
            "id", "library_id", "branch_id", "barcode", "title", "author", "call_number", "material_type",
            "price", "status",
        ),
    ),
    KeptTable(
        "loan_statistic",
        "A loan that happened: no patron key, birth date or postcode, and nothing that links two of them.",
        (
            "id", "library_id", "checked_out_on", "returned_on", "item_id", "title", "material_type",
            "item_branch_id", "branch_id", "category", "cohort_code", "lost",
        ),
    ),
    KeptTable(
        "job",
        "Work to do: counts, states and parameters, which never hold personal data.",
        (
            "id", "library_id", "kind", "state", "params", "itemised", "total", "done", "skipped", "failed",
            "error", "version", "created_at", "started_at", "finished_at", "started_by_id", "token_id",
            "lease_owner", "lease_until", "idempotency_key",
        ),
        Erasure.KEPT_OPAQUE,
    ),
    KeptTable(
        "job_item",
        "One patron's result in a job, by a number that leads to nobody after the purge, and reason codes.",
        (
            "id", "job_id", "library_id", "patron_id", "state", "codes", "reason", "attempts", "finished_at",
        ),
        Erasure.KEPT_OPAQUE,
    ),
    KeptTable(
        "import_run",
        "A file that was imported: the names of its columns, what was asked for, and counts.",
        (
            "id", "library_id", "job_id", "format", "dry_run", "columns", "meanings", "options", "encoding",
            "warnings", "notes", "rows", "created", "updated", "deactivated", "reactivated", "unchanged", "rejected",
            "missing", "missing_considered", "missing_deactivated", "missing_state", "keep_cells", "planned_at",
            "created_at",
        ),
    ),
    KeptTable(
        "idempotency_key",
        "What was asked before: an actor's number, a keyed fingerprint of the request and the ids it came to.",
        ("id", "library_id", "actor", "key", "body_sha256", "result", "created_at"),
        Erasure.KEPT_OPAQUE,
    ),
    KeptTable(
        "tombstone",
        "Proof of the erasure: a number that leads to nobody, when, and rows removed per table.",
        (
            "id", "library_id", "patron_id", "job_id", "erased_at", "rows", "state", "at_rest_at", "patron_key",
            "copied_at",
        ),
        Erasure.KEPT_OPAQUE,
    ),
    KeptTable(
        "job_erasure",
        "What a job erased, in numbers only.",
        (
            "id", "library_id", "job_id", "patrons", "rows", "statistics", "first_erased_at", "last_erased_at",
        ),
    ),
    KeptTable(
        "audit_event",
        "Who did what when, to a number that leads to nobody after the purge; counts and reason codes.",
        (
            "id", "library_id", "at", "actor_kind", "actor_id", "action", "subject_kind", "subject_id",
            "job_id", "detail",
        ),
        Erasure.KEPT_OPAQUE,
    ),
    KeptTable(
        "audit_seal",
        "An audit event's place in its library's chain: numbers and keyed digests.",
        ("event_id", "library_id", "sequence", "sealed_at", "key_id", "digest", "hash"),
        Erasure.KEPT_OPAQUE,
    ),
    KeptTable(
        "staff_user",
        "Staff are not patrons.",
        (
            "id", "library_id", "username", "display_name", "password_hash", "active", "failed_attempts",
            "locked_until", "created_at", "last_signed_in_at",
        ),
    ),
    KeptTable("role", "A set of permissions.", ("id", "library_id", "name", "permissions")),
    KeptTable("staff_role", "Who of the staff has which role.", ("id", "staff_user_id", "role_id")),
    KeptTable(
        "api_token",
        "A program's credential.",
        (
            "id", "library_id", "name", "token_sha256", "permissions", "created_by_id", "created_at",
            "expires_at", "revoked_at", "last_used_at",
        ),
    ),
    KeptTable(
        "tortoise_migrations",
        "Which migrations were applied.",
        ("id", "app", "name", "applied_at"),
    ),
)  # fmt: skip


def entries() -> Iterator[Entry]:
    """Yield the registry column by column."""
    for table in PATRON_TABLES:
        for column, exported in table.columns.items():
            yield Entry(table.name, column, exported, Erasure.ROW_DELETED)
    for kept in KEPT_TABLES:
        for column in kept.columns:
            yield Entry(kept.name, column, None, kept.erasure)


def erasure_order() -> tuple[tuple[str, str], ...]:
    """Return (table, column that holds the patron id), children before parents, the patron last.

    For a table without such a column it is an SQL expression that finds the id, usable in its WHERE.
    """
    return tuple((table.name, _patron_column(table)) for table in PATRON_TABLES)


def erasure_statements() -> tuple[tuple[str, str], ...]:
    """Return (table, its DELETE for the patron ids in $1::bigint[]), in the order of erasure_order()."""
    return tuple((table.name, _delete(table)) for table in PATRON_TABLES)


def erasable_rows() -> tuple[tuple[str, str], ...]:
    """Return (table, SQL after FROM for its rows of the patron ids in $1::bigint[], as `erased`), in the same order."""
    return tuple((table.name, _rows(table)) for table in PATRON_TABLES)


def _patron_column(table: PatronTable) -> str:
    if table.through is None:
        return table.patron_column
    column, parent = table.through
    return f"(SELECT parent.patron_id FROM {parent} parent WHERE parent.id = {table.name}.{column})"


def _rows(table: PatronTable) -> str:
    if table.through is None:
        return f"{table.name} AS erased WHERE erased.{table.patron_column} = ANY($1::bigint[])"
    column, parent = table.through
    return (
        f"{table.name} AS erased JOIN {parent} parent ON parent.id = erased.{column}"
        " WHERE parent.patron_id = ANY($1::bigint[])"
    )


def _delete(table: PatronTable) -> str:
    if table.through is None:
        return f"DELETE FROM {table.name} WHERE {table.patron_column} = ANY($1::bigint[])"
    column, parent = table.through
    return (
        f"DELETE FROM {table.name} USING {parent} parent"
        f" WHERE parent.id = {table.name}.{column} AND parent.patron_id = ANY($1::bigint[])"
    )
