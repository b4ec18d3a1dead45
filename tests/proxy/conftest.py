from collections.abc import AsyncIterator

import pytest
from stage import Stage, open_stage


@pytest.fixture
async def stage(tmp_path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path) as opened:
        yield opened
