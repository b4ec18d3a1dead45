"""Workers that are up and answer badly: ejected, tried again, and no storm made of retries."""

import http.client
import json
import re
import subprocess
from collections import Counter
from contextlib import contextmanager

import helpers
from project import PYTHON

APP = """
import http.server, os, pathlib, threading, time
mood, lock, asked = pathlib.Path(os.environ["MOOD"]), threading.Lock(), 0
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version, wbufsize = "HTTP/1.1", -1
    def do_GET(self):
        global asked
        if self.path == "/asked":
            body = str(asked).encode()
        else:
            with lock:
                asked += 1
            body = os.environ["PORT"].encode()
        status, pause = mood.read_text().split()
        status, pause = (200, "0") if self.path == "/asked" else (int(status), pause)
        time.sleep(float(pause))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


class Workers:
    """Two workers behind one address, each in a mood of its own."""

    def __init__(self, project, more):
        self.project = project
        (project.folder / "app.py").write_text(APP)
        for instance in (1, 2):
            self.mood(instance, 200)
        command = f"{PYTHON} {project.folder / 'app.py'}"
        project.service(command, more=more, MOOD=str(project.folder / "mood-{instance}"))
        project.cli("start")

    def mood(self, instance, status, pause=0.0):
        """Have the worker answer so from now on."""
        file = self.project.folder / f"mood-{instance}"
        file.with_suffix(".new").write_text(f"{status} {pause}")
        file.with_suffix(".new").replace(file)

    def ask(self, count=1):
        """Return (status, port of the worker) of so many requests on one connection."""
        found = []
        client = http.client.HTTPConnection("127.0.0.1", self.project.listen, timeout=30)
        for _ in range(count):
            client.request("GET", "/")
            answer = client.getresponse()
            found.append((answer.status, int(answer.read())))
        client.close()
        return found

    def asked(self, instance):
        """Return how many requests the worker has had, as it says itself."""
        port = self.project.port + instance - 1
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        client.request("GET", "/asked")
        asked = int(client.getresponse().read())
        client.close()
        return asked

    def events(self):
        found = json.loads(self.project.cli("events", "--json"))["events"]
        return [e for e in found if e["kind"].startswith("breaker")]

    def breakers(self):
        return [worker["breaker"] for worker in self.project.workers()]


def test_a_worker_that_answers_500_is_ejected_and_comes_back(project):
    workers = Workers(project, '[services.api.breaker]\nminimum = 5\nopen_for = "1s"')
    helpers.until(lambda: workers.breakers() == ["closed", "closed"])
    workers.mood(2, 500)
    helpers.until(lambda: workers.ask(4) and workers.breakers() == ["closed", "open"])
    helpers.until(lambda: re.search("  breaker (open|half-open)", project.cli("status")))
    helpers.until(lambda: {status for status, _ in workers.ask(6)} == {200})
    workers.mood(2, 200)
    helpers.until(lambda: workers.ask(4) and workers.breakers() == ["closed", "closed"], 60)
    ports = Counter(port for _, port in workers.ask(8))
    assert set(ports) == {project.port, project.port + 1}
    kinds = [event["kind"] for event in workers.events()]
    assert kinds[0] == "breaker_opened"
    assert kinds[-2:] == ["breaker_half_opened", "breaker_closed"]
    assert {(event["service"], event["instance"]) for event in workers.events()} == {("api", 2)}


def test_a_worker_that_is_slow_is_ejected(project):
    workers = Workers(
        project, '[services.api.breaker]\nminimum = 4\nslow_after = "300ms"\nopen_for = "60s"'
    )
    workers.mood(1, 200, pause=0.6)
    helpers.until(lambda: workers.ask(4) and workers.breakers() == ["open", "closed"])
    assert "were slow" in workers.events()[0]["text"]
    assert {port for _, port in workers.ask(10)} == {project.port + 1}


def test_no_storm_is_built_of_retries(project):
    workers = Workers(project, "retry = { on = [503], attempts = 5 }")
    workers.mood(1, 503)
    assert [status for status, _ in workers.ask(10)] == [200] * 10
    workers.mood(2, 503)
    before = workers.asked(1) + workers.asked(2)
    assert {status for status, _ in workers.ask(200)} == {503}
    more = workers.asked(1) + workers.asked(2) - before
    assert 200 < more <= 210 * 1.2 + 10


ELSEWHERE = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"elsewhere")
    def log_message(self, *_):
        pass
print("listening", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@contextmanager
def elsewhere(port):
    """Have somebody answer on a port who is not the daemon's."""
    command = [PYTHON, "-c", ELSEWHERE, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


def answer(project):
    client = http.client.HTTPConnection("127.0.0.1", project.listen, timeout=30)
    client.request("GET", "/")
    found = client.getresponse()
    body = found.read()
    client.close()
    return "elsewhere" if body == b"elsewhere" else found.status


def test_a_remote_standby_is_used_only_while_the_service_is_down(project):
    port = project.port + 8
    address = f"127.0.0.1:{port}"
    project.service(more='[services.api.forward]\nqueue_timeout = "5s"')
    project.write(
        project.file.read_text().replace(f"listen = {project.listen}\n", "")
        + f"""
[services.standby]
remote = ["http://{address}"]
health = {{ path = "/well", interval = "100ms", fall = 2 }}

[listeners.web]
bind = {project.listen}

[[routes]]
listener = "web"
service = "api"
backup = "standby"
"""
    )
    with elsewhere(port):
        project.cli("start")
        (standby,) = project.workers("standby")
        assert (standby["pid"], standby["port"], standby["state"]) == (None, port, "RUNNING")
        assert standby["remote"] == address
        assert f"standby  RUNNING      1/1  {address}" in project.cli("status")
        assert [answer(project) for _ in range(4)] == [200] * 4
        project.cli("stop", "api")
        assert [answer(project) for _ in range(4)] == ["elsewhere"] * 4
        project.cli("start", "api")
        assert [answer(project) for _ in range(4)] == [200] * 4
        assert "standby is remote: there is nothing to reload here" in project.cli("reload")
        assert "standby is remote" in project.cli("scale", "standby", "2", code=2)
        helpers.until(lambda: project.workers("standby")[0]["requests"] == 4)
        assert "standby is remote: nothing was stopped there" in project.cli("stop", "standby")
        project.cli("stop", "api")
        assert answer(project) == 503
        project.cli("start", "standby")
        helpers.until(lambda: answer(project) == "elsewhere")
    helpers.until(lambda: not project.workers("standby")[0]["healthy"])
    assert answer(project) == 503
    events = json.loads(project.cli("events", "--json"))["events"]
    kinds = [event["kind"] for event in events if event["service"] == "standby"]
    assert kinds[-1] == "unhealthy"
    assert "ready" in kinds


def test_a_standby_that_does_not_answer_keeps_nobody_from_running(project):
    port = project.port + 8
    more = f'[services.standby]\nremote = "http://127.0.0.1:{port}"\n'
    project.service(more=more + 'health = { interval = "100ms" }')
    said = project.cli("start", code=1)
    assert f"nobody accepts at 127.0.0.1:{port}" in said
    project.all_running(2)
    with elsewhere(port):
        helpers.until(lambda: project.workers("standby")[0]["state"] == "RUNNING")
