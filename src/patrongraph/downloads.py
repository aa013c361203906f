"""A download link gives its file once, as an attachment that no cache keeps; then the address is gone."""

import logging
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from patrongraph.exports.actions import Download, StorageError, UnreadableExport, open_download
from patrongraph.exports.json_schema import published
from patrongraph.graph import door as doors
from patrongraph.graph.door import Door
from patrongraph.graph.limits import Malformed
from patrongraph.permissions import Forbidden
from patrongraph.problems import ProblemCode, Refused

log = logging.getLogger(__name__)

MAX_TOKEN = 100
"""Characters of a token that are looked at; ours have 43."""
RETRY_SECONDS = 30
"""What a client is told to wait while the store is away."""
_SIGN_IN = (
    "A download link works for whoever made it: send the same session cookie or `Authorization: Bearer` as for "
    "createDownloadLink."
)
_CHALLENGE = {"www-authenticate": 'Bearer realm="patrongraph"'}

_TYPES = {".json": "application/json", ".ndjson": "application/x-ndjson", ".html": "text/html; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class FileReply:
    """Sends a file piece by piece and lets go of it, also when the client leaves."""

    download: Download

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file; one that turns out not to be what was written breaks off before its first bad byte."""
        name = self.download.filename
        headers = [
            (b"content-type", _TYPES.get(Path(name).suffix, "application/octet-stream").encode()),
            (b"content-length", b"%d" % self.download.size),
            (b"content-disposition", f'attachment; filename="{name}"'.encode("latin-1", "replace")),
        ]
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            async for piece in self.download.pieces():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except (UnreadableExport, StorageError) as error:
            # The server closes a connection whose answer is shorter than it said.
            log.error("export %d: the download broke off: %s", self.download.export_id, error)  # noqa: TRY400
        else:
            await send({"type": "http.response.body", "body": b""})
        finally:
            await self.download.reader.close()


class Downloads:
    """The endpoint of /exports/{token}."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def answer(self, request: Request) -> Response | FileReply:
        """Return the file of a link; 404 for an unknown one, 410 for one that is used up or expired.

        401 without a sign-in, 503 with Retry-After while the store is away.
        """
        if request.method != "GET":
            # A HEAD, as link checkers send it, must not use the link up.
            return _error(405, "A download link answers GET only.", "METHOD_NOT_ALLOWED", {"allow": "GET"})
        try:
            # Whoever lost the right a moment ago has lost the file too.
            actor = await self._door.admit(dict(request.scope["headers"]), fresh=True)
            if not actor.signed_in:
                return _error(401, _SIGN_IN, "UNAUTHENTICATED", _CHALLENGE)
            return FileReply(await open_download(request.path_params["token"][:MAX_TOKEN], actor))
        except Malformed as malformed:
            return _error(malformed.status, malformed.message, malformed.code)
        except (Forbidden, Refused, UnreadableExport, StorageError) as error:
            return _no(error)


def _no(error: Forbidden | Refused | UnreadableExport | StorageError) -> Response:
    if isinstance(error, Refused):
        code = error.problem.code
        return _error(404 if code is ProblemCode.NOT_FOUND else 410, error.problem.message, code)
    if isinstance(error, Forbidden):
        return _error(403, str(error), "FORBIDDEN")
    if isinstance(error, UnreadableExport):
        return _error(410, str(error), "EXPORT_UNREADABLE")
    log.error("a download could not begin: %s", error)
    message = "The export files cannot be reached just now; the link still works. Try again in a minute."
    return _error(503, message, "UNAVAILABLE", {"retry-after": str(RETRY_SECONDS)})


async def patron_data_schema(request: Request) -> Response:
    """Return the JSON Schema of a patron's document; it holds nobody's data, so it needs no sign-in and keeps a day."""
    headers = {"cache-control": "public, max-age=86400"}
    return Response(published(), headers=headers, media_type="application/schema+json")


def _error(status: int, message: str, code: str, headers: dict[str, str] | None = None) -> Response:
    return Response(doors.errors(message, code), status, headers=headers, media_type="application/json")
