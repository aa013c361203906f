"""Rollovers, as front ends see them."""

import datetime as dt
from typing import Annotated

import strawberry

from patrongraph.graph.connections import Node
from patrongraph.graph.declare import IN_LIBRARY, column, expression, graph_type, key, one, read_back
from patrongraph.jobs.problems import ConfirmationMismatch, ConfirmationVoid, IdempotencyMismatch
from patrongraph.jobs.types import Job
from patrongraph.problems import InvalidInput, NotFound
from patrongraph.rollover.models import UndoObstacle
from patrongraph.rollover.problems import AlreadyRolledOver, NothingToRollOver, RolloverNotUndoable, RolloverUnderWay
from patrongraph.rollover.queries import undo_obstacle_sql

_OBSTACLE = undo_obstacle_sql("{t}", "{library}")


@graph_type(source="rollover", scope=IN_LIBRARY, prefix="rollover", description="One year that was rolled over.")
class Rollover(Node):
    """Its numbers are what was done, also after its patrons are erased, and after it was taken back."""

    id: strawberry.ID = key()
    year: int = column("year", "The year.")
    started_at: dt.datetime = column("created_at", "When it was asked for.")
    job: Job = one("{t}.id = {p}.job_id", "The job that did it; of a year done in parts the one that did its rest.")
    moved: int = column("moved", "How many patrons it moved.")
    deactivated: int = column("deactivated", "How many patrons it deactivated.")
    undo_job: Job | None = one("{t}.id = {p}.undo_job_id", "The job that takes it back, or has done so.")
    undone: bool = expression("{t}.undone_at IS NOT NULL", "Whether it was taken back; the year may be run again then.")
    undone_at: dt.datetime | None = column("undone_at", "When it was taken back to the end.")
    undoable: bool = expression(f"({_OBSTACLE}) IS NULL", "Whether undoRollover takes it back now.")
    undo_obstacle: UndoObstacle | None = expression(f"({_OBSTACLE})", "What stands in the way of that.")


@strawberry.input(description="Which year to roll over; first a dry run, then what it said is quoted back.")
class RollOverCohortsInput:
    """Input of rollOverCohorts."""

    year: int = strawberry.field(description="The year that ends: the present one, the one before or the next.")
    dry_run: bool = strawberry.field(description="True only counts; false starts the job.")
    confirm_count: int | None = strawberry.field(
        default=None, description="To start: the number that the dry run returned as `count`."
    )
    confirmation_token: str | None = strawberry.field(
        default=None,
        description="To start: what your dry run of the same year returned as `confirmationToken`, within 15 minutes.",
    )
    idempotency_key: str | None = strawberry.field(
        default=None, description="A text of your choice; the same request sent again with it starts nothing new."
    )


@strawberry.type(description="What a rollover would do with the members of one cohort.")
class CohortRollover:
    """One line of the preview; members = moving + staying, but for those only deactivated."""

    cohort_id: strawberry.ID = strawberry.field(description="Id of the cohort that they are in now.")
    code: str = strawberry.field(description="Its code.")
    name: str = strawberry.field(description="Its name.")
    to_code: str | None = strawberry.field(description="Code of the cohort that they go to; null when they go nowhere.")
    to_name: str | None = strawberry.field(description="Its name.")
    members: int = strawberry.field(description="Patrons in the cohort now, inactive ones too.")
    moving: int = strawberry.field(description="Patrons who move.")
    deactivating: int = strawberry.field(
        description="Patrons who are deactivated: the active ones who come into the graduated cohort, or are in it."
    )
    staying: int = strawberry.field(description="Patrons with whom nothing happens.")


@strawberry.type(description="What the rollover would do now; nothing was changed.")
class RolloverPreview:
    """The answer to a dry run."""

    continues_id: strawberry.Private[int | None]
    year: int = strawberry.field(description="The year.")
    count: int = strawberry.field(description="Patrons who move, are deactivated, or both; quote it as confirmCount.")
    moving: int = strawberry.field(description="Patrons who move.")
    deactivating: int = strawberry.field(description="Patrons who are deactivated.")
    staying: int = strawberry.field(description="Members of cohorts with whom nothing happens.")
    cohorts: list[CohortRollover] = strawberry.field(description="Every cohort of the library, by code.")
    continues: Job | None = read_back(
        "continues_id", "The job that ended before all was done, when this is about the rest of the year."
    )
    confirmation_token: str | None = strawberry.field(
        description="Send it back to start. Void as soon as anybody would go elsewhere; null when nobody would move."
    )
    confirm_until: dt.datetime | None = strawberry.field(description="When the confirmation ends by itself.")


@strawberry.type(description="The rollover has begun; follow the job.")
class RollOverCohortsSuccess:
    """Workers do the rest. Where each patron goes is settled."""

    job_id: strawberry.Private[int]
    count: int = strawberry.field(description="Patrons that the job is about.")
    job: Job = read_back("job_id", "The job.")


RollOverCohortsResult = Annotated[
    RollOverCohortsSuccess
    | RolloverPreview
    | InvalidInput
    | AlreadyRolledOver
    | RolloverUnderWay
    | NothingToRollOver
    | ConfirmationMismatch
    | ConfirmationVoid
    | IdempotencyMismatch,
    strawberry.union("RollOverCohortsResult", description="The job, the preview of a dry run, or why not."),
]


@strawberry.input(description="Which rollover to take back.")
class UndoRolloverInput:
    """Input of undoRollover."""

    job_id: strawberry.ID = strawberry.field(description="Id of the rollover's job.")
    dry_run: bool = strawberry.field(default=False, description="True only counts; false starts the job.")
    idempotency_key: str | None = strawberry.field(
        default=None, description="A text of your choice; the same request sent again with it starts nothing new."
    )


@strawberry.type(description="What taking the rollover back would do now; nothing was changed.")
class UndoRolloverPreview:
    """The answer to a dry run. Erased patrons count nowhere."""

    year: int = strawberry.field(description="The year.")
    moving: int = strawberry.field(description="Patrons who go back to the cohort that they came from.")
    reactivating: int = strawberry.field(description="Patrons who are active again.")
    left_alone: int = strawberry.field(
        description="Patrons of the rollover who have been moved, or switched on or off, by somebody else since."
    )


@strawberry.type(description="The rollover is being taken back; follow the job.")
class UndoRolloverSuccess:
    """Workers do the rest."""

    job_id: strawberry.Private[int]
    count: int = strawberry.field(description="Patrons that the job is about.")
    job: Job = read_back("job_id", "The job.")


UndoRolloverResult = Annotated[
    UndoRolloverSuccess | UndoRolloverPreview | NotFound | RolloverNotUndoable | InvalidInput | IdempotencyMismatch,
    strawberry.union("UndoRolloverResult", description="The job, the preview of a dry run, or why not."),
]
