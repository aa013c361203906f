"""Traces as a collector gets them: a real OTLP receiver on loopback, and what is in the spans and what is not."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.fixtures_api import QUICK, working
from tests.observability.conftest import serving, until
from tests.torture.crashes import purge_inactive
from tests.town import Town, wait_until

from patrongraph.settings import Settings

SECRET = "Ottoline"  # a value that nobody may find in a trace


class Collector:
    """Takes OTLP over HTTP; `spans` holds each span as name and attributes."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, dict[str, Any]]] = []
        self.services: set[str] = set()
        self.raw = b""
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.take(body)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def variables(self) -> dict[str, str]:
        url = f"http://127.0.0.1:{self.server.server_port}"
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
            "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
            "OTEL_BSP_SCHEDULE_DELAY": "50",
            "NO_PROXY": "127.0.0.1",
        }

    def take(self, body: bytes) -> None:
        self.raw += body
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            named = {each.key: each.value.string_value for each in resource.resource.attributes}
            self.services.add(named["service.name"])
            for scope in resource.scope_spans:
                for span in scope.spans:
                    attributes = {
                        each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value")
                        for each in span.attributes
                    }
                    self.spans.append((span.name, attributes))

    def named(self, name: str) -> list[dict[str, Any]]:
        return [attributes for found, attributes in self.spans if found == name]


@pytest.fixture
def collector() -> Iterator[Collector]:
    running = Collector()
    yield running
    running.server.shutdown()
    running.server.server_close()


async def test_an_operation_is_one_span_without_text_or_values(
    settings: Settings, town: Town, collector: Collector, tmp_path: Path
) -> None:
    token = await town.token()
    query = "query Find($s: String) { patrons(first: 5, search: $s) { totalCount edges { node { id } } } }"
    with serving(settings, tmp_path / "log", **collector.variables) as api:
        await api.post(query, {"s": SECRET}, token, headers={"x-request-id": "sixteen-characters-0"})
        await api.data('query Spelt { patrons(first: 1, search: "Ottoline") { totalCount } }', token=token)
        await api.post("query Refused { nothing }", token=token)
        await until(lambda: len(collector.spans) >= 2)
    [found] = collector.named("query Find")
    digest = found.pop("patrongraph.document.sha256")
    assert len(digest) == 64
    assert found == {
        "graphql.operation.type": "query",
        "graphql.operation.name": "Find",
        "patrongraph.actor.kind": "TOKEN",
        "patrongraph.library.id": town.id,
        "patrongraph.request.id": "sixteen-characters-0",
    }
    assert sorted(name for name, _ in collector.spans) == ["query Find", "query Spelt"]
    assert collector.services == {"patrongraph-api"}
    assert SECRET.encode() not in collector.raw
    assert b"totalCount" not in collector.raw


async def test_a_job_and_its_chunks_are_spans(
    settings: Settings, database, town: Town, collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (collector.variables | {"OTEL_SERVICE_NAME": "night-shift"}).items():
        monkeypatch.setenv(name, value)
    await town.patrons(10, loans=2)
    job = await purge_inactive(town.system, 10)
    with working(settings.model_copy(update=QUICK), tmp_path / "log"):
        await wait_until(lambda: database.value("SELECT finished_at FROM job WHERE id = $1", job))
        await until(lambda: collector.named("job PURGE"))
    about = {
        "patrongraph.job.id": job,
        "patrongraph.job.kind": "PURGE",
        "patrongraph.library.id": town.id,
        "patrongraph.actor.kind": "SYSTEM",
    }
    assert collector.named("job PURGE") == [about]
    chunks = collector.named("chunk PURGE")
    assert sum(chunk.pop("patrongraph.items") for chunk in chunks) == 10
    assert all(chunk == about for chunk in chunks)
    assert collector.services == {"night-shift"}


async def test_without_the_variables_nothing_is_traced(
    settings: Settings, town: Town, collector: Collector, tmp_path: Path
) -> None:
    token = await town.token()
    for number, changed in enumerate(({}, collector.variables | {"OTEL_SDK_DISABLED": "true"},
                                      collector.variables | {"OTEL_TRACES_EXPORTER": "none"})):  # fmt: skip
        with serving(settings, tmp_path / f"log{number}", **changed) as api:
            await api.data("query Find { library { code } }", token=token)
        assert "traces" not in (tmp_path / f"log{number}").read_text()
    assert collector.spans == []
