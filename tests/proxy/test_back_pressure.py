"""Who reads slowly slows down who sends; what the proxy itself holds meanwhile is bounded.

Every socket of such a play is one of this process, so what the kernel holds can be asked of it:
the rest of what was sent is what the proxy holds, in its memory and in its pipes.
"""

import errno
import fcntl
import os
import socket
import struct
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import trio
from stage import Peer, ScriptedUpstream, Stage, request

from webqx_supervisor.model.gateway import Protocol

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/fd")

ALL = 1_000_000_000
BOUND = 1_000_000
PIECE = bytes(65536)


class Sender:
    """Sends more than anybody takes. `sent` and `taken` count octets without their framing."""

    def __init__(self) -> None:
        self.sent = 0
        self.taken = 0

    async def send(self, peer: Peer, before: bytes = b"", after: bytes = b"") -> None:
        while self.sent < ALL:
            await peer.stream.send_all(before + PIECE + after)
            self.sent += len(PIECE)

    def saw_taken(self, octets: int) -> None:
        self.taken = octets

    async def is_stopped(self, stage: Stage, worker: ScriptedUpstream) -> int:
        """Wait until nothing moves any more; return what the proxy holds, in octets."""
        await trio.testing.wait_all_tasks_blocked(0.3)
        assert 0 < self.sent < ALL
        return self.sent - self.taken - in_the_kernel({stage.port, worker.port})


def in_the_kernel(ports: set[int]) -> int:
    """Return the octets that are queued in the connections of this process to these ports."""
    octets = 0
    for link in list(Path("/proc/self/fd").iterdir()):
        with suppress(OSError), open_again(link) as each:
            # A listening socket has no peer.
            if {each.getsockname()[1], each.getpeername()[1]} & ports:
                octets += sum(queued(each, queue) for queue in (termios.FIONREAD, termios.TIOCOUTQ))
    return octets


@contextmanager
def open_again(link: Path) -> Iterator[socket.socket]:
    """Return a socket of this process once more. Raises OSError for what is none, or not TCP."""
    if not link.readlink().name.startswith("socket:"):
        raise OSError(errno.ENOTSOCK, link.name)
    with socket.socket(fileno=os.dup(int(link.name))) as again:
        if again.family != socket.AF_INET:
            raise OSError(errno.EAFNOSUPPORT, link.name)
        yield again


def queued(connected: socket.socket, queue: int) -> int:
    """Return the octets in one queue of a connection (tcp(7): SIOCINQ, SIOCOUTQ)."""
    (octets,) = struct.unpack("i", fcntl.ioctl(connected, queue, bytes(4)))
    return int(octets)


@pytest.mark.parametrize(
    ("head", "before", "after"),
    [
        (b"Content-Length: %d\r\n" % ALL, b"", b""),
        (b"Transfer-Encoding: chunked\r\n", b"10000\r\n", b"\r\n"),
        (b"Connection: close\r\n", b"", b""),
    ],
    ids=["length", "chunked", "until close"],
)
async def test_a_worker_answers_no_faster_than_its_client_reads(stage: Stage, head, before, after):
    sender = Sender()

    async def play(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        await sender.send(peer, before, after)

    worker = await stage.upstream(play)
    await stage.apply(worker)
    client = await stage.connect()
    await client.send(request())
    await client.head()
    assert await sender.is_stopped(stage, worker) < BOUND

    before_more = sender.sent
    await client.swallow(20_000_000, sender.saw_taken)
    assert await sender.is_stopped(stage, worker) < BOUND
    assert sender.sent > before_more


@pytest.mark.parametrize(
    ("head", "before", "after"),
    [
        (f"Content-Length: {ALL}", b"", b""),
        ("Transfer-Encoding: chunked", b"10000\r\n", b"\r\n"),
    ],
    ids=["length", "chunked"],
)
async def test_a_client_uploads_no_faster_than_its_worker_reads(
    stage, nursery, head, before, after
):
    sender, go_on = Sender(), trio.Event()

    async def play(peer: Peer) -> None:
        await peer.head()
        await go_on.wait()
        await peer.swallow(20_000_000, sender.saw_taken)
        await trio.sleep_forever()

    worker = await stage.upstream(play)
    await stage.apply(worker)
    client = await stage.connect()
    await client.send(request("POST", "/", head))
    nursery.start_soon(sender.send, client, before, after)
    assert await sender.is_stopped(stage, worker) < BOUND

    before_more = sender.sent
    go_on.set()
    assert await sender.is_stopped(stage, worker) < BOUND
    assert sender.sent > before_more


SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"


async def open_tunnel(stage: Stage, protocol: Protocol) -> tuple[Peer, Peer, ScriptedUpstream]:
    """Return the client's end, the worker's end and the worker."""
    ends: list[Peer] = []
    is_open = trio.Event()

    async def play(peer: Peer) -> None:
        if protocol is Protocol.HTTP:
            await peer.head()
            await peer.send(SWITCH)
        ends.append(peer)
        is_open.set()
        await trio.sleep_forever()

    stage.protocol = protocol
    worker = await stage.upstream(play)
    await stage.apply(worker)
    client = await stage.connect()
    if protocol is Protocol.HTTP:
        await client.send(request("GET", "/", "Connection: upgrade", "Upgrade: websocket"))
        await client.head()
    await is_open.wait()
    return client, ends[0], worker


@pytest.mark.parametrize("protocol", [Protocol.HTTP, Protocol.TCP])
@pytest.mark.parametrize("downwards", [True, False], ids=["to the client", "to the worker"])
async def test_a_tunnel_carries_no_faster_than_its_reader_reads(
    stage, nursery, protocol, downwards
):
    sender = Sender()
    client, at_worker, worker = await open_tunnel(stage, protocol)
    source, sink = (at_worker, client) if downwards else (client, at_worker)
    nursery.start_soon(sender.send, source)
    assert await sender.is_stopped(stage, worker) < BOUND
    before_more = sender.sent
    await sink.swallow(20_000_000, sender.saw_taken)
    assert await sender.is_stopped(stage, worker) < BOUND
    assert sender.sent > before_more
