"""Root fields of the purge."""

import strawberry

from patrongraph.erasure import actions
from patrongraph.erasure.types import (
    ObstacleCount,
    PurgeCandidate,
    PurgePatronsInput,
    PurgePatronsResult,
    PurgePatronsSuccess,
    PurgePreview,
)
from patrongraph.graph.connections import Connection
from patrongraph.graph.declare import Pages, compiled, declared, mutation
from patrongraph.graph.engine import Operation
from patrongraph.patrons.filters import where_patrons
from patrongraph.patrons.queries import ObstacleCode
from patrongraph.patrons.resolvers import BY_NAME, PatronFilter, criteria, patron_key
from patrongraph.permissions import Permission
from patrongraph.problems import invalid


@strawberry.type
class ErasureQuery:
    """Query.purgeCandidates."""

    @declared(
        Pages("true", BY_NAME, where=where_patrons),
        "Inactive patrons of your library, by name, with what stands in the way of a purge.",
        permission=Permission.PATRONS_PURGE,
    )
    def purge_candidates(
        self,
        first: int,
        after: str | None = None,
        filter: PatronFilter | None = None,
        search: str | None = None,
    ) -> Connection[PurgeCandidate]:
        compiled()


@strawberry.type
class ErasureMutation:
    """Mutation.purgePatrons."""

    @mutation("Erase patrons for good, as a job; a dry run counts first.", permission=Permission.PATRONS_PURGE)
    async def purge_patrons(
        self,
        info: strawberry.Info[Operation],
        input: PurgePatronsInput,
    ) -> PurgePatronsResult:
        ids = None if input.patron_ids is None else [patron_key(each) for each in input.patron_ids]
        chosen = input.filter
        if chosen is None and input.search is not None:
            # Ignored, it would let a purge erase more than was meant.
            raise invalid("input.search", "A search narrows a filter: give a filter with it, {} for everybody.")
        found = await actions.start(
            info.context.actor,
            patron_ids=ids,
            criteria=None if chosen is None else criteria(chosen, input.search),
            dry_run=input.dry_run,
            confirm_count=input.confirm_count,
            idempotency_key=input.idempotency_key,
        )
        if isinstance(found, actions.PurgeStarted):
            return PurgePatronsSuccess(job_id=found.job_id, count=found.count)
        counts = [ObstacleCount(code=ObstacleCode(code), patrons=n) for code, n in found.obstacles.items()]
        return PurgePreview(
            matched=found.matched, purgeable=found.purgeable, obstacles=counts, grace_days=found.grace_days
        )
