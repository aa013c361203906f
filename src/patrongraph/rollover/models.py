"""Tables of the rollovers: which year was rolled over, and where each patron of it goes."""

from enum import StrEnum

from tortoise import fields
from tortoise.models import Model

from patrongraph.tables import Identity, index, moment, optional_reference, reference, set_index, unique


class UndoObstacle(StrEnum):
    """Why a rollover cannot be taken back now."""

    RUNNING = "RUNNING"
    ALREADY_UNDONE = "ALREADY_UNDONE"
    UNDO_RUNNING = "UNDO_RUNNING"
    PURGED_SINCE = "PURGED_SINCE"
    LATER_ROLLOVER = "LATER_ROLLOVER"


class Rollover(Model):
    """One year of one library. `job` did it, or its rest, last; `undo_job` takes it back, and is through at undone_at.

    `moved` and `deactivated` are added up chunk by chunk, because the steps go with their patrons.
    """

    id = Identity(primary_key=True)
    library = reference("Library")
    library_id: int
    year = fields.IntField()
    job = reference("Job")
    job_id: int
    created_at = moment()
    moved = fields.IntField(db_default=0)
    deactivated = fields.IntField(db_default=0)
    undo_job = optional_reference("Job")
    undo_job_id: int | None
    undone_at = fields.DatetimeField(null=True)

    class Meta:
        table = "rollover"
        constraints = (unique("rollover", "library_id", "year", where="undone_at IS NULL"),)
        indexes = (
            index("rollover", "library_id", "id"),
            index("rollover", "job_id"),
            set_index("rollover", "undo_job_id"),
        )


class RolloverStep(Model):
    """Where one patron goes, settled before anybody moves; what was done and taken back is written beside it.

    From and to are the same for whoever is in the graduated cohort already and is only deactivated. Null: that
    cohort was deleted since.
    """

    id = Identity(primary_key=True)
    library_id = fields.BigIntField()
    rollover = reference("Rollover")
    rollover_id: int
    patron = reference("Patron")
    patron_id: int
    from_cohort = optional_reference("Cohort", on_delete=fields.SET_NULL)
    from_cohort_id: int | None
    to_cohort = optional_reference("Cohort", on_delete=fields.SET_NULL)
    to_cohort_id: int | None
    deactivate = fields.BooleanField()
    done_at = fields.DatetimeField(null=True)
    deactivated = fields.BooleanField(db_default=False)
    undone_at = fields.DatetimeField(null=True)

    class Meta:
        table = "rollover_step"
        constraints = (unique("rollover_step", "rollover_id", "patron_id"),)
        indexes = (
            index("rollover_step", "patron_id"),
            set_index("rollover_step", "from_cohort_id"),
            set_index("rollover_step", "to_cohort_id"),
        )
