"""What to try next, as it can be pasted."""

import sys
from pathlib import Path

import pytest

from webqx_supervisor.cli.hints import command, hints
from webqx_supervisor.config.services_toml import parse


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Return a webqx-sv outside of the PATH, by which this process seems to have been called."""
    program = tmp_path / "my bin" / "webqx-sv"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.setattr(sys, "argv", [str(program)])
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    return program


def test_a_program_on_the_path_is_called_by_its_name(program, monkeypatch):
    monkeypatch.setenv("PATH", str(program.parent))

    assert command("status", Path("services.toml")) == "webqx-sv status"


def test_a_program_elsewhere_is_called_by_its_path(program):
    assert command("status", Path("services.toml")) == f"'{program}' status"


def test_a_program_below_this_folder_is_called_by_its_short_path(program, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert command("status", tmp_path / "services.toml") == "'my bin/webqx-sv' status"


def test_another_file_is_named(program, monkeypatch):
    monkeypatch.setenv("PATH", str(program.parent))

    assert command("logs", Path("a b.toml")) == "webqx-sv logs -c 'a b.toml'"


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("3000", "http://127.0.0.1:3000"),
        ('"0.0.0.0:80"', "http://127.0.0.1:80"),
        ('"[::]:80"', "http://[::1]:80"),
        ('["10.1.2.3:80", 81]', "http://10.1.2.3:80"),
    ],
)
def test_the_address_to_try_can_be_reached_from_here(listen, address):
    text = f'[services.a]\ncommand = "true"\nport = 3001\nlisten = {listen}\n'

    assert f"curl {address}\n" in hints(Path("services.toml"), parse(text, "services.toml", 1))


def test_a_tcp_listener_is_nothing_for_curl():
    text = '[services.a]\ncommand = "true"\nport = 3001\nlisten = {bind = 7000, protocol = "tcp"}\n'

    shown = hints(Path("services.toml"), parse(text, "services.toml", 1))

    assert "curl" not in shown
    assert shown.startswith("try   webqx-sv status\n")
