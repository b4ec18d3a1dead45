"""A paused route: its requests wait for its end, or are told to come again."""

from collections.abc import Awaitable

from webqx_supervisor.model.gateway import Pause
from webqx_supervisor.net.reactor import DeadlinePassed, Reactor, Task
from webqx_supervisor.proxy.exchange import Exchange
from webqx_supervisor.proxy.refusal import Again, Refused

MOST = 1000
"""Requests that wait at each proxy; more are answered at once."""


class PauseFilter:
    """One pause; it is over when the route is replaced by one without, and `end` is called."""

    def __init__(self, reactor: Reactor, pause: Pause) -> None:
        self._reactor = reactor
        self._pause = pause
        self._waiting: set[Task] = set()
        self._over = False

    def ask(self, exchange: Exchange) -> Awaitable[None]:
        """Hold the request or answer it. Raises Again when the pause is over, Refused (503)."""
        if not self._pause.hold or len(self._waiting) >= MOST:
            raise self._refused()
        return self._hold(exchange)

    def end(self) -> None:
        """Let all that wait look for their way again."""
        self._over = True
        for task in self._waiting:
            self._reactor.schedule(task)

    async def _hold(self, exchange: Exchange) -> None:
        task = self._reactor.current
        self._waiting.add(task)
        until = exchange.began + self._pause.hold
        try:
            while not self._over:
                await self._reactor.wait(until - self._reactor.now)
        except DeadlinePassed:
            raise self._refused() from None
        finally:
            self._waiting.discard(task)
        raise Again

    def _refused(self) -> Refused:
        pause = self._pause
        reason = pause.reason or f"{pause.name} is paused"
        return Refused(503, reason, b"Retry-After: %d\r\n" % pause.retry_after)
