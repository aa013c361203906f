"""What an import tells about itself: numbers for each file, the rejected rows, the warnings.

Beside the six names because the command, the job and the tests all read it.
"""

from dataclasses import dataclass, field
from typing import Any

from patrongraph import db

KEPT_REJECTIONS = 1_000


@dataclass(frozen=True, slots=True)
class Rejection:
    """One reason why one row was not applied. `column` is empty when the whole row is meant."""

    file: str
    line: int
    column: str
    key: str
    reason: str

    def __str__(self) -> str:
        """Return one line for people: file, line, what is wrong and what would be right."""
        where = f"{self.file} line {self.line}"
        what = f"{self.column} {self.reason}" if self.column else f"the row {self.reason}"
        return f"{where}{f' ({self.key})' if self.key else ''}: {what}."


@dataclass(slots=True)
class FileReport:
    """Rows of one file; rows = inserted + updated + unchanged + rejected, always."""

    file: str
    rows: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0

    @property
    def accepted(self) -> int:
        """Rows that changed something."""
        return self.inserted + self.updated


@dataclass(slots=True)
class SnapshotReport:
    """The outcome of one import. `rejections` holds the first 1,000; the file asked for holds all of them."""

    dry_run: bool
    libraries: list[str] = field(default_factory=list)
    libraries_created: list[str] = field(default_factory=list)
    files: list[FileReport] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        """Rows read, over all files."""
        return sum(file.rows for file in self.files)

    @property
    def accepted(self) -> int:
        """Rows that changed something, over all files."""
        return sum(file.accepted for file in self.files)

    @property
    def unchanged(self) -> int:
        """Rows that were already as the file says, over all files."""
        return sum(file.unchanged for file in self.files)

    @property
    def rejected(self) -> int:
        """Rows that were not applied, over all files."""
        return sum(file.rejected for file in self.files)

    def file(self, name: str) -> FileReport:
        """Return the numbers of one file, by its name with .csv. Raises KeyError when it was not there."""
        for report in self.files:
            if report.file == name:
                return report
        raise KeyError(name)

    def as_dict(self) -> dict[str, Any]:
        """Return it for --json."""
        return {
            "dryRun": self.dry_run,
            "libraries": self.libraries,
            "librariesCreated": self.libraries_created,
            "rows": self.rows,
            "accepted": self.accepted,
            "unchanged": self.unchanged,
            "rejected": self.rejected,
            "seconds": round(self.seconds, 3),
            "files": [
                {
                    "file": f.file, "rows": f.rows, "inserted": f.inserted, "updated": f.updated,
                    "unchanged": f.unchanged, "rejected": f.rejected,
                }
                for f in self.files
            ],
            "rejections": [
                {"file": r.file, "line": r.line, "column": r.column, "key": r.key, "reason": r.reason}
                for r in self.rejections
            ],
            "warnings": self.warnings,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one file is. `step` is read, check or apply; reading counts bytes, the others rows."""

    file: str
    step: str
    done: int
    total: int


# A file's report with the state of its job.
OF_JOB = """
SELECT run.*, job.state, job.error FROM import_run run JOIN job ON job.id = run.job_id
WHERE run.job_id = $1 AND run.library_id = $2
"""

# The first rejected rows in the order of the file.
FIRST_REJECTED = """
SELECT line, column_name, code, reason FROM import_row
WHERE job_id = $1 AND library_id = $2 AND state = 'REJECTED' ORDER BY line, id LIMIT $3
"""

_OF_JOB = {
    "format": "format", "dryRun": "dry_run", "encoding": "encoding", "warnings": "warnings", "rows": "rows",
    "created": "created", "updated": "updated", "deactivated": "deactivated", "reactivated": "reactivated",
    "unchanged": "unchanged", "rejected": "rejected", "missing": "missing", "missingConsidered": "missing_considered",
    "missingDeactivated": "missing_deactivated", "missingState": "missing_state", "state": "state", "error": "error",
}  # fmt: skip


async def job_report(library_id: int, job_id: int) -> dict[str, Any]:
    """Return what a file's job has come to, with its first 1,000 rejected rows. Raises LookupError for no such job."""
    run = await db.row(OF_JOB, job_id, library_id)
    if run is None:
        raise LookupError("the library has no such import")
    found = await db.rows(FIRST_REJECTED, job_id, library_id, KEPT_REJECTIONS)
    rejected = [
        {
            "line": row["line"],
            "column": row["column_name"] or None,
            "code": row["code"],
            "message": f"{row['column_name'] or 'The row'} {row['reason']}.",
        }
        for row in found
    ]
    return {"id": job_id, **{name: run[column] for name, column in _OF_JOB.items()}, "rejections": rejected}
