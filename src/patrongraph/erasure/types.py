"""Purges and deletions, as front ends see them."""

import datetime as dt
from typing import Annotated

import strawberry

from patrongraph.erasure.problems import (
    ConfirmationMismatch,
    ConfirmationVoid,
    NothingMatches,
    NotPendingPurge,
    Obstacles,
)
from patrongraph.graph.declare import IN_LIBRARY, Many, compiled, declared, expression, graph_type, one, read_back
from patrongraph.jobs.problems import IdempotencyMismatch
from patrongraph.jobs.types import Job
from patrongraph.patrons.models import ObstacleCode
from patrongraph.patrons.problems import TooMany
from patrongraph.patrons.queries import obstacles_sql
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


@strawberry.input(description="Whom to delete; without the confirmation nothing is deleted, only shown.")
class DeletePatronInput:
    """Asked for twice: first without the token, then with it."""

    patron_id: strawberry.ID = strawberry.field(description="Id of the patron, active or not.")
    confirmation_token: str | None = strawberry.field(
        default=None, description="What the preview gave as `confirmationToken`, within 15 minutes."
    )
    idempotency_key: str | None = strawberry.field(
        default=None, description="A text of your choice; the same confirmed request sent again gives the same answer."
    )


@strawberry.type(description="How many rows of the patron one table holds.")
class ErasedRows:
    """Counted; what they say is not shown."""

    table: str = strawberry.field(description="Name of the table.")
    rows: int = strawberry.field(description="How many rows.")


@strawberry.type(description="What deleting the patron would do now; nothing was changed.")
class DeletePatronPreview:
    """The answer to the first call."""

    patron_id: strawberry.Private[int]
    rows: list[ErasedRows] = strawberry.field(description="What will be erased, in that order.")
    statistics: int = strawberry.field(
        description="Finished loans that will remain as anonymous statistics; 0 when the library keeps none."
    )
    other_accounts: int = strawberry.field(
        description="Accounts of this person at other libraries: they stay. `patron.otherAccounts` names the libraries."
    )
    grace_days: int = strawberry.field(description="Days in which a deletion can be undone; 0 for none.")
    erase_after: dt.datetime | None = strawberry.field(
        description="When the patron would be erased if you confirmed now; null for at once."
    )
    confirmation_token: str = strawberry.field(
        description="Send it back to delete. Void as soon as anything about the patron changes."
    )
    confirm_until: dt.datetime = strawberry.field(description="When the confirmation ends by itself.")
    patron: Patron | None = read_back("patron_id", "The patron; null when erased meanwhile.")


@strawberry.type(description="The patron is erased for good, or waits for it until the days of grace are over.")
class DeletePatronSuccess:
    """The answer to the second call."""

    key: strawberry.Private[int]
    patron_id: strawberry.ID = strawberry.field(description="Id of the patron; it leads to nobody once erased.")
    erased: bool = strawberry.field(description="Whether the patron is gone; else it waits and can be restored.")
    rows: list[ErasedRows] = strawberry.field(description="What was erased; empty while the patron waits.")
    statistics: int = strawberry.field(description="Finished loans that were kept as anonymous statistics.")
    erase_after: dt.datetime | None = strawberry.field(description="When the waiting patron will be erased.")
    patron: Patron | None = read_back("key", "The patron who waits; null once erased.")


@strawberry.input(description="Whom to bring back.")
class RestorePatronInput:
    """A patron who waits for the erasure."""

    patron_id: strawberry.ID = strawberry.field(description="Id of the patron.")


@strawberry.type(description="The patron is kept, and INACTIVE.")
class RestorePatronSuccess:
    """Payload of restorePatron."""

    patron_id: strawberry.Private[int]
    patron: Patron = read_back("patron_id", "The patron.")


DeletePatronResult = Annotated[
    DeletePatronPreview
    | DeletePatronSuccess
    | Obstacles
    | ConfirmationVoid
    | NotFound
    | InvalidInput
    | IdempotencyMismatch,
    strawberry.union("DeletePatronResult", description="What would go, that it is gone, or why not."),
]
RestorePatronResult = Annotated[
    RestorePatronSuccess | NotFound | NotPendingPurge,
    strawberry.union("RestorePatronResult", description="The patron, or why it was not restored."),
]
