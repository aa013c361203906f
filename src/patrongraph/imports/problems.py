"""Every way an import says no as a whole; single rows are rejected in the report instead."""

import strawberry

from patrongraph.problems import Problem, ProblemCode, Refused


@strawberry.type(description="The snapshot cannot be imported; nothing was changed.")
class SnapshotRefused(Problem):
    """The message names the file, and the column where there is one."""


@strawberry.type(description="The file cannot be imported; nothing was changed.")
class FileRefused(Problem):
    """The message says what is wrong with it, where, and what would be right."""


def file_refused(reason: str) -> Refused:
    """Return the refusal of a file that cannot be read as what it should be."""
    return Refused(FileRefused(code=ProblemCode.FILE_REFUSED, message=reason))


def unreadable(reasons: list[str]) -> Refused:
    """Return the refusal of a snapshot whose files cannot be read at all."""
    return Refused(SnapshotRefused(code=ProblemCode.SNAPSHOT_REFUSED, message="\n".join(reasons)))


def another_import() -> Refused:
    """Return the refusal while another import has not finished."""
    return unreadable(["Another import is running; start this one again when it has finished."])


def changed_meanwhile() -> Refused:
    """Return the refusal when the data changed under the import, for example by a purge."""
    return unreadable(["The data changed while the import ran, so nothing was imported; start it again."])
