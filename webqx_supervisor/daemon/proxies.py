"""The proxy processes: start, feed with the table, ask for figures, let go.

A proxy is told whole tables only. What it reports of draining upstreams is forgotten at every
table that it confirms, because it says it anew after each: no report can be older than the
table that it belongs to. That holds across daemons as well, because versions only ever grow.
"""

import contextlib
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial

import trio

from webqx_supervisor.control.fdstore import FdStore
from webqx_supervisor.control.link import MOST_FDS, Link, LinkClosed
from webqx_supervisor.core.wire.websocket import CloseCode
from webqx_supervisor.daemon.counters import Counters
from webqx_supervisor.daemon.figures import Figures
from webqx_supervisor.daemon.journal import ProxyEntry
from webqx_supervisor.daemon.proxy import LINK, Proxy, say
from webqx_supervisor.daemon.rates import SharedRates
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.daemon.sockets import Key, ListeningSockets
from webqx_supervisor.daemon.tallies import Tallies, is_shared
from webqx_supervisor.model.errors import CannotStart
from webqx_supervisor.model.gateway import Table
from webqx_supervisor.model.link import (
    Applied,
    BreakerMoved,
    Busy,
    Idle,
    Inherit,
    KeyMissing,
    Leave,
    Lost,
    Queued,
    Report,
    Share,
    Silent,
    Survived,
    TableMessage,
)
from webqx_supervisor.process import spawn

log = logging.getLogger(__name__)

PROGRAM = (sys.executable, "-P", "-m", "webqx_supervisor.proxy")
NEWCOMER_TIME = 20.0
"""How long, in seconds, a new proxy may take until it serves in the place of an old one."""
LAST_REQUESTS = 30.0
"""What a proxy that is one too many may still take for its requests, in seconds."""
SHORT_LIFE = 1.0
"""A proxy that lived shorter than this, in seconds, is restarted only after a pause."""


class Proxies:
    """As many proxies as wanted, all following the one table that `build` makes."""

    def __init__(
        self,
        build: Callable[[int], Table],
        sockets: ListeningSockets,
        store: FdStore,
        registry: Registry,
        arguments: list[str],
        hear: Callable[[Lost | Survived | BreakerMoved | KeyMissing | Queued], None] = lambda _: (
            None
        ),
    ) -> None:
        self._build = build
        self._sockets = sockets
        self._store = store
        self._registry = registry
        self._arguments = arguments
        self._hear = hear
        # The clock of this boot: what an adopted proxy still says to an earlier daemon is older.
        first = time.monotonic_ns() // 1_000_000
        self._tallies = Tallies(store)
        self.counters = Counters(store)
        self._rates = SharedRates(store)
        self._table = build(first)
        self._told_of: dict[Key, socket.socket] = {}
        self._seen = -1
        """The change of the registry that the table has taken in last."""
        self._links = 0
        self._wanted = 0
        self._coming = 0
        self._last_requests = LAST_REQUESTS
        self._last_code: int = CloseCode.SERVICE_RESTART
        self._nursery: trio.Nursery | None = None
        self._let_go = trio.Event()
        self.running: list[Proxy] = []
        self.figures = Figures(self.running, registry, first)

    def adopt(self, found: Iterable[Proxy], inherited: dict[str, list[int]]) -> None:
        """Count in what an earlier daemon started; call before anybody asks who is `idle`.

        Takes what they count in together out of the `inherited` descriptors.
        """
        self.running += found
        self._rates.adopt(inherited)
        living = [proxy.process.pid for proxy in self.running]
        self._tallies.adopt(inherited, living)
        self.counters.adopt(inherited, living)

    async def run(self, wanted: int, *, task_status: trio.TaskStatus[None]) -> None:
        """Keep `wanted` proxies alive until `leave`; those adopted count among them."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for proxy in self.running:
                nursery.start_soon(self._accompany, proxy)
            self.resize(wanted)
            task_status.started()
            await self._let_go.wait()

    def resize(self, wanted: int) -> None:
        """Have another number of proxies; those too many drain and end.

        One that leaves counts no more: it accepts nothing, however long it takes to end.
        """
        assert self._nursery is not None, "run() comes first"
        self._wanted = wanted
        staying = [proxy for proxy in self.running if not proxy.leaving]
        for proxy in staying[wanted:]:
            self._send_away(proxy)
        for _ in range(len(staying) + self._coming, wanted):
            self._coming += 1
            self._nursery.start_soon(self._bring)

    async def renew(self, timeout: float) -> None:  # noqa: ASYNC109 - told to the proxies
        """Replace each proxy by one of the present code, without a moment with less of them.

        Clients go to the new one, what is in flight has `timeout` s to end in the old one. Where no
        new one comes up the old ones stay.
        """
        for old in [proxy for proxy in self.running if not proxy.leaving]:
            here = set(self.running)
            self.resize(self._wanted + 1)
            with trio.move_on_after(NEWCOMER_TIME):
                await self._registry.until(partial(self._newcomer, here))
            new = self._newcomer(here)
            if new is not None and old in self.running:
                self._succeed(old, new, timeout)
            self.resize(self._wanted - 1)
            if new is None:
                self._registry.tell("proxy", "no new one comes up; the old ones stay")
                return

    def _newcomer(self, here: Collection[Proxy]) -> Proxy | None:
        """Return one that is not `here` and serves by now."""
        for proxy in self.running:
            complete = proxy.sockets.keys() >= self._sockets.open.keys()
            if proxy not in here and complete and proxy.applied >= self._refresh():
                return proxy
        return None

    def _succeed(self, old: Proxy, new: Proxy, timeout: float) -> None:
        assert self._nursery is not None, "run() comes first"
        old.leaving = True
        leaving, following = socket.socketpair()
        self._nursery.start_soon(say, new, Inherit(), following)
        self._nursery.start_soon(say, old, Leave(timeout, heir=True), leaving)

    async def leave(self, timeout: float) -> None:  # noqa: ASYNC109 - told to the proxies
        """Let every proxy finish what is in flight within `timeout` seconds, and end."""
        self._last_requests, self._last_code = timeout, CloseCode.GOING_AWAY
        self._let_go.set()
        self.resize(0)
        with trio.move_on_after(timeout + 1):
            await self._registry.until(lambda: not self.running and not self._coming)
        for proxy in self.running:
            proxy.process.send_signal(signal.SIGKILL)
        self._tallies.close()
        self.counters.close()
        self._rates.close()

    async def idle(self, upstream: str) -> None:
        """Return when every proxy follows the present table and holds nothing of `upstream`."""
        await trio.lowlevel.checkpoint()  # those who leave at the same moment share one table
        if self._seen != self._registry.changes:
            self._refresh()
        version = self._table.version
        await self._registry.until(
            lambda: all(
                proxy.applied >= version and upstream in proxy.idle for proxy in self.running
            )
        )

    async def follow(self) -> None:
        """Return when every proxy follows the present table."""
        version = self._refresh()
        await self._registry.until(lambda: all(proxy.applied >= version for proxy in self.running))

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
        version, opened = self._table.version, self._sockets.open
        self._seen = self._registry.changes
        if opened != self._told_of or self._make(version) != self._table:
            self._table, self._told_of = self._make(version + 1), dict(opened)
        return self._table.version

    def _make(self, version: int) -> Table:
        """Return the table of this moment; several proxies are told where to count together."""
        table = self._build(version)
        return self._tallies.number(table) if max(self._wanted, len(self.running)) > 1 else table

    async def _bring(self) -> None:
        """Start one more, and keep it company until it ends."""
        try:
            proxy = await self._start()
        except (CannotStart, OSError) as error:  # no descriptor, no memory: maybe in a moment
            self._registry.tell("proxy", f"cannot be started: {error}")
            await self._replace_later()
            return
        self._coming -= 1
        self.running.append(proxy)
        self.resize(self._wanted)  # it may be one too many by now
        self._registry.changed()
        await self._accompany(proxy)

    async def _accompany(self, proxy: Proxy) -> None:
        """Talk with one proxy until it ends, and have it replaced."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._feed, proxy)
            nursery.start_soon(self._listen, proxy)
            ended = await proxy.process.wait()
            nursery.cancel_scope.cancel()
        self.running.remove(proxy)
        self._tallies.dismiss(proxy.process.pid)
        self.counters.dismiss(proxy.process.pid)
        self._store.remove(proxy.link_name)
        proxy.link.close()
        self._registry.tell("proxy", f"pid {proxy.process.pid} {ended}", pid=proxy.process.pid)
        if proxy.leaving or trio.current_time() - proxy.since >= SHORT_LIFE:
            self.resize(self._wanted)
        else:
            self._coming += 1
            await self._replace_later()

    async def _replace_later(self) -> None:
        """Let a pause pass before the next attempt; its place counts as taken meanwhile."""
        with trio.move_on_after(SHORT_LIFE / 2):
            await self._let_go.wait()
        self._coming -= 1
        self.resize(self._wanted)
        self._registry.changed()

    def _send_away(self, proxy: Proxy) -> None:
        assert self._nursery is not None, "run() comes first"
        proxy.leaving = True
        self._nursery.start_soon(say, proxy, Leave(self._last_requests, code=self._last_code))

    async def _start(self) -> Proxy:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await self._spawn(theirs.fileno())
            except BaseException:
                ours.close()
                raise
        self._links += 1
        name = f"{LINK}{os.getpid()}-{self._links}"
        self._store.push(name, ours.fileno())
        return Proxy(process, Link(ours), name, trio.current_time(), time.time())

    async def _spawn(self, link: int) -> spawn.Process:
        return await spawn.start(
            spawn.Launch(
                command=(*PROGRAM, str(link), *self._arguments),
                cwd="/",
                env=os.environ,
                stdout=1,
                stderr=2,
                keep=(link,),
            )
        )

    async def _feed(self, proxy: Proxy) -> None:
        """Send every new table, with the sockets that the proxy does not have yet."""
        sent = -1
        while True:
            version = self._refresh()
            # One that leaves must not begin to accept on a socket that is opened only now.
            opened = {} if proxy.leaving else dict(self._sockets.open)
            new = [key for key in opened if proxy.sockets.get(key) is not opened[key]][:MOST_FDS]
            if version == sent and not new:
                await self._registry.next_change()
                continue
            try:
                if is_shared(self._table) and not proxy.shares:
                    await self._share(proxy)
                    continue  # the world may have changed meanwhile
                if await self.counters.share(proxy):
                    continue
                if await self._rates.share(proxy, self._table):
                    continue
                await self._send_table(proxy, new)
            except LinkClosed:
                return
            except OSError as error:
                log.warning("no table for proxy %d yet: %s", proxy.process.pid, error)
                await self._registry.next_change()
                continue
            kept = {key: had for key, had in proxy.sockets.items() if opened.get(key) is had}
            proxy.sockets = kept | {key: opened[key] for key in new}
            sent = version

    async def _send_table(self, proxy: Proxy, new: Sequence[Key]) -> None:
        with contextlib.ExitStack() as copies:  # while it waits, the originals may be closed
            message = TableMessage(self._table, tuple(new))
            sockets = [copies.enter_context(self._sockets.open[key].dup()) for key in new]
            await proxy.link.send(message, [each.fileno() for each in sockets])

    async def _share(self, proxy: Proxy) -> None:
        """Give a proxy its row of the map, unless an earlier daemon did."""
        proxy.shares = True
        if self._tallies.row(proxy.process.pid) >= 0:
            return
        row = self._tallies.enroll(proxy.process.pid)
        if row >= 0:
            await proxy.link.send(Share(row), [self._tallies.fd])

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
                case Busy(upstreams):
                    proxy.idle.difference_update(upstreams)
                case Lost() | Survived() | BreakerMoved() | KeyMissing() | Queued():
                    self._hear(message)
                case Silent(upstreams):
                    self.figures.are_silent(upstreams)
            self._registry.changed()
