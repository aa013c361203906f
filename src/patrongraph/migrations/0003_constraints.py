"""Unique constraints and checks."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint


class Migration(migrations.Migration):
    dependencies = [("patrongraph", "0002_tables")]

    initial = False

    operations = [
        ops.AddConstraint(
            model_name="Branch",
            constraint=UniqueConstraint(fields=("library_id", "code"), name="branch_library_id_code_key"),
        ),
        ops.AddConstraint(
            model_name="Role",
            constraint=UniqueConstraint(fields=("library_id", "name"), name="role_library_id_name_key"),
        ),
        ops.AddConstraint(
            model_name="StaffRole",
            constraint=UniqueConstraint(
                fields=("staff_user_id", "role_id"), name="staff_role_staff_user_id_role_id_key"
            ),
        ),
        ops.AddConstraint(
            model_name="AuditEvent",
            constraint=CheckConstraint(
                check="actor_kind IN ('STAFF', 'TOKEN', 'PATRON', 'SYSTEM')",
                name="audit_event_actor_kind_check",
            ),
        ),
        ops.AddConstraint(
            model_name="IdempotencyKey",
            constraint=UniqueConstraint(
                fields=("library_id", "actor", "key"), name="idempotency_key_library_id_actor_key_key"
            ),
        ),
        ops.AddConstraint(
            model_name="Job",
            constraint=CheckConstraint(
                check="kind IN ('PURGE', 'EXPORT_PATRON', 'EXPORT_PATRONS', 'IMPORT', 'ROLLOVER')",
                name="job_kind_check",
            ),
        ),
        ops.AddConstraint(
            model_name="Job",
            constraint=CheckConstraint(
                check="state IN ('QUEUED', 'RUNNING', 'PAUSED', 'SUCCEEDED', 'COMPLETED_WITH_ISSUES', 'CANCELLED', 'FAILED')",
                name="job_state_check",
            ),
        ),
        ops.AddConstraint(
            model_name="JobItem",
            constraint=UniqueConstraint(fields=("job_id", "patron_id"), name="job_item_job_id_patron_id_key"),
        ),
        ops.AddConstraint(
            model_name="JobItem",
            constraint=CheckConstraint(
                check="state IN ('PENDING', 'DONE', 'SKIPPED', 'FAILED', 'CANCELLED')",
                name="job_item_state_check",
            ),
        ),
        ops.AddConstraint(
            model_name="Item",
            constraint=UniqueConstraint(fields=("library_id", "barcode"), name="item_library_id_barcode_key"),
        ),
        ops.AddConstraint(
            model_name="Item",
            constraint=CheckConstraint(
                check="status IN ('AVAILABLE', 'ON_LOAN', 'ON_HOLD_SHELF', 'IN_TRANSIT', 'LOST', 'DAMAGED', 'MISSING', 'ON_ORDER', 'IN_PROCESS', 'WITHDRAWN', 'OTHER')",
                name="item_status_check",
            ),
        ),
        ops.AddConstraint(
            model_name="LedgerEntry",
            constraint=UniqueConstraint(
                fields=("library_id", "external_id"),
                name="ledger_entry_library_id_external_id_key",
                condition="external_id IS NOT NULL",
            ),
        ),
        ops.AddConstraint(
            model_name="LedgerEntry",
            constraint=CheckConstraint(
                check="kind IN ('CHARGE', 'PAYMENT', 'WAIVE', 'WRITE_OFF', 'REFUND')",
                name="ledger_entry_kind_check",
            ),
        ),
        ops.AddConstraint(
            model_name="LedgerEntry",
            constraint=CheckConstraint(check="amount > 0", name="ledger_entry_amount_check"),
        ),
        ops.AddConstraint(
            model_name="LedgerEntry",
            constraint=CheckConstraint(
                check="(kind = 'CHARGE') = (outstanding IS NOT NULL)", name="ledger_entry_outstanding_check"
            ),
        ),
        ops.AddConstraint(
            model_name="Loan",
            constraint=UniqueConstraint(
                fields=("patron_id", "item_id", "checked_out_at"),
                name="loan_patron_id_item_id_checked_out_at_key",
            ),
        ),
        ops.AddConstraint(
            model_name="Loan",
            constraint=UniqueConstraint(fields=("item_id",), name="loan_item_id_key", condition="returned_at IS NULL"),
        ),
        ops.AddConstraint(
            model_name="Reservation",
            constraint=UniqueConstraint(
                fields=("patron_id", "item_id", "requested_at"),
                name="reservation_patron_id_item_id_requested_at_key",
            ),
        ),
        ops.AddConstraint(
            model_name="Reservation",
            constraint=CheckConstraint(
                check="state IN ('OPEN', 'FULFILLED', 'CANCELLED', 'EXPIRED')", name="reservation_state_check"
            ),
        ),
        ops.AddConstraint(
            model_name="Address",
            constraint=CheckConstraint(check="kind IN ('HOME', 'MAILING', 'OTHER')", name="address_kind_check"),
        ),
        ops.AddConstraint(
            model_name="Card",
            constraint=UniqueConstraint(fields=("library_id", "barcode"), name="card_library_id_barcode_key"),
        ),
        ops.AddConstraint(
            model_name="Patron",
            constraint=UniqueConstraint(fields=("library_id", "id"), name="patron_library_id_id_key"),
        ),
        ops.AddConstraint(
            model_name="Patron",
            constraint=UniqueConstraint(
                fields=("library_id", "external_id"),
                name="patron_library_id_external_id_key",
                condition="external_id IS NOT NULL",
            ),
        ),
        ops.AddConstraint(
            model_name="Patron",
            constraint=CheckConstraint(
                check="status IN ('ACTIVE', 'INACTIVE', 'PENDING_PURGE')", name="patron_status_check"
            ),
        ),
        ops.AddConstraint(
            model_name="Patron",
            constraint=CheckConstraint(
                check="purge_after IS NULL OR status = 'PENDING_PURGE'", name="patron_purge_after_check"
            ),
        ),
        ops.AddConstraint(
            model_name="GroupMembership",
            constraint=UniqueConstraint(fields=("patron_id",), name="group_membership_patron_id_key"),
        ),
        ops.AddConstraint(
            model_name="GroupMembership",
            constraint=UniqueConstraint(fields=("group_id",), name="group_membership_group_id_key", condition="lead"),
        ),
        ops.AddConstraint(
            model_name="PatronGroup",
            constraint=UniqueConstraint(
                fields=("library_id", "external_id"),
                name="patron_group_library_id_external_id_key",
                condition="external_id IS NOT NULL",
            ),
        ),
        ops.AddConstraint(
            model_name="Cohort",
            constraint=UniqueConstraint(fields=("library_id", "code"), name="cohort_library_id_code_key"),
        ),
        ops.AddConstraint(
            model_name="DataExport",
            constraint=UniqueConstraint(fields=("job_id",), name="data_export_job_id_key"),
        ),
        ops.AddConstraint(
            model_name="DataExport",
            constraint=CheckConstraint(check="format IN ('JSON', 'HTML', 'NDJSON')", name="data_export_format_check"),
        ),
        ops.AddConstraint(
            model_name="DataExport",
            constraint=CheckConstraint(
                check="state IN ('REQUESTED', 'RUNNING', 'READY', 'EXPIRED', 'FAILED', 'CANCELLED')",
                name="data_export_state_check",
            ),
        ),
        ops.AddConstraint(
            model_name="Tombstone",
            constraint=CheckConstraint(
                check="state IN ('LIVE_ERASED', 'AT_REST_ERASED')", name="tombstone_state_check"
            ),
        ),
        # Tortoise names the key of a one-to-one table only once relations are known; nothing to do in SQL.
        ops.AlterModelOptions(
            name="PatronPin",
            options={
                "table": "patron_pin",
                "app": "patrongraph",
                "pk_attr": "patron_id",
                "table_description": "One patron's PIN, as a peppered hash, apart from everything that is exported.",
            },
        ),
    ]
