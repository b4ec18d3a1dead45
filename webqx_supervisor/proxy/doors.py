"""The listeners that this proxy accepts on, and what happens to who comes in."""

import socket
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from functools import partial

from webqx_supervisor.core.counting import ACCEPTED, OPEN, TURNED_AWAY
from webqx_supervisor.core.wire.proxyline import ProxyLine
from webqx_supervisor.core.wire.writer import render_error
from webqx_supervisor.model.clients import Introduction, Trust
from webqx_supervisor.model.gateway import Limits, Listener, Protocol
from webqx_supervisor.model.link import HandedClient, HandedEndless, HandedStream
from webqx_supervisor.net import descriptors
from webqx_supervisor.net.channel import Channel
from webqx_supervisor.net.listeners import Acceptor
from webqx_supervisor.proxy.accesslog import Record
from webqx_supervisor.proxy.admission import Complaints, Headcount, close_some, idle_among
from webqx_supervisor.proxy.connection import Talk, refuse_unread, serve, talk_http
from webqx_supervisor.proxy.gateway import Client, Gateway
from webqx_supervisor.proxy.introduction import introduced
from webqx_supervisor.proxy.meters import Meter
from webqx_supervisor.proxy.refusal import Refused
from webqx_supervisor.proxy.stream import refuse_tcp, talk_tcp
from webqx_supervisor.proxy.trust import Trusting

RESERVE = 512
"""Descriptors that are left to connections to workers, pipes and files; an eighth if few."""

_FULL = 0.1  # s for which nobody looks for room again once everybody was being served
_PIECE = 16 * 1024
_RETRY = b"Retry-After: 5\r\n"


class Door:
    """One listener; its acceptors by their bind."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.meter: Meter | None = None
        self.limits = Limits()
        self.protocol = Protocol.HTTP
        self.acceptors: dict[str, Acceptor] = {}
        self.headcount = Headcount()
        self.full_until = 0.0
        self.trust = Trusting(Trust())

    def apply(self, listener: Listener, clients: Collection[Client]) -> None:
        """Take over what the table says; it holds for the `clients` of all listeners at once."""
        if listener.trust != self.trust.policy:
            self.trust = Trusting(listener.trust)
            for client in clients:
                if client.door is self:
                    self.trust.settle(client)
        self.limits = listener.limits
        self.protocol = listener.protocol
        self.headcount.count_addresses(
            self.limits.max_connections_per_client > 0,
            (client.ip for client in clients if client.door is self),
        )

    def introduce(self, client: Client, line: ProxyLine) -> None:
        """Take in what a PROXY header says of a client. Raises Refused (429)."""
        if line.source is not None:
            self.headcount.leave(client.ip)
            client.meet(line.source)
            self.headcount.enter(client.ip)
        nameless = line.source is None and not line.local
        client.introduction = Introduction.NAMELESS if nameless else Introduction.DONE
        self.trust.settle(client)
        if 0 < self.limits.max_connections_per_client < self.headcount.of(client.ip):
            raise _too_many()

    def leave(self, ip: str) -> None:
        """Note that a client from this address is gone."""
        self.headcount.leave(ip)
        self.count(OPEN, -1)

    def count(self, which: int, change: int = 1) -> None:
        """Count for the metrics."""
        if self.meter is not None:
            self.meter.add(which, change)


class Doors:
    """All listeners of the table."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._doors: dict[str, Door] = {}
        self._complaints = Complaints(gateway.reactor)
        self._high_fd = 0
        self._room = 0

    def apply(
        self, listeners: tuple[Listener, ...], sockets: Mapping[tuple[str, str], socket.socket]
    ) -> None:
        """Accept on what the table names, close what it no longer names; sockets are taken over."""
        most = descriptors.limit()
        self._high_fd = most - min(RESERVE, most // 8)
        wanted = {listener.name: listener for listener in listeners}
        for name, listener in wanted.items():
            door = self._doors.setdefault(name, Door(name))
            door.meter = self._gateway.meters.listener(name)
            door.apply(listener, self._gateway.clients)
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
            self._gateway.reactor,
            listening,
            partial(self._let_in, door),
            partial(self._make_room, door, self._gateway.clients),
        )

    def _let_in(self, door: Door, connected: socket.socket, peer: tuple[str, int]) -> None:
        refused = self._refusal(door, connected.fileno(), peer[0])
        if refused is not None:
            self._turn_away(door, connected, peer[0], refused)
            return
        with suppress(OSError):  # gone already: reading will tell
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        door.count(ACCEPTED)
        self._welcome(door, connected, peer[0], door.trust.introduction(peer[0]))

    def adopt_endless(self, handed: HandedEndless, connected: socket.socket, talk: Talk) -> None:
        """Go on with a tunnel or an event stream of a proxy that leaves."""
        door = self._doors.get(handed.listener) or Door(handed.listener)
        # After a tunnel nothing more is asked.
        introduction = Introduction.DONE
        if isinstance(handed, HandedStream):
            introduction = handed.introduction
        client = self._client(door, connected, handed.ip, introduction)
        client.busy = True
        client.task = self._gateway.reactor.spawn(serve(self._gateway, client, talk))

    def adopt(self, handed: HandedClient, connected: socket.socket) -> None:
        """Go on with a client of a proxy that leaves; a listener that is gone keeps its clients."""
        door = self._doors.get(handed.listener) or Door(handed.listener)
        ahead = handed.ahead.encode("latin-1")
        self._welcome(door, connected, handed.ip, handed.introduction, ahead)

    def _welcome(
        self,
        door: Door,
        connected: socket.socket,
        ip: str,
        introduction: Introduction,
        ahead: bytes = b"",
    ) -> None:
        client = self._client(door, connected, ip, introduction)
        client.ahead = ahead
        http = door.protocol is Protocol.HTTP
        talk: Talk = talk_http if http else talk_tcp
        if introduction is Introduction.DUE:
            talk = introduced(talk, refuse_unread if http else refuse_tcp)
        client.task = self._gateway.reactor.spawn(serve(self._gateway, client, talk))

    def _client(
        self, door: Door, connected: socket.socket, ip: str, introduction: Introduction
    ) -> Client:
        client = Client(Channel(self._gateway.reactor, connected), ip, door)
        client.introduction = introduction
        door.trust.settle(client)
        self._gateway.clients.add(client)
        door.headcount.enter(client.ip)
        door.count(OPEN)
        return client

    def _refusal(self, door: Door, fd: int, ip: str) -> Refused | None:
        """Return why a client cannot be let in, None if it can: room is made where it must be."""
        limits, headcount = door.limits, door.headcount
        if not door.trust.lets_in(ip):
            return Refused(403, "only trusted proxies may connect here")
        most = limits.max_connections_per_client
        # Whoever has to say for whom it comes is counted when that is known.
        if 0 < most <= headcount.of(ip) and door.trust.introduction(ip) is not Introduction.DUE:
            return _too_many()
        if 0 < limits.max_connections <= headcount.total:
            clients = (client for client in self._gateway.clients if client.door is door)
            if not self._make_room(door, clients):
                return Refused(503, f"listener {door.name} has all the clients it may have", _RETRY)
        elif fd >= self._high_fd:  # a new descriptor is the lowest free one: all below are taken
            # Those that were closed are free only when the reactor's round is over.
            self._room = self._room or self._make_room(door, self._gateway.clients)
            if not self._room:
                return Refused(503, "the proxy runs out of file descriptors", _RETRY)
            self._room -= 1
        return None

    def _make_room(self, door: Door, clients: Iterable[Client]) -> int:
        now = self._gateway.reactor.now
        if now < door.full_until:
            return 0
        idle = idle_among(clients)
        if not idle:
            door.full_until = now + _FULL
        closed = close_some(idle)
        self._complaints.closed(closed)
        return closed

    def _turn_away(self, door: Door, connected: socket.socket, ip: str, refused: Refused) -> None:
        """Answer whatever the request may be, and close."""
        gateway = self._gateway
        number = gateway.log.next_request()
        if door.protocol is Protocol.HTTP:
            answer = render_error(
                refused.status,
                request_id=gateway.log.request_id(number),
                reason=refused.reason,
                close=True,
                extra=gateway.date() + refused.extra,
            )
            with suppress(OSError):
                connected.send(answer)
                connected.recv(_PIECE)  # closing over unread octets would destroy the answer
        connected.close()
        gateway.requests += 1
        now, status = gateway.reactor.now, refused.status
        reason = refused.reason
        door.count(TURNED_AWAY)
        gateway.log.record(
            Record(now, now, ip, b"", b"", status, 0, "", number, 0, reason, "", None, None)
        )
        self._complaints.turned_away()


def _too_many() -> Refused:
    return Refused(429, "too many connections from this address", _RETRY)
