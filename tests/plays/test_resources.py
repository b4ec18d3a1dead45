"""What services.toml says of resources and users, on real workers, as a person sees it."""

import contextlib
import json
import os
import re
import urllib.request
from pathlib import Path

import helpers
import psutil
import pytest
from load import load, wait_for_answers
from project import APP

from webqx_supervisor.process import cgroups

pytestmark = pytest.mark.timeout(120)
root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

GROUND = cgroups.find("plays")
GROUND.leave()
HELD = GROUND.controllers
"""The controllers that the daemon of a play has here; tests/plays/test_uml.py sees to all."""
polled = pytest.mark.skipif("memory" in HELD, reason="a cgroup holds the limit here")
held = pytest.mark.skipif("memory" not in HELD, reason="no memory controller of cgroup v2 here")


def ask(project, path="/"):
    with urllib.request.urlopen(f"{project.url}{path}", timeout=20) as answer:
        return json.loads(answer.read())


def events(project, kind):
    return [event["text"] for event in project.events() if event["kind"] == kind]


def status_of(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def test_each_process_has_the_limits_that_the_file_says(project):
    last = max(os.sched_getaffinity(0))
    more = f"""instances = 1
no_new_privileges = true
[services.api.resources]
nice = 5
io = "idle"
cpus = "{last}"
umask = "027"
nofile = 512
core = 0
"""
    project.service(APP, more=more).cli("start")
    (worker,) = project.all_running(1)
    process, status = psutil.Process(worker["pid"]), status_of(worker["pid"])
    assert process.nice() == 5
    assert process.ionice().ioclass == psutil.IOPRIO_CLASS_IDLE
    assert process.cpu_affinity() == [last]
    assert process.rlimit(psutil.RLIMIT_NOFILE) == (512, 512)
    assert process.rlimit(psutil.RLIMIT_CORE) == (0, 0)
    assert (status["Umask"], status["NoNewPrivs"]) == ("0027", "1")


@root
def test_a_worker_runs_as_another_user_and_writes_its_log(project):
    python = "/usr/bin/python3"
    if not os.access(python, os.X_OK):
        pytest.skip("no python3 that everybody may run")
    show = "import getpass, os, time; print(getpass.getuser(), os.getuid(), flush=True)"
    code = f"{show}; time.sleep(600)"
    project.write(
        f"[services.api]\ncommand = [{python!r}, '-c', {json.dumps(code)}]\n"
        'cwd = "/"\nuser = "nobody:daemon"\n'
    ).cli("start")
    (worker,) = project.all_running(1)
    status = status_of(worker["pid"])
    nobody = f"{65534}"
    assert status["Uid"].split() == [nobody] * 4
    assert status["Gid"].split() == ["1"] * 4
    assert f"nobody {nobody}" in helpers.until(lambda: project.cli("logs", "api"))


@root
def test_exec_is_whoever_the_worker_is(project):
    project.write(
        '[services.api]\ncommand = "sleep 600"\ncwd = "/"\nuser = "nobody:daemon"\n'
        'private_tmp = true\nno_new_privileges = true\nresources = { umask = "027" }\n'
    ).cli("start")
    show = "id -u; id -g; umask; echo $HOME $USER; grep NoNewPrivs /proc/self/status; touch /tmp/m"
    told = ["65534", "1", "0027", "/nonexistent nobody", "NoNewPrivs:\t1"]
    assert project.cli("exec", "api", "--", "sh", "-c", show).splitlines() == told
    assert list((project.state_dir() / "private").glob("*/tmp/m")), "it has the worker's /tmp"
    process = project.popen("exec", "api", "--", "sleep", "600")
    try:
        helpers.until(lambda: status_of(process.pid)["Name"] == "sleep")
        assert os.fstat(process.stdout.fileno()).st_uid == 0, "what it writes to stays ours"
    finally:
        process.kill()
        process.communicate()
    project.cli("stop", "api")
    show = "rm -f /tmp/none; " + show.partition("; touch")[0]
    assert project.cli("exec", "api", "--", "sh", "-c", show).splitlines() == told
    assert "HOME=/nonexistent\n" in project.cli("env", "api")


def test_an_unknown_user_is_found_by_the_check(project):
    project.write('[services.api]\ncommand = "true"\nuser = "nobdy"\n')
    told = project.cli("check", code=78)
    assert "services.toml:3: services.api.user: there is no user nobdy on this machine" in told


@root
def test_a_private_tmp_is_gone_with_the_worker(project):
    # Not our own Python: a checkout may lie below /tmp, which is not seen.
    command = ["sh", "-c", "echo > /tmp/mine; exec sleep 600"]
    project.write(
        f'[services.api]\ncommand = {json.dumps(command)}\ncwd = "/"\nprivate_tmp = true\n'
    ).cli("start")
    (before,) = project.all_running(1)
    private = project.state_dir() / "private"
    helpers.until(lambda: list(private.glob("*/tmp/mine")))
    (folder,) = private.iterdir()
    assert not Path("/tmp/mine").exists()
    os.kill(before["pid"], 9)
    helpers.until(lambda: project.pids() not in ([before["pid"]], [None]))
    helpers.until(lambda: not folder.exists())
    project.cli("stop")
    assert not list(private.iterdir())


def test_a_program_that_a_private_tmp_hides_is_named(project, tmp_path_factory):
    program = tmp_path_factory.mktemp("hidden") / "serve"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    hidden = str(program).startswith("/tmp/")
    text = f'[services.api]\ncommand = ["{program}"]\ncwd = "/"\nprivate_tmp = true\n'
    said = project.write(text).run("start")
    assert said.returncode == hidden
    assert ("of which `private_tmp` shows nothing" in said.stdout + said.stderr) == hidden


def test_the_figures_are_those_of_the_whole_tree(project):
    project.service(APP, more="instances = 1", CHILD_EATS="60").cli("start")
    (worker,) = project.all_running(1)
    leader = psutil.Process(worker["pid"]).memory_info().rss
    (worker,) = helpers.until(
        lambda: [w for w in project.workers() if w["rss_bytes"] > leader + (50 << 20)]
    )
    assert worker["processes"] == 2
    assert "api:1  2 processes, " in project.cli("describe", "api")


def test_a_worker_that_leaks_is_replaced_and_no_request_is_lost(project):
    more = """restart = { healthy_after = "100ms" }
resources = { memory_soft = "90M" }
"""
    project.service(APP, more=more).cli("start")
    before = {worker["pid"] for worker in project.all_running(2)}
    with load(project.listen, "keep", "close", "slow") as clients:
        wait_for_answers(clients, 3)
        ask(project, "/eat/80")
        helpers.until(lambda: not before <= set(project.pids()), 30)
        project.all_running(2)
        wait_for_answers(clients, 3)
    assert [client.failures for client in clients] == [[], [], []]
    (text,) = events(project, "rolling")
    assert ", over its memory_soft of 90M" in text
    assert "memory_soft 90M: looked at every 5 s" in project.cli("describe", "api")


def test_one_that_is_too_big_from_the_start_is_not_replaced_in_a_loop(project):
    more = 'instances = 1\nresources = { memory_soft = "2M" }\n'
    project.service(APP, more=more).cli("start")
    (text,) = helpers.until(lambda: events(project, "too_big"))
    assert re.search(
        r", over its memory_soft of 2M, after \d+ s already; replaced after 20 s", text
    )
    assert not events(project, "rolling")


@polled
def test_a_tree_above_the_hard_limit_is_killed_as_by_a_crash(project):
    project.service(APP, more='instances = 1\nresources = { memory = "90M" }\n').cli("start")
    (before,) = project.all_running(1)
    ask(project, "/eat/80")
    helpers.until(lambda: project.pids() not in ([before["pid"]], [None]), 30)
    project.all_running(1)
    assert "over its memory limit of 90M: " in project.cli("why", "api")


@polled
def test_a_tree_with_too_many_processes_is_killed(project):
    more = "instances = 1\nresources = { pids = 20 }\n"
    project.service(APP, more=more).cli("start")
    (before,) = project.all_running(1)
    ask(project, "/fork/30")
    helpers.until(lambda: project.pids() not in ([before["pid"]], [None]), 30)
    project.all_running(1)
    assert "over its limit of 20 processes and threads: " in project.cli("why", "api")


@held
def test_the_kernel_kills_what_is_above_the_hard_limit_and_why_tells_it(project):
    project.service(APP, more='instances = 1\nresources = { memory = "90M" }\n').cli("start")
    (before,) = project.all_running(1)
    with contextlib.suppress(OSError):  # it kills one after the other, until it is refused
        ask(project, "/eat/200")
    helpers.until(lambda: project.pids() not in ([before["pid"]], [None]), 60)
    project.all_running(1)
    assert "over its memory limit of 90M, killed by the kernel; pid " in project.cli("why", "api")
    assert "memory 90M: cgroup memory.max" in project.cli("describe", "api")


@held
def test_the_kernel_holds_the_number_of_processes_and_the_cpu(project):
    more = 'instances = 1\nresources = { pids = 20, cpu = "50%" }\n'
    project.service(APP, more=more).cli("start")
    (worker,) = project.all_running(1)
    assert ask(project, "/fork/30")["forked"] < 20
    assert project.pids() == [worker["pid"]]
    folder = cgroup_of(worker["pid"])
    assert (folder / "cpu.max").read_text() == "50000 100000\n"


@pytest.mark.skipif(not GROUND.folder, reason=f"no cgroup v2: {GROUND.why_not}")
def test_what_a_worker_has_started_ends_with_it_wherever_it_has_hidden(project):
    project.service(APP, more="instances = 1").cli("start")
    (worker,) = project.all_running(1)
    hidden = ask(project, "/hide")["hidden"]
    folder = cgroup_of(worker["pid"])
    assert cgroup_of(hidden) == folder
    os.kill(worker["pid"], 9)
    helpers.until(lambda: not psutil.pid_exists(hidden))
    helpers.until(lambda: not folder.exists())


@pytest.mark.skipif(not GROUND.folder, reason=f"no cgroup v2: {GROUND.why_not}")
def test_the_next_daemon_finds_the_cgroups_of_one_that_was_killed(project):
    project.service(APP).cli("start")
    workers = project.all_running(2)
    kept, lost = (cgroup_of(worker["pid"]) for worker in workers)
    stray = kept.parent / "api-9-0123"
    stray.mkdir()
    daemon = project.status()["daemon"]["pid"]
    os.kill(daemon, 9)
    os.kill(workers[1]["pid"], 9)
    helpers.until(lambda: project.run("status").returncode == 0, 20)
    now = {worker["instance"]: worker["pid"] for worker in project.all_running(2)}
    assert now[1] == workers[0]["pid"]
    assert kept.exists()
    helpers.until(lambda: not lost.exists() and not stray.exists())
    project.cli("stop")
    assert not kept.parent.exists()


def cgroup_of(pid):
    mount = Path(cgroups._seen()[0])
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    return mount / next(line[4:] for line in lines if line.startswith("0::"))
