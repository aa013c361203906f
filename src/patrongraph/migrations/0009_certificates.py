"""Erasure is certified down to the disk."""

from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise.fields.db_defaults import Now, SqlDefault
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from patrongraph.tables import Identity, TableIndex


class Declared(ops.AlterField):
    """Tells Tortoise what a RunSQL before it has done."""

    async def database_forward(self, app_label, old_state, new_state, state_editor=None):  # type: ignore[no-untyped-def]
        return


class Migration(migrations.Migration):
    dependencies = [("patrongraph", "0008_sealed_exports")]

    operations = [
        ops.AddField(
            model_name="Patron",
            name="erasure_key",
            field=fields.UUIDField(db_default=SqlDefault("gen_random_uuid()")),
        ),
        ops.AddField(model_name="Tombstone", name="at_rest_at", field=fields.DatetimeField(null=True)),
        ops.AddField(model_name="Tombstone", name="patron_key", field=fields.UUIDField(null=True)),
        ops.AddField(model_name="Tombstone", name="copied_at", field=fields.DatetimeField(null=True)),
        ops.AddConstraint(
            model_name="Tombstone",
            constraint=CheckConstraint(
                check="(state = 'AT_REST_ERASED') = (at_rest_at IS NOT NULL)", name="tombstone_at_rest_check"
            ),
        ),
        ops.RemoveIndex(model_name="Tombstone", name="tombstone_job_id_idx"),
        ops.AddIndex(model_name="Tombstone", index=TableIndex("job_id", "id", name="tombstone_job_id_id_idx")),
        ops.AddIndex(model_name="Tombstone", index=TableIndex("job_id", "at_rest_at", name="tombstone_at_rest_idx")),
        ops.AddIndex(
            model_name="Tombstone",
            index=TableIndex("id", name="tombstone_not_copied_idx", where="copied_at IS NULL"),
        ),
        ops.CreateModel(
            name="JobErasure",
            fields=[
                ("id", Identity(generated=True, primary_key=True, unique=True, db_index=True)),
                ("library_id", fields.BigIntField()),
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
                ("patrons", fields.IntField()),
                ("rows", fields.JSONField(db_default=SqlDefault("'{}'"), encoder=JSON_DUMPS, decoder=loads)),
                ("statistics", fields.IntField()),
                ("first_erased_at", fields.DatetimeField(db_default=Now(), auto_now=False, auto_now_add=False)),
                ("last_erased_at", fields.DatetimeField(db_default=Now(), auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "job_erasure",
                "app": "patrongraph",
                "pk_attr": "id",
                "table_description": "What one job has erased, added up: written with each chunk, so that a"
                " certificate counts no tombstones.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="JobErasure",
            constraint=UniqueConstraint(fields=("job_id",), name="job_erasure_job_id_key"),
        ),
        # What finished purges have erased so far, added up once.
        ops.RunSQL(
            """INSERT INTO job_erasure (library_id, job_id, patrons, rows, statistics, first_erased_at, last_erased_at)
    SELECT min(stone.library_id), stone.job_id, count(*),
           (SELECT jsonb_object_agg(name, n)
            FROM (SELECT told.key AS name, sum(told.value::bigint) AS n
                  FROM tombstone each, jsonb_each_text(each.rows) AS told
                  WHERE each.job_id = stone.job_id GROUP BY told.key) AS total),
           coalesce((SELECT sum((detail->>'statistics')::int) FROM audit_event
                     WHERE audit_event.job_id = stone.job_id AND action = 'purge.chunk'), 0),
           min(stone.erased_at), max(stone.erased_at)
    FROM tombstone stone WHERE stone.job_id IS NOT NULL GROUP BY stone.job_id"""
        ),
        # Keys in the order of insertion told which statistics are one patron's. The rewrite also gives all rows that
        # there are the same writer.
        ops.RunSQL(
            """ALTER TABLE loan_statistic ALTER COLUMN id DROP IDENTITY;
    ALTER TABLE loan_statistic
        ALTER COLUMN id TYPE uuid USING gen_random_uuid(), ALTER COLUMN id SET DEFAULT gen_random_uuid()"""
        ),
        Declared(
            model_name="LoanStatistic",
            name="id",
            field=fields.UUIDField(
                primary_key=True, default=None, db_default=SqlDefault("gen_random_uuid()"), unique=True, db_index=True
            ),
        ),
        ops.RunSQL("""CLUSTER loan_statistic USING loan_statistic_pkey"""),
        # Of keys only a keyed digest is kept from now on: front ends make them of barcodes. Those kept with requests
        # are deleted after a week.
        ops.RunSQL("""UPDATE job SET idempotency_key = NULL WHERE idempotency_key IS NOT NULL"""),
    ]
