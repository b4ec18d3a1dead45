"""One of two workers is at fault: what clients see of it at default settings. Never a double."""

import random
import socket
import struct
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio
from helpers import auntil
from stage import Peer, Script, ScriptedUpstream, Stage, echo, ok, request

REQUESTS = 8
ABORT = struct.pack("ii", 1, 0)

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives proof")
either_method = pytest.mark.parametrize("method", ["GET", "POST"])


@dataclass
class Pair:
    """A faulty worker and a sound one; `carried_out` counts each request that either has read."""

    stage: Stage
    carried_out: Counter[bytes] = field(default_factory=Counter)

    async def read(self, peer: Peer) -> None:
        """Read one request; its target is its name."""
        head = await peer.head()
        self.carried_out[head.split(b" ")[1]] += 1
        if head.startswith(b"POST"):
            await peer.exactly(4)

    async def sound(self, peer: Peer) -> None:
        while True:
            await self.read(peer)
            await peer.send(ok(b"done"))

    async def stand_by(self, faulty: Script) -> ScriptedUpstream:
        """Put both into the table, the faulty one first."""
        first = await self.stage.upstream(faulty, "1")
        await self.stage.apply(first, await self.stage.upstream(self.sound, "2"))
        return first

    async def ask(self, method: str, count: int = REQUESTS) -> list[int]:
        """Send so many requests, each with a name; return the status of each answer."""
        body = b"body" if method == "POST" else b""
        return [
            (await self.stage.ask(request(method, f"/{number}", body=body)))[0]
            for number in range(count)
        ]


@pytest.fixture
def pair(stage: Stage) -> Pair:
    return Pair(stage)


@either_method
async def test_of_refused_connections_no_client_hears(pair: Pair, method):
    faulty = await pair.stand_by(echo)
    faulty.kill()
    await auntil(lambda: not faulty.accepts())
    assert await pair.ask(method) == [200] * REQUESTS
    assert set(pair.carried_out.values()) == {1}


async def reset(peer: Peer) -> None:
    peer.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)


def reads_and(pair: Pair, then: Callable[[Peer], Awaitable[None]]) -> Script:
    async def play(peer: Peer) -> None:
        await pair.read(peer)
        await then(peer)

    return play


async def close(_peer: Peer) -> None:
    pass


async def leave_a_part(peer: Peer) -> None:
    await peer.stream.send_all(b"HTTP/1.1 ")


@pytest.mark.parametrize("end", [reset, close, leave_a_part])
async def test_a_get_that_a_worker_has_read_and_not_answered_is_answered_by_the_other(pair, end):
    await pair.stand_by(reads_and(pair, end))
    assert await pair.ask("GET") == [200] * REQUESTS


@pytest.mark.parametrize("end", [reset, close, leave_a_part])
async def test_a_post_that_a_worker_has_read_is_a_502_and_never_sent_again(pair: Pair, end):
    await pair.stand_by(reads_and(pair, end))
    statuses = await pair.ask("POST")
    assert Counter(statuses) == {200: REQUESTS // 2, 502: REQUESTS // 2}
    assert pair.carried_out == {b"/%d" % number: 1 for number in range(REQUESTS)}
    failures = [line for line in pair.stage.log_lines() if " 502 " in line]
    assert len(failures) == REQUESTS // 2
    assert all("worker api:1@1: " in line for line in failures)


@pytest.mark.parametrize("taken", [1, 60])
async def test_a_post_that_a_worker_has_read_in_part_is_a_502(pair: Pair, taken):
    async def play(peer: Peer) -> None:
        await peer.stream.receive_some(taken)

    await pair.stand_by(play)
    assert Counter(await pair.ask("POST")) == {200: REQUESTS // 2, 502: REQUESTS // 2}
    assert set(pair.carried_out.values()) == {1}


@either_method
async def test_an_answer_503_is_passed_on_as_it_is(pair: Pair, method):
    async def unwell(peer: Peer) -> None:
        while True:
            await pair.read(peer)
            await peer.send(b"HTTP/1.1 503 Not well\r\nContent-Length: 0\r\n\r\n")

    await pair.stand_by(unwell)
    assert Counter(await pair.ask(method)) == {200: REQUESTS // 2, 503: REQUESTS // 2}
    assert set(pair.carried_out.values()) == {1}


def once_and_then(pair: Pair, end: Callable[[Peer], Awaitable[None]]) -> Script:
    """Play a worker that reads no second request of a connection, but ends it when one comes."""

    async def play(peer: Peer) -> None:
        await pair.read(peer)
        await peer.send(ok(b"once"))
        await trio.lowlevel.wait_readable(peer.stream.socket)
        await end(peer)

    return play


async def half_close(peer: Peer) -> None:
    await peer.stream.send_eof()


@pytest.mark.parametrize("method", ["GET", pytest.param("POST", marks=on_linux)])
@pytest.mark.parametrize("end", [close, reset, half_close])
async def test_of_a_connection_closed_over_its_second_request_no_client_hears(pair, method, end):
    await pair.stand_by(once_and_then(pair, end))
    assert await pair.ask(method) == [200] * REQUESTS
    assert set(pair.carried_out.values()) == {1}
    assert any(" 1 -" in line for line in pair.stage.log_lines())  # there was something to retry


def unread_at(port: int) -> bool:
    """Say whether a connection to this port, accepted or not, has octets to read (proc(5))."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    rows = [line.split() for line in lines]
    return any(
        row[1].endswith(f":{port:04X}") and row[3] == "01" and int(row[4][9:], 16) for row in rows
    )


@on_linux
async def test_a_post_in_the_queue_of_a_worker_that_ends_before_it_accepts_is_a_502(pair: Pair):
    worker = await pair.stage.upstream(echo, "1")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        worker.move_to(listening.getsockname()[1])
        await pair.stage.apply(worker)
        client = await pair.stage.connect()
        await client.send(request("POST", "/", body=b"body"))
        await auntil(lambda: unread_at(worker.port))
        await pair.stage.apply(await pair.stage.upstream(pair.sound, "2"))
    assert (await client.answer())[0] == 502
    assert not pair.carried_out


@on_linux
async def test_a_post_of_many_pieces_goes_elsewhere_whole(pair: Pair):
    bodies = []

    async def sound(peer: Peer) -> None:
        while True:
            await peer.head()
            bodies.append(await peer.exactly(40_000))
            await peer.send(ok())

    faulty = await pair.stage.upstream(once_and_then(pair, close), "1")
    await pair.stage.apply(faulty)
    assert await pair.ask("POST", 1) == [200]  # its connection is kept
    await pair.stage.apply(faulty, await pair.stage.upstream(sound, "2"))
    body = random.Random(1).randbytes(40_000)
    for _ in range(2):
        assert (await pair.stage.ask(request("POST", body=body)))[0] == 200
    assert bodies == [body, body]


@contextmanager
def hasty_worker(carried_out: Counter[bytes]) -> Iterator[int]:
    """Run a worker, in a thread, that closes each connection at a random moment after an answer."""
    dice = random.Random(1)
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connected = listening.accept()[0]
                with connected:
                    head = b""
                    while b"body" not in head and (data := connected.recv(4096)):
                        head += data
                    if head:
                        carried_out[head.split(b" ")[1]] += 1
                        connected.send(ok(b"done"))
                    for _ in range(dice.randrange(3000)):
                        pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


@on_linux
async def test_connections_that_close_at_any_moment_lose_no_post_and_double_none(pair: Pair):
    count = 300
    worker = await pair.stage.upstream(echo)
    with hasty_worker(pair.carried_out) as port:
        worker.move_to(port)
        await pair.stage.apply(worker)
        client = await pair.stage.connect()
        for number in range(count):
            await client.send(request("POST", f"/{number}", body=b"body"))
            assert (await client.answer())[0] == 200
    assert pair.carried_out == {b"/%d" % number: 1 for number in range(count)}


BUSY = """
import socket, sys, time
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
connected = listening.accept()[0]
while b"body" not in connected.recv(4096):
    pass
connected.send(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
sys.stdin.read()
"""


@pytest.fixture
async def busy() -> AsyncIterator[subprocess.Popen[str]]:
    """Return a worker process that answers one request and never reads another."""
    with subprocess.Popen(  # noqa: ASYNC220 - not waited for here
        [sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


@on_linux
async def test_a_post_that_waits_unread_in_a_killed_worker_goes_to_another(pair: Pair, busy):
    assert busy.stdout is not None
    worker = await pair.stage.upstream(echo, "1")
    worker.move_to(int(await trio.to_thread.run_sync(busy.stdout.readline)))
    await pair.stage.apply(worker)
    assert await pair.ask("POST", 1) == [200]
    client = await pair.stage.connect()
    await client.send(request("POST", "/waits", body=b"body"))
    live = pair.stage.proxy.gateway.upstreams.all()[0]
    await auntil(lambda: live.in_flight)
    await pair.stage.apply(await pair.stage.upstream(pair.sound, "2"))
    busy.kill()
    assert (await client.answer())[0] == 200
    assert pair.carried_out == {b"/waits": 1}
