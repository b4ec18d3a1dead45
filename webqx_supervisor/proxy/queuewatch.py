"""Which services have requests that wait, told to the daemon, which can bring a worker for them.

What goes to a worker at once costs nothing here. A service that sleeps is told of at once, any
other only when its oldest request has waited for a moment: most queues are gone by then.
"""

from collections.abc import Callable, Sized
from typing import Protocol

from webqx_supervisor.net.reactor import Reactor

MOMENT = 0.1
"""s that a request must have waited; what core.autoscale takes for reason enough."""
AGAIN = 0.5
"""s after which what was told is told again."""


class Queue(Protocol):
    """What is asked of a group."""

    service: str
    asleep: bool

    @property
    def waiting(self) -> Sized:
        """Return those who wait."""

    def waited(self) -> float:
        """Return for how long its oldest request has waited, in s."""


class QueueWatch:
    """Tells the names of the services in question, as long as anything waits for them."""

    def __init__(self, reactor: Reactor, tell: Callable[[tuple[str, ...]], None]) -> None:
        self._reactor = reactor
        self._tell = tell
        self._queues: dict[str, Queue] = {}
        self._told_at: dict[str, float] = {}
        self._awake = False

    def watch(self, queue: Queue) -> None:
        """Watch the queue of a service until nothing waits in it."""
        self._queues[queue.service] = queue
        if queue.asleep and queue.service not in self._told_at:
            self._say([queue.service])
        if not self._awake:
            self._awake = True
            self._reactor.spawn(self._run())

    async def _run(self) -> None:
        while self._queues:
            await self._reactor.sleep(MOMENT)
            self._look()
        self._awake = False

    def _look(self) -> None:
        now, due = self._reactor.now, []
        for name, queue in list(self._queues.items()):
            if not len(queue.waiting):
                del self._queues[name]
                self._told_at.pop(name, None)
            elif (queue.asleep or queue.waited() >= MOMENT) and (
                now - self._told_at.get(name, 0.0) >= AGAIN
            ):
                due.append(name)
        if due:
            self._say(due)

    def _say(self, names: list[str]) -> None:
        for name in names:
            self._told_at[name] = self._reactor.now
        self._tell(tuple(names))
