from collections.abc import AsyncIterator

import pytest
from stage import Stage, open_stage
from succession import Succession, open_succession


@pytest.fixture
async def stage(tmp_path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path) as opened:
        yield opened


@pytest.fixture
async def succession(tmp_path) -> AsyncIterator[Succession]:
    async with open_succession(tmp_path) as opened:
        yield opened
