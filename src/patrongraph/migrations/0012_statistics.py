"""Statistics are counted from indexes alone."""

from tortoise import migrations
from tortoise.migrations import operations as ops

from patrongraph.tables import TableIndex


class Migration(migrations.Migration):
    dependencies = [("patrongraph", "0011_rollovers")]

    operations = [
        ops.AddIndex(
            model_name="Loan",
            index=TableIndex(
                "library_id",
                "checked_out_at",
                name="loan_statistics_idx",
                include=("patron_id", "item_id", "branch_id", "returned_at", "lost"),
            ),
        ),
        ops.RemoveIndex(model_name="LoanStatistic", name="loan_statistic_library_id_checked_out_on_idx"),
        ops.AddIndex(
            model_name="LoanStatistic",
            index=TableIndex(
                "library_id",
                "checked_out_on",
                name="loan_statistic_counted_idx",
                include=(
                    "returned_on",
                    "branch_id",
                    "item_branch_id",
                    "material_type",
                    "category",
                    "cohort_code",
                    "lost",
                ),
            ),
        ),
    ]
