"""Several proxies, one choice: limits hold over all of them, and over a daemon's death."""

import http.client
import json
import os
import signal
import threading
from collections import Counter

import helpers
import psutil
from project import PYTHON

APP = """
import http.server, json, os, threading, time
now, most, lock = 0, 0, threading.Lock()
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version, wbufsize = "HTTP/1.1", -1
    def do_GET(self):
        global now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.005)
        with lock:
            now -= 1
        body = json.dumps({"port": os.environ["PORT"], "most": most}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def start(project, more):
    (project.folder / "app.py").write_text(APP)
    project.service(f"{PYTHON} {project.folder / 'app.py'}", more=more)
    project.file.write_text("[daemon]\nproxies = 2\n" + project.file.read_text())
    project.cli("start")


class Crowd:
    """Clients in threads; each has a connection of its own and asks `count` times."""

    def __init__(self, port, clients, count):
        self.answers, self.failures = [], []
        self._threads = [
            threading.Thread(target=self._run, args=(port, count)) for _ in range(clients)
        ]
        for thread in self._threads:
            thread.start()

    def wait(self):
        for thread in self._threads:
            thread.join(60)
        return self.answers

    def _run(self, port, count):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for _ in range(count):
            connection.request("GET", "/")
            answer = connection.getresponse()
            body = answer.read()
            if answer.status == 200:
                self.answers.append(json.loads(body))
            else:
                self.failures.append(body)
        connection.close()


def test_two_proxies_never_give_a_worker_more_than_it_takes(project):
    start(project, "forward = { max_in_flight = 1 }")
    carried = [0, 0]
    for _ in range(20):  # who of the proxies accepts a client is for the kernel to say
        crowd = Crowd(project.listen, 16, 25)
        answers = crowd.wait()
        assert crowd.failures == []
        assert len(answers) == 400
        assert {answer["most"] for answer in answers} == {1}
        share = Counter(answer["port"] for answer in answers)
        assert min(share.values()) > 100
        before, carried = carried, [each["requests"] for each in project.status()["proxies"]]
        if all(now - then > 25 for now, then in zip(carried, before, strict=True)):
            return
    raise AssertionError(f"never did both proxies carry requests at once: {carried}")


def test_the_limit_holds_while_the_daemon_and_a_proxy_are_killed(project):
    start(project, "forward = { max_in_flight = 1 }")
    status = project.status()
    first = Crowd(project.listen, 8, 40)
    os.kill(status["daemon"]["pid"], signal.SIGKILL)
    answers = first.wait()
    assert first.failures == []
    assert {answer["most"] for answer in answers} == {1}
    helpers.until(lambda: project.run("status").returncode == 0)
    after = project.status()
    assert [each["pid"] for each in after["proxies"]] == [each["pid"] for each in status["proxies"]]
    psutil.Process(after["proxies"][0]["pid"]).kill()
    helpers.until(
        lambda: (
            after["proxies"][0]["pid"] not in [p["pid"] for p in project.status()["proxies"]]
            and len(project.status()["proxies"]) == 2
        )
    )
    second = Crowd(project.listen, 8, 20)
    assert {answer["most"] for answer in second.wait()} == {1}
    assert second.failures == []


def test_an_apply_changes_the_policy_under_load_without_a_failure(project):
    start(project, 'balance = "least_connections"')
    pids = project.pids()
    crowd = Crowd(project.listen, 8, 60)
    text = project.file.read_text()
    for policy in ("two_choices", "hash", "round_robin", "least_connections"):
        project.file.write_text(text.replace("least_connections", policy))
        project.cli("apply")
    answers = crowd.wait()
    assert crowd.failures == []
    assert len(answers) == 480
    assert project.pids() == pids
