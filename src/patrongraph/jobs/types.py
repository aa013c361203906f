"""Long work and its progress, as front ends see it."""

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import strawberry

from patrongraph.graph.arguments import Where
from patrongraph.graph.connections import Connection, Node
from patrongraph.graph.declare import (
    BY_ID,
    IN_LIBRARY,
    Pages,
    column,
    compiled,
    declared,
    expression,
    graph_type,
    key,
    one,
)
from patrongraph.jobs.models import JobItemState, JobKind, JobState
from patrongraph.jobs.queries import COUNTS
from patrongraph.permissions import Permission
from patrongraph.staff.types import StaffUser

if TYPE_CHECKING:
    from patrongraph.erasure.certificate_types import ErasureCertificate
    from patrongraph.exports.types import DataExport
    from patrongraph.imports.types import ImportReport
    from patrongraph.patrons.types import Patron

strawberry.enum(JobKind, description="What a job does.")
strawberry.enum(JobState, description="Where a job stands; the last four are final.")
strawberry.enum(JobItemState, description="What became of one patron in a job.")


def _number(name: str) -> str:
    return f"CASE WHEN {{t}}.itemised THEN {{counts}}.{name} ELSE {{t}}.{name} END"


_TOTAL, _DONE, _SKIPPED, _FAILED = map(_number, ("total", "done", "skipped", "failed"))
_SETTLED = f"({_DONE} + {_SKIPPED} + {_FAILED})"
_SECONDS = "extract(epoch FROM coalesce({t}.finished_at, now()) - {t}.started_at)"
_RATE = f"({_SETTLED} / nullif({_SECONDS}, 0))"


@graph_type(source="job_item", scope=IN_LIBRARY, prefix="jobitem", description="One patron's turn in a job.")
class JobItem(Node):
    """Outlives the patron: after a purge only the opaque id is left."""

    id: strawberry.ID = key()
    patron_id: strawberry.ID = expression("'pat_' || {t}.patron_id", "Id of the patron, who may be gone by now.")
    patron: Annotated["Patron", strawberry.lazy("patrongraph.patrons.types")] | None = one(
        "{t}.id = {p}.patron_id", "The patron; null once erased.", permission=Permission.PATRONS_VIEW
    )
    state: JobItemState = column("state", "What became of it.")
    codes: list[str] = column(
        "codes",
        "Why it was skipped: codes of obstacles, or ALREADY_GONE, COHORT_CHANGED and the like; empty when there is"
        " nothing to say.",
    )
    reason: str | None = column("reason", "Why it failed, without personal data.")
    finished_at: dt.datetime | None = column("finished_at", "When it was settled.")


def _where_items(where: Where) -> None:
    state = where.choice("state")
    if state is not None:
        where.add(f"{{t}}.state = '{JobItemState(state).value}'")


@graph_type(
    source="job",
    scope=IN_LIBRARY,
    prefix="job",
    description="A purge, export, import or rollover.",
    laterals={"counts": COUNTS.replace("{job}", "{t}")},
)
class Job(Node):
    """Its numbers come from the states of its items, so they are always what was done."""

    id: strawberry.ID = key()
    kind: JobKind = column("kind", "What it does.")
    state: JobState = column("state", "Where it stands.")
    created_at: dt.datetime = column("created_at", "When it was asked for.")
    started_at: dt.datetime | None = column("started_at", "When a worker first took it up.")
    finished_at: dt.datetime | None = column(
        "finished_at", "When it reached a final state; null again while it is retried."
    )
    started_by: StaffUser | None = one(
        "{t}.id = {p}.started_by_id",
        "The staff member who started it, or retried it last; null for a token or the command line.",
    )
    total: int = expression(_TOTAL, "How many patrons (or rows) it is about.")
    done: int = expression(_DONE, "How many are done.")
    skipped: int = expression(_SKIPPED, "How many were left alone, each with its codes.")
    failed: int = expression(_FAILED, "How many could not be done, each with its reason.")
    cancelled: int = expression(
        "CASE WHEN {t}.itemised THEN {counts}.cancelled ELSE 0 END", "How many a cancellation left undone."
    )
    rate_per_second: float | None = expression(
        f"round({_RATE}, 1)::float8", "Settled a second since the start, pauses included; null before it."
    )
    eta_seconds: int | None = expression(
        f"CASE WHEN {{t}}.state = 'RUNNING' AND {_SETTLED} > 0 AND {_SETTLED} * 20 >= {_TOTAL}"
        f" THEN ceil(({_TOTAL} - {_SETTLED}) / nullif({_RATE}, 0))::int END",
        "Seconds to the end at that rate; null until a twentieth is settled.",
    )
    version: int = column("version", "Grows with every change; of two answers the higher is the newer.")
    error: str | None = column("error", "Why the whole job failed, without personal data.")
    export: Annotated["DataExport", strawberry.lazy("patrongraph.exports.types")] | None = one(
        "{t}.job_id = {p}.id", "The file that an export makes."
    )
    import_run: Annotated["ImportReport", strawberry.lazy("patrongraph.imports.types")] | None = one(
        "{t}.job_id = {p}.id",
        "What has become of the rows of an imported file so far.",
        permission=Permission.PATRONS_IMPORT,
        name="import",
    )
    certificate: Annotated["ErasureCertificate", strawberry.lazy("patrongraph.erasure.certificate_types")] | None = one(
        "{t}.job_id = {p}.id",
        "The proof of what it has erased; null while it has erased nobody.",
        permission=Permission.AUDIT_VIEW,
    )

    @declared(Pages("{t}.job_id = {p}.id", BY_ID, where=_where_items), "The patrons it is about, in its order of work.")
    def items(self, first: int, after: str | None = None, state: JobItemState | None = None) -> Connection[JobItem]:
        compiled()
