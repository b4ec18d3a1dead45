"""The verb `doctor` on this machine, with and without a services.toml and a daemon."""

import json
import socket

import helpers
import pytest
from click.testing import CliRunner

from webqx_supervisor.cli.boot import cron, systemd
from webqx_supervisor.cli.main import main
from webqx_supervisor.process import machine


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Stand in a folder, on a machine that is well in all that this test cannot choose."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WEBQX_SV_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr(machine, "has_pidfd", lambda: True)
    monkeypatch.setattr(machine, "room", lambda _: (10**12, 10**6))
    monkeypatch.setattr(machine, "hard_nofile", lambda: 10**6)
    monkeypatch.setattr(systemd, "SYSTEM_UNITS", tmp_path / "system")
    return tmp_path


@pytest.fixture
def port():
    return helpers.free_ports()


def doctor(code, *words):
    """Return the findings that are not ok, as (topic, level, text) with the remedies at hand."""
    done = CliRunner().invoke(main, ["doctor", "--json", *words])
    assert done.exit_code == code, done.output
    answer = json.loads(done.stdout)
    assert answer["well"] == (code == 0)
    return [finding for finding in answer["findings"] if finding["level"] != "ok"]


def of(findings, topic):
    return [finding for finding in findings if finding["topic"] == topic]


def test_without_a_file_the_machine_is_looked_at(folder):
    findings = doctor(0)
    assert of(findings, "file")[0]["remedy"] == "webqx-sv init"
    assert not of(findings, "ports")


def test_a_file_that_was_named_must_be_there(folder):
    assert CliRunner().invoke(main, ["doctor", "-c", "none.toml"]).exit_code == 78


def test_a_right_file(folder, port):
    (folder / "services.toml").write_text(
        f'[services.api]\ncommand = "true"\nport = {port}\nlisten = {port + 4}\n'
    )
    findings = doctor(0)
    assert not of(findings, "file") + of(findings, "ports") + of(findings, "programs")
    assert of(findings, "daemon")[0]["remedy"] == "webqx-sv start"
    assert of(findings, "boot")[0]["remedy"] == "webqx-sv startup"


def test_a_wrong_file_and_a_missing_program(folder):
    (folder / "services.toml").write_text("[services.api]\ncomand = 1\n")
    assert len(of(doctor(1), "file")) == 2
    (folder / "services.toml").write_text('[services.api]\ncommand = "no-such-program"\n')
    (finding,) = of(doctor(1), "programs")
    assert "no-such-program" in finding["text"]


def test_a_secret_that_is_not_there(folder):
    (folder / "services.toml").write_text(
        '[services.api]\ncommand = "true"\nsecrets = { DB = "file:gone" }\n'
    )
    (finding,) = of(doctor(0), "secrets")
    assert "services.toml:3: services.api.secrets.DB: cannot read" in finding["text"]


def test_ports_that_somebody_has(folder, port):
    (folder / "services.toml").write_text(
        f'[services.api]\ncommand = "true"\nport = {port}\nlisten = {port + 4}\n'
    )
    for taken, whose in ((port, "of api"), (port + 4, "127.0.0.1")):
        with socket.create_server(("127.0.0.1", taken)):
            (finding,) = of(doctor(1), "ports")
        assert finding["level"] == "problem"
        assert str(taken) in finding["text"]
        assert whose in finding["text"]


def test_an_address_that_is_not_here(folder, port):
    (folder / "services.toml").write_text(
        f'[services.api]\ncommand = "true"\nport = {port}\nlisten = "192.0.2.1:{port + 4}"\n'
    )
    (finding,) = of(doctor(1), "ports")
    assert "cannot listen there" in finding["text"]


def test_low_ports_and_those_of_the_kernel(folder, port, monkeypatch):
    monkeypatch.setattr(machine, "may_bind_low", lambda: False)
    monkeypatch.setattr(machine, "first_unprivileged_port", lambda: port + 1)
    monkeypatch.setattr(machine, "port_range", lambda: (port + 4, port + 9))
    (folder / "services.toml").write_text(
        f'[services.api]\ncommand = "true"\nport = {port}\nlisten = {port + 4}\n'
    )
    kernels, low = of(doctor(1), "ports")
    assert (kernels["level"], low["level"]) == ("warning", "problem")


def test_a_disk_that_is_full(folder, monkeypatch):
    (folder / "services.toml").write_text('[services.api]\ncommand = "true"\n')
    monkeypatch.setattr(machine, "room", lambda _: (1000, 10**6))
    assert of(doctor(1), "disk")


def test_too_many_folders_to_watch(folder, monkeypatch):
    (folder / "src" / "deep").mkdir(parents=True)
    (folder / "services.toml").write_text('[services.api]\ncommand = "true"\nwatch = ["src"]\n')
    limits = {f"/proc/sys/fs/inotify/max_user_{what}": 1 for what in ("watches", "instances")}
    monkeypatch.setattr(machine, "number", limits.get)
    monkeypatch.setattr(machine, "inotify_instances", lambda: 1)
    folders, instances = of(doctor(1), "watch")
    assert "more than 1 folders" in folders["text"]
    assert "1 of the 1 inotify instances" in instances["text"]


def test_a_unit_whose_program_is_gone(folder, monkeypatch):
    monkeypatch.setattr(systemd, "BOOTED", folder)
    monkeypatch.setattr("webqx_supervisor.cli.boot.wanted.command", lambda: ("true",))
    (folder / "services.toml").write_text('[services.api]\ncommand = "true"\n')
    assert CliRunner().invoke(main, ["startup", "systemd", "--no-enable"]).exit_code == 0
    levels = [finding["level"] for finding in of(doctor(1), "boot")]
    assert levels == ["problem"]


def test_a_unit_of_a_project_that_was_moved(folder):
    units = folder / "home" / ".config" / "systemd" / "user"
    units.mkdir(parents=True)
    (units / "webqx-sv-old.service").write_text("# services.toml: /gone/services.toml\n")
    (finding,) = of(doctor(0), "boot")
    assert "unstartup -c /gone/services.toml" in finding["remedy"]


def test_a_crontab_without_its_line(folder, monkeypatch):
    script = folder / "home" / ".config" / "webqx-sv" / "boot-x.sh"
    script.parent.mkdir(parents=True)
    script.write_text(f"# services.toml: {folder / 'services.toml'}\nexec /bin/sh start\n")
    (folder / "services.toml").write_text('[services.api]\ncommand = "true"\n')
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    (folder / "crontab").write_text("#!/bin/sh\nexit 0\n")
    (folder / "crontab").chmod(0o755)
    assert cron.crontab() == ""
    assert [finding["level"] for finding in of(doctor(0), "boot")] == ["warning"]


def test_for_people(folder):
    (folder / "services.toml").write_text('[services.api]\ncommand = "no-such-program"\n')
    said = CliRunner().invoke(main, ["doctor"]).output
    assert "problem  programs: services.toml:2: services.api.command:" in said.replace(
        f"{folder}/", ""
    )
    assert "\n         do: install it" in said
    assert "1 problem, " in said
