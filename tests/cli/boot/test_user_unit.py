"""startup and unstartup with a systemd that obeys: what is written, said and taken back."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from webqx_supervisor.cli.boot.wanted import me


@pytest.fixture
def units(home, with_systemd):
    return home / ".config" / "systemd" / "user"


def everything(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_it_is_written_enabled_and_told(run, units, program):
    said = run("startup")
    unit = units / "webqx-sv-clinic.service"
    link = units / "default.target.wants" / unit.name
    assert link.readlink() == unit
    assert sys.executable in unit.read_text()
    assert f"PATH={os.environ['PATH']}" in unit.read_text()
    assert "systemctl --user --no-ask-password daemon-reload" in program.told()
    assert f"loginctl --no-ask-password enable-linger {me()}" in program.told()
    for words in (f"wrote {unit}", "enabled", "linger", "PATH will be the one of now"):
        assert words in said
    assert "systemctl --user start webqx-sv-clinic.service" in said


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd is installed")
@pytest.mark.parametrize("scope", ["user", "system"])
def test_systemd_analyze_has_no_word_to_say(run, units, file, scope, monkeypatch):
    odd = file.parent / "100% $HOME 'a' \"b\" \\c;d"
    odd.mkdir()
    file.rename(odd / file.name)
    monkeypatch.setenv("PATH", str(odd), prepend=":")
    words = ["--system", "--user", "root"] if scope == "system" else []
    unit = odd / "webqx-sv-clinic.service"
    unit.write_text(run("startup", "systemd", "--print", *words, at=odd / file.name))
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/tmp")  # there must be one
    verify = ["systemd-analyze", "verify", f"--{scope}", "--man=no", str(unit)]
    done = subprocess.run(verify, capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if unit.name in line]  # not the machine's
    assert (done.returncode, ours) == (0, [])


def test_a_second_time_changes_nothing(run, units):
    run("startup")
    before = (units / "webqx-sv-clinic.service").stat()
    assert "is as it should be" in run("startup")
    assert (units / "webqx-sv-clinic.service").stat().st_mtime_ns == before.st_mtime_ns


def test_unstartup_leaves_nothing_and_may_come_twice(run, units, program):
    run("startup")
    run("unstartup")
    assert everything(units) == ["default.target.wants"]
    assert f"loginctl --no-ask-password disable-linger {me()}" in program.told()
    assert "nothing to take back" in run("unstartup")


def test_a_linger_of_somebody_elses_stays(run, units, with_systemd, program):
    (with_systemd / me()).touch()
    assert "lingers" in run("startup")
    run("unstartup")
    assert not [line for line in program.told() if "linger" in line]


def test_the_linger_stays_as_long_as_a_project_needs_it(run, units, file, program):
    other = file.with_name("other.toml")
    other.write_text(file.read_text().replace("clinic", "other"))
    run("startup")
    run("startup", at=other)
    run("unstartup")
    assert not [line for line in program.told() if "disable-linger" in line]
    run("unstartup", at=other)
    assert [line for line in program.told() if "disable-linger" in line]


def test_who_may_not_linger_is_told_what_to_do(run, units, program):
    program("loginctl", "echo 'Access denied' >&2; exit 1")
    said = run("startup")
    assert f"loginctl enable-linger {me()}" in said
    assert "first login" in said
    run("unstartup")
    assert not [line for line in program.told() if "disable-linger" in line]


def test_a_systemd_that_does_not_answer(run, units, program):
    program("systemctl", "echo 'Failed to connect to bus' >&2; exit 1")
    assert "does not answer here" in run("startup")
    assert (units / "default.target.wants" / "webqx-sv-clinic.service").exists()


def test_without_enabling(run, units):
    said = run("startup", "--no-enable")
    assert "systemctl --user enable webqx-sv-clinic.service" in said
    assert everything(units) == ["webqx-sv-clinic.service"]


def test_printing_changes_nothing(run, units, program):
    assert "[Service]" in run("startup", "--print")
    assert "[Service]" in run("startup", "--dry-run")
    assert not units.exists()


def test_json(run, units):
    said = json.loads(run("startup", "--json"))
    assert said["by"] == ["systemd"]
    assert said["files"] == [str(units / "webqx-sv-clinic.service")]
    assert said["to_do"][-1]["command"] == "systemctl --user start webqx-sv-clinic.service"
    assert json.loads(run("unstartup", "--json"))["files"]


def test_a_wrong_file_writes_nothing(run, units, file):
    file.write_text("[services.api]\ncomand = 1\n")
    assert "did you mean" in run("startup", code=78)
    assert not units.exists()


def test_a_file_that_is_gone_can_be_taken_back(run, units, file):
    run("startup")
    file.unlink()
    assert "no such file" in run("startup", code=78)
    assert "removed" in run("unstartup")


def test_a_new_name_takes_the_unit_along(run, units, file):
    run("startup")
    file.write_text(file.read_text().replace("clinic", "hospital"))
    run("startup")
    assert everything(units) == [
        "default.target.wants",
        "default.target.wants/webqx-sv-hospital.service",
        "webqx-sv-hospital.service",
        "webqx-sv.linger",
    ]


def test_another_project_of_the_same_name_is_not_pushed_out(run, units, file):
    other = file.with_name("other.toml")
    other.write_text(file.read_text())
    run("startup")
    assert "same name" in run("startup", at=other, code=1)
    file.unlink()  # it was moved
    assert "wrote anew" in run("startup", at=other)


def test_a_unit_that_somebody_wrote_by_hand_is_left_alone(run, units):
    units.mkdir(parents=True)
    (units / "webqx-sv-clinic.service").write_text("[Unit]\n")
    assert "not written by webqx-sv startup" in run("startup", code=1)
    run("unstartup")
    assert (units / "webqx-sv-clinic.service").read_text() == "[Unit]\n"


def test_a_folder_that_cannot_be_written(run, units):
    units.parent.parent.mkdir()
    units.parent.write_text("a file where the folder should be")
    assert "cannot write" in run("startup", code=1)


def test_a_start_that_fails_says_where_to_look(run, units, program):
    program("systemctl", 'case "$*" in *"start webqx"*) echo broken >&2; exit 1;; *) exit 3;; esac')
    said = run("startup", "--now", code=1)
    assert "broken" in said
    assert "journalctl --user -n 20 -u webqx-sv-clinic.service" in said


@pytest.mark.parametrize(
    "words",
    [
        ["--user", "root"],
        ["--system", "--user", "nobody-by-this-name"],
        ["upstart"],
        ["cron", "--print", "--no-enable"],
        ["cron", "--print", "--system"],
        ["cron", "--print", "--now"],
    ],
)
def test_wrong_words(run, units, words):
    run("startup", *words, code=2)


def test_an_installation_that_only_this_folder_can_import(run, units, monkeypatch):
    monkeypatch.setattr("webqx_supervisor.cli.boot.wanted.command", lambda: ("false",))
    assert "does not run outside" in run("startup", code=1)
    monkeypatch.setattr("webqx_supervisor.cli.boot.wanted.command", lambda: ("/no/such",))
    assert "does not run outside" in run("startup", code=1)


def test_without_root_the_system_is_out_of_reach(run, units, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1)
    said = run("startup", "--system", "--user", "root", code=1)
    assert "sudo env" in said
    assert f"PATH={os.environ['PATH']}" in said
    assert "startup --system --user root" in said


def test_a_unit_of_the_system_is_named_beside_the_users(run, units, file):
    run("startup", "--system", "--user", "root")
    assert f"unstartup -c {file} --system" in run("unstartup")
    said = run("startup")
    assert "system/webqx-sv-clinic.service starts it as well" in said
    run("unstartup")
    run("unstartup", "--system")
    assert "nothing to take back" in run("unstartup", "--system")
