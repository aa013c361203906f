"""What lies beside a file that has ended: a report without anybody's data, and the rejected rows to be mended."""

from collections.abc import AsyncIterator
from typing import Any

import orjson

from patrongraph.imports import rejected
from patrongraph.imports.dropfolder.names import Taken
from patrongraph.imports.report import job_report
from patrongraph.jobs.queries import Progress


def as_json(report: dict[str, Any]) -> bytes:
    """Return a report as it is written."""
    return orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def refused(taken: Taken, reason: str) -> dict[str, Any]:
    """Return the report of a file that has become no import, or whose import is not there any more."""
    return {**_of_file(taken), "job": None, "format": taken.format.value, "state": "REFUSED", "error": reason}


async def of_job(taken: Taken, job: Progress) -> dict[str, Any]:
    """Return the report of a file whose import has ended. Raises LookupError when the job is no import."""
    report = await job_report(job.library_id, job.id)
    del report["id"]
    return {**_of_file(taken), "finished": job.finished_at, "job": f"job_{job.id}", **report}


def _of_file(taken: Taken) -> dict[str, Any]:
    return {"file": taken.shown_name, "taken": taken.time}


async def rejected_csv(job: Progress) -> AsyncIterator[bytes]:
    """Yield the rejected rows as CSV."""
    columns = await rejected.columns(job.library_id, job.id)
    async for lines in rejected.stream(job.library_id, job.id, columns or []):
        yield lines.encode()
