"""Clients that count what they see fail; none of them ever tries again.

Each is one thread with its own connection(s) at a steady, bounded rate.
"""

import http.client
import json
import socket
import threading
import time
from collections import Counter
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

TIME_LIMIT = 20
MEGABYTE = bytes(range(256)) * 4096
TRANSFER = 50
"""Megabytes of an upload and of a download; both take some seconds."""
PACE = 0.03
"""Seconds between two of them."""


@dataclass
class Client:
    """`kind` is one of KINDS; `rate` in requests, messages or events a second."""

    port: int
    kind: str
    rate: float = 40
    seconds: float = TIME_LIMIT
    sent: int = 0
    """Requests, or streams, begun."""
    progress: int = 0
    """Steps that went well: an answer, a megabyte, a message, an event."""
    failures: list[str] = field(default_factory=list)
    by_pid: Counter = field(default_factory=Counter)
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self):
        KINDS[self.kind](self)

    def stop(self):
        self._stop.set()

    def pause(self, seconds):
        """Return whether to go on after so long."""
        return not self._stop.wait(seconds)

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.seconds)

    def failed(self, error):
        if not self._stop.is_set():  # who was told to end may be cut short by its own hand
            self.failures.append(f"{self.kind}: {type(error).__name__} {error}")

    def answer(self, response):
        """Return the body of a good answer."""
        body = response.read()
        if response.status != 200:
            raise ValueError(f"{response.status} {body[:200]!r}")
        return body


FAULTS = (OSError, http.client.HTTPException, ValueError, ConnectionClosed, InvalidHandshake)


def requests(client):
    """Send requests on one connection, or (close) on a new one each."""
    connection = client.connect()
    while client.pause(1 / client.rate):
        client.sent += 1
        try:
            if client.kind == "post":
                connection.request("POST", "/echo", b"x" * 16384)
            else:
                headers = {"Connection": "close"} if client.kind == "close" else {}
                path = "/slow" if client.kind == "slow" else "/"
                connection.request("GET", path, headers=headers)
            body = client.answer(connection.getresponse())
            client.by_pid[json.loads(body)["pid"]] += 1
            client.progress += 1
        except FAULTS as error:
            client.failed(error)
            connection.close()
        if client.kind == "close":
            connection.close()
    connection.close()


def _again_and_again(once):
    """Make of one transfer or stream a client that begins the next one when it has ended."""

    def run(client):
        while client.pause(1 / client.rate):
            client.sent += 1
            try:
                once(client)
            except FAULTS as error:
                client.failed(error)

    return run


@_again_and_again
def upload(client):
    """Send 50 MB in some seconds."""
    with closing(client.connect()) as connection:
        connection.putrequest("POST", "/echo")
        connection.putheader("Content-Length", str(TRANSFER * len(MEGABYTE)))
        connection.endheaders()
        with suppress(ConnectionError):  # the answer may say why
            for _ in range(TRANSFER):
                connection.send(MEGABYTE)
                client.progress += 1
                if not client.pause(PACE):
                    return
        client.answer(connection.getresponse())


@_again_and_again
def download(client):
    """Read 50 MB in some seconds, slower than they could come."""
    with closing(client.connect()) as connection:
        connection.request("GET", "/download")
        response = connection.getresponse()
        for _ in range(TRANSFER):
            if response.read(len(MEGABYTE)) != MEGABYTE:
                raise ValueError("cut short, or not what was sent")
            client.progress += 1
            if not client.pause(PACE):
                return


@_again_and_again
def events(client):
    """Read server-sent events, which have no end of their own."""
    with closing(client.connect()) as connection:
        connection.request("GET", "/events")
        response = connection.getresponse()
        expected = 1
        while client.pause(0):
            line = response.readline()
            if not line:
                raise ValueError(f"the stream ended before event {expected}")
            if line.startswith(b"data: "):
                pid, number = line.split()[1:]
                if int(number) != expected:
                    raise ValueError(f"event {int(number)} instead of {expected}")
                client.by_pid[int(pid)] += 1
                client.progress += 1
                expected += 1


@_again_and_again
def websocket(client):
    """Send messages and read their echoes, with somebody else's implementation."""
    with connect(f"ws://127.0.0.1:{client.port}/ws", open_timeout=client.seconds) as tunnel:
        number = 0
        while client.pause(1 / client.rate):
            number += 1
            tunnel.send(f"message {number}")
            if tunnel.recv(client.seconds) != f"message {number}":
                raise ValueError("an echo of something else")
            client.progress += 1


KINDS = {
    "keep": requests,
    "close": requests,
    "slow": requests,
    "post": requests,
    "upload": upload,
    "download": download,
    "events": events,
    "ws": websocket,
}


@contextmanager
def load(port, *kinds, rate=40, seconds=TIME_LIMIT):
    """Run one client of each kind while the block runs; yields them.

    A client that hears nothing for so many `seconds` counts that as a failure.
    """
    clients = [Client(port, kind, rate, seconds) for kind in kinds]
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
    """Return when every client has got `count` steps further."""
    marks = [client.progress + count for client in clients]
    deadline = time.monotonic() + seconds
    while any(client.progress < mark for client, mark in zip(clients, marks, strict=True)):
        if time.monotonic() > deadline:
            stuck = [c for c, mark in zip(clients, marks, strict=True) if c.progress < mark]
            raise AssertionError(f"stuck: {stuck}")
        time.sleep(0.01)


def nobody_listens(port):
    """Tell whether connections to it are refused."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except ConnectionRefusedError:
        return True
    return False
