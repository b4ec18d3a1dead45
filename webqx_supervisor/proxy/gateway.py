"""What all connections of one proxy share: the table in force, the log, who is connected."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

import trio

from webqx_supervisor.core.routing import Router, guards_alike, is_guarded, other_readings
from webqx_supervisor.core.wire.headers import forwarded_block
from webqx_supervisor.core.wire.messages import RequestHead
from webqx_supervisor.core.wire.proxyline import ProxyLine
from webqx_supervisor.core.wire.writer import date_field
from webqx_supervisor.model.clients import Introduction
from webqx_supervisor.model.gateway import Limits, Route, Table
from webqx_supervisor.model.link import BreakerMoved, HandedEndless, Message, Queued
from webqx_supervisor.model.resilience import BreakerState
from webqx_supervisor.net import rates
from webqx_supervisor.net.channel import Channel
from webqx_supervisor.net.poller import BROKEN
from webqx_supervisor.net.rates import Rates
from webqx_supervisor.net.reactor import Reactor, Task
from webqx_supervisor.net.sockdiag import DestroyedSockets
from webqx_supervisor.proxy.accesslog import AccessLog
from webqx_supervisor.proxy.aside import Aside
from webqx_supervisor.proxy.group import Group
from webqx_supervisor.proxy.keyring import Keyring
from webqx_supervisor.proxy.meters import Meters
from webqx_supervisor.proxy.refusal import Refused
from webqx_supervisor.proxy.upstreams import Upstreams
from webqx_supervisor.proxy.way import Way

HALF_CLOSED_PATIENCE = 10.0
"""s that a worker may be silent once the client has said that it sends no more."""


class HasLimits(Protocol):
    """A listener as its clients see it: a new table may change its limits at any time."""

    name: str
    limits: Limits

    def introduce(self, client: "Client", line: ProxyLine) -> None:
        """Take in what a PROXY header says of a client. Raises Refused."""

    def leave(self, ip: str) -> None:
        """Note that a client from this address is gone."""


class Client:
    """One client connection. `ahead` holds octets received and not used yet."""

    __slots__ = (
        "ahead",
        "busy",
        "channel",
        "door",
        "forwarded",
        "introduction",
        "ip",
        "over",
        "request",
        "task",
        "trusted",
        "vouch",
    )

    def __init__(self, channel: Channel, ip: str, door: HasLimits) -> None:
        self.channel = channel
        self.ip = ip
        """Its own address, or the one that a PROXY header has named."""
        self.door = door
        self.ahead = b""
        self.request = 0
        """The number of the latest request."""
        self.busy = False
        """An exchange or a tunnel is going on."""
        self.over = False
        """It has had its last answer."""
        self.task: Task | None = None
        self.forwarded = forwarded_block(ip, "http")
        self.introduction = Introduction.DONE
        self.trusted = False
        """It is a proxy whose fields are believed."""
        self.vouch: Callable[[Any], None] | None = None
        """Tells an Exchange who asks, where that is not the client itself."""

    def meet(self, ip: str) -> None:
        """Know the client by another address from now on."""
        self.ip = ip
        self.forwarded = forwarded_block(ip, "http")

    def hung_up(self, _channel: Channel, events: int) -> None:
        """End what is done for nobody; who has only ended its side may still wait for an answer."""
        if not self.busy or self.task is None:
            return  # whoever reads will see it
        if events & BROKEN:
            self.task.cancel()
        else:
            self.task.hurry(HALF_CLOSED_PATIENCE)


class Heir(Protocol):
    """Who goes on with a client."""

    def take(self, client: Client) -> None:
        """Take over its connection."""

    async def take_endless(self, client: Client, channel: Channel, entry: HandedEndless) -> None:
        """Take over a tunnel or an event stream, of the worker behind `channel`."""


class Gateway:
    """The shared state. `leaving`: every answer from now on is its connection's last."""

    def __init__(
        self,
        reactor: Reactor,
        log: AccessLog,
        idle: Callable[[str], None],
        silent: Callable[[tuple[str, ...]], None],
        seed: int = 0,
    ) -> None:
        self.reactor = reactor
        self.log = log
        self.destroyed = DestroyedSockets(reactor)
        self.meters = Meters()
        self.upstreams = Upstreams(
            reactor, idle, silent, seed, self._breaker_moved, self._queued, self.meters
        )
        self.clients: set[Client] = set()
        self.requests = 0
        self.tell: Callable[[Message], None] = _nobody
        """Gives a message to the daemon."""
        self.losses: Counter[str] = Counter()
        """How many requests each upstream took along that broke off."""
        self.keyring = Keyring(reactor, lambda message: self.tell(message))  # noqa: PLW0108 - set later
        self.aside = Aside(reactor)
        self.audit: Any = None
        """Where accesses are recorded: a Spool of proxy.audit."""
        self.tracer: Any = None
        """Where spans are collected: a Tracer of proxy.spans."""
        self.rates: Rates | None = None
        """The table of rate limits, once one is needed."""
        self.in_flight: Counter[tuple[str, str | bytes]] = Counter()
        """Exchanges by scope and client, where that is limited."""
        self.leaving = False
        self.heir: Heir | None = None
        """Who takes the clients that are between two requests, when this proxy leaves."""
        self._empty = trio.Event()
        self.make_way: Callable[[Route], Way] = Way
        """Builds what the requests of a route go through."""
        self._router = Router(())
        self._guarded = False
        self._ways: dict[Route, Way] = {}
        self._date = b""
        self._date_until = 0.0

    def apply(self, table: Table) -> list[str]:
        """Bring a table into force; return the draining upstreams that have nothing in flight."""
        self.keyring.apply(table.credentials)
        self.log.follow(table.access_log)
        if self.tracer is not None:
            self.tracer.follow(table.recording)
        known = self._ways
        self.meters.retain(table)
        self._ways = {each: known.get(each) or self.make_way(each) for each in table.routes}
        for route, way in self._ways.items():
            way.meter = self.meters.route(route)
        self._router = Router(self._ways.items())
        self._guarded = any(map(is_guarded, table.routes))
        for route, way in known.items():
            if way.end is not None and route not in self._ways:
                way.end()
        idle = self.upstreams.apply(table)
        self._rouse(table)
        living = {upstream.id for upstream in self.upstreams.all()}
        self.losses = Counter({each: n for each, n in self.losses.items() if each in living})
        return idle

    def way(self, listener: str, host: bytes, path: str, head: RequestHead | None = None) -> Way:
        """Return the way of a request; over TCP there is no head. Raises Refused (400, 404)."""
        way: Way | None = self._router.match(listener, host, path, head)
        if way is None:
            raise Refused(404, "no route leads anywhere for this host and path")
        if self._guarded:
            for reading in other_readings(path):
                self._check_reading(way, self._router.match(listener, host, reading, head))
        return way

    def _check_reading(self, way: Way, other: Way | None) -> None:
        """Return if nobody who reads the path like that serves what is guarded. Raises Refused."""
        if other is None or other is way or not is_guarded(other.route):
            return
        if not guards_alike(way.route, other.route):
            raise Refused(400, "the path can be read in two ways, and one is guarded")

    def group(self, route: Route) -> Group:
        """Return the group that the requests of a route go to now. Raises Refused (503)."""
        group = self.upstreams.group(route.service)
        if group is not None and (group.serves or route.backup is None):
            return group
        backup = self.upstreams.group(route.backup) if route.backup else None
        if backup is not None and backup.serves:
            return backup
        if group is None:
            raise Refused(503, f"service {route.service} is not known here")
        return group

    def leads_away(self, route: Route, group: Group) -> bool:
        """Say whether the requests of a route go to another group than this one now."""
        return self.group(route) is not group

    def limit_together(self, table: Rates) -> None:
        """Count for rate limits in this table, as all proxies do."""
        if self.rates is not None and self.rates.secret == table.secret:
            table.close()  # a new daemon has told it again
            return
        if self.rates is not None:
            self.rates.close()
        self.rates = table

    def limit_alone(self) -> Rates:
        """Count for rate limits in a table of its own: nobody has said where else. Raises OSError.

        That is so until a daemon of the present version tells it.
        """
        self.rates = Rates(rates.create())
        return self.rates

    def _rouse(self, table: Table) -> None:
        """Wake those who wait for a service that is down while its backup is up."""
        for route in table.routes:
            group = self.upstreams.group(route.service) if route.backup is not None else None
            if group is not None and group.waiting and self.leads_away(route, group):
                group.rouse()

    def _breaker_moved(self, upstream: str, state: BreakerState, reason: str) -> None:
        self.tell(BreakerMoved(upstream, state, reason))

    def _queued(self, services: tuple[str, ...]) -> None:
        self.tell(Queued(services))

    def forget(self, client: Client) -> None:
        """Note that a client's connection is closed."""
        self.clients.discard(client)
        client.door.leave(client.ip)
        client.task = None  # a circle less for the garbage collector
        if not self.clients:
            self._empty.set()

    async def empty(self) -> None:
        """Wait until no client is connected."""
        while self.clients:
            self._empty = trio.Event()
            await self._empty.wait()

    def date(self) -> bytes:
        """Return a whole Date line, made once a second."""
        if self.reactor.now >= self._date_until:
            now = time.time()
            self._date = date_field(now)
            self._date_until = self.reactor.now + 1 - now % 1
        return self._date


def _nobody(_: Message) -> None:
    """Tell nobody."""
