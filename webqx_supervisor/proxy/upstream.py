"""One upstream as the proxy knows it: where it is, what it has in flight, what is kept open."""

from webqx_supervisor.core.balancing.hashing import fingerprint
from webqx_supervisor.model.gateway import Upstream, UpstreamState
from webqx_supervisor.net.channel import Channel
from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.net.tally import Tally
from webqx_supervisor.proxy.pool import Pool
from webqx_supervisor.proxy.silence import Silence, Watch


class LiveUpstream:
    """`in_flight` counts the exchanges of this proxy that are claimed and not released."""

    __slots__ = (
        "_closing",
        "_endless",
        "_slot",
        "_tally",
        "answered",
        "backup",
        "draining",
        "host",
        "id",
        "in_flight",
        "pool",
        "port",
        "ready_at",
        "refused",
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
        self.refused = False
        self.in_flight = 0
        self.answered = 0
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
        self._closing = False
        self._endless: dict[Channel, Channel] = {}

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

    def begin_endless(self, channel: Channel, client: Channel) -> None:
        """Note a tunnel or an event stream: it has no end that a drain could wait for."""
        self._endless[channel] = client
        if self._closing:
            self.close_endless()

    def end_endless(self, channel: Channel) -> None:
        """Forget one, if it was one."""
        self._endless.pop(channel, None)

    def close_endless(self) -> None:
        """End them, those to come as well; clients get what was sent, and connect anew."""
        self._closing = True
        ending, self._endless = self._endless, {}
        for channel, client in ending.items():
            client.close()
            channel.close()
