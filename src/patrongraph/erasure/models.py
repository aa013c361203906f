"""The tables of the proof: what was erased, counted, with nothing of whom."""

from enum import StrEnum

from tortoise import fields
from tortoise.models import Model

from patrongraph.tables import (
    Identity,
    document,
    index,
    moment,
    one_of,
    optional_reference,
    reference,
    rule,
    unique,
    word,
)


class TombstoneState(StrEnum):
    """Whether the erasure has reached the stored copies too."""

    LIVE_ERASED = "LIVE_ERASED"
    AT_REST_ERASED = "AT_REST_ERASED"


class Tombstone(Model):
    """One erased patron: the opaque id, when, by which job, and rows removed per table."""

    id = Identity(primary_key=True)
    library_id = fields.BigIntField()
    patron_id = fields.BigIntField(unique=True)
    job = optional_reference("Job")
    job_id: int | None
    erased_at = moment()
    rows = document()
    state = word(TombstoneState, db_default=TombstoneState.LIVE_ERASED)
    at_rest_at = fields.DatetimeField(null=True)
    # The patron's own random key: after a restore it tells the erased patron from a new one with the same id.
    patron_key = fields.UUIDField(null=True)
    # When the row was written to a file outside of the database; null until then.
    copied_at = fields.DatetimeField(null=True)

    class Meta:
        table = "tombstone"
        constraints = (
            one_of("tombstone", "state", TombstoneState),
            rule("tombstone", "at_rest", "(state = 'AT_REST_ERASED') = (at_rest_at IS NOT NULL)"),
        )
        indexes = (
            index("tombstone", "job_id", "id"),
            index("tombstone", "job_id", "at_rest_at", name="at_rest"),
            index("tombstone", "id", name="not_copied", where="copied_at IS NULL"),
        )


class JobErasure(Model):
    """What one job has erased, added up: written with each chunk, so that a certificate counts no tombstones."""

    id = Identity(primary_key=True)
    library_id = fields.BigIntField()
    job = reference("Job")
    job_id: int
    patrons = fields.IntField()
    rows = document()
    statistics = fields.IntField()
    first_erased_at = moment()
    last_erased_at = moment()

    class Meta:
        table = "job_erasure"
        constraints = (unique("job_erasure", "job_id"),)
