"""The listeners that this proxy accepts on, and what happens to who comes in."""

import socket
from collections.abc import Mapping
from contextlib import suppress
from functools import partial

from webqx_supervisor.model.gateway import Limits, Listener, Protocol
from webqx_supervisor.net.channel import Channel
from webqx_supervisor.net.listeners import Acceptor
from webqx_supervisor.proxy.connection import serve, talk_http
from webqx_supervisor.proxy.gateway import Client, Gateway
from webqx_supervisor.proxy.stream import talk_tcp


class Door:
    """One listener; its acceptors by their bind."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.limits = Limits()
        self.protocol = Protocol.HTTP
        self.acceptors: dict[str, Acceptor] = {}


class Doors:
    """All listeners of the table."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._doors: dict[str, Door] = {}

    def apply(
        self, listeners: tuple[Listener, ...], sockets: Mapping[tuple[str, str], socket.socket]
    ) -> None:
        """Accept on what the table names, close what it no longer names; sockets are taken over."""
        wanted = {listener.name: listener for listener in listeners}
        for name, listener in wanted.items():
            door = self._doors.setdefault(name, Door(name))
            door.limits = listener.limits
            door.protocol = listener.protocol
        for (name, bind), listening in sockets.items():
            if name in wanted and bind in wanted[name].binds:
                self._open(self._doors[name], bind, listening)
            else:
                listening.close()
        for name, door in list(self._doors.items()):
            binds = wanted[name].binds if name in wanted else ()
            for bind in door.acceptors.keys() - set(binds):
                door.acceptors.pop(bind).close()
            if not door.acceptors and name not in wanted:
                del self._doors[name]

    def close(self) -> None:
        """Accept nothing more."""
        self.apply((), {})

    def _open(self, door: Door, bind: str, listening: socket.socket) -> None:
        if bind in door.acceptors:
            door.acceptors.pop(bind).close()
        door.acceptors[bind] = Acceptor(
            self._gateway.reactor, listening, partial(self._let_in, door)
        )

    def _let_in(self, door: Door, connected: socket.socket, peer: tuple[str, int]) -> None:
        gateway = self._gateway
        with suppress(OSError):  # gone already: reading will tell
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = Client(Channel(gateway.reactor, connected), peer[0], door)
        talk = talk_http if door.protocol is Protocol.HTTP else talk_tcp
        gateway.clients.add(client)
        client.task = gateway.reactor.spawn(serve(gateway, client, talk))
