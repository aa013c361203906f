"""What is looked up when Prometheus asks an API process: queue and lag, workers, pools, subscriptions, plan cache."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any

import asyncpg
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from patrongraph import db, metrics
from patrongraph.graph.engine import Engine
from patrongraph.jobs import heartbeat
from patrongraph.settings import Settings

ANSWER_SECONDS = 2.0

# Jobs that are waiting or at work, and since when the longest waiting one has not been begun.
QUEUE = """
SELECT kind, state, count(*)::int AS jobs,
       coalesce(extract(epoch FROM clock_timestamp() - min(created_at) FILTER (
           WHERE state = 'QUEUED' AND started_at IS NULL)), 0)::float8 AS lag
FROM job WHERE state IN ('QUEUED', 'RUNNING') GROUP BY kind, state ORDER BY kind, state
"""


class ApiGauges(Collector):
    """Asks the event loop of the API from the thread that tells the metrics; what does not answer is left out."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> "ApiGauges":
        metrics.REGISTRY.register(self)
        return self

    def __exit__(self, *_: object) -> None:
        metrics.REGISTRY.unregister(self)

    def collect(self) -> Iterable[Metric]:
        """Return what there is to tell now."""
        if self._loop.is_closed():
            return []
        asked = asyncio.run_coroutine_threadsafe(self._ask(), self._loop)
        try:
            return asked.result(3 * ANSWER_SECONDS)
        except (TimeoutError, asyncio.CancelledError):
            asked.cancel()
            return []

    async def _ask(self) -> list[Metric]:
        queue, workers = await asyncio.gather(
            _or_none(db.rows(QUEUE)), _or_none(heartbeat.count(self._settings, ANSWER_SECONDS))
        )
        told = [_gauge("patrongraph_database_up", "Whether the database answers.", float(queue is not None))]
        if queue is not None:
            told += _queue(queue)
        if workers is not None:
            told.append(_gauge("patrongraph_workers", "Workers that look for work.", workers))
        told.append(_pools())
        return [*told, *_engine(self._engine)]


async def _or_none(asked: Awaitable[Any]) -> Any:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await asked
    except (OSError, RuntimeError, RedisError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return None
    except asyncpg.InternalClientError:
        return None


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)


def _queue(rows: Iterable[asyncpg.Record]) -> list[Metric]:
    jobs = GaugeMetricFamily("patrongraph_jobs", "Jobs that wait or are at work.", labels=["kind", "state"])
    lag = 0.0
    for row in rows:
        jobs.add_metric([row["kind"], row["state"]], row["jobs"])
        lag = max(lag, row["lag"])
    return [jobs, _gauge("patrongraph_job_lag_seconds", "How long the first job that nobody has begun waits.", lag)]


def _pools() -> Metric:
    told = GaugeMetricFamily("patrongraph_pool_connections", "Database connections.", labels=["pool", "state"])
    for name, (size, idle, most) in db.pool_use().items():
        told.add_metric([name, "used"], size - idle)
        told.add_metric([name, "idle"], idle)
        told.add_metric([name, "allowed"], most)
    return told


def _engine(engine: Engine) -> list[Metric]:
    cache = CounterMetricFamily("patrongraph_plan_cache", "Operations found prepared, or not.", labels=["outcome"])
    cache.add_metric(["hit"], engine.looks - engine.missed_looks)
    cache.add_metric(["miss"], engine.missed_looks)
    kept = _gauge("patrongraph_plans", "Operations kept prepared.", engine.prepared_operations)
    feeds, subscribers = engine.subscriptions
    return [
        cache,
        kept,
        _gauge("patrongraph_subscriptions", "Subscriptions that are open.", subscribers),
        _gauge("patrongraph_feeds", "Readings that the subscriptions share.", feeds),
    ]
