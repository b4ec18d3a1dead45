"""When a worker has had its time, and is to be replaced by a fresh one while it still serves.

Every limit is drawn a little shorter for each worker, so that those which started together do not
all come to it together.
"""

SPREAD = 0.1
"""Up to this share of a limit is taken off it."""
LONGEST_DELAY = 10.0
"""s; what the clock asks for is put off no longer."""


class Odometer:
    """How many requests a worker has answered, though each proxy counts from its own start."""

    def __init__(self) -> None:
        self._before = 0
        self._seen = 0

    def read(self, answered: int) -> int:
        """Take in what the proxies of now have counted; return all there were."""
        if answered < self._seen:  # other proxies than the last time
            self._before += self._seen
        self._seen = answered
        return self._before + answered


def drawn(limit: float, luck: float) -> float:
    """Return the limit of one worker; `luck` is a random number in [0, 1)."""
    return limit * (1 - SPREAD * luck)


def delay(tick: float, following: float, luck: float) -> float:
    """Return for how many s a service puts off what is due at `tick`, long before `following`."""
    return min(LONGEST_DELAY, SPREAD * (following - tick)) * luck


def reason(age: float, max_age: float, answered: int, max_requests: float) -> str:
    """Return why a worker's time is over; "" if it is not. A limit of 0 is none."""
    if max_age and age >= max_age:
        return f"is {age:.0f} s old"
    if max_requests and answered >= max_requests:
        return f"has answered {answered} requests"
    return ""
