"""startup by cron and by launchd, with programs that stand in for theirs."""

import pytest

from webqx_supervisor.cli.boot import systemd, verbs


def test_cron(run, home, with_cron):
    with_cron.write_text("MAILTO=ada\n0 4 * * * backup\n")
    assert "added a line" in run("startup")
    script = home / ".config" / "webqx-sv" / "boot-clinic.sh"
    line = f"@reboot /bin/sh {script} # webqx-sv: clinic"
    assert with_cron.read_text() == f"MAILTO=ada\n0 4 * * * backup\n{line}\n"
    assert "has its line" in run("startup")
    run("unstartup")
    assert with_cron.read_text() == "MAILTO=ada\n0 4 * * * backup\n"
    assert not script.parent.exists()
    assert "nothing to take back" in run("unstartup")


def test_one_alone_starts_it(run, home, with_cron, monkeypatch, tmp_path, program):
    run("startup", "cron")
    program("systemctl", "exit 1")
    monkeypatch.setattr(systemd, "BOOTED", tmp_path)
    said = run("startup", "systemd")
    assert "removed the line from the crontab" in said
    assert not with_cron.exists()
    assert not (home / ".config" / "webqx-sv").exists()
    run("startup", "cron")
    assert not list((home / ".config" / "systemd").rglob("webqx-sv-*"))


def test_cron_says_how_to_start_now(run, file, with_cron):
    assert f"start -c {file}" in run("startup")


def test_a_crontab_that_was_not_there_is_gone_again(run, with_cron):
    run("startup")
    assert with_cron.exists()
    run("unstartup")
    assert not with_cron.exists()


def test_a_new_name_takes_its_line_along(run, file, with_cron):
    run("startup")
    file.write_text(file.read_text().replace("clinic", "hospital"))
    run("startup")
    assert [line.rpartition(" ")[2] for line in with_cron.read_text().splitlines()] == ["hospital"]


@pytest.mark.parametrize("failing", ["-l", "-"])
def test_a_crontab_that_may_not_be_used(run, with_cron, program, failing):
    no = 'echo "You (ada) are not allowed" >&2; exit 1'
    program("crontab", f'[ "$1" = {failing} ] && {{ {no}; }}; exit 0')
    assert "not allowed" in run("startup", code=1)


def test_a_cron_that_does_not_know_boots(run, with_cron, tmp_path):
    box = tmp_path / "bin" / "busybox"
    (tmp_path / "bin" / "crontab").rename(box)
    (tmp_path / "bin" / "crontab").symlink_to(box)
    assert "neither systemd nor cron" in run("startup", code=1)
    assert "cron does not run here" in run("startup", "cron", code=1)


def test_what_is_not_here_can_be_printed_only(run, with_cron):
    assert "systemd does not run here" in run("startup", "systemd", code=1)
    assert "[Unit]" in run("startup", "systemd", "--print")
    assert "<plist" in run("startup", "launchd", "--print")
    assert "@reboot" in run("startup", "cron", "--print")


@pytest.fixture
def macos(monkeypatch, program, tmp_path, home):
    monkeypatch.setattr(verbs, "_is_macos", lambda: True)
    monkeypatch.setattr(systemd, "BOOTED", tmp_path / "none")
    program("launchctl", f'case "$1" in print) test -e {tmp_path}/loaded;; esac')
    return home / "Library" / "LaunchAgents" / "webqx-sv.clinic.plist"


def test_launchd(run, macos, program, tmp_path):
    said = run("startup")
    assert macos.exists()
    assert "at your login" in said
    assert "launchctl bootstrap gui/" in said
    program.forget()
    run("startup", "--now")
    assert [line for line in program.told() if line.startswith("launchctl bootstrap gui/")]
    (tmp_path / "loaded").touch()
    assert "runs already" in run("startup", "--now")
    assert "launchctl bootout gui/" in run("unstartup")
    assert not macos.exists()


def test_launchd_stops_at_once_when_asked(run, macos, program, tmp_path):
    run("startup")
    (tmp_path / "loaded").touch()
    job = tmp_path / "loaded"
    program("launchctl", f'case "$1" in bootout) rm {job};; print) test -e {job};; esac')
    assert "stopped webqx-sv.clinic.plist" in run("unstartup", "--now")
    assert not job.exists()
    assert not macos.exists()


def test_a_launchd_that_refuses(run, macos, program):
    program("launchctl", "echo 'Bootstrap failed: 5' >&2; exit 5")
    assert "Bootstrap failed: 5" in run("startup", "--now", code=1)
