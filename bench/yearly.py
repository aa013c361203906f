"""`python -m bench.yearly`: a generated library goes through a year, by every path there is, and nothing is lost.

Files of patrons in every format, statuses, who is missing, the drop folder, a rollover and its undo, a purge with
retention. After each file: accepted + rejected = rows, and the numbers are those that the file was made for; at the end
the statistics are those of before. SCALE=0.05 for a quick look.
"""

import asyncio
import csv
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from bench import product, results
from bench.house import house
from rich.console import Console
from rich.table import Table

from patrongraph import db
from patrongraph.cohorts import actions as cohorts
from patrongraph.context import Actor, system_actor
from patrongraph.erasure import actions as erasure
from patrongraph.imports import actions as imports
from patrongraph.imports import demo
from patrongraph.imports.dropfolder import place_of
from patrongraph.imports.dropfolder.rounds import Looker
from patrongraph.imports.models import ImportFormat
from patrongraph.imports.snapshot import import_snapshot
from patrongraph.libraries import actions as libraries
from patrongraph.patrons.filters import PatronCriteria
from patrongraph.rollover import actions as rollover
from patrongraph.settings import Settings

PATRONS = 100_000
HERE, AGAIN = "HERE", "AGAIN"
COUNTED = ("created", "updated", "deactivated", "reactivated", "unchanged", "rejected", "missing_deactivated")

REPORT = f"SELECT rows, {', '.join(COUNTED)} FROM import_run WHERE job_id = $1"
ACTIVE = "SELECT count(*)::int FROM patron WHERE library_id = $1 AND status = 'ACTIVE'"
PEOPLE = "SELECT count(*)::int FROM patron WHERE library_id = $1"
IN_COHORTS = """
SELECT cohort.code, count(*)::int AS patrons FROM patron JOIN cohort ON cohort.id = patron.cohort_id
WHERE patron.library_id = $1 GROUP BY cohort.code ORDER BY cohort.code
"""
LAST_JOB = "SELECT max(id) FROM job WHERE library_id = $1"
LEFT = "SELECT count(*)::int FROM import_row WHERE state <> 'REJECTED'"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that the library did: how many rows or patrons it was about, the seconds, and what it came to."""

    name: str
    rows: int
    seconds: float
    counts: dict[str, int]


@dataclass(slots=True)
class Year:
    """One run: the patrons of a snapshot as their file has them, and the steps so far."""

    settings: Settings
    folder: Path
    people: list[dict[str, str]]
    steps: list[Step] = field(default_factory=list)

    @property
    def wrong(self) -> int:
        """How many rows that cannot be applied are put into each file."""
        return max(len(self.people) // 100, 1)

    def _done(self, step: Step) -> None:
        print(f"{step.name}: {step.rows:,} rows in {step.seconds:.1f} s", file=sys.stderr, flush=True)
        self.steps.append(step)

    async def load(self) -> None:
        """Import the snapshot itself, with loans, and make the library that the files are imported into."""
        begun = time.perf_counter()
        report = await import_snapshot(self.folder)
        files = report.as_dict()["files"]
        assert report.rejected == 0, files
        rows = sum(each["rows"] for each in files)
        self._done(Step("snapshot", rows, time.perf_counter() - begun, {"created": report.accepted}))
        await libraries.create(AGAIN, "The same patrons, by files")

    async def take_in(
        self, name: str, file: bytes, format: ImportFormat, missing: imports.Missing | None = None, **expected: int
    ) -> None:
        """Import a file into the second library and compare its report with what was expected of it."""
        begun, actor = time.perf_counter(), await _actor(AGAIN)
        source = await imports.open_file(io.BytesIO(file), format, {})
        job = await imports.start(actor, source, missing=missing)
        await _ended(job)
        await self._report(name, job, time.perf_counter() - begun, expected)

    async def drop(self, name: str, file: bytes, **expected: int) -> None:
        """Do the same by the drop folder, looking at it until the file and its report lie where they belong."""
        root = self.folder / "drop"
        settings = self.settings.model_copy(update={"import_folder": str(root)})
        into = root / AGAIN / "status"
        into.mkdir(parents=True)
        (into / "list.csv").write_bytes(file)
        place = place_of(settings)
        assert place is not None
        looker, begun, done = Looker(place, settings), time.perf_counter(), root / AGAIN / "done"
        while not (done.is_dir() and list(done.glob("*list.csv"))):
            await looker.look()
            await asyncio.sleep(0.05)
        said = orjson.loads(next(done.glob("*.report.json")).read_bytes())
        assert (said["reactivated"], said["rejected"]) == (expected["reactivated"], expected["rejected"]), said
        job = await db.value(LAST_JOB, (await _actor(AGAIN)).library)
        await self._report(name, job, time.perf_counter() - begun, expected)

    async def _report(self, name: str, job: int, seconds: float, expected: dict[str, int]) -> None:
        found = await db.row(REPORT, job)
        assert found is not None
        counts = {each: found[each] for each in COUNTED if found[each]}
        settled = sum(counts.get(each, 0) for each in COUNTED if each != "missing_deactivated")
        if settled != found["rows"]:
            raise SystemExit(f"{name}: accepted + rejected are {settled} of {found['rows']} rows: {counts}")
        if counts != {each: number for each, number in expected.items() if number}:
            raise SystemExit(f"{name}: {counts}, and not {expected}")
        if left := await db.value(LEFT):
            raise SystemExit(f"{name}: {left} rows are left behind")
        self._done(Step(name, found["rows"], seconds, counts))

    async def roll(self, cohort_members: int) -> None:
        """Roll the second library's cohorts over: shown, done, and taken back."""
        actor, year = await _actor(AGAIN), datetime.now(UTC).year
        before, active = await _in_cohorts(actor), await db.value(ACTIVE, actor.library)
        begun = time.perf_counter()
        shown = await rollover.roll_over(actor, year, dry_run=True)
        assert isinstance(shown, rollover.RolloverPreview)
        assert shown.confirmation is not None
        counts = {"moving": shown.moving, "deactivated": shown.deactivating}
        self._done(Step("rollover, dry run", cohort_members, time.perf_counter() - begun, counts))
        assert (await _in_cohorts(actor), await db.value(ACTIVE, actor.library)) == (before, active)
        begun = time.perf_counter()
        made = await rollover.roll_over(
            actor, year, confirm_count=shown.count, confirmation_token=shown.confirmation.token
        )
        assert isinstance(made, rollover.RolloverStarted)
        await _ended(made.job_id)
        deactivated = active - await db.value(ACTIVE, actor.library)
        assert deactivated == shown.deactivating, (deactivated, shown.deactivating)
        assert await _in_cohorts(actor) != before
        self._done(Step("rollover", made.count, time.perf_counter() - begun, counts))
        begun = time.perf_counter()
        taken_back = await rollover.undo(actor, made.job_id)
        assert isinstance(taken_back, rollover.RolloverStarted)
        await _ended(taken_back.job_id)
        assert (await _in_cohorts(actor), await db.value(ACTIVE, actor.library)) == (before, active)
        self._done(Step("rollover, undone", taken_back.count, time.perf_counter() - begun, {}))

    async def purge(self) -> None:
        """Purge whom nothing stands in the way of in the library with loans; the statistics stay the same."""
        actor, chosen = await _actor(HERE), PatronCriteria(status="INACTIVE")
        before, people = await self._statistics(), await db.value(PEOPLE, actor.library)
        assert before
        begun = time.perf_counter()
        shown = await erasure.start(actor, criteria=chosen, dry_run=True)
        assert isinstance(shown, erasure.PurgePreview)
        assert shown.confirmation is not None
        started = await erasure.start(
            actor, criteria=chosen, confirm_count=shown.matched, confirmation_token=shown.confirmation.token
        )
        assert isinstance(started, erasure.PurgeStarted)
        await _ended(started.job_id)
        gone = people - await db.value(PEOPLE, actor.library)
        assert gone == shown.purgeable, (gone, shown.purgeable)
        counts = {"purged": gone, "loans counted": sum(row["loans"] for row in before)}
        self._done(Step("purge with retention", shown.matched, time.perf_counter() - begun, counts))
        if await self._statistics() != before:
            raise SystemExit("the statistics after the purge are not those of before")

    async def _statistics(self) -> list[dict[str, Any]]:
        words = ("statistics", HERE, "--from", "2015-01-01", "--to", "2035-01-01", "--by", "month,category", "--json")
        environment = os.environ | self.settings.as_environment()

        def ask() -> bytes:
            return subprocess.run(
                [sys.executable, "-m", "patrongraph", *words], env=environment, check=True, capture_output=True
            ).stdout

        found: list[dict[str, Any]] = orjson.loads(await asyncio.to_thread(ask))
        return found


def written(header: str, rows: Iterator[Sequence[object]]) -> bytes:
    """Return a CSV file."""
    target = io.StringIO()
    csv.writer(target).writerows([header.split(","), *rows])
    return target.getvalue().encode()


async def formats(year: Year) -> None:
    """Bring all patrons in by a file, the same again, and change each of them by each other system's format."""
    count, wrong = len(year.people), year.wrong
    fields = ("external_id", "barcode", "username", "first_name", "last_name", "date_of_birth", "email", "city")
    bad = [[AGAIN, f"W{n}", f"W{n}", "", "Wrong", "Row", "", "no address", ""] for n in range(wrong - 1)]
    bad.append([HERE, "W", "W", "", "Elsewhere", "Row", "", "", ""])
    rows = [[AGAIN, *(each[name] for name in fields)] for each in year.people]
    file = written(",".join(("library", *fields)), iter(rows + bad))
    await year.take_in("PATRONS, all new", file, ImportFormat.PATRONS, created=count, rejected=wrong)
    await year.take_in("PATRONS, the same again", file, ImportFormat.PATRONS, unchanged=count, rejected=wrong)
    koha = [[each["barcode"], "Koha", "2001-02-03"] for each in year.people]
    koha += [[f"W{n}", "Koha", "01/02/2026"] for n in range(wrong)]
    file = written("cardnumber,city,dateofbirth", iter(koha))
    await year.take_in("KOHA, all changed", file, ImportFormat.KOHA, updated=count, rejected=wrong)
    green = [[each["barcode"], each["username"], "Evergreen", "t"] for each in year.people]
    green += [[f"W{n}", "", "Evergreen", "perhaps"] for n in range(wrong)]
    active = await db.value(ACTIVE, (await _actor(AGAIN)).library)
    file = written("cardnumber,usrname,add1_city,active", iter(green))
    await year.take_in(
        "EVERGREEN, all changed", file, ImportFormat.EVERGREEN,
        updated=active, reactivated=count - active, rejected=wrong,
    )  # fmt: skip
    users: list[dict[str, object]] = [
        {"externalSystemId": each["external_id"], "personal": {"middleName": "Folio"}} for each in year.people
    ]
    users += [{"externalSystemId": f"W{n}", "personal": {"lastName": 7}} for n in range(wrong)]
    around = {"totalRecords": len(users), "updateOnlyPresentFields": True}
    file = json.dumps({"users": users, **around}).encode()
    await year.take_in("FOLIO, all changed", file, ImportFormat.FOLIO, updated=count, rejected=wrong)


async def statuses(year: Year) -> None:
    """Switch everybody off by a file and on by the drop folder, and off again who is missing from one."""
    count, wrong = len(year.people), year.wrong
    names = [each["username"] for each in year.people]
    unknown = [f"nobody.at.all.{n}" for n in range(wrong)]
    header = "username,enabled"
    file = written(header, ([name, "FALSE"] for name in names + unknown))
    await year.take_in("STATUS, all deactivated", file, ImportFormat.STATUS, deactivated=count, rejected=wrong)
    file = written(header, ([f"nobody.{n}", "FALSE"] for n in range(count)))
    await year.take_in("STATUS, all unknown", file, ImportFormat.STATUS, rejected=count)
    file = written(header, ([name, "TRUE"] for name in names + unknown))
    await year.drop("STATUS by the drop folder", file, reactivated=count, rejected=wrong)
    stay = count - count // 10
    file = written("barcode", ([each["barcode"]] for each in year.people[:stay]))
    await year.take_in(
        "PATRONS, a tenth is missing", file, ImportFormat.PATRONS, imports.Missing(),
        unchanged=stay, missing_deactivated=count - stay,
    )  # fmt: skip


async def school(year: Year) -> None:
    """Fill two cohorts by a file, and roll them over."""
    actor = await _actor(AGAIN)
    last = await cohorts.create(actor, code="GRADUATED", name="Graduated", graduated=True)
    second = await cohorts.create(actor, code="Y2", name="Year 2", next_id=last)
    await cohorts.create(actor, code="Y1", name="Year 1", next_id=second)
    file = written("barcode,cohort", ([each["barcode"], f"Y{n % 2 + 1}"] for n, each in enumerate(year.people)))
    await year.take_in("PATRONS, into cohorts", file, ImportFormat.PATRONS, updated=len(year.people))
    await year.roll(len(year.people))


async def go(settings: Settings, folder: Path, patrons: int) -> list[Step]:
    """Let a library of so many patrons go through its year; the pools are open and a worker is running."""
    demo.write_snapshot(
        folder, patrons=patrons, groups=patrons // 4, items=max(patrons, 50), loans=patrons * 5, debts=patrons // 10,
        reservations=patrons // 10, barred=patrons // 50, names=[(HERE, "By a snapshot")],
    )  # fmt: skip
    with (folder / "patrons.csv").open(encoding="utf-8", newline="") as file:
        year = Year(settings, folder, list(csv.DictReader(file)))
    await year.load()
    for part in (formats, statuses, school):
        await part(year)
    await year.purge()
    return year.steps


async def _actor(code: str) -> Actor:
    return system_actor(await db.value("SELECT id FROM library WHERE code = $1", code))


async def _in_cohorts(actor: Actor) -> dict[str, int]:
    return {row["code"]: row["patrons"] for row in await db.rows(IN_COHORTS, actor.library)}


async def _ended(job: int) -> None:
    """Wait for a job's end, with or without issues."""
    while True:
        found = await db.row(product.JOB, job)
        assert found is not None
        if found["state"] in product.FINAL:
            break
        await asyncio.sleep(0.02)
    if found["state"] not in ("SUCCEEDED", "COMPLETED_WITH_ISSUES"):
        raise SystemExit(f"job {job} ended {found['state']}: {found['error']}")


def show(machine: str, steps: Sequence[Step]) -> None:
    """Print the steps as a table."""
    table = Table("what", "rows", "seconds", "rows/s", "came to", title="a library's year")
    for step in steps:
        counts = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in step.counts.items())
        rate = f"{step.rows / step.seconds:,.0f}"
        table.add_row(step.name, f"{step.rows:,}", f"{step.seconds:.1f}", rate, counts)
    console = Console(width=140)
    console.print(table)
    console.print(machine)


def main() -> None:
    scale = float(os.environ.get("SCALE", "1"))
    with (
        tempfile.TemporaryDirectory(prefix="patrongraph-yearly-") as made,
        house(Path(made) / "house", scale, keep=False, reuse=False) as opened,
    ):
        worker = opened.start_worker()
        folder = Path(made) / "snapshot"
        steps = product.with_pools(opened.settings, lambda: go(opened.settings, folder, round(PATRONS * scale)))
        opened.stop(worker)
        version = product.with_pools(opened.settings, lambda: db.value("SHOW server_version"))
        show(results.machine_line(version, scale), steps)


if __name__ == "__main__":
    main()
