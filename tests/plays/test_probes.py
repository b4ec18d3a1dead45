"""Probes for life, apart as in Kubernetes: startup, ready and live; and workers that bow out."""

import json
import os
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor

import helpers
import httpx
import pytest
from load import failures, load
from project import PYTHON

SERVER = """
import http.server, json, os, pathlib, signal, socket, sys, threading, time
folder, me = pathlib.Path(__file__).parent, os.environ["WEBQX_SV_INSTANCE"]
def say(text):
    address = os.environ["NOTIFY_SOCKET"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
        notifier.connect("\\0" + address[1:])
        notifier.send(text.encode())
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/slow":
            (folder / "beginning").write_text(f"{me} {os.getpid()}")
            (folder / "beginning").rename(folder / "begun")
            while not (folder / "answer").exists():
                time.sleep(0.01)
        ill = (folder / f"{self.path.strip('/')}-{me}").exists()
        self.send_response(503 if ill else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"pid": os.getpid()}).encode())
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
threading.Thread(target=server.serve_forever).start()
while "NOTIFY_SOCKET" in os.environ:
    if (folder / f"leave-{me}").exists():
        say("STOPPING=1")
        while not (folder / f"left-{me}").exists():
            time.sleep(0.01)
        os._exit(0)
    time.sleep(0.01)
"""
needs_node = pytest.mark.skipif(not shutil.which("node"), reason="needs node")
FAST = 'interval = "50ms", timeout = "5s"'


@pytest.fixture
def app(project):
    (project.folder / "app.py").write_text(SERVER)
    return f"{PYTHON} app.py"


def by_instance(project):
    return {each["instance"]: each for each in project.workers()}


def told(project, kind):
    events = json.loads(project.cli("events", "--json"))["events"]
    return [event["text"] for event in events if event["kind"] == kind]


def test_one_that_is_not_ready_leaves_the_rotation_and_comes_back_and_lives(project, app):
    project.service(app, more=f'ready = {{ http = "/fit", {FAST}, fall = 2 }}').cli("start")
    pids = project.pids()
    (project.folder / "fit-1").touch()
    helpers.until(lambda: not by_instance(project)[1]["healthy"])
    assert "answered 503 to /fit" in by_instance(project)[1]["reason"]
    asked = {httpx.get(project.url).json()["pid"] for _ in range(8)}
    assert asked == {by_instance(project)[2]["pid"]}
    (project.folder / "fit-1").unlink()
    helpers.until(lambda: by_instance(project)[1]["healthy"])
    assert project.pids() == pids


def test_a_reload_waits_for_so_many_good_answers_and_gets_them(project, app):
    project.service(app, more=f'ready = {{ http = "/fit", {FAST}, rise = 3 }}').cli("start")
    pids = project.pids()
    with load(project.listen, "keep", "close") as clients:
        project.cli("reload")
    assert failures(clients) == []
    assert not set(pids) & set(project.pids())
    (project.folder / "fit-1").touch()
    text = project.file.read_text() + 'health = { start_timeout = "5s" }\n'
    project.write(text).cli("apply")
    said = project.cli("reload", code=1)
    assert "waited for a good answer to /fit (answered 503 to /fit)" in said


def test_one_that_is_not_live_is_replaced_when_its_requests_are_done(project, app):
    project.service(app, more=f'live = {{ http = "/live", {FAST}, fall = 2 }}').cli("start")
    with ThreadPoolExecutor(1) as one, load(project.listen, "keep", "close", "keep") as clients:
        slow = one.submit(httpx.get, f"{project.url}/slow", timeout=60)
        helpers.until((project.folder / "begun").exists)
        instance, pid = (project.folder / "begun").read_text().split()
        ill = project.folder / f"live-{instance}"
        ill.touch()
        helpers.until(lambda: told(project, "unhealthy"))
        asked = {httpx.get(project.url).json()["pid"] for _ in range(8)}
        assert int(pid) not in asked
        assert int(pid) in project.pids()
        ill.unlink()
        (project.folder / "answer").touch()
        assert slow.result().json()["pid"] == int(pid)
        helpers.until(lambda: int(pid) not in project.pids())
        project.all_running(2)
    assert failures(clients) == []
    text = "not live: answered 503 to /live, 2 times in a row"
    assert told(project, "unhealthy")[0] == text
    assert told(project, "exited")[0].startswith(f"{text}; pid {pid}")


def test_one_that_stops_by_itself_is_drained_first(project, app):
    more = 'notify_access = "all"\nstop = { grace = "10s" }'
    project.service(app, more=more).cli("start")
    first = by_instance(project)[1]["pid"]
    with load(project.listen, "keep", "close", "keep") as clients:
        helpers.until(lambda: len({pid for each in clients for pid in [*each.by_pid]}) == 2)
        (project.folder / "leave-1").touch()
        helpers.until(lambda: not by_instance(project)[1]["healthy"])
        assert "STOPPING=1" in by_instance(project)[1]["reason"]
        asked = {httpx.get(project.url).json()["pid"] for _ in range(8)}
        assert first not in asked
        (project.folder / "leave-1").unlink()
        (project.folder / "left-1").touch()
        helpers.until(lambda: by_instance(project)[1]["pid"] not in (first, None))
        project.all_running(2)
    assert failures(clients) == []
    assert f"pid {first} exited 0" in project.cli("events")


def test_one_that_says_that_it_stops_and_does_not_is_ended(project, app):
    more = 'instances = 1\nnotify_access = "all"\nstop = { grace = "300ms" }'
    project.service(app, more=more).cli("start")
    (first,) = project.pids()
    (project.folder / "leave-1").touch()
    helpers.until(lambda: told(project, "exited"))
    (project.folder / "leave-1").unlink()
    helpers.until(lambda: project.pids() not in ([first], [None]))
    assert "it said STOPPING=1 and did not end within 0.3 s" in told(project, "exited")[0]


def test_what_starts_is_asked_nothing_else_before(project, app):
    more = f"""instances = 1
startup = {{ command = "test -e migrated", interval = "50ms" }}
ready = {{ tcp = "{{port}}", {FAST} }}
live = {{ command = ["sh", "-c", "echo $WEBQX_SV_PID >> asked"], {FAST} }}"""
    start = project.service(app, more=more).popen("start")
    helpers.until(lambda: project.run("status").returncode == 0)
    helpers.until(lambda: "`test -e migrated` to exit 0" in project.workers()[0]["reason"])
    assert not (project.folder / "asked").exists()
    (project.folder / "migrated").touch()
    said = start.communicate(timeout=60)[0]
    assert start.returncode == 0, said
    waits = told(project, "waits")
    assert waits == ["for `test -e migrated` to exit 0", f"for port {project.port} to accept"]
    asked = project.folder / "asked"
    helpers.until(lambda: asked.exists() and asked.read_text().count("\n") >= 3)
    assert set(asked.read_text().split()) == {str(project.pids()[0])}


def test_what_has_no_port_for_requests_may_be_asked_on_another(project, app):
    project.write(f"""
[services.api]
command = "{app}"
env = {{ PORT = "{project.port}" }}
ready = {{ http = "/fit", port = {project.port}, {FAST}, fall = 1 }}
live = {{ tcp = {project.port}, {FAST} }}
""").cli("start")
    (pid,) = project.pids()
    (project.folder / "fit-1").touch()
    helpers.until(lambda: not project.workers()[0]["healthy"])
    assert project.pids() == [pid]
    os.kill(pid, signal.SIGSTOP)  # its port accepts, by the kernel
    (project.folder / "fit-1").unlink()
    os.kill(pid, signal.SIGCONT)
    helpers.until(lambda: project.workers()[0]["healthy"])
    assert project.pids() == [pid]


def test_an_apply_changes_probes_without_touching_a_process(project, app):
    project.service(app).cli("start")
    pids = project.pids()
    (project.folder / "fit-2").touch()
    text = project.file.read_text()
    project.write(text + f'ready = {{ http = "/fit", {FAST} }}\n').cli("apply")
    helpers.until(lambda: not by_instance(project)[2]["healthy"])
    project.write(text).cli("apply")
    helpers.until(lambda: by_instance(project)[2]["healthy"])
    assert project.pids() == pids
    project.write(text + 'ready = "notify"\nhealth = { start_timeout = "200ms" }\n')
    assert "waited for READY=1" in project.cli("apply", code=1)
    assert project.pids() == pids


def test_what_depends_on_others_waits_for_what_they_say(project, app):
    project.write(f"""
[services.db]
command = ["sh", "-c", "while ! test -e go; do sleep 0.01; done; echo >&4; sleep 1000"]
ready = {{ fd = 4 }}
[services.api]
command = "{app}"
port = {project.port}
listen = {project.listen}
depends_on = {{ db = "healthy" }}
""")
    start = project.popen("start")
    helpers.until(lambda: project.run("status").returncode == 0)
    helpers.until(lambda: "waits for db (healthy)" in project.workers()[0]["reason"])
    assert project.pids() == [None]
    (project.folder / "go").touch()
    said = start.communicate(timeout=60)[0]
    assert start.returncode == 0, said
    project.all_running(1)


NODE = """
const { fork, spawnSync } = require("child_process");
const cluster = require("cluster");
const fs = require("fs");
if (!cluster.isPrimary) {
  const open = fs.readdirSync("/proc/self/fd").map((fd) => {
    try { return fs.readlinkSync(`/proc/self/fd/${fd}`); } catch { return ""; }
  });
  fs.writeFileSync("child", JSON.stringify({ open, env: process.env.NODE_CHANNEL_FD || null }));
  process.exit(0);
}
fs.writeFileSync("channel", fs.readlinkSync("/proc/self/fd/9"));
process.on("disconnect", () => console.log("disconnected"));
process.on("message", (m) => {
  console.log("got", JSON.stringify(m));
  if (m === "shutdown") process.exit(7);
});
cluster.fork().on("exit", () => {
  process.send({ type: "metrics", padding: "x".repeat(300000) });
  process.send("ready");
});
"""


@needs_node
def test_node_keeps_its_channel_from_its_children_and_over_a_dead_daemon(project):
    (project.folder / "app.js").write_text(NODE)
    project.write("""
[services.api]
command = "node app.js"
ready = "ipc"
stop = { shutdown_with_message = true }
""").cli("start")
    (pid,) = project.pids()
    child = json.loads((project.folder / "child").read_text())
    assert (project.folder / "channel").read_text() not in child["open"]
    os.kill(project.status()["daemon"]["pid"], signal.SIGKILL)
    helpers.until(lambda: project.run("status").returncode == 0)
    assert project.pids() == [pid]
    project.cli("stop", "api")
    assert f"pid {pid} exited 7" in project.cli("events")
    log = project.cli("logs", "api")
    assert 'got "shutdown"' in log
    assert "disconnected" not in log


@needs_node
def test_one_that_lets_go_of_a_channel_that_is_for_its_stop_alone_may_be_ready(project):
    (project.folder / "app.js").write_text("process.disconnect(); setInterval(() => {}, 1000);")
    project.write("""
[services.api]
command = "node app.js"
ready = { command = "sleep 0.3" }
stop = { shutdown_with_message = true }
""").cli("start")
    project.all_running(1)
    project.cli("stop", "api")
    assert "killed by SIGTERM" in project.cli("events")


@needs_node
def test_a_node_program_that_ignores_its_channel_may_end(project):
    (project.folder / "app.js").write_text('process.send("ready"); setTimeout(() => {}, 100);')
    project.write("""
[services.api]
command = "node app.js"
ready = "ipc"
restart = "never"
""").popen("start").communicate(timeout=60)
    helpers.until(lambda: project.workers()[0]["state"] == "EXITED")
    assert project.workers()[0]["exit_code"] == 0
    assert told(project, "ready")
