"""A download link gives its file once, as an attachment that no cache keeps; then the address is gone."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from patrongraph.exports.actions import Download, open_download
from patrongraph.graph import door as doors
from patrongraph.graph.door import Door
from patrongraph.graph.limits import Malformed
from patrongraph.problems import ProblemCode, Refused

CHUNK_BYTES = 262_144
MAX_TOKEN = 100
"""Longest token looked up, characters."""

_TYPES = {".json": "application/json", ".ndjson": "application/x-ndjson", ".html": "text/html; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class FileReply:
    """Sends an open file piece by piece and closes it, also when the client leaves."""

    file: BinaryIO
    download: Download

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file."""
        name = self.download.filename
        headers = [
            (b"content-type", _TYPES.get(Path(name).suffix, "application/octet-stream").encode()),
            (b"content-length", b"%d" % self.download.size),
            (b"content-disposition", f'attachment; filename="{name}"'.encode("latin-1", "replace")),
        ]
        with self.file:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            while chunk := await asyncio.to_thread(self.file.read, CHUNK_BYTES):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


class Downloads:
    """The endpoint of /exports/{token}."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def answer(self, request: Request) -> Response | FileReply:
        """Return the file of a link; 404 for an unknown one, 410 for one that is used up or expired."""
        if request.method != "GET":
            # A HEAD, as link checkers send it, must not use the link up.
            return _error(405, "A download link answers GET only.", "METHOD_NOT_ALLOWED", {"allow": "GET"})
        token = request.path_params["token"]
        headers = dict(request.scope["headers"])
        try:
            actor = await self._door.look_up(self._door.credentials(headers))
            if len(token) > MAX_TOKEN:
                return _error(404, "The download link was not found.", ProblemCode.NOT_FOUND)
            download = await open_download(token, actor)
            file = await asyncio.to_thread(download.path.open, "rb")
        except Malformed as malformed:
            return _error(malformed.status, malformed.message, malformed.code)
        except Refused as refused:
            code = refused.problem.code
            return _error(404 if code is ProblemCode.NOT_FOUND else 410, refused.problem.message, code)
        except FileNotFoundError:
            return _error(410, "The export was deleted a moment ago.", "GONE")
        return FileReply(file, download)


def _error(status: int, message: str, code: str, headers: dict[str, str] | None = None) -> Response:
    return Response(doors.errors(message, code), status, headers=headers, media_type="application/json")
