"""Which function does which kind of job; a feature that has jobs adds a line here."""

from collections.abc import Awaitable, Callable, Mapping

from patrongraph.erasure.run import run_purge
from patrongraph.exports import actions as exports
from patrongraph.imports import actions as imports
from patrongraph.jobs.leases import Lease
from patrongraph.jobs.models import JobKind
from patrongraph.rollover.run import run_rollover, run_undo

JobFunction = Callable[[Lease], Awaitable[None]]


async def _purge(lease: Lease) -> None:
    try:
        await run_purge(lease)
    finally:
        # The rows of the purged patrons' exports went with them; their files go now, or with housekeeping.
        await exports.expire_due()


async def _import(lease: Lease) -> None:
    try:
        await imports.run_import(lease)
    finally:
        # Rows of a job that was cancelled meanwhile are not kept.
        await imports.forget_unreached()


KINDS: Mapping[JobKind, JobFunction] = {
    JobKind.PURGE: _purge,
    JobKind.EXPORT_PATRON: exports.run_patron_export,
    JobKind.EXPORT_PATRONS: exports.run_patrons_export,
    JobKind.IMPORT: _import,
    JobKind.ROLLOVER: run_rollover,
    JobKind.UNDO_ROLLOVER: run_undo,
}
"""A function runs with the job's lease held, returns when nothing is left or it should stop, and raises JobFailed
to end the job with a text for staff. It may end the job's row itself."""
