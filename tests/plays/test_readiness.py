"""How workers tell that they are ready, or are asked: real programs, and a daemon that dies."""

import json
import os
import shutil
import signal
import socket
from pathlib import Path

import helpers
import pytest
from project import PYTHON

NOTIFIER = """
import os, pathlib, signal, socket, sys, threading, time
folder = pathlib.Path(__file__).parent
def say(*lines):
    address = os.environ["NOTIFY_SOCKET"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
        notifier.connect("\\0" + address[1:] if address[0] == "@" else address)
        notifier.send("\\n".join(lines).encode())
def once(name):
    while not (folder / name).exists():
        time.sleep(0.01)
"""
WAIT = "while ! test -e go; do sleep 0.01; done"
SHELL_FD = f"{WAIT}; echo >&3; sleep 1000"
SHELL_LOG = f"echo not listening yet; {WAIT}; echo now listening on 7; sleep 1000"
SHELL_NOTIFY = f"{WAIT}; systemd-notify --ready --status='all fine'; sleep 1000"
SHELL_COMMAND = f"{WAIT}; touch is-up; sleep 1000"
NODE_IPC = """
const fs = require("fs");
process.on("message", (m) => { if (m === "shutdown") { console.log("bye"); process.exit(0); } });
const timer = setInterval(() => {
  if (fs.existsSync("go")) { clearInterval(timer); process.send("ready"); }
}, 10);
"""
KINDS = {
    "notify": (["sh", "-c", SHELL_NOTIFY], 'ready = "notify"', "READY=1"),
    "fd": (["sh", "-c", SHELL_FD], "ready = { fd = 3 }", "a line end on descriptor 3"),
    "log": (
        ["sh", "-c", SHELL_LOG],
        "ready = { log = 'now listening on \\d' }",
        "a line with `now listening on",
    ),
    "command": (
        ["sh", "-c", SHELL_COMMAND],
        'ready = { command = "test -e is-up" }',
        "`test -e is-up` to exit 0",
    ),
    "ipc": (["node", "ready.js"], 'ready = "ipc"', "process.send('ready')"),
}


def needs(program):
    return pytest.mark.skipif(not shutil.which(program), reason=f"needs {program}")


each_kind = pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=needs({"notify": "systemd-notify"}.get(kind, words[0][0])))
        for kind, words in KINDS.items()
    ],
)
needs_systemd_notify = needs("systemd-notify")


@pytest.fixture
def app(project):
    """Write programs into the folder of the project; returns a command for one in Python."""
    (project.folder / "ready.js").write_text(NODE_IPC)

    def command(script):
        (project.folder / "app.py").write_text(NOTIFIER + script)
        return [PYTHON, "app.py"]

    return command


def write(project, command, more):
    return project.write(f"[services.api]\ncommand = {json.dumps(command)}\n{more}\n")


def worker(project, state=None):
    """Return the only worker, once it is in that state."""
    return helpers.until(
        lambda: next((w for w in project.workers() if state in (None, w["state"])), None)
    )


def told(project, kind):
    events = json.loads(project.cli("events", "--json"))["events"]
    return [event["text"] for event in events if event["kind"] == kind]


def starting(project):
    """Have `start` run; return it once the worker waits."""
    start = project.popen("start")
    helpers.until(lambda: project.run("status").returncode == 0)
    worker(project, "STARTING")
    helpers.until(lambda: told(project, "waits"))
    return start


def finish(verb):
    """Wait until a verb has done what it was to do."""
    said = verb.communicate(timeout=60)[0]
    assert verb.returncode == 0, said


def abandon(verb):
    """Be no longer interested in it."""
    verb.kill()
    verb.communicate()


def kill_the_daemon(project):
    os.kill(project.status()["daemon"]["pid"], signal.SIGKILL)
    helpers.until(lambda: project.run("status").returncode == 0)


@each_kind
def test_each_kind_holds_a_start_and_a_reload_until_it_is_so(project, app, kind):
    command, ready, awaited = KINDS[kind]
    write(project, command, ready)
    start = starting(project)
    seen = worker(project)
    assert f"waits for {awaited}" in seen["reason"]
    assert awaited in project.cli("status")
    assert awaited in project.cli("why", "api")
    assert awaited in project.cli("describe", "api")
    assert start.poll() is None
    (project.folder / "go").touch()
    finish(start)
    first = worker(project, "RUNNING")
    assert first["reason"] == ""
    assert first["pid"] == seen["pid"]
    assert any(awaited in text for text in told(project, "waits"))

    for name in ("go", "is-up"):
        (project.folder / name).unlink(missing_ok=True)
    reload = project.popen("reload")
    helpers.until(lambda: len(told(project, "waits")) == 2)
    assert first["pid"] in project.pids()
    assert reload.poll() is None
    (project.folder / "go").touch()
    finish(reload)
    (second,) = project.all_running(1)
    assert second["pid"] != first["pid"]


@each_kind
def test_each_kind_is_heard_by_the_next_daemon_when_one_dies_in_the_midst_of_a_start(
    project, app, kind
):
    command, ready, _ = KINDS[kind]
    write(project, command, ready)
    start = starting(project)
    pid = worker(project)["pid"]
    daemon = project.status()["daemon"]["pid"]
    os.kill(daemon, signal.SIGSTOP)
    (project.folder / "go").touch()  # so it is told while nobody listens
    os.kill(daemon, signal.SIGKILL)
    helpers.until(lambda: project.run("status").returncode == 0)
    assert worker(project, "RUNNING")["pid"] == pid
    abandon(start)
    project.cli("stop", "api")
    assert not helpers.is_running(pid)


@needs_systemd_notify
def test_what_was_heard_before_is_not_waited_for_again_by_the_next_daemon(project):
    write(
        project,
        ["sh", "-c", "systemd-notify --ready; sleep 1000"],
        'startup = "notify"\nready = { command = "test -e is-up" }',
    )
    start = starting(project)
    pid = worker(project)["pid"]
    helpers.until(lambda: "`test -e is-up`" in worker(project)["reason"])
    kill_the_daemon(project)
    (project.folder / "is-up").touch()
    assert worker(project, "RUNNING")["pid"] == pid
    abandon(start)


def test_a_reload_onto_one_that_is_never_ready_keeps_the_old_one(project, app):
    command = app("once('go')\nsay('READY=1')\ntime.sleep(1000)")
    write(project, command, 'ready = "notify"')
    (project.folder / "go").touch()
    project.cli("start")
    (project.folder / "go").unlink()
    write(project, command, 'ready = "notify"\nhealth = { start_timeout = "300ms" }').cli("apply")
    pids = project.pids()
    said = project.cli("reload", code=1)
    assert "not ready within 0.3 s: waited for READY=1" in said
    assert project.pids() == pids


def test_one_that_closes_its_descriptor_has_failed_at_once(project):
    write(
        project,
        ["sh", "-c", "exec 3>&-; sleep 1000"],
        'ready = { fd = 3 }\nrestart = { first_delay = "1h", limit = 1 }',
    )
    start = project.popen("start")
    helpers.until(lambda: project.run("status").returncode == 0)
    helpers.until(lambda: "closed the descriptor without a line end" in project.cli("events"))
    abandon(start)


def test_a_command_that_fails_says_so_and_writes_nothing_to_the_log(project):
    more = """ready = { command = ["sh", "-c", "yes | head -c 100000; echo $NOTE >&2; exit 3"] }
env = { NOTE = "no \\u001b[2Jtable yet" }
health = { start_timeout = "2s" }"""
    write(project, ["sh", "-c", "echo mine; sleep 1000"], more)
    start = project.popen("start")
    helpers.until(lambda: project.run("status").returncode == 0)
    helpers.until(lambda: "exited 3: no  [2Jtable yet" in project.cli("events"))
    assert [line.split()[-1] for line in project.cli("logs", "api").splitlines()][:1] == ["mine"]
    assert "\ny\n" not in project.cli("logs", "api")
    abandon(start)


def test_the_tree_of_a_command_that_takes_too_long_is_killed(project):
    script = "sleep 1000 & echo $! > sleeper; wait"
    more = f"""ready = {{ command = ["sh", "-c", {json.dumps(script)}], timeout = "300ms" }}"""
    write(project, ["sleep", "1000"], more)
    start = starting(project)
    sleeper = project.folder / "sleeper"
    pid = int(helpers.until(lambda: sleeper.exists() and sleeper.read_text()))
    helpers.until(lambda: not helpers.is_running(pid))
    abandon(start)


def test_what_a_worker_says_of_itself_is_shown_and_outlives_the_daemon(project, app):
    write(
        project,
        app(
            "say('READY=1', 'STATUS=indexing 3 of 7', 'MAINPID=1')\n"
            "say('RELOADING=1')\ntime.sleep(1000)"
        ),
        'ready = "notify"',
    )
    project.cli("start")
    helpers.until(lambda: worker(project)["status_text"] == "indexing 3 of 7")
    assert 'says "indexing 3 of 7"' in project.cli("describe", "api")
    remarks = helpers.until(lambda: len(found := told(project, "notified")) == 2 and found)
    assert "MAINPID=1 is ignored" in remarks[0]
    assert remarks[1] == "it reloads by itself (RELOADING=1)"
    assert worker(project)["healthy"]
    pid = worker(project)["pid"]
    kill_the_daemon(project)
    assert worker(project, "RUNNING")["status_text"] == "indexing 3 of 7"
    assert project.pids() == [pid]


def test_who_is_not_of_the_tree_is_not_heard(project, app):
    write(project, app("print(os.environ['NOTIFY_SOCKET'], flush=True)\ntime.sleep(1000)"), "")
    write(project, [PYTHON, "app.py"], 'ready = "notify"')
    start = starting(project)
    line = helpers.until(lambda: project.cli("logs", "api"))
    address = line.split()[-1]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(b"READY=1", "\0" + address[1:])
    (remark,) = helpers.until(lambda: told(project, "notified"))
    assert f"pid {os.getpid()} has notified" in remark
    assert worker(project)["state"] == "STARTING"
    abandon(start)


def test_with_main_only_the_first_process_is_heard_and_it_gets_the_watchdogs_pid(project, app):
    script = """
print("watchdog", os.environ["WATCHDOG_PID"], os.getpid(), os.environ["WATCHDOG_USEC"], flush=True)
if os.fork() == 0:
    say("READY=1")
    time.sleep(1000)
once("go")
say("READY=1")
while True:
    say("WATCHDOG=1")
    time.sleep(0.1)
"""
    more = 'ready = "notify"\nnotify_access = "main"\nwatchdog = "20s"'
    write(project, app(script), more)
    start = starting(project)
    helpers.until(lambda: told(project, "notified"))
    (line,) = [each for each in project.cli("logs", "api").splitlines() if "watchdog" in each]
    told_pid, pid, microseconds = line.split()[-3:]
    assert told_pid == pid
    assert microseconds == "20000000"
    assert worker(project)["state"] == "STARTING"
    (project.folder / "go").touch()
    finish(start)


def test_sockets_that_are_handed_over_and_what_is_told_do_not_get_in_each_others_way(project, app):
    script = """
assert os.environ["LISTEN_PID"] == os.environ["WATCHDOG_PID"] == str(os.getpid())
listening = socket.socket(fileno=3)
assert listening.getsockname()[1] == int(os.environ["EXPECTED"])
say("READY=1")
os.write(4, b"\\n")
while True:
    say("WATCHDOG=1")
    time.sleep(0.1)
"""
    more = f"""listen = {project.listen}
listen_fds = true
env = {{ EXPECTED = "{project.listen}" }}
startup = "notify"
ready = {{ fd = 4 }}
watchdog = "20s"
notify_access = "main\""""
    write(project, app(script), more).cli("start")
    assert told(project, "waits") == ["for READY=1", "for a line end on descriptor 4"]


WATCHED = """
signal.signal(signal.SIGUSR1, lambda *_: print("here", flush=True))
say("READY=1")
while not (folder / "hang").exists():
    say("WATCHDOG=1")
    time.sleep(0.05)
(folder / "hang").unlink()
while True:
    time.sleep(1000)
"""


def test_one_whose_watchdog_falls_silent_is_dumped_and_replaced_also_by_the_next_daemon(
    project, app
):
    more = """ready = "notify"
watchdog = "3s"
health = { dump_signal = "SIGUSR1" }"""
    write(project, app(WATCHED), more).cli("start")
    first = worker(project)["pid"]
    kill_the_daemon(project)
    assert project.pids() == [first]
    (project.folder / "hang").touch()
    helpers.until(lambda: project.pids() not in ([first], [None]))
    assert told(project, "hung") == ["no WATCHDOG=1 for 3 s"]
    assert "here" in project.cli("logs", "api")
    second = worker(project, "RUNNING")["pid"]
    kill_the_daemon(project)
    assert worker(project, "RUNNING")["pid"] == second


@needs_systemd_notify
def test_after_keeper_and_daemon_died_together_nobody_is_blamed_for_what_is_lost(project, app):
    write(project, app(WATCHED.replace('say("WATCHDOG=1")', "pass")), 'watchdog = "2h"')
    text = project.file.read_text()
    project.write(
        text
        + """
[services.late]
command = ["sh", "-c", "while ! test -e go; do sleep 0.01; done; systemd-notify --ready; sleep 9"]
ready = "notify"
"""
    )
    start = project.popen("start")
    helpers.until(lambda: project.run("status").returncode == 0)
    first = worker(project, "RUNNING")["pid"]
    late = helpers.until(lambda: project.pids("late")[0])
    daemon = project.status()["daemon"]
    for pid in (daemon["keeper_pid"], daemon["pid"]):
        os.kill(pid, signal.SIGKILL)
    abandon(start)
    project.write(project.file.read_text().replace("2h", "100ms"))
    (project.folder / "go").touch()
    project.cli("start")
    assert f"pid {late}" in " ".join(told(project, "exited"))
    assert "was lost with the keeper" in project.cli("events")
    assert project.workers("late")[0]["state"] == "RUNNING"
    assert project.pids() == [first]
    assert told(project, "hung") == []


def test_of_one_that_died_with_the_daemon_nothing_is_left(project):
    write(project, ["sh", "-c", "echo >&3; sleep 1000"], "ready = { fd = 3 }\nwatchdog = '2h'")
    project.cli("start")
    first, daemon = worker(project)["pid"], project.status()["daemon"]
    held = Path(f"/proc/{daemon['keeper_pid']}/fd")
    before = len(list(held.iterdir()))
    os.kill(daemon["pid"], signal.SIGSTOP)
    for pid in (first, daemon["pid"]):
        os.kill(pid, signal.SIGKILL)
    helpers.until(lambda: project.run("status").returncode == 0)
    assert worker(project, "RUNNING")["pid"] != first
    helpers.until(lambda: len(list(held.iterdir())) == before)
    assert "nobody claims" not in (project.state_dir() / "daemon.log").read_text()


def test_one_may_take_itself_for_hung_and_set_its_own_watchdog(project, app):
    script = """
say("READY=1")
if not (folder / "second").exists():
    (folder / "second").touch()
    say("WATCHDOG=trigger")
    time.sleep(1000)
say("WATCHDOG_USEC=100000")
time.sleep(1000)
"""
    write(project, app(script), 'ready = "notify"\nrestart = { limit = 1 }').cli("start")
    helpers.until(
        lambda: told(project, "hung")[:2] == ["it said WATCHDOG=trigger", "no WATCHDOG=1 for 0.1 s"]
    )


def test_a_start_and_a_stop_may_ask_for_more_time(project, app):
    script = """
def leave(*_):
    say("EXTEND_TIMEOUT_USEC=20000000")
    once("leave")
    print("left by itself", flush=True)
    os._exit(0)
signal.signal(signal.SIGTERM, leave)
say("EXTEND_TIMEOUT_USEC=20000000")
once("go")
say("READY=1")
while True:
    time.sleep(1000)
"""
    more = """ready = "notify"
health = { start_timeout = "3s" }
stop = { grace = "3s" }"""
    write(project, app(script), more)
    start = starting(project)
    helpers.until(lambda: worker(project)["uptime_s"] > 4)
    (project.folder / "go").touch()
    finish(start)
    pid = worker(project)["pid"]
    stop = project.popen("stop", "api")
    begun = worker(project, "STOPPING")["uptime_s"]
    helpers.until(lambda: worker(project)["uptime_s"] > begun + 4)
    (project.folder / "leave").touch()
    finish(stop)
    assert f"pid {pid} exited 0" in project.cli("events")
