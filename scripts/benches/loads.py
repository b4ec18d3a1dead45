"""The clients: wrk, h2load, redis-benchmark and plain sockets; each bounded, on the loopback."""

import csv
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benches.upstreams import BLOB

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Done:
    """What a run of wrk got through: requests, bytes received, seconds, requests that failed."""

    requests: int
    received: int
    seconds: float
    failed: int


@dataclass(frozen=True)
class Wrk:
    """A way to ask: `kind` is plain, vary, close, post or signed with a token (see load.lua)."""

    kind: str = "plain"
    path: str = "/hundred"
    connections: int = 32
    seconds: int = 2
    token: str = ""

    def ask(self, port: int) -> Done:
        """Run wrk on one thread."""
        words = [
            "wrk",
            "-t1",
            f"-c{self.connections}",
            f"-d{self.seconds}",
            "-s",
            str(HERE / "load.lua"),
        ]
        url = f"http://127.0.0.1:{port}{self.path}"
        words += [url, "--", self.kind, self.token]
        done = subprocess.run(words, check=True, capture_output=True, text=True)
        figures = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
        requests, received, microseconds, failed = map(int, figures.split()[1:])
        return Done(requests, received, microseconds / 1e6, failed)


def echo(port: int, count: int) -> float:
    """Send redis ECHO with 100 bytes on 32 connections; return round trips a second."""
    words = ["redis-benchmark", "-p", str(port), "-c", "32", "-n", str(count), "--csv"]
    words += ["ECHO", "e" * 100]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return float(list(csv.reader(done.stdout.splitlines()))[-1][1])


def blob(port: int) -> None:
    """Take the gigabyte, all of it."""
    buffer, received = bytearray(1 << 18), 0
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"\n")
        while count := connection.recv_into(buffer):
            received += count
    assert received == BLOB, f"{received} bytes"


def paced(port: int, rate: int, seconds: int) -> tuple[float, float]:
    """Ask at a steady rate from another process; return median and 99th percentile in µs."""
    words = [sys.executable, str(HERE / "paced.py"), str(port), str(rate), str(seconds)]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    median, most = map(float, done.stdout.split())
    return median, most


GET = b"GET /hundred HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"
HANDSHAKE = (
    b"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
FRAME = b"\x82\x84\0\0\0\0ping"  # binary, masked with zeros


@contextmanager
def kept(port: int, count: int, talk: Callable[[socket.socket], None]) -> Iterator[None]:
    """Open connections one after the other, say on each what is to be said, and keep them."""
    with ExitStack() as stack:
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", port), 10)
            talk(stack.enter_context(connection))
        yield


def one_request(connection: socket.socket) -> None:
    """Ask once."""
    connection.sendall(GET)
    answer = b""
    while not answer.endswith(b"\r\n\r\n" + b"h" * 100):
        answer += take(connection)


def websocket(connection: socket.socket) -> None:
    """Open a WebSocket and see one frame come back."""
    connection.sendall(HANDSHAKE)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += take(connection)
    assert head.startswith(b"HTTP/1.1 101"), head
    connection.sendall(FRAME)
    frame = b""
    while frame != FRAME:
        frame += take(connection)


def take(connection: socket.socket) -> bytes:
    """Receive something."""
    data = connection.recv(65536)
    assert data, "closed by the proxy"
    return data
