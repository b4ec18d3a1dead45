"""How many workers a service is to have, by what was seen of its load.

The load is counted in workers: what is in flight and waits, divided by the target of one, or the
CPU used divided by that target, whichever is more. From others' long use are taken:

- Knative's autoscaler (https://knative.dev/docs/serving/autoscaling/kpa-specific): concurrency,
  with what waits counted in, as the measure; a short window for growing beside a long one for
  shrinking; no shrinking while the long window holds a reason for more; the last worker leaves
  only when no request at all has come for a time, and the first request brings it back.
- Kubernetes' HPA (https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/): a
  tolerance of 10 % within which nothing happens; the highest recommendation of a stabilization
  window decides how far down it may go; of several targets the one that asks for most; workers
  that are not ready yet have no CPU figure.

What is added: how long a request has waited. It is known exactly here, so a queue is reason enough
to grow at once, by one worker where the targets alone ask for none.
"""

import math
from collections import deque
from dataclasses import dataclass

from webqx_supervisor.model.autoscale import Autoscale

TOLERANCE = 0.1
"""The load may be more than the workers' targets by this part before others come."""
WINDOW = 3.0
"""s over which the load is averaged, so that a short burst brings no worker."""
PATIENCE = 0.1
"""s for which the oldest request may wait before that alone brings a worker."""

WORKS = 0.1
"""Who uses this part of `target_cpu` has something to do, although there is no request."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen of a service at one moment: its `present` workers are the wanted ones."""

    present: int
    ready: int
    in_flight: int = 0
    queued: int = 0
    waited: float = 0.0
    """s for which the oldest of those in the queue has waited."""
    cpu: float = 0.0
    """Cores used since the observation before, by workers that were ready by then."""
    active: bool = False
    """A request was there, or has been since the observation before."""
    failing: bool = False
    """A worker does not come up: more of them would not either."""


@dataclass(frozen=True, slots=True)
class Decision:
    """How many workers there are to be, and why that is another number than before."""

    to: int
    why: str = ""


class Autoscaler:
    """Decides for one service; `now` only ever grows from call to call."""

    def __init__(self, policy: Autoscale, now: float) -> None:
        self.policy = policy
        self._latest = (now, 0.0)
        self._loads: deque[tuple[float, float, float]] = deque()
        """(from, to, load) of the window, oldest first."""
        self._asked: deque[tuple[float, int]] = deque()
        """(time, workers asked for), ever fewer: the first is the most of the cooldown."""
        self._in_flight: deque[tuple[float, int]] = deque()
        """(time, requests) in the same manner."""
        self._since = now
        self._active_at = now

    def begin_anew(self, now: float) -> None:
        """Forget what was asked for: somebody else has decided, and that holds for a cooldown."""
        self._asked.clear()
        self._in_flight.clear()
        self._since = now
        self._active_at = now

    def decide(self, seen: Observation, now: float) -> Decision:
        """Take in what was seen, and say how many workers there are to be."""
        policy, present = self.policy, seen.present
        before, load = self._latest[1], self._load(seen)
        self._note(load, now)
        average = self._average(now)
        wanted = self._grow(seen, average, min(before, load), load)
        # What is over counts no more, although the average still falls: all leave at once.
        asked = _ceil(min(average, max(before, load)))
        self._ask(max(asked, wanted if wanted > present else 0), seen, now)
        works = policy.target_cpu and seen.cpu >= policy.target_cpu * WORKS
        if seen.active or seen.in_flight or seen.queued or works:
            self._active_at = now
        if present < policy.min:
            return Decision(policy.min, f"min is {policy.min}")
        if present > policy.max:
            return Decision(policy.max, f"max is {policy.max}")
        wanted = min(wanted, policy.max)
        if wanted > present:
            return Decision(wanted, self._load_text(seen))
        return self._shrink(seen, now) if present else Decision(0)

    def _grow(self, seen: Observation, average: float, lasting: float, load: float) -> int:
        """Return how many workers the load asks for, but never less than there are.

        `lasting` is what this observation and the one before it have in common.
        """
        to = seen.present
        if not to:
            return max(1, _ceil(load)) if seen.queued else 0
        if seen.failing or not seen.ready:  # what piles up while all are down is no load
            return to
        if average > to * (1 + TOLERANCE):
            to = max(to, _ceil(lasting))
        if _is_crowded(seen):
            to = max(to, _ceil(load), seen.present + 1 if seen.ready >= seen.present else 0)
        return to

    def _shrink(self, seen: Observation, now: float) -> Decision:
        policy, present = self.policy, seen.present
        at_rest = now - self._active_at >= policy.idle and not seen.failing
        if policy.min == 0 and at_rest:
            return Decision(0, f"no request for {_span(policy.idle)}")
        if now - self._since < policy.cooldown:
            return Decision(present)
        to = max(self._asked[0][1], policy.min, 1)
        if to >= present:
            return Decision(present)
        return Decision(to, self._rest_text())

    def _load(self, seen: Observation) -> float:
        """Return the load in workers."""
        policy, load = self.policy, 0.0
        if policy.target_in_flight:
            load = (seen.in_flight + seen.queued) / policy.target_in_flight
        if policy.target_cpu:
            load = max(load, seen.cpu / policy.target_cpu)
        return load

    def _note(self, load: float, now: float) -> None:
        """Take in a load; what was seen before held until now."""
        since, before = self._latest
        if now > since:
            self._loads.append((since, now, before))
        self._latest = (now, load)
        while self._loads and self._loads[0][1] <= now - WINDOW:
            self._loads.popleft()

    def _average(self, now: float) -> float:
        begin = now - WINDOW
        return sum(load * (to - max(since, begin)) for since, to, load in self._loads) / WINDOW

    def _ask(self, workers: int, seen: Observation, now: float) -> None:
        begin = now - self.policy.cooldown
        _keep_most(self._asked, workers, now, begin)
        _keep_most(self._in_flight, seen.in_flight + seen.queued, now, begin)

    def _load_text(self, seen: Observation) -> str:
        policy, parts = self.policy, []
        if not seen.present:
            return "a request waits" if seen.queued == 1 else f"{seen.queued} requests wait"
        if _is_crowded(seen):
            parts.append(f"{seen.queued} waiting, the first for {seen.waited:.1f} s")
        if policy.target_in_flight:
            parts.append(f"{seen.in_flight} in flight, target {policy.target_in_flight} each")
        if policy.target_cpu:
            parts.append(f"{_percent(seen.cpu)} CPU, target {_percent(policy.target_cpu)} each")
        return "; ".join(parts)

    def _rest_text(self) -> str:
        policy, parts = self.policy, []
        if policy.target_in_flight:
            most = self._in_flight[0][1]
            parts.append(f"at most {most} in flight, target {policy.target_in_flight} each")
        if policy.target_cpu:
            parts.append(f"CPU below the target of {_percent(policy.target_cpu)} each")
        return f"for {_span(policy.cooldown)} {' and '.join(parts) or 'nothing asked for more'}"


def _is_crowded(seen: Observation) -> bool:
    return seen.queued > 0 and seen.waited >= PATIENCE


def _keep_most(most: deque[tuple[float, int]], value: int, now: float, begin: float) -> None:
    """Add a value to a window that goes back to `begin`; its first is always the highest."""
    while most and most[-1][1] <= value:
        most.pop()
    most.append((now, value))
    while most[0][0] < begin:
        most.popleft()


def _ceil(load: float) -> int:
    """Round up, but not for what is lost or won in the last digits of a sum."""
    return math.ceil(round(load, 6))


def _percent(cores: float) -> str:
    return f"{cores * 100:.0f}%"


def _span(seconds: float) -> str:
    return f"{seconds / 60:g}m" if seconds >= 60 else f"{seconds:g}s"
