"""Octets both ways, meaning unknown: after an upgrade, and for listeners that speak TCP."""

import sys
from collections.abc import Callable

from webqx_supervisor.net.channel import Channel, Stalled
from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.net.relay import relay

_ENDLESS = sys.maxsize


class Tunnel:
    """Joins a client and an upstream. The end of one direction is passed on as just that."""

    def __init__(
        self, reactor: Reactor, client: Channel, upstream: Channel, seconds: float
    ) -> None:
        self.sent = 0
        """Octets carried to the client."""
        self._client = client
        self._moved_at = reactor.now
        self._reactor = reactor
        self._seconds = seconds
        self._upstream = upstream

    async def run(self) -> None:
        """Carry until both directions have ended.

        Raises Broken when one end breaks, Stalled when both are silent for too long.
        """
        reactor = self._reactor
        answers = self._carry(self._upstream, self._client, self._saw_answer)
        task = reactor.spawn(answers, parent=reactor.current)
        try:
            await self._carry(self._client, self._upstream, self._saw_question)
            await task.join()
        finally:
            task.cancel()

    async def _carry(self, source: Channel, sink: Channel, moved: Callable[[int], None]) -> None:
        while True:
            left = self._moved_at + self._seconds - self._reactor.now
            try:
                await relay(source, sink, _ENDLESS, (left, self._seconds), moved)
            except Stalled as stalled:
                # One silent direction is no silence; a sink that refuses has lost octets already.
                silent_for = self._reactor.now - self._moved_at
                if stalled.channel is sink or silent_for >= self._seconds:
                    raise
            else:
                sink.shutdown_write()
                return

    def _saw_question(self, _count: int) -> None:
        self._moved_at = self._reactor.now

    def _saw_answer(self, count: int) -> None:
        self._moved_at = self._reactor.now
        self.sent += count
