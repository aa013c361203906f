"""Tables of the files that workers import: what was asked and counted, and the rows that wait or were rejected."""

from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.models import Model

from patrongraph.tables import (
    Identity,
    document,
    index,
    moment,
    no_texts,
    one_of,
    reference,
    rule,
    texts,
    unique,
    word,
)


class ImportFormat(StrEnum):
    """How a file of patrons is written."""

    STATUS = "STATUS"
    PATRONS = "PATRONS"
    FOLIO = "FOLIO"
    KOHA = "KOHA"
    EVERGREEN = "EVERGREEN"


class ImportField(StrEnum):
    """What a column of a file can mean: the fields of layout.PEOPLE, in capitals."""

    LIBRARY = "LIBRARY"
    EXTERNAL_ID = "EXTERNAL_ID"
    BARCODE = "BARCODE"
    USERNAME = "USERNAME"
    FIRST_NAME = "FIRST_NAME"
    MIDDLE_NAME = "MIDDLE_NAME"
    LAST_NAME = "LAST_NAME"
    PREFERRED_NAME = "PREFERRED_NAME"
    DATE_OF_BIRTH = "DATE_OF_BIRTH"
    EMAIL = "EMAIL"
    PHONE = "PHONE"
    STREET = "STREET"
    POSTAL_CODE = "POSTAL_CODE"
    CITY = "CITY"
    REGION = "REGION"
    COUNTRY = "COUNTRY"
    CATEGORY = "CATEGORY"
    COHORT = "COHORT"
    BRANCH = "BRANCH"
    REGISTERED_AT = "REGISTERED_AT"
    EXPIRES_ON = "EXPIRES_ON"
    ENABLED = "ENABLED"
    NOTES = "NOTES"


class ImportRowState(StrEnum):
    """Where a row stands; one that is applied is deleted. MISSING is a patron whom the file does not name."""

    PENDING = "PENDING"
    MISSING = "MISSING"
    REJECTED = "REJECTED"


class RejectionCode(StrEnum):
    """Why a row was not applied."""

    UNREADABLE = "UNREADABLE"
    INVALID = "INVALID"
    REQUIRED = "REQUIRED"
    DUPLICATE = "DUPLICATE"
    OTHER_LIBRARY = "OTHER_LIBRARY"
    UNKNOWN_PATRON = "UNKNOWN_PATRON"
    NOT_FOUND = "NOT_FOUND"
    TAKEN = "TAKEN"
    PENDING_PURGE = "PENDING_PURGE"
    FAILED = "FAILED"


class FileReason(StrEnum):
    """Why nothing of a file can be imported."""

    EMPTY = "EMPTY"
    NO_HEADER = "NO_HEADER"
    NO_ROWS = "NO_ROWS"
    TOO_MANY_ROWS = "TOO_MANY_ROWS"
    TOO_LONG = "TOO_LONG"
    ENCODING = "ENCODING"
    BAD_QUOTE = "BAD_QUOTE"
    COLUMN_MISSING = "COLUMN_MISSING"
    COLUMN_TWICE = "COLUMN_TWICE"
    MAPPING = "MAPPING"
    NOT_JSON = "NOT_JSON"
    NOT_THE_FORMAT = "NOT_THE_FORMAT"
    UNREADABLE = "UNREADABLE"


class ImportNoteCode(StrEnum):
    """What is to be said about a file as a whole."""

    READ_AS_LATIN = "READ_AS_LATIN"
    DAMAGED_TEXT = "DAMAGED_TEXT"
    NO_ROWS = "NO_ROWS"
    FIRST_FILLED = "FIRST_FILLED"
    FIELD_HAS_COLUMN = "FIELD_HAS_COLUMN"
    CREDENTIAL_COLUMNS = "CREDENTIAL_COLUMNS"
    UNKNOWN_COLUMNS = "UNKNOWN_COLUMNS"
    CREDENTIAL_PROPERTIES = "CREDENTIAL_PROPERTIES"
    UNKNOWN_PROPERTIES = "UNKNOWN_PROPERTIES"
    TOTAL_DIFFERS = "TOTAL_DIFFERS"
    PATRONS_ERASED = "PATRONS_ERASED"


class MissingState(StrEnum):
    """What becomes of the patrons whom the file does not name."""

    NOT_ASKED = "NOT_ASKED"
    PLANNED = "PLANNED"
    DONE = "DONE"
    TOO_MANY = "TOO_MANY"
    ROWS_REJECTED = "ROWS_REJECTED"


class ImportRun(Model):
    """One file: what its columns mean, what was asked for, and what has become of its rows so far.

    rows = created + updated + deactivated + reactivated + unchanged + rejected + those not reached; a row counts once.
    """

    id = Identity(primary_key=True)
    library = reference("Library")
    library_id: int
    job = reference("Job")
    job_id: int
    format = word(ImportFormat)
    dry_run = fields.BooleanField()
    columns = no_texts()
    meanings: Any = no_texts()
    options = document()
    encoding = fields.CharField(max_length=20)
    warnings = no_texts()
    # Each warning for programs, in the same order: code, columns, places, field and number; null before there were.
    notes: Any = fields.JSONField(null=True)
    rows = fields.IntField(db_default=0)
    created = fields.IntField(db_default=0)
    updated = fields.IntField(db_default=0)
    deactivated = fields.IntField(db_default=0)
    reactivated = fields.IntField(db_default=0)
    unchanged = fields.IntField(db_default=0)
    rejected = fields.IntField(db_default=0)
    missing = fields.IntField(db_default=0)
    missing_considered = fields.IntField(db_default=0)
    missing_deactivated = fields.IntField(db_default=0)
    missing_state = word(MissingState, db_default=MissingState.NOT_ASKED)
    # False once a patron was erased while rows waited: rows that cannot be told to be anybody's may be theirs.
    keep_cells = fields.BooleanField(db_default=True)
    planned_at = fields.DatetimeField(null=True)
    created_at = moment()

    class Meta:
        table = "import_run"
        constraints = (
            unique("import_run", "job_id"),
            one_of("import_run", "format", ImportFormat),
            one_of("import_run", "missing_state", MissingState),
        )
        indexes = (index("import_run", "library_id"),)


class ImportRow(Model):
    """One row of a file until it is applied, and for some days when it was rejected.

    `cells` go with the run's `columns`; null once they are emptied. `line` is null for a patron whom the file does not
    name. No foreign key: a hundred thousand rows would each lock the job's and look it up.
    """

    id = Identity(primary_key=True)
    job_id = fields.BigIntField()
    library_id = fields.BigIntField()
    line = fields.IntField(null=True)
    cells: Any = texts(null=True)
    patron_id = fields.BigIntField(null=True)
    state = word(ImportRowState, db_default=ImportRowState.PENDING)
    column_name = fields.TextField(null=True)
    code = word(RejectionCode, null=True)
    reason = fields.TextField(null=True)
    # Each thing that is wrong: column, code, reason and number; null where column_name and code say all.
    wrongs: Any = fields.JSONField(null=True)

    class Meta:
        table = "import_row"
        constraints = (
            one_of("import_row", "state", ImportRowState),
            rule("import_row", "rejected", "(state = 'REJECTED') = (reason IS NOT NULL AND code IS NOT NULL)"),
        )
        indexes = (
            index("import_row", "job_id", "line"),
            index("import_row", "patron_id", where="patron_id IS NOT NULL"),
            index(
                "import_row", "library_id", name="nobodys",
                where="state = 'REJECTED' AND patron_id IS NULL AND cells IS NOT NULL",
            ),
        )  # fmt: skip
