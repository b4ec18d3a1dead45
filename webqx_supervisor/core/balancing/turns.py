"""Who is next: the one that has waited longest for its turn.

A position in a list loses its meaning when the list changes between two picks, and it changes
with every reload and every retry. Turns do not: while the list stays, this is round robin to
the letter, and when it changes, nobody is passed over for long.
"""

from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

from webqx_supervisor.core.balancing.candidate import C, share

T = TypeVar("T", bound=Hashable)

REMEMBERED = 64


class RoundRobin:
    """Deals equal turns among whatever is available at each pick."""

    __slots__ = ("_newcomer", "_now", "_turns")

    def __init__(self) -> None:
        self._turns: dict[Hashable, int] = {}
        self._now = 0
        self._newcomer = 0

    def pick(self, available: Sequence[T], now: float = 0.0, key: bytes = b"") -> T | None:  # noqa: ARG002 - as Policy
        """Return the one whose last turn is the longest ago; None if nothing is available.

        A newcomer goes first; among several the order of `available` decides.
        """
        if not available:
            return None
        turns, newcomer = self._turns, self._newcomer
        chosen, oldest = available[0], turns.get(available[0], newcomer)
        for candidate in available[1:]:
            turn = turns.get(candidate, newcomer)
            if turn < oldest:
                chosen, oldest = candidate, turn
        self._now += 1
        turns[chosen] = self._now
        if len(turns) > len(available) + REMEMBERED:
            self._forget_all_but(available)
        return chosen

    def _forget_all_but(self, available: Sequence[T]) -> None:
        """Keep memory bounded, with workers that come and go for months.

        From here on an unknown one stands behind those that wait already. Were it always first,
        many that come and go could keep one that stays from its turn.
        """
        self._turns = {each: self._turns.get(each, self._newcomer) for each in available}
        self._newcomer = self._now


class WeightedTurns(Generic[C]):
    """Deals turns by weight, evenly spread, also while weights and candidates change.

    Start-time fair queueing (Goyal, Vin and Cheng, 1996): a turn of a candidate lasts 1/weight
    of virtual time, and whose next turn begins first is next. Nobody saves turns up while away.
    """

    def __init__(self, slow_start: float = 0.0) -> None:
        self._slow_start = slow_start
        self._starts: dict[C, float] = {}
        self._time = 0.0

    def pick(self, available: Sequence[C], now: float, key: bytes = b"") -> C | None:  # noqa: ARG002 - as Policy
        """Return the one whose turn begins first; None if nothing is available.

        A newcomer's first turn begins after half of its length, so that turns interleave.
        """
        if not available:
            return None
        chosen, earliest = available[0], float("inf")
        for candidate in available:
            start = self._start(candidate, now)
            if start < earliest:
                chosen, earliest = candidate, start
        self._time = earliest
        self._starts[chosen] = earliest + 1 / share(chosen, now, self._slow_start)
        if len(self._starts) > len(available) + REMEMBERED:
            self._starts = {each: self._start(each, now) for each in available}
        return chosen

    def _start(self, candidate: C, now: float) -> float:
        start = self._starts.get(candidate)
        if start is None:
            start = self._time + 0.5 / share(candidate, now, self._slow_start)
            self._starts[candidate] = start
        return max(start, self._time)
