"""Who is next: always the same one for the same key, whichever proxy is asked.

Rendezvous hashing (Thaler and Ravishankar, 1998): every candidate draws a lot that depends on
it and the key alone, and the best lot wins. When one goes, only its own keys move, to as many
others as there are; when one comes, it takes its share and nothing else moves. For the few
workers of a service that is simpler than a ring, and even without any tuning.
"""

from collections.abc import Sequence
from hashlib import blake2b
from math import log
from typing import Generic

from webqx_supervisor.core.balancing.candidate import C

_WORD = (1 << 64) - 1


def fingerprint(octets: bytes) -> int:
    """Return 64 bits that stand for these octets in every process and for ever."""
    return int.from_bytes(blake2b(octets, digest_size=8).digest(), "big")


class Rendezvous(Generic[C]):
    """Has no memory. Weights count, a slow start does not: keys must not wander."""

    def pick(self, available: Sequence[C], now: float, key: bytes) -> C | None:  # noqa: ARG002 - as Policy
        """Return the candidate that `key` belongs to; None if nothing is available."""
        if len(available) < 2:
            return available[0] if available else None
        mark = fingerprint(key)
        chosen, best = available[0], float("inf")
        for candidate in available:
            lot = _lot(mark ^ candidate.seed) / candidate.weight
            if lot < best:
                chosen, best = candidate, lot
        return chosen


def _lot(bits: int) -> float:
    """Draw from the exponential distribution: the smallest of many falls by their rates.

    The bits are mixed by the finaliser of splitmix64 (Steele, Lea and Flood, 2014).
    """
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & _WORD
    bits ^= bits >> 31
    return -log((bits + 0.5) / (_WORD + 1))
