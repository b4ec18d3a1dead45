"""Counts of the last seconds: what is older than the window is forgotten, a tenth at a time."""

STEPS = 10


class Window:
    """How many there were within the last `seconds`, and how many of two kinds among them.

    Ten buckets, however much is counted. A time before the latest one counts as that one.
    """

    __slots__ = (
        "_at",
        "_firsts",
        "_seconds",
        "_step",
        "_totals",
        "_width",
        "first",
        "second",
        "total",
    )

    def __init__(self, seconds: float) -> None:
        self.total = 0
        self.first = 0
        self.second = 0
        self._at = 0
        self._step = 0
        self._width = seconds / STEPS
        self._totals = [0] * STEPS
        self._firsts = [0] * STEPS
        self._seconds = [0] * STEPS

    def add(self, now: float, total: int, first: int, second: int) -> None:
        """Count in so many at once."""
        self.advance(now)
        at = self._at
        self._totals[at] += total
        self.total += total
        if first:
            self._firsts[at] += first
            self.first += first
        if second:
            self._seconds[at] += second
            self.second += second

    def advance(self, now: float) -> None:
        """Forget what is too old at `now`."""
        step = int(now / self._width)
        if step <= self._step:
            return
        for _ in range(min(step - self._step, STEPS)):
            self._at = at = (self._at + 1) % STEPS
            self.total -= self._totals[at]
            self.first -= self._firsts[at]
            self.second -= self._seconds[at]
            self._totals[at] = self._firsts[at] = self._seconds[at] = 0
        self._step = step

    def clear(self) -> None:
        """Forget all."""
        self.total = self.first = self.second = 0
        self._totals = [0] * STEPS
        self._firsts = [0] * STEPS
        self._seconds = [0] * STEPS
