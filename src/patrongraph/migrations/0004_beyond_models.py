"""What models cannot say: unique names in any case, the append-only audit trail, room in pages."""

from tortoise import migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("patrongraph", "0003_constraints")]

    operations = [
        ops.RunSQL(
            """CREATE UNIQUE INDEX staff_user_library_id_username_key ON staff_user (library_id, lower(username))"""
        ),
        ops.RunSQL(
            """CREATE FUNCTION audit_event_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'audit_event is append-only: % is refused', TG_OP
            USING ERRCODE = 'insufficient_privilege';
    END $$"""
        ),
        ops.RunSQL(
            """CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION audit_event_refuse_change()"""
        ),
        ops.RunSQL(
            """CREATE UNIQUE INDEX patron_library_id_username_key ON patron (library_id, lower(username)) WHERE username IS NOT NULL"""
        ),
        ops.RunSQL("""ALTER TABLE patron SET (fillfactor = 75)"""),
    ]
