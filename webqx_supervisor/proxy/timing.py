"""Where the time of one request goes, as Server-Timing tells it."""


class Timing:
    """Counts from `now` on, the reactor's time in s; what several attempts took is added up."""

    __slots__ = ("_at", "_connect", "_queue", "_worker")

    def __init__(self, now: float) -> None:
        self._at = now
        self._queue = 0.0
        self._connect = 0.0
        self._worker = 0.0

    def claimed(self, now: float) -> None:
        """Note that a worker takes the request; what a worker before it took counts as waiting."""
        self._queue += now - self._at
        self._at = now

    def connected(self, now: float) -> None:
        """Note that there is a new connection to it."""
        self._connect += now - self._at
        self._at = now

    def line(self, now: float) -> bytes:
        """Return the whole field line when an answer is there: milliseconds."""
        return b"Server-Timing: queue;dur=%.1f, connect;dur=%.1f, worker;dur=%.1f\r\n" % (
            self._queue * 1000,
            self._connect * 1000,
            (now - self._at) * 1000,
        )
