"""A proxy that leaves hands its clients on to the one that takes its place.

Between two requests a connection is no more than a descriptor and the octets that the client has
sent ahead; so it goes to the other process as it is, and the client notices nothing. What is in
the middle of an exchange finishes here first.
"""

import logging
import socket
from collections.abc import Callable, Sequence

import trio

from webqx_supervisor.control.link import Link, LinkClosed
from webqx_supervisor.model.link import Handed, HandedClient, Message
from webqx_supervisor.proxy.gateway import Client

AT_ONCE = 64
"""Connections in one message: with as many octets ahead as a head may have it stays small."""

_LOG = logging.getLogger(__name__)


class Handover:
    """The side that leaves. `take` is called by the connections, `run` sends what they gave."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._pending: list[tuple[HandedClient, socket.socket]] = []
        self._more = trio.Event()
        self._sending = trio.Lock()

    def take(self, client: Client) -> None:
        """Take over the connection of a client that is between two requests."""
        ahead = client.ahead.decode("latin-1")
        entry = HandedClient(client.door.name, client.ip, ahead)
        self._pending.append((entry, client.channel.detach()))
        self._more.set()

    async def run(self) -> None:
        """Send whatever is taken, until cancelled."""
        while True:
            await self._more.wait()
            self._more = trio.Event()
            await self.flush()

    async def flush(self) -> None:
        """Return when all that has been taken so far is sent; with nobody there it is closed."""
        async with self._sending:
            while self._pending:
                batch, self._pending = self._pending[:AT_ONCE], self._pending[AT_ONCE:]
                await self._send(batch)

    async def finish(self) -> None:
        """Send all that has been taken, and tell the heir that no more comes."""
        await self.flush()
        self._link.close()

    async def _send(self, batch: Sequence[tuple[HandedClient, socket.socket]]) -> None:
        message = Handed(tuple(entry for entry, _ in batch))
        try:
            await self._link.send(message, [taken.fileno() for _, taken in batch])
        except LinkClosed:
            _LOG.warning("%d connections are closed: nobody takes them", len(batch))
        finally:
            for _, taken in batch:
                taken.close()


async def inherit(link: Link, adopt: Callable[[HandedClient, socket.socket], None]) -> None:
    """Take over what the proxy on the other side of `link` hands on, until it has ended."""
    with link:
        while True:
            try:
                message, fds = await link.receive()
            except LinkClosed:
                return
            _adopt_all(message, fds, adopt)


def _adopt_all(
    message: Message, fds: Sequence[int], adopt: Callable[[HandedClient, socket.socket], None]
) -> None:
    handed = [socket.socket(fileno=fd) for fd in fds]
    if not isinstance(message, Handed) or len(message.clients) != len(handed):
        for each in handed:
            each.close()
        return
    for client, connected in zip(message.clients, handed, strict=True):
        adopt(client, connected)
