"""Cohorts are rolled over, once a year."""

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.fields.db_defaults import Now
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from patrongraph.tables import Identity, TableIndex


class Migration(migrations.Migration):
    dependencies = [("patrongraph", "0010_import_runs")]

    operations = [
        ops.CreateModel(
            name="Rollover",
            fields=[
                ("id", Identity(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "library",
                    fields.ForeignKeyField(
                        "patrongraph.Library",
                        source_field="library_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.NO_ACTION,
                    ),
                ),
                ("year", fields.IntField()),
                (
                    "job",
                    fields.ForeignKeyField(
                        "patrongraph.Job",
                        source_field="job_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.NO_ACTION,
                    ),
                ),
                ("created_at", fields.DatetimeField(db_default=Now(), auto_now=False, auto_now_add=False)),
                ("moved", fields.IntField(db_default=0)),
                ("deactivated", fields.IntField(db_default=0)),
                (
                    "undo_job",
                    fields.ForeignKeyField(
                        "patrongraph.Job",
                        source_field="undo_job_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.NO_ACTION,
                    ),
                ),
                ("undone_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "rollover",
                "app": "patrongraph",
                "indexes": [
                    TableIndex("library_id", "id", name="rollover_library_id_id_idx"),
                    TableIndex("job_id", name="rollover_job_id_idx"),
                    TableIndex("undo_job_id", name="rollover_undo_job_id_idx", where="undo_job_id IS NOT NULL"),
                ],
                "pk_attr": "id",
                "table_description": "One year of one library. `job` did it, or its rest, last; `undo_job` takes it back, and is through at undone_at.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="RolloverStep",
            fields=[
                ("id", Identity(generated=True, primary_key=True, unique=True, db_index=True)),
                ("library_id", fields.BigIntField()),
                (
                    "rollover",
                    fields.ForeignKeyField(
                        "patrongraph.Rollover",
                        source_field="rollover_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.NO_ACTION,
                    ),
                ),
                (
                    "patron",
                    fields.ForeignKeyField(
                        "patrongraph.Patron",
                        source_field="patron_id",
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.NO_ACTION,
                    ),
                ),
                (
                    "from_cohort",
                    fields.ForeignKeyField(
                        "patrongraph.Cohort",
                        source_field="from_cohort_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.SET_NULL,
                    ),
                ),
                (
                    "to_cohort",
                    fields.ForeignKeyField(
                        "patrongraph.Cohort",
                        source_field="to_cohort_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name=False,
                        on_delete=OnDelete.SET_NULL,
                    ),
                ),
                ("deactivate", fields.BooleanField()),
                ("done_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("deactivated", fields.BooleanField(db_default=False)),
                ("undone_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "rollover_step",
                "app": "patrongraph",
                "indexes": [
                    TableIndex("patron_id", name="rollover_step_patron_id_idx"),
                    TableIndex(
                        "from_cohort_id", name="rollover_step_from_cohort_id_idx", where="from_cohort_id IS NOT NULL"
                    ),
                    TableIndex("to_cohort_id", name="rollover_step_to_cohort_id_idx", where="to_cohort_id IS NOT NULL"),
                ],
                "pk_attr": "id",
                "table_description": "Where one patron goes, settled before anybody moves; what was done and taken back is written beside it.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="Rollover",
            constraint=UniqueConstraint(
                fields=("library_id", "year"), name="rollover_library_id_year_key", condition="undone_at IS NULL"
            ),
        ),
        ops.AddConstraint(
            model_name="RolloverStep",
            constraint=UniqueConstraint(
                fields=("rollover_id", "patron_id"), name="rollover_step_rollover_id_patron_id_key"
            ),
        ),
        ops.AddConstraint(
            model_name="Cohort",
            constraint=UniqueConstraint(fields=("library_id",), name="cohort_library_id_key", condition="graduated"),
        ),
        ops.AddConstraint(
            model_name="Cohort",
            constraint=CheckConstraint(
                check="NOT (graduated AND next_cohort_id IS NOT NULL)", name="cohort_graduated_check"
            ),
        ),
        ops.RemoveConstraint(
            model_name="Job",
            name="job_kind_check",
            fields=None,
        ),
        ops.AddConstraint(
            model_name="Job",
            constraint=CheckConstraint(
                check="kind IN ('PURGE', 'EXPORT_PATRON', 'EXPORT_PATRONS', 'IMPORT', 'ROLLOVER', 'UNDO_ROLLOVER')",
                name="job_kind_check",
            ),
        ),
    ]
