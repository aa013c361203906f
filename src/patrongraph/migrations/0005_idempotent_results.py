"""An idempotency key remembers whatever its request came to, not only a job."""

from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("patrongraph", "0004_beyond_models")]

    operations = [
        ops.AddField(
            model_name="IdempotencyKey",
            name="result",
            field=fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads),
        ),
        ops.RunSQL(
            """UPDATE idempotency_key SET result = jsonb_build_object('job_id', job_id) WHERE job_id IS NOT NULL"""
        ),
        ops.RemoveIndex(model_name="IdempotencyKey", name="idempotency_key_job_id_idx"),
        ops.RemoveField(model_name="IdempotencyKey", name="job"),
        ops.AlterModelOptions(
            name="IdempotencyKey",
            options={
                "table": "idempotency_key",
                "app": "patrongraph",
                "pk_attr": "id",
                "table_description": "One key that an actor sent with a request, and what the request came to.",
            },
        ),
    ]
