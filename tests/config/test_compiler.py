import os
import sys
from pathlib import Path

import pytest

from webqx_supervisor.config.compiler import compile_file
from webqx_supervisor.model.errors import ConfigError


def test_a_file_becomes_its_config(tmp_path):
    file = tmp_path / "services.toml"
    file.write_text("[services.a]\ncommand = 'x'\n")
    config = compile_file(file)
    assert config.file == str(file)
    assert config.services[0].cwd == str(tmp_path)


def test_a_relative_path_is_told_as_it_was_written_and_kept_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = Path("services.toml")
    file.write_text("")
    assert compile_file(file).file == str(tmp_path / file)
    file.write_text("x = 1")
    with pytest.raises(ConfigError, match=r"^services\.toml:1: x: unknown key"):
        compile_file(file)


@pytest.mark.skipif(sys.platform != "linux", reason="no affinity mask to read")
def test_max_is_the_number_of_cpus_that_may_be_used(tmp_path):
    file = tmp_path / "services.toml"
    file.write_text("[services.a]\ncommand = 'x'\ninstances = 'max'\n")
    assert compile_file(file).services[0].instances == len(os.sched_getaffinity(0))


def test_a_file_that_is_not_there_is_a_problem(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        compile_file(Path("services.toml"))
    assert str(caught.value) == (
        f"services.toml: no such file (looked for {tmp_path}/services.toml)"
    )
