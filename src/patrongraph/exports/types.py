"""Export files, as front ends see them."""

import datetime as dt
from typing import Annotated

import strawberry

from patrongraph.exports.models import ExportFormat, ExportState
from patrongraph.exports.problems import ExportNotReady, NobodyToExport
from patrongraph.exports.words import Language
from patrongraph.graph.connections import Node
from patrongraph.graph.declare import IN_LIBRARY, column, expression, graph_type, key, read_back
from patrongraph.jobs.problems import IdempotencyMismatch
from patrongraph.jobs.types import Job
from patrongraph.patrons.resolvers import PatronFilter
from patrongraph.permissions import Permission
from patrongraph.problems import InvalidInput, NotFound
from patrongraph.staff.problems import ReauthenticationRequired

strawberry.enum(ExportFormat, description="How an export file is written.")
strawberry.enum(Language, name="PageLanguage", description="A language that a page can be written in.")
strawberry.enum(ExportState, description="Where an export stands; only READY has a file.")


@graph_type(
    source="data_export",
    scope=IN_LIBRARY,
    prefix="export",
    node=Permission.PATRONS_DOWNLOAD_DATA,
    description="A file with all that the library holds about a patron, or about many; never a PIN.",
)
class DataExport(Node):
    """Goes at its expiry, and when its patron is purged."""

    id: strawberry.ID = key()
    format: ExportFormat = column("format", "How it is written.")
    state: ExportState = column("state", "Where it stands.")
    size: float | None = expression("{t}.size", "Size in bytes; a Float because Int ends at 2 GiB.")
    sha256: str | None = column("sha256", "SHA-256 of the file, in hexadecimal.")
    created_at: dt.datetime = column("created_at", "When it was asked for.")
    ready_at: dt.datetime | None = column("ready_at", "When the file was complete.")
    expires_at: dt.datetime | None = column("expires_at", "When the file is removed.")
    downloads: int = column("downloads", "How often it was fetched.")


@strawberry.input(description="Whose data, and how.")
class ExportPatronDataInput:
    """One patron."""

    patron_id: strawberry.ID = strawberry.field(description="Id of the patron.")
    format: ExportFormat = strawberry.field(
        default=ExportFormat.JSON, description="JSON for programs, or HTML: the same as a page to read."
    )
    language: Language | None = strawberry.field(
        default=None, description="The language of an HTML page; the library's own when null."
    )
    idempotency_key: str | None = strawberry.field(
        default=None, description="A text of your choice; the same request sent again with it starts nothing new."
    )


@strawberry.input(description="Whose data.")
class ExportPatronsInput:
    """Many patrons."""

    filter: PatronFilter | None = strawberry.field(
        default=None, description="Patrons that match; null or an empty filter means all of the library."
    )
    idempotency_key: str | None = strawberry.field(
        default=None, description="A text of your choice; the same request sent again with it starts nothing new."
    )


@strawberry.type(description="The export has begun; follow the job, then ask for a download link.")
class ExportStarted:
    """Workers do the rest."""

    job_id: strawberry.Private[int]
    job: Job = read_back("job_id", "The job; its `export` is the file.")


@strawberry.input(description="Which file to fetch.")
class CreateDownloadLinkInput:
    """A finished export."""

    export_id: strawberry.ID = strawberry.field(description="Id of the export, from the job.")


@strawberry.type(description="An address that hands the file out once.")
class DownloadLink:
    """Shown once; the server keeps only its hash."""

    url: str = strawberry.field(description="Path to fetch with GET, once, within 15 minutes, by whoever made it.")
    expires_at: dt.datetime = strawberry.field(description="When the link ends by itself.")


ExportPatronDataResult = Annotated[
    ExportStarted | NotFound | InvalidInput | IdempotencyMismatch,
    strawberry.union("ExportPatronDataResult", description="The job, or why not."),
]
ExportPatronsResult = Annotated[
    ExportStarted | NobodyToExport | InvalidInput | ReauthenticationRequired | IdempotencyMismatch,
    strawberry.union("ExportPatronsResult", description="The job, or why not."),
]
CreateDownloadLinkResult = Annotated[
    DownloadLink | NotFound | ExportNotReady,
    strawberry.union("CreateDownloadLinkResult", description="The link, or why not."),
]
