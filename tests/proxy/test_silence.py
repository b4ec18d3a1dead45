"""What a proxy says of workers that give no octet while requests wait for one."""

import socket
from collections.abc import Iterator

import pytest
import trio
from helpers import auntil
from stage import Peer, Stage, echo, ok, request

from webqx_supervisor.model.link import Count, Silent
from webqx_supervisor.net.channel import Channel
from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.proxy.silence import Silence

HUGE = 64 * 1024 * 1024


class Channels:
    """Channels that are good for being told apart."""

    def __init__(self) -> None:
        self._reactor = Reactor(clock=lambda: 0.0)
        self._sockets: list[socket.socket] = []

    def one(self, *, writable: bool = True) -> Channel:
        ours, theirs = socket.socketpair()
        self._sockets += ours, theirs
        channel = Channel(self._reactor, ours)
        channel.writable = writable
        return channel

    def close(self) -> None:
        for each in self._sockets:
            each.close()


@pytest.fixture
def channels() -> Iterator[Channels]:
    opened = Channels()
    yield opened
    opened.close()


def test_the_silence_begins_with_the_first_request_that_waits():
    silence = Silence()
    assert silence.seconds(5) == 0
    silence.begin(10)
    silence.begin(13)
    assert silence.seconds(15) == 5
    silence.end()
    assert silence.seconds(16) == 6
    silence.end()
    assert silence.seconds(17) == 0
    silence.begin(20)
    assert silence.seconds(21) == 1


def test_each_octet_of_an_answer_ends_it():
    silence = Silence()
    silence.begin(10)
    silence.heard_at = 14
    assert silence.seconds(15) == 1
    assert silence.seconds(13) == 0  # a clock of another reader may be a little behind


def test_a_slow_upload_may_hold_a_worker_up_and_then_its_time_begins(channels):
    silence, upload = Silence(), channels.one()
    silence.heard_at = 9
    silence.begin_upload(upload, 10)
    silence.begin(12)
    assert silence.is_held()
    assert silence.seconds(50) == 0
    silence.end_upload(upload, 50)
    assert not silence.is_held()
    assert silence.seconds(51) == 1


def test_an_upload_that_came_later_neither_holds_it_up_nor_gives_it_time(channels):
    silence, upload = Silence(), channels.one()
    silence.begin(10)
    silence.begin_upload(upload, 12)
    assert silence.seconds(20) == 10
    silence.end_upload(upload, 30)
    assert silence.seconds(40) == 30


def test_an_upload_that_the_worker_does_not_take_does_not_hold_it_up(channels):
    silence, upload = Silence(), channels.one(writable=False)
    silence.begin_upload(upload, 5)
    silence.begin(10)
    assert silence.seconds(50) == 40
    upload.writable = True
    assert silence.seconds(50) == 0


def test_a_client_that_does_not_take_its_answer_may_hold_a_worker_up(channels):
    silence, relay = Silence(), channels.one()
    silence.begin(10)
    silence.begin_relay(relay, channels.one(writable=False))
    assert silence.seconds(50) == 0
    silence.begin_relay(relay, channels.one())
    assert silence.seconds(50) == 40
    silence.begin_relay(relay, channels.one(writable=False))
    silence.let_go(relay, 50)
    assert silence.seconds(50) == 40


async def count(stage: Stage) -> Count:
    return (await stage.report()).counts[0]


async def deaf(peer: Peer) -> None:
    await peer.rest()


async def waiting(stage: Stage, number: int) -> Count:
    """Return the figures as soon as that many requests wait."""
    live = stage.proxy.gateway.upstreams.all()[0]
    await auntil(lambda: live.silence.waiting == number)
    return await count(stage)


async def test_a_request_without_an_answer_makes_a_silence(stage: Stage):
    await stage.apply(await stage.upstream(deaf))
    client = await stage.connect()
    await client.send(request())
    found = await waiting(stage, 1)
    assert found.heard_at == 0
    assert (await count(stage)).silent_for > found.silent_for
    await client.reset()
    assert (await waiting(stage, 0)).silent_for == 0


async def test_an_answer_is_heard_and_ends_the_waiting(stage: Stage):
    await stage.apply(await stage.upstream(echo))
    await stage.ask(request())
    first = await waiting(stage, 0)
    assert first.silent_for == 0
    await stage.ask(request("POST", "/", body=b"x"))
    assert (await count(stage)).heard_at > first.heard_at > 0


async def test_an_interim_answer_is_heard_and_the_request_waits_on(stage: Stage):
    go_on = trio.Event()

    async def processing(peer):
        await peer.head()
        await go_on.wait()
        await peer.send(b"HTTP/1.1 102 Processing\r\n\r\n")
        await peer.rest()

    await stage.apply(await stage.upstream(processing))
    client = await stage.connect()
    await client.send(request())
    before = await waiting(stage, 1)
    go_on.set()
    await client.head()
    after = await count(stage)
    assert after.waiting == 1
    assert after.heard_at > before.heard_at


@pytest.mark.parametrize(
    "fields", ["Content-Type: text/event-stream", "Transfer-Encoding: chunked"], ids=["sse", "json"]
)
async def test_a_stream_may_be_silent_and_what_it_brings_is_heard(stage: Stage, fields):
    go_on = trio.Event()
    piece = b"2\r\nhi\r\n" if "chunked" in fields else b"hi"

    async def stream(peer):
        await peer.head()
        await peer.send(f"HTTP/1.1 200 OK\r\n{fields}\r\n\r\n".encode() + piece)
        await go_on.wait()
        await peer.send(piece)
        await peer.rest()

    await stage.apply(await stage.upstream(stream))
    client = await stage.connect()
    await client.send(request())
    await client.until(b"hi")
    first = await count(stage)
    assert (first.waiting, first.silent_for, first.held) == (0, 0, False)
    go_on.set()
    await client.until(b"hi")
    assert (await count(stage)).heard_at > first.heard_at


async def test_a_tunnel_may_be_silent(stage: Stage):
    async def switch(peer):
        await peer.head()
        fields = "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"
        await peer.send(f"HTTP/1.1 101 Switching\r\n{fields}".encode())
        await peer.rest()

    await stage.apply(await stage.upstream(switch))
    client = await stage.connect()
    await client.send(request("GET", "/", "Connection: Upgrade", "Upgrade: websocket"))
    await client.head()
    found = await count(stage)
    assert (found.in_flight, found.waiting, found.silent_for) == (1, 0, 0)


async def test_who_still_sends_its_body_does_not_wait_for_the_worker(stage: Stage):
    received = trio.Event()

    async def reads_all(peer):
        await peer.until(b"tail")
        received.set()
        await peer.rest()

    await stage.apply(await stage.upstream(reads_all))
    client = await stage.connect()
    await client.send(request("POST", "/", "Content-Length: 8") + b"body")
    live = stage.proxy.gateway.upstreams.all()[0]
    await auntil(live.silence.is_held)
    assert (await count(stage)).waiting == 0
    other = await stage.connect()
    await other.send(request())
    found = await waiting(stage, 1)
    assert (found.silent_for, found.held) == (0, True)
    await client.send(b"tail")
    await received.wait()
    found = await waiting(stage, 2)
    assert not found.held


async def test_one_that_answers_before_the_body_is_whole_is_not_held_up_by_it(stage: Stage):
    async def early(peer):
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
        await peer.rest()

    await stage.apply(await stage.upstream(early))
    client = await stage.connect()
    await client.send(request("POST", "/", "Content-Length: 8") + b"body")
    await client.until(b"hi")
    found = await count(stage)
    assert (found.waiting, found.held) == (0, False)
    await client.send(b"tail")
    await client.reset()
    await auntil(lambda: stage.proxy.gateway.upstreams.all()[0].in_flight == 0)
    assert (await count(stage)).waiting == 0


@pytest.mark.parametrize("size", [HUGE, 0], ids=["spliced", "chunked"])
async def test_one_whose_client_does_not_take_the_answer_is_held_up(stage: Stage, size):
    async def huge(peer):
        await peer.head()
        framing = f"Content-Length: {size}" if size else "Transfer-Encoding: chunked"
        await peer.send(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n".encode())
        piece = bytes(65536) if size else b"10000\r\n" + bytes(65536) + b"\r\n"
        for _ in range(HUGE // 65536):
            await peer.send(piece)
        await peer.rest()

    await stage.apply(await stage.upstream(huge))
    client = await stage.connect()
    await client.send(request())
    live = stage.proxy.gateway.upstreams.all()[0]
    await auntil(live.silence.is_held)
    assert (await count(stage)).held
    await trio.aclose_forcefully(client.stream)
    await auntil(lambda: not live.in_flight)
    assert not (await count(stage)).held


async def test_one_that_is_silent_for_too_long_is_told_of_again_and_again(stage: Stage):
    stage.hang_timeout = 0.1
    worker = await stage.upstream(deaf)
    await stage.apply(worker)
    client = await stage.connect()
    await client.send(request())
    told = Silent((worker.model.id,))
    await auntil(lambda: stage.said.count(told) >= 3)


async def test_the_watch_sleeps_while_nothing_waits_and_wakes_again(stage: Stage):
    stage.hang_timeout = 0.1
    hang = trio.Event()

    async def well_for_a_while(peer):
        await peer.head()
        if hang.is_set():
            await peer.rest()
        await peer.send(ok())

    worker = await stage.upstream(well_for_a_while)
    await stage.apply(worker)
    await stage.ask(request())
    watch = stage.proxy.gateway.upstreams._watch
    await auntil(lambda: not watch.awake)
    hang.set()
    client = await stage.connect()
    await client.send(request())
    await stage.hears(Silent((worker.model.id,)))


async def test_one_that_drains_is_not_told_of(stage: Stage):
    stage.hang_timeout = 0.1
    draining, other = await stage.upstream(deaf), await stage.upstream(deaf, "2")
    await stage.apply(draining)
    client = await stage.connect()
    await client.send(request())
    await waiting(stage, 1)
    stage.said.clear()
    await stage.apply(other, draining=[draining])
    stage.said.clear()
    await client.send(request())
    another = await stage.connect()
    await another.send(request())
    await stage.hears(Silent((other.model.id,)))
    assert Silent((draining.model.id,)) not in stage.said


async def test_without_a_hang_timeout_nothing_is_watched(stage: Stage):
    await stage.apply(await stage.upstream(deaf))
    client = await stage.connect()
    await client.send(request())
    await waiting(stage, 1)
    assert not stage.proxy.gateway.upstreams._watch.awake
