"""`patrongraph import PATH`: a snapshot of libraries, or with --library and --format one library's file of patrons."""

import os
from pathlib import Path

import click

from patrongraph.imports.models import ImportField, ImportFormat
from patrongraph.imports.patrons_command import Asked, import_file
from patrongraph.imports.runs import DEFAULT_SHARE
from patrongraph.imports.snapshot_command import import_folder

FIELDS = tuple(field.value.lower() for field in ImportField)


@click.command("import")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--library", "library_code", metavar="CODE", help="Import a file of this library's patrons.")
@click.option(
    "--format",
    "format_name",
    type=click.Choice([each.value.lower() for each in ImportFormat], case_sensitive=False),
    help="How that file is written.",
)
@click.option(
    "--map", "mapped", multiple=True, metavar="COLUMN=FIELD", help=f"What a column means; one of {', '.join(FIELDS)}."
)
@click.option("--deactivate-missing", is_flag=True, help="Deactivate active patrons whom the file does not name.")
@click.option("--category", help="With --deactivate-missing: only patrons of this category.")
@click.option("--branch", metavar="CODE", help="With --deactivate-missing: only patrons of this home branch.")
@click.option("--cohort", metavar="CODE", help="With --deactivate-missing: only patrons of this cohort.")
@click.option(
    "--maximum-share",
    type=click.FloatRange(0, 1),
    default=DEFAULT_SHARE,
    show_default=True,
    help="With --deactivate-missing: most that may be missing unconfirmed.",
)
@click.option("--confirm-missing", metavar="N", type=int, help="How many are missing by the dry run: allows more.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, change nothing.")
@click.option(
    "--rejected",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write every rejected row to this CSV file.",
)
@click.option("--no-wait", is_flag=True, help="With --library: start the job and do not follow it.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for scripts.")
def group(
    path: Path,
    *,
    library_code: str | None,
    format_name: str | None,
    mapped: tuple[str, ...],
    deactivate_missing: bool,
    category: str | None,
    branch: str | None,
    cohort: str | None,
    maximum_share: float,
    confirm_missing: int | None,
    dry_run: bool,
    rejected: Path | None,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Import a snapshot, or a file of one library's patrons.

    A snapshot is a folder with branches.csv, patrons.csv, items.csv and so on, or one such file. With --library and
    --format, PATH is a file of patrons: a job that a worker carries out, followed live; a worker has to be running.

    Good rows are applied and bad rows are listed; the same again changes nothing. Ends with 0 when every row was good,
    3 when some were rejected, 1 when nothing could be done.
    """
    if rejected is not None and not os.access(rejected.parent, os.W_OK):
        raise click.ClickException(f"cannot write {rejected}: the folder is not there or not writable")
    scope = (category, branch, cohort, confirm_missing)
    if any(part is not None for part in scope) and not deactivate_missing:
        raise click.UsageError("--category, --branch, --cohort and --confirm-missing go with --deactivate-missing")
    if library_code is None and format_name is None:
        if mapped or deactivate_missing or no_wait:
            raise click.UsageError("a file of patrons needs --library and --format; without them PATH is a snapshot")
        import_folder(path, dry_run=dry_run, rejected=rejected, as_json=as_json)
        return
    if library_code is None or format_name is None:
        raise click.UsageError("a file of patrons needs both --library and --format")
    if not path.is_file():
        raise click.UsageError(f"{path} is no file; with --library PATH is one file of patrons")
    if no_wait and rejected is not None:
        raise click.UsageError("--rejected waits for the job; leave --no-wait out")
    asked = Asked(
        library_code,
        ImportFormat(format_name.upper()),
        _mapping(mapped),
        dry_run,
        deactivate_missing,
        category,
        branch,
        cohort,
        maximum_share,
        confirm_missing,
    )
    import_file(path, asked, rejected=rejected, wait=not no_wait, as_json=as_json)


def _mapping(mapped: tuple[str, ...]) -> dict[str, str]:
    mapping: dict[str, str] = {}
    for each in mapped:
        column, equals, field = each.rpartition("=")
        if not equals or field not in FIELDS:
            raise click.UsageError(f"--map {each!r}: write COLUMN=FIELD, with a field of {', '.join(FIELDS)}")
        if column in mapping:
            raise click.UsageError(f"--map names the column {column!r} twice")
        mapping[column] = field
    return mapping
