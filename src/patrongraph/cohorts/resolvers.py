"""Root fields of the cohorts; they are read through Library.cohorts."""

from typing import Any

import strawberry

from patrongraph.cohorts import actions
from patrongraph.cohorts.types import (
    CohortSuccess,
    CreateCohortInput,
    CreateCohortResult,
    DeleteCohortInput,
    DeleteCohortResult,
    DeleteCohortSuccess,
    UpdateCohortInput,
    UpdateCohortResult,
)
from patrongraph.graph.changes import changes
from patrongraph.graph.declare import mutation
from patrongraph.graph.engine import Operation
from patrongraph.graph.ids import decode_id, encode_id
from patrongraph.permissions import Permission


def _cohort_key(text: str | None) -> int | None:
    return None if text is None else decode_id("cohort", text)


def _changes(input: UpdateCohortInput) -> dict[str, Any]:
    """Return what was given, by the names that the action knows. Raises Refused for a null that takes away too much."""
    found = changes(input, "code", "name", "next_cohort_id", "graduated", nullable={"next_cohort_id"})
    if "next_cohort_id" in found:
        found["next_id"] = _cohort_key(found.pop("next_cohort_id"))
    return found


@strawberry.type
class CohortMutation:
    """Mutation.createCohort, updateCohort and deleteCohort."""

    @mutation("Add a cohort to your library.", permission=Permission.COHORTS_ROLL_OVER)
    async def create_cohort(self, info: strawberry.Info[Operation], input: CreateCohortInput) -> CreateCohortResult:
        made = await actions.create(
            info.context.actor,
            code=input.code,
            name=input.name,
            next_id=_cohort_key(input.next_cohort_id),
            graduated=input.graduated,
            idempotency_key=input.idempotency_key,
        )
        return CohortSuccess(cohort_id=made, changed=True)

    @mutation(
        "Change a cohort's code, name, next cohort, or whether it is the graduated one.",
        permission=Permission.COHORTS_ROLL_OVER,
    )
    async def update_cohort(self, info: strawberry.Info[Operation], input: UpdateCohortInput) -> UpdateCohortResult:
        done = await actions.update(info.context.actor, decode_id("cohort", input.id), _changes(input))
        return CohortSuccess(cohort_id=done.id, changed=done.changed)

    @mutation(
        "Delete a cohort that nobody is in and that is no other's next one.", permission=Permission.COHORTS_ROLL_OVER
    )
    async def delete_cohort(self, info: strawberry.Info[Operation], input: DeleteCohortInput) -> DeleteCohortResult:
        cohort_id = decode_id("cohort", input.id)
        await actions.delete(info.context.actor, cohort_id)
        return DeleteCohortSuccess(deleted_id=strawberry.ID(encode_id("cohort", cohort_id)))
