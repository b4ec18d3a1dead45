import os
import socket
import struct

import pytest
import trio
from stage import Peer, Stage, ok, request

from webqx_supervisor.model.gateway import Forwarding
from webqx_supervisor.net.channel import Channel
from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.proxy.pool import FRESH, Pool

KEEPALIVE = Forwarding().keepalive


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
    await trio.sleep(KEEPALIVE - 0.5)
    assert len(bench.pool) == 1
    await trio.sleep(1)
    assert len(bench.pool) == 0
    assert peer.recv(1) == b""


async def test_after_a_sweep_the_next_ones_are_swept_too(bench: Bench, autojump_clock):
    bench.pool.put(bench.channel()[0])
    await trio.sleep(KEEPALIVE + 1)
    bench.pool.put(bench.channel()[0])
    await trio.sleep(KEEPALIVE + 1)
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


async def test_an_old_one_is_lent_where_its_loss_would_be_found_out(bench: Bench, autojump_clock):
    channel, peer = bench.channel()
    bench.pool.put(channel)
    await trio.sleep(FRESH + 0.5)
    bench.reactor.now = trio.current_time()
    assert bench.pool.take(repeatable=False, provable=True) is channel
    bench.pool.put(channel)
    peer.close()
    assert bench.pool.take(repeatable=False, provable=True) is None


async def test_clear_closes_all(bench: Bench):
    channels = [bench.channel()[0] for _ in range(3)]
    for channel in channels:
        bench.pool.put(channel)
    bench.pool.clear()
    assert all(channel.closed for channel in channels)


async def test_beyond_the_limit_the_oldest_is_closed(bench: Bench):
    bench.pool.apply(Forwarding(max_idle=2))
    first, second, third = (bench.channel()[0] for _ in range(3))
    for channel in (first, second, third):
        bench.pool.put(channel)
    assert first.closed
    assert bench.pool.take(repeatable=True) is third
    assert bench.pool.take(repeatable=True) is second


async def test_with_room_for_none_every_connection_is_closed(bench: Bench):
    bench.pool.apply(Forwarding(max_idle=0))
    channel, _ = bench.channel()
    bench.pool.put(channel)
    assert channel.closed
    assert bench.pool.take(repeatable=True) is None


async def test_a_new_keepalive_holds_at_once(bench: Bench, autojump_clock):
    before, _ = bench.channel()
    bench.pool.put(before)
    await trio.sleep(0.5)
    bench.pool.apply(Forwarding(keepalive=1))
    assert before.closed
    bench.reactor.now = trio.current_time()
    bench.pool.put(bench.channel()[0])
    await trio.sleep(0.9)
    assert len(bench.pool) == 1
    await trio.sleep(0.5)
    assert len(bench.pool) == 0


async def test_an_unchanged_policy_leaves_the_connections_alone(bench: Bench):
    bench.pool.put(bench.channel()[0])
    bench.pool.apply(Forwarding(response_timeout=1))
    assert len(bench.pool) == 1


class Closing:
    """A worker whose connections the test ends; `seen` holds each request that it has read."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.latest: trio.socket.SocketType | None = None

    async def __call__(self, peer: Peer) -> None:
        self.latest = peer.stream.socket
        while True:
            head = await peer.head()
            self.seen.append(head.split(b" HTTP")[0])
            if b"Content-Length: 4" in head:
                await peer.exactly(4)
            await peer.send(ok(b"" if head.startswith(b"HEAD") else b"fine"))

    def close(self, *, reset: bool) -> None:
        assert self.latest is not None
        if reset:
            linger = struct.pack("ii", 1, 0)
            self.latest.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.latest.close()


@pytest.mark.parametrize("reset", [False, True], ids=["in order", "reset"])
@pytest.mark.parametrize("request_first", [True, False])
@pytest.mark.parametrize(
    ("method", "body"), [("GET", b""), ("HEAD", b""), ("POST", b""), ("POST", b"body")]
)
async def test_a_connection_that_ends_just_as_a_request_comes_is_nothing_to_the_client(
    stage: Stage, method, body, request_first, reset
):
    play = Closing()
    worker = await stage.upstream(play)
    await stage.apply(worker)
    client = await stage.connect()
    await client.send(request("GET", "/first"))
    assert (await client.answer())[0] == 200

    # Without a checkpoint in between the proxy learns of both at once, in this order.
    octets = request(method, "/second", body=body)
    if request_first:
        os.write(client.stream.socket.fileno(), octets)
        play.close(reset=reset)
    else:
        play.close(reset=reset)
        os.write(client.stream.socket.fileno(), octets)

    assert (await client.answer(to_head=method == "HEAD"))[0] == 200
    assert play.seen == [b"GET /first", method.encode() + b" /second"]
    assert worker.connections == 2


async def test_the_table_says_how_many_idle_connections_are_kept(stage: Stage):
    stage.forwarding = Forwarding(max_idle=0)
    worker = await stage.upstream(Closing())
    await stage.apply(worker)
    for _ in range(3):
        assert (await stage.ask(request()))[0] == 200
    assert worker.connections == 3
