"""From single probes to a verdict: how many in a row it takes, and which of them count.

A probe measures how long a worker takes to answer one more request. A worker with a full queue
is late for the probe and yet does what it is for; to take it out of the rotation would hand its
load to the others, and they would be late next.
"""

from enum import StrEnum


class Verdict(StrEnum):
    """What one probe says."""

    OK = "ok"
    BAD = "bad"
    SPARED = "spared"
    """Nothing: the worker was late, but it visibly works."""


def judge(
    answered: bool,
    ok: bool,
    *,
    answered_others: bool,
    busy: bool,
    silent_for: float,
    patience: float,
) -> Verdict:
    """Say what a probe means.

    Only silence is ever spared. An answer counts at once, good or bad, and so does a refused or
    broken connection: it is `answered`, and not `ok`.

    `answered_others`: since the last probe it has answered a request. Spared without limit.
    `busy`: it burns CPU with requests in flight. That is work, or an endless loop; so it is
    spared until it has answered nothing at all for `patience` seconds (`silent_for`).
    """
    if answered:
        return Verdict.OK if ok else Verdict.BAD
    if answered_others or (busy and silent_for < patience):
        return Verdict.SPARED
    return Verdict.BAD


class Health:
    """Turns well after `rise` good signs in a row, and ill after `fall` bad ones in a row."""

    def __init__(self, rise: int, fall: int, *, healthy: bool = False) -> None:
        self.healthy = healthy
        self._rise = rise
        self._fall = fall
        self._against = 0

    def saw(self, ok: bool) -> bool | None:
        """Take in one sign; return the new verdict if it turned just now, else None."""
        if ok == self.healthy:
            self._against = 0
            return None
        self._against += 1
        if self._against < (self._rise if ok else self._fall):
            return None
        self.healthy, self._against = ok, 0
        return ok
