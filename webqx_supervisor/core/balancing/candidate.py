"""What the rules see of a worker, and what every rule is."""

from collections.abc import Hashable, Sequence
from typing import Protocol, TypeVar

LEAST_SHARE = 0.1
"""The part of its weight that a worker has from the first moment of its slow start."""


class Candidate(Hashable, Protocol):
    """One of those to choose among; hashable by identity."""

    weight: int
    """Its share of the traffic, from 1 up, against the weights of the others."""
    ready_at: float
    """When it became ready, in seconds of the clock that `now` is of."""
    seed: int
    """64 bits that stay the same for as long as the same keys are to come to it."""

    def load(self) -> int:
        """Return how many exchanges it has in flight."""


C = TypeVar("C", bound=Candidate)


class Policy(Protocol[C]):
    """A rule with its memory. It is asked once for each claim."""

    def pick(self, available: Sequence[C], now: float, key: bytes) -> C | None:
        """Return one of `available`; None if that is empty.

        `now` is in seconds; `key` says who asks and is looked at by a hash only.
        """


def share(candidate: Candidate, now: float, slow_start: float) -> float:
    """Return the weight that counts at `now`: it grows for `slow_start` seconds to its full size.

    A straight line, but not from 0: who gets nothing at all never warms up.
    """
    age = now - candidate.ready_at
    if age >= slow_start:
        return candidate.weight
    return candidate.weight * max(age / slow_start, LEAST_SHARE)
