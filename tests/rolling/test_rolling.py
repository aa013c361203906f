"""A small rolling restart: two APIs and two workers, each stopped in order and started again during one purge."""

from tests.rolling.run import rolling

from patrongraph import db
from patrongraph.settings import Settings, use_settings


async def test_a_rolling_restart_loses_nothing(settings: Settings) -> None:
    await db.close_pools()
    try:
        outcome = await rolling(600, 1)
    finally:
        use_settings(settings)
    assert outcome.complaints == []
    assert outcome.broken == []
    assert outcome.restarts == {"api-1": 1, "api-2": 1, "worker-1": 1, "worker-2": 1}
    assert outcome.truth["done"] == outcome.erased > 400
    assert outcome.truth["failed"] == outcome.truth["cancelled"] == 0
    assert outcome.connections > 4
