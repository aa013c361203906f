"""Purges, as front ends see them."""

from typing import Annotated

import strawberry

from patrongraph.erasure.problems import ConfirmationMismatch, NothingMatches
from patrongraph.graph.declare import IN_LIBRARY, Many, compiled, declared, expression, graph_type, one, read_back
from patrongraph.jobs.problems import IdempotencyMismatch
from patrongraph.jobs.types import Job
from patrongraph.patrons.problems import TooMany
from patrongraph.patrons.queries import ObstacleCode, obstacles_sql
from patrongraph.patrons.resolvers import PatronFilter
from patrongraph.patrons.types import Obstacle, Patron
from patrongraph.problems import InvalidInput, NotFound

_OBSTACLES = f"({obstacles_sql('ARRAY[{p}.id]', 'true')})"


@graph_type(
    source="patron",
    scope=f"({IN_LIBRARY} AND {{t}}.status = 'INACTIVE')",
    description="An inactive patron, and what stands in the way of a purge.",
)
class PurgeCandidate:
    """One row of the purge list."""

    patron: Patron = one("{t}.id = {p}.id", "The patron.")
    open_loan_count: int = expression(
        "(SELECT count(*) FROM loan l WHERE l.patron_id = {t}.id AND l.library_id = {library}"
        " AND l.returned_at IS NULL)",
        "Loans not yet returned; with any, the patron cannot be purged.",
    )
    purgeable: bool = expression(
        f"NOT EXISTS (SELECT FROM ({obstacles_sql('ARRAY[{t}.id]', 'true')}) o)",
        "Whether nothing stands in the way now. It is looked at again at the patron's turn.",
    )

    @declared(Many("true", "{t}.code", _OBSTACLES), "Everything that stands in the way; empty when nothing does.")
    def obstacles(self) -> list[Obstacle]:
        compiled()


@strawberry.input(description="Whom to purge: up to the library's limit by id, or all inactive patrons that match.")
class PurgePatronsInput:
    """Exactly one of patron_ids and filter."""

    patron_ids: list[strawberry.ID] | None = strawberry.field(default=None, description="Inactive patrons by id.")
    filter: PatronFilter | None = strawberry.field(
        default=None, description="Inactive patrons that match; an empty filter means all of them."
    )
    search: str | None = strawberry.field(
        default=None, description="Restricts the filter further, understood as in Query.patrons."
    )
    dry_run: bool = strawberry.field(description="True only counts; false starts the job.")
    confirm_count: int | None = strawberry.field(
        default=None, description="With a filter: the number that the dry run returned as `matched`."
    )
    idempotency_key: str | None = strawberry.field(
        default=None, description="A text of your choice; the same request sent again with it starts nothing new."
    )


@strawberry.type(description="How many patrons one kind of obstacle stops.")
class ObstacleCount:
    """A patron with two kinds counts in both."""

    code: ObstacleCode = strawberry.field(description="The kind.")
    patrons: int = strawberry.field(description="How many patrons have it.")


@strawberry.type(description="What the purge would do now; nothing was changed.")
class PurgePreview:
    """The answer to a dry run."""

    matched: int = strawberry.field(description="Patrons meant; quote it as confirmCount.")
    purgeable: int = strawberry.field(description="Patrons among them that nothing stands in the way of.")
    obstacles: list[ObstacleCount] = strawberry.field(description="What stands in the way of the others.")
    grace_days: int = strawberry.field(description="Days until they are erased; 0 means at once.")


@strawberry.type(description="The purge has begun; follow the job.")
class PurgePatronsSuccess:
    """Workers do the rest."""

    job_id: strawberry.Private[int]
    count: int = strawberry.field(description="Patrons that the job is about.")
    job: Job = read_back("job_id", "The job.")


PurgePatronsResult = Annotated[
    PurgePatronsSuccess
    | PurgePreview
    | InvalidInput
    | NotFound
    | TooMany
    | NothingMatches
    | ConfirmationMismatch
    | IdempotencyMismatch,
    strawberry.union("PurgePatronsResult", description="The job, the preview of a dry run, or why not."),
]
