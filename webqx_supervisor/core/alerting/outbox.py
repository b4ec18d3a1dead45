"""When a receiver is told: together what comes together, not too often, again what failed."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from webqx_supervisor.core.alerting.alarms import Notice

HOUR = 3600.0
FIRST_RETRY, LONGEST_RETRY = 5.0, 600.0
"""s after a first failure, and at most; doubled from one to the next."""
KEPT = 200
"""So many notices wait; of more, the oldest are dropped and counted."""


@dataclass
class Outbox:
    """What waits for one receiver. Times on one clock of the caller's, in s."""

    together: float
    most: int
    waiting: list[Notice] = field(default_factory=list)
    dropped: int = 0
    _due: float = 0.0
    _failures: int = 0
    _sent: list[float] = field(default_factory=list)

    def put(self, notices: Iterable[Notice], now: float) -> None:
        """Take in what is to be told."""
        if not self.waiting:
            self._due = max(self._due, now + self.together)
        self.waiting += notices
        over = len(self.waiting) - KEPT
        if over > 0:
            del self.waiting[:over]
            self.dropped += over

    @property
    def due(self) -> float | None:
        """When the next message goes out; None while nothing waits."""
        if not self.waiting:
            return None
        if self.most and len(self._sent) >= self.most:
            return max(self._due, self._sent[-self.most] + HOUR)
        return self._due

    def sent(self, count: int, now: float) -> None:
        """Take in that the first `count` that waited have been told."""
        del self.waiting[:count]
        self.dropped = self._failures = 0
        self._sent = [at for at in self._sent if at > now - HOUR] + [now]
        self._due = now + self.together

    def failed(self, now: float, jitter: float) -> float:
        """Take in that it could not be told; return after how many s it is tried again.

        `jitter` from 0 to 1 lengthens the pause by up to a half.
        """
        pause = min(FIRST_RETRY * 2.0**self._failures, LONGEST_RETRY) * (1 + jitter / 2)
        self._failures += 1
        self._due = now + pause
        return pause
