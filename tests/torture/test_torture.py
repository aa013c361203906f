"""One small seed of the torture: kills, a crash of PostgreSQL, a flush of Valkey, an adversary, followers."""

import random

from tests.torture.faults import Plan
from tests.torture.run import torture

from patrongraph import db
from patrongraph.settings import Settings, use_settings


async def test_a_small_seed(settings: Settings) -> None:
    seed = random.randrange(2**31)
    print(f"seed {seed}")
    await db.close_pools()
    try:
        outcome = await torture(seed, 1_500, Plan(kills=10, restarts=1, flushes=1, every=0.5))
    finally:
        use_settings(settings)
    assert outcome.complaints == []
    assert outcome.broken == []
    assert (outcome.sigkills, outcome.faults["postgres"], outcome.faults["flush"]) == (10, 1, 1)
    assert outcome.erased > 1_000
