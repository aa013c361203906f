"""Root fields of the purge, of loans given up before it, and of the deletion of one patron."""

import strawberry

from patrongraph.erasure import actions, certificate, deletion, lost
from patrongraph.erasure.certificate_types import CERTIFICATE_OF_PATRON, PatronCertificate
from patrongraph.erasure.problems import found_obstacles
from patrongraph.erasure.types import (
    DeletePatronInput,
    DeletePatronPreview,
    DeletePatronResult,
    DeletePatronSuccess,
    ErasedRows,
    LoanLoss,
    MarkLoansLostInput,
    MarkLoansLostPreview,
    MarkLoansLostResult,
    MarkLoansLostSuccess,
    ObstacleCount,
    PurgeCandidate,
    PurgePatronsInput,
    PurgePatronsResult,
    PurgePatronsSuccess,
    PurgePreview,
    RestorePatronInput,
    RestorePatronResult,
    RestorePatronSuccess,
)
from patrongraph.graph.connections import Connection
from patrongraph.graph.declare import Pages, compiled, declared, mutation
from patrongraph.graph.engine import Operation
from patrongraph.graph.ids import decode_id, encode_id
from patrongraph.patrons.filters import where_patrons
from patrongraph.patrons.models import ObstacleCode
from patrongraph.patrons.resolvers import BY_NAME, PatronFilter, PatronSort, chosen_order, criteria, patron_key
from patrongraph.permissions import Permission
from patrongraph.personal_data import erasure_order
from patrongraph.problems import InputReason, invalid


@strawberry.type
class ErasureQuery:
    """Query.purgeCandidates and erasureCertificate."""

    @declared(
        Pages("true", BY_NAME, where=where_patrons, orders=chosen_order),
        "Inactive patrons of your library, with what stands in the way of a purge. Filter, search and sort are those"
        " of Query.patrons.",
        permission=Permission.PATRONS_PURGE,
    )
    def purge_candidates(
        self,
        first: int,
        after: str | None = None,
        filter: PatronFilter | None = None,
        search: str | None = None,
        sort: PatronSort | None = PatronSort.NAME,
    ) -> Connection[PurgeCandidate]:
        compiled()

    @declared(
        CERTIFICATE_OF_PATRON,
        "The proof that a patron of your library is erased; null when your library has erased no such patron.",
        permission=certificate.PERMISSION,
    )
    def erasure_certificate(self, patron_id: strawberry.ID) -> PatronCertificate | None:
        compiled()


def _rows(counted: dict[str, int]) -> list[ErasedRows]:
    """Return counts by table, in the order in which the tables are erased."""
    return [ErasedRows(table=table, rows=counted[table]) for table, _ in erasure_order() if table in counted]


def _loss(each: lost.Loss) -> LoanLoss:
    return LoanLoss(
        loan_id=strawberry.ID(encode_id("loan", each.loan_id)),
        item_barcode=each.item_barcode,
        title=each.title,
        due_at=each.due_at,
        price=each.price,
        open_charges=each.open_charges,
        written_off=each.written_off,
    )


@strawberry.type
class ErasureMutation:
    """Mutation.purgePatrons, markLoansLost, deletePatron and restorePatron."""

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
            message = "A search narrows a filter: give a filter with it, {} for everybody."
            raise invalid("input.search", message, InputReason.CONTRADICTION)
        found = await actions.start(
            info.context.actor,
            patron_ids=ids,
            criteria=None if chosen is None else criteria(chosen, input.search),
            dry_run=input.dry_run,
            confirm_count=input.confirm_count,
            confirmation_token=input.confirmation_token,
            idempotency_key=input.idempotency_key,
        )
        if isinstance(found, actions.PurgeStarted):
            return PurgePatronsSuccess(job_id=found.job_id, count=found.count)
        counts = [ObstacleCount(code=ObstacleCode(code), patrons=n) for code, n in found.obstacles.items()]
        made = found.confirmation
        return PurgePreview(
            matched=found.matched,
            purgeable=found.purgeable,
            obstacles=counts,
            grace_days=found.grace_days,
            confirmation_token=None if made is None else made.token,
            confirm_until=None if made is None else made.until,
        )

    @mutation(
        "Give up a patron's outstanding loans: items LOST, loans closed, prices and the loans' charges written off."
        " With `purge` the patron's purge starts too, and this needs PATRONS_PURGE as well.",
        permission=Permission.ITEMS_MARK_LOST,
    )
    async def mark_loans_lost(
        self,
        info: strawberry.Info[Operation],
        input: MarkLoansLostInput,
    ) -> MarkLoansLostResult:
        found = await lost.mark(
            info.context.actor,
            patron_key(input.patron_id),
            [decode_id("loan", each) for each in input.loan_ids],
            dry_run=input.dry_run,
            purge=input.purge,
            idempotency_key=input.idempotency_key,
        )
        if isinstance(found, lost.LostPreview):
            return MarkLoansLostPreview(
                patron_id=found.patron_id,
                loans=[_loss(each) for each in found.losses],
                written_off=found.written_off,
                currency=found.currency,
                obstacles=found_obstacles(found.obstacles),
            )
        return MarkLoansLostSuccess(
            patron_id=found.patron_id,
            loan_ids=found.loan_ids,
            job_id=found.job_id,
            count=len(found.loan_ids),
            charged=found.charged,
            written_off=found.written_off,
        )

    @mutation(
        "Delete one patron of your library for good, in two calls: the first shows what goes, the second confirms it.",
        permission=Permission.PATRONS_DELETE,
    )
    async def delete_patron(
        self,
        info: strawberry.Info[Operation],
        input: DeletePatronInput,
    ) -> DeletePatronResult:
        found = await deletion.delete(
            info.context.actor,
            patron_key(input.patron_id),
            confirmation_token=input.confirmation_token,
            idempotency_key=input.idempotency_key,
        )
        if isinstance(found, deletion.Deleted):
            return DeletePatronSuccess(
                key=found.patron_id,
                patron_id=strawberry.ID(encode_id("pat", found.patron_id)),
                erased=found.erased,
                rows=_rows(found.rows),
                statistics=found.statistics,
                erase_after=found.erase_after,
            )
        return DeletePatronPreview(
            patron_id=found.patron_id,
            rows=_rows(found.rows),
            statistics=found.statistics,
            other_accounts=found.other_accounts,
            grace_days=found.grace_days,
            erase_after=found.erase_after,
            confirmation_token=found.confirmation_token,
            confirm_until=found.confirm_until,
        )

    @mutation(
        "Keep a patron who waits for the erasure, as an inactive one; until the days of grace are over.",
        permission=Permission.PATRONS_DELETE,
    )
    async def restore_patron(
        self,
        info: strawberry.Info[Operation],
        input: RestorePatronInput,
    ) -> RestorePatronResult:
        return RestorePatronSuccess(patron_id=await deletion.restore(info.context.actor, patron_key(input.patron_id)))
