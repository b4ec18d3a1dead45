"""The live table: every upstream that it names, by service, and what is in flight where."""

from collections.abc import Callable, Sequence

from webqx_supervisor.core.wire.websocket import CloseCode
from webqx_supervisor.model.gateway import Table, UpstreamGroup, UpstreamState
from webqx_supervisor.model.link import Queue
from webqx_supervisor.net.bell import Bell
from webqx_supervisor.net.reactor import Reactor
from webqx_supervisor.net.tally import Grid, Tally
from webqx_supervisor.proxy.group import Group
from webqx_supervisor.proxy.guard import Moved, guarded
from webqx_supervisor.proxy.line import Line
from webqx_supervisor.proxy.meters import Meters
from webqx_supervisor.proxy.queuewatch import QueueWatch
from webqx_supervisor.proxy.silence import Watch
from webqx_supervisor.proxy.upstream import LiveUpstream


class Upstreams:
    """All groups. `idle` is called with the id of a draining upstream whose last exchange ended.

    `silent` is called with the ids of those that have been silent for their `hang_timeout`, `moved`
    when a breaker has moved, `queued` with the services that requests wait for. `seed` is to
    differ from proxy to proxy.
    """

    def __init__(
        self,
        reactor: Reactor,
        idle: Callable[[str], None],
        silent: Callable[[tuple[str, ...]], None],
        seed: int = 0,
        moved: Moved = lambda *_: None,
        queued: Callable[[tuple[str, ...]], None] = lambda _: None,
    ) -> None:
        self.meters = Meters()
        """What everything of this proxy is counted with."""
        self._reactor = reactor
        self._idle = idle
        self._moved = moved
        self._seed = seed
        self._tally: Tally | None = None
        self._bell: Bell | None = None
        self._groups: dict[str, Group] = {}
        self._upstreams: dict[str, LiveUpstream] = {}
        self._watch = Watch(reactor, silent)
        self._queue_watch = QueueWatch(reactor, queued)

    def share(self, grid: Grid, row: int) -> None:
        """Count from the next table on together with all proxies, in this row. Raises OSError."""
        if self._bell is not None:
            self._bell.close()
        self._bell = Bell(self._reactor, grid.name, row, self._serve_all)
        self._tally = Tally(grid, row)

    def apply(self, table: Table) -> list[str]:
        """Bring a table into force; return the draining upstreams that have nothing in flight."""
        known, self._upstreams = self._upstreams, {}
        named = {group.service for group in table.groups}
        for service in self._groups.keys() - named:
            # Who waits in it keeps hold of it: tell them.
            gone = UpstreamGroup(service, expecting=False, reason=f"service {service} is gone")
            self._groups.pop(service).apply(gone, [], None)
        for group in table.groups:
            self._apply_group(group, known)
        for live in known.values():
            if live.id not in self._upstreams:
                live.draining = False  # nobody asks when it becomes idle
                live.pool.clear()
                if live.guard is not None:
                    live.guard.retire()
        self._watch.silences = {
            live.id: live.silence for live in self._upstreams.values() if not live.draining
        }
        return [
            live.id for live in self._upstreams.values() if live.draining and not live.in_flight
        ]

    def group(self, service: str) -> Group | None:
        """Return the group of a service, or None."""
        return self._groups.get(service)

    def queues(self) -> tuple[Queue, ...]:
        """Return the queues in which anything waits."""
        return tuple(
            Queue(group.service, len(group.waiting), round(group.waited(), 3))
            for group in self._groups.values()
            if group.waiting
        )

    def find(self, upstream: str) -> LiveUpstream | None:
        """Return the upstream of this id, or None."""
        return self._upstreams.get(upstream)

    def all(self) -> Sequence[LiveUpstream]:
        """Return every upstream of the table."""
        return tuple(self._upstreams.values())

    def release(self, group: Group, upstream: LiveUpstream, answered: bool) -> None:
        """Give back a claim; exactly once for each."""
        upstream.leave()
        upstream.answered += answered
        group.released()
        if upstream.draining and not upstream.in_flight:
            self._idle(upstream.id)

    def keep(self, upstream: LiveUpstream) -> bool:
        """Say whether a connection to it is worth keeping."""
        return not upstream.draining and self._upstreams.get(upstream.id) is upstream

    def _apply_group(self, group: UpstreamGroup, known: dict[str, LiveUpstream]) -> None:
        up = []
        own = self._groups.get(group.service)
        if own is None:
            own = self._groups[group.service] = Group(
                self._reactor, group.service, self._seed, self._queue_watch
            )
        own.meter = self.meters.queue(group.service)
        for upstream in group.upstreams:
            live = known.get(upstream.id)
            if live is None:
                live = LiveUpstream(self._reactor, upstream, self._watch)
            live.meter = self.meters.worker(live.id)
            live.pool.apply(group.forwarding)
            live.apply(upstream, self._tally)
            live.silence.hang_timeout = group.hang_timeout
            live.guard = guarded(
                live.guard, self._reactor, live.id, group.breaker, own.changed, self._moved
            )
            if upstream.state is UpstreamState.CLOSING:
                live.close_endless(CloseCode.GOING_AWAY, at_once=True)
            elif upstream.state is UpstreamState.ENDING:
                live.close_endless(CloseCode.SERVICE_RESTART)
            self._upstreams[live.id] = live
            if live.draining:
                live.pool.clear()
            else:
                up.append(live)
        line = None
        if group.slot >= 0 and self._tally is not None and self._bell is not None:
            line = Line(self._tally, self._bell, group.slot)
        own.apply(group, up, line)

    def _serve_all(self) -> None:
        for group in self._groups.values():
            if group.waiting:
                group.serve()
