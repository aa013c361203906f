"""School year groups, as front ends see them."""

import strawberry

from patrongraph.graph.connections import Node
from patrongraph.graph.declare import IN_LIBRARY, column, expression, graph_type, key


@graph_type(source="cohort", scope=IN_LIBRARY, prefix="cohort", node=None, description="A school year group.")
class Cohort(Node):
    """Patrons of one year; a rollover moves them to the next."""

    id: strawberry.ID = key()
    code: str = column("code", "Short code, unique in the library.")
    name: str = column("name", "Name for people.")
    graduated: bool = column("graduated", "Whether this cohort's members have left the school.")
    next_code: str | None = expression(
        "(SELECT n.code FROM cohort n WHERE n.id = {t}.next_cohort_id AND n.library_id = {library})",
        "Code of the cohort that a rollover moves its members to.",
    )
