"""What a proxy takes over from the one that it follows, see handover."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from webqx_supervisor.control.link import Link, LinkClosed
from webqx_supervisor.core.counting import TCP_CARRIED
from webqx_supervisor.model.link import (
    Busy,
    HandedClients,
    HandedEndless,
    HandedStream,
    HandedTunnel,
    Inherited,
)
from webqx_supervisor.net.channel import Broken, Channel, Stalled
from webqx_supervisor.net.poller import ENDED
from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.proxy import losses
from webqx_supervisor.proxy.accesslog import Record
from webqx_supervisor.proxy.connection import linger, talk_http
from webqx_supervisor.proxy.doors import Doors
from webqx_supervisor.proxy.eventstream import exchange_of, stream_of
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.gateway import Client, Gateway
from webqx_supervisor.proxy.meters import RouteMeter
from webqx_supervisor.proxy.refusal import Cut
from webqx_supervisor.proxy.silence import Silence
from webqx_supervisor.proxy.tunnel import Tunnel
from webqx_supervisor.proxy.upstream import Endless


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
                case HandedTunnel() | HandedStream():
                    client, worker = sockets
                    if isinstance(message, HandedTunnel):
                        InheritedTunnel(gateway, message, worker).begin(doors, client)
                    else:
                        InheritedStream(gateway, message, worker).begin(doors, client)
                    await _confirm(message, predecessor, daemon)
                case _:
                    for each in sockets:
                        each.close()


async def _confirm(endless: HandedEndless, predecessor: Link, daemon: Link) -> None:
    """Say that it counts here; first to the daemon, who may wait for its worker."""
    with suppress(LinkClosed):
        await daemon.send(Busy((endless.upstream,)))
    with suppress(LinkClosed):
        await predecessor.send(Inherited())


@contextmanager
def _heeded(reactor: Reactor, fd: int) -> Iterator[None]:
    reactor.heed(fd)
    try:
        yield
    finally:
        with suppress(ValueError):  # when all ends, the reactor may have been the first
            reactor.unregister(fd, lambda: None)


class _Claim:
    """A connection to a worker that counts here as it counted in another process.

    Not if that worker is in no table here: it is gone, and the connection soon will be.
    """

    def __init__(self, gateway: Gateway, handed: HandedEndless, worker: socket.socket) -> None:
        self.channel = Channel(gateway.reactor, worker)
        self._gateway = gateway
        self._service = handed.service
        self._upstream = gateway.upstreams.find(handed.upstream)
        if self._upstream is not None:
            self._upstream.enter()

    @property
    def silence(self) -> Silence:
        """The silence of the worker."""
        return Silence() if self._upstream is None else self._upstream.silence

    def begin(self, endless: Endless) -> None:
        """Note what has no end."""
        if self._upstream is not None:
            self._upstream.begin_endless(self.channel, endless)

    def end(self, *, reusable: bool = False) -> None:
        """Give it back, and the connection if it may be used again."""
        upstream, upstreams = self._upstream, self._gateway.upstreams
        if upstream is None:
            self.channel.close()
            return
        upstream.end_endless(self.channel)
        upstream.silence.let_go(self.channel, self._gateway.reactor.now)
        if reusable and upstreams.keep(upstream):
            upstream.pool.put(self.channel)
        else:
            self.channel.close()
        group = upstreams.group(self._service)
        if group is not None:
            upstreams.release(group, upstream, answered=False)


class InheritedStream:
    """An event stream that began in another process, and the requests that may follow it."""

    def __init__(self, gateway: Gateway, handed: HandedStream, worker: socket.socket) -> None:
        self._claim = _Claim(gateway, handed, worker)
        self._handed = handed

    def begin(self, doors: Doors, connected: socket.socket) -> None:
        """Carry on with the client's connection."""
        doors.adopt_endless(self._handed, connected, self._talk)

    async def _talk(self, gateway: Gateway, client: Client) -> None:
        client.ahead = self._handed.ahead.encode("latin-1")
        client.channel.hook(ENDED, client.hung_up)
        exchange = exchange_of(gateway, client, self._handed)
        try:
            await self._relay(exchange)
        except Cut as cut:
            losses.note(exchange)
            exchange.cut(cut.reason)
        except Broken as broken:
            exchange.lost(broken)
        finally:
            exchange.record()
            client.busy = False
        if exchange.keep:
            await talk_http(gateway, client)
        elif not client.channel.closed:
            client.over = True
            await linger(gateway.reactor, client.channel)

    async def _relay(self, exchange: Exchange) -> None:
        claim, reusable = self._claim, False
        stream = stream_of(exchange, claim.channel, self._handed, claim.silence)
        try:
            claim.begin(stream)
            reusable = await stream.resume(self._handed.chunks)
        finally:
            claim.end(reusable=reusable)


class InheritedTunnel:
    """A tunnel that began in another process."""

    def __init__(self, gateway: Gateway, handed: HandedTunnel, worker: socket.socket) -> None:
        self._claim = _Claim(gateway, handed, worker)
        self._gateway = gateway
        self._handed = handed
        self._began = gateway.reactor.now
        self._meter: RouteMeter | None = None
        self._over = False
        self._reason = ""
        if handed.counted_as[0]:
            self._meter = gateway.meters.named(handed.counted_as)
            self._meter.enter()

    def begin(self, doors: Doors, connected: socket.socket) -> None:
        """Carry on with the client's connection."""
        doors.adopt_endless(self._handed, connected, self._talk)

    async def _talk(self, gateway: Gateway, client: Client) -> None:
        handed, channel = self._handed, self._claim.channel
        client.request = gateway.log.next_request()
        tunnel = Tunnel(gateway.reactor, client.channel, channel, handed.seconds)
        tunnel.restore(handed.frames)
        tunnel.meter = self._meter
        try:
            self._claim.begin(tunnel)
            self._over = not await tunnel.run() or gateway.heir is None
            if not self._over and gateway.heir is not None:
                await gateway.heir.take_endless(client, channel, tunnel.handed(handed))
        except Broken as broken:
            self._over, self._reason = True, str(broken)
            if not isinstance(broken, Stalled):
                client.channel.abort()
        finally:
            self._count()
            self._claim.end()
            self._record(client, tunnel.sent)

    def _count(self) -> None:
        meter, handed = self._meter, self._handed
        if meter is None:
            return
        meter.leave()
        if not self._over:
            return  # another proxy goes on with it
        if not handed.target:
            meter.add(TCP_CARRIED, 1)
            return
        meter.ended(101, 0.0, 0, timed=False)
        self._gateway.meters.worker(handed.upstream).answered(101, 0.0, timed=False)

    def _record(self, client: Client, sent: int) -> None:
        gateway, handed = self._gateway, self._handed
        gateway.requests += 1
        gateway.log.record(
            Record(
                gateway.reactor.now,
                self._began,
                handed.asked_by or client.ip,
                handed.method.encode("latin-1"),
                handed.target.encode("latin-1"),
                101 if handed.target else 0,
                sent,
                handed.upstream,
                client.request,
                0,
                self._reason,
                "",
                None,
                None,
            )
        )
