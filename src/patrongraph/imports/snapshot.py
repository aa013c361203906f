"""A snapshot is imported in one transaction: good rows apply, bad rows are told, the same again does nothing.

A file of its own beside `actions`, which is about the files of patrons that a library is sent day by day.
"""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from patrongraph import db
from patrongraph.audit.actions import record
from patrongraph.context import system_actor
from patrongraph.imports import circulation, people, places, problems, queries
from patrongraph.imports.layout import BRANCHES, DEBTS, FILES, ITEMS, LOANS, PATRONS, RESERVATIONS, File
from patrongraph.imports.reader import Header, RowCopier, UnreadableFile, copy_columns, read_header
from patrongraph.imports.report import KEPT_REJECTIONS, FileReport, Progress, Rejection, SnapshotReport
from patrongraph.libraries.actions import create as create_library

ROWS_AT_ONCE = 50_000
OnProgress = Callable[[Progress], None]

# The tables that each file writes. Later files join them, so their statistics are taken file by file.
_WRITES = {
    BRANCHES.name: ("library", "branch"),
    PATRONS.name: ("patron", "card", "address", "block", "patron_group", "group_membership"),
    ITEMS.name: ("item",),
    LOANS.name: ("loan", "item", "patron"),
    RESERVATIONS.name: ("reservation", "patron"),
    DEBTS.name: ("ledger_entry",),
}
_MEANWHILE = (
    asyncpg.ForeignKeyViolationError,
    asyncpg.UniqueViolationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
)


class _DryRun(Exception):  # noqa: N818 - ends the transaction of a dry run, is not an error
    pass


@dataclass(slots=True)
class _Import:
    """What one run carries from file to file."""

    connection: "asyncpg.Connection[asyncpg.Record]"
    report: SnapshotReport
    tell: OnProgress
    names: dict[str, str] = field(default_factory=dict)
    library_ids: set[int] = field(default_factory=set)
    counts: dict[int, dict[str, int]] = field(default_factory=dict)


async def import_snapshot(
    path: Path,
    *,
    progress: OnProgress | None = None,
    dry_run: bool = False,
    rejected_to: Path | None = None,
) -> SnapshotReport:
    """Import a folder with any of the files of a snapshot (patrongraph.imports.layout), or one of them.

    Returns numbers for each file and the reasons for rejected rows; `rejected_to` gets all of them as CSV.
    With dry_run everything is done and undone. Raises Refused, and changes nothing, when no file is there, a
    file cannot be read at all or lacks a column, another import runs, or the data changed meanwhile.
    """
    started = time.monotonic()
    headers = _headers(path)
    report = SnapshotReport(dry_run=dry_run)
    for header in headers:
        if header.unknown:
            report.warnings.append(
                f"{header.path.name}: the column {', '.join(header.unknown)} is not known and was passed over;"
                f" known are {', '.join(header.file.column_names)}."
            )
    try:
        async with db.transaction() as connection:
            run = _Import(connection, report, progress or (lambda _: None))
            await _import(run, headers, rejected_to)
    except _DryRun:
        pass
    except _MEANWHILE as error:
        raise problems.changed_meanwhile() from error
    report.seconds = time.monotonic() - started
    return report


def _headers(path: Path) -> list[Header]:
    """Read the first line of each file, and tell of every file that is not right at once."""
    folder, wanted = (
        (path, FILES) if path.is_dir() else (path.parent, tuple(f for f in FILES if f.file_name == path.name))
    )
    names = ", ".join(file.file_name for file in FILES)
    if not path.exists():
        raise problems.unreadable([f"{path} does not exist; name a folder with {names}."])
    found, wrong = [], []
    for file in wanted:
        if not (folder / file.file_name).exists():
            continue
        try:
            header = read_header(folder / file.file_name, file)
        except UnreadableFile as error:
            wrong.append(str(error))
        else:
            if header is not None:
                found.append(header)
    if wrong:
        raise problems.unreadable(wrong)
    if not found:
        raise problems.unreadable(
            [
                f"{path} holds nothing to import; a snapshot has one or more of {names};"
                " for a file of patrons say --library and --format."
            ]
        )
    return found


async def _import(run: _Import, headers: Sequence[Header], rejected_to: Path | None) -> None:
    if not await db.value(queries.LOCK_IMPORTS):
        raise problems.another_import()
    await run.connection.execute(queries.TUNE)
    await db.rows(queries.CREATE_PROBLEMS)
    for header in headers:
        await _FILES[header.file.name](run, header)
        await db.rows(f"DROP TABLE import_{header.file.name}")
        if run.report.files[-1].accepted:
            await run.connection.execute(f"ANALYZE {', '.join(_WRITES[header.file.name])}")
    await _finish(run, headers, rejected_to)
    if run.report.dry_run:
        raise _DryRun


async def _finish(run: _Import, headers: Sequence[Header], rejected_to: Path | None) -> None:
    report, order = run.report, [header.file.name for header in headers]
    rejected = {row["file"]: row["rows"] for row in await db.rows(queries.COUNT_REJECTED)}
    for file in report.files:
        file.rejected = rejected.get(file.file.removesuffix(".csv"), 0)
    found = await db.rows(queries.FIRST_PROBLEMS, order, KEPT_REJECTIONS)
    report.rejections = [
        Rejection(f"{r['file']}.csv", r["line"], r["column_name"], r["key"], r["reason"]) for r in found
    ]
    if rejected_to is not None:
        await run.connection.copy_from_query(queries.ALL_PROBLEMS, order, output=rejected_to, format="csv", header=True)
    codes = await db.rows(queries.LIBRARY_CODES, list(run.library_ids))
    report.libraries = [row["code"] for row in codes]
    for library_id, counts in sorted(run.counts.items()):
        await record(system_actor(library_id), "import.snapshot", ("library", library_id), **counts)


async def _stage(run: _Import, header: Header) -> FileReport:
    """Bring the file into import_read_<file>: its cells as values, with what is wrong with them."""
    file, copier, size = header.file, RowCopier(header), header.path.stat().st_size
    await db.rows(queries.create_raw(file, header.known))

    async def blocks() -> AsyncIterator[bytes]:
        for block in copier.blocks():
            run.tell(Progress(header.path.name, "read", copier.bytes_read, size))
            yield block

    await run.connection.copy_to_table(
        f"import_raw_{file.name}",
        source=blocks(),
        columns=copy_columns(header),
        format="csv",
        delimiter=header.delimiter,
    )
    run.tell(Progress(header.path.name, "check", 0, 0))
    await db.rows(queries.create_read(file, header.known))
    await run.connection.execute(f"DROP TABLE import_raw_{file.name}; ANALYZE import_read_{file.name}")
    rows = await db.value(f"SELECT count(*) FROM import_read_{file.name}")
    report = FileReport(header.path.name, rows=rows)
    run.report.files.append(report)
    return report


async def _check(header: Header, resolve: str, *more: str) -> None:
    """Resolve the rows into import_<file>; reject the bad ones and those that the other statements find."""
    file = header.file
    await db.rows(resolve)
    await db.rows(f"DROP TABLE import_read_{file.name}")
    for find in (queries.collect_problems(file), *more):
        await db.rows(find)
        await db.rows(queries.delete_bad(file))
    await db.rows(queries.ANALYZE_PROBLEMS)
    await db.rows(f"ANALYZE import_{file.name}")


async def _create_libraries(run: _Import, file: File) -> None:
    """Create the libraries that good rows are the first to mention."""
    for row in await db.rows(queries.new_libraries(file)):
        code = row["code"]
        name = " ".join(run.names.get(code.lower(), code).split()) or code
        await create_library(code, name)
        run.report.libraries_created.append(code)
    await db.rows(queries.set_library(file))


async def _count(run: _Import, file: File, report: FileReport) -> None:
    """Take the numbers of a file, and for each library those of the audit event."""
    for row in await db.rows(queries.count_outcome(file)):
        report.inserted += row["inserted"]
        report.updated += row["updated"]
        report.unchanged += row["rows"] - row["inserted"] - row["updated"]
        run.library_ids.add(row["library_id"])
        for outcome in ("inserted", "updated"):
            if row[outcome]:
                run.counts.setdefault(row["library_id"], {})[f"{file.name}_{outcome}"] = row[outcome]


async def _in_ranges(run: _Import, file: File, *statements: str) -> None:
    """Run statements of ($1 first line, $2 line after the last) over the file, 50,000 lines at a time."""
    table = f"import_{file.name}"
    lines = await db.row(f"SELECT min(line) AS first, max(line) AS last, count(*) AS rows FROM {table} WHERE is_new")
    if lines is None or not lines["rows"]:
        return
    if lines["rows"] > ROWS_AT_ONCE:
        await db.rows(f"CREATE INDEX ON {table} (line)")
    for statement in statements:
        for first in range(lines["first"], lines["last"] + 1, ROWS_AT_ONCE):
            run.tell(Progress(file.file_name, "apply", first - lines["first"], lines["last"] + 1 - lines["first"]))
            await db.rows(statement, first, first + ROWS_AT_ONCE)
    run.tell(Progress(file.file_name, "apply", lines["rows"], lines["rows"]))


async def _run(*statements: str) -> None:
    for statement in statements:
        if statement:
            await db.rows(statement)


async def _branches(run: _Import, header: Header) -> None:
    report = await _stage(run, header)
    await _check(header, places.resolve_branches(header.known), *places.BRANCH_DUPLICATES)
    if "name" in header.known:
        names = await db.rows(places.NEW_LIBRARY_NAMES)
        run.names = {row["code"]: row["name"] for row in names if row["name"]}
    await _create_libraries(run, BRANCHES)
    await _run(places.RENAME_LIBRARIES, places.update_branches(header.known), places.INSERT_BRANCHES)
    await _count(run, BRANCHES, report)


async def _items(run: _Import, header: Header) -> None:
    report = await _stage(run, header)
    await _check(header, places.resolve_items(header.known), *places.ITEM_DUPLICATES)
    await _create_libraries(run, ITEMS)
    await _run(places.update_items(header.known))
    await _in_ranges(run, ITEMS, places.INSERT_ITEMS)
    await _count(run, ITEMS, report)


async def _patrons(run: _Import, header: Header) -> None:
    report, known = await _stage(run, header), header.known
    await _check(header, people.resolve(known), *people.DUPLICATES)
    await _create_libraries(run, PATRONS)
    await _run(people.mark_changed(known), people.update(known), people.NUMBER_NEW)
    await run.connection.execute("CREATE INDEX ON import_patrons (target_id); ANALYZE import_patrons")
    await _in_ranges(run, PATRONS, people.INSERT_PATRONS)
    waiting = await db.value(people.COUNT_WAITING)
    if waiting:
        run.report.warnings.append(
            f"patrons.csv: {waiting} enabled patrons wait for their purge; restore them by hand."
        )
    await _cards(run)
    await _run(*people.addresses(known))
    if "barred" in known:
        await db.rows(people.INSERT_BLOCKS, people.BARRED)
        await db.rows(people.ANALYZE_BLOCKS)
        await db.rows(people.LIFT_BLOCKS, people.BARRED, people.NO_LONGER_BARRED)
    if "group" in known:
        await _groups(run, leads="group_lead" in known)
    await _count(run, PATRONS, report)


async def _cards(run: _Import) -> None:
    lines: Any = await db.row(people.NEW_CARD_LINES)
    if lines["first"] is not None:
        for first in range(lines["first"], lines["last"] + 1, ROWS_AT_ONCE):
            await db.rows(people.INSERT_CARDS, first, first + ROWS_AT_ONCE)
    await db.rows(people.SWITCH_CARDS)


async def _groups(run: _Import, *, leads: bool) -> None:
    await _run(
        people.CREATE_MEMBERS, people.INSERT_GROUPS, people.ANALYZE_MEMBERS, people.CREATE_LEAVERS,
        people.REVOKE_WAIVERS, people.DELETE_MEMBERSHIPS, people.MARK_LEAVERS,
        *(people.UNSET_REPLACED_LEADS, people.UNSET_LEADS) * leads, people.INSERT_MEMBERSHIPS,
        *(people.SET_LEADS,) * leads, people.DELETE_EMPTY_WAIVERS, people.DELETE_EMPTY_GROUPS,
    )  # fmt: skip
    lone = await db.value(people.COUNT_LONE_LEADS)
    if lone:
        run.report.warnings.append(
            f"patrons.csv: {lone} rows say group_lead, but nobody shares their group; none was made for them."
        )
    second = await db.rows(people.SECOND_LEADS)
    for row in second:
        run.report.warnings.append(
            f"patrons.csv line {row['line']}: group {row['group_key']} is led by line {row['lead_line']};"
            " this row's group_lead was not kept."
        )
    if second and second[0]["total"] > len(second):
        run.report.warnings.append(f"patrons.csv: {second[0]['total']} rows in all name a second lead of a group.")


async def _loans(run: _Import, header: Header) -> None:
    report = await _stage(run, header)
    found = (*circulation.LOAN_DUPLICATES, circulation.REFUSE_SECOND_LOANS)
    await _check(header, circulation.resolve_loans(header.known), *found)
    await _run(*circulation.update_loans(header.known))
    await _in_ranges(run, LOANS, circulation.INSERT_LOANS)
    await _count(run, LOANS, report)
    await db.rows(circulation.LEND_ITEMS, list(run.library_ids))
    await db.rows(circulation.TOUCH_BY_LOANS)


async def _reservations(run: _Import, header: Header) -> None:
    report = await _stage(run, header)
    await _check(header, circulation.resolve_reservations(header.known), *circulation.RESERVATION_DUPLICATES)
    await _run(*circulation.update_reservations(header.known))
    await _in_ranges(run, RESERVATIONS, circulation.INSERT_RESERVATIONS)
    await _count(run, RESERVATIONS, report)
    await db.rows(circulation.TOUCH_BY_RESERVATIONS)


async def _debts(run: _Import, header: Header) -> None:
    report = await _stage(run, header)
    await _check(header, circulation.resolve_debts(header.known), *circulation.DEBT_DUPLICATES)
    await _run(*circulation.update_debts(header.known))
    await _in_ranges(run, DEBTS, circulation.INSERT_CHARGES)
    await db.rows(circulation.INSERT_PAYMENTS, 0, 2**31 - 1)
    await db.rows(circulation.SETTLE_CHARGES)
    await _count(run, DEBTS, report)


_FILES = {
    BRANCHES.name: _branches,
    PATRONS.name: _patrons,
    ITEMS.name: _items,
    LOANS.name: _loans,
    RESERVATIONS.name: _reservations,
    DEBTS.name: _debts,
}
