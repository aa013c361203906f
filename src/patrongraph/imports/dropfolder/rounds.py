"""One look at the drop folder: what has settled becomes an import, what has ended is put away. Kill it anywhere.

A file is taken by one move, to a folder whose name is its token. The token is the idempotency key of its import, so
whoever takes it up again, after whatever death, gets the same job. One file of a library is imported at a time, the
oldest first: two lists of the same people must not overtake each other.
"""

import asyncio
import logging
import secrets
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from patrongraph import db
from patrongraph.context import system_actor
from patrongraph.imports import actions
from patrongraph.imports.dropfolder import options, reports
from patrongraph.imports.dropfolder.names import (
    DONE,
    FAILED,
    REJECTED,
    REPORT,
    UNFINISHED,
    Taken,
    is_token,
    lasting_token,
    mark,
    new_token,
    read_taken,
    time_of,
)
from patrongraph.imports.dropfolder.place import WORKING, Entry, Place, UnreadableEntry
from patrongraph.imports.models import ImportFormat
from patrongraph.jobs import queries as jobs
from patrongraph.jobs.idempotency import opaque
from patrongraph.jobs.models import JobState
from patrongraph.logs import fault
from patrongraph.problems import Refused
from patrongraph.settings import Settings
from patrongraph.storage import StorageError

log = logging.getLogger(__name__)

OWN_FOLDERS = frozenset({WORKING, DONE, FAILED})
PASSED_OVER = (".part", ".tmp")
"""Ends of names that a file has only while it is being written."""

# One worker at a time; held by a session of its own, so that a dead worker's look is over at once.
ONE_AT_A_TIME = "SELECT pg_try_advisory_lock(hashtext('patrongraph drop folder'))"

LIBRARIES = "SELECT id, lower(code) AS code FROM library"

# The import that a taken file has become, also long after the idempotency key is forgotten.
BEGUN = """
SELECT id FROM job
WHERE library_id = $1 AND kind = 'IMPORT' AND idempotency_key = $2 AND started_by_id IS NULL AND token_id IS NULL
"""

# When somebody of a library was last erased.
LAST_ERASED = "SELECT max(erased_at) FROM tombstone WHERE library_id = $1"


@dataclass(frozen=True, slots=True)
class _Library:
    """A library and its folder."""

    id: int
    folder: str
    entries: list[Entry]


class Looker:
    """What one worker remembers of the drop folder between its looks."""

    def __init__(self, place: Place, settings: Settings) -> None:
        self._place = place
        self._keep = timedelta(days=settings.import_folder_keep_days)
        self._stamps: frozenset[str] = frozenset()
        self._told: set[object] = set()

    async def look(self) -> None:
        """Look once, unless another worker does. What is in the way is logged once, and the next look tries again."""
        try:
            async with db.own_connection("drop folder") as connection:
                if await connection.fetchval(ONE_AT_A_TIME):
                    await self._look()
            self._told.discard("place")
        except StorageError as error:
            self._tell("place", f"the drop folder cannot be used: {error}")
        except Exception as error:  # the next look tries again
            fault(log, error)

    async def _look(self) -> None:
        entries = await self._place.entries()
        known = {row["code"]: row["id"] for row in await db.rows(LIBRARIES)}
        by_folder: dict[str, list[Entry]] = defaultdict(list)
        for entry in entries:
            by_folder[entry.path[0]].append(entry)
        for folder, found in sorted(by_folder.items()):
            library_id = known.get(folder.lower())
            if library_id is None:
                self._tell(("library", folder), "a folder in the drop folder is not named like a library's code")
                continue
            try:
                await self._library(_Library(library_id, folder, found))
            except StorageError as error:
                self._tell(("storage", library_id, str(error)), f"the drop folder: {error}", library_id)
            except Exception as error:  # the other libraries' files wait for nothing
                fault(log, error, library_id=library_id)
        self._stamps = frozenset(entry.stamp for entry in entries)

    def _tell(self, what: object, message: str, library_id: int | None = None) -> None:
        """Log once that something is not as it should be; never a name, which may be somebody's."""
        if what not in self._told:
            self._told.add(what)
            log.warning("%s", message, extra={"library_id": library_id})

    def _settled(self, entry: Entry) -> bool:
        return self._place.whole or entry.stamp in self._stamps

    async def _library(self, library: _Library) -> None:
        waits = False
        for taken in await self._taken(library):
            waits |= not await self._carry_on(library, taken)
        for entry, format in sorted(self._new(library), key=lambda found: (found[0].modified, found[0].path)):
            if waits:
                break
            new = await self._take(entry, format)
            waits = new is not None and not await self._carry_on(library, new)
        await self._put_away(library)

    def _new(self, library: _Library) -> Iterable[tuple[Entry, ImportFormat]]:
        """Yield the files that have settled, with their format."""
        for entry in library.entries:
            folder, name = entry.path[1].upper(), entry.name.lower()
            if entry.path[1] in OWN_FOLDERS or name.startswith(".") or name.endswith(PASSED_OVER):
                continue
            if folder not in ImportFormat.__members__:
                message = "a folder in a library's drop folder is not named like a format of files"
                self._tell((library.id, folder), message, library.id)
            elif name != options.NAME and self._settled(entry):
                yield entry, ImportFormat(folder)

    async def _taken(self, library: _Library) -> list[Taken]:
        """Return the files that were taken, in the order of the time."""
        folders: dict[str, list[Entry]] = defaultdict(list)
        for entry in library.entries:
            if entry.path[1] == WORKING and len(entry.path) == 4:
                folders[entry.path[2]].append(entry)
        found = []
        for token, entries in sorted(folders.items()):
            taken = read_taken(token, entries)
            if taken is not None:
                found.append(taken)
            elif is_token(token) and all(entry.name.startswith(".") for entry in entries):
                for entry in entries:  # whoever put the file away died before it forgot its job
                    await self._place.remove(entry.path)
            else:
                message = "something in a library's working folder was not put there by a worker"
                self._tell((library.id, token), message, library.id)
        return found

    async def _take(self, entry: Entry, format: ImportFormat) -> Taken | None:
        """Move a file to a folder of its own; None when somebody was faster, or it turns out to be written still."""
        token = lasting_token(entry, format) if self._place.whole else new_token(format)
        claimed = await self._place.claim(entry, token)
        return None if claimed is None else read_taken(token, [claimed])

    async def _carry_on(self, library: _Library, taken: Taken) -> bool:
        """Start the file's import, or put the file away when that has ended; return whether it has."""
        job_id = taken.job_id
        if job_id is None:
            if not self._settled(taken.file):
                return False
            reason, job_id = await self._started(library, taken)
            if job_id is None:
                return await self._refuse(library, taken, reason) if reason else False
        job = await jobs.progress(library.id, job_id)
        if job is None:
            return await self._refuse(library, taken, "Its import is not there any more.")
        if not job.finished:
            return False
        where = FAILED if job.state in (JobState.FAILED, JobState.CANCELLED) else DONE
        final = taken.final_name(f"job-{job_id}")
        try:
            report = await reports.of_job(taken, job)
        except LookupError:  # somebody has written another job's number
            return await self._refuse(library, taken, "Its import is not there any more.")
        await self._write(library, where, final + REPORT, reports.as_json(report))
        if report["rejected"]:
            await self._place.write((library.folder, where, final + REJECTED), reports.rejected_csv(job))
        await self._finish(library, taken, where, final)
        return True

    async def _started(self, library: _Library, taken: Taken) -> tuple[str, int | None]:
        """Start the import as _start() does; a file that nobody thought of must not keep the others waiting."""
        try:
            return await self._start(library, taken)
        except Exception as error:
            if isinstance(error, StorageError) or db.is_transient(error):
                raise
            number = secrets.token_hex(4)
            fault(log, error, library_id=library.id, code=number)
            return f"Unexpected error {type(error).__name__} {number}; the log has more under this number.", None

    async def _start(self, library: _Library, taken: Taken) -> tuple[str, int | None]:
        """Start the import, unless it was, and note its number beside the file; return why not, "" for not yet."""
        key = f"drop folder {taken.token}"
        job_id: int | None = await db.value(BEGUN, library.id, opaque(key))
        if job_id is None:
            try:
                chosen = await self._options(library, taken.format)
                if chosen is None:
                    return "", None
                job_id = await self._import(library, taken, chosen, key)
            except (Refused, options.BadOptions) as error:
                return str(error), None
            except UnreadableEntry as error:
                return f"The file cannot be read: {error}.", None
        await self._place.write((*taken.folder, mark(job_id)), b"")
        log.info("a dropped file was taken", extra={"library_id": library.id, "job_id": job_id})
        return "", job_id

    async def _import(self, library: _Library, taken: Taken, chosen: options.Options, key: str) -> int:
        missing = await chosen.missing(library.id)
        file = await self._place.open(taken.file.path)
        try:
            source = await actions.open_file(file, taken.format, chosen.columns, taken.shown_name)
            return await actions.start(
                system_actor(library.id), source, dry_run=chosen.dry_run, missing=missing, idempotency_key=key,
                body_hash=taken.token,
            )  # fmt: skip
        finally:
            await asyncio.to_thread(file.close)

    async def _options(self, library: _Library, format: ImportFormat) -> options.Options | None:
        """Return the options of a format's files; None while they are being written. Raises BadOptions."""
        for entry in library.entries:
            if entry.path[1].upper() == format.value and entry.name.lower() == options.NAME:
                if not self._settled(entry):
                    return None
                file = await self._place.open(entry.path)
                try:
                    return options.parse(await asyncio.to_thread(file.read, options.MAX_BYTES + 1))
                finally:
                    file.close()
        return options.Options()

    async def _refuse(self, library: _Library, taken: Taken, reason: str) -> bool:
        final = taken.final_name(taken.token[-6:])
        await self._write(library, FAILED, final + REPORT, reports.as_json(reports.refused(taken, reason)))
        await self._finish(library, taken, FAILED, final)
        log.warning("a dropped file could not be imported; its report says why", extra={"library_id": library.id})
        return True

    async def _write(self, library: _Library, folder: str, name: str, data: bytes) -> None:
        await self._place.write((library.folder, folder, name), data)

    async def _finish(self, library: _Library, taken: Taken, where: str, final: str) -> None:
        """Move the file beside its report, which is there by now, and forget its job; both may be done again."""
        await self._place.move(taken.file.path, (library.folder, where, final))
        await self._place.remove((*taken.folder, mark(taken.job_id or 0)))

    async def _put_away(self, library: _Library) -> None:
        """Delete what was kept long enough, and everybody's data of before one of the library's patrons was erased."""
        ended = [entry for entry in library.entries if entry.path[1] in (DONE, FAILED)]
        kept = [(entry, time) for entry in ended if (time := time_of(entry.name)) is not None]
        unfinished = [entry for entry in ended if UNFINISHED.fullmatch(entry.name)]
        erased_at = await db.value(LAST_ERASED, library.id) if kept else None
        now = datetime.now(UTC)
        for entry, time in kept:
            erased = erased_at is not None and erased_at >= time and not entry.name.endswith(REPORT)
            if erased or now - time > self._keep:
                await self._place.remove(entry.path)
        for entry in unfinished:  # whoever wrote it is dead: one worker looks at a time
            await self._place.remove(entry.path)
