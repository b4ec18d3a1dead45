"""After an exit: start again or not, and when. A crash loop costs ever less, and never forever.

Two brakes, both of them for the whole life of a worker: a pause that doubles with every exit
that no healthy time came before, and a limit on the exits within a sliding window. A worker
that was given up is on parole: it is tried once in a long while, and the full set of attempts
is back only after it has been up for a healthy time or was started by hand.
"""

from collections import deque
from dataclasses import dataclass

from webqx_supervisor.model.exits import Exit
from webqx_supervisor.model.service import Again, RestartPolicy


@dataclass(frozen=True, slots=True)
class Restart:
    """Start it again `after` this many seconds."""

    after: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It is FATAL for the `reason`; try it once more after `retry_after` seconds."""

    reason: str
    retry_after: float


@dataclass(frozen=True, slots=True)
class Finish:
    """It is EXITED and rests until it is started by hand; `well`: with success."""

    well: bool


def finish(policy: RestartPolicy, ended: Exit, *, forced: bool) -> Finish | None:
    """Return Finish when an exit like this is the last one; None: it is started again.

    `forced` is one that the daemon had to end (it hung, it was never ready): whatever it exits
    with then, it has failed. So has one that a signal killed, or whose status nobody could tell.
    """
    code = None if forced else ended.code
    well = code in policy.success_codes
    if code is not None and code in policy.never_codes:
        return Finish(well)
    if policy.policy is Again.NEVER or (policy.policy is Again.ON_FAILURE and well):
        return Finish(well)
    return None


class Restarts:
    """The exits of one worker, as far as the next decision needs them.

    `streak` counts the exits since the last healthy time, the one that ended it included.
    """

    def __init__(self, policy: RestartPolicy) -> None:
        self.streak = 0
        self._policy = policy
        self._delay = 0.0
        self._on_parole = False
        # Full, and its oldest within the window: that is exactly one exit too many.
        self._exits: deque[float] = deque(maxlen=policy.limit + 1)

    def exited(self, now: float, uptime: float, jitter: float) -> Restart | GiveUp:
        """Take in an exit at `now` after `uptime` seconds; `jitter` is a random number in [0, 1).

        The pause lies between half of the backoff and all of it, so that the workers that one
        cause has killed do not come back in one wave.
        """
        policy = self._policy
        self._exits.append(now)
        if uptime >= policy.healthy_after:
            self.streak, self._delay, self._on_parole = 0, 0.0, False
        self.streak += 1
        if self._too_many(now):
            self._on_parole = True
            reason = f"ended {len(self._exits)} times within {policy.window:g} s"
            return GiveUp(reason, policy.retry_fatal)
        if self._on_parole:
            return GiveUp(f"ended again, after {uptime:.1f} s", policy.retry_fatal)
        delay = self._delay
        self._delay = min(max(delay * 2, policy.first_delay), policy.longest_delay)
        return Restart(delay * (1 + jitter) / 2)

    def started_by_hand(self) -> None:
        """Forget every exit: a person knows more than the past does."""
        self.streak, self._delay, self._on_parole = 0, 0.0, False
        self._exits.clear()

    def _too_many(self, now: float) -> bool:
        exits = self._exits
        return len(exits) == exits.maxlen and now - exits[0] < self._policy.window
