"""`patrongraph import FILE --library CODE` on the terminal: the job followed live, then its report; --json for scripts.

A file of its own beside `commands`, because a snapshot and a file of patrons are told of differently.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import orjson
from rich.table import Table

from patrongraph.context import Actor
from patrongraph.imports import actions, rejected
from patrongraph.imports.actions import Missing
from patrongraph.imports.models import ImportFormat, MissingState
from patrongraph.imports.report import job_report
from patrongraph.imports.snapshot_command import SHOWN, SOME_REJECTED
from patrongraph.jobs import progress
from patrongraph.jobs.follow import watch
from patrongraph.jobs.models import JobState
from patrongraph.libraries.commands import operator
from patrongraph.libraries.queries import id_by_code
from patrongraph.settings import get_settings
from patrongraph.terminal import answers, notes, run

_COUNTED = ("rows", "created", "updated", "deactivated", "reactivated", "unchanged", "rejected")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says beside the file."""

    library_code: str
    format: ImportFormat
    mapping: dict[str, str]
    dry_run: bool
    deactivate_missing: bool
    category: str | None
    branch: str | None
    cohort: str | None
    maximum_share: float
    confirm_missing: int | None


def import_file(path: Path, asked: Asked, *, rejected: Path | None, wait: bool, as_json: bool) -> None:
    """Import a file of patrons and print its report; ends the process with 3 or 1 when not all of it was applied."""

    async def work() -> dict[str, Any]:
        actor = await operator(asked.library_code)
        await progress.open_progress(get_settings())
        try:
            job_id = await _start(actor, path, asked)
            if not wait:
                return {"id": job_id}
            await watch(actor.library, job_id)
        finally:
            await progress.close_progress()
        if rejected is not None:
            await _write(actor, job_id, rejected)
        return await job_report(actor.library, job_id)

    report = run(work)
    if as_json:
        answers.print(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode(), markup=False)
    elif not wait:
        answers.print(f"job {report['id']} has begun; `patrongraph jobs watch {report['id']}` follows it", markup=False)
    else:
        _print(report, rejected)
    if wait and report["state"] != JobState.SUCCEEDED:
        some = report["state"] == JobState.COMPLETED_WITH_ISSUES and report["rejected"] < report["rows"]
        sys.exit(SOME_REJECTED if some else 1)


async def _start(actor: Actor, path: Path, asked: Asked) -> int:
    missing = None
    if asked.deactivate_missing:
        missing = Missing(
            category=asked.category,
            branch_id=await _id_of(actor, "branch", asked.branch),
            cohort_id=await _id_of(actor, "cohort", asked.cohort),
            maximum_share=asked.maximum_share,
            confirm=asked.confirm_missing,
        )
    try:
        file = path.open("rb")
    except OSError as error:
        raise click.ClickException(f"{path} cannot be read: {error.strerror}") from error
    with file:
        source = await actions.open_file(file, asked.format, asked.mapping, path.name)
        return await actions.start(actor, source, dry_run=asked.dry_run, missing=missing)


async def _id_of(actor: Actor, kind: str, code: str | None) -> int | None:
    if code is None:
        return None
    found = await id_by_code(kind, actor.library, code)
    if found is None:
        raise click.ClickException(f"this library has no {kind} with the code {code}; nothing was imported")
    return found


async def _write(actor: Actor, job_id: int, target: Path) -> None:
    columns = await rejected.columns(actor.library, job_id)
    with target.open("w", encoding="utf-8", newline="") as file:
        async for piece in rejected.stream(actor.library, job_id, columns or []):
            file.write(piece)


def _print(report: dict[str, Any], rejected: Path | None) -> None:
    table = Table(*_COUNTED)
    table.add_row(*(f"{report[name]:,}" for name in _COUNTED))
    answers.print(table)
    if report["missingState"] != MissingState.NOT_ASKED:
        answers.print(
            f"Missing from the file: {report['missing']:,} of {report['missingConsidered']:,} active patrons;"
            f" {_MISSING[MissingState(report['missingState'])]}",
            markup=False,
        )
    for warning in report["warnings"]:
        notes.print(f"Note: {warning}", markup=False)
    for each in report["rejections"][:SHOWN]:
        notes.print(f"Rejected: line {each['line']}: {each['message']}", markup=False)
    if report["rejected"] > SHOWN or (report["rejected"] and rejected is not None):
        where = f"all of them are in {rejected}" if rejected else "--rejected FILE writes all of them"
        notes.print(f"{report['rejected']:,} rows were rejected; {where}.", markup=False)
    done = "Dry run, nothing was changed" if report["dryRun"] else f"job {report['id']} {report['state']}"
    why = f": {report['error']}" if report["error"] else "."
    answers.print(done + why, markup=False)


_MISSING = {
    MissingState.PLANNED: "the job has not come to them.",
    MissingState.DONE: "they were deactivated.",
    MissingState.TOO_MANY: "too many to deactivate; --confirm-missing with that number allows it.",
    MissingState.ROWS_REJECTED: "none was deactivated, because rows were rejected.",
}
