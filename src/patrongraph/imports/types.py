"""Files of patrons and what became of their rows, as front ends see them."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from patrongraph.graph.connections import Connection
from patrongraph.graph.declare import (
    BY_ID,
    FROM_PARENT,
    IN_LIBRARY,
    Pages,
    column,
    compiled,
    declared,
    expression,
    graph_type,
    many,
    one,
    read_back,
)
from patrongraph.graph.scalars import Upload
from patrongraph.imports.models import ImportField, ImportFormat, ImportNoteCode, MissingState, RejectionCode
from patrongraph.imports.problems import FileRefused
from patrongraph.imports.runs import DEFAULT_SHARE
from patrongraph.jobs.problems import IdempotencyMismatch
from patrongraph.jobs.types import Job
from patrongraph.permissions import Permission
from patrongraph.problems import InputReason, InvalidInput

if TYPE_CHECKING:
    from patrongraph.patrons.types import Patron

strawberry.enum(ImportFormat, description="How a file of patrons is written.")
strawberry.enum(ImportField, description="What a column of a file of patrons can mean.")
strawberry.enum(RejectionCode, name="ImportRejectionCode", description="Why a row was not applied.")
strawberry.enum(ImportNoteCode, description="What is to be said about a file as a whole; docs/importing.md has each.")
strawberry.enum(
    MissingState, name="ImportMissingState", description="What becomes of the patrons whom a file does not name."
)

COLUMNS = """(SELECT named.name, said.field, named.place
FROM unnest({p}.columns) WITH ORDINALITY AS named(name, place)
JOIN unnest({p}.meanings) WITH ORDINALITY AS said(field, place) USING (place))"""

NOTES = """(SELECT note.*, {p}.warnings[note.place] AS message
FROM ROWS FROM (jsonb_to_recordset({p}.notes)
    AS (code text, columns text[], places int[], field text, number int)) WITH ORDINALITY
    AS note(code, columns, places, field, number, place))"""

WRONGS = """(SELECT wrong.* FROM ROWS FROM (jsonb_to_recordset(coalesce({p}.wrongs, jsonb_build_array(
        jsonb_build_object('column', nullif({p}.column_name, ''), 'code', {p}.code))))
    AS ("column" text, code text, reason text, number int)) WITH ORDINALITY
    AS wrong(column_name, code, reason, number, place))"""


@graph_type(source=None, scope=FROM_PARENT, description="What one column of the file means.")
class ImportColumn:
    """Columns that mean nothing are passed over, and nothing of them is kept."""

    name: str = column("name", "What the file calls it.")
    field: ImportField = expression("upper({t}.field)", "What it means.")


@graph_type(source=None, scope=FROM_PARENT, description="One thing to be said about the file as a whole.")
class ImportNote:
    """What a front end needs to say it in its own language."""

    code: ImportNoteCode = column("code", "What there is to say, as a code.")
    columns: list[str] = column(
        "columns",
        "The columns that it is about, as the file names them, long names cut; empty text for a column without a name."
        " At most 30. Of FIELD_HAS_COLUMN the first is the one that counts.",
    )
    places: list[int] = column("places", "Their places in the file, the first is 1; empty for JSON.")
    field: ImportField | None = expression("upper({t}.field)", "What they become, where they become something.")
    number: int | None = column(
        "number",
        "How many columns it is about, where `columns` does not name all (of JSON at least so many); of TOTAL_DIFFERS"
        " the total that the file says, null beyond an Int; of PATRONS_ERASED how many rows.",
    )
    message: str = column("message", "The same in plain English, as in `warnings`.")


@graph_type(source=None, scope=FROM_PARENT, description="One thing that is wrong with a row.")
class ImportRowProblem:
    """What a front end needs to say it in its own language."""

    code: RejectionCode = column("code", "What is wrong, as a code.")
    reason: InputReason | None = column(
        "reason", "Which rule the value breaks; null where the code says all. Of INVALID and UNREADABLE."
    )
    limit: int | None = expression(
        "CASE WHEN {t}.code <> 'DUPLICATE' THEN {t}.number END",
        "The bound that the value breaks, where its reason has one: characters, years, or how many columns there are.",
    )
    first_line: int | None = expression(
        "CASE WHEN {t}.code = 'DUPLICATE' THEN {t}.number END", "Of DUPLICATE: the line that says it first."
    )
    # The last, because the name hides the function.
    column: str | None = column("column_name", "The column that is wrong; null for the whole row.")


@graph_type(source="import_row", scope=IN_LIBRARY, description="A row of the file that was not applied.")
class ImportRejection:
    """Nothing of what the row says is told; /jobs/{id}/rejected.csv has it for a while, to be mended."""

    line: int | None = column(
        "line",
        "Line of the file on which the row begins; in JSON, the user's place. Null for a patron whom the file does not"
        " name and who could not be deactivated.",
    )
    code: RejectionCode = column("code", "Why, as a code.")
    message: str = expression(
        "CASE WHEN {t}.column_name = '' THEN 'The row' ELSE {t}.column_name END || ' ' || {t}.reason || '.'",
        "What is wrong and what would be right, in plain English.",
    )
    problems: list[ImportRowProblem] = many(
        "true", "Everything that is wrong with the row, `code` and `column` first.", order="{t}.place", source=WRONGS
    )
    patron: Annotated["Patron", strawberry.lazy("patrongraph.patrons.types")] | None = one(
        "{t}.id = {p}.patron_id",
        "Whom the row is about, where that could be told.",
        permission=Permission.PATRONS_VIEW,
    )
    # The last, because the name hides the function.
    column: str | None = expression("nullif({t}.column_name, '')", "The column that is wrong; null for the whole row.")


@graph_type(source="import_run", scope=IN_LIBRARY, description="What has become of the rows of a file.")
class ImportReport:
    """Each row counts once: rows = created + updated + deactivated + reactivated + unchanged + rejected + waiting."""

    format: ImportFormat = column("format", "How the file is written.")
    dry_run: bool = column("dry_run", "Whether nothing was changed and the rest says what would have been.")
    columns: list[ImportColumn] = many("true", "What its columns mean.", order="{t}.place", source=COLUMNS)
    encoding: str = column("encoding", "How its text was read: utf-8, utf-8-sig, utf-16 or latin-1.")
    warnings: list[str] = column("warnings", "What is to be said about the file as a whole, in plain English.")
    notes: list[ImportNote] = many(
        "true",
        "The same as `warnings` for programs, in the same order. Of files taken in before notes were kept `warnings`"
        " has more.",
        order="{t}.place",
        source=NOTES,
    )
    rows: int = column("rows", "Rows of the file.")
    created: int = column("created", "New patrons.")
    updated: int = column("updated", "Patrons of whom something other than the status changed.")
    deactivated: int = column("deactivated", "Patrons who became inactive, whatever else changed.")
    reactivated: int = column("reactivated", "Patrons who became active again, whatever else changed.")
    unchanged: int = column("unchanged", "Patrons who are as the file says already.")
    rejected: int = column("rejected", "Rows that were not applied.")
    waiting: int = expression(
        "{t}.rows - {t}.created - {t}.updated - {t}.deactivated - {t}.reactivated - {t}.unchanged - {t}.rejected",
        "Rows that the job has not come to; those of a job that ended early it never will.",
    )
    deactivate_missing: bool = expression(
        "({t}.options->'missing'->>'deactivate')::boolean", "Whether patrons missing from the file are deactivated."
    )
    maximum_missing_share: float = expression(
        "({t}.options->'missing'->>'maximum_share')::float8", "Share above which that has to be confirmed, 0 to 1."
    )
    missing: int = column("missing", "Active patrons whom the file does not name.")
    missing_considered: int = column("missing_considered", "Active patrons who were looked for in the file.")
    missing_deactivated: int = column("missing_deactivated", "Those missing who became inactive.")
    missing_state: MissingState = column(
        "missing_state",
        "Whether those missing were deactivated. TOO_MANY: above the share and not confirmed. ROWS_REJECTED: a row was"
        " rejected, so that its patron may seem to be missing.",
    )

    @declared(Pages("{t}.job_id = {p}.job_id AND {t}.state = 'REJECTED'", BY_ID), "Rows not applied, in file order.")
    def rejections(self, first: int, after: str | None = None) -> Connection[ImportRejection]:
        compiled()


@strawberry.input(description="What a column of the file means, where its name does not tell.")
class ImportColumnInput:
    """Goes before what the name would tell."""

    column: str = strawberry.field(description="The column's name, as in the file.")
    field: ImportField = strawberry.field(description="What it means.")


@strawberry.input(description="What is to become of active patrons whom the file does not name.")
class DeactivateMissingInput:
    """Does nothing when any row is rejected."""

    deactivate: bool = strawberry.field(default=True, description="False, where the file itself asks for it.")
    category: str | None = strawberry.field(default=None, description="Only patrons of this category.")
    branch_id: strawberry.ID | None = strawberry.field(default=None, description="Only patrons of this home branch.")
    cohort_id: strawberry.ID | None = strawberry.field(default=None, description="Only patrons of this cohort.")
    maximum_share: float = strawberry.field(
        default=DEFAULT_SHARE, description="Most of the patrons considered that may be missing unconfirmed, 0 to 1."
    )
    confirm_count: int | None = strawberry.field(
        default=None, description="How many are missing by the dry run; allows more than the share."
    )


@strawberry.input(description="A file of patrons, and what to do with it.")
class ImportPatronsInput:
    """Input of importPatrons."""

    file: Upload = strawberry.field(description="The file.")
    format: ImportFormat = strawberry.field(description="How it is written.")
    columns: list[ImportColumnInput] = strawberry.field(
        default_factory=list, description="What columns mean whose names do not tell."
    )
    dry_run: bool = strawberry.field(default=False, description="Report what would happen, and change nothing.")
    deactivate_missing: DeactivateMissingInput | None = strawberry.field(
        default=None, description="What becomes of patrons whom the file does not name; null leaves it to the file."
    )
    idempotency_key: str | None = strawberry.field(
        default=None, description="A text of your choice; the same file sent again with it starts nothing new."
    )


@strawberry.type(description="The import has begun; follow its job.")
class ImportStarted:
    """Payload of importPatrons."""

    job_id: strawberry.Private[int]
    job: Job = read_back("job_id", "The job.")


ImportPatronsResult = Annotated[
    ImportStarted | FileRefused | InvalidInput | IdempotencyMismatch,
    strawberry.union("ImportPatronsResult", description="The job, or why not."),
]
