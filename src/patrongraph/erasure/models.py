"""The table of tombstones: what was erased, counted, with nothing of whom."""

from enum import StrEnum

from tortoise import fields
from tortoise.models import Model

from patrongraph.tables import Identity, document, index, moment, one_of, optional_reference, word


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

    class Meta:
        table = "tombstone"
        constraints = (one_of("tombstone", "state", TombstoneState),)
        indexes = (index("tombstone", "job_id"),)
