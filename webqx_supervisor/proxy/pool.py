"""Idle connections to one upstream: the last one used is the next one used.

A worker closes its idle connections after a time of its own (Node: 5 s); a request sent at that
moment is lost. So an idle connection is closed here first, or at the least sign of life from the
other end, and where its loss could not be proven it is lent only while fresh.
"""

from webqx_supervisor.model.gateway import Forwarding
from webqx_supervisor.net.channel import Channel
from webqx_supervisor.net.poller import ENDED, READ
from webqx_supervisor.net.reactor import Reactor, Task

FRESH = 1.0
"""s for which an idle connection is trusted with a request whose loss would be for good."""

_DEFAULTS = Forwarding()


class Pool:
    """Not for more than one upstream; its channels belong to nobody else while they are here."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._idle: dict[Channel, float] = {}  # insertion order is age: the newest is last
        self._keepalive = _DEFAULTS.keepalive
        self._max_idle = _DEFAULTS.max_idle
        self._sweeper: Task | None = None
        self._on_edge = self._disturbed  # bound once, not for every connection that comes back

    def __len__(self) -> int:
        return len(self._idle)

    def apply(self, forwarding: Forwarding) -> None:
        """Take over how long, and how many, connections are kept; others than before begin anew."""
        if (self._keepalive, self._max_idle) == (forwarding.keepalive, forwarding.max_idle):
            return
        self._keepalive, self._max_idle = forwarding.keepalive, forwarding.max_idle
        self.clear()
        if self._sweeper is not None:  # it sleeps for the old time
            self._sweeper.cancel()
            self._sweeper = None

    def take(self, repeatable: bool, provable: bool = False) -> Channel | None:
        """Return the youngest connection that is good for the request, or None.

        `repeatable`: it may be sent again whatever became of it. `provable`: it may be if the
        worker has read nothing, and that would be found out.
        """
        if not self._idle:
            return None
        channel, since = self._idle.popitem()
        channel.unhook()
        if repeatable:
            return channel  # should it turn out closed, the request goes out once more
        if (provable or self._reactor.now - since < FRESH) and channel.is_quiet():
            return channel
        channel.close()  # the others are older
        return None

    def put(self, channel: Channel) -> None:
        """Keep a connection whose last answer has ended and which nobody uses; drop the oldest.

        Not one that has more to say: it would be taken for the answer to the next request.
        """
        # Without a sign of more there will be an edge; after one, there may be none.
        if channel.readable and not channel.is_quiet():
            channel.close()
            return
        self._idle[channel] = self._reactor.now
        channel.hook(READ | ENDED, self._on_edge)
        if len(self._idle) > self._max_idle:
            self._close_oldest()
        if self._sweeper is None:
            self._sweeper = self._reactor.spawn(self._sweep())

    def clear(self) -> None:
        """Close all."""
        while self._idle:
            self._idle.popitem()[0].close()

    def _disturbed(self, channel: Channel, _events: int) -> None:
        # An edge of the last answer may arrive late; only what it left behind counts.
        if not channel.is_quiet():
            del self._idle[channel]
            channel.close()

    async def _sweep(self) -> None:
        while self._idle:
            until = next(iter(self._idle.values())) + self._keepalive
            if self._reactor.now < until:
                await self._reactor.sleep(until - self._reactor.now)
            else:
                self._close_oldest()
        self._sweeper = None

    def _close_oldest(self) -> None:
        oldest = next(iter(self._idle))
        del self._idle[oldest]
        oldest.close()
