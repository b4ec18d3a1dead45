"""Rate limits: the generic cell rate algorithm (ITU-T I.371), and what clients are told of it.

All that is kept of a client is when the requests that it has had so far would be over if they came
at the rate: `due`. A request moves it by one interval, and passes if it is then no further ahead
of now than the whole burst takes. So in no time t more than burst + rate * t requests pass, in
whatever order they come. Times are whole ns of one clock that never goes back.
"""

from collections.abc import Iterable

from webqx_supervisor.model.limits import RateLimit

SECOND = 1_000_000_000
MEMORY = 1024
"""Field lines that are kept for each limit; beyond, all are written anew."""

SINGLE = (b"ratelimit-limit", b"ratelimit-remaining", b"ratelimit-reset")
"""Fields, in lower case, that an answer may have once only."""


class Quota:
    """One limit, ready for the question. An interval is rounded up to whole ns, never down."""

    __slots__ = ("_known", "burst", "capacity", "delays", "interval", "label")

    def __init__(self, limit: RateLimit) -> None:
        self.interval = -(-round(limit.period * SECOND) // limit.count)
        self.burst = limit.burst
        self.capacity = limit.burst * self.interval
        self.delays = limit.delay
        self.label = limit.label
        self._known: dict[tuple[int, int], bytes] = {}

    def lacks(self, due: int, now: int) -> int:
        """Return the ns after which one more request passes; 0: it passes now."""
        ahead = due - now if due > now else 0
        over = ahead + self.interval - self.capacity
        return max(0, over)

    def taken(self, due: int, now: int) -> int:
        """Return what `due` is once one more request has passed."""
        return (max(now, due)) + self.interval

    def left(self, due: int, now: int) -> int:
        """Return how many requests would pass now, one behind the other."""
        ahead = due - now if due > now else 0
        free = self.capacity - ahead
        return free // self.interval if free > 0 else 0

    def fields(self, due: int, now: int) -> bytes:
        """Return the lines that say where a client stands.

        `RateLimit` of draft-ietf-httpapi-ratelimit-headers-10, and the three fields that drafts
        up to -06 had in its place, which most clients read. Times are s until all is there again.
        """
        left = self.left(due, now)
        reset = seconds(due - now)
        known = self._known.get((left, reset))
        if known is None:
            if len(self._known) >= MEMORY:
                self._known.clear()
            known = self._known[left, reset] = self._fields(left, reset)
        return known

    def policy(self) -> str:
        """Return the item that stands for the limit in `RateLimit-Policy` (the same draft)."""
        return f"{_quoted(self.label)};q={self.burst};w={seconds(self.capacity)}"

    def _fields(self, left: int, reset: int) -> bytes:
        lines = (
            f"RateLimit: {_quoted(self.label)};r={left};t={reset}\r\n"
            f"RateLimit-Limit: {self.burst}\r\n"
            f"RateLimit-Remaining: {left}\r\n"
            f"RateLimit-Reset: {reset}\r\n"
        )
        return lines.encode()


def policy_line(quotas: Iterable[Quota]) -> bytes:
    """Return the line that names all limits of a route."""
    return f"RateLimit-Policy: {', '.join(quota.policy() for quota in quotas)}\r\n".encode()


def seconds(ns: int) -> int:
    """Return whole s, rounded up; 0 for what is over."""
    return -(-ns // SECOND) if ns > 0 else 0


def _quoted(label: str) -> str:
    """Write a String of structured fields (RFC 9651 section 3.3.3)."""
    escaped = label.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
