"""What is seen now: whoever sees a change says so here, whoever must know waits here."""

import logging
import time
from collections import deque
from collections.abc import Callable

import trio

from webqx_supervisor.model.events import Event

log = logging.getLogger(__name__)

REMEMBERED = 1000


class Registry:
    """The events so far, and one alarm that rings at every change of anything."""

    def __init__(
        self, wall_clock: Callable[[], float] = time.time, mask: Callable[[str], str] = str
    ) -> None:
        self.mask = mask
        """What takes secrets out of a text, as is done with all that is told."""
        self._wall_clock = wall_clock
        self._alarm = trio.Event()
        self._told = 0
        self.changes = 0
        """How many changes there have been."""
        self._events: deque[Event] = deque(maxlen=REMEMBERED)

    def changed(self) -> None:
        """Wake everybody who waits for a change."""
        self.changes += 1
        self._alarm.set()
        self._alarm = trio.Event()

    def tell(
        self, kind: str, text: str, *, service: str = "", instance: int = 0, pid: int | None = None
    ) -> None:
        """Record what happened and wake everybody."""
        text = self.mask(text)
        event = Event(self._wall_clock(), kind, text, service, instance, pid)
        self._events.append(event)
        self._told += 1
        where = f"{service}:{instance} " if instance else f"{service} " if service else ""
        log.info("%s%s: %s", where, kind, text)
        self.changed()

    async def until(self, condition: Callable[[], object]) -> None:
        """Return as soon as `condition` holds; it is asked after every change."""
        while not condition():
            await self._alarm.wait()

    async def next_change(self) -> None:
        """Return after the next change of anything."""
        await self._alarm.wait()

    @property
    def told(self) -> int:
        """How many events there have been; the number of the next one."""
        return self._told

    def events(self, since: int = 0) -> list[Event]:
        """Return the remembered events from number `since` on, oldest first."""
        wanted = self._told - since
        return list(self._events)[-wanted:] if wanted > 0 else []
