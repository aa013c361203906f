"""The web application: every address it answers, what it opens and closes, and nothing of what it says."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from socket import socket

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from patrongraph import db, health, logs, metrics
from patrongraph.console import Console
from patrongraph.context import Actor
from patrongraph.downloads import Downloads, patron_data_schema
from patrongraph.exports.json_schema import FILE_NAME
from patrongraph.gauges import ApiGauges
from patrongraph.graph import door as doors
from patrongraph.graph.budget import Budget
from patrongraph.graph.crowds import Crowds
from patrongraph.graph.door import BadCredentials, Door
from patrongraph.graph.engine import Engine
from patrongraph.graph.errors import UNAVAILABLE
from patrongraph.graph.http import HARDENING, GraphQLOverHTTP
from patrongraph.graph.sse import GraphQLOverSSE
from patrongraph.graph.websocket import GraphQLOverWebSocket
from patrongraph.job_documents import JobDocuments
from patrongraph.jobs import progress
from patrongraph.settings import Settings, get_settings, parse_origins
from patrongraph.staff import throttle
from patrongraph.staff.identify import identify
from patrongraph.staff.problems import Unauthenticated
from patrongraph.statistics_documents import StatisticsDocuments

SHUTDOWN_SECONDS = 5
"""How long a stopping server waits for answers under way, s."""


async def _who(session_token: str | None, authorization: str | None, fresh: bool) -> Actor:
    try:
        return await identify(session_token=session_token, authorization=authorization, fresh=fresh)
    except Unauthenticated as refused:
        raise BadCredentials(refused.message) from None


def make_door(engine: Engine, settings: Settings) -> Door:
    """Return what the transports share, by the settings."""
    return Door(
        engine=engine,
        identify=_who,
        max_body_bytes=settings.max_body_bytes,
        max_upload_bytes=settings.max_upload_bytes,
        cookie_name=settings.session_cookie,
        https_only=settings.secure_cookies,
        origins=parse_origins(settings.origins),
        recheck_seconds=settings.recheck_seconds,
        max_operations=settings.max_socket_operations,
        crowds=Crowds(settings),
        budget=engine.budget,
    )


class Application(Starlette):
    """Starlette, with a short cut past its middleware and routing for the addresses that must be fast."""

    door: Door

    def __init__(self, door: Door, settings: Settings, routes: Sequence[Route]) -> None:
        self.door = door
        self._http: Mapping[str, ASGIApp] = {
            "/graphql": GraphQLOverHTTP(door),
            "/graphql/stream": GraphQLOverSSE(door),
        }
        self._socket: ASGIApp = GraphQLOverWebSocket(door)
        self._transport_security = (
            ((b"strict-transport-security", b"max-age=31536000"),) if settings.secure_cookies else ()
        )
        self._settings = settings
        super().__init__(routes=routes)
        self.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, socket or lifespan."""
        if scope["type"] == "http":
            if self._transport_security:
                send = _adding(send, self._transport_security)
            fast = self._http.get(scope["path"])
            if fast is not None:
                await fast(scope, receive, send)
            else:
                await self._guarded(scope, receive, send)
        elif scope["type"] == "websocket":
            if scope["path"] == "/graphql":
                await self._socket(scope, receive, send)
            else:
                await receive()
                await send({"type": "websocket.close", "code": 4404})
        else:
            await self._live(receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Open before the first request, close after the last; say in one line why opening failed."""
        await receive()
        async with contextlib.AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(opened(self._settings, self.door.engine))
            except Exception as error:  # whatever it is, its text may hold an address with a password
                logs.fault(doors.logger, error)
                what = "the database cannot be reached" if isinstance(error, UNAVAILABLE) else "see above"
                message = f"The application could not start: {what} ({type(error).__name__})."
                await send({"type": "lifespan.startup.failed", "message": message})
                return
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request to Starlette; every response gets our headers, and no exception gets out."""
        request_id = doors.request_id(dict(scope["headers"]))
        scope["app"] = self
        started = False

        async def note(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        guarded = _adding(note, ((b"x-request-id", request_id.encode()), *HARDENING))
        try:
            await self.router(scope, receive, guarded)
        except HTTPException as refused:
            if not started:
                await _http_error(refused)(scope, receive, guarded)
        except ClientDisconnect:
            pass
        except Exception as error:  # the last resort of a door
            status, body = doors.fault(error, request_id)
            if not started:
                await Response(body, status, media_type="application/json")(scope, receive, guarded)


def _adding(send: Send, headers: Sequence[tuple[bytes, bytes]]) -> Send:
    async def adding(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = list(message.get("headers", ()))
            said = {name for name, _ in own}  # what an answer says itself, such as how long it keeps, stands
            message = {**message, "headers": [*own, *(header for header in headers if header[0] not in said)]}
        await send(message)

    return adding


def _http_error(error: HTTPException) -> Response:
    words = {404: "Nothing is at this address.", 405: "This address does not answer that method."}
    codes = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
    body = doors.errors(words.get(error.status_code, "Refused."), codes.get(error.status_code, "REFUSED"))
    return Response(body, error.status_code, headers=error.headers, media_type="application/json")


@contextlib.asynccontextmanager
async def opened(settings: Settings, engine: Engine) -> AsyncIterator[None]:
    """Hold open what the API works with: the pools, the bell, the progress stream's reader, its metrics."""
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(db.close_pools)
        await db.open_pools(settings, write_timeout_ms=settings.write_timeout_ms)
        stack.push_async_callback(progress.close_progress)
        await progress.open_progress(settings)
        stack.callback(throttle.share, None)
        throttle.share(progress.opened(), settings.redis_prefix)
        if engine.budget is not None:
            stack.push_async_callback(engine.budget.close)
        await stack.enter_async_context(progress.ProgressReader(settings))
        listener = metrics.listen(settings.metrics_listen)
        if listener is not None:
            stack.enter_context(ApiGauges(settings, engine))
            stack.push_async_callback(asyncio.to_thread, listener.close)
        yield


def create_app(settings: Settings | None = None) -> Application:
    """Return the application. Nothing is opened before its lifespan begins."""
    from patrongraph.schema import schema

    settings = settings or get_settings()
    door = make_door(Engine(schema, settings, Budget(settings, progress.opened)), settings)
    routes = [
        Route(f"/exports/schema/{FILE_NAME}", patron_data_schema, methods=["GET"]),
        Route("/exports/{token}", Downloads(door).answer, methods=["GET"]),
        *JobDocuments(door).routes(),
        *StatisticsDocuments(door).routes(),
        *Console().routes(),
        Route("/healthz", health.alive, methods=["GET"]),
        Route("/readyz", health.readiness(settings), methods=["GET"]),
    ]
    return Application(door, settings, routes)


class SocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's, but that text which is not UTF-8 goes to the endpoint as bytes, which closes with a code of its own.

    uvicorn logs an error for it, and tears the connection when the client's close came in the same segment.
    """

    def send_receive_event_to_app(self) -> None:
        """Hand a whole message on."""
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.curr_msg_data_type = "bytes"
        super().send_receive_event_to_app()


class Server(uvicorn.Server):
    """uvicorn, ending the event streams first: it waits for open responses, and a stream may never end."""

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Stop the streams, then the server."""
        app = self.config.loaded_app
        while app is not None and not isinstance(app, Application):
            app = getattr(app, "app", None)
        if app is not None:
            app.door.stop()
        await super().shutdown(sockets)


def make_server(settings: Settings, app: ASGIApp | None = None) -> Server:
    """Return a server for settings.listen; run() or serve() it. Port 0 takes any free one.

    Neither requests nor addresses are logged: they may hold personal data.
    """
    host, _, port = settings.listen.rpartition(":")
    config = uvicorn.Config(
        app or create_app(settings),
        host=host.strip("[]") or "127.0.0.1",
        port=int(port),
        log_config=None,
        access_log=False,
        server_header=False,
        ws_max_size=settings.max_body_bytes,
        ws=SocketProtocol,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    return Server(config)


def main() -> None:
    """Serve with the settings of the environment, logging JSON lines to standard error."""
    settings = get_settings()
    logs.configure(settings.log_level)
    asyncio.run(make_server(settings).serve())


__all__ = ["Application", "Server", "create_app", "main", "make_door", "make_server"]
