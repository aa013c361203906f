"""The operator's `patrongraph tombstones`: write them down outside of the database, and erase again after a restore.

A file of its own beside commands.py, which is the command `purge`.
"""

from pathlib import Path
from typing import BinaryIO

import click
import orjson
from rich.progress import Progress

from patrongraph.erasure import replay, tombstones
from patrongraph.settings import get_settings
from patrongraph.terminal import answers, notes, run

SHOWN = 20


@click.group("tombstones")
def group() -> None:
    """Keep what was erased outside of the database too, so that a restore does not bring it back."""


@group.command()
@click.argument("file", type=click.File("wb", lazy=False))
def export(file: BinaryIO) -> None:
    """Write every tombstone to FILE (- for standard output) as lines of JSON; nothing in them is personal."""
    count = run(lambda: tombstones.export(file))
    notes.print(f"{count} tombstones", markup=False)


@group.command("replay")
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Erase. Without it only what would be done is shown.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for scripts.")
def replay_command(files: tuple[Path, ...], *, yes: bool, as_json: bool) -> None:
    """Erase again whom a restored backup has brought back; stop the API and the workers before.

    FILE is what workers wrote (one from each machine) or `tombstones export` made. Without one, the file of the
    settings is read, when it is there; the tombstones of the database always are.
    """
    kept = get_settings().tombstones_path
    chosen = files or ((kept,) if kept is not None and kept.exists() else ())

    async def work() -> dict[str, object]:
        found = await replay.plan(chosen)
        answer = _plan(found, chosen)
        if not yes:
            return answer | {"done": None}
        with Progress(console=notes, transient=True) as bar:
            task = bar.add_task("erasing again", total=len(found.erase))
            done = await replay.carry_out(found, lambda count: bar.advance(task, count))
        return answer | {"done": _done(done)}

    try:
        answer = run(work)
    except OSError as error:
        raise click.ClickException(f"cannot read {error.filename}: {error.strerror}") from error
    if as_json:
        answers.print(orjson.dumps(answer).decode(), markup=False)
    else:
        _print(answer)


def _plan(found: replay.Plan, files: tuple[Path, ...]) -> dict[str, object]:
    return {
        "files": [str(file) for file in files],
        "tombstones": found.read,
        "toErase": len(found.erase),
        "obstacles": dict(sorted(found.obstacles.items())),
        "toPutBack": len(found.put_back),
        "otherKey": [f"pat_{patron}" for patron in sorted(found.reused)],
        "withoutKey": [f"pat_{patron}" for patron in sorted(found.unidentified)],
        "unreadable": found.unreadable,
    }


def _done(done: replay.Done) -> dict[str, object]:
    return {
        "erased": done.erased,
        "statistics": done.statistics,
        "loansEnded": done.loans_ended,
        "putBack": done.put_back,
        "jobs": [f"job_{job}" for job in done.jobs.values()],
    }


WORDS = {
    "files": "files read",
    "tombstones": "tombstones read",
    "toErase": "patrons who live again and are to be erased",
    "obstacles": "of them with an obstacle, which does not stop it",
    "toPutBack": "tombstones that the restore has lost and that are put back",
    "otherKey": "left alone, the id is somebody else's or the backup is older than these keys",
    "withoutKey": "left alone, the tombstone is too old to have a key: look at each, and delete it singly",
    "unreadable": "lines that could not be read",
    "erased": "patrons erased",
    "statistics": "loans kept as statistics",
    "loansEnded": "open loans ended",
    "putBack": "tombstones put back",
    "jobs": "certificates to print",
}


def _print(answer: dict[str, object]) -> None:
    done = answer.pop("done")
    for name, value in (answer | (done if isinstance(done, dict) else {})).items():
        answers.print(f"{WORDS[name]}: {_said(value)}", markup=False)
    if done is None:
        answers.print("Nothing was changed. Say --yes to do it.", markup=False)


def _said(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{code} {n}" for code, n in value.items()) or "none"
    if isinstance(value, list):
        more = f" and {len(value) - SHOWN} more" if len(value) > SHOWN else ""
        return ", ".join(map(str, value[:SHOWN])) + more if value else "none"
    return str(value)
