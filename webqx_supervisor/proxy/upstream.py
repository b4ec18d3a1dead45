"""One upstream as the proxy knows it: where it is, what it has in flight, what is kept open."""

from typing import Protocol

from webqx_supervisor.core.balancing.hashing import fingerprint
from webqx_supervisor.model.gateway import Upstream, UpstreamState
from webqx_supervisor.net.channel import Channel
from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.net.tally import Tally
from webqx_supervisor.proxy.guard import Guard
from webqx_supervisor.proxy.meters import WorkerMeter
from webqx_supervisor.proxy.pool import Pool
from webqx_supervisor.proxy.silence import Silence, Watch

ENDING_TIME = 2.0
"""s over which, at most, what has no end is ended when others take over."""
ENDING_PAUSE = 0.002
"""s between two of them, if they are few."""


class Endless(Protocol):
    """A tunnel, or an event stream."""

    def dismiss(self, code: int) -> None:
        """End it soon; a WebSocket says why by the code of its Close frame."""

    def interrupt(self) -> None:
        """Let another process go on with it as soon as nothing is on the way."""


class LiveUpstream:
    """`in_flight` counts the exchanges of this proxy that are claimed and not released."""

    __slots__ = (
        "_ending",
        "_endless",
        "_reactor",
        "_slot",
        "_tally",
        "answered",
        "backup",
        "draining",
        "guard",
        "host",
        "id",
        "in_flight",
        "meter",
        "pool",
        "port",
        "ready_at",
        "refused",
        "remote",
        "seed",
        "silence",
        "token",
        "weight",
    )

    def __init__(self, reactor: Reactor, upstream: Upstream, watch: Watch | None = None) -> None:
        self.id = upstream.id
        self.host = upstream.host
        self.port = upstream.port
        self.draining = False
        self.guard: Guard | None = None
        """Its breaker, if it has one."""
        self.refused = False
        self.remote = upstream.remote
        """What it has read cannot be known here."""
        self.in_flight = 0
        self.answered = 0
        self.meter: WorkerMeter | None = None
        """Counts what it answers."""
        self.pool = Pool(reactor)
        self.silence = Silence(watch)
        # The worker's place in its service, not its process: a successor gets the same clients.
        self.seed = fingerprint(upstream.id.partition("@")[0].encode())
        self.token = b"%016x" % self.seed
        """What a sticky cookie calls it; says nothing of pid, port or address."""
        self.weight = upstream.weight
        self.backup = upstream.backup
        self.ready_at = upstream.ready_at
        self._slot = -1
        self._tally: Tally | None = None
        self._ending = 0
        self._endless: dict[Channel, Endless] = {}
        self._reactor = reactor

    def __repr__(self) -> str:
        return f"<{self.id} {self.host}:{self.port} in flight {self.in_flight}>"

    def apply(self, upstream: Upstream, tally: Tally | None) -> None:
        """Take over what may change while it lives; count in `tally` if it has a slot there."""
        self.draining = upstream.state is not UpstreamState.UP
        self.weight = upstream.weight
        self.backup = upstream.backup
        self.ready_at = upstream.ready_at
        slot = upstream.slot
        tally = tally if slot >= 0 else None
        if (tally, slot) != (self._tally, self._slot):
            if self._tally is not None:
                self._tally.add(self._slot, -self.in_flight)
            if tally is not None:
                tally.add(slot, self.in_flight)
            self._tally, self._slot = tally, slot

    @property
    def ejected(self) -> bool:
        """Whether its breaker lets nothing through now."""
        return self.guard is not None and self.guard.ejected

    @property
    def badness(self) -> float:
        """How bad its answers were when its breaker was opened, from 0 to 1."""
        return self.guard.badness if self.guard is not None else 0.0

    def load(self) -> int:
        """Return what it has in flight, over all proxies where they count together."""
        return self.in_flight if self._tally is None else self._tally.total(self._slot)

    def enter(self) -> None:
        """Count one exchange more."""
        self.in_flight += 1
        if self._tally is not None:
            self._tally.add(self._slot, 1)

    def leave(self) -> None:
        """Count one exchange less."""
        self.in_flight -= 1
        if self._tally is not None:
            self._tally.add(self._slot, -1)

    def begin_endless(self, channel: Channel, what: Endless) -> None:
        """Note a tunnel or an event stream: it has no end that a drain could wait for."""
        self._endless[channel] = what
        if self._ending:
            what.dismiss(self._ending)

    def end_endless(self, channel: Channel) -> None:
        """Forget one, if it was one."""
        self._endless.pop(channel, None)

    def endless(self) -> list[Endless]:
        """Return all of them."""
        return list(self._endless.values())

    def close_endless(self, code: int, *, at_once: bool = False) -> None:
        """End them, those to come as well, for the reason that a WebSocket's Close `code` gives.

        Not all in one instant unless it must be: their clients will all connect anew.
        """
        if self._ending:
            return
        self._ending = code
        ending = self.endless()
        pause = 0.0 if at_once else min(ENDING_PAUSE, ENDING_TIME / max(1, len(ending)))
        self._reactor.spawn(self._end_all(ending, pause))

    async def _end_all(self, ending: list[Endless], pause: float) -> None:
        due = self._reactor.now
        for each in ending:
            if due > self._reactor.now:
                await self._reactor.sleep(due - self._reactor.now)
            each.dismiss(self._ending)
            due += pause
