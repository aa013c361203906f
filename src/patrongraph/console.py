"""The staff console and the explorer: the files of the build, at /console and /explorer, and what they may load."""

import asyncio
import gzip
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

ASSETS = Path(__file__).parent / "console_assets"

_OURS = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
)
CONSOLE_POLICY = f"{_OURS}style-src 'self'; font-src 'self'"
# The editor of GraphiQL writes its colours into style elements.
EXPLORER_POLICY = f"{_OURS}style-src 'self' 'unsafe-inline'; font-src 'self' data:; worker-src 'self' blob:"

_FILE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".woff2": "font/woff2",
}
_PACKED = (".html", ".js", ".css", ".svg", ".ttf")
_FOREVER = "public, max-age=31536000, immutable"
NOT_BUILT = "The console is not built. Run `make console`, or install PatronGraph from its wheel, which has it.\n"


@lru_cache(maxsize=256)
def _content(file: Path, changed_ns: int, packed: bool) -> bytes:
    content = file.read_bytes()
    return gzip.compress(content, 9, mtime=0) if packed else content


def _read(file: Path, packed: bool) -> bytes | None:
    """Return a file of the build, packed once a process; None when there is none."""
    try:
        return _content(file, file.stat().st_mtime_ns, packed)
    except (FileNotFoundError, IsADirectoryError):
        return None


class Console:
    """The addresses of a build in a folder."""

    def __init__(self, folder: Path = ASSETS) -> None:
        self._folder = folder

    def routes(self) -> list[Route]:
        """Return the routes: a browser at / is sent to the console; its own addresses all give its one page."""
        return [
            Route("/", self._root, methods=["GET"]),
            Route("/console", self._console, methods=["GET"]),
            Route("/console/assets/{name:path}", self._asset, methods=["GET"]),
            Route("/console/{path:path}", self._console, methods=["GET"]),
            Route("/explorer", self._explorer, methods=["GET"]),
        ]

    async def _root(self, request: Request) -> Response:
        if "text/html" not in request.headers.get("accept", ""):
            raise HTTPException(404)
        return RedirectResponse("/console", 303)

    async def _console(self, request: Request) -> Response:
        return await self._page(request, "index.html", CONSOLE_POLICY)

    async def _explorer(self, request: Request) -> Response:
        return await self._page(request, "explorer.html", EXPLORER_POLICY)

    async def _page(self, request: Request, name: str, policy: str) -> Response:
        headers = {
            "content-security-policy": policy,
            "cross-origin-opener-policy": "same-origin",
            "cache-control": "no-cache",
        }
        found = await self._file(request, self._folder / name, headers)
        return found or Response(NOT_BUILT, 503, media_type="text/plain")

    async def _asset(self, request: Request) -> Response:
        name = request.path_params["name"]
        headers = {"cache-control": _FOREVER}
        found = _FILE.fullmatch(name) and await self._file(request, self._folder / "assets" / name, headers)
        if not found:
            raise HTTPException(404)
        return found

    async def _file(self, request: Request, file: Path, headers: Mapping[str, str]) -> Response | None:
        packed = file.suffix in _PACKED and "gzip" in request.headers.get("accept-encoding", "")
        content = await asyncio.to_thread(_read, file, packed)
        if content is None:
            return None
        more = {"vary": "accept-encoding"} | ({"content-encoding": "gzip"} if packed else {})
        media_type = _TYPES.get(file.suffix, "application/octet-stream")
        return Response(content, headers={**headers, **more}, media_type=media_type)
