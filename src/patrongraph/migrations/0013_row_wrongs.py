"""A rejected row says each thing that is wrong with it by itself."""

from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("patrongraph", "0012_statistics")]

    operations = [
        ops.AddField(
            model_name="ImportRow",
            name="wrongs",
            field=fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads),
        ),
    ]
