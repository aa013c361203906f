"""Statistics as CSV, at an address that spreadsheets and reporting tools read with a token."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from patrongraph.context import Actor, Context
from patrongraph.graph import door as doors
from patrongraph.graph.door import Door
from patrongraph.graph.ids import BadArgument
from patrongraph.job_documents import guarded
from patrongraph.statistics import report

_SEVERAL = {
    "branchId": "branchIds",
    "itemBranchId": "itemBranchIds",
    "materialType": "materialTypes",
    "category": "categories",
    "cohort": "cohorts",
}
"""Parameters that may be given several times, and the part of StatisticFilter that each makes."""
_ONE: dict[str, Callable[[str, str], Any]] = {"lost": report.flag, "record": report.record}
_KNOWN = ("from", "to", "by", *_SEVERAL, *_ONE)
_AFTERWARDS = {"TIMEOUT": 503, "UNAVAILABLE": 503, "INTERNAL": 500}
"""Status of what went wrong while the database was asked."""


class StatisticsDocuments:
    """The endpoint /statistics/loans.csv."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def routes(self) -> list[Route]:
        """Return the route."""
        return [Route("/statistics/loans.csv", guarded(self._door, self._loans), methods=["GET"])]

    async def _loans(self, request: Request, actor: Actor) -> Response:
        request_id = doors.request_id(dict(request.scope["headers"]))
        context = Context(actor, request_id, doors.client(request.scope))
        headers = {"x-request-id": request_id}
        try:
            asked = question(request.query_params)
            rows = await report.ask(self._door.engine, context, asked)
        except BadArgument as bad:  # with the code that the graph gives to what it refuses
            return Response(doors.errors(str(bad), "BAD_ARGUMENT"), 400, headers, media_type="application/json")
        except report.Refusal as refusal:
            status = _AFTERWARDS.get(refusal.code, refusal.answer.status)
            limits = {name.decode(): value.decode() for name, value in context.headers}
            return Response(refusal.answer.body, status, headers | limits, media_type="application/json")
        return StreamingResponse(
            _encoded(report.csv_pieces(asked, rows)),
            headers=headers | {"content-disposition": f'attachment; filename="{asked.name}"'},
            media_type="text/csv; charset=utf-8",
        )


async def _encoded(pieces: Iterator[str]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece.encode()


def question(given: QueryParams) -> report.Question:
    """Return what the parameters of an address ask. Raises BadArgument, also for one that is not known."""
    for name in given:
        if name not in _KNOWN:
            raise BadArgument(f"{name[:40]!r} is no parameter of this address; there are {', '.join(_KNOWN)}.")
    values: dict[str, str] = {}
    for name in ("from", "to", *_ONE):
        found = given.getlist(name)
        if len(found) > 1:
            raise BadArgument(f"{name} is given {len(found)} times; give it once.")
        if found:
            values[name] = found[0]
    for name in ("from", "to"):
        if name not in values:
            raise BadArgument(f"{name} is missing; give a day like 2026-01-31.")
    parts: dict[str, Any] = {part: given.getlist(name) for name, part in _SEVERAL.items() if name in given}
    parts |= {name: read(name, values[name]) for name, read in _ONE.items() if name in values}
    return report.Question(
        report.day("from", values["from"]),
        report.day("to", values["to"]),
        report.dimensions(word for text in given.getlist("by") for word in text.split(",") if word.strip()),
        parts,
    )
