"""A home of the test's own, and programs that stand in for those of the machine."""

import pytest
from click.testing import CliRunner

from webqx_supervisor.cli.boot import cron, systemd
from webqx_supervisor.cli.main import main


@pytest.fixture
def home(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("WEBQX_SV_HOME", str(home / "state"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "no-runtime"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return home


@pytest.fixture
def file(home):
    folder = home / "clinic"
    folder.mkdir()
    file = folder / "services.toml"
    file.write_text('[daemon]\nname = "clinic"\n[services.api]\ncommand = "true"\n')
    return file


@pytest.fixture
def run(file):
    def run(*words, code=0, at=file):
        done = CliRunner().invoke(main, [words[0], "-c", str(at), *words[1:]])
        assert done.exit_code == code, done.output
        return done.output

    return run


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Give a function that puts a shell script on the PATH; `told` has its calls."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=":")

    def program(name, script="exit 0"):
        path = folder / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>{tmp_path}/told\n{script}\n')
        path.chmod(0o755)

    program.told = lambda: (tmp_path / "told").read_text().splitlines()
    program.forget = lambda: (tmp_path / "told").unlink(missing_ok=True)
    return program


@pytest.fixture
def with_systemd(tmp_path, monkeypatch, program):
    """Make this a machine with systemd: a user manager that obeys, a user who may linger."""
    lingering = tmp_path / "linger"
    lingering.mkdir()
    monkeypatch.setattr(systemd, "BOOTED", tmp_path)
    monkeypatch.setattr(systemd, "LINGERING", lingering)
    monkeypatch.setattr(systemd, "SYSTEM_UNITS", tmp_path / "system")
    program("systemctl", 'case "$*" in *is-active*) exit 3;; --version) echo "systemd 252";; esac')
    program("loginctl")
    return lingering


@pytest.fixture
def with_cron(monkeypatch, tmp_path, program):
    """Make this a machine without systemd, whose crontab is a file."""
    spool = tmp_path / "spool"
    monkeypatch.setattr(systemd, "BOOTED", tmp_path / "none")
    program(
        "crontab",
        f'case "$1" in -l) cat {spool} 2>/dev/null || '
        '{ echo "no crontab for ada" >&2; exit 1; };; '
        f"-r) rm {spool};; -) cat >{spool};; esac",
    )
    assert cron.is_here()
    return spool
