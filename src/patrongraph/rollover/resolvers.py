"""Root fields of the rollovers: look back, roll over, take back."""

import strawberry

from patrongraph.graph.connections import Connection
from patrongraph.graph.declare import NEWEST, Pages, compiled, declared, mutation
from patrongraph.graph.engine import Operation
from patrongraph.graph.ids import encode_id
from patrongraph.jobs.resolvers import job_key
from patrongraph.permissions import Permission
from patrongraph.rollover import actions
from patrongraph.rollover.types import (
    CohortRollover,
    Rollover,
    RollOverCohortsInput,
    RollOverCohortsResult,
    RollOverCohortsSuccess,
    RolloverPreview,
    UndoRolloverInput,
    UndoRolloverPreview,
    UndoRolloverResult,
    UndoRolloverSuccess,
)


@strawberry.type
class RolloverQuery:
    """Query.rollovers."""

    @declared(
        Pages("true", NEWEST),
        "Years of your library that were rolled over, newest first, those that were taken back too.",
        permission=Permission.PATRONS_VIEW,
    )
    def rollovers(self, first: int, after: str | None = None) -> Connection[Rollover]:
        compiled()


def _line(each: actions.CohortPreview) -> CohortRollover:
    return CohortRollover(
        cohort_id=strawberry.ID(encode_id("cohort", each.id)),
        code=each.code,
        name=each.name,
        to_code=each.to_code,
        to_name=each.to_name,
        members=each.members,
        moving=each.moving,
        deactivating=each.deactivating,
        staying=each.staying,
    )


@strawberry.type
class RolloverMutation:
    """Mutation.rollOverCohorts and undoRollover."""

    @mutation(
        "End a school year, once: everybody moves to the cohort after their own, and the active members of the"
        " graduated cohort are deactivated. A job; a dry run counts first. Of a year that did not get to its end it"
        " does the rest.",
        permission=Permission.COHORTS_ROLL_OVER,
    )
    async def roll_over_cohorts(
        self, info: strawberry.Info[Operation], input: RollOverCohortsInput
    ) -> RollOverCohortsResult:
        found = await actions.roll_over(
            info.context.actor,
            input.year,
            dry_run=input.dry_run,
            confirm_count=input.confirm_count,
            confirmation_token=input.confirmation_token,
            idempotency_key=input.idempotency_key,
        )
        if isinstance(found, actions.RolloverStarted):
            return RollOverCohortsSuccess(job_id=found.job_id, count=found.count)
        made = found.confirmation
        return RolloverPreview(
            continues_id=found.continues,
            year=found.year,
            count=found.count,
            moving=found.moving,
            deactivating=found.deactivating,
            staying=found.staying,
            cohorts=[_line(each) for each in found.cohorts],
            confirmation_token=None if made is None else made.token,
            confirm_until=None if made is None else made.until,
        )

    @mutation(
        "Take a rollover back, until the next purge: whoever is still where it put them goes back, and whom it"
        " deactivated is active again unless somebody has changed that since. A job.",
        permission=Permission.COHORTS_ROLL_OVER,
    )
    async def undo_rollover(self, info: strawberry.Info[Operation], input: UndoRolloverInput) -> UndoRolloverResult:
        found = await actions.undo(
            info.context.actor, job_key(input.job_id), dry_run=input.dry_run, idempotency_key=input.idempotency_key
        )
        if isinstance(found, actions.RolloverStarted):
            return UndoRolloverSuccess(job_id=found.job_id, count=found.count)
        return UndoRolloverPreview(
            year=found.year, moving=found.moving, reactivating=found.reactivating, left_alone=found.left_alone
        )
