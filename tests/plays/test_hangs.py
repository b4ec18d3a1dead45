"""Workers that hang, and those that only look so: nobody asks them for a health path."""

import contextlib
import json
import os
import re
import signal
import threading

import helpers
import httpx
import psutil
import pytest
from load import failures, load
from project import PYTHON

HEALTH = 'health = { hang_timeout = "1s", timeout = "200ms"%s }\nstop = { grace = "100ms" }'
APP = """
import faulthandler, http.server, json, os, pathlib, signal, threading
faulthandler.register(signal.SIGUSR1, all_threads=True)
threads = os.environ.get("THREADS") == "1"
def wanted(what):
    order = pathlib.Path(__file__).parent / f"{what}-{os.environ['WEBQX_SV_INSTANCE']}"
    if found := order.exists():
        order.unlink()
    return found
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if "webqx-sv" in self.headers.get("User-Agent", ""):
            print("was asked for one more thing", flush=True)
        if wanted("hang"):
            self.stuck_for_ever()
        burns = wanted("burn")
        while burns: pass
        if self.path == "/poll":
            threading.Event().wait(600)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"pid": os.getpid()}).encode())
    def stuck_for_ever(self):
        threading.Event().wait(600)
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer if threads else http.server.HTTPServer
server.request_queue_size = 100
server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest.fixture
def app(tmp_path):
    script = tmp_path / "app.py"
    script.write_text(APP)
    return f"{PYTHON} {script}"


def ask(url):
    """Have one request on its way, whatever becomes of it."""

    def get():
        with contextlib.suppress(httpx.HTTPError):
            httpx.get(url, timeout=60)

    threading.Thread(target=get, daemon=True).start()


def served_by(clients, count):
    """Wait until so many workers have answered: a peer that was asked nothing proves nothing."""
    helpers.until(lambda: len({pid for client in clients for pid in client.by_pid}) == count)


def hung(project):
    events = json.loads(project.cli("events", "--json"))["events"]
    return [event["text"] for event in events if event["kind"] == "hung"]


def test_one_that_hangs_is_dumped_and_replaced_and_no_client_sees_it(project, app, tmp_path):
    health = HEALTH % ', dump_signal = "SIGUSR1"'
    project.service(app, more=f"instances = 3\n{health}").cli("start")
    first = project.pids()[0]
    with load(project.listen, "keep", "close", "keep") as clients:
        served_by(clients, 3)
        (tmp_path / "hang-1").touch()
        helpers.until(lambda: first not in project.pids())
        project.all_running(3)
    assert failures(clients) == []
    (event,) = hung(project)
    assert re.fullmatch(r"no byte for \d\.\d s of \d requests? while its peers answered", event)
    assert "stuck_for_ever" in project.cli("logs", "api:1", "-n", "1000")
    assert f"hung: {event}; pid {first} killed" in project.cli("events")


def test_a_stopped_one_is_replaced(project, app):
    project.service(app, more=f"instances = 2\n{HEALTH % ''}").cli("start")
    stopped = project.pids()[0]
    with load(project.listen, "keep", "close") as clients:
        served_by(clients, 2)
        os.kill(stopped, signal.SIGSTOP)
        helpers.until(lambda: stopped not in project.pids())
        project.all_running(2)
    assert failures(clients) == []
    assert len(hung(project)) == 1
    assert not psutil.pid_exists(stopped)


def test_it_is_found_by_any_of_several_proxies_and_by_the_next_daemon(project, app):
    project.service(app, more=f"instances = 2\n{HEALTH % ''}")
    project.write("[daemon]\nproxies = 2\n" + project.file.read_text()).cli("start")
    pids = project.pids()
    daemon = project.status()["daemon"]["pid"]
    with load(project.listen, "close", "close") as clients:
        served_by(clients, 2)
        os.kill(daemon, signal.SIGSTOP)
        os.kill(pids[0], signal.SIGSTOP)
        os.kill(daemon, signal.SIGKILL)
        helpers.until(lambda: project.run("status").returncode == 0)
        helpers.until(lambda: pids[0] not in project.pids())
        assert pids[1] in [worker["pid"] for worker in project.all_running(2)]
    assert failures(clients) == []


def test_one_that_has_only_long_polls_is_spared(project, app):
    more = f'instances = 2\nbalance = "least_connections"\n{HEALTH % ""}'
    project.service(app, more=more, THREADS="1").cli("start")
    pids = project.pids()
    ask(f"{project.url}/poll")
    helpers.until(lambda: any(worker["in_flight"] for worker in project.workers()))
    with load(project.listen, "keep") as clients:  # goes to the other one, as that has less
        helpers.until(lambda: project.cli("logs", "api").count("was asked") >= 2)
    assert failures(clients) == []
    assert project.pids() == pids
    assert hung(project) == []


def test_one_that_burns_cpu_is_spared_for_its_patience(project, app, tmp_path):
    health = HEALTH % ', patience = "3s"'
    project.service(app, more=f"instances = 2\n{health}").cli("start")
    first = project.pids()[0]
    with load(project.listen, "keep", "close") as clients:
        served_by(clients, 2)
        (tmp_path / "burn-1").touch()
        helpers.until(lambda: first not in project.pids())
    assert failures(clients) == []
    (event,) = hung(project)
    assert float(event.split()[3]) >= 3


def test_a_lone_one_is_spared_and_so_is_one_that_goes_on_in_time(project, app):
    lone, other = project.port, project.port + 1
    project.write(f"""
[services.lone]
command = "{app}"
port = {lone}
listen = {project.listen + 1}
health = {{ hang_timeout = "100ms", timeout = "200ms" }}
[services.api]
command = "{app}"
instances = 2
port = {other}
listen = {project.listen}
health = {{ hang_timeout = "2s", timeout = "200ms" }}
stop = {{ grace = "100ms" }}
""").cli("start")
    (alone,), (first, second) = project.pids("lone"), project.pids()
    os.kill(alone, signal.SIGSTOP)
    ask(f"http://127.0.0.1:{project.listen + 1}/")
    with load(project.listen, "keep", "close") as clients:
        served_by(clients, 2)
        os.kill(first, signal.SIGSTOP)
        helpers.until(lambda: project.workers()[0]["in_flight"])
        os.kill(first, signal.SIGCONT)
        helpers.until(lambda: not project.workers()[0]["in_flight"])
        os.kill(second, signal.SIGSTOP)
        helpers.until(lambda: second not in project.pids())
    assert failures(clients) == []
    assert first in project.pids()
    assert project.pids("lone") == [alone]
    os.kill(alone, signal.SIGCONT)
