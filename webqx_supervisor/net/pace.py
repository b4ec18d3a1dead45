"""How slow a source of octets may be: silent for so long, and so many octets a second on average.

Only the time spent waiting for the source counts, so one that is held up from this side, because
the sink takes its time, is never blamed. There is no timer per read: each wait may last as long
as the average bears it.
"""

from webqx_supervisor.net.channel import Channel, Stalled
from webqx_supervisor.net.reactor import Reactor

GRACE = 5.0
"""s of waiting that the average does not count."""


class Pace:
    """Judges one body. `silence` in s; `rate` in octets/s, 0 for any."""

    __slots__ = ("_octets", "_rate", "_reactor", "_silence", "_waited")

    def __init__(self, reactor: Reactor, silence: float, rate: int) -> None:
        self._reactor = reactor
        self._silence = silence
        self._rate = rate
        self._octets = 0
        self._waited = 0.0

    def moved(self, count: int) -> None:
        """Note octets that came."""
        self._octets += count

    async def recv(self, source: Channel, size: int) -> bytes:
        """Return what is there, as Channel.recv does; raises Stalled when it comes too slowly."""
        began, patience = self._reactor.now, self._patience(source)
        try:
            data = await source.recv(size, patience)
        except Stalled as stalled:
            raise self._named(stalled, patience) from stalled
        self._waited += self._reactor.now - began
        return data

    async def wait(self, source: Channel) -> None:
        """Wait for an edge, as Channel.wait_readable does; raises Stalled in the same way."""
        began, patience = self._reactor.now, self._patience(source)
        try:
            await source.wait_readable(patience)
        except Stalled as stalled:
            raise self._named(stalled, patience) from stalled
        self._waited += self._reactor.now - began

    def _patience(self, source: Channel) -> float:
        """Return for how long nothing may come. Raises Stalled if too little came already."""
        if not self._rate:
            return self._silence
        left = GRACE + self._octets / self._rate - self._waited
        if left <= 0 and not source.readable:
            raise self._too_slow(source)
        return min(left, self._silence)

    def _named(self, stalled: Stalled, patience: float) -> Stalled:
        return self._too_slow(stalled.channel) if patience < self._silence else stalled

    def _too_slow(self, source: Channel) -> Stalled:
        return Stalled(source, f"less than {self._rate} octets/s")
