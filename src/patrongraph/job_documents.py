"""Documents that staff download about a job or an erased patron: certificates, what became of each patron or row."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from patrongraph.context import Actor
from patrongraph.erasure import certificate
from patrongraph.erasure.certificate_page import CONTENT_SECURITY_POLICY, language, page
from patrongraph.graph import door as doors
from patrongraph.graph.door import Door
from patrongraph.graph.ids import BadArgument, decode_id
from patrongraph.graph.limits import Malformed
from patrongraph.imports import rejected
from patrongraph.jobs import queries as jobs
from patrongraph.jobs.item_rows import stream
from patrongraph.jobs.models import JobItemState
from patrongraph.permissions import Forbidden, Permission
from patrongraph.problems import ProblemCode

Answer = Callable[[Request, Actor], Awaitable[Response]]
Printed = Callable[[int, int], Awaitable[dict[str, Any] | None]]

SEE_ITEMS = (Permission.PATRONS_VIEW, Permission.AUDIT_VIEW)
"""Either lets see what became of each patron; only the first lets see who the patrons are."""


class _Away(Exception):  # noqa: N818 - what the job or patron is
    """The library has nothing at this address."""


class JobDocuments:
    """The endpoints below /jobs/{job_id} and /patrons/{patron_id}."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def routes(self) -> list[Route]:
        """Return the routes; ids are as GraphQL gives them: job_3, pat_12."""
        of_job, of_patron = ("job", certificate.of_job), ("pat", certificate.of_patron)
        return [
            Route("/jobs/{id}/certificate", guarded(self._door, _page(*of_job)), methods=["GET"]),
            Route("/jobs/{id}/certificate.json", guarded(self._door, _json(*of_job)), methods=["GET"]),
            Route("/patrons/{id}/certificate", guarded(self._door, _page(*of_patron)), methods=["GET"]),
            Route("/patrons/{id}/certificate.json", guarded(self._door, _json(*of_patron)), methods=["GET"]),
            Route("/jobs/{id}/items.csv", guarded(self._door, _items), methods=["GET"]),
            Route("/jobs/{id}/rejected.csv", guarded(self._door, _rejected), methods=["GET"]),
        ]


def guarded(door: Door, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint that says who asks, and puts a refusal as GraphQL does."""

    async def endpoint(request: Request) -> Response:
        try:
            actor = await door.admit(dict(request.scope["headers"]))
            if not actor.signed_in:
                return _error(401, "Sign in first.", "UNAUTHENTICATED", {"www-authenticate": "Bearer"})
            return await answer(request, actor)
        except Malformed as malformed:
            return _error(malformed.status, malformed.message, malformed.code)
        except Forbidden as forbidden:
            return _error(403, str(forbidden), "FORBIDDEN")
        except _Away as away:
            return _error(404, str(away), ProblemCode.NOT_FOUND)
        except BadArgument as bad:
            return _error(400, str(bad), ProblemCode.INVALID_INPUT)

    return endpoint


async def _certificate(request: Request, actor: Actor, prefix: str, printed: Printed) -> dict[str, Any]:
    if certificate.PERMISSION not in actor.permissions:
        raise Forbidden("A certificate of erasure", certificate.PERMISSION)
    found = await printed(actor.library, decode_id(prefix, request.path_params["id"]))
    if found is None:
        what = "This job has erased nobody in your library." if prefix == "job" else "No such patron was erased."
        raise _Away(what)
    return found


def _page(prefix: str, printed: Printed) -> Answer:
    async def answer(request: Request, actor: Actor) -> Response:
        found = await _certificate(request, actor, prefix, printed)
        accepted, chosen = request.headers.get("accept-language", ""), request.query_params.get("lang", "")
        lang = language(found["library"]["locale"], accepted, chosen)
        headers = {
            "content-security-policy": CONTENT_SECURITY_POLICY,
            "content-language": lang,
            "vary": "accept-language",
        }
        return Response(page(found, lang, datetime.now(UTC)), headers=headers, media_type="text/html")

    return answer


def _json(prefix: str, printed: Printed) -> Answer:
    async def answer(request: Request, actor: Actor) -> Response:
        found = await _certificate(request, actor, prefix, printed)
        name = f"certificate-{request.path_params['id']}.json"
        return Response(
            orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE),
            headers={"content-disposition": f'attachment; filename="{name}"'},
            media_type="application/json",
        )

    return answer


async def _items(request: Request, actor: Actor) -> Response:
    if not actor.permissions & frozenset(SEE_ITEMS):
        raise Forbidden("The list of a job's patrons", SEE_ITEMS[0])
    job_id = decode_id("job", request.path_params["id"])
    wanted = request.query_params.get("state")
    if wanted is not None and wanted not in JobItemState.__members__:
        raise BadArgument(f"state is one of {', '.join(JobItemState)}.")
    if await jobs.state(actor.library, job_id) is None:
        raise _Away("The job was not found.")
    lines = stream(
        actor.library,
        job_id,
        state=None if wanted is None else JobItemState(wanted),
        with_names=Permission.PATRONS_VIEW in actor.permissions,
    )
    return _table(lines, f"job_{job_id}-items.csv")


async def _rejected(request: Request, actor: Actor) -> Response:
    if Permission.PATRONS_IMPORT not in actor.permissions:
        raise Forbidden("The rejected rows of an import", Permission.PATRONS_IMPORT)
    job_id = decode_id("job", request.path_params["id"])
    own = await rejected.columns(actor.library, job_id)
    if own is None:
        raise _Away("The import was not found.")
    return _table(rejected.stream(actor.library, job_id, own), f"job_{job_id}-rejected.csv")


def _table(lines: AsyncIterator[str], name: str) -> Response:
    return StreamingResponse(
        _encoded(lines),
        headers={"content-disposition": f'attachment; filename="{name}"'},
        media_type="text/csv; charset=utf-8",
    )


async def _encoded(lines: AsyncIterator[str]) -> AsyncIterator[bytes]:
    async for piece in lines:
        yield piece.encode()


def _error(status: int, message: str, code: str, headers: dict[str, str] | None = None) -> Response:
    return Response(doors.errors(message, code), status, headers=headers, media_type="application/json")
