"""An event stream outlives the proxy that began it; its client notices nothing."""

import math
import socket
import zlib

import pytest
import trio
from helpers import auntil
from stage import Peer, Stage, echo, open_stage, request
from succession import Succession

from webqx_supervisor.core.wire.framing import LAST_CHUNK
from webqx_supervisor.model.filters import Compress
from webqx_supervisor.model.link import Leave, Lost

SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED = SSE + b"Transfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = SSE + b"Connection: close\r\n\r\n"
ONE, TWO = b"data: 1\n\n", b"data: 2\n\n"


def chunk(event: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(event), event)


class Worker:
    """Answers its first request on a connection with a head, and whatever it is told to say."""

    def __init__(self, head: bytes = CHUNKED, first: bytes | None = None) -> None:
        self._first = head + (chunk(ONE) if first is None else first)
        self._say, self._said = trio.open_memory_channel[bytes](math.inf)
        self.swallowed = 0

    async def __call__(self, peer: Peer) -> None:
        await peer.head()
        await peer.send(self._first)
        async for octets in self._said:
            await peer.send(octets)
            if octets.endswith(LAST_CHUNK):
                await echo(peer)

    def says(self, octets: bytes) -> None:
        self._say.send_nowait(octets)

    def ends(self) -> None:
        """End its connection."""
        self._say.close()


async def listener(stage: Stage, asking: bytes | None = None, first: bytes = chunk(ONE)) -> Peer:
    """Return a client that has got the head of the answer, and its first event."""
    client = await stage.connect()
    await client.send(asking or request(path="/events"))
    assert b" 200 " in await client.head()
    assert await client.exactly(len(first)) == first
    return client


def in_flight(stage: Stage) -> list[int]:
    return [each.in_flight for each in stage.proxy.gateway.upstreams.all()]


async def test_it_goes_on_with_the_new_proxy_and_so_does_its_client(succession):
    worker = Worker()
    upstream = await succession.host(worker)
    client = await listener(succession.old)
    await succession.happens()
    await succession.is_over()
    assert in_flight(succession.new) == [1]
    worker.says(chunk(TWO))
    assert await client.exactly(len(chunk(TWO))) == chunk(TWO)
    worker.says(LAST_CHUNK)
    assert await client.exactly(len(LAST_CHUNK)) == LAST_CHUNK
    await auntil(lambda: in_flight(succession.new) == [0])
    await client.send(request(path="/later"))
    assert (await client.answer())[0] == 200
    assert upstream.connections == 1  # the worker's is good for more as well
    old = succession.old.log_lines()[-1]
    assert "GET /events 200" in old
    assert "handed on" in old
    stream, later = succession.new.log_lines()
    assert f"GET /events 200 {len(TWO)} " in stream
    assert "GET /later 200" in later


@pytest.mark.parametrize("at", range(1, len(chunk(TWO))))
async def test_the_worker_may_be_anywhere_in_a_chunk(succession, at):
    whole = chunk(TWO)
    worker = Worker(first=chunk(ONE) + whole[:at])
    await succession.host(worker)
    client = await listener(succession.old, first=b"")
    await succession.happens()
    await succession.is_over()
    worker.says(whole[at:] + LAST_CHUNK)
    assert await client._chunks() == ONE + TWO


async def test_one_that_its_worker_ends_by_closing_ends_regularly_for_its_client(succession):
    worker = Worker(UNTIL_CLOSE, ONE)
    await succession.host(worker)
    client = await listener(succession.old)
    await succession.happens()
    await succession.is_over()
    worker.says(TWO)
    assert await client.exactly(len(chunk(TWO))) == chunk(TWO)
    worker.ends()
    assert await client.exactly(len(LAST_CHUNK)) == LAST_CHUNK
    await client.send(request())  # its connection has not ended with it
    await client.head()


async def test_a_client_that_knows_no_chunks_gets_none(succession):
    worker = Worker()
    await succession.host(worker)
    asking = b"GET /events HTTP/1.0\r\nHost: a\r\n\r\n"
    client = await listener(succession.old, asking, ONE)
    await succession.happens()
    await succession.is_over()
    worker.says(chunk(TWO) + LAST_CHUNK)
    assert await client.rest() == TWO


async def test_an_end_that_comes_in_between_is_seen(succession):
    worker = Worker()
    await succession.host(worker)
    client = await listener(succession.old)
    await succession.happens()
    worker.says(chunk(TWO) + LAST_CHUNK)
    assert await client._chunks() == TWO
    await succession.is_over()
    await client.send(request())
    assert b" 200 " in await client.head()


async def test_one_that_begins_when_the_old_proxy_leaves_already_goes_on_too(succession):
    asked, go = trio.Event(), trio.Event()

    async def late(peer: Peer) -> None:
        await peer.head()
        asked.set()
        await go.wait()
        await peer.send(CHUNKED + chunk(ONE))
        await peer.rest()

    await succession.host(late)
    client = await succession.old.connect()
    await client.send(request())
    await asked.wait()
    await succession.happens()
    await auntil(lambda: succession.old.proxy.gateway.heir is not None)
    go.set()
    assert b"keep" not in (await client.head()).lower()
    assert await client.exactly(len(chunk(ONE))) == chunk(ONE)
    await succession.is_over()
    assert in_flight(succession.new) == [1]


async def test_what_its_client_has_asked_for_next_goes_along(succession):
    worker = Worker()
    await succession.host(worker)
    asking = request(path="/events") + request(path="/next")
    client = await listener(succession.old, asking)
    await succession.happens()
    await succession.is_over()
    worker.says(LAST_CHUNK)
    assert await client.exactly(len(LAST_CHUNK)) == LAST_CHUNK
    assert (await client.answer())[0] == 200
    assert "/next" in succession.new.log_lines()[-1]


async def test_it_is_not_handed_on_while_its_client_takes_nothing(succession):
    size = 8_000_000
    worker = Worker(first=chunk(bytes(size)))
    await succession.host(worker)
    # The kernel must not grow its buffers meanwhile, so that there is room again.
    succession.old.listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    client = await succession.old.connect()
    client.stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    await client.send(request())
    await client.head()
    for _ in range(5):  # at first there is room again after a moment
        await auntil(lambda: any(not each.channel.writable for each in clients_of(succession.old)))
        await trio.testing.wait_all_tasks_blocked(0.02)
    await succession.happens()
    await auntil(lambda: succession.old.proxy.gateway.heir is not None)
    await trio.testing.wait_all_tasks_blocked(0.1)
    assert in_flight(succession.new) == [0]
    taken = 0
    while taken < size:
        piece = int(await client.until(b"\r\n"), 16)
        taken += len(await client.exactly(piece))
        await client.exactly(2)
    await succession.is_over()
    assert in_flight(succession.new) == [1]
    worker.says(LAST_CHUNK)
    assert await client.exactly(len(LAST_CHUNK)) == LAST_CHUNK


def clients_of(stage: Stage) -> set:
    return stage.proxy.gateway.clients


async def test_nor_before_the_worker_has_the_whole_request(succession):
    go = trio.Event()

    async def answers_early(peer: Peer) -> None:
        await peer.head()
        await peer.send(CHUNKED + chunk(ONE))
        assert await peer.exactly(10) == b"0123456789"
        await go.wait()
        await peer.send(chunk(TWO) + LAST_CHUNK)

    await succession.host(answers_early)
    whole = request("POST", "/", body=b"0123456789")
    client = await listener(succession.old, whole[:-5])
    await succession.happens()
    await auntil(lambda: succession.old.proxy.gateway.heir is not None)
    await trio.testing.wait_all_tasks_blocked(0.1)
    assert in_flight(succession.new) == [0]
    await client.send(whole[-5:])
    go.set()
    assert await client._chunks() == TWO
    await succession.is_over()


async def test_one_whose_request_had_a_body_goes_on_when_that_is_through(succession):
    worker = Worker()
    await succession.host(worker)
    client = await listener(succession.old, request("POST", "/chat", body=b"hello"))
    await succession.happens()
    await succession.is_over()
    worker.says(chunk(TWO) + LAST_CHUNK)
    assert await client._chunks() == TWO


async def test_it_can_be_handed_on_again(succession, tmp_path):
    worker = Worker()
    await succession.host(worker)
    client = await listener(succession.old)
    await succession.happens()
    await succession.is_over()
    (tmp_path / "third").mkdir()
    async with open_stage(tmp_path / "third") as third:
        await third.apply()
        again = Succession(succession.new, third)
        await again.happens()
        await again.is_over()
        worker.says(chunk(TWO) + LAST_CHUNK)
        assert await client._chunks() == TWO


async def test_it_can_be_ended_there_without_looking_whole(succession):
    worker = Worker()
    await succession.host(worker)
    client = await listener(succession.old)
    await succession.happens()
    await succession.is_over()
    (upstream,) = succession.new.proxy.gateway.upstreams.all()
    upstream.close_endless(1012)
    assert await client.ended()
    await auntil(lambda: in_flight(succession.new) == [0])


async def test_a_worker_that_dies_there_cuts_it_and_is_told_of(succession):
    worker = Worker()
    await succession.host(worker)
    client = await listener(succession.old, request("POST", "/chat", body=b"hello"))
    await succession.happens()
    await succession.is_over()
    worker.ends()
    assert await client.ended()
    (lost,) = await succession.new.hears_of(Lost)
    assert (lost.request.method, lost.request.target) == ("POST", "/chat")
    assert "ended inside its answer" in succession.new.log_lines()[-1]


async def test_a_client_that_goes_away_ends_it_there(succession):
    await succession.host(Worker())
    client = await listener(succession.old)
    await succession.happens()
    await succession.is_over()
    await client.reset()
    await auntil(lambda: in_flight(succession.new) == [0])


async def test_without_an_heir_that_lives_it_is_closed(succession):
    await succession.host(Worker())
    client = await listener(succession.old)
    leaving, following = socket.socketpair()
    following.close()
    with leaving:
        await succession.old.link.send(Leave(20, heir=True), [leaving.fileno()])
    assert await client.ended()
    await succession.is_over()


async def test_one_that_is_compressed_on_the_way_ends_where_it_began(succession):
    succession.old.filter(compress=Compress(types=("text/event-stream",)))
    worker = Worker()
    await succession.host(worker)
    client = await succession.old.connect()
    await client.send(request("GET", "/events", "Accept-Encoding: gzip"))
    assert b"gzip" in await client.head()
    await succession.happens()
    await auntil(lambda: succession.old.proxy.gateway.heir is not None)
    await trio.testing.wait_all_tasks_blocked(0.1)
    assert in_flight(succession.new) == [0]
    worker.says(chunk(TWO) + LAST_CHUNK)
    assert zlib.decompress(await client._chunks(), 31) == ONE + TWO
    await succession.is_over()
