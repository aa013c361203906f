"""The names of taken files say all that is known of them: when they were taken, as what, and what they became."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from patrongraph.imports.dropfolder.place import Entry, Names
from patrongraph.imports.models import ImportFormat

DONE, FAILED = "done", "failed"
REPORT, REJECTED = ".report.json", ".rejected.csv"
"""Ends of the names beside a file that has ended."""
LONGEST_NAME = 255
"""Longest file name that file systems take, bytes."""
UNFINISHED = re.compile(r"\.[0-9]+\.part")
"""What a report is called while it is written to a folder."""

_TIME = "%Y-%m-%dT%H%M%SZ"
_TOKEN = re.compile(r"(\d{4}-\d\d-\d\dT\d{6}Z)-([a-z]+)-[0-9a-f]{16}")
_JOB = re.compile(r"\.job-([0-9]{1,18})")
_ENDED = re.compile(r"(\d{4}-\d\d-\d\dT\d{6}Z)-.+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Taken:
    """A file that was taken: when, as what, where it lies, and the import it has become, if it has."""

    token: str
    time: datetime
    format: ImportFormat
    file: Entry
    job_id: int | None

    @property
    def folder(self) -> Names:
        """The folder that it has for itself."""
        return self.file.path[:-1]

    @property
    def shown_name(self) -> str:
        """Its name as text, whatever bytes that is of."""
        return self.file.name.encode(errors="replace").decode()

    def final_name(self, number: str) -> str:
        """Return what the file is called when it has ended, cut where a file system would not take it with a report."""
        prefix = f"{self.time.strftime(_TIME)}-{number}-"
        room = LONGEST_NAME - len(prefix) - len(REJECTED)
        raw = self.file.name.encode(errors="surrogateescape")
        return prefix + (self.file.name if len(raw) <= room else raw[-room:].decode(errors="ignore"))


def new_token(format: ImportFormat) -> str:
    """Return a token that was never used."""
    return _token(datetime.now(UTC), format, secrets.token_hex(8))


def lasting_token(entry: Entry, format: ImportFormat) -> str:
    """Return a token that this file, as it is now, has whenever it is taken."""
    same = f"{'/'.join(entry.path)} {entry.stamp} {entry.modified.isoformat()}"
    return _token(entry.modified.astimezone(UTC), format, sha256(same.encode()).hexdigest()[:16])


def _token(time: datetime, format: ImportFormat, number: str) -> str:
    return f"{time.strftime(_TIME)}-{format.value.lower()}-{number}"


def is_token(name: str) -> bool:
    """Return whether a folder's name is a token."""
    return _TOKEN.fullmatch(name) is not None


def mark(job_id: int) -> str:
    """Return the name of the empty file that says which import the file beside it has become."""
    return f".job-{job_id}"


def read_taken(token: str, entries: Sequence[Entry]) -> Taken | None:
    """Return what lies in the folder of a token; None when that is not one file, and perhaps its mark."""
    found = _TOKEN.fullmatch(token)
    files = [entry for entry in entries if not entry.name.startswith(".")]
    marks = [name for entry in entries if (name := _JOB.fullmatch(entry.name))]
    if found is None or found[2].upper() not in ImportFormat.__members__ or len(files) != 1:
        return None
    job_id = int(marks[0][1]) if marks else None
    return Taken(token, _time(found[1]), ImportFormat(found[2].upper()), files[0], job_id)


def time_of(name: str) -> datetime | None:
    """Return when a file that has ended, or what lies beside it, was taken; None for what is not ours."""
    found = _ENDED.fullmatch(name)
    return None if found is None else _time(found[1])


def _time(text: str) -> datetime:
    return datetime.strptime(text, _TIME).replace(tzinfo=UTC)
