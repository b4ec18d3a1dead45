"""The unit of docs/systemd.md under a real systemd, which is the keeper there."""

import itertools
import subprocess
import sys

import helpers
import httpx
import pytest
from load import failures, load, nobody_listens, wait_for_answers
from pid1 import Systemd, Unit, why_not
from project import PYTHON, ROOT

MISSING = why_not() if sys.platform == "linux" else "systemd is Linux'"
pytestmark = [pytest.mark.timeout(120), pytest.mark.skipif(bool(MISSING), reason=MISSING)]
PAGE = ROOT / "docs" / "systemd.md"
numbers = itertools.count()


@pytest.fixture(scope="module")
def systemd(tmp_path_factory):
    systemd = Systemd(tmp_path_factory.mktemp("systemd"))
    try:
        systemd.boot()
        yield systemd
    finally:
        systemd.close()


@pytest.fixture
def unit(systemd, project):
    """Give the unit of the page, for the project; its command line works inside."""
    unit = Unit(systemd, f"clinic-{next(numbers)}.service")
    write(unit, project)
    project.service()
    project.wrap = (*systemd.inside, "env", f"--chdir={project.folder}")
    yield unit
    unit.remove()


def write(unit, project, more=""):
    """Write the unit as the page has it, and beside it what is different on this machine."""
    text = PAGE.read_text().partition("```ini\n")[2].partition("```")[0]
    command = f"{PYTHON} -m webqx_supervisor"
    log = project.folder / "unit.log"
    unit.write(
        text,
        f"""
[Service]
User=
WorkingDirectory={project.folder}
Environment=WEBQX_SV_HOME={project.home} PYTHONPATH={ROOT}
StandardOutput=append:{log}
StandardError=append:{log}
ExecStart=
ExecStart={command} start --foreground
ExecReload=
ExecReload={command} apply
{more}
""",
    )


def kill_daemon(unit, project):
    """kill -9 the daemon, and wait for the next one."""
    before = project.status()["daemon"]["pid"]
    unit.do("kill", "--signal=KILL", "--kill-whom=main")
    helpers.until(lambda: unit.shows("MainPID") not in ("0", str(before)))
    helpers.until(lambda: project.run("status").returncode == 0)
    assert project.status()["daemon"]["pid"] != before


def test_the_unit_of_the_page_is_in_order(unit):
    command = ["systemd-analyze", "verify", "--man=no", str(unit.file)]
    done = subprocess.run(
        [*unit.systemd.inside, *command], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""  # an unknown key is a line there, and no failure


def test_kill_9_of_the_daemon_is_seen_by_nobody(unit, project):
    unit.do("start")
    project.all_running(2)
    before = project.status()
    with load(project.listen, "keep", "close", "slow", "post", "events", "ws") as clients:
        for _ in range(3):
            wait_for_answers(clients, 3)
            kill_daemon(unit, project)
        wait_for_answers(clients, 3)
        after = project.status()
    assert failures(clients) == []
    assert [p["pid"] for p in after["proxies"]] == [p["pid"] for p in before["proxies"]]
    assert project.pids() == [w["pid"] for w in before["services"][0]["workers"]]
    assert unit.shows("NRestarts") == "3"


def test_workers_have_cgroups_where_systemd_delegates_its_own(unit, project):
    write(unit, project, "Delegate=yes")
    unit.do("start")
    workers = project.all_running(2)
    httpx.get(f"{project.url}/hide")
    helpers.until(lambda: "sleep" in inside(unit, "ps", "-A", "-o", "comm="))
    before = {worker["pid"]: cgroup_of(unit, worker["pid"]) for worker in workers}
    assert len(set(before.values())) == 2
    assert all(f"/{unit.file.name}/workers-" in each for each in before.values())
    kill_daemon(unit, project)
    kept = {worker["pid"]: cgroup_of(unit, worker["pid"]) for worker in project.all_running(2)}
    assert kept == before
    project.cli("restart")
    helpers.until(lambda: "sleep" not in inside(unit, "ps", "-A", "-o", "comm="))


def cgroup_of(unit, pid):
    lines = inside(unit, "cat", f"/proc/{pid}/cgroup").splitlines()
    return next(line for line in lines if line.startswith("0::"))


def inside(unit, *command):
    """Return what a command prints beside the unit."""
    whole = [*unit.systemd.inside, *command]
    return subprocess.run(whole, capture_output=True, text=True, check=True).stdout


def test_what_workers_write_meanwhile_is_not_lost(unit, project):
    write(unit, project, "RestartSec=2s")
    unit.do("start")
    project.all_running(2)
    unit.do("kill", "--signal=KILL", "--kill-whom=main")
    httpx.get(f"{project.url}/say/while-nobody-reads")
    helpers.until(lambda: "while-nobody-reads" in project.run("logs").stdout)


def test_the_next_daemon_supervises_and_the_store_does_not_grow(unit, project):
    unit.do("start")
    project.all_running(2)
    stored = unit.shows("NFileDescriptorStore")
    kill_daemon(unit, project)
    gone, stays = project.pids()
    subprocess.run([*unit.systemd.inside, "kill", "-9", str(gone)], check=True)
    helpers.until(lambda: gone not in project.pids() and len(project.pids()) == 2)
    project.all_running(2)
    assert stays in project.pids()
    project.cli("reload")
    assert stays not in project.pids()
    helpers.until(lambda: unit.shows("NFileDescriptorStore") == stored == "8")  # as the page counts
    assert httpx.get(project.url).status_code == 200


def test_systemctl_stop_ends_all_in_good_order(unit, project):
    unit.do("start")
    project.all_running(2)
    kill_daemon(unit, project)
    with load(project.listen, "slow") as (client,):
        wait_for_answers([client], 2)
        unit.do("stop", "--no-block")
        client.stop()
    assert client.failures == []
    helpers.until(lambda: unit.shows("ActiveState") in ("inactive", "failed"))
    assert project.processes() == []
    assert nobody_listens(project.listen)
    assert (unit.shows("ActiveState"), unit.shows("Result")) == ("inactive", "success")
    unit.do("start")
    project.all_running(2)


def test_workers_that_outlast_the_time_to_stop_can_be_ended(unit, project):
    write(unit, project, "TimeoutStopSec=5s")
    project.service(STUBBORN="1", more='stop = { grace = "20s" }')
    unit.do("start")
    pids = {worker["pid"] for worker in project.all_running(2)}
    unit.do("stop")
    assert unit.shows("Result") == "timeout"
    helpers.until(lambda: len(project.processes()) == len(pids))
    unit.do("kill", "--kill-whom=all", "--signal=KILL")
    helpers.until(lambda: not project.processes())
    unit.do("start")
    project.all_running(2)


def test_systemctl_reload_applies_the_file(unit, project):
    unit.do("start")
    before = {worker["pid"] for worker in project.all_running(2)}
    project.service(more="instances = 3")
    unit.do("reload")
    assert before < {worker["pid"] for worker in project.all_running(3)}
    project.write("[broken")
    unit.do("reload", code=1)
    assert unit.shows("ActiveState") == "active"
    project.service(more="instances = 2")
    unit.do("kill", "--signal=HUP", "--kill-whom=main")
    project.all_running(2)


def test_systemctl_restart_takes_the_edited_file(unit, project):
    unit.do("start")
    project.all_running(2)
    project.service(more="instances = 1")
    project.write(f'[daemon]\nstate_dir = "{project.home}/elsewhere"\n{project.file.read_text()}')
    unit.do("restart")
    project.all_running(1)
    assert (project.home / "elsewhere" / "journal.json").exists()


def test_an_end_by_the_command_line_is_no_reason_to_start_again(unit, project):
    unit.do("start")
    project.cli("stop")
    helpers.until(lambda: unit.shows("ActiveState") in ("inactive", "failed"))
    assert (unit.shows("ActiveState"), unit.shows("Result")) == ("inactive", "success")
    assert project.processes() == []


def test_an_upgrade_is_seen_by_nobody(unit, project):
    unit.do("start")
    project.all_running(2)
    before = project.status()
    with load(project.listen, "keep", "close", "slow", "post", "ws") as clients:
        wait_for_answers(clients, 3)
        project.cli("upgrade")
        wait_for_answers(clients, 3)
    after = project.status()
    assert failures(clients) == []
    assert after["daemon"]["pid"] != before["daemon"]["pid"]
    old = before["proxies"][0]["pid"]
    helpers.until(lambda: old not in [each["pid"] for each in project.status()["proxies"]], 60)
    assert project.pids() == [w["pid"] for w in before["services"][0]["workers"]]


def test_a_wrong_file_is_not_tried_again(unit, project):
    project.write("[broken")
    unit.do("start", code=1)
    assert (unit.shows("ActiveState"), unit.shows("NRestarts")) == ("failed", "0")
    assert unit.shows("ExecMainStatus") == "78"


def test_a_file_that_is_wrong_by_now_does_not_keep_the_next_daemon_away(unit, project):
    unit.do("start")
    before = [worker["pid"] for worker in project.all_running(2)]
    good = project.file.read_text()
    project.write(f'[daemon]\nstate_dir = "{project.home}/elsewhere"\n{good}\n[broken')
    kill_daemon(unit, project)
    assert project.pids() == before


def test_a_file_that_names_another_place_does_not_bring_a_second_daemon(unit, project):
    unit.do("start")
    before = [worker["pid"] for worker in project.all_running(2)]
    project.write(f'[daemon]\nstate_dir = "{project.home}/elsewhere"\n{project.file.read_text()}')
    kill_daemon(unit, project)
    assert project.pids() == before


def test_a_start_by_hand_while_the_daemon_is_away_waits_for_it(unit, project):
    write(unit, project, "RestartSec=3s")
    unit.do("start")
    before = [worker["pid"] for worker in project.all_running(2)]
    unit.do("kill", "--signal=KILL", "--kill-whom=main")
    project.cli("start")
    assert project.status()["daemon"]["keeper_pid"] is None
    assert str(project.status()["daemon"]["pid"]) == unit.shows("MainPID")
    assert project.pids() == before


def test_a_control_socket_that_was_removed_is_made_anew(unit, project):
    unit.do("start")
    project.all_running(2)
    project.status_socket().unlink()
    helpers.until(project.status_socket().exists)
    assert len(project.pids()) == 2
