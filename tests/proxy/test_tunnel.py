import socket
from collections.abc import AsyncIterator

import pytest
import trio

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


async def hear(peer: socket.socket) -> bytes:
    with trio.fail_after(10):
        await trio.lowlevel.wait_readable(peer)
    return peer.recv(1000)


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
