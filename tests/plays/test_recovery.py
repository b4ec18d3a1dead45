"""After the worst: a reboot, a recycled pid, a clock that was set, a full disk, no descriptors."""

import contextlib
import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import helpers
import httpx
import psutil
import pytest
from load import failures, load, wait_for_answers

pytestmark = pytest.mark.timeout(120)


def crash(project):
    """Have the whole machine end, as far as the project sees it; return the journal's path."""
    journal = project.state_dir() / "journal.json"
    managers = project.status()["daemon"]
    for pid in (managers["keeper_pid"], managers["pid"]):
        os.kill(pid, signal.SIGKILL)
    for process in project.processes():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    helpers.until(lambda: not project.processes())
    return journal


def edit(journal, change):
    entries = json.loads(journal.read_text())
    change(entries)
    journal.write_text(json.dumps(entries))


def test_after_a_reboot_a_stale_socket_and_an_old_journal_mean_nothing(project):
    project.service().cli("start")
    project.cli("stop", "api")  # an order by hand does not outlive the boot
    journal = crash(project)
    edit(journal, lambda entries: entries.update(boot_id="of another boot"))
    project.cli("start")
    assert httpx.get(project.url).status_code == 200
    project.all_running(2)


@pytest.mark.parametrize("boot", ["this", "another"])
def test_a_stranger_who_got_the_pid_of_a_worker_is_left_alone(project, boot):
    project.service(more="instances = 1").cli("start")
    journal = crash(project)
    with subprocess.Popen(["sleep", "1000"]) as stranger:

        def recycle(entries):
            for entry in (*entries["workers"], *entries["proxies"]):
                entry["pid"] = stranger.pid
            if boot == "another":
                start_time = psutil.Process(stranger.pid).create_time()
                entries["workers"][0]["start_time"] = int(start_time)
                entries["boot_id"] = "of another boot"

        edit(journal, recycle)
        project.cli("start")
        assert httpx.get(project.url).status_code == 200
        assert stranger.pid not in project.pids()
        project.cli("reload")
        project.cli("stop")
        assert stranger.poll() is None
        stranger.kill()


def test_a_command_between_two_daemons_waits_for_the_next(project):
    project.service().cli("start")
    for words in (("status",), ("scale", "api", "3"), ("logs", "api")):
        os.kill(project.status()["daemon"]["pid"], signal.SIGKILL)
        project.cli(*words)
    project.all_running(3)
    project.cli("stop")
    assert "not running" in project.cli("status", code=3)


@pytest.mark.parametrize("years", [-10, 10])
def test_a_wall_clock_that_was_set_does_not_change_the_age_of_anybody(project, years):
    project.service().cli("start")
    pids = project.pids()
    daemon = project.status()["daemon"]["pid"]
    os.kill(daemon, signal.SIGSTOP)

    def jump(entries):
        for entry in (*entries["workers"], *entries["proxies"]):
            entry["started_at"] += years * 365 * 86400

    edit(project.state_dir() / "journal.json", jump)
    os.kill(daemon, signal.SIGKILL)
    helpers.until(lambda: project.run("status").returncode == 0)
    assert project.pids() == pids
    status = project.status()
    assert all(0 <= worker["uptime_s"] < 600 for worker in status["services"][0]["workers"])
    assert all(0 <= proxy["uptime_s"] < 600 for proxy in status["proxies"])


def mounted(folder, size):
    """Return whether a file system of so many octets could be mounted there."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(folder)]
    done = subprocess.run(command, check=False, capture_output=True)
    return done.returncode == 0


@pytest.mark.parametrize("what", ["logs", "state"])
def test_a_full_disk_costs_lines_of_the_log_and_nothing_else(project, what):
    state = project.folder / "state"
    small = state / "logs" if what == "logs" else state
    small.mkdir(parents=True)
    if not mounted(small, 256 * 1024):
        pytest.skip("nothing can be mounted here")
    try:
        project.service(more="instances = 2")
        project.write(f'[daemon]\nstate_dir = "{state}"\n{project.file.read_text()}').cli("start")
        with load(project.listen, "keep", "close", "slow", "post") as clients:
            filler = (small / "filler").open("wb", buffering=0)
            with filler, contextlib.suppress(OSError):
                while True:
                    filler.write(bytes(4096))
            wait_for_answers(clients, 10)
            project.cli("reload")
            os.kill(project.pids()[0], signal.SIGTERM)
            project.all_running(2)
            wait_for_answers(clients, 3)
            (small / "filler").unlink()
            httpx.get(f"{project.url}/say/room-again")
            helpers.until(lambda: "room-again" in project.cli("logs"))
        assert [f for c in clients for f in c.failures if "post: ValueError 502" not in f] == []
        project.cli("stop")
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)


def test_few_descriptors_are_enough_for_those_who_use_theirs(project):
    project.service(more="instances = 2")
    project.wrap = ("prlimit", "--nofile=96:96")  # inherited by all that follows
    project.cli("start")
    with contextlib.ExitStack() as idle, load(project.listen, "keep", "close", "slow") as clients:
        wait_for_answers(clients, 3)
        for _ in range(200):
            idle.enter_context(socket.create_connection(("127.0.0.1", project.listen), 20))
        wait_for_answers(clients, 20)
        os.kill(project.pids()[0], signal.SIGKILL)
        project.all_running(2)
        wait_for_answers(clients, 3)
    keep, close, slow = clients
    assert close.failures == []
    # One that was between two requests may have made room for others.
    assert all("RemoteDisconnected" in failure for failure in keep.failures + slow.failures)


def may_trace():
    """Say whether a process of ours may take descriptors out of another one."""
    yama = Path("/proc/sys/kernel/yama/ptrace_scope")
    return os.geteuid() == 0 or not yama.exists() or yama.read_text().strip() == "0"


@pytest.mark.skipif(not may_trace(), reason="the kernel lets nobody but root take descriptors")
def test_after_keeper_and_daemon_died_together_the_next_start_refuses_nobody(project):
    project.service().cli("start")
    before = project.status()
    with load(project.listen, "keep", "close", "slow", "post") as clients:
        wait_for_answers(clients, 3)
        for pid in (before["daemon"]["keeper_pid"], before["daemon"]["pid"]):
            os.kill(pid, signal.SIGKILL)
        wait_for_answers(clients, 3)
        project.cli("start")
        helpers.until(lambda: len(project.status()["proxies"]) == 1)
        wait_for_answers(clients, 10)
    assert failures(clients) == []
    assert project.pids() == [worker["pid"] for worker in before["services"][0]["workers"]]
    assert project.status()["proxies"][0]["pid"] != before["proxies"][0]["pid"]
    assert "unbound" not in project.daemon_log()


def test_what_workers_write_goes_on_after_keeper_and_daemon_died_together(project):
    project.service(more="instances = 1").cli("start")
    before = project.status()["daemon"]
    for pid in (before["keeper_pid"], before["pid"]):
        os.kill(pid, signal.SIGKILL)
    project.cli("start")
    for words in ("still-here", "and-again"):
        assert httpx.get(f"{project.url}/say/{words}").status_code == 200
        helpers.until(lambda words=words: words in project.cli("logs"))
    project.cli("restart")
    httpx.get(f"{project.url}/say/as-ever")
    helpers.until(lambda: "as-ever" in project.cli("logs"))


@pytest.mark.parametrize("who", ["keeper_pid", "pid"])
def test_sigterm_to_keeper_or_daemon_ends_all_in_good_order(project, who):
    project.service().cli("start")
    with load(project.listen, "slow") as (client,):
        wait_for_answers([client], 2)
        os.kill(project.status()["daemon"][who], signal.SIGTERM)
        client.stop()
    assert client.failures == []
    helpers.until(lambda: not project.processes())
    project.cli("status", code=3)


def test_hooks_and_probes_of_a_daemon_that_dies_do_not_run_on_beside_those_of_the_next(project):
    project.write("""
[services.hook]
command = "sleep 1000"
hooks = { before_start = "sh -c 'sleep 1001; exit 1'" }
[services.probe]
command = "sleep 1000"
live = { command = "sh -c 'sleep 1002; exit 1'", interval = "100ms", timeout = "100s" }
""")

    def sleepers():
        """Return the two that are waited for, once there are no others."""
        found = project.commands().items()
        probes = [each.pid for each, words in found if words == ["sleep", "1002"]]
        hooks = [each.pid for each, words in found if words == ["sleep", "1001"]]
        return hooks + probes if len(hooks) == len(probes) == 1 else []

    start = project.popen("start")
    try:
        before = helpers.until(sleepers)
        worker = project.pids("probe")
        os.kill(project.status()["daemon"]["pid"], signal.SIGKILL)
        helpers.until(lambda: (now := sleepers()) and not {*now} & {*before})
        assert project.pids("probe") == worker
    finally:
        start.kill()
        start.communicate()
