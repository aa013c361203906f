"""Root fields of the jobs: look, pause, resume, cancel, and follow live."""

from collections.abc import AsyncIterator
from typing import Annotated

import strawberry

from patrongraph.context import Actor
from patrongraph.graph.arguments import Where
from patrongraph.graph.connections import Connection
from patrongraph.graph.declare import (
    NEWEST,
    Pages,
    RootRow,
    compiled,
    declared,
    mutation,
    read_back,
    watched,
)
from patrongraph.graph.engine import Operation
from patrongraph.graph.ids import BadArgument, decode_id
from patrongraph.jobs import actions, queries
from patrongraph.jobs.models import JobKind, JobState
from patrongraph.jobs.problems import IdempotencyMismatch, JobStateConflict, NothingToRetry
from patrongraph.jobs.progress import reader
from patrongraph.jobs.types import Job
from patrongraph.permissions import Permission
from patrongraph.problems import InvalidInput, NotFound

RECENT = 20
"""How many jobs a subscriber to all jobs is shown at first."""


def job_key(text: str) -> int:
    """Return the key in a job's id. Raises BadArgument."""
    return decode_id("job", text)


def _where_one(where: Where) -> None:
    where.add("{t}.id = " + where.bind("bigint", "id", convert=job_key))


def _where_many(where: Where) -> None:
    for name in ("kind", "state"):
        chosen = where.choice(name)
        if chosen is not None:
            where.add(f"{{t}}.{name} = '{chosen.value}'")


@strawberry.type
class JobQuery:
    """Query.job and jobs."""

    @declared(
        RootRow(_where_one),
        "A job of your library; null when it has no such job.",
        permission=Permission.PATRONS_VIEW,
    )
    def job(self, id: strawberry.ID) -> Job | None:
        compiled()

    @declared(
        Pages("true", NEWEST, where=_where_many),
        "Jobs of your library, newest first.",
        permission=Permission.PATRONS_VIEW,
    )
    def jobs(
        self,
        first: int,
        after: str | None = None,
        kind: JobKind | None = None,
        state: JobState | None = None,
    ) -> Connection[Job]:
        compiled()


@strawberry.input(description="Names a job of your library.")
class JobInput:
    """Input of pauseJob, resumeJob and cancelJob."""

    id: strawberry.ID = strawberry.field(description="Id of the job.")


@strawberry.type(description="The job, as it is now.")
class JobSuccess:
    """Payload of pauseJob, resumeJob and cancelJob."""

    job_id: strawberry.Private[int]
    job: Job = read_back("job_id", "The job.")


JobResult = Annotated[
    JobSuccess | NotFound | JobStateConflict,
    strawberry.union("JobResult", description="The job after the move, or why it was refused."),
]


@strawberry.input(description="Which purge is to do again what failed in it.")
class RetryFailedItemsInput:
    """Input of retryFailedItems."""

    job_id: strawberry.ID = strawberry.field(description="Id of the job, which has ended by itself.")
    idempotency_key: str | None = strawberry.field(
        default=None, description="A text of your choice; the same request sent again with it starts nothing new."
    )


@strawberry.type(description="The job is QUEUED again; follow it.")
class RetryFailedItemsSuccess:
    """Payload of retryFailedItems."""

    job_id: strawberry.Private[int]
    count: int = strawberry.field(description="How many patrons are tried again.")
    job: Job = read_back("job_id", "The job.")


RetryFailedItemsResult = Annotated[
    RetryFailedItemsSuccess | NotFound | JobStateConflict | NothingToRetry | InvalidInput | IdempotencyMismatch,
    strawberry.union("RetryFailedItemsResult", description="The job, which runs again, or why it does not."),
]


@strawberry.type
class JobMutation:
    """Who may start a kind of job may also stop it; the action looks at the kind."""

    @mutation("Pause a job; what is done stays done.", permission=Permission.PATRONS_VIEW)
    async def pause_job(self, info: strawberry.Info[Operation], input: JobInput) -> JobResult:
        moved = await actions.pause(info.context.actor, job_key(input.id))
        return JobSuccess(job_id=moved.id)

    @mutation("Let a paused job go on.", permission=Permission.PATRONS_VIEW)
    async def resume_job(self, info: strawberry.Info[Operation], input: JobInput) -> JobResult:
        moved = await actions.resume(info.context.actor, job_key(input.id))
        return JobSuccess(job_id=moved.id)

    @mutation("End a job early; what is done stays done.", permission=Permission.PATRONS_VIEW)
    async def cancel_job(self, info: strawberry.Info[Operation], input: JobInput) -> JobResult:
        moved = await actions.cancel(info.context.actor, job_key(input.id))
        return JobSuccess(job_id=moved.id)

    @mutation(
        "Let a finished purge try again, in your name, what failed in it; if it FAILED as a whole, also what it did not"
        " reach. What somebody cancelled stays cancelled.",
        permission=Permission.PATRONS_PURGE,
    )
    async def retry_failed_items(
        self, info: strawberry.Info[Operation], input: RetryFailedItemsInput
    ) -> RetryFailedItemsResult:
        retried = await actions.retry(info.context.actor, job_key(input.job_id), idempotency_key=input.idempotency_key)
        return RetryFailedItemsSuccess(job_id=retried.id, count=retried.count)


async def _progress(actor: Actor, id: str) -> AsyncIterator[int]:
    """Yield the job's key now, at each change and every few seconds, until its state is final."""
    job_id = job_key(id)
    with reader().subscribe(job_id=job_id) as mailbox:
        while True:
            state = await queries.state(actor.library, job_id)
            if state is None:
                raise BadArgument(f"Argument id: {id[:40]!r} was not found in your library.")
            yield job_id
            if state in actions.FINISHED:
                return
            await anext(mailbox)


async def _jobs(actor: Actor, kind: JobKind | None = None) -> AsyncIterator[int]:
    """Yield the keys of recent jobs, oldest first, then of each job that changes."""
    with reader().subscribe(library_id=actor.library) as mailbox:
        for job_id in await queries.recent(actor.library, RECENT, kind):
            yield job_id
        async for wake in mailbox:
            changed = None if wake.timed else sorted(wake.job_ids)
            for job_id in await queries.recent(actor.library, RECENT, kind, changed):
                yield job_id


@strawberry.type
class JobSubscription:
    """Subscription.jobProgress and jobs."""

    @watched(
        _progress,
        "A job: the present state first, then every change, to the final state.",
        permission=Permission.PATRONS_VIEW,
    )
    async def job_progress(self, id: strawberry.ID) -> AsyncIterator[Job]:
        yield compiled()

    @watched(
        _jobs,
        "Every job of your library: the recent ones first, then each one that changes.",
        permission=Permission.PATRONS_VIEW,
    )
    async def jobs(self, kind: JobKind | None = None) -> AsyncIterator[Job]:
        yield compiled()
