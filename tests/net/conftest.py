"""A running reactor whose clock is trio's, so that `autojump_clock` moves it too."""

import socket
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

import pytest
import trio

from webqx_supervisor.net.channel import Channel
from webqx_supervisor.net.reactor import Reactor

T = TypeVar("T")


class Arena:
    """What a test does with the reactor."""

    def __init__(self) -> None:
        self.reactor = Reactor(clock=trio.current_time)
        self.sockets: list[socket.socket] = []

    def pair(self) -> tuple[Channel, socket.socket]:
        """Return a channel and its peer, a non-blocking socket."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        self.sockets.append(theirs)
        return Channel(self.reactor, ours), theirs

    async def result(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the reactor; return what it returns, raise what it raises."""
        done = trio.Event()
        outcome: list[T | Exception] = []

        async def run() -> None:
            try:
                outcome.append(await coroutine)
            except Exception as error:  # noqa: BLE001 - handed over to the test
                outcome.append(error)
            done.set()

        self.reactor.spawn(run())
        await done.wait()
        if isinstance(outcome[0], Exception):
            raise outcome[0]
        return outcome[0]


@pytest.fixture
async def arena(nursery) -> AsyncIterator[Arena]:
    opened = Arena()
    nursery.start_soon(opened.reactor.run)
    yield opened
    for peer in opened.sockets:
        peer.close()
