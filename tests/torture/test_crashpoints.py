"""A worker that dies before or after any statement leaves what the next one brings to a right end; here a sample."""

import random

import pytest
from tests.torture.conftest import told
from tests.torture.crashes import Crashes
from tests.torture.crashpoints import STORIES

SAMPLE = 4


@pytest.mark.parametrize("name", STORIES)
async def test_a_sample_of_points(crashes: Crashes, name: str) -> None:
    seed = random.randrange(2**31)
    print(f"seed {seed}")
    story = await told(crashes, name)
    assert await crashes.count(story) == []
    assert len(story.points) > 40
    swept = await crashes.sweep(story, random.Random(seed).sample(story.points, SAMPLE))
    assert swept.broken == []
    assert swept.points == SAMPLE
