"""The table of what remains of purged patrons' loans, with no key to any patron."""

from tortoise import fields
from tortoise.fields.db_defaults import SqlDefault
from tortoise.models import Model

from patrongraph.tables import index, optional_reference, reference, set_index


class LoanStatistic(Model):
    """One finished loan of an erased patron; no two rows can be told to be the same patron's."""

    # At random: numbers in the order of insertion would put one patron's loans side by side.
    id = fields.UUIDField(primary_key=True, default=None, db_default=SqlDefault("gen_random_uuid()"))
    library = reference("Library")
    library_id: int
    checked_out_on = fields.DateField()
    returned_on = fields.DateField(null=True)
    item = optional_reference("Item", on_delete=fields.SET_NULL)
    item_id: int | None
    title = fields.TextField(db_default="")
    material_type = fields.CharField(max_length=60, db_default="")
    item_branch_id = fields.BigIntField(null=True)
    branch_id = fields.BigIntField(null=True)
    category = fields.CharField(max_length=100, db_default="")
    cohort_code = fields.CharField(max_length=40, null=True)
    lost = fields.BooleanField(db_default=False)

    class Meta:
        table = "loan_statistic"
        indexes = (
            # All that is counted, so that counting reads no row: they lie at random.
            index(
                "loan_statistic", "library_id", "checked_out_on",
                name="counted",
                include=(
                    "returned_on", "branch_id", "item_branch_id", "material_type", "category", "cohort_code", "lost",
                ),
            ),
            set_index("loan_statistic", "item_id"),
        )  # fmt: skip
