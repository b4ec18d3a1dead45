import math
import socket
from collections.abc import AsyncIterator

import pytest
import trio
from stage import Stage, echo, ok, request

from webqx_supervisor.model.gateway import Limits
from webqx_supervisor.net.channel import Channel
from webqx_supervisor.net.pace import GRACE
from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.net.relay import SPLICE_FROM
from webqx_supervisor.proxy.doors import Door
from webqx_supervisor.proxy.gateway import Client
from webqx_supervisor.proxy.refusal import Refused
from webqx_supervisor.proxy.upload import Upload


async def test_a_body_streams_to_the_worker_while_it_comes(stage: Stage):
    begun = trio.Event()

    async def play(peer):
        await peer.head()
        first = await peer.exactly(5)
        begun.set()
        await peer.send(ok(first + await peer.exactly(5)))

    await stage.apply(await stage.upstream(play))
    client = await stage.connect()
    await client.send(request("POST", "/", "Content-Length: 10"))
    await client.send(b"first")
    with trio.fail_after(5):
        await begun.wait()
    await client.send(b"other")
    assert (await client.answer())[2] == b"firstother"


async def test_a_chunked_body_streams_and_is_chunked_anew(stage: Stage):
    await stage.apply(await stage.upstream(echo))
    client = await stage.connect()
    await client.send(request("POST", "/", "Transfer-Encoding: chunked") + b"3;x=y\r\nab")
    await client.send(b"c\r\n")
    await client.send(b"2\r\nde\r\n0\r\nTrailer: dropped\r\n\r\n")
    body = (await client.answer())[2].partition(b"\r\n\r\n")[2]
    assert body.endswith(b"0\r\n\r\n")
    assert b"Trailer" not in body
    assert b"x=y" not in body


@pytest.mark.parametrize("body", [b"5\r\nhello\r\nworld!\r\n", b"-1\r\n", b"5\nhello\r\n0\r\n\r\n"])
async def test_a_malformed_chunk_is_a_400_and_the_worker_gets_no_whole_request(stage, body):
    got_whole = False

    async def play(peer):
        nonlocal got_whole
        await peer.head()
        got_whole = (await peer.rest()).endswith(b"0\r\n\r\n")

    await stage.apply(await stage.upstream(play))
    client = await stage.connect()
    await client.send(request("POST", "/", "Transfer-Encoding: chunked") + b"1\r\na\r\n")
    await client.send(body)
    assert (await client.answer())[0] == 400
    assert await client.ended()
    assert not got_whole


async def test_a_chunked_body_over_the_limit_is_a_413(stage: Stage):
    stage.limits = Limits(max_body=8)
    await stage.apply(await stage.upstream(echo))
    client = await stage.connect()
    await client.send(request("POST", "/", "Transfer-Encoding: chunked") + b"5\r\nhello\r\n")
    await client.send(b"5\r\nhello\r\n")
    assert (await client.answer())[0] == 413


async def test_a_body_within_the_limit_passes(stage: Stage):
    stage.limits = Limits(max_body=8)
    await stage.apply(await stage.upstream(echo))
    assert (await stage.ask(request("POST", body=b"12345678")))[0] == 200


async def test_a_body_that_stops_coming_is_a_408(stage: Stage):
    stage.limits = Limits(idle_timeout=0.2)
    await stage.apply(await stage.upstream(echo))
    client = await stage.connect()
    await client.send(request("POST", "/", "Content-Length: 10") + b"half")
    assert (await client.answer())[0] == 408


async def test_a_client_that_leaves_inside_its_body_leaves_the_worker_no_whole_request(stage):
    seen = b""
    ended = trio.Event()

    async def play(peer):
        nonlocal seen
        await peer.head()
        try:
            seen = await peer.rest()
        finally:
            ended.set()

    await stage.apply(await stage.upstream(play))
    client = await stage.connect()
    await client.send(request("POST", "/", "Content-Length: 10") + b"half")
    await client.stream.aclose()
    with trio.fail_after(15):
        await ended.wait()
    assert seen in (b"", b"half")


async def test_a_large_body_passes_whole_while_little_of_it_is_held(stage: Stage):
    size, most_held, sent = 100_000_000, 0, 0

    def progress(received: int) -> None:
        nonlocal most_held
        most_held = max(most_held, sent - received)

    async def play(peer):
        await peer.head()
        await peer.swallow(size, progress)
        await peer.send(ok(b"all"))

    await stage.apply(await stage.upstream(play))
    client = await stage.connect()
    await client.send(request("PUT", "/", f"Content-Length: {size}"))
    piece = bytes(65536)
    with trio.fail_after(60):
        while sent < size:
            count = min(len(piece), size - sent)
            await client.stream.send_all(piece[:count])
            sent += count
    assert (await client.answer())[2] == b"all"
    # The sockets' buffers of both hops, which the kernel grows to a few MB each, and a pipe.
    assert most_held < 30_000_000


class Bench:
    """An upload between two peers, in a time that the test moves."""

    def __init__(self) -> None:
        self.reactor = Reactor(clock=trio.current_time)
        self.peer, ours = socket.socketpair()
        self.worker, theirs = socket.socketpair()
        for each in (self.peer, self.worker, ours, theirs):
            each.setblocking(False)
        door = Door("web")
        door.limits = Limits(min_body_rate=1000)
        self.client = Client(Channel(self.reactor, ours), "10.0.0.1", door)
        self.upstream = Channel(self.reactor, theirs)
        self.over = trio.Event()
        self.error: Refused | None = None

    def carry(self, length: int) -> None:
        self.reactor.spawn(self._carry(length))

    async def _carry(self, length: int) -> None:
        try:
            await Upload(self.reactor, self.client, length).run(self.upstream, math.inf)
        except Refused as refused:
            self.error = refused
        self.over.set()

    async def swallow(self, octets: int) -> None:
        """Read so many octets at the worker's end."""
        while octets:
            await trio.lowlevel.wait_readable(self.worker)
            octets -= len(self.worker.recv(min(octets, 65536)))


@pytest.fixture
async def bench(nursery) -> AsyncIterator[Bench]:
    opened = Bench()
    nursery.start_soon(opened.reactor.run)
    yield opened
    opened.peer.close()
    opened.worker.close()


lengths = pytest.mark.parametrize(
    "length", [SPLICE_FROM - 1, 100_000_000], ids=["copied", "spliced"]
)


@lengths
async def test_a_body_that_trickles_is_a_408_however_steadily_it_comes(
    bench: Bench, autojump_clock, length
):
    bench.carry(length)
    began = trio.current_time()
    while not bench.over.is_set():
        bench.peer.send(b"x" * 100)
        await trio.sleep(1)
    assert trio.current_time() - began < 2 * GRACE
    assert bench.error is not None
    assert bench.error.status == 408
    assert "less than 1000 octets/s" in bench.error.reason


@lengths
async def test_a_body_that_comes_at_its_pace_may_take_long(bench: Bench, autojump_clock, length):
    bench.carry(length)
    for _ in range(30):
        bench.peer.send(b"x" * 2000)
        await trio.sleep(1)
        await bench.swallow(2000)
    assert not bench.over.is_set()


@lengths
async def test_a_client_is_not_blamed_for_a_worker_that_takes_its_time(
    bench: Bench, autojump_clock, length
):
    bench.carry(length)
    await trio.sleep(1)
    filled = 0
    while True:
        try:
            filled += bench.peer.send(bytes(min(65536, length - filled)))
        except BlockingIOError:
            break
        if filled == length:
            break
        await trio.sleep(0.2)
    await trio.sleep(10_000)
    await bench.swallow(filled)
    await trio.sleep(GRACE / 2)
    assert bench.error is None
