"""Several proxies, one limit: never a request more, whoever dies meanwhile."""

import http.client
import os
import signal
import threading
import time
from collections import Counter

import helpers

DAILY = 'limits = { rate = "30/d", exempt = ["10.0.0.0/8"] }'


def start(project, more):
    project.service(more=more)
    project.file.write_text("[daemon]\nproxies = 2\n" + project.file.read_text())
    project.cli("start")


class Crowd:
    """Clients in threads that ask as fast as they can, on connections that they open anew."""

    def __init__(self, port, clients=8):
        self.statuses = Counter()
        self.went_wrong = 0
        self._port = port
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def until(self, status, count):
        helpers.until(lambda: self.statuses[status] >= count, 60)

    def _run(self):
        while not self._over.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
            try:
                for _ in range(20):
                    connection.request("GET", "/")
                    answer = connection.getresponse()
                    answer.read()
                    with self._lock:
                        self.statuses[answer.status] += 1
            except (OSError, http.client.HTTPException):  # its proxy was killed
                with self._lock:
                    self.went_wrong += 1
            finally:
                connection.close()


def proxies(project):
    """Return the two of them, once they are there."""

    def look():
        pids = [proxy["pid"] for proxy in project.status()["proxies"]]
        return pids if len(pids) == 2 else None

    return helpers.until(look)


def test_two_proxies_let_pass_what_one_would_under_a_real_load(project):
    start(project, 'limits = ["100/s burst 150", "100000/h"]')
    proxies(project)
    began = time.monotonic()
    with Crowd(project.listen) as crowd:
        crowd.until(429, 500)
        crowd.until(200, 300)
    took = time.monotonic() - began
    assert 300 <= crowd.statuses[200] <= 150 + 100 * took
    assert set(crowd.statuses) == {200, 429}
    assert crowd.went_wrong == 0
    # Both had their part in it; one that is late with its figures shows none.
    helpers.until(lambda: min(each["requests"] for each in project.status()["proxies"]) > 0)


def test_neither_dead_proxies_nor_a_dead_daemon_let_anybody_begin_anew(project):
    start(project, DAILY)
    first = proxies(project)
    with Crowd(project.listen, 2) as crowd:
        crowd.until(200, 30)
        crowd.until(429, 50)
        os.kill(first[0], signal.SIGKILL)  # maybe while it counts: its lock is free again
        helpers.until(lambda: first[0] not in proxies(project))
        marks = crowd.statuses[429]
        crowd.until(429, marks + 50)
    daemon = project.status()["daemon"]["pid"]
    os.kill(daemon, signal.SIGKILL)
    helpers.until(lambda: project.run("status").returncode == 0)
    assert project.status()["daemon"]["pid"] != daemon
    for pid in proxies(project):
        os.kill(pid, signal.SIGKILL)
        helpers.until(lambda pid=pid: pid not in proxies(project))
    with Crowd(project.listen, 2) as late:
        late.until(429, 50)
    assert crowd.statuses[200] == 30
    assert late.statuses[200] == 0
    # A changed file that leaves the limit alone leaves its counts alone too.
    project.file.write_text(project.file.read_text().replace("30/d", "30/d burst 30"))
    project.file.write_text(project.file.read_text() + 'deny = ["192.0.2.0/24"]\n')
    project.cli("apply")
    with Crowd(project.listen, 2) as later:
        later.until(429, 50)
    assert later.statuses[200] == 0
