import socket
import struct
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest
import trio

from webqx_supervisor.net.channel import Broken, Channel
from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.net.sockdiag import DestroyedSockets
from webqx_supervisor.proxy.delivery import Delivery

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives proof")

ABORT = struct.pack("ii", 1, 0)
REQUEST = bytes(100)


class Bench:
    """A connection to a worker that has carried some exchanges, and its other end."""

    def __init__(self) -> None:
        self.reactor = Reactor()
        self.listening = socket.create_server(("127.0.0.1", 0))
        ours = socket.create_connection(self.listening.getsockname())
        self.theirs = self.listening.accept()[0]
        for _ in range(30):  # by then acknowledgements are delayed
            ours.send(bytes(50))
            self.theirs.recv(50)
            self.theirs.send(bytes(20))
            ours.recv(20)
        ours.setblocking(False)
        self.ours = ours
        self.channel = Channel(self.reactor, ours)
        self.destroyed = DestroyedSockets(self.reactor)

    async def is_unread(self, happens: Callable[[], None]) -> bool:
        """Send a request while that happens, see what comes, and ask."""
        done = trio.Event()
        outcome = []

        async def exchange() -> None:
            mark = self.destroyed.listen()
            happens()
            try:
                ended = await self.channel.recv(1, 5) == b""
            except Broken:
                ended = False
            delivery = Delivery(
                self.reactor,
                self.destroyed,
                self.channel,
                self.listening.getsockname(),
                len(REQUEST),
                mark,
            )
            outcome.append(await delivery.is_unread(ended=ended))
            done.set()

        self.reactor.spawn(exchange())
        await done.wait()
        return outcome[0]


@pytest.fixture
async def bench(nursery: trio.Nursery) -> AsyncIterator[Bench]:
    opened = Bench()
    nursery.start_soon(opened.reactor.run)
    yield opened
    opened.theirs.close()
    opened.listening.close()


async def test_a_worker_that_closes_over_the_request_has_not_read_it(bench: Bench):
    def happens() -> None:
        bench.ours.send(REQUEST)
        bench.theirs.close()

    assert await bench.is_unread(happens)


async def test_a_worker_that_had_closed_before_has_not_read_it(bench: Bench):
    def happens() -> None:
        bench.theirs.close()
        bench.ours.send(REQUEST)

    assert await bench.is_unread(happens)


async def test_a_reset_that_comes_after_the_end_was_seen_is_waited_for(bench: Bench):
    def happens() -> None:
        with suppress(BlockingIOError):
            while True:  # in the end there is more than the worker's side will acknowledge
                bench.ours.send(REQUEST)
        bench.theirs.shutdown(socket.SHUT_WR)
        bench.reactor.spawn(close())

    async def close() -> None:
        bench.theirs.close()

    assert await bench.is_unread(happens)


async def test_a_worker_that_ends_its_side_and_closes_over_the_request_has_not_read_it(
    bench: Bench,
):
    def happens() -> None:
        bench.ours.send(REQUEST)
        bench.theirs.shutdown(socket.SHUT_WR)
        bench.theirs.close()

    assert await bench.is_unread(happens)


@pytest.mark.parametrize("taken", [1, 50, 99])
async def test_one_octet_read_is_one_too_many(bench: Bench, taken):
    def happens() -> None:
        bench.ours.send(REQUEST)
        bench.theirs.recv(taken)
        bench.theirs.close()

    assert not await bench.is_unread(happens)


@pytest.mark.parametrize("reset", [True, False])
async def test_a_worker_that_ends_after_it_has_read_all_is_no_proof(bench: Bench, reset):
    def happens() -> None:
        bench.ours.send(REQUEST)
        bench.theirs.recv(len(REQUEST))
        if reset:
            bench.theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        bench.theirs.close()

    assert not await bench.is_unread(happens)


async def test_a_worker_that_only_ended_its_side_may_still_read(bench: Bench):
    def happens() -> None:
        bench.theirs.shutdown(socket.SHUT_WR)
        bench.ours.send(REQUEST)

    assert not await bench.is_unread(happens)


async def test_a_request_of_which_a_part_has_not_been_sent_is_no_proof(bench: Bench):
    def happens() -> None:
        bench.ours.send(REQUEST[:-1])
        bench.theirs.close()

    assert not await bench.is_unread(happens)


async def test_of_a_connection_that_was_closed_here_nothing_is_known(bench: Bench):
    def happens() -> None:
        bench.ours.send(REQUEST)
        bench.channel.close()

    assert not await bench.is_unread(happens)
