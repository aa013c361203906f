"""The operator's `patrongraph audit`: verify the chains, seal what waits, and print heads to keep elsewhere."""

import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import asyncpg
import click
import orjson
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from patrongraph.audit import chain, queries, sealing
from patrongraph.audit.verify import LATE_MINUTES, MOST_FINDINGS, Report, follow
from patrongraph.settings import get_settings
from patrongraph.terminal import answers, notes, run

T = TypeVar("T")
Heads = Mapping[str, Mapping[int, bytes]]

_HEAD = re.compile(r"(?:(?P<code>.+):)?(?P<sequence>[0-9]{1,18}):(?P<hash>[0-9a-fA-F]{64})")

_library = click.option("--library", "library_code", metavar="CODE", help="Only this library; all without it.")
_as_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for scripts.")


@click.group("audit")
def group() -> None:
    """Prove that nobody changed the record of who did what."""


@group.command()
@_library
@click.option("--head", "heads", multiple=True, metavar="[CODE:]SEQUENCE:HASH", help="A head kept from earlier.")
@click.option("--minutes", default=LATE_MINUTES, show_default=True, type=click.IntRange(0), help="Longest wait.")
@_as_json
def verify(library_code: str | None, heads: Sequence[str], *, minutes: int, as_json: bool) -> None:
    """Follow every chain from its first seal; ends with 1 when anything was changed, dropped or added.

    An end that was cut off, events and seals, is noticed only by a head that was kept elsewhere: give it with --head.
    """
    kept = _heads(heads, library_code)

    async def work() -> list[Report]:
        keys = chain.keyring(get_settings())
        libraries = await _chains(library_code)
        unknown = sorted(set(kept) - {library["code"].lower() for library in libraries})
        if unknown:
            raise click.ClickException(f"there is no library {', '.join(unknown)}, whose head was given")
        total = sum(library["sequence"] or 0 for library in libraries)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        reports: list[Report] = []
        with Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal) as bar:
            task = bar.add_task("seals", total=total)
            for library in libraries:
                before = sum(report.sealed for report in reports)
                reports.append(
                    await follow(
                        library,
                        keys,
                        heads=kept.get(library["code"].lower()),
                        late_minutes=minutes,
                        progress=lambda seals, before=before: bar.update(task, completed=before + seals),  # type: ignore[misc]
                    )
                )
        return reports

    reports = _run(work)
    well = all(report.well for report in reports)
    if as_json:
        _print_json({"ok": well, "libraries": [_told(report) for report in reports]})
    else:
        for report in reports:
            _show(report)
    if not well:
        raise SystemExit(1)


@group.command()
@_as_json
def seal(*, as_json: bool) -> None:
    """Seal every event that waits; workers do it every minute."""
    sealed = _run(sealing.seal_all)
    if as_json:
        _print_json({"sealed": sealed})
        return
    click.echo(f"Sealed {sealed} events.")


@group.command()
@_library
@_as_json
def head(library_code: str | None, *, as_json: bool) -> None:
    """Print each chain's newest seal, CODE:SEQUENCE:HASH and its time, to keep where this database cannot reach."""
    found = _run(lambda: _chains(library_code))
    if as_json:
        _print_json(
            [
                {
                    "library": library["code"],
                    "sequence": library["sequence"] or 0,
                    "hash": (library["hash"] or chain.FIRST).hex(),
                    "sealed_at": library["sealed_at"],
                }
                for library in found
            ]
        )
        return
    for library in found:
        at = library["sealed_at"].isoformat() if library["sealed_at"] else "nothing sealed yet"
        text = f"{library['code']}:{library['sequence'] or 0}:{(library['hash'] or chain.FIRST).hex()}  {at}"
        answers.print(text, markup=False)


def _run(work: Callable[[], Awaitable[T]]) -> T:
    try:
        return run(work)
    except chain.NoKey as error:
        raise click.ClickException(str(error)) from error


async def _chains(code: str | None) -> Sequence[asyncpg.Record]:
    found = await queries.chains(code)
    if code is not None and not found:
        raise click.ClickException(f"there is no library with the code {code!r}")
    return found


def _heads(given: Sequence[str], library_code: str | None) -> Heads:
    """Return hashes by library code in lower case and sequence number. Raises BadParameter."""
    kept: dict[str, dict[int, bytes]] = defaultdict(dict)
    for text in given:
        found = _HEAD.fullmatch(text.strip())
        if found is None:
            raise click.BadParameter(f"{text!r} is not like NORTH:120: and a hash of 64 digits and letters a to f")
        code = found["code"] or library_code
        if code is None:
            raise click.BadParameter(f"{text!r} does not say of which library: put its code and a colon before it")
        if library_code is not None and code.lower() != library_code.lower():
            raise click.BadParameter(f"{text!r} is not of the library {library_code}")
        sequence, value = int(found["sequence"]), bytes.fromhex(found["hash"])
        if kept[code.lower()].setdefault(sequence, value) != value:
            raise click.BadParameter(f"two heads for {code}:{sequence} have different hashes")
    return kept


def _show(report: Report) -> None:
    mark = "[green]ok   [/green]" if report.well else "[red]wrong[/red]"
    answers.print(mark, end=" ")
    line = f"{report.library}: {report.sealed} events sealed, {report.unsealed} not yet; head {report.sequence}"
    answers.print(line, markup=False)
    for finding in report.findings:
        places = [f"sequence {finding.sequence}"] if finding.sequence is not None else []
        places += [f"event {finding.event_id}"] if finding.event_id is not None else []
        answers.print(f"      {finding.kind} {', '.join(places)}: {finding.words}", markup=False)
    if report.counts.total() > MOST_FINDINGS:
        answers.print(f"      and {report.counts.total() - MOST_FINDINGS} more", markup=False)


def _told(report: Report) -> dict[str, object]:
    return {
        "library": report.library,
        "ok": report.well,
        "sealed": report.sealed,
        "unsealed": report.unsealed,
        "head": {"sequence": report.sequence, "hash": report.hash.hex()},
        "counts": {kind.value: count for kind, count in sorted(report.counts.items())},
        "findings": [
            {
                "kind": finding.kind.value,
                "sequence": finding.sequence,
                "event_id": finding.event_id,
                "words": finding.words,
            }
            for finding in report.findings
        ],
    }


def _print_json(value: object) -> None:
    answers.print(orjson.dumps(value).decode(), markup=False)
