"""Signals, environments and commands by hand."""

import json
import os
import subprocess
import sys

import helpers
import psutil
from project import PYTHON, ROOT

WORKER = """
import os, signal, subprocess, sys, time
def say(number, frame):
    words = os.environ["WEBQX_SV_INSTANCE"], sys.argv[1], signal.Signals(number).name
    with open("heard", "a") as heard:
        heard.write(" ".join(words) + "\\n")
for name in (signal.SIGHUP, signal.SIGUSR2):
    signal.signal(name, say)
if sys.argv[1] == "parent":
    subprocess.Popen([sys.executable, __file__, "child"])
open(f"up-{os.environ['WEBQX_SV_INSTANCE']}-{sys.argv[1]}", "w").close()
while True:
    time.sleep(3600)
"""


def write(project, more="", **env):
    (project.folder / "worker.py").write_text(WORKER)
    pairs = ", ".join(f"{name} = {json.dumps(value)}" for name, value in env.items())
    return project.write(f"""
[services.api]
command = "{PYTHON} worker.py parent"
instances = 2
group = "backend"
env = {{ {pairs} }}
{more}
""")


def start(project):
    project.cli("start", "api")
    names = [f"up-{n}-{who}" for n in (1, 2) for who in ("parent", "child")]
    helpers.until(lambda: all((project.folder / name).exists() for name in names))


def heard(project, count):
    path = project.folder / "heard"
    lines = lambda: sorted(path.read_text().split("\n")[:-1]) if path.exists() else []  # noqa: E731
    helpers.until(lambda: len(lines()) >= count)
    return lines()


def test_a_signal_reaches_the_workers_that_are_named(project):
    start(write(project))
    (one, two) = project.workers()
    said = project.cli("signal", "usr2", "api:2")
    assert said == f"SIGUSR2 sent to api:2, pid {two['pid']}\n"
    assert heard(project, 1) == ["2 parent SIGUSR2"]
    answer = json.loads(project.cli("signal", "1", "backend", "--json"))
    assert answer["signal"] == "SIGHUP"
    assert [row["pid"] for row in answer["workers"]] == [one["pid"], two["pid"]]
    assert heard(project, 3) == ["1 parent SIGHUP", "2 parent SIGHUP", "2 parent SIGUSR2"]
    assert "api:2  asked  signal SIGUSR2" in project.cli("events")


def test_a_signal_reaches_the_whole_tree(project):
    start(write(project))
    said = project.cli("signal", "HUP", "api:1", "--tree")
    assert said.endswith(" and 1 more\n")
    assert heard(project, 2) == ["1 child SIGHUP", "1 parent SIGHUP"]


def test_what_follows_a_death_by_hand_is_the_restart_policy(project):
    start(write(project, 'restart = "never"\n'))
    before = project.workers()
    project.cli("signal", "SIGKILL", "api:1")
    dead = helpers.until(lambda: (w := project.workers()[0])["state"] == "EXITED" and w)
    assert "killed by SIGKILL" in dead["reason"]
    assert project.workers()[1]["pid"] == before[1]["pid"]
    assert "signal SIGKILL" in project.cli("why", "api:1")
    assert "api:1 has no process now: it is EXITED" in project.cli("signal", "HUP", "api:1", code=1)
    write(project).run("apply")  # one of its workers is still down, so this is no success
    project.cli("start")
    pid = project.all_running(2)[0]["pid"]
    project.cli("signal", "KILL", "api:1")
    helpers.until(lambda: project.all_running(2)[0]["pid"] != pid)


def test_what_cannot_be_signalled_is_told_and_nothing_is_sent(project):
    start(write(project, "[services.far]\nremote = 'http://127.0.0.1:1'"))
    assert "did you mean `SIGHUP`" in project.cli("signal", "HUPP", "api", code=2)
    assert "api has no worker 7" in project.cli("signal", "HUP", "api:1", "api:7", code=4)
    assert "there is: api" in project.cli("signal", "HUP", "api", "apu", code=4)
    assert "far is remote" in project.cli("signal", "HUP", "far", code=2)
    assert "write it as api:1" in project.cli("signal", "HUP", "api:x", code=2)
    project.cli("signal", "USR2", "api:1", "api", "backend")
    assert heard(project, 2) == ["1 parent SIGUSR2", "2 parent SIGUSR2"]


def test_env_shows_what_a_worker_has_and_masks_secrets(project):
    start(write(project, DB_PASSWORD="hush", DATABASE_URL="pg://me:hush@db/x", MODE="{instance}"))
    text = project.cli("env", "api:2")
    assert "MODE=2\n" in text
    assert "WEBQX_SV_INSTANCE=2\n" in text
    assert "DB_PASSWORD=********\n" in text
    assert "DATABASE_URL=pg://me:********@db/x\n" in text
    assert "hush" not in project.cli("env", "api", "--json")
    answer = json.loads(project.cli("env", "api", "--show", "--json"))
    assert (answer["service"], answer["instance"]) == ("api", 1)
    assert answer["cwd"] == str(project.folder)
    assert answer["env"]["DB_PASSWORD"] == "hush"
    real = psutil.Process(project.pids()[0]).environ()
    assert answer["env"] == real


def test_env_shows_the_real_environment_after_the_daemon_was_killed_and_of_what_is_down(project):
    start(write(project, MODE="first"))
    os.kill(project.status()["daemon"]["pid"], 9)
    helpers.until(lambda: project.run("status").returncode == 0)
    assert "MODE=first\n" in project.cli("env", "api:1")
    project.cli("stop", "api")
    down = project.cli("env", "api:2")
    assert "MODE=first\n" in down
    assert "WEBQX_SV_WORKER" not in down
    assert "api has no worker 3" in project.cli("env", "api:3", code=4)
    assert "backend is no single service" in project.cli("env", "backend", code=2)


def test_a_secret_is_never_shown_but_a_command_has_it(project):
    (project.folder / "secret").write_text("hush")
    (project.folder / "secret").chmod(0o600)
    start(write(project, 'secrets = { PLAIN = "file:secret" }\n'))
    for state in ("up", "down"):
        assert "PLAIN=********\n" in project.cli("env", "api", "--show"), state
        assert project.cli("exec", "api", "sh", "-c", "echo $PLAIN") == "hush\n"
        project.cli("stop", "api")


def test_a_worker_that_overwrites_its_environment_is_shown_as_it_was_started(project):
    title = (
        "import ctypes, time; from pathlib import Path\n"
        "stat = Path('/proc/self/stat').read_text().rsplit(')', 1)[1].split()\n"
        "first, last = int(stat[47]), int(stat[48])\n"  # env_start, env_end of proc(5)
        "ctypes.memset(first, 0, last - first)\n"
        "open('up', 'w').close()\n"
        "time.sleep(3600)"
    )
    project.write(f"""
[services.api]
command = ["{PYTHON}", "-c", {json.dumps(title)}]
env = {{ MODE = "first" }}
""").cli("start")
    helpers.until((project.folder / "up").exists)
    assert "MODE=first\n" in project.cli("env", "api")


def test_exec_runs_a_command_where_the_worker_is(project):
    (project.folder / "backend").mkdir()
    (project.folder / "worker.py").write_text(WORKER)
    project.service(
        more='cwd = "backend"',
        command=f"{PYTHON} -m http.server --bind 127.0.0.1 {{port}}",
        MODE="x{instance}",
        TOKEN="hush",
    )
    project.cli("start")
    script = "pwd; echo $MODE $TOKEN $PORT $TERM [$WEBQX_SV_WORKER]"
    project.env["TERM"] = "of-this-terminal"
    said = project.cli("exec", "api:2", "--", "sh", "-c", script)
    assert said.split("\n") == [
        str(project.folder / "backend"),
        f"x2 hush {project.port + 1} of-this-terminal []",
        "",
    ]
    assert project.cli("exec", "api", "sh", "-c", "echo $MODE; exit 0") == "x1\n"
    assert project.run("exec", "api", "--", "sh", "-c", "exit 42").returncode == 42
    assert project.run("exec", "api", "--", "sh", "-c", "kill -9 $$").returncode == -9
    project.cli("stop", "api")
    assert project.cli("exec", "api:2", "--", "sh", "-c", "echo $PORT") == f"{project.port + 1}\n"


def test_exec_has_the_terminal_the_input_and_whole_signals(project):
    start(write(project))
    done = subprocess.run(
        [sys.executable, "-m", "webqx_supervisor", "exec", "api", "--", "cat"],
        cwd=project.folder,
        env=project.env | {"PYTHONPATH": str(ROOT)},
        input=b"to the command\n",
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"to the command\n"
    ignored = "grep SigIgn /proc/self/status"
    assert project.cli("exec", "api", "--", "sh", "-c", ignored).split()[1].strip("0") == ""


def test_exec_outlives_the_worker_that_it_was_beside(project):
    start(write(project))
    process = project.popen("exec", "api:1", "--", "sh", "-c", "echo here; exec sleep 3600")
    try:
        assert process.stdout.readline() == "here\n"
        project.cli("restart", "api")
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()


def test_what_cannot_be_executed_is_told(project):
    start(write(project))
    (project.folder / "plain.txt").write_text("text")
    assert "no-such: No such file" in project.cli("exec", "api", "--", "no-such", code=127)
    assert "Permission denied" in project.cli("exec", "api", "--", "./plain.txt", code=126)
    assert "Missing argument" in project.cli("exec", "api", "--", code=2)
    assert "come before api" in project.cli("exec", "api", "-c", "x", "--", "ls", code=2)
    assert "no single service" in project.cli("exec", "backend", "--", "ls", code=2)
    assert "there is: api" in project.cli("exec", "apu", "--", "ls", code=4)
