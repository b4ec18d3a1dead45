"""services.toml read in a child process: a Config, or every problem."""

import pytest

from webqx_supervisor.daemon.compile import compile_apart
from webqx_supervisor.model.errors import ConfigError


async def test_a_good_file_becomes_a_config(tmp_path):
    file = tmp_path / "services.toml"
    file.write_text('[services.api]\ncommand = "sleep 1000"\n')
    config = await compile_apart(str(file))
    assert [service.name for service in config.services] == ["api"]
    assert config.file == str(file)


async def test_every_problem_of_a_bad_file_is_named(tmp_path):
    file = tmp_path / "services.toml"
    file.write_text('[services.api]\ncommand = "sleep"\ninstnaces = 2\ncolour = "red"\n')
    with pytest.raises(ConfigError) as caught:
        await compile_apart(str(file))
    assert [problem.line for problem in caught.value.problems] == [3, 4]


async def test_a_file_that_is_not_there_is_a_problem(tmp_path):
    with pytest.raises(ConfigError):
        await compile_apart(str(tmp_path / "services.toml"))
