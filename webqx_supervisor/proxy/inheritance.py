"""What a proxy takes over from the one that it follows, see handover."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from webqx_supervisor.control.link import Link, LinkClosed
from webqx_supervisor.model.link import Busy, HandedClients, HandedTunnel, Inherited
from webqx_supervisor.net.channel import Broken, Channel, Stalled
from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.proxy.accesslog import Record
from webqx_supervisor.proxy.doors import Doors
from webqx_supervisor.proxy.gateway import Client, Gateway
from webqx_supervisor.proxy.tunnel import Tunnel


async def inherit(predecessor: Link, daemon: Link, gateway: Gateway, doors: Doors) -> None:
    """Go on with what the predecessor hands on, until it has ended."""
    with predecessor, _heeded(gateway.reactor, predecessor.fileno()):
        while True:
            gateway.reactor.give_way()  # more may wait to be read than there are edges to come
            try:
                message, fds = await predecessor.receive()
            except LinkClosed:
                return
            sockets = [socket.socket(fileno=fd) for fd in fds]
            match message:
                case HandedClients(clients):
                    for handed, connected in zip(clients, sockets, strict=True):
                        doors.adopt(handed, connected)
                case HandedTunnel():
                    client, worker = sockets
                    InheritedTunnel(gateway, message, worker).begin(doors, client)
                    await _confirm(message, predecessor, daemon)
                case _:
                    for each in sockets:
                        each.close()


async def _confirm(tunnel: HandedTunnel, predecessor: Link, daemon: Link) -> None:
    """Say that a tunnel counts here; first to the daemon, who may wait for its worker."""
    with suppress(LinkClosed):
        await daemon.send(Busy((tunnel.upstream,)))
    with suppress(LinkClosed):
        await predecessor.send(Inherited())


@contextmanager
def _heeded(reactor: Reactor, fd: int) -> Iterator[None]:
    reactor.heed(fd)
    try:
        yield
    finally:
        reactor.unregister(fd, lambda: None)


class InheritedTunnel:
    """A tunnel that began in another process; it counts here as it counted there."""

    def __init__(self, gateway: Gateway, handed: HandedTunnel, worker: socket.socket) -> None:
        self._gateway = gateway
        self._handed = handed
        self._began = gateway.reactor.now
        self._channel = Channel(gateway.reactor, worker)
        self._reason = ""
        self._upstream = gateway.upstreams.find(handed.upstream)
        self._tunnel: Tunnel
        if self._upstream is not None:
            self._upstream.enter()

    def begin(self, doors: Doors, connected: socket.socket) -> None:
        """Carry on with the client's connection."""
        doors.adopt_tunnel(self._handed, connected, self._talk)

    async def _talk(self, gateway: Gateway, client: Client) -> None:
        handed, channel, upstream = self._handed, self._channel, self._upstream
        client.request = gateway.log.next_request()
        tunnel = Tunnel(gateway.reactor, client.channel, channel, handed.seconds)
        tunnel.restore(handed.frames)
        try:
            if upstream is not None:
                upstream.begin_endless(channel, tunnel)
            if await tunnel.run() and gateway.heir is not None:
                await gateway.heir.take_tunnel(client, channel, tunnel.handed(handed))
        except Broken as broken:
            self._reason = str(broken)
            if not isinstance(broken, Stalled):
                client.channel.abort()
        finally:
            channel.close()
            self._end()
            self._record(client, tunnel.sent)

    def _end(self) -> None:
        upstream, upstreams = self._upstream, self._gateway.upstreams
        if upstream is None:
            return
        upstream.end_endless(self._channel)
        group = upstreams.group(self._handed.service)
        if group is not None:
            upstreams.release(group, upstream, answered=False)

    def _record(self, client: Client, sent: int) -> None:
        gateway, handed = self._gateway, self._handed
        gateway.requests += 1
        gateway.log.record(
            Record(
                gateway.reactor.now,
                self._began,
                client.ip,
                handed.method.encode("latin-1"),
                handed.target.encode("latin-1"),
                101 if handed.target else 0,
                sent,
                handed.upstream,
                client.request,
                0,
                self._reason,
            )
        )
