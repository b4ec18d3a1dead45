import socket

import pytest
import trio

from webqx_supervisor.net.channel import Channel
from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.proxy.pool import FRESH, IDLE_LIMIT, Pool


class Bench:
    def __init__(self) -> None:
        self.reactor = Reactor(clock=trio.current_time)
        self.pool = Pool(self.reactor)
        self.peers: list[socket.socket] = []

    def channel(self) -> tuple[Channel, socket.socket]:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self.peers.append(theirs)
        return Channel(self.reactor, ours), theirs


@pytest.fixture
async def bench(nursery):
    opened = Bench()
    nursery.start_soon(opened.reactor.run)
    yield opened
    for peer in opened.peers:
        peer.close()


async def test_the_youngest_is_lent_first(bench: Bench):
    first, second = bench.channel()[0], bench.channel()[0]
    bench.pool.put(first)
    bench.pool.put(second)
    assert bench.pool.take(repeatable=True) is second
    assert bench.pool.take(repeatable=True) is first
    assert bench.pool.take(repeatable=True) is None


async def test_an_idle_connection_is_closed_in_time(bench: Bench, autojump_clock):
    channel, peer = bench.channel()
    bench.pool.put(channel)
    await trio.sleep(IDLE_LIMIT - 0.5)
    assert len(bench.pool) == 1
    await trio.sleep(1)
    assert len(bench.pool) == 0
    assert peer.recv(1) == b""


async def test_after_a_sweep_the_next_ones_are_swept_too(bench: Bench, autojump_clock):
    bench.pool.put(bench.channel()[0])
    await trio.sleep(IDLE_LIMIT + 1)
    bench.pool.put(bench.channel()[0])
    await trio.sleep(IDLE_LIMIT + 1)
    assert len(bench.pool) == 0


@pytest.mark.parametrize("stir", [lambda peer: peer.send(b"unasked"), lambda peer: peer.close()])
async def test_any_sign_of_life_closes_it(bench: Bench, stir, autojump_clock):
    channel, peer = bench.channel()
    bench.pool.put(channel)
    stir(peer)
    await trio.sleep(0.5)
    assert len(bench.pool) == 0
    assert channel.closed


async def test_what_cannot_be_repeated_gets_only_a_fresh_one(bench: Bench, autojump_clock):
    channel, _ = bench.channel()
    bench.pool.put(channel)
    assert bench.pool.take(repeatable=False) is channel
    bench.pool.put(channel)
    await trio.sleep(FRESH + 0.5)
    bench.reactor.now = trio.current_time()
    assert bench.pool.take(repeatable=False) is None
    assert channel.closed


async def test_what_cannot_be_repeated_does_not_get_one_that_just_ended(bench: Bench):
    channel, peer = bench.channel()
    bench.pool.put(channel)
    peer.close()  # its edge has not been seen yet
    assert bench.pool.take(repeatable=False) is None


async def test_clear_closes_all(bench: Bench):
    channels = [bench.channel()[0] for _ in range(3)]
    for channel in channels:
        bench.pool.put(channel)
    bench.pool.clear()
    assert all(channel.closed for channel in channels)
