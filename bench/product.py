"""What a run asks of the product itself, each through the function that its commands and its API call."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from patrongraph import db
from patrongraph.context import system_actor
from patrongraph.erasure import actions as erasure
from patrongraph.exports import actions as exports
from patrongraph.exports import document
from patrongraph.exports.queries import ONE_PATRON
from patrongraph.imports import actions as imports
from patrongraph.imports.models import ImportFormat
from patrongraph.jobs import progress
from patrongraph.patrons.filters import PatronCriteria
from patrongraph.permissions import Permission
from patrongraph.settings import Settings
from patrongraph.staff.actions import create_token

T = TypeVar("T")
FINAL = ("SUCCEEDED", "COMPLETED_WITH_ISSUES", "CANCELLED", "FAILED")
READ_PERMISSIONS = (Permission.PATRONS_VIEW, Permission.GROUPS_VIEW_TOTALS, Permission.REPORTS_VIEW)

# A job's state and how it went.
JOB = "SELECT state, error, extract(epoch FROM finished_at - started_at)::float8 AS seconds FROM job WHERE id = $1"

# What is left to say about the items of a job.
ITEMS = "SELECT state, count(*)::int AS n FROM job_item WHERE job_id = $1 GROUP BY state"

STATUSES_CHANGED = "SELECT deactivated + reactivated FROM import_run WHERE job_id = $1"

EXPORT = "SELECT path, size FROM data_export WHERE job_id = $1"


@dataclass(frozen=True, slots=True)
class Finished:
    """A job that came to its end: seconds from the request to the end as a waiting caller sees it."""

    id: int
    seconds: float


def with_pools(settings: Settings, work: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine function with the product's pools and its bell open."""

    async def run() -> T:
        await db.open_pools(settings)
        await progress.open_progress(settings)
        try:
            return await work()
        finally:
            await progress.close_progress()
            await db.close_pools()

    return asyncio.run(run())


async def make_token(library: int) -> str:
    """Return a bearer token that may do what the read workloads ask, and no more."""
    _, token = await create_token(system_actor(library), "bench", READ_PERMISSIONS)
    return token


async def finish(job: int, begun: float) -> Finished:
    """Wait for a job's end; raises SystemExit unless it succeeded."""
    while True:
        found = await db.row(JOB, job)
        assert found is not None
        if found["state"] in FINAL:
            seconds = time.perf_counter() - begun
            break
        await asyncio.sleep(0.02)
    if found["state"] != "SUCCEEDED":
        items = {row["state"]: row["n"] for row in await db.rows(ITEMS, job)}
        raise SystemExit(f"job {job} ended {found['state']}: {found['error']} {items}")
    return Finished(job, seconds)


async def purge(library: int, category: str, count: int) -> Finished:
    """Purge the inactive patrons of a category through the real pipeline; a worker must be running."""
    actor, chosen = system_actor(library), PatronCriteria(category=category)
    shown = await erasure.start(actor, criteria=chosen, dry_run=True)
    assert isinstance(shown, erasure.PurgePreview)
    assert shown.confirmation is not None
    begun = time.perf_counter()
    started = await erasure.start(
        actor, criteria=chosen, confirm_count=count, confirmation_token=shown.confirmation.token
    )
    assert isinstance(started, erasure.PurgeStarted)
    return await finish(started.job_id, begun)


async def import_statuses(library: int, file: BinaryIO, rows: int) -> Finished:
    """Import a file of usernames and statuses, each of them a change; a worker must be running."""
    begun = time.perf_counter()
    source = await imports.open_file(file, ImportFormat.STATUS, {})
    finished = await finish(await imports.start(system_actor(library), source), begun)
    changed = await db.value(STATUSES_CHANGED, finished.id)
    assert changed == rows, f"{changed} of {rows} rows were applied"
    return finished


async def export_library(library: int) -> tuple[Finished, int]:
    """Export all patrons of a library by a job; return it and the file's size in bytes."""
    begun = time.perf_counter()
    job = await exports.start_patrons_export(system_actor(library), PatronCriteria())
    finished = await finish(job, begun)
    size: Any = (await db.rows(EXPORT, job))[0]["size"]
    return finished, int(size)


async def export_patron(library: int, patron: int) -> Finished:
    """Export one patron by a job."""
    begun = time.perf_counter()
    job = await exports.start_patron_export(system_actor(library), patron)
    return await finish(job, begun)


async def document_of(library: int, patron: int) -> bytes:
    """Return one patron's document as the worker makes it, without job and file."""
    return await document.fetch_document(ONE_PATRON, patron, library)


async def stream_library(library: int, target: Path) -> int:
    """Write a library's documents to a file as the worker streams them, without the job; return the bytes."""
    written = 0
    with target.open("wb", buffering=0) as file:

        async def sink(data: bytes) -> None:
            nonlocal written
            written += file.write(data)

        where, args = PatronCriteria().where(library)
        async with db.transaction() as connection:
            await document.stream_documents(connection, sink, where, *args)
    return written
