"""Tables of linked accounts: the group, who is in it, and what a member lets the lead see."""

from tortoise import fields
from tortoise.models import Model

from patrongraph.tables import Identity, index, moment, reference, unique


class PatronGroup(Model):
    """One group of linked accounts; it lives as long as it has members."""

    id = Identity(primary_key=True)
    library_id = fields.BigIntField()
    external_id = fields.CharField(max_length=100, null=True)
    created_at = moment()

    class Meta:
        table = "patron_group"
        constraints = (unique("patron_group", "library_id", "external_id", where="external_id IS NOT NULL"),)


class GroupMembership(Model):
    """One patron's place in the only group they are in; at most one member leads."""

    id = Identity(primary_key=True)
    library_id = fields.BigIntField()
    group = reference("PatronGroup")
    group_id: int
    patron = reference("Patron")
    patron_id: int
    lead = fields.BooleanField(db_default=False)
    joined_at = moment()

    class Meta:
        table = "group_membership"
        constraints = (
            unique("group_membership", "patron_id"),
            unique("group_membership", "group_id", where="lead"),
        )
        indexes = (index("group_membership", "group_id"),)


class PrivacyWaiver(Model):
    """One member's dated consent that lets the group's lead see more than counts and totals."""

    id = Identity(primary_key=True)
    library_id = fields.BigIntField()
    patron = reference("Patron")
    patron_id: int
    group = reference("PatronGroup")
    group_id: int
    granted_at = moment()
    revoked_at = fields.DatetimeField(null=True)

    class Meta:
        table = "privacy_waiver"
        indexes = (index("privacy_waiver", "patron_id"), index("privacy_waiver", "group_id"))
