"""Jobs and their chunks are counted, timed and traced, all in one way: a worker wraps each in one of these."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from time import perf_counter

from opentelemetry.trace import Span

from patrongraph import metrics, tracing
from patrongraph.jobs.leases import Lease


@dataclass(slots=True)
class Chunk:
    """What a chunk did; `items` is set by whoever did it."""

    items: int = 0


def job(lease: Lease) -> "AbstractContextManager[Span]":
    """Count a job that this worker begins or takes over, and trace its turn."""
    metrics.JOBS_TAKEN.labels(lease.kind.value).inc()
    return tracing.span(f"job {lease.kind.value}", _attributes(lease))


@contextmanager
def chunk(lease: Lease) -> Iterator[Chunk]:
    """Time and trace one transaction of a job; what raises is traced and not counted."""
    begun, done = perf_counter(), Chunk()
    with tracing.span(f"chunk {lease.kind.value}", _attributes(lease)) as opened:
        yield done
        opened.set_attribute("patrongraph.items", done.items)
    metrics.CHUNKS.labels(lease.kind.value).observe(perf_counter() - begun)
    metrics.ITEMS.labels(lease.kind.value).inc(done.items)


def _attributes(lease: Lease) -> dict[str, str | int]:
    return {
        "patrongraph.job.id": lease.job_id,
        "patrongraph.job.kind": lease.kind.value,
        "patrongraph.library.id": lease.library_id,
        "patrongraph.actor.kind": lease.actor.kind.value,
    }
