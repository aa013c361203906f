"""Starting and following one job in a terminal: the row first, then whenever the stream or the clock says so."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import click
import orjson
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from patrongraph.jobs import progress as bell
from patrongraph.jobs.models import JobState
from patrongraph.jobs.progress import ProgressReader
from patrongraph.jobs.queries import Progress, codes, progress
from patrongraph.settings import get_settings
from patrongraph.terminal import answers, notes

SHOW_SECONDS = 0.2


async def changes(library_id: int, job_id: int) -> AsyncIterator[Progress]:
    """Yield the job now and after each change, ending with its final state; nothing when there is no such job."""
    async with ProgressReader(get_settings()) as reader:
        with reader.subscribe(job_id=job_id) as mailbox:
            shown = -1
            while (job := await progress(library_id, job_id)) is not None:
                if job.version != shown:
                    shown = job.version
                    yield job
                if job.finished:
                    return
                await asyncio.sleep(SHOW_SECONDS)
                await anext(mailbox)


async def watch(library_id: int, job_id: int) -> Progress | None:
    """Show a job's progress on standard error until it has ended; return its last numbers."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    last = None
    with Bar(*columns, console=notes, transient=True) as bar:
        task = bar.add_task(f"job {job_id}", total=None)
        async for job in changes(library_id, job_id):
            last = job
            settled = job.done + job.skipped + job.failed
            waiting = job.state is JobState.QUEUED
            note = "waiting for a worker" if waiting else job.state.value.lower().replace("_", " ")
            bar.update(task, description=f"job {job_id}: {note}", total=job.total or None, completed=settled)
    return last


@asynccontextmanager
async def announcing() -> AsyncIterator[None]:
    """Let the block ring the workers' bell."""
    await bell.open_progress(get_settings())
    try:
        yield
    finally:
        await bell.close_progress()


async def outcome(library_id: int, job_id: int, count: int, *, wait: bool) -> dict[str, object]:
    """Return what a command says of the job that it has started: its summary at its end, or without waiting its id."""
    if not wait:
        return {"id": job_id, "total": count}
    job = await watch(library_id, job_id)
    if job is None:
        raise click.ClickException(f"job {job_id} is gone")
    return await summary(job)


async def summary(job: Progress) -> dict[str, object]:
    """Return a job as scripts read it: state, numbers, and how many patrons carry each reason code."""
    return {
        "id": job.id,
        "kind": job.kind.value,
        "state": job.state.value,
        "total": job.total,
        "done": job.done,
        "skipped": job.skipped,
        "failed": job.failed,
        "cancelled": job.cancelled,
        "codes": await codes(job.library_id, job.id),
        "error": job.error,
        "createdAt": job.created_at,
        "finishedAt": job.finished_at,
    }


def line(job: dict[str, object]) -> str:
    """Return the summary as one line for people."""
    numbers = ", ".join(f"{job[name]} {name}" for name in ("done", "skipped", "failed", "cancelled") if job[name])
    reasons = job["codes"]
    listed = ", ".join(f"{code} {n}" for code, n in reasons.items()) if isinstance(reasons, dict) else ""
    error = f" {job['error']}" if job["error"] else ""
    return (
        f"job {job['id']} {job['kind']} {job['state']}: {numbers or 'nothing done'} of {job['total']}"
        f"{f' ({listed})' if listed else ''}{error}"
    )


def show(answer: Mapping[str, object], *, as_json: bool) -> None:
    """Print what a command answers: JSON, a job's line, or a value a line."""
    if as_json:
        answers.print(orjson.dumps(answer).decode(), markup=False)
        return
    if "state" in answer:
        answers.print(line(dict(answer)), markup=False)
        return
    for name, value in answer.items():
        listed = ", ".join(f"{code} {n}" for code, n in value.items()) if isinstance(value, dict) else value
        answers.print(f"{name}: {listed if listed != '' else 'none'}", markup=False)
