"""The checker names what is wrong with workers that are broken on purpose, and nothing about sound ones."""

import pytest
from tests.torture.controls import CONTROLS, Control, play
from tests.torture.crashes import Crashes, Story


@pytest.mark.parametrize("control", CONTROLS, ids=str)
async def test_control(crashes: Crashes, purge: Story, control: Control) -> None:
    assert await play(crashes, purge, control) == []
