"""A report keeps what its warnings say for programs too."""

from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("patrongraph", "0013_row_wrongs")]

    operations = [
        ops.AddField(
            model_name="ImportRun",
            name="notes",
            field=fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads),
        ),
    ]
