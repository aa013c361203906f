"""Purges and deletions, as front ends see them."""

import datetime as dt
from decimal import Decimal
from typing import Annotated

import strawberry

from patrongraph.circulation.types import Loan
from patrongraph.erasure.problems import (
    FoundObstacle,
    LoansDiffer,
    NothingMatches,
    NotPendingPurge,
    Obstacles,
    OutstandingLoans,
)
from patrongraph.graph.declare import IN_LIBRARY, Many, compiled, declared, expression, graph_type, one, read_back
from patrongraph.jobs.problems import ConfirmationMismatch, ConfirmationVoid, IdempotencyMismatch
from patrongraph.jobs.types import Job
from patrongraph.patrons.models import ObstacleCode
from patrongraph.patrons.problems import TooMany
from patrongraph.patrons.queries import obstacles_sql
from patrongraph.patrons.resolvers import PatronFilter
from patrongraph.patrons.types import Obstacle, Patron
from patrongraph.problems import InvalidInput, NotFound
from patrongraph.staff.problems import ReauthenticationRequired

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
    taggable: bool = expression(
        "NOT EXISTS (SELECT FROM loan l WHERE l.patron_id = {t}.id AND l.library_id = {library}"
        " AND l.returned_at IS NULL)",
        "Whether purgePatrons takes the patron by id: no loan is outstanding. With any, markLoansLost is the way.",
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

    patron_ids: list[strawberry.ID] | None = strawberry.field(
        default=None,
        description="Inactive patrons by id, without outstanding loans and at most `library.maxPurgePerOperation`.",
    )
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
    confirmation_token: str | None = strawberry.field(
        default=None,
        description="With a filter: what your dry run of the same filter returned as `confirmationToken`, within 15"
        " minutes.",
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

    matched: int = strawberry.field(description="Patrons meant; with a filter, quote it as confirmCount.")
    purgeable: int = strawberry.field(description="Patrons among them that nothing stands in the way of.")
    obstacles: list[ObstacleCount] = strawberry.field(description="What stands in the way of the others.")
    grace_days: int = strawberry.field(description="Days until they are erased; 0 means at once.")
    confirmation_token: str | None = strawberry.field(
        description="With a filter: send it back to start. Void as soon as others match. Null for patrons by id."
    )
    confirm_until: dt.datetime | None = strawberry.field(description="When the confirmation ends by itself.")


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
    | OutstandingLoans
    | NothingMatches
    | ConfirmationMismatch
    | ConfirmationVoid
    | ReauthenticationRequired
    | IdempotencyMismatch,
    strawberry.union("PurgePatronsResult", description="The job, the preview of a dry run, or why not."),
]


@strawberry.input(description="Whose outstanding loans are given up as lost, all of them.")
class MarkLoansLostInput:
    """Input of markLoansLost."""

    patron_id: strawberry.ID = strawberry.field(description="Id of the patron, active or not.")
    loan_ids: list[strawberry.ID] = strawberry.field(
        description="The open loans that you saw: exactly all of the patron's. In a dry run it may be empty."
    )
    dry_run: bool = strawberry.field(description="True only shows what would happen; false does it.")
    purge: bool = strawberry.field(
        default=False, description="Also start the patron's purge, all or nothing; needs PATRONS_PURGE as well."
    )
    idempotency_key: str | None = strawberry.field(
        default=None, description="A text of your choice; the same request sent again with it gives the same answer."
    )


@strawberry.type(description="One outstanding loan to give up, in the library's currency.")
class LoanLoss:
    """One line of the dialogue."""

    loan_id: strawberry.ID = strawberry.field(description="Id of the loan; quote all of them as loanIds.")
    item_barcode: str = strawberry.field(description="Barcode of the item, which may be another library's.")
    title: str = strawberry.field(description="Title of the work.")
    due_at: dt.datetime = strawberry.field(description="When it was due back.")
    price: Decimal | None = strawberry.field(
        description="What is charged for the item and written off at once; null when it has no price in this currency."
    )
    open_charges: Decimal = strawberry.field(description="What is open of this loan's own charges, such as fines.")
    written_off: Decimal = strawberry.field(description="Both together: what is written off because of this loan.")


@strawberry.type(description="What marking the loans as lost would do now; nothing was changed.")
class MarkLoansLostPreview:
    """The answer to a dry run."""

    patron_id: strawberry.Private[int]
    loans: list[LoanLoss] = strawberry.field(description="The outstanding loans, the oldest first.")
    written_off: Decimal = strawberry.field(description="What is written off for all of them.")
    currency: str | None = strawberry.field(description="Currency of the sums; null when there is no loan.")
    obstacles: list[FoundObstacle] = strawberry.field(
        description="What would still stand in the way of a purge; empty when the patron could be purged then."
    )
    patron: Patron | None = read_back("patron_id", "The patron; null when erased meanwhile.")


@strawberry.type(description="The items are LOST, the loans closed, and the books balanced.")
class MarkLoansLostSuccess:
    """Payload of markLoansLost."""

    patron_id: strawberry.Private[int]
    loan_ids: strawberry.Private[list[int]]
    job_id: strawberry.Private[int | None]
    count: int = strawberry.field(description="How many loans were closed as lost.")
    charged: Decimal = strawberry.field(description="The prices of the items, charged and written off at once.")
    written_off: Decimal = strawberry.field(description="All that was written off: prices, and what the loans owed.")
    loans: list[Loan] = read_back("loan_ids", "The loans as they are now; those of a patron erased meanwhile are gone.")
    patron: Patron | None = read_back("patron_id", "The patron as it is now; null when erased meanwhile.")
    job: Job | None = read_back("job_id", "The purge, when one was asked for; follow it.")


MarkLoansLostResult = Annotated[
    MarkLoansLostSuccess
    | MarkLoansLostPreview
    | LoansDiffer
    | Obstacles
    | InvalidInput
    | NotFound
    | ReauthenticationRequired
    | IdempotencyMismatch,
    strawberry.union("MarkLoansLostResult", description="The loans, the preview of a dry run, or why not."),
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
    | ReauthenticationRequired
    | IdempotencyMismatch,
    strawberry.union("DeletePatronResult", description="What would go, that it is gone, or why not."),
]
RestorePatronResult = Annotated[
    RestorePatronSuccess | NotFound | NotPendingPurge,
    strawberry.union("RestorePatronResult", description="The patron, or why it was not restored."),
]
