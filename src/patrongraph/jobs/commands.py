"""The operator's `patrongraph jobs`: look at jobs, follow one, pause, resume, cancel or retry it, as the SYSTEM."""

from collections.abc import Awaitable, Callable
from typing import TextIO

import click
import orjson

from patrongraph.context import Actor, system_actor
from patrongraph.jobs import actions, queries
from patrongraph.jobs.follow import announcing, line, summary, watch
from patrongraph.jobs.item_rows import stream
from patrongraph.jobs.models import JobItemState, JobKind, JobState
from patrongraph.libraries.commands import library_id
from patrongraph.terminal import answers, run

MOST_LISTED = 200

_as_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for scripts.")
_job = click.argument("job_id", metavar="JOB", type=click.IntRange(min=1))


@click.group("jobs")
def group() -> None:
    """Long work: purges and exports, running and past."""


@group.command("list")
@click.argument("library_code", metavar="LIBRARY")
@click.option("--kind", type=click.Choice([kind.value for kind in JobKind], case_sensitive=False))
@click.option("--state", type=click.Choice([state.value for state in JobState], case_sensitive=False))
@click.option("--limit", default=20, type=click.IntRange(1, MOST_LISTED), show_default=True)
@_as_json
def list_jobs(library_code: str, kind: str | None, state: str | None, *, limit: int, as_json: bool) -> None:
    """List the library's newest jobs."""

    async def work() -> list[dict[str, object]]:
        found = await queries.latest(
            await library_id(library_code),
            limit,
            None if kind is None else JobKind(kind),
            None if state is None else JobState(state),
        )
        return [await summary(job) for job in found]

    jobs = run(work)
    if as_json:
        answers.print(orjson.dumps(jobs).decode(), markup=False)
        return
    for job in jobs:
        answers.print(line(job), markup=False)
    if not jobs:
        answers.print("No jobs.")


@group.command()
@_job
@_as_json
def show(job_id: int, *, as_json: bool) -> None:
    """Show one job with its numbers and reason codes."""
    _print(run(lambda: _summary_of(job_id)), as_json)


@group.command("watch")
@_job
@_as_json
def watch_job(job_id: int, *, as_json: bool) -> None:
    """Follow one job until it ends."""

    async def work() -> dict[str, object]:
        await watch((await _operator(job_id)).library, job_id)
        return await _summary_of(job_id)

    _print(run(work), as_json)


@group.command()
@_job
@_as_json
def pause(job_id: int, *, as_json: bool) -> None:
    """Pause a job; what is committed stands."""
    _move(job_id, actions.pause, as_json)


@group.command()
@_job
@_as_json
def resume(job_id: int, *, as_json: bool) -> None:
    """Let a paused job go on."""
    _move(job_id, actions.resume, as_json)


@group.command()
@_job
@_as_json
def cancel(job_id: int, *, as_json: bool) -> None:
    """End a job; what is committed stands, the rest is not done."""
    _move(job_id, actions.cancel, as_json)


@group.command()
@_job
@_as_json
def retry(job_id: int, *, as_json: bool) -> None:
    """Let a finished purge try again what failed in it; a worker has to be running."""
    _move(job_id, actions.retry, as_json)


@group.command()
@_job
@click.option("--csv", "file", type=click.File("w", encoding="utf-8", lazy=False), required=True, help="A file, or -.")
@click.option("--state", type=click.Choice([state.value for state in JobItemState], case_sensitive=False))
def items(job_id: int, *, file: TextIO, state: str | None) -> None:
    """Write what became of each patron of a job as CSV, with barcode and name of those who are still there."""

    async def work() -> None:
        actor = await _operator(job_id)
        wanted = None if state is None else JobItemState(state)
        async for piece in stream(actor.library, job_id, state=wanted, with_names=True):
            file.write(piece)

    run(work)


def _move(job_id: int, verb: Callable[[Actor, int], Awaitable[object]], as_json: bool) -> None:
    async def work() -> dict[str, object]:
        actor = await _operator(job_id)
        async with announcing():
            await verb(actor, job_id)
        return await _summary_of(job_id)

    _print(run(work), as_json)


async def _operator(job_id: int) -> Actor:
    library_id = await queries.library_of(job_id)
    if library_id is None:
        raise click.ClickException(f"there is no job {job_id}")
    return system_actor(library_id)


async def _summary_of(job_id: int) -> dict[str, object]:
    actor = await _operator(job_id)
    job = await queries.progress(actor.library, job_id)
    if job is None:
        raise click.ClickException(f"there is no job {job_id}")
    return await summary(job)


def _print(job: dict[str, object], as_json: bool) -> None:
    answers.print(orjson.dumps(job).decode() if as_json else line(job), markup=False)
