"""A circuit breaker: a worker that fails or is slow gets no requests for a while, then a few.

    CLOSED --too many bad answers--> OPEN --its time is over--> HALF_OPEN --all good--> CLOSED
                                      ^                             |
                                      +-----------one bad-----------+

Each move ends an epoch. What was let through in an earlier one says nothing any more: were the
requests that a worker had in flight when it was opened to count, they would hold it open.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from webqx_supervisor.core.window import Window
from webqx_supervisor.model import resilience
from webqx_supervisor.model.resilience import BreakerState

UNCOUNTED = -1
"""The ticket of a request whose outcome says nothing."""
JITTER = 0.5
"""What chance adds to the time that a breaker is open, at most, as a part of it."""

_CLOSED, _OPEN, _HALF_OPEN = 0, 1, 2
_STATES = (BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN)


class Breaker:
    """The breaker of one worker. `chance` draws numbers from 0 up, below 1.

    Whoever sends a request enters it, and with its ticket settles it or, when nothing became of
    it, forgets it; exactly one of both, once.
    """

    __slots__ = (
        "_chance",
        "_closed_at",
        "_epoch",
        "_good",
        "_permits",
        "_policy",
        "_rest",
        "_state",
        "_window",
        "badness",
        "ejected",
        "reason",
        "until",
    )

    def __init__(self, policy: resilience.Breaker, chance: Callable[[], float]) -> None:
        self.badness = 0.0
        """The part of its answers that were bad when it was last opened."""
        self.ejected = False
        """It is to get no further request now."""
        self.reason = ""
        """Why it is in this state."""
        self.until = 0.0
        """When it may be tried again, while it is open."""
        self._chance = chance
        self._closed_at = 0.0
        self._epoch = 0
        self._good = 0
        self._permits = 0
        self._policy = policy
        self._rest = 0.0
        self._state = _CLOSED
        self._window = Window(policy.window)

    @property
    def state(self) -> BreakerState:
        """The state now."""
        return _STATES[self._state]

    def enter(self) -> int:
        """Let a request through; return its ticket.

        Whoever sends one to an ejected worker, for want of a better one, learns nothing by it.
        """
        if self._state == _CLOSED:
            return self._epoch
        if not self._permits:
            return UNCOUNTED
        self._permits -= 1
        self.ejected = not self._permits
        return self._epoch

    def settle(self, ticket: int, now: float, failed: bool, slow: bool) -> bool:
        """Take in how a request went; say whether that moved the breaker."""
        if ticket != self._epoch:
            return False
        if self._state == _HALF_OPEN:
            return self._judge_trial(now, failed, slow)
        window = self._window
        window.add(now, 1, failed, slow)
        return (window.first > 0 or window.second > 0) and self._judge(now)

    def broke(self, ticket: int, now: float) -> bool:
        """Take in that an answer that was settled as a good one broke off; say the same."""
        if ticket != self._epoch:
            return False
        if self._state == _HALF_OPEN:
            return self._judge_trial(now, True, False)
        self._window.add(now, 0, 1, 0)
        return self._judge(now)

    def forget(self, ticket: int) -> bool:
        """Take in that nothing can be said of a request; say whether another may try instead."""
        if ticket != self._epoch or self._state != _HALF_OPEN:
            return False
        self._permits += 1
        self.ejected = False
        return True

    def try_again(self, now: float) -> bool:
        """Begin the trial if it is time for it; say whether that moved the breaker."""
        if self._state != _OPEN or now < self.until:
            return False
        self._go(_HALF_OPEN, f"{self._policy.trial} requests are let through")
        self._permits, self._good, self.ejected = self._policy.trial, 0, False
        return True

    def _judge(self, now: float) -> bool:
        policy, window = self._policy, self._window
        if window.total < policy.minimum:
            return False
        if window.first and window.first >= policy.failure_rate * window.total:
            return self._open(now, window.first, "failed")
        if window.second and window.second >= policy.slow_rate * window.total:
            return self._open(now, window.second, "were slow")
        return False

    def _judge_trial(self, now: float, failed: bool, slow: bool) -> bool:
        if failed or slow:
            self._rest_for(now, "a request of the trial " + ("failed" if failed else "was slow"))
            return True
        self._good += 1
        if self._good < self._policy.trial:
            return False
        self._go(_CLOSED, f"{self._good} requests of the trial were answered well")
        self._closed_at = now
        self._window.clear()
        self.ejected = False
        return True

    def _open(self, now: float, bad: int, what: str) -> bool:
        total = self._window.total
        # A worker that was well again for as long as it had rested begins anew.
        if now - self._closed_at > self._rest:
            self._rest = 0.0
        self.badness = min(1.0, bad / total)
        seconds = self._policy.window
        self._rest_for(now, f"{min(bad, total)} of {total} requests {what} within {seconds:g} s")
        return True

    def _rest_for(self, now: float, reason: str) -> None:
        policy = self._policy
        longest = max(policy.open_for, policy.longest_open)
        self._rest = min(max(2 * self._rest, policy.open_for), longest)
        rest = self._rest * (1 + JITTER * self._chance())
        self.until = now + rest
        self._go(_OPEN, f"{reason}; tried again after {rest:.1f} s")
        self._permits, self.ejected = 0, True

    def _go(self, state: int, reason: str) -> None:
        self._state = state
        self._epoch += 1
        self.reason = reason


class Judged(Protocol):
    """Whoever has a breaker, or None has."""

    @property
    def ejected(self) -> bool:
        """Whether it is to get no request now."""

    @property
    def badness(self) -> float:
        """How bad it was, from 0 to 1, if it is ejected."""


J = TypeVar("J", bound=Judged)


def admitted(everyone: Sequence[J], most_ejected: float) -> list[J]:
    """Return those that may get requests: all but the ejected, of whom the least bad come back.

    At most so large a part stays out, and never all: what one fault makes all of them answer
    badly must not leave the requests nowhere to go.
    """
    out = [each for each in everyone if each.ejected]
    allowed = min(int(most_ejected * len(everyone)), len(everyone) - 1)
    excess = len(out) - allowed
    if excess <= 0:
        return [each for each in everyone if not each.ejected]
    back = sorted(out, key=lambda each: each.badness)[:excess]
    return [each for each in everyone if not each.ejected or each in back]
