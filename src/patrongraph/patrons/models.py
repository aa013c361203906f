"""Tables of the patrons: the account with its addresses, cards, PIN and blocks, and the person behind it."""

from enum import StrEnum

from tortoise import fields
from tortoise.fields.db_defaults import SqlDefault
from tortoise.models import Model

from patrongraph.tables import (
    FoldedText,
    Identity,
    index,
    moment,
    one_of,
    optional_reference,
    reference,
    rule,
    set_index,
    unique,
    word,
)


class PatronStatus(StrEnum):
    """Whether an account is in use; blocked and expired are worked out, not stored."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    PENDING_PURGE = "PENDING_PURGE"


class AddressKind(StrEnum):
    """What an address is for."""

    HOME = "HOME"
    MAILING = "MAILING"
    OTHER = "OTHER"


class ObstacleCode(StrEnum):
    """Why a patron cannot be erased now."""

    OPEN_LOANS = "OPEN_LOANS"
    OPEN_RESERVATIONS = "OPEN_RESERVATIONS"
    DEBTS = "DEBTS"
    CREDIT_BALANCE = "CREDIT_BALANCE"
    EXPORT_IN_PROGRESS = "EXPORT_IN_PROGRESS"
    PROTECTED = "PROTECTED"
    NOT_INACTIVE = "NOT_INACTIVE"


class Person(Model):
    """One human with accounts in several libraries; the row says nothing else."""

    id = Identity(primary_key=True)
    created_at = moment()

    class Meta:
        table = "person"


class Patron(Model):
    """One account at one library."""

    id = Identity(primary_key=True)
    library = reference("Library")
    library_id: int
    person = optional_reference("Person")
    person_id: int | None
    external_id = fields.CharField(max_length=100, null=True)
    username = fields.CharField(max_length=100, null=True)
    first_name = fields.CharField(max_length=200, db_default="")
    middle_name = fields.CharField(max_length=200, null=True)
    last_name = fields.CharField(max_length=200, db_default="")
    preferred_name = fields.CharField(max_length=200, null=True)
    date_of_birth = fields.DateField(null=True)
    email = fields.CharField(max_length=320, null=True)
    phone = fields.CharField(max_length=60, null=True)
    category = fields.CharField(max_length=100, db_default="")
    cohort = optional_reference("Cohort")
    cohort_id: int | None
    branch = optional_reference("Branch")
    branch_id: int | None
    status = word(PatronStatus, db_default=PatronStatus.ACTIVE, max_length=20)
    status_changed_at = moment()
    purge_after = fields.DatetimeField(null=True)
    protected = fields.BooleanField(db_default=False)
    registered_at = moment()
    expires_on = fields.DateField(null=True)
    last_activity_at = fields.DatetimeField(null=True)
    notes = fields.TextField(null=True)
    version = fields.IntField(db_default=1)
    updated_at = moment()
    # Random, never shown: a tombstone keeps it, so that an id that a restore has freed names nobody else.
    erasure_key = fields.UUIDField(db_default=SqlDefault("gen_random_uuid()"))
    sort_key = FoldedText("fold_sort(last_name || ' ' || first_name)")
    search_key = FoldedText(
        "fold_search(last_name || ' ' || first_name"
        " || coalesce(' ' || middle_name, '') || coalesce(' ' || preferred_name, ''))"
    )

    class Meta:
        table = "patron"
        constraints = (
            unique("patron", "library_id", "id"),
            unique("patron", "library_id", "external_id", where="external_id IS NOT NULL"),
            one_of("patron", "status", PatronStatus),
            rule("patron", "purge_after", "purge_after IS NULL OR status = 'PENDING_PURGE'"),
        )
        indexes = (
            index("patron", "library_id", "sort_key", "id"),
            index("patron", "search_key gin_trgm_ops", name="search_key", using="gin"),
            index("patron", "library_id", "lower(email)", name="email", where="email IS NOT NULL"),
            set_index("patron", "person_id"),
            set_index("patron", "cohort_id"),
            index("patron", "branch_id"),
        )


class Address(Model):
    """One address, owned by one patron and never shared."""

    id = Identity(primary_key=True)
    library_id = fields.BigIntField()
    patron = reference("Patron")
    patron_id: int
    kind = word(AddressKind, db_default=AddressKind.HOME, max_length=20)
    street = fields.CharField(max_length=200, db_default="")
    postal_code = fields.CharField(max_length=20, db_default="")
    city = fields.CharField(max_length=100, db_default="")
    region = fields.CharField(max_length=100, db_default="")
    country = fields.CharField(max_length=100, db_default="")

    class Meta:
        table = "address"
        constraints = (one_of("address", "kind", AddressKind),)
        indexes = (index("address", "patron_id"),)


class Card(Model):
    """One barcode of a patron; the active one with the greatest id is the patron's barcode."""

    id = Identity(primary_key=True)
    library_id = fields.BigIntField()
    patron = reference("Patron")
    patron_id: int
    barcode = fields.CharField(max_length=100)
    active = fields.BooleanField(db_default=True)
    created_at = moment()

    class Meta:
        table = "card"
        constraints = (unique("card", "library_id", "barcode"),)
        indexes = (index("card", "patron_id"),)


class PatronPin(Model):
    """One patron's PIN, as a peppered hash, apart from everything that is exported."""

    patron: fields.OneToOneRelation[Patron] = fields.OneToOneField(
        "patrongraph.Patron", related_name=False, on_delete=fields.NO_ACTION, primary_key=True
    )
    patron_id: int
    library_id = fields.BigIntField()
    pin_hash = fields.TextField()
    failed_attempts = fields.IntField(db_default=0)
    locked_until = fields.DatetimeField(null=True)
    changed_at = moment()

    class Meta:
        table = "patron_pin"


class Block(Model):
    """One manual block, kept after it is lifted; the block for debts is computed and never a row."""

    id = Identity(primary_key=True)
    library_id = fields.BigIntField()
    patron = reference("Patron")
    patron_id: int
    comment = fields.TextField()
    message = fields.TextField(null=True)
    placed_by = optional_reference("StaffUser")
    placed_by_id: int | None
    placed_at = moment()
    expires_at = fields.DatetimeField(null=True)
    lifted_by = optional_reference("StaffUser")
    lifted_by_id: int | None
    lifted_at = fields.DatetimeField(null=True)
    lift_reason = fields.TextField(null=True)

    class Meta:
        table = "block"
        indexes = (
            index("block", "patron_id"),
            set_index("block", "placed_by_id"),
            set_index("block", "lifted_by_id"),
        )


# What the generated columns and the trigram index above stand on. Case is folded by the database's own
# Unicode tables ("pg_c_utf8"), so that the keys are the same whatever locale a server was made with.
BEFORE_TABLES = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public",
    "CREATE EXTENSION IF NOT EXISTS unaccent WITH SCHEMA public",
    # Text without case, accents and superfluous spaces: what a search compares.
    """
    CREATE FUNCTION fold_search(value text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN btrim(regexp_replace(
        lower(public.unaccent('public.unaccent'::regdictionary,
            lower(normalize(value, NFC) COLLATE "pg_c_utf8")) COLLATE "pg_c_utf8"),
        '\\s+' COLLATE "pg_c_utf8", ' ', 'g'))
    """,
    # The same, but with the Nordic letters after z in byte order: å, then ä and æ, then ö and ø.
    """
    CREATE FUNCTION fold_sort(value text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN fold_search(translate(
        lower(normalize(value, NFC) COLLATE "pg_c_utf8"), 'åäæöø', '{||}}'))
    """,
)

# A user name is one patron's however it is typed; pages keep room for the edits that leave indexes alone.
AFTER_TABLES = (
    "CREATE UNIQUE INDEX patron_library_id_username_key ON patron (library_id, lower(username))"
    " WHERE username IS NOT NULL",
    "ALTER TABLE patron SET (fillfactor = 75)",
)
