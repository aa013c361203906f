"""Files of patrons that workers import."""

from typing import Any

from orjson import loads
from tortoise import fields, migrations
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise.fields.db_defaults import Now, SqlDefault
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from patrongraph.imports.models import ImportFormat, ImportRowState, MissingState, RejectionCode
from patrongraph.tables import Identity, TableIndex


def _key() -> Identity:
    return Identity(generated=True, primary_key=True, unique=True, db_index=True)


def _reference(model: str, column: str) -> Any:
    return fields.ForeignKeyField(
        f"patrongraph.{model}",
        source_field=column,
        db_constraint=True,
        to_field="id",
        related_name=False,
        on_delete=OnDelete.NO_ACTION,
    )


def _texts() -> Any:
    return ArrayField(db_default=SqlDefault("'{}'"), element_type="text")


COUNTERS = (
    "rows", "created", "updated", "deactivated", "reactivated", "unchanged", "rejected", "missing",
    "missing_considered", "missing_deactivated",
)  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("patrongraph", "0009_certificates")]

    operations = [
        ops.CreateModel(
            name="ImportRun",
            fields=[
                ("id", _key()),
                ("library", _reference("Library", "library_id")),
                ("job", _reference("Job", "job_id")),
                ("format", fields.CharEnumField(description="", enum_type=ImportFormat, max_length=30)),
                ("dry_run", fields.BooleanField()),
                ("columns", _texts()),
                ("meanings", _texts()),
                ("options", fields.JSONField(db_default=SqlDefault("'{}'"), encoder=JSON_DUMPS, decoder=loads)),
                ("encoding", fields.CharField(max_length=20)),
                ("warnings", _texts()),
                *((name, fields.IntField(db_default=0)) for name in COUNTERS),
                (
                    "missing_state",
                    fields.CharEnumField(
                        description="", enum_type=MissingState, db_default=MissingState.NOT_ASKED, max_length=30
                    ),
                ),
                ("keep_cells", fields.BooleanField(db_default=True)),
                ("planned_at", fields.DatetimeField(null=True)),
                ("created_at", fields.DatetimeField(db_default=Now(), auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "import_run",
                "app": "patrongraph",
                "pk_attr": "id",
                "table_description": "One file: what its columns mean, what was asked for, and what has become of its"
                " rows so far.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ImportRow",
            fields=[
                ("id", _key()),
                ("job_id", fields.BigIntField()),
                ("library_id", fields.BigIntField()),
                ("line", fields.IntField(null=True)),
                ("cells", ArrayField(null=True, element_type="text")),
                ("patron_id", fields.BigIntField(null=True)),
                (
                    "state",
                    fields.CharEnumField(
                        description="", enum_type=ImportRowState, db_default=ImportRowState.PENDING, max_length=30
                    ),
                ),
                ("column_name", fields.TextField(null=True)),
                ("code", fields.CharEnumField(description="", enum_type=RejectionCode, null=True, max_length=30)),
                ("reason", fields.TextField(null=True)),
            ],
            options={
                "table": "import_row",
                "app": "patrongraph",
                "pk_attr": "id",
                "table_description": "One row of a file until it is applied, and for some days when it was rejected.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="ImportRun",
            constraint=UniqueConstraint(fields=("job_id",), name="import_run_job_id_key"),
        ),
        ops.AddConstraint(
            model_name="ImportRun",
            constraint=CheckConstraint(
                check="format IN ('STATUS', 'PATRONS', 'FOLIO', 'KOHA', 'EVERGREEN')", name="import_run_format_check"
            ),
        ),
        ops.AddConstraint(
            model_name="ImportRun",
            constraint=CheckConstraint(
                check="missing_state IN ('NOT_ASKED', 'PLANNED', 'DONE', 'TOO_MANY', 'ROWS_REJECTED')",
                name="import_run_missing_state_check",
            ),
        ),
        ops.AddConstraint(
            model_name="ImportRow",
            constraint=CheckConstraint(
                check="state IN ('PENDING', 'MISSING', 'REJECTED')", name="import_row_state_check"
            ),
        ),
        ops.AddConstraint(
            model_name="ImportRow",
            constraint=CheckConstraint(
                check="(state = 'REJECTED') = (reason IS NOT NULL AND code IS NOT NULL)",
                name="import_row_rejected_check",
            ),
        ),
        ops.AddIndex(model_name="ImportRun", index=TableIndex("library_id", name="import_run_library_id_idx")),
        ops.AddIndex(model_name="ImportRow", index=TableIndex("job_id", "line", name="import_row_job_id_line_idx")),
        ops.AddIndex(
            model_name="ImportRow",
            index=TableIndex("patron_id", name="import_row_patron_id_idx", where="patron_id IS NOT NULL"),
        ),
        ops.AddIndex(
            model_name="ImportRow",
            index=TableIndex(
                "library_id",
                name="import_row_nobodys_idx",
                where="state = 'REJECTED' AND patron_id IS NULL AND cells IS NOT NULL",
            ),
        ),
    ]
