"""Tables of the libraries (the tenants) and their branches."""

from decimal import Decimal
from typing import Any

from tortoise import fields
from tortoise.models import Model

from patrongraph.tables import FixedChar, Identity, moment, reference, unique


class Library(Model):
    """One library: the account to which everything else belongs, with its policy."""

    id = Identity(primary_key=True)
    code = fields.CharField(max_length=40, unique=True)
    name = fields.CharField(max_length=200)
    locale = fields.CharField(max_length=20, db_default="en")
    currency = FixedChar(max_length=3, db_default="USD")
    block_level: Any = fields.DecimalField(max_digits=12, decimal_places=2, null=True)
    retain_deleted_patron_loans = fields.BooleanField(db_default=True)
    purge_waive_limit = fields.DecimalField(max_digits=12, decimal_places=2, db_default=Decimal(0))
    grace_days = fields.IntField(db_default=0)
    max_purge_per_operation = fields.IntField(db_default=200)
    export_ttl_hours = fields.IntField(db_default=72)
    group_lead_access = fields.BooleanField(db_default=False)
    created_at = moment()

    class Meta:
        table = "library"


class Branch(Model):
    """One place of a library, where patrons have their home and reservations are picked up."""

    id = Identity(primary_key=True)
    library = reference("Library")
    library_id: int
    code = fields.CharField(max_length=40)
    name = fields.CharField(max_length=200)
    phone = fields.CharField(max_length=60, null=True)
    email = fields.CharField(max_length=320, null=True)

    class Meta:
        table = "branch"
        constraints = (unique("branch", "library_id", "code"),)
