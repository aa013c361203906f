"""Traces of operations, jobs and chunks for OpenTelemetry: off unless OTEL_* variables ask; ids and hashes, no text."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.trace import Span, Status, StatusCode

from patrongraph import __version__
from patrongraph.settings import traces_wanted

log = logging.getLogger(__name__)

Attributes = Mapping[str, str | int | bool]


@dataclass(slots=True)
class _State:
    """Whether spans are made; looked at first, so that without tracing nothing else is done."""

    on: bool = False


_state = _State()
_tracer = trace.get_tracer("patrongraph", __version__)


def is_on() -> bool:
    """Return whether somebody wants spans."""
    return _state.on


def start(service: str) -> None:
    """Set OpenTelemetry up as the OTEL_* variables say; nothing when none asks for traces.

    `service` is the service's name unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES give one.
    """
    if not traces_wanted() or _state.on:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning("traces are asked for, but not installed: pip install 'patrongraph[otel]'")
        return
    resource = Resource({SERVICE_NAME: service}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    _state.on = True
    log.info("traces are sent")


@contextmanager
def span(name: str, attributes: Attributes) -> Iterator[Span]:
    """Open a span around a block; an exception marks it by its class alone, for its words may hold personal data."""
    if not _state.on:
        yield trace.INVALID_SPAN
        return
    with _tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as opened:
        try:
            yield opened
        except BaseException as error:
            opened.set_status(Status(StatusCode.ERROR))
            opened.set_attribute("error.type", type(error).__name__)
            raise
