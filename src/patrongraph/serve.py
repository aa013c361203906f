"""The two processes of the system: the API behind uvicorn, and the worker; each ends in order on SIGTERM."""

import errno
import os
import signal
import socket
import threading
import time
from types import FrameType

import click

from patrongraph import logs
from patrongraph.cli import local_servers
from patrongraph.settings import Settings, get_settings, use_settings

GRACE_SECONDS = 8  # what a process gets to end after SIGTERM; the API needs up to 5 for open streams


def listening_socket(listen: str) -> socket.socket:
    """Bind a TCP address, host:port; port 0 takes a free one. Raises ClickException when that fails."""
    host, _, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise click.ClickException(f"PATRONGRAPH_LISTEN is {listen!r}; it must be address:port, like 127.0.0.1:8000")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            message = f"{listen} is in use by another program. End that one, or choose another with --listen."
            raise click.ClickException(message) from error
        raise click.ClickException(f"cannot listen on {listen}: {error.strerror}") from error
    return made


def url_of(bound: socket.socket) -> str:
    """Return the address for a browser of a bound socket."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run_api(bound: socket.socket) -> None:
    """Run the API on a bound socket until a signal."""
    from patrongraph import tracing
    from patrongraph.app import make_server
    from patrongraph.graph.documents import BadDocuments

    tracing.start("patrongraph-api")
    try:
        server = make_server(get_settings())
    except BadDocuments as bad:
        raise click.ClickException(str(bad)) from None
    server.run(sockets=[bound])
    if not server.started:
        raise click.ClickException("the API did not start; the lines above say why")


def _end_with_stdin() -> None:
    """End this process when its stdin does, as `patrongraph up` asks: nothing outlives a killed parent."""

    def watch() -> None:
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(2 * GRACE_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def complete(settings: Settings) -> None:
    """Refuse to start without what a process of a real installation needs."""
    if len(settings.secret_key.get_secret_value()) < 32:
        raise click.ClickException(
            "PATRONGRAPH_SECRET_KEY is not set or shorter than 32 characters. Make one with "
            "`python3 -c 'import secrets; print(secrets.token_urlsafe(48))'` and give every process the same."
        )


def end_on_signals() -> None:
    """Make SIGTERM and Ctrl-C leave the command through its `with` blocks, with exit code 0."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)


stop_with_stdin = click.option("--stop-with-stdin", is_flag=True, hidden=True)


@click.command()
@click.option("--listen", metavar="ADDRESS:PORT", help="Instead of PATRONGRAPH_LISTEN; port 0 takes a free one.")
@click.option("--socket-fd", type=int, hidden=True, help="A bound socket that the parent process passes on.")
@stop_with_stdin
def serve(listen: str | None, socket_fd: int | None, stop_with_stdin: bool) -> None:
    """Run the API alone, for an installation with its own PostgreSQL and Valkey."""
    if listen is not None:
        use_settings(get_settings().model_copy(update={"listen": listen}))
    end_on_signals()
    bound = listening_socket(get_settings().listen) if socket_fd is None else socket.socket(fileno=socket_fd)
    with bound, local_servers() as settings:
        complete(settings)
        if stop_with_stdin:
            _end_with_stdin()
        else:
            click.echo(f"PatronGraph API on {url_of(bound)}/graphql (Ctrl-C stops it)", err=True)
        logs.configure(get_settings().log_level)
        run_api(bound)


@click.command()
@stop_with_stdin
def worker(stop_with_stdin: bool) -> None:
    """Run one worker: purges, exports and imports. Start as many as needed, on as many machines."""
    end_on_signals()
    with local_servers() as settings:
        complete(settings)
        if stop_with_stdin:
            _end_with_stdin()
        else:
            click.echo("PatronGraph worker (Ctrl-C stops it)", err=True)
        logs.configure(get_settings().log_level)
        from patrongraph.workers.main import main

        main(settings)
