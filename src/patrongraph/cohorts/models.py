"""The table of school year groups and how each becomes the next."""

from tortoise import fields
from tortoise.models import Model

from patrongraph.tables import Identity, optional_reference, reference, rule, set_index, unique


class Cohort(Model):
    """One year group; its members move to the next one, or leave from the graduated one."""

    id = Identity(primary_key=True)
    library = reference("Library")
    library_id: int
    code = fields.CharField(max_length=40)
    name = fields.CharField(max_length=200)
    next_cohort = optional_reference("Cohort")
    next_cohort_id: int | None
    graduated = fields.BooleanField(db_default=False)

    class Meta:
        table = "cohort"
        constraints = (
            unique("cohort", "library_id", "code"),
            unique("cohort", "library_id", where="graduated"),
            rule("cohort", "graduated", "NOT (graduated AND next_cohort_id IS NOT NULL)"),
        )
        indexes = (set_index("cohort", "next_cohort_id"),)
