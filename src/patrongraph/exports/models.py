"""Tables of export files and the one-time links to them."""

from enum import StrEnum

from tortoise import fields
from tortoise.models import Model

from patrongraph.tables import (
    FixedChar,
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


class ExportFormat(StrEnum):
    """How an export file is written."""

    JSON = "JSON"
    HTML = "HTML"
    NDJSON = "NDJSON"


class ExportState(StrEnum):
    """Where an export stands; only READY has a file to fetch."""

    REQUESTED = "REQUESTED"
    RUNNING = "RUNNING"
    READY = "READY"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class DataExport(Model):
    """One export file; `path` is its name in the store, `sealed_key` opens it and is nowhere else."""

    id = Identity(primary_key=True)
    library_id = fields.BigIntField()
    job = reference("Job")
    job_id: int
    patron_id = fields.BigIntField(null=True)
    format = word(ExportFormat)
    state = word(ExportState, db_default=ExportState.REQUESTED)
    path = fields.CharField(max_length=200, null=True)
    sha256 = FixedChar(max_length=64, null=True)
    size = fields.BigIntField(null=True)
    key_id = fields.CharField(max_length=40, null=True)
    sealed_key = fields.BinaryField(null=True)
    created_at = moment()
    ready_at = fields.DatetimeField(null=True)
    expires_at = fields.DatetimeField(null=True)
    downloads = fields.IntField(db_default=0)

    class Meta:
        table = "data_export"
        constraints = (
            unique("data_export", "job_id"),
            one_of("data_export", "format", ExportFormat),
            one_of("data_export", "state", ExportState),
            # Whichever way an export ends, its key ends with it, and with the key every copy of the file.
            rule("data_export", "key", "sealed_key IS NULL OR state = 'READY'"),
        )
        indexes = (index("data_export", "patron_id"),)


class DownloadLink(Model):
    """One link that fetches an export file once."""

    id = Identity(primary_key=True)
    export = reference("DataExport")
    export_id: int
    library_id = fields.BigIntField()
    token_sha256 = FixedChar(max_length=64, unique=True)
    created_at = moment()
    expires_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True)
    staff_user = optional_reference("StaffUser")
    staff_user_id: int | None
    token = optional_reference("ApiToken")
    token_id: int | None

    class Meta:
        table = "download_link"
        indexes = (
            index("download_link", "export_id"),
            set_index("download_link", "staff_user_id"),
            set_index("download_link", "token_id"),
        )
