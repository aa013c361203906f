"""Tables of who acts: staff, roles, sessions and API tokens; secrets are kept as digests only."""

from tortoise import fields
from tortoise.models import Model

from patrongraph.tables import (
    FixedChar,
    Identity,
    index,
    moment,
    optional_reference,
    reference,
    set_index,
    texts,
    unique,
)


class StaffUser(Model):
    """One member of a library's staff."""

    id = Identity(primary_key=True)
    library = reference("Library")
    library_id: int
    username = fields.CharField(max_length=100)
    display_name = fields.CharField(max_length=200)
    password_hash = fields.TextField()
    active = fields.BooleanField(db_default=True)
    failed_attempts = fields.IntField(db_default=0)
    locked_until = fields.DatetimeField(null=True)
    created_at = moment()
    last_signed_in_at = fields.DatetimeField(null=True)

    class Meta:
        table = "staff_user"


class Role(Model):
    """One named set of permissions in a library."""

    id = Identity(primary_key=True)
    library = reference("Library")
    library_id: int
    name = fields.CharField(max_length=100)
    permissions = texts()

    class Meta:
        table = "role"
        constraints = (unique("role", "library_id", "name"),)


class StaffRole(Model):
    """One role that a staff member has."""

    id = Identity(primary_key=True)
    staff_user = reference("StaffUser")
    staff_user_id: int
    role = reference("Role")
    role_id: int

    class Meta:
        table = "staff_role"
        constraints = (unique("staff_role", "staff_user_id", "role_id"),)
        indexes = (index("staff_role", "role_id"),)


class ApiToken(Model):
    """One token with which a program acts."""

    id = Identity(primary_key=True)
    library = reference("Library")
    library_id: int
    name = fields.CharField(max_length=100)
    token_sha256 = FixedChar(max_length=64, unique=True)
    permissions = texts()
    created_by = optional_reference("StaffUser")
    created_by_id: int | None
    created_at = moment()
    expires_at = fields.DatetimeField(null=True)
    revoked_at = fields.DatetimeField(null=True)
    last_used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "api_token"
        indexes = (index("api_token", "library_id"), set_index("api_token", "created_by_id"))


class Session(Model):
    """One signed-in browser, of a staff member or of a patron."""

    id = Identity(primary_key=True)
    staff_user = optional_reference("StaffUser")
    staff_user_id: int | None
    patron = optional_reference("Patron")
    patron_id: int | None
    library_id = fields.BigIntField()
    token_sha256 = FixedChar(max_length=64, unique=True)
    created_at = moment()
    expires_at = fields.DatetimeField()
    last_seen_at = moment()
    reauthenticated_at = fields.DatetimeField(null=True)

    class Meta:
        table = "session"
        indexes = (index("session", "staff_user_id"), index("session", "patron_id"))


# A user name is one person's however it is typed.
AFTER_TABLES = ("CREATE UNIQUE INDEX staff_user_library_id_username_key ON staff_user (library_id, lower(username))",)
