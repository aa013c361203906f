"""Each operation that runs is timed under its name and, where traces are wanted, is one span; apart from engine."""

import hashlib
from contextlib import AbstractContextManager, nullcontext
from time import perf_counter
from typing import Any

from opentelemetry.trace import Span

from patrongraph import metrics, tracing
from patrongraph.context import Actor, Context
from patrongraph.graph.plans import Prepared

_UNTRACED: "AbstractContextManager[None]" = nullcontext()


def ran(prepared: Prepared, actor: Actor, begun: float) -> None:
    """Note that an operation begun at that perf_counter() ran; its name may be told from now on."""
    meter = prepared.meter
    if meter is None:
        operation = prepared.operation
        name = metrics.names.learn(operation.name.value if operation.name else None, actor.kind.value)
        meter = prepared.meter = metrics.OPERATIONS.labels(name, operation.operation.value)
        prepared.label = name
    meter.observe(perf_counter() - begun)


def span(prepared: Prepared, query: str, context: Context) -> "AbstractContextManager[Span | None]":
    """Return the span of an operation; a name is in it only when it is one that is told."""
    if not tracing.is_on():
        return _UNTRACED
    kind = prepared.operation.operation.value
    attributes: dict[str, Any] = {
        "graphql.operation.type": kind,
        "patrongraph.document.sha256": hashlib.sha256(query.encode()).hexdigest(),
        "patrongraph.actor.kind": context.actor.kind.value,
        "patrongraph.request.id": context.request_id,
    }
    if context.actor.library_id is not None:
        attributes["patrongraph.library.id"] = context.actor.library_id
    return tracing.span(kind, attributes)


def name_span(opened: Span, prepared: Prepared) -> None:
    """Give an operation's span its name, when it has run and so has one."""
    if prepared.label:
        opened.update_name(f"{prepared.operation.operation.value} {prepared.label}")
        opened.set_attribute("graphql.operation.name", prepared.label)
