"""Root fields of the exports."""

import strawberry

from patrongraph.exports import actions
from patrongraph.exports.types import (
    CreateDownloadLinkInput,
    CreateDownloadLinkResult,
    DownloadLink,
    ExportPatronDataInput,
    ExportPatronDataResult,
    ExportPatronsInput,
    ExportPatronsResult,
    ExportStarted,
)
from patrongraph.graph.declare import mutation
from patrongraph.graph.engine import Operation
from patrongraph.graph.ids import decode_id
from patrongraph.patrons.resolvers import criteria, patron_key
from patrongraph.permissions import Permission


@strawberry.type
class ExportMutation:
    """Mutation.exportPatronData, exportPatrons and createDownloadLink."""

    @mutation(
        "Write all that the library holds about one patron to a file, never the PIN.",
        permission=Permission.PATRONS_DOWNLOAD_DATA,
    )
    async def export_patron_data(
        self,
        info: strawberry.Info[Operation],
        input: ExportPatronDataInput,
    ) -> ExportPatronDataResult:
        job_id = await actions.start_patron_export(
            info.context.actor, patron_key(input.patron_id), input.format, input.idempotency_key, input.language
        )
        return ExportStarted(job_id=job_id)

    @mutation(
        "Write the data of all patrons that match to one file, a line for each.",
        permission=Permission.PATRONS_DOWNLOAD_DATA,
    )
    async def export_patrons(
        self,
        info: strawberry.Info[Operation],
        input: ExportPatronsInput,
    ) -> ExportPatronsResult:
        chosen = None if input.filter is None else criteria(input.filter)
        job_id = await actions.start_patrons_export(info.context.actor, chosen, input.idempotency_key)
        return ExportStarted(job_id=job_id)

    @mutation(
        "Make an address that hands a finished export out once.",
        permission=Permission.PATRONS_DOWNLOAD_DATA,
    )
    async def create_download_link(
        self,
        info: strawberry.Info[Operation],
        input: CreateDownloadLinkInput,
    ) -> CreateDownloadLinkResult:
        link = await actions.create_link(info.context.actor, decode_id("export", input.export_id))
        return DownloadLink(url=f"/exports/{link.token}", expires_at=link.expires_at)
