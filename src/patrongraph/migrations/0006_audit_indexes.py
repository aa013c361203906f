"""Every way of asking for audit events is served by an index."""

from tortoise import migrations
from tortoise.migrations import operations as ops

from patrongraph.tables import TableIndex


class Migration(migrations.Migration):
    dependencies = [("patrongraph", "0005_idempotent_results")]

    operations = [
        ops.AddIndex(
            model_name="AuditEvent",
            index=TableIndex("library_id", "action", "id DESC", name="audit_event_action_idx"),
        ),
        ops.AddIndex(model_name="AuditEvent", index=TableIndex("library_id", "at", name="audit_event_at_idx")),
        ops.AddIndex(
            model_name="AuditEvent",
            index=TableIndex("job_id", "id DESC", name="audit_event_job_id_idx", where="job_id IS NOT NULL"),
        ),
    ]
