"""The operator's `patrongraph export`: the same job as over the API, followed live, then copied to a file."""

import asyncio
import os
import secrets
import time
from pathlib import Path

import asyncpg
import click
import orjson
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from patrongraph.context import Actor
from patrongraph.exports import actions, queries
from patrongraph.exports.json_schema import published
from patrongraph.exports.models import ExportFormat
from patrongraph.exports.words import Language
from patrongraph.jobs import progress as bell
from patrongraph.jobs.actions import FINISHED
from patrongraph.jobs.models import JobState
from patrongraph.libraries.commands import operator
from patrongraph.libraries.queries import id_by_code
from patrongraph.patrons.filters import PatronCriteria
from patrongraph.patrons.models import PatronStatus
from patrongraph.settings import get_settings
from patrongraph.terminal import answers, notes, run

LOOK_SECONDS = 0.3
PATIENCE_SECONDS = 10.0


def _print_schema(context: click.Context, _option: click.Parameter, asked: bool) -> None:
    if asked:
        answers.print(published().decode(), markup=False, highlight=False, soft_wrap=True, end="")
        context.exit()


class _Exports(click.Group):
    """`patrongraph export LIBRARY …` exports; only the word rekey in its place is a command of its own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Let the command without a name have whatever is not rekey."""
        return super().parse_args(ctx, args if args[:1] == ["rekey"] else ["", *args])


@click.group("export", cls=_Exports)
def group() -> None:
    """Export what a library holds, and renew the keys of export files."""


@group.command("rekey")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for scripts.")
def rekey(*, as_json: bool) -> None:
    """Wrap the key of every export file with the first of PATRONGRAPH_EXPORT_KEYS; the files stay as they are.

    Ends with 1 when a file has a key that is neither there nor made of the secret key.
    """

    async def work() -> None:
        try:
            current, done, left = await actions.rekey()
        except actions.UnusableKey as error:
            raise click.ClickException(str(error)) from None
        if as_json:
            answers.print(orjson.dumps({"key": current, "rekeyed": done, "left": left}).decode(), markup=False)
        else:
            answers.print(f"{done:,} export files now have the key {current}", markup=False)
        if left:
            named = ", ".join(f"{count:,} with {key_id}" for key_id, count in left.items())
            raise click.ClickException(f"these cannot be read, because their key is missing or wrong: {named}")

    run(work)


@group.command("", epilog="`patrongraph export rekey` renews the keys of export files; docs/exports.md says when.")
@click.argument("library_code", metavar="LIBRARY")
@click.option("--patron", "barcode", metavar="BARCODE", help="One patron, by the barcode of a card; JSON or HTML.")
@click.option("--all", "everybody", is_flag=True, help="Every patron, or those of the filters below; NDJSON.")
@click.option(
    "--status",
    type=click.Choice([status.value for status in PatronStatus], case_sensitive=False),
    help="Only patrons with this status.",
)
@click.option("--category", help="Only patrons of this category.")
@click.option("--branch", metavar="CODE", help="Only patrons of this home branch.")
@click.option("--cohort", metavar="CODE", help="Only patrons of this cohort.")
@click.option(
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; it must not exist. Only you will be able to read it.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice([ExportFormat.JSON, ExportFormat.HTML], case_sensitive=False),
    help="How one patron's file is written: JSON for programs (the default), HTML to read.",
)
@click.option(
    "--language",
    type=click.Choice([language.value for language in Language], case_sensitive=False),
    help="The language of an HTML page; the library's own unless given.",
)
@click.option(
    "--schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print the JSON Schema of a patron's document and end.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for scripts.")
def library(
    library_code: str,
    barcode: str | None,
    *,
    everybody: bool,
    status: str | None,
    category: str | None,
    branch: str | None,
    cohort: str | None,
    output: Path,
    format_name: str | None,
    language: str | None,
    as_json: bool,
) -> None:
    """Export what LIBRARY holds about one patron or about many; a worker has to be running."""
    filtered = any(part is not None for part in (status, category, branch, cohort))
    if (barcode is None) != everybody or (barcode is not None and filtered):
        raise click.UsageError("say either --patron BARCODE, or --all with or without filters")
    if barcode is None and format_name is not None:
        raise click.UsageError("--format is for one patron; many are always written as NDJSON")
    if language is not None and format_name != ExportFormat.HTML:
        raise click.UsageError("--language is for a page to read: say --format html too")
    if output.exists():
        raise click.UsageError(f"{output} exists already; nothing was exported")
    if not output.absolute().parent.is_dir():
        raise click.UsageError(f"the folder of {output} does not exist; nothing was exported")

    async def work() -> None:
        actor = await operator(library_code)
        await bell.open_progress(get_settings())
        try:
            if barcode is not None:
                page = Language(language) if language is not None else None
                job_id = await _start_patron(actor, barcode, ExportFormat(format_name or ExportFormat.JSON), page)
            else:
                chosen = PatronCriteria(
                    status=status,
                    category=category,
                    branch_id=await _id_of(actor, "branch", branch),
                    cohort_id=await _id_of(actor, "cohort", cohort),
                )
                job_id = await actions.start_patrons_export(actor, chosen)
            export = await _follow(actor, job_id)
        finally:
            await bell.close_progress()
        sha256 = await _fetch(actor, export, output)
        _answer(job_id, export, sha256, output, as_json=as_json)

    run(work)


async def _start_patron(actor: Actor, barcode: str, format: ExportFormat, language: Language | None) -> int:
    patron_id = await queries.patron_by_barcode(actor.library, barcode)
    if patron_id is None:
        raise click.ClickException("this library has no card with that barcode; nothing was exported")
    return await actions.start_patron_export(actor, patron_id, format, language=language)


async def _id_of(actor: Actor, kind: str, code: str | None) -> int | None:
    if code is None:
        return None
    found = await id_by_code(kind, actor.library, code)
    if found is None:
        raise click.ClickException(f"this library has no {kind} with the code {code}; nothing was exported")
    return found


async def _follow(actor: Actor, job_id: int) -> asyncpg.Record:
    """Show the job's progress until it ends; return its export, or end the command when there is none."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    began, told = time.monotonic(), False
    with Progress(*columns, console=notes, transient=True) as bar:
        task = bar.add_task(f"job {job_id}: waiting for a worker", total=None)
        while True:
            export = await queries.export_of_job(actor.library, job_id)
            if export is None:
                raise click.ClickException(f"the export of job {job_id} is gone: its patron was purged")
            state = JobState(export["job_state"])
            if state in FINISHED:
                break
            waiting = export["started_at"] is None
            if not waiting:
                bar.update(
                    task, description=f"job {job_id}: {state.value.lower()}", total=export["total"],
                    completed=export["done"],
                )  # fmt: skip
            elif not told and time.monotonic() - began > PATIENCE_SECONDS:
                told = True
                notes.print(f"No worker has taken job {job_id} yet. Start one: patrongraph worker")
            await asyncio.sleep(LOOK_SECONDS)
    if state is not JobState.SUCCEEDED:
        reason = f": {export['error']}" if export["error"] else "; no file was written"
        raise click.ClickException(f"job {job_id} ended as {state.value}{reason}")
    return export


async def _fetch(actor: Actor, export: asyncpg.Record, output: Path) -> str:
    """Write the finished file through a link of its own, so that it is counted; return its sha256."""
    link = await actions.create_link(actor, export["id"])
    try:
        download = await actions.open_download(link.token, actor)
        await _copy(download, output)
    except (actions.StorageError, actions.UnreadableExport) as error:
        raise click.ClickException(f"the export cannot be read, nothing was written: {error}") from None
    return download.sha256


async def _copy(download: actions.Download, output: Path) -> None:
    """Write to a file beside output that only its owner can read, then give it the name."""
    unfinished = output.with_name(f".{output.name}.{secrets.token_hex(4)}.part")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as write:
            async for piece in download.pieces():
                await asyncio.to_thread(write.write, piece)
            await asyncio.to_thread(write.flush)
            await asyncio.to_thread(os.fsync, write.fileno())
        # A link, because a rename would replace a file that has appeared meanwhile.
        await asyncio.to_thread(output.hardlink_to, unfinished)
    except FileExistsError:
        raise click.ClickException(f"{output} has appeared meanwhile; it was left as it is") from None
    except OSError as error:
        raise click.ClickException(f"{output} could not be written: {error.strerror}") from None
    finally:
        unfinished.unlink(missing_ok=True)


def _answer(job_id: int, export: asyncpg.Record, sha256: str, output: Path, *, as_json: bool) -> None:
    if as_json:
        answer = {
            "job": job_id, "export": export["id"], "patrons": export["done"], "file": str(output),
            "bytes": export["size"], "sha256": sha256,
        }  # fmt: skip
        answers.print(orjson.dumps(answer).decode(), markup=False)
        return
    patrons = "1 patron" if export["done"] == 1 else f"{export['done']:,} patrons"
    answers.print(f"{patrons}, {export['size']:,} bytes, in {output}", markup=False)
    answers.print(f"sha256 {sha256}", markup=False)
