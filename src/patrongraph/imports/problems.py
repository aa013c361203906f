"""Every way an import says no as a whole; single rows are rejected in the report instead."""

from collections.abc import Sequence

import strawberry

from patrongraph.imports.models import FileReason
from patrongraph.problems import Problem, ProblemCode, Refused

# Here it becomes an enumeration of GraphQL.
strawberry.enum(FileReason, name="FileReason", description="Why nothing of a file can be imported.")


@strawberry.type(description="The snapshot cannot be imported; nothing was changed.")
class SnapshotRefused(Problem):
    """The message names the file, and the column where there is one."""


@strawberry.type(description="The file cannot be imported; nothing was changed.")
class FileRefused(Problem):
    """The message says what is wrong with it, where, and what would be right."""

    reason: FileReason = strawberry.field(description="What is wrong with it, as a code.")
    columns: list[str] = strawberry.field(
        description="The columns that it is about; one of several that would do is written a/b."
    )
    limit: int | None = strawberry.field(
        description="Of TOO_MANY_ROWS the most rows, of TOO_LONG the most bytes of the first line."
    )


def file_refused(words: str, reason: FileReason, columns: Sequence[str] = (), limit: int | None = None) -> Refused:
    """Return the refusal of a file that cannot be read as what it should be."""
    code = ProblemCode.FILE_REFUSED
    return Refused(FileRefused(code=code, message=words, reason=reason, columns=list(columns), limit=limit))


def unreadable(reasons: list[str]) -> Refused:
    """Return the refusal of a snapshot whose files cannot be read at all."""
    return Refused(SnapshotRefused(code=ProblemCode.SNAPSHOT_REFUSED, message="\n".join(reasons)))


def another_import() -> Refused:
    """Return the refusal while another import has not finished."""
    return unreadable(["Another import is running; start this one again when it has finished."])


def changed_meanwhile() -> Refused:
    """Return the refusal when the data changed under the import, for example by a purge."""
    return unreadable(["The data changed while the import ran, so nothing was imported; start it again."])
