"""What a process counts of itself, and the address of its own where it tells; every label has few values."""

import logging
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, make_wsgi_app

from patrongraph import __version__

log = logging.getLogger(__name__)

# Each process has a registry and an address of its own, and Prometheus asks each: nothing is shared or summed here.
REGISTRY = CollectorRegistry(auto_describe=False)
ProcessCollector(registry=REGISTRY)
Gauge("patrongraph_build_info", "1; the version is in the label.", ["version"], registry=REGISTRY).labels(
    __version__
).set(1)

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)

OPERATIONS = Histogram(
    "patrongraph_operation_seconds",
    "GraphQL operations that ran, by name; of subscriptions the time to their first event.",
    ["operation", "type"],
    buckets=SECONDS,
    registry=REGISTRY,
)
REFUSED = Counter("patrongraph_refused_total", "Requests refused before anything ran.", ["code"], registry=REGISTRY)
FAULTS = Counter(
    "patrongraph_faults_total", "Answers with an error of ours or the database's.", ["code"], registry=REGISTRY
)
PROBLEMS = Counter(
    "patrongraph_problems_total", "Mutations that said no; signIn: failures.", ["mutation", "code"], registry=REGISTRY
)
COMPILED = Counter("patrongraph_statements_compiled_total", "Selections made into SQL.", registry=REGISTRY)
JOBS_TAKEN = Counter(
    "patrongraph_jobs_taken_total", "Jobs that this worker began or took over.", ["kind"], registry=REGISTRY
)
JOBS_ENDED = Counter(
    "patrongraph_jobs_ended_total", "Jobs that this process brought to an end.", ["kind", "state"], registry=REGISTRY
)
CHUNKS = Histogram(
    "patrongraph_chunk_seconds", "Chunks of jobs, each one transaction.", ["kind"], buckets=SECONDS, registry=REGISTRY
)
ITEMS = Counter(
    "patrongraph_job_items_total", "Items that this worker's chunks have settled.", ["kind"], registry=REGISTRY
)

OTHER = "other"
UNNAMED = "unnamed"
LONGEST_NAME = 64
MOST_NAMES = {"STAFF": 150, "TOKEN": 100, "PATRON": 50}
"""Names that are told apart, by who asks: no client can use up the place of another kind."""


class Names:
    """The names of operations that have run for somebody signed in: a bounded list, the rest is "other"."""

    def __init__(self) -> None:
        self._known: dict[str, set[str]] = {kind: set() for kind in MOST_NAMES}

    def learn(self, name: str | None, kind: str) -> str:
        """Return the label of an operation that has just run; nothing is learned from the anonymous."""
        if name is None:
            return UNNAMED
        known = self._known.get(kind)
        if known is None or len(name) > LONGEST_NAME:
            return OTHER
        if name not in known:
            if len(known) >= MOST_NAMES[kind]:
                return OTHER
            known.add(name)
        return name


names = Names()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: requests are not logged."""


class Listener:
    """Answers GET /metrics and /healthz on an address of its own, from a thread: also while the loop is busy."""

    def __init__(self, listen: str, healthy: Callable[[], bool]) -> None:
        host, _, port = listen.rpartition(":")
        tell: Any = make_wsgi_app(REGISTRY)

        def answer(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
            if environ.get("PATH_INFO") == "/metrics":
                told: Iterable[bytes] = tell(environ, start)
                return told
            if environ.get("PATH_INFO") == "/healthz":
                well = healthy()
                start("200 OK" if well else "503 Service Unavailable", [("Content-Type", "application/json")])
                return [b'{"status":"ok"}' if well else b'{"status":"stuck"}']
            start("404 Not Found", [("Content-Type", "text/plain")])
            return [b"/metrics and /healthz are here.\n"]

        self._server = make_server(host.strip("[]"), int(port), answer, _Server, _Quiet)
        self._thread = Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def listen(address: str, healthy: Callable[[], bool] = lambda: True) -> Listener | None:
    """Tell the metrics at host:port; None for an empty address, or one that is taken: that keeps nothing from work."""
    if not address:
        return None
    try:
        listener = Listener(address, healthy)
    except OSError as error:
        log.warning("metrics are not told: the address %s is not to be had (%s)", address, type(error).__name__)
        return None
    log.info("metrics are told on port %d", listener.port)
    return listener
