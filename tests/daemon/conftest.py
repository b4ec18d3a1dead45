import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

import fakes

from webqx_supervisor.process.output import Output


@pytest.fixture
def output() -> Iterator[Output]:
    with Output() as output:
        yield output


@pytest.fixture
async def stage(tmp_path: Path, output: Output) -> fakes.Scene:
    return fakes.scene(tmp_path, output)
