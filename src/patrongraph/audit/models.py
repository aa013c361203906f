"""The audit trail's table: rows are added, never changed, and hold no personal data."""

from tortoise import fields
from tortoise.models import Model

from patrongraph.context import ActorKind
from patrongraph.tables import Identity, document, index, moment, one_of, reference, word

ACTING = (ActorKind.STAFF, ActorKind.TOKEN, ActorKind.PATRON, ActorKind.SYSTEM)


class AuditEvent(Model):
    """One thing that somebody did: actor, action, opaque subject, counts and reason codes."""

    id = Identity(primary_key=True)
    library = reference("Library")
    library_id: int
    at = moment()
    actor_kind = word(ActorKind)
    actor_id = fields.BigIntField(null=True)
    action = fields.CharField(max_length=60)
    subject_kind = fields.CharField(max_length=40, null=True)
    subject_id = fields.BigIntField(null=True)
    job_id = fields.BigIntField(null=True)
    detail = document()

    class Meta:
        table = "audit_event"
        constraints = (one_of("audit_event", "actor_kind", ACTING),)
        indexes = (
            index("audit_event", "library_id", "id DESC", name="library_id"),
            index("audit_event", "subject_kind", "subject_id", "id DESC", name="subject"),
            index("audit_event", "library_id", "action", "id DESC", name="action"),
            index("audit_event", "library_id", "at", name="at"),
            index("audit_event", "job_id", "id DESC", name="job_id", where="job_id IS NOT NULL"),
        )


# The trail is append-only for every role but one that switches triggers off.
AFTER_TABLES = (
    """
    CREATE FUNCTION audit_event_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'audit_event is append-only: % is refused', TG_OP
            USING ERRCODE = 'insufficient_privilege';
    END $$
    """,
    """
    CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION audit_event_refuse_change()
    """,
)
