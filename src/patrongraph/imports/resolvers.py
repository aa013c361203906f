"""Root field of the imports."""

import hashlib
from dataclasses import asdict

import orjson
import strawberry

from patrongraph import db
from patrongraph.graph.declare import mutation
from patrongraph.graph.engine import Operation
from patrongraph.graph.ids import decode_id
from patrongraph.graph.scalars import Upload
from patrongraph.imports import actions
from patrongraph.imports.actions import Missing
from patrongraph.imports.types import DeactivateMissingInput, ImportPatronsInput, ImportPatronsResult, ImportStarted
from patrongraph.permissions import Permission
from patrongraph.problems import InputReason, invalid


def _missing(said: DeactivateMissingInput) -> Missing:
    return Missing(
        deactivate=said.deactivate,
        category=said.category,
        branch_id=None if said.branch_id is None else decode_id("branch", said.branch_id),
        cohort_id=None if said.cohort_id is None else decode_id("cohort", said.cohort_id),
        maximum_share=said.maximum_share,
        confirm=said.confirm_count,
    )


def _mapping(input: ImportPatronsInput) -> dict[str, str]:
    mapping: dict[str, str] = {}
    for each in input.columns:
        if each.column in mapping:
            raise invalid("input.columns", "A column of the file is named once.", InputReason.REPEATED)
        if not db.storable(each.column):
            message = "A column's name is text without control characters."
            raise invalid("input.columns", message, InputReason.NOT_PRINTABLE)
        mapping[each.column] = each.field.value.lower()
    return mapping


def _body_hash(input: ImportPatronsInput, file: Upload, mapping: dict[str, str], missing: Missing | None) -> str:
    asked = [file.sha256, input.format.value, mapping, input.dry_run, None if missing is None else asdict(missing)]
    return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).hexdigest()


@strawberry.type
class ImportMutation:
    """Mutation.importPatrons."""

    @mutation(
        "Import a file of patrons: create, update, deactivate and reactivate, by a job that reports each row.",
        permission=Permission.PATRONS_IMPORT,
    )
    async def import_patrons(self, info: strawberry.Info[Operation], input: ImportPatronsInput) -> ImportPatronsResult:
        file, mapping = input.file, _mapping(input)
        missing = None if input.deactivate_missing is None else _missing(input.deactivate_missing)
        source = await actions.open_file(file.file, input.format, mapping, file.filename or "the file")
        job_id = await actions.start(
            info.context.actor,
            source,
            dry_run=input.dry_run,
            missing=missing,
            idempotency_key=input.idempotency_key,
            body_hash=_body_hash(input, file, mapping, missing),
        )
        return ImportStarted(job_id=job_id)
