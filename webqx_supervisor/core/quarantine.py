"""Which request is refused because worker after worker has died over it.

A request is suspect from the first death at which it was in flight. An answer to the same request
clears it: whatever killed the worker, it was something else. So a page that everybody asks for
is never blamed for the deaths that it merely witnesses.
"""

from collections.abc import Collection
from dataclasses import dataclass

from webqx_supervisor.model.exits import Exit

DURATION = 600.0
"""s for which a request is refused; then it is tried again."""
HUNG = "hung"
"""How the verdict on a worker that hangs begins."""
OVER_MEMORY = "over its memory limit"
"""The same of one that has taken too much memory."""
_BLAMED = (HUNG, OVER_MEMORY)
MOST = 100
"""Suspects that are kept in mind; beyond, the oldest is forgotten."""


@dataclass(slots=True)
class _Suspect:
    deaths: int = 0
    until: float = 0.0


def may_be_to_blame(ended: Exit, verdict: str) -> bool:
    """Say whether a worker may have ended over a request.

    It ended by itself, by an exit or a fault (signal(7)), or it hung, or had too much memory, by
    the `verdict` of the daemon. A signal that somebody sent is no request's doing.
    """
    if ended.signal is not None:
        return ended.is_fault or verdict.startswith(_BLAMED)
    return ended.code is not None and (not verdict or verdict.startswith(_BLAMED))


class Quarantine:
    """The suspects of one service, by the fingerprint of the request."""

    def __init__(self) -> None:
        self._suspects: dict[str, _Suspect] = {}

    def died(self, fingerprint: str, now: float, limit: int) -> int:
        """Take in a death over this request; return how many make it refused from now, or 0.

        `limit` deaths in a row do; 0 means that none is ever refused.
        """
        if not limit:
            return 0
        suspect = self._suspects.setdefault(fingerprint, _Suspect())
        suspect.deaths += 1
        if len(self._suspects) > MOST:
            del self._suspects[next(iter(self._suspects))]
        if suspect.deaths < limit or suspect.until:
            return 0
        suspect.until = now + DURATION
        return suspect.deaths

    def answered(self, fingerprint: str) -> None:
        """Take in that a worker has survived this request."""
        self._suspects.pop(fingerprint, None)

    def expire(self, now: float) -> Collection[str]:
        """Forget those whose time is over, and return them."""
        over = [each for each, suspect in self._suspects.items() if 0 < suspect.until <= now]
        for fingerprint in over:
            del self._suspects[fingerprint]
        return over

    @property
    def suspects(self) -> tuple[str, ...]:
        """Those of whom an answer is to be told."""
        return tuple(each for each, suspect in self._suspects.items() if not suspect.until)

    @property
    def refused(self) -> tuple[str, ...]:
        """Those that no worker is to get."""
        return tuple(each for each, suspect in self._suspects.items() if suspect.until)
