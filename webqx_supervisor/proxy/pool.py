"""Idle connections to one upstream: the last one used is the next one used.

A worker closes its idle connections after a time of its own (Node: 5 s); a request sent at that
moment is lost without a trace. So an idle connection is closed here first, at the least sign of
life from the other end, and is lent for a request that must not be repeated only while fresh.
"""

from webqx_supervisor.net.channel import Channel
from webqx_supervisor.net.poller import ENDED, READ
from webqx_supervisor.net.reactor import Reactor, Task

IDLE_LIMIT = 4.0
"""s that a connection is kept: a second less than the shortest common time-out of workers."""
FRESH = 1.0
"""s for which an idle connection is trusted with a request that cannot be repeated."""


class Pool:
    """Not for more than one upstream; its channels belong to nobody else while they are here."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._idle: dict[Channel, float] = {}  # insertion order is age: the newest is last
        self._sweeper: Task | None = None

    def __len__(self) -> int:
        return len(self._idle)

    def take(self, *, repeatable: bool) -> Channel | None:
        """Return the youngest connection that is good for the request, or None."""
        if not self._idle:
            return None
        channel, since = self._idle.popitem()
        channel.unhook()
        if repeatable:
            return channel  # should it turn out closed, the request goes out once more
        if self._reactor.now - since < FRESH and channel.is_quiet():
            return channel
        channel.close()  # the others are older
        return None

    def put(self, channel: Channel) -> None:
        """Keep a connection whose last answer has ended and which nobody uses."""
        self._idle[channel] = self._reactor.now

        def disturbed(_events: int) -> None:
            # An edge of the last answer may arrive late; only what it left behind counts.
            if not channel.is_quiet():
                del self._idle[channel]
                channel.close()

        channel.hook(READ | ENDED, disturbed)
        if self._sweeper is None:
            self._sweeper = self._reactor.spawn(self._sweep())

    def clear(self) -> None:
        """Close all."""
        while self._idle:
            self._idle.popitem()[0].close()

    async def _sweep(self) -> None:
        while self._idle:
            oldest, since = next(iter(self._idle.items()))
            if self._reactor.now - since < IDLE_LIMIT:
                await self._reactor.sleep(since + IDLE_LIMIT - self._reactor.now)
            else:
                del self._idle[oldest]
                oldest.close()
        self._sweeper = None
