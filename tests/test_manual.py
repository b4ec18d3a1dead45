"""The pages of the manual, as those see them who show them."""

import os
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from webqx_supervisor.cli.main import HOMES

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "docs" / "reference" / name for name in ("webqx-sv.1", "services.toml.5")]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def run(*command):
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=os.environ | {"LC_ALL": "C.UTF-8"},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@each_page
def test_mandoc_has_no_word_to_say(page):
    assert run("mandoc", "-Tlint", str(page)) == ""


@each_page
def test_man_has_no_word_to_say(page):
    assert run("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(page))


def test_every_verb_and_its_options_are_there():
    plain = PAGES[0].read_text()
    for verb in HOMES:
        name = verb.replace("-", "\\-")
        assert f".SS \\fB{name}\\fR" in plain
    assert "\\fB\\-\\-foreground\\fR" in plain


def test_both_are_installed_where_man_looks():
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    shared = wheel["targets"]["wheel"]["shared-data"]
    assert {ROOT / source for source in shared} == set(PAGES)
    assert set(shared.values()) == {
        *("share/man/man1/webqx-sv.1", "share/man/man5/services.toml.5"),
    }
