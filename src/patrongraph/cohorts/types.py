"""School year groups, as front ends see them."""

from typing import Annotated

import strawberry

from patrongraph.cohorts.problems import CohortCodeTaken, CohortCycle, CohortInUse, GraduatedTaken
from patrongraph.graph.connections import Node
from patrongraph.graph.declare import IN_LIBRARY, column, expression, graph_type, key, one, read_back
from patrongraph.jobs.problems import IdempotencyMismatch
from patrongraph.permissions import Permission
from patrongraph.problems import InvalidInput, NotFound


@graph_type(
    source="cohort",
    scope=IN_LIBRARY,
    prefix="cohort",
    node=None,
    description="A school year group.",
    laterals={
        "members": (
            "SELECT count(*) AS total, count(*) FILTER (WHERE m.status = 'ACTIVE') AS active FROM patron m"
            " WHERE m.cohort_id = {t}.id AND m.library_id = {library}"
        ),
    },
)
class Cohort(Node):
    """Patrons of one year; a rollover moves them to the next."""

    id: strawberry.ID = key()
    code: str = column("code", "Short code, unique in the library.")
    name: str = column("name", "Name for people.")
    graduated: bool = column("graduated", "Whether this cohort's members have left the school.")
    next: Annotated["Cohort", strawberry.lazy("patrongraph.cohorts.types")] | None = one(
        "{t}.id = {p}.next_cohort_id", "The cohort that a rollover moves its members to; null when they stay."
    )
    next_code: str | None = expression(
        "(SELECT n.code FROM cohort n WHERE n.id = {t}.next_cohort_id AND n.library_id = {library})",
        "Code of the cohort that a rollover moves its members to.",
    )
    member_count: int = expression(
        "{members}.total", "How many patrons are in it, inactive ones too.", permission=Permission.PATRONS_VIEW
    )
    active_member_count: int = expression(
        "{members}.active", "How many of them are active.", permission=Permission.PATRONS_VIEW
    )


_CODE = "Short code, unique in the library, at most 40 characters."
_NAME = "Name for people, at most 200 characters."
_GRADUATED = "Whether its members have left the school. One cohort of a library at most, and it has no next one."


@strawberry.input(description="A new cohort.")
class CreateCohortInput:
    """Input of createCohort. A chain is made from its end: the graduated cohort first."""

    code: str = strawberry.field(description=_CODE)
    name: str = strawberry.field(description=_NAME)
    next_cohort_id: strawberry.ID | None = strawberry.field(
        default=None, description="Where a rollover moves its members to; null when they stay."
    )
    graduated: bool = strawberry.field(default=False, description=_GRADUATED)
    idempotency_key: str | None = strawberry.field(
        default=None, description="A text of your choice; the same request sent again with it makes no second cohort."
    )


@strawberry.input(description="What changes of a cohort; what is left out stays.")
class UpdateCohortInput:
    """Input of updateCohort. A rollover that has begun goes on as it was settled."""

    id: strawberry.ID = strawberry.field(description="Id of the cohort.")
    code: strawberry.Maybe[str | None] = strawberry.field(description=f"{_CODE} Null is refused.")
    name: strawberry.Maybe[str | None] = strawberry.field(description=f"{_NAME} Null is refused.")
    next_cohort_id: strawberry.Maybe[strawberry.ID | None] = strawberry.field(
        description="Where a rollover moves its members to; null when they stay."
    )
    graduated: strawberry.Maybe[bool | None] = strawberry.field(description=f"{_GRADUATED} Null is refused.")


@strawberry.input(description="Names a cohort of your library.")
class DeleteCohortInput:
    """Input of deleteCohort."""

    id: strawberry.ID = strawberry.field(description="Id of the cohort.")


@strawberry.type(description="The cohort as it is now.")
class CohortSuccess:
    """Payload of createCohort and updateCohort."""

    cohort_id: strawberry.Private[int]
    changed: bool = strawberry.field(description="Whether anything of it is other than before.")
    cohort: Cohort = read_back("cohort_id", "The cohort.")


@strawberry.type(description="The cohort is gone.")
class DeleteCohortSuccess:
    """Payload of deleteCohort."""

    deleted_id: strawberry.ID = strawberry.field(description="Its id, which leads nowhere now.")


CreateCohortResult = Annotated[
    CohortSuccess | InvalidInput | NotFound | CohortCodeTaken | GraduatedTaken | IdempotencyMismatch,
    strawberry.union("CreateCohortResult", description="The cohort, or why there is none."),
]
UpdateCohortResult = Annotated[
    CohortSuccess | InvalidInput | NotFound | CohortCodeTaken | CohortCycle | GraduatedTaken,
    strawberry.union("UpdateCohortResult", description="The cohort, or why it was not changed."),
]
DeleteCohortResult = Annotated[
    DeleteCohortSuccess | NotFound | CohortInUse,
    strawberry.union("DeleteCohortResult", description="That the cohort is gone, or why it is not."),
]
