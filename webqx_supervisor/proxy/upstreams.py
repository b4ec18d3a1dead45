"""The live table: who is up, what is in flight where, and who waits for a worker."""

from collections.abc import Callable, Sequence

from webqx_supervisor.core.balancer import RoundRobin
from webqx_supervisor.model.gateway import (
    Forwarding,
    Table,
    Upstream,
    UpstreamGroup,
    UpstreamState,
)
from webqx_supervisor.net.channel import Channel
from webqx_supervisor.net.reactor import DeadlinePassed, ParkingLot, Reactor
from webqx_supervisor.proxy.pool import Pool
from webqx_supervisor.proxy.refusal import Refused

REFUSAL_MEMORY = 0.1
"""s for which an upstream that refused a connection gets no other, unless a new table comes."""


class LiveUpstream:
    """One upstream with its figures; `in_flight` counts exchanges claimed and not released."""

    __slots__ = (
        "_closing",
        "_endless",
        "answered",
        "draining",
        "host",
        "id",
        "in_flight",
        "pool",
        "port",
        "refused",
    )

    def __init__(self, reactor: Reactor, upstream: Upstream) -> None:
        self.id = upstream.id
        self.host = upstream.host
        self.port = upstream.port
        self.draining = False
        self.refused = False
        self.in_flight = 0
        self.answered = 0
        self.pool = Pool(reactor)
        self._closing = False
        self._endless: dict[Channel, Channel] = {}

    def __repr__(self) -> str:
        return f"<{self.id} {self.host}:{self.port} in flight {self.in_flight}>"

    def begin_endless(self, channel: Channel, client: Channel) -> None:
        """Note a tunnel or an event stream: it has no end that a drain could wait for."""
        self._endless[channel] = client
        if self._closing:
            self.close_endless()

    def end_endless(self, channel: Channel) -> None:
        """Forget one, if it was one."""
        self._endless.pop(channel, None)

    def close_endless(self) -> None:
        """End them, those to come as well; clients get what was sent, and connect anew."""
        self._closing = True
        ending, self._endless = self._endless, {}
        for channel, client in ending.items():
            client.close()
            channel.close()


class Group:
    """All upstreams of one service, and the requests that wait for one of them."""

    def __init__(self, reactor: Reactor, service: str) -> None:
        self.service = service
        self.forwarding = Forwarding()
        self.up: list[LiveUpstream] = []
        """Those that new exchanges may go to."""
        self.waiting = ParkingLot(reactor)
        self._available: list[LiveUpstream] = []
        self._balancer: RoundRobin[LiveUpstream] = RoundRobin()
        self._expecting = False
        self._reactor = reactor
        self._reason = ""

    def apply(self, group: UpstreamGroup, up: list[LiveUpstream]) -> None:
        """Take over what the table says; whoever waits looks again."""
        self.forwarding = group.forwarding
        self.up = up
        self._expecting = group.expecting
        self._reason = group.reason
        for upstream in up:
            upstream.refused = False
        self._changed()

    async def claim(self, until: float) -> LiveUpstream:
        """Return the upstream whose turn it is, counted in flight; wait for one if none is.

        Raises Refused when none will come, too many wait, or `until` (time of the reactor) passes.
        """
        while True:
            upstream = self._balancer.pick(self._available)
            if upstream is not None:
                upstream.in_flight += 1
                return upstream
            await self._wait(until)

    def refused(self, upstream: LiveUpstream) -> None:
        """Note that nobody accepted there, so that no request tries it again at once."""
        if not upstream.refused:
            upstream.refused = True
            self._changed(wake=False)
            self._reactor.spawn(self._forgive(upstream))

    async def _wait(self, until: float) -> None:
        if not self.up and not self._expecting:
            raise Refused(503, self._reason or f"no worker of {self.service} is up")
        if len(self.waiting) >= self.forwarding.queue_size:
            raise Refused(503, f"too many requests wait for a worker of {self.service}")
        try:
            await self.waiting.park(until - self._reactor.now)
        except DeadlinePassed:
            raise Refused(503, f"no worker of {self.service} came up in time") from None

    async def _forgive(self, upstream: LiveUpstream) -> None:
        await self._reactor.sleep(REFUSAL_MEMORY)
        if upstream.refused:
            upstream.refused = False
            self._changed()

    def _changed(self, *, wake: bool = True) -> None:
        self._available = [upstream for upstream in self.up if not upstream.refused]
        if wake:
            self.waiting.unpark_all()


class Upstreams:
    """All groups. `idle` is called with the id of a draining upstream whose last exchange ended."""

    def __init__(self, reactor: Reactor, idle: Callable[[str], None]) -> None:
        self._reactor = reactor
        self._idle = idle
        self._groups: dict[str, Group] = {}
        self._upstreams: dict[str, LiveUpstream] = {}

    def apply(self, table: Table) -> list[str]:
        """Bring a table into force; return the draining upstreams that have nothing in flight."""
        known, self._upstreams = self._upstreams, {}
        named = {group.service for group in table.groups}
        for service in self._groups.keys() - named:
            # Who waits in it keeps hold of it: tell them.
            gone = UpstreamGroup(service, expecting=False, reason=f"service {service} is gone")
            self._groups.pop(service).apply(gone, [])
        for group in table.groups:
            self._apply_group(group, known)
        for live in known.values():
            if live.id not in self._upstreams:
                live.draining = False  # nobody asks when it becomes idle
                live.pool.clear()
        return [
            live.id for live in self._upstreams.values() if live.draining and not live.in_flight
        ]

    def group(self, service: str) -> Group | None:
        """Return the group of a service, or None."""
        return self._groups.get(service)

    def all(self) -> Sequence[LiveUpstream]:
        """Return every upstream of the table."""
        return tuple(self._upstreams.values())

    def release(self, upstream: LiveUpstream, *, answered: bool) -> None:
        """Give back a claim; exactly once for each."""
        upstream.in_flight -= 1
        upstream.answered += answered
        if upstream.draining and not upstream.in_flight:
            self._idle(upstream.id)

    def keep(self, upstream: LiveUpstream) -> bool:
        """Say whether a connection to it is worth keeping."""
        return not upstream.draining and self._upstreams.get(upstream.id) is upstream

    def _apply_group(self, group: UpstreamGroup, known: dict[str, LiveUpstream]) -> None:
        up = []
        for upstream in group.upstreams:
            live = known.get(upstream.id)
            if live is None:
                live = LiveUpstream(self._reactor, upstream)
            live.draining = upstream.state is not UpstreamState.UP
            if upstream.state is UpstreamState.CLOSING:
                live.close_endless()
            self._upstreams[live.id] = live
            if live.draining:
                live.pool.clear()
            else:
                up.append(live)
        if group.service not in self._groups:
            self._groups[group.service] = Group(self._reactor, group.service)
        self._groups[group.service].apply(group, up)
