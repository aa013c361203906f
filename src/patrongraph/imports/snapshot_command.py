"""`patrongraph import FOLDER` on the terminal: a progress bar, then numbers and rejected rows; --json for scripts.

A file of its own beside `commands`, because a snapshot and a file of patrons are told of differently.
"""

import sys
from pathlib import Path

import click
import orjson
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from patrongraph.imports.report import Progress as Step
from patrongraph.imports.report import SnapshotReport
from patrongraph.imports.snapshot import import_snapshot
from patrongraph.terminal import answers, notes, run

SHOWN = 20
SOME_REJECTED = 3
_WORDS = {"read": "reading", "check": "checking", "apply": "writing"}


def import_folder(path: Path, *, dry_run: bool, rejected: Path | None, as_json: bool) -> None:
    """Import a snapshot and print its report; ends the process with 3 or 1 when rows were rejected."""

    async def work() -> SnapshotReport:
        with _Bars(visible=not as_json) as bars:
            return await import_snapshot(path, progress=bars.show, dry_run=dry_run, rejected_to=rejected)

    report = run(work)
    if as_json:
        click.echo(orjson.dumps(report.as_dict(), option=orjson.OPT_INDENT_2))
    else:
        _print(report, rejected)
    if report.rejected:
        sys.exit(SOME_REJECTED if report.accepted or report.unchanged else 1)


class _Bars(Progress):
    """One bar for each file; a file is read, checked and written."""

    def __init__(self, *, visible: bool) -> None:
        super().__init__(
            TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
            console=notes, disable=not visible,
        )  # fmt: skip
        self._bars: dict[str, TaskID] = {}

    def show(self, step: Step) -> None:
        """Take one step of the import."""
        for file, bar in self._bars.items():
            if file != step.file and not self.tasks[bar].finished:
                self.update(bar, description=file, total=1, completed=1)
        if step.file not in self._bars:
            self._bars[step.file] = self.add_task(step.file)
        total = step.total or None
        self.update(
            self._bars[step.file],
            description=f"{step.file} {_WORDS[step.step]}",
            total=total,
            completed=step.done,
        )

    def __exit__(self, *raised: object) -> None:
        """Fill the last bar when all went well."""
        if raised[0] is None:
            for file, bar in self._bars.items():
                self.update(bar, description=file, total=1, completed=1)
        self.stop()


def _print(report: SnapshotReport, rejected: Path | None) -> None:
    table = Table("file", *(f"{word}" for word in ("rows", "new", "changed", "unchanged", "rejected")))
    for file in report.files:
        numbers = (file.rows, file.inserted, file.updated, file.unchanged, file.rejected)
        table.add_row(file.file, *(f"{number:,}" for number in numbers))
    answers.print(table)
    for warning in report.warnings:
        notes.print(f"Note: {warning}", markup=False)
    for rejection in report.rejections[:SHOWN]:
        notes.print(f"Rejected: {rejection}", markup=False)
    if len(report.rejections) > SHOWN or rejected is not None:
        where = f"all of them are in {rejected}" if rejected else "--rejected FILE writes all of them"
        notes.print(f"{report.rejected:,} rows were rejected; {where}.", markup=False)
    made = f", {len(report.libraries_created)} of them new" if report.libraries_created else ""
    libraries = "1 library" if len(report.libraries) == 1 else f"{len(report.libraries)} libraries"
    done = "Dry run, nothing was changed" if report.dry_run else "Done"
    answers.print(f"{done}: {libraries}{made}; {report.seconds:.1f} s.")
