"""Clients that count what they see fail; none of them ever tries again.

Each is one thread with its own connection(s) at a steady, bounded rate.
"""

import http.client
import json
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field

TIME_LIMIT = 20


@dataclass
class Client:
    """`kind` is keep, close, slow or post; `rate` in requests a second."""

    port: int
    kind: str
    rate: float = 40
    sent: int = 0
    failures: list[str] = field(default_factory=list)
    by_pid: Counter = field(default_factory=Counter)
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self):
        connection = self._connect()
        while not self._stop.wait(1 / self.rate):
            try:
                self._one(connection)
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.failures.append(f"{self.kind}: {type(error).__name__} {error}")
                connection.close()
            if self.kind == "close":
                connection.close()
        connection.close()

    def stop(self):
        self._stop.set()

    def _connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIME_LIMIT)

    def _one(self, connection):
        self.sent += 1
        if self.kind == "post":
            connection.request("POST", "/echo", b"x" * 16384)
        else:
            headers = {"Connection": "close"} if self.kind == "close" else {}
            connection.request("GET", "/slow" if self.kind == "slow" else "/", headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise ValueError(f"{answer.status} {body[:200]!r}")
        self.by_pid[json.loads(body)["pid"]] += 1


@contextmanager
def load(port, *kinds, rate=40):
    """Run one client of each kind while the block runs; yields them."""
    clients = [Client(port, kind, rate) for kind in kinds]
    threads = [threading.Thread(target=client.run) for client in clients]
    for thread in threads:
        thread.start()
    try:
        yield clients
    finally:
        for client in clients:
            client.stop()
        for thread in threads:
            thread.join()


def failures(clients):
    return [failure for client in clients for failure in client.failures]


def wait_for_answers(clients, count, seconds=20):
    """Return when every client has sent `count` more requests."""
    marks = [client.sent + count for client in clients]
    deadline = time.monotonic() + seconds
    while any(client.sent < mark for client, mark in zip(clients, marks, strict=True)):
        if time.monotonic() > deadline:
            stuck = [c for c, mark in zip(clients, marks, strict=True) if c.sent < mark]
            raise AssertionError(f"stuck: {stuck}")
        time.sleep(0.01)
