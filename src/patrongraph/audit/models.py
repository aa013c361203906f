"""The audit trail and its seals: rows are added, never changed, and hold no personal data."""

from tortoise import fields
from tortoise.models import Model

from patrongraph.context import ActorKind
from patrongraph.tables import FixedChar, Identity, document, index, moment, one_of, reference, rule, unique, word

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
            index("audit_event", "library_id", "actor_kind", "id DESC", name="actor_kind"),
            index("audit_event", "job_id", "id DESC", name="job_id", where="job_id IS NOT NULL"),
        )


class AuditSeal(Model):
    """An event's place in its library's chain, given after the event was committed.

    No foreign key leads to the event: it would lock each event's row once more, and a missing event is what
    verifying reports. `digest` and `hash` are explained in chain.py; `key_id` names the key of both.
    """

    event_id = fields.BigIntField(primary_key=True, generated=False)
    library = reference("Library")
    library_id: int
    sequence = fields.BigIntField()
    sealed_at = fields.DatetimeField()
    key_id = FixedChar(max_length=8)
    digest = fields.BinaryField()
    hash = fields.BinaryField()

    class Meta:
        table = "audit_seal"
        constraints = (
            unique("audit_seal", "library_id", "sequence"),
            rule("audit_seal", "sequence", "sequence > 0"),
        )


# Trail and seals are append-only for every role but one that switches triggers off.
AFTER_TABLES = (
    """
    CREATE FUNCTION audit_event_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'insufficient_privilege';
    END $$
    """,
    """
    CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION audit_event_refuse_change()
    """,
    """
    CREATE TRIGGER audit_seal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seal
    FOR EACH STATEMENT EXECUTE FUNCTION audit_event_refuse_change()
    """,
)
