"""Export files are encrypted, in a folder or an object store; the plain ones of before end here and are swept."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint


class Migration(migrations.Migration):
    dependencies = [("patrongraph", "0007_audit_chain")]

    operations = [
        ops.AddField(model_name="DataExport", name="key_id", field=fields.CharField(max_length=40, null=True)),
        ops.AddField(model_name="DataExport", name="sealed_key", field=fields.BinaryField(null=True)),
        ops.RunSQL("""UPDATE data_export SET state = 'EXPIRED', path = NULL WHERE state = 'READY'"""),
        ops.AddConstraint(
            model_name="DataExport",
            constraint=CheckConstraint(check="sealed_key IS NULL OR state = 'READY'", name="data_export_key_check"),
        ),
        ops.AlterModelOptions(
            name="DataExport",
            options={
                "table": "data_export",
                "app": "patrongraph",
                "pk_attr": "id",
                "table_description": "One export file; `path` is its name in the store, `sealed_key` opens it and is nowhere else.",
            },
        ),
    ]
