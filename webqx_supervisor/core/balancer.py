"""Who is next: the one that has waited longest for its turn.

A position in a list loses its meaning when the list changes between two picks, and it changes
with every reload and every retry. Turns do not: while the list stays, this is round robin to
the letter, and when it changes, nobody is passed over for long.
"""

from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)

REMEMBERED = 64


class RoundRobin(Generic[T]):
    """Deals turns among whatever is available at each pick."""

    def __init__(self) -> None:
        self._turns: dict[T, int] = {}
        self._now = 0
        self._newcomer = 0

    def pick(self, available: Sequence[T]) -> T | None:
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
