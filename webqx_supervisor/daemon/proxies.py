"""The proxy processes: start, feed with the table, ask for figures, let go.

A proxy is told whole tables only. What it reports of draining upstreams is forgotten at every
table that it confirms, because it says it anew after each: no report can be older than the
table that it belongs to.
"""

import contextlib
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import trio

from webqx_supervisor.control.fdstore import FdStore
from webqx_supervisor.control.link import Link, LinkClosed
from webqx_supervisor.daemon.journal import ProxyEntry
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.daemon.sockets import Key, ListeningSockets
from webqx_supervisor.model.gateway import Table
from webqx_supervisor.model.link import Applied, Ask, Idle, Leave, Report, TableMessage
from webqx_supervisor.process import spawn

log = logging.getLogger(__name__)

ANSWER_TIME = 0.25
"""How long, in seconds, a proxy may take to send its figures."""
LAST_REQUESTS = 30.0
"""What a proxy that is one too many may still take for its requests, in seconds."""
SHORT_LIFE = 1.0
"""A proxy that lived shorter than this, in seconds, is restarted only after a pause."""


@dataclass(eq=False)
class Proxy:
    """One proxy process as the daemon sees it."""

    process: spawn.Process
    link: Link
    link_name: str
    since: float
    started_at: float
    sockets: set[Key] = field(default_factory=set)
    applied: int = 0
    idle: set[str] = field(default_factory=set)
    report: Report | None = None


class Proxies:
    """As many proxies as wanted, all following the one table that `build` makes."""

    def __init__(
        self,
        build: Callable[[int], Table],
        sockets: ListeningSockets,
        store: FdStore,
        registry: Registry,
        arguments: list[str],
    ) -> None:
        self._build = build
        self._sockets = sockets
        self._store = store
        self._registry = registry
        self._arguments = arguments
        self._table = build(0)
        self._keys: frozenset[Key] = frozenset()
        self._tickets = 0
        self._links = 0
        self._kept = 0
        self._wanted = 0
        self._nursery: trio.Nursery | None = None
        self._let_go = trio.Event()
        self.running: list[Proxy] = []

    async def run(
        self, wanted: int, adopted: list[Proxy], *, task_status: trio.TaskStatus[None]
    ) -> None:
        """Keep `wanted` proxies alive until `leave`; those `adopted` count among them."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for proxy in adopted:
                nursery.start_soon(self._keep, proxy)
            self._kept = len(adopted)
            self.resize(wanted)
            task_status.started()
            await self._let_go.wait()

    def resize(self, wanted: int) -> None:
        """Have another number of proxies; those too many drain and end."""
        assert self._nursery is not None, "run() comes first"
        self._wanted = wanted
        for _ in range(self._kept, wanted):
            self._nursery.start_soon(self._keep, None)
            self._kept += 1
        for proxy in self.running[wanted:]:
            self._nursery.start_soon(self._send_away, proxy, LAST_REQUESTS)

    async def leave(self, timeout: float) -> None:  # noqa: ASYNC109 - told to the proxies
        """Let every proxy finish what is in flight within `timeout` seconds, and end."""
        self._wanted = 0
        self._let_go.set()
        with trio.move_on_after(timeout + 1):
            for proxy in self.running:
                await self._send_away(proxy, timeout)
            await self._registry.until(lambda: not self.running)
        for proxy in self.running:
            proxy.process.send_signal(signal.SIGKILL)

    async def idle(self, upstream: str) -> None:
        """Return when every proxy follows the present table and holds nothing of `upstream`."""
        version = self._refresh()
        await self._registry.until(
            lambda: all(
                proxy.applied >= version and upstream in proxy.idle for proxy in self.running
            )
        )

    async def traffic(self, upstream: str) -> tuple[int, int]:
        """Return (in flight, answered) of one upstream over all proxies."""
        counts = [
            count
            for report in await self.reports()
            for count in report.counts
            if count.upstream == upstream
        ]
        return sum(c.in_flight for c in counts), sum(c.answered for c in counts)

    async def reports(self) -> list[Report]:
        """Ask all proxies for their figures; those that are too slow are left out."""
        self._tickets += 1
        ticket = self._tickets
        asked = list(self.running)

        def fresh() -> list[Report]:
            reports = (proxy.report for proxy in asked)
            return [report for report in reports if report and report.ticket >= ticket]

        with trio.move_on_after(ANSWER_TIME):
            for proxy in asked:
                try:
                    await proxy.link.send(Ask(ticket))
                except LinkClosed:
                    continue
            await self._registry.until(lambda: len(fresh()) == len(asked))
        return fresh()

    def entries(self) -> tuple[ProxyEntry, ...]:
        """Return what the journal keeps of them."""
        return tuple(
            ProxyEntry(
                pid=proxy.process.pid,
                start_time=proxy.process.identity.start_time,
                link=proxy.link_name,
                started_at=proxy.started_at,
            )
            for proxy in self.running
        )

    def _refresh(self) -> int:
        """Make a new version if the table or the open sockets have changed; return the version."""
        version, keys = self._table.version, frozenset(self._sockets.open)
        if keys != self._keys or self._build(version) != self._table:
            self._table, self._keys = self._build(version + 1), keys
        return self._table.version

    async def _keep(self, proxy: Proxy | None) -> None:
        """Keep one place filled, until there are too many places."""
        while self._kept <= self._wanted:
            if proxy is None:
                proxy = await self._start()
            await self._one_life(proxy)
            proxy = None
        self._kept -= 1
        self._registry.changed()

    async def _one_life(self, proxy: Proxy) -> None:
        self.running.append(proxy)
        self._registry.changed()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._feed, proxy)
            nursery.start_soon(self._listen, proxy)
            ended = await proxy.process.wait()
            nursery.cancel_scope.cancel()
        self.running.remove(proxy)
        self._store.remove(proxy.link_name)
        proxy.link.close()
        self._registry.tell("proxy", f"pid {proxy.process.pid} {ended}", pid=proxy.process.pid)
        if trio.current_time() - proxy.since < SHORT_LIFE:
            with trio.move_on_after(SHORT_LIFE / 2):
                await self._let_go.wait()

    async def _send_away(self, proxy: Proxy, timeout: float) -> None:  # noqa: ASYNC109 - told on
        with contextlib.suppress(LinkClosed):
            await proxy.link.send(Leave(timeout))

    async def _start(self) -> Proxy:
        ours, theirs = socket.socketpair()
        self._links += 1
        name = f"link={os.getpid()}-{self._links}"
        self._store.push(name, ours.fileno())
        try:
            process = await spawn.start(
                spawn.Launch(
                    command=(
                        sys.executable,
                        "-P",
                        "-m",
                        "webqx_supervisor.proxy",
                        str(theirs.fileno()),
                        *self._arguments,
                    ),
                    cwd="/",
                    env={k: v for k, v in os.environ.items() if k != "NOTIFY_SOCKET"},
                    stdout=1,
                    stderr=2,
                    keep=(theirs.fileno(),),
                )
            )
        finally:
            theirs.close()
        return Proxy(process, Link(ours), name, trio.current_time(), time.time())

    async def _feed(self, proxy: Proxy) -> None:
        sent = -1
        while True:
            version = self._refresh()
            if version == sent:
                await self._registry.next_change()
                continue
            new = [key for key in self._sockets.open if key not in proxy.sockets]
            message = TableMessage(self._table, tuple(new))
            try:
                await proxy.link.send(message, [self._sockets.open[key].fileno() for key in new])
            except LinkClosed:
                return
            proxy.sockets = {*new, *proxy.sockets} & self._sockets.open.keys()
            sent = version

    async def _listen(self, proxy: Proxy) -> None:
        while True:
            try:
                message, _ = await proxy.link.receive()
            except LinkClosed:
                return
            match message:
                case Applied(version):
                    proxy.applied = version
                    proxy.idle.clear()
                case Idle(upstreams):
                    proxy.idle.update(upstreams)
                case Report():
                    proxy.report = message
            self._registry.changed()
