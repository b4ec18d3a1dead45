"""What `startup` writes, under a real systemd: the system's manager and a user's."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import helpers
import psutil
import pytest
from load import failures, load, wait_for_answers
from pid1 import Systemd, why_not
from project import PYTHON, Project

MISSING = why_not() if sys.platform == "linux" else "systemd is Linux'"
pytestmark = [pytest.mark.timeout(120), pytest.mark.skipif(bool(MISSING), reason=MISSING)]


@pytest.fixture(scope="module")
def systemd(tmp_path_factory):
    systemd = Systemd(tmp_path_factory.mktemp("systemd"))
    target = "[Unit]\nDescription=What a boot leads to\nDefaultDependencies=no\n"
    (systemd.units / "multi-user.target").write_text(target)
    try:
        systemd.boot()
        yield systemd
    finally:
        systemd.close()


class Machine:
    """The project on it: `name` is the unit's, once there is one."""

    def __init__(self, systemd, project):
        self.systemd = systemd
        self.project = project
        project.env["HOME"] = str(project.folder)
        project.wrap = (*systemd.inside, "env", f"--chdir={project.folder}")

    @property
    def name(self):
        units = self.systemd.units.glob("webqx-sv-*.service")
        return next(unit.name for unit in units)

    def ask(self, *words, code=0):
        return self.systemd.systemctl(*words, code=code).strip()

    def shows(self, name):
        return self.ask("show", "--value", "--property", name, self.name)

    def change(self, text):
        """Change the unit by a drop-in, as its head says."""
        drop_in = self.systemd.units / f"{self.name}.d" / "play.conf"
        drop_in.parent.mkdir()
        drop_in.write_text(f"[Service]\n{text}\n")
        self.ask("daemon-reload")

    def inner(self, pid):
        """Return what this pid of the namespace is out here."""
        for process in psutil.process_iter():
            with contextlib.suppress(OSError):
                status = Path(f"/proc/{process.pid}/status").read_text()
                seen = status.partition("NSpid:")[2].partition("\n")[0].split()
                if len(seen) > 1 and seen[-1] == str(pid):
                    return process.pid
        raise AssertionError(f"no process is {pid} in there")

    def clean_up(self):
        for unit in self.systemd.units.glob("webqx-sv-*"):
            self.ask("kill", "--signal=KILL", "--kill-whom=all", unit.name, code=None)
            self.ask("stop", unit.name, code=None)
            subprocess.run(["rm", "-rf", str(unit)], check=True)
        for link in self.systemd.units.glob("*.wants/webqx-sv-*"):
            link.unlink()
        self.ask("daemon-reload")


@pytest.fixture
def machine(systemd, project):
    machine = Machine(systemd, project)
    project.service()
    try:
        yield machine
    finally:
        machine.clean_up()


def test_a_boot_starts_it_and_unstartup_undoes_that(machine, project):
    said = project.cli("startup", "--system")
    assert "enabled webqx-sv-" in said
    assert machine.ask("is-enabled", machine.name) == "enabled"
    assert machine.ask("is-active", machine.name, code=3) == "inactive"
    assert project.run("status").returncode == 3
    machine.ask("start", "multi-user.target")
    helpers.until(lambda: machine.shows("ActiveState") == "active")
    project.all_running(2)
    machine.ask("stop", machine.name)
    machine.ask("stop", "multi-user.target")
    assert "removed" in project.cli("unstartup", "--system")
    assert list(machine.systemd.units.glob("**/webqx-sv-*")) == []
    machine.ask("start", "multi-user.target")
    assert project.run("status").returncode == 3
    assert "nothing to take back" in project.cli("unstartup", "--system")


def test_systemd_finds_no_fault_with_the_unit(machine, project):
    odd = project.folder / "100% $HOME 'a' \"b\" \\c;d"
    odd.mkdir()
    project.file = odd / "services.toml"
    project.service()
    project.env["PATH"] = f"{odd}:{os.environ['PATH']}"
    project.cli("startup", "--system", "-c", str(project.file))
    unit = machine.systemd.units / machine.name
    verify = [*machine.systemd.inside, "systemd-analyze", "verify", "--man=no", str(unit)]
    done = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    machine.ask("start", machine.name)
    pid = int(machine.shows("MainPID"))
    environ = subprocess.run(
        [*machine.systemd.inside, "cat", f"/proc/{pid}/environ"], capture_output=True, check=True
    ).stdout
    assert f"PATH={odd}:{os.environ['PATH']}".encode() in environ.split(b"\0")
    assert "RUNNING" in project.cli("status", "-c", str(project.file))
    machine.ask("reload", machine.name)


def test_a_daemon_that_hangs_is_killed_and_nobody_notices(machine, project):
    project.cli("startup", "--system")
    log = project.folder / "unit.log"
    machine.change(f"WatchdogSec=10s\nStandardError=append:{log}")
    machine.ask("start", machine.name)
    workers = project.all_running(2)
    before = project.status()["daemon"]["pid"]
    with load(project.listen, "keep", "close", "slow", "post", "ws") as clients:
        wait_for_answers(clients, 3)
        machine.ask("kill", "--signal=STOP", "--kill-whom=main", machine.name)
        helpers.until(lambda: machine.shows("MainPID") not in ("0", str(before)), 60)
        helpers.until(lambda: project.run("status").returncode == 0)
        wait_for_answers(clients, 3)
    assert failures(clients) == []
    assert project.pids() == [worker["pid"] for worker in workers]
    assert machine.shows("NRestarts") == "1"
    assert "Fatal Python error: Aborted" in log.read_text()  # and where it was


def test_a_daemon_that_is_well_is_left_alone_by_the_watchdog(machine, project):
    project.cli("startup", "--system")
    machine.change("WatchdogSec=4s")
    machine.ask("start", machine.name)
    project.all_running(2)
    stamp = machine.shows("WatchdogTimestampMonotonic")
    later = helpers.until(lambda: machine.shows("WatchdogTimestampMonotonic") != stamp)
    assert later
    seen = {machine.shows("WatchdogTimestampMonotonic")}
    helpers.until(
        lambda: seen.add(machine.shows("WatchdogTimestampMonotonic")) or len(seen) > 4, 60
    )
    assert machine.shows("NRestarts") == "0"


def test_now_hands_a_running_daemon_over(machine, project):
    project.cli("start")
    keeper = project.status()["daemon"]["keeper_pid"]
    assert keeper
    assert "startup --system --now" in project.cli("startup", "--system")
    assert project.status()["daemon"]["keeper_pid"] == keeper
    said = project.cli("startup", "--system", "--now")
    assert "stopped the daemon that ran by itself" in said
    project.all_running(2)
    assert project.status()["daemon"]["keeper_pid"] is None
    assert "runs already" in project.cli("startup", "--system", "--now")


def test_a_unit_that_is_started_beside_a_daemon_waits_for_its_end(machine, project):
    project.cli("startup", "--system")
    project.cli("start")
    pids = project.pids()
    machine.ask("start", "--no-block", machine.name)
    helpers.until(lambda: "waiting until" in machine.shows("StatusText"))
    assert project.pids() == pids
    project.cli("stop")
    helpers.until(lambda: machine.shows("ActiveState") == "active")
    project.all_running(2)
    assert machine.shows("NRestarts") == "0"


def test_a_new_path_is_taken_over_without_a_stop(machine, project):
    project.cli("startup", "--system", "--now")
    project.all_running(2)
    project.env["PATH"] = f"/opt/node-99:{os.environ['PATH']}"
    said = project.cli("startup", "--system")
    assert "upgrade && " in said
    with load(project.listen, "keep", "close") as clients:
        wait_for_answers(clients, 3)
        project.cli("upgrade")
        project.cli("reload")
        wait_for_answers(clients, 3)
    assert failures(clients) == []
    for pid in project.pids():
        environ = [*machine.systemd.inside, "cat", f"/proc/{pid}/environ"]
        held = subprocess.run(environ, capture_output=True, check=True).stdout
        assert f"PATH={project.env['PATH']}".encode() in held.split(b"\0")


def test_a_project_that_was_moved(machine, project):
    project.cli("startup", "--system")
    place = project.folder / "new"
    place.mkdir()
    project.file = project.file.rename(place / project.file.name)
    machine.ask("start", machine.name, code=1)
    assert machine.shows("ExecMainStatus") == "78"
    assert machine.shows("NRestarts") == "0"
    project.cli("unstartup", "--system")  # by the path where it was
    assert list(machine.systemd.units.glob("**/webqx-sv-*")) == []
    project.cli("startup", "--system", "--now", "-c", str(project.file))
    assert "RUNNING" in project.cli("status", "-c", str(project.file))


def test_unstartup_leaves_what_runs_its_unit(machine, project):
    project.cli("startup", "--system", "--now")
    pids = [worker["pid"] for worker in project.all_running(2)]
    assert "it runs on" in project.cli("unstartup", "--system")
    assert machine.ask("is-enabled", machine.name, code=1) == "disabled"
    before = project.status()["daemon"]["pid"]
    machine.ask("kill", "--signal=KILL", "--kill-whom=main", machine.name)
    helpers.until(lambda: machine.shows("MainPID") not in ("0", str(before)))
    helpers.until(lambda: project.run("status").returncode == 0)
    assert project.pids() == pids
    assert "stopped webqx-sv-" in project.cli("unstartup", "--system", "--now")
    assert project.processes() == []
    assert list(machine.systemd.units.glob("**/webqx-sv-*")) == []


@pytest.fixture
def open_project(systemd):
    """Give a project in a folder that every user can come to."""
    with tempfile.TemporaryDirectory(prefix="sv-") as folder:
        Path(folder).chmod(0o755)
        project = Project(Path(folder))
        try:
            yield project
        finally:
            project.clean_up()


def test_another_user_runs_it(systemd, open_project):
    closed = [path for path in Path(PYTHON).resolve().parents if not path.stat().st_mode & 0o001]
    if closed:
        pytest.skip(f"another user cannot come to this Python, through {closed[0]}")
    machine, project = Machine(systemd, open_project), open_project.service()
    project.home.mkdir()
    shutil.chown(project.home, "nobody")
    try:
        project.cli("startup", "--system", "--user", "nobody", "--now")
        project.all_running(2)
        assert machine.shows("User") == "nobody"
        worker = psutil.Process(machine.inner(project.pids()[0]))
        assert worker.username() == "nobody"
    finally:
        machine.clean_up()


@pytest.fixture
def manager(machine, project):
    """Give the project's user a manager: systemctl --user words → what it says."""
    runtime = project.folder / "runtime"
    runtime.mkdir(mode=0o700)
    project.env["XDG_RUNTIME_DIR"] = str(runtime)
    (project.folder / ".config" / "systemd" / "user").mkdir(parents=True)
    unit = machine.systemd.units / "play-user.service"
    unit.write_text(
        "[Service]\nType=notify\nDelegate=yes\nKillMode=mixed\n"
        f"Environment=HOME={project.folder} XDG_RUNTIME_DIR={runtime} PATH={os.environ['PATH']}\n"
        "UnsetEnvironment=SYSTEMD_UNIT_PATH\n"
        "ExecStart=/lib/systemd/systemd --user --log-target=console\n"
    )
    machine.ask("daemon-reload")
    machine.ask("start", unit.name)

    def systemctl(*words, code=0):
        command = [*machine.systemd.inside, "systemctl", "--user", "--no-pager", *words]
        done = subprocess.run(
            command, env=project.env, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout.strip()

    yield systemctl
    machine.ask("kill", "--signal=KILL", "--kill-whom=all", unit.name, code=None)
    unit.unlink()


def test_a_unit_of_the_user(manager, machine, project):
    said = project.cli("startup")
    name = next((project.folder / ".config/systemd/user").glob("*.service")).name
    assert "loginctl enable-linger" in said  # there is no logind in these namespaces
    assert manager("is-enabled", name) == "enabled"
    manager("start", "default.target")
    manager("start", name)
    workers = project.all_running(2)
    assert project.status()["daemon"]["keeper_pid"] is None
    before = manager("show", "--value", "--property", "MainPID", name)
    manager("kill", f"--signal={signal.SIGKILL.name}", "--kill-whom=main", name)
    helpers.until(
        lambda: manager("show", "--value", "--property", "MainPID", name) not in ("0", before)
    )
    helpers.until(lambda: project.run("status").returncode == 0)
    assert project.pids() == [worker["pid"] for worker in workers]
    project.cli("unstartup", "--now")
    assert project.processes() == []
    assert list((project.folder / ".config/systemd/user").glob("**/webqx*")) == []
