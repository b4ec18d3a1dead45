"""A proxy that leaves hands its clients on to the one that takes its place.

Between two requests a connection is no more than a descriptor and the octets that the client has
sent ahead; a tunnel with nothing on its way, or an event stream between two pieces, is two
descriptors and little more. So they go to the other process as they are, and the client notices
nothing. What is in the middle of another exchange finishes here.
"""

import logging
import socket
from collections import deque
from collections.abc import Sequence

import trio

from webqx_supervisor.control.link import Link, LinkClosed
from webqx_supervisor.model.link import HandedClient, HandedClients, HandedEndless, Inherited
from webqx_supervisor.net.channel import Channel
from webqx_supervisor.net.reactor import DeadlinePassed, Reactor, Task
from webqx_supervisor.proxy.gateway import Client

AT_ONCE = 64
"""Connections in one message."""
PATIENCE = 5.0
"""s for which what has no end is counted here after it was handed on, unless the heir confirms."""

_LOG = logging.getLogger(__name__)


class _Taken:
    """What the heir has yet to confirm, and the task that waits for it."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.confirmed = False


class Handover:
    """The side that leaves: connections and what has no end give themselves, `run` sends them."""

    def __init__(self, reactor: Reactor, link: Link) -> None:
        self._reactor = reactor
        self._link = link
        self._clients: deque[tuple[HandedClient, socket.socket]] = deque()
        self._endless: deque[tuple[HandedEndless, tuple[socket.socket, socket.socket]]] = deque()
        self._more = trio.Event()
        self._sending = trio.Lock()
        self._unconfirmed: deque[_Taken] = deque()

    def take(self, client: Client) -> None:
        """Take over the connection of a client that is between two requests."""
        ahead = client.ahead.decode("latin-1")
        entry = HandedClient(client.door.name, client.ip, ahead, client.introduction)
        self._clients.append((entry, client.channel.detach()))
        self._more.set()

    async def take_endless(self, client: Client, channel: Channel, entry: HandedEndless) -> None:
        """Take over a tunnel or an event stream.

        Returns when the heir counts it, so that its worker is never idle in between.
        """
        taken, until = _Taken(self._reactor.current), self._reactor.now + PATIENCE
        self._unconfirmed.append(taken)
        self._endless.append((entry, (client.channel.detach(), channel.detach())))
        self._more.set()
        try:
            while not taken.confirmed:  # an edge that came before may wake it once more
                await self._reactor.wait(until - self._reactor.now)
        except DeadlinePassed:
            _LOG.warning("the heir has not confirmed a connection to %s", entry.upstream)

    async def run(self) -> None:
        """Send whatever is taken, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._hear)
            while True:
                await self._more.wait()
                self._more = trio.Event()
                await self.flush()

    async def flush(self) -> None:
        """Return when all that has been taken so far is sent; with nobody there it is closed."""
        async with self._sending:
            while self._clients or self._endless:
                if self._endless:
                    entry, ends = self._endless.popleft()
                    await self._send(entry, ends)
                count = min(AT_ONCE, len(self._clients))
                batch = [self._clients.popleft() for _ in range(count)]
                if batch:
                    entries = tuple(entry for entry, _ in batch)
                    await self._send(HandedClients(entries), [each for _, each in batch])

    async def finish(self) -> None:
        """Send all that has been taken, and tell the heir that no more comes."""
        await self.flush()
        self._link.close()

    async def _send(
        self, message: HandedClients | HandedEndless, sockets: Sequence[socket.socket]
    ) -> None:
        self._reactor.give_way()  # there may be thousands, and traffic beside
        try:
            await self._link.send(message, [each.fileno() for each in sockets])
        except LinkClosed:
            _LOG.warning("%d connections are lost: nobody takes them", len(sockets))
        finally:
            for each in sockets:
                each.close()

    async def _hear(self) -> None:
        while True:
            try:
                message, _ = await self._link.receive()
            except LinkClosed:
                return
            if isinstance(message, Inherited) and self._unconfirmed:
                taken = self._unconfirmed.popleft()
                taken.confirmed = True
                self._reactor.schedule(taken.task)
