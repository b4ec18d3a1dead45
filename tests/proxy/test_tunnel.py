import contextlib
import os
import socket
from collections.abc import AsyncIterator

import pytest
import trio
import trio.lowlevel

from webqx_supervisor.net.channel import Broken, Channel, Stalled
from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.proxy.tunnel import Tunnel


class Bench:
    """A tunnel between two peers, and how it ended."""

    def __init__(self) -> None:
        self.reactor = Reactor(clock=trio.current_time)
        self.client, ours = socket.socketpair()
        self.worker, theirs = socket.socketpair()
        for each in (self.client, self.worker, ours, theirs):
            each.setblocking(False)
        self.ends = (Channel(self.reactor, ours), Channel(self.reactor, theirs))
        self.tunnel = Tunnel(self.reactor, *self.ends, 10.0)
        self.over = trio.Event()
        self.error: Broken | None = None

    async def run(self) -> None:
        try:
            await self.tunnel.run()
        except Broken as broken:
            self.error = broken
        self.over.set()


@pytest.fixture
async def bench(nursery) -> AsyncIterator[Bench]:
    opened = Bench()
    nursery.start_soon(opened.reactor.run)
    opened.reactor.spawn(opened.run())
    yield opened
    opened.client.close()
    opened.worker.close()


@pytest.fixture
async def websocket(nursery) -> AsyncIterator[Bench]:
    opened = Bench()
    opened.tunnel.follow_frames(b"", b"")
    nursery.start_soon(opened.reactor.run)
    opened.reactor.spawn(opened.run())
    yield opened
    opened.client.close()
    opened.worker.close()


def message(text: bytes) -> bytes:
    """Return a text frame as a server sends it."""
    return bytes((0x81, len(text))) + text


async def hear(peer: socket.socket, size: int = 1000) -> bytes:
    with trio.fail_after(10):
        await trio.lowlevel.wait_readable(peer)
    return peer.recv(size)


async def test_an_end_is_passed_on_while_the_other_direction_goes_on(bench: Bench):
    bench.client.send(b"question")
    bench.client.shutdown(socket.SHUT_WR)
    assert await hear(bench.worker) == b"question"
    assert await hear(bench.worker) == b""
    bench.worker.send(b"answer")
    assert await hear(bench.client) == b"answer"
    assert not bench.over.is_set()
    bench.worker.shutdown(socket.SHUT_WR)
    await bench.over.wait()
    assert bench.error is None
    assert bench.tunnel.sent == 6


async def test_a_direction_may_be_silent_while_the_other_is_not(bench: Bench, autojump_clock):
    for _ in range(5):
        await trio.sleep(6)
        bench.worker.send(b"tick")
        assert await hear(bench.client) == b"tick"
    assert not bench.over.is_set()


async def test_silence_in_both_directions_ends_it(bench: Bench, autojump_clock):
    start = trio.current_time()
    bench.client.send(b"last words")
    await bench.over.wait()
    assert isinstance(bench.error, Stalled)
    assert 10 <= trio.current_time() - start <= 10.5


async def test_an_end_that_breaks_breaks_it(bench: Bench):
    bench.worker.close()
    bench.client.send(b"hello?")
    await bench.over.wait()
    assert bench.error is not None


@pytest.mark.parametrize("size", [100, 300_000, 3_000_000])
async def test_what_is_large_and_what_is_small_comes_whole_both_ways(bench: Bench, nursery, size):
    sent = os.urandom(size)

    async def send(peer: socket.socket) -> None:
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(peer.dup()))
        async with stream:
            await stream.send_all(sent)
            await stream.send_eof()

    async def check(peer: socket.socket) -> None:
        received = bytearray()
        while piece := await hear(peer, 65536):
            received += piece
        assert received == sent

    async with trio.open_nursery() as both:
        for peer in (bench.client, bench.worker):
            both.start_soon(send, peer)
            both.start_soon(check, peer)
    await bench.over.wait()
    assert bench.error is None
    assert bench.tunnel.sent == size


@pytest.mark.parametrize("piece", [1000, 60_000])
async def test_who_takes_nothing_ends_it_though_the_other_way_is_busy(
    bench: Bench, autojump_clock, piece
):
    start = trio.current_time()
    with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
        while not bench.over.is_set():
            with contextlib.suppress(BlockingIOError):
                bench.worker.send(bytes(piece))
            bench.client.send(b"x")
            await trio.sleep(1)
    await bench.over.wait()
    assert isinstance(bench.error, Stalled)
    assert bench.error.channel is bench.ends[0]
    assert trio.current_time() - start > 10


async def test_an_idle_tunnel_holds_no_pipe(bench: Bench):
    bench.client.send(bytes(100_000))
    got = 0
    while got < 100_000:
        got += len(await hear(bench.worker, 65536))
    assert not bench.tunnel._up.is_refused()


async def test_a_tunnel_that_ends_with_octets_in_hand_lets_go_of_its_pipe(bench: Bench):
    with contextlib.suppress(BlockingIOError):
        while True:
            bench.worker.send(bytes(65536))
    with trio.fail_after(10):
        while not bench.tunnel._down.is_refused():
            await trio.lowlevel.checkpoint()
            with contextlib.suppress(BlockingIOError):
                bench.worker.send(bytes(65536))
    bench.client.close()
    await bench.over.wait()
    assert bench.error is not None
    assert bench.tunnel._down._pipe is None


async def test_a_dismissed_tunnel_ends(bench: Bench):
    bench.client.send(b"x")
    await hear(bench.worker)
    bench.tunnel.dismiss(1012)
    with trio.fail_after(10):
        await bench.over.wait()
    assert bench.error is None


async def test_a_dismissed_websocket_says_why_to_both_sides(websocket: Bench):
    websocket.worker.send(message(b"hello"))
    assert await hear(websocket.client) == message(b"hello")
    websocket.tunnel.dismiss(1012)
    assert await hear(websocket.client) == b"\x88\x02\x03\xf4"
    assert await hear(websocket.worker) == b"\x88\x82\0\0\0\0\x03\xf4"
    with trio.fail_after(10):
        await websocket.over.wait()


async def test_it_does_not_do_so_inside_a_frame(websocket: Bench):
    whole = message(b"in two pieces")
    websocket.worker.send(whole[:5])
    assert await hear(websocket.client) == whole[:5]
    websocket.tunnel.dismiss(1001)
    assert await hear(websocket.worker) == b"\x88\x82\0\0\0\0\x03\xe9"
    websocket.worker.send(whole[5:])
    told = b""
    while len(told) < len(whole) - 5 + 4:
        told += await hear(websocket.client)
    assert told == whole[5:] + b"\x88\x02\x03\xe9"


async def test_a_frame_that_does_not_end_is_not_waited_for_long(websocket: Bench, autojump_clock):
    websocket.worker.send(message(b"half")[:3])
    await hear(websocket.client)
    websocket.tunnel.dismiss(1012)
    with trio.fail_after(10):
        await websocket.over.wait()
    websocket.ends[0].close()
    assert await hear(websocket.client) == b""


async def test_a_side_that_has_closed_gets_no_second_close(websocket: Bench):
    closing = b"\x88\x02\x03\xe8"
    websocket.worker.send(closing)
    assert await hear(websocket.client) == closing
    websocket.tunnel.dismiss(1012)
    with trio.fail_after(10):
        await websocket.over.wait()
    websocket.ends[0].close()
    assert await hear(websocket.client) == b""


async def test_big_messages_pass_whole_and_are_followed(websocket: Bench):
    size = 300_000
    whole = b"\x82\x7f" + size.to_bytes(8, "big") + os.urandom(size)
    sent, got = 0, b""
    while len(got) < len(whole):
        with contextlib.suppress(BlockingIOError):
            sent += websocket.worker.send(whole[sent:])
        got += await hear(websocket.client, 65536)
    assert got == whole
    websocket.tunnel.dismiss(1012)
    assert await hear(websocket.client) == b"\x88\x02\x03\xf4"
