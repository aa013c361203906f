"""The audit trail is chained by seals; events of one kind of actor are found by an index."""

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from patrongraph.tables import FixedChar, TableIndex


class Migration(migrations.Migration):
    dependencies = [("patrongraph", "0006_audit_indexes")]

    operations = [
        ops.CreateModel(
            name="AuditSeal",
            fields=[
                ("event_id", fields.BigIntField(generated=False, primary_key=True, unique=True, db_index=True)),
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
                ("sequence", fields.BigIntField()),
                ("sealed_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("key_id", FixedChar(max_length=8)),
                ("digest", fields.BinaryField()),
                ("hash", fields.BinaryField()),
            ],
            options={
                "table": "audit_seal",
                "app": "patrongraph",
                "pk_attr": "event_id",
                "table_description": "An event's place in its library's chain, given after the event was committed.",
            },
            bases=["Model"],
        ),
        ops.AddConstraint(
            model_name="AuditSeal",
            constraint=UniqueConstraint(fields=("library_id", "sequence"), name="audit_seal_library_id_sequence_key"),
        ),
        ops.AddConstraint(
            model_name="AuditSeal",
            constraint=CheckConstraint(check="sequence > 0", name="audit_seal_sequence_check"),
        ),
        ops.RunSQL(
            """CREATE OR REPLACE FUNCTION audit_event_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'insufficient_privilege';
    END $$"""
        ),
        ops.RunSQL(
            """CREATE TRIGGER audit_seal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seal
    FOR EACH STATEMENT EXECUTE FUNCTION audit_event_refuse_change()"""
        ),
        ops.AddIndex(
            model_name="AuditEvent",
            index=TableIndex("library_id", "actor_kind", "id DESC", name="audit_event_actor_kind_idx"),
        ),
    ]
