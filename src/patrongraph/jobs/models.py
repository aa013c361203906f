"""Tables of long work: a job, its items and the keys that keep a request from starting it twice."""

from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.models import Model

from patrongraph.tables import (
    FixedChar,
    Identity,
    document,
    index,
    moment,
    no_texts,
    one_of,
    optional_reference,
    reference,
    set_index,
    unique,
    word,
)


class JobKind(StrEnum):
    """What a job does."""

    PURGE = "PURGE"
    EXPORT_PATRON = "EXPORT_PATRON"
    EXPORT_PATRONS = "EXPORT_PATRONS"
    IMPORT = "IMPORT"
    ROLLOVER = "ROLLOVER"
    UNDO_ROLLOVER = "UNDO_ROLLOVER"


class JobState(StrEnum):
    """Where a job stands; the last four are final."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    SUCCEEDED = "SUCCEEDED"
    COMPLETED_WITH_ISSUES = "COMPLETED_WITH_ISSUES"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"


class JobItemState(StrEnum):
    """What became of one patron in a job."""

    PENDING = "PENDING"
    DONE = "DONE"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Job(Model):
    """One purge, export, import or rollover; its counters are used only when it has no items."""

    id = Identity(primary_key=True)
    library = reference("Library")
    library_id: int
    kind = word(JobKind)
    state = word(JobState, db_default=JobState.QUEUED)
    params = document()
    itemised = fields.BooleanField(db_default=True)
    total = fields.IntField(db_default=0)
    done = fields.IntField(db_default=0)
    skipped = fields.IntField(db_default=0)
    failed = fields.IntField(db_default=0)
    error = fields.TextField(null=True)
    version = fields.IntField(db_default=1)
    created_at = moment()
    started_at = fields.DatetimeField(null=True)
    finished_at = fields.DatetimeField(null=True)
    started_by = optional_reference("StaffUser")
    started_by_id: int | None
    token = optional_reference("ApiToken")
    token_id: int | None
    lease_owner = fields.CharField(max_length=100, null=True)
    lease_until = fields.DatetimeField(null=True)
    idempotency_key = fields.CharField(max_length=200, null=True)

    class Meta:
        table = "job"
        constraints = (one_of("job", "kind", JobKind), one_of("job", "state", JobState))
        indexes = (
            index("job", "library_id", "id DESC", name="library_id"),
            index("job", "id", name="unfinished", where="state IN ('QUEUED', 'RUNNING')"),
            set_index("job", "started_by_id"),
            set_index("job", "token_id"),
        )


class JobItem(Model):
    """One patron's turn in a job; it outlives the patron, so nothing ties it to one."""

    id = Identity(primary_key=True)
    job = reference("Job")
    job_id: int
    library_id = fields.BigIntField()
    patron_id = fields.BigIntField()
    state = word(JobItemState, db_default=JobItemState.PENDING)
    codes = no_texts()
    reason = fields.TextField(null=True)
    attempts = fields.IntField(db_default=0)
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "job_item"
        constraints = (
            unique("job_item", "job_id", "patron_id"),
            one_of("job_item", "state", JobItemState),
        )
        indexes = (
            index("job_item", "job_id", "state", "id"),
            index("job_item", "patron_id"),
        )


class IdempotencyKey(Model):
    """One key that an actor sent with a request, and what the request came to."""

    id = Identity(primary_key=True)
    library = reference("Library")
    library_id: int
    actor = fields.CharField(max_length=60)
    key = fields.CharField(max_length=200)
    body_sha256 = FixedChar(max_length=64)
    result: Any = fields.JSONField(null=True)
    created_at = moment()

    class Meta:
        table = "idempotency_key"
        constraints = (unique("idempotency_key", "library_id", "actor", "key"),)
