"""The queue of a service as all proxies see it: whose oldest request has waited longest is next.

Each proxy notes when its oldest waiting request came. A proxy takes a worker for a request only
if no other proxy has one that waits longer, and wakes that other one when a worker is free.
"""

from webqx_supervisor.net.bell import Bell
from webqx_supervisor.net.tally import Tally

_GRAIN = 1e9  # times are noted in ns


class Line:
    """One proxy's view of one service's queue; `slot` is that of the service."""

    def __init__(self, tally: Tally, bell: Bell, slot: int) -> None:
        self._tally = tally
        self._bell = bell
        self._slot = slot

    def lock(self) -> None:
        """Keep all other proxies from taking a worker of the service, for some microseconds."""
        self._tally.grid.lock(self._slot)

    def unlock(self) -> None:
        """Let them go on."""
        self._tally.grid.unlock(self._slot)

    def note(self, since: float) -> None:
        """Note when this proxy's oldest request came, in s of the common clock; 0 if none waits."""
        self._tally.note(self._slot, int(since * _GRAIN))

    def is_next(self, since: float) -> bool:
        """Say whether no other proxy has a request that waits for longer."""
        oldest, _ = self._tally.least_of_others(self._slot)
        return not oldest or int(since * _GRAIN) <= oldest

    def wake_next(self) -> None:
        """Wake the proxy, among the others, whose request has waited longest."""
        _, row = self._tally.least_of_others(self._slot)
        if row >= 0:
            self._bell.ring(row)
