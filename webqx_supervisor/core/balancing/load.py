"""Who is next: the one that has the least to do, for its weight."""

from collections.abc import Sequence
from typing import Generic

from webqx_supervisor.core.balancing.candidate import C, Policy, share

_WORD = (1 << 64) - 1


class LeastConnections(Generic[C]):
    """Looks at everyone. Among equals the turns decide, so that an idle service is shared too."""

    def __init__(self, turns: Policy[C], slow_start: float = 0.0) -> None:
        self._turns = turns
        self._slow_start = slow_start

    def pick(self, available: Sequence[C], now: float, key: bytes = b"") -> C | None:
        """Return one of those that have the least in flight; None if nothing is available."""
        least, equals = float("inf"), list[C]()
        for candidate in available:
            load = candidate.load() / share(candidate, now, self._slow_start)
            if load < least:
                least, equals = load, [candidate]
            elif load == least:
                equals.append(candidate)
        return self._turns.pick(equals, now, key)


class TwoChoices(Generic[C]):
    """Draws two and takes the one that has less to do (Mitzenmacher, 2001).

    As good as looking at everyone, at a price that does not grow with their number; and several
    proxies that do not know of each other do not all run to the same idle worker. `seed` makes
    the draws of one proxy unlike those of another. `even`: all weights are 1, for good.
    """

    def __init__(self, seed: int, slow_start: float = 0.0, *, even: bool = True) -> None:
        self._state = seed & _WORD
        self._slow_start = slow_start
        self._even = even and not slow_start

    def pick(self, available: Sequence[C], now: float, key: bytes = b"") -> C | None:  # noqa: ARG002 - as Policy
        """Return the less loaded of two; the first drawn if they are equal."""
        count = len(available)
        if count < 2:
            return available[0] if available else None
        if self._even:
            first = int(self._random() * count)
            # Any but the first one: as many steps on, less than a whole round.
            second = (first + 1 + int(self._random() * (count - 1))) % count
            one, other = available[first], available[second]
            return one if one.load() <= other.load() else other
        shares = [share(candidate, now, self._slow_start) for candidate in available]
        first = self._draw(shares)
        mine, shares[first] = shares[first], 0.0
        second = self._draw(shares)
        one, other = available[first], available[second]
        return one if one.load() / mine <= other.load() / shares[second] else other

    def _draw(self, shares: Sequence[float]) -> int:
        """Return an index, each as likely as its share is large; never one whose share is 0."""
        mark, last = self._random() * sum(shares), 0
        for index, part in enumerate(shares):
            if part:
                last = index
                mark -= part
                if mark < 0:
                    break
        return last

    def _random(self) -> float:
        """Return the next number from 0 up, below 1: Knuth's MMIX generator, its upper bits."""
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) & _WORD
        return (self._state >> 11) / (1 << 53)
