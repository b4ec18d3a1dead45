"""Let a worker finish what is in flight before it gets its stop signal."""

import trio

from webqx_supervisor.daemon.launch import Resources
from webqx_supervisor.daemon.race import either
from webqx_supervisor.model.gateway import UpstreamState
from webqx_supervisor.process.spawn import Process

ENDING_TIME = 4.0
"""s in which the proxies end WebSockets and event streams when the drain deadline has passed."""


class Drain:
    """The drain of one worker; `replaced`: others take over from it."""

    def __init__(self, resources: Resources) -> None:
        self.replaced = True
        self._overdue = False
        self._resources = resources

    @property
    def state(self) -> UpstreamState:
        """How the proxies are to treat what they still have there."""
        if not self.replaced:
            return UpstreamState.CLOSING
        return UpstreamState.ENDING if self._overdue else UpstreamState.DRAINING

    async def until_idle(self, upstream: str, process: Process, deadline: float) -> None:
        """Wait until nothing is in flight, or it has died, or `deadline` s have passed.

        At the deadline the proxies end what has no end of its own; that gets a moment more.
        """

        async def idle() -> None:
            with trio.move_on_after(deadline) as drain:
                await self._resources.idle(upstream)
            if drain.cancelled_caught and self.replaced:
                self._overdue = True
                self._resources.registry.changed()
                with trio.move_on_after(ENDING_TIME):
                    await self._resources.idle(upstream)

        await either(idle, process.wait)
