"""The daemon: order of birth, order of shutdown.

Nesting is shutdown order: the doors close first, then the proxies finish what is in flight,
and the workers leave last.
"""

import logging
import os
import signal
from collections.abc import Sequence

import trio

from webqx_supervisor.config import wanted
from webqx_supervisor.config.places import Places
from webqx_supervisor.control import fdstore
from webqx_supervisor.control.server import serve
from webqx_supervisor.core.reconcile import Change
from webqx_supervisor.daemon import journal, table
from webqx_supervisor.daemon.adoption import Adoption
from webqx_supervisor.daemon.compile import compile_apart
from webqx_supervisor.daemon.handlers import Handlers
from webqx_supervisor.daemon.launch import Resources
from webqx_supervisor.daemon.logs import LogReader
from webqx_supervisor.daemon.orphans import Orphans
from webqx_supervisor.daemon.probe import Prober
from webqx_supervisor.daemon.proxies import Proxies
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.daemon.services import Failure, Services
from webqx_supervisor.daemon.sockets import ListeningSockets
from webqx_supervisor.daemon.status import Survey
from webqx_supervisor.model.errors import WebqxError
from webqx_supervisor.model.gateway import Table
from webqx_supervisor.process.identity import boot_id
from webqx_supervisor.process.output import Output

log = logging.getLogger(__name__)

LAST_REQUESTS = 10.0
"""When everything stops, what is in flight gets so many seconds at most."""


class Daemon:
    """The parts, put together; `run` is their life."""

    def __init__(self, places: Places, asked: wanted.Wanted, output: Output) -> None:
        self._places = places
        self._asked = asked
        self._inherited = fdstore.inherited()
        self._lock = self._inherited.pop("lock", [])  # open as long as we live: one daemon only
        self._saved = journal.read(places.journal)
        self._adopting = True  # until then the journal of the daemon before counts
        self._store = fdstore.FdStore()
        self._registry = Registry()
        self._orphans = Orphans()
        self._stopping = trio.Event()
        self._applying = trio.Lock()
        self._output = output
        self._prober = Prober()
        self._sockets = ListeningSockets(self._store, self._registry)
        self._proxies: Proxies
        resources = Resources(
            registry=self._registry,
            output=output,
            store=self._store,
            prober=self._prober,
            logs=places.logs,
            idle=lambda upstream: self._proxies.idle(upstream),  # noqa: PLW0108 - comes later
            traffic=lambda upstream: self._proxies.traffic(upstream),  # noqa: PLW0108
            counts=lambda: self._proxies.counts(),  # noqa: PLW0108
            silence=lambda upstream: self._proxies.silence(upstream),  # noqa: PLW0108
            save=self._save,
        )
        self._resources = resources
        self._services = Services(asked.config, resources, self._sockets)
        self._proxies = Proxies(
            self._table, self._sockets, self._store, self._registry, [str(places.logs)]
        )

    async def run(self) -> None:
        """Live until told to stop; then let everything end in order."""
        adoption = Adoption(self._saved, self._inherited, self._orphans, self._store)
        self._sockets.adopt(self._inherited)
        self._sockets.follow(self._services.config.listeners)
        self._proxies.adopt(
            adoption.proxies(), self._inherited
        )  # first: they may hold requests of any worker
        async with trio.open_nursery() as workers:
            for pipe in self._inherited.pop("orphans", []):
                workers.start_soon(self._orphans.listen, pipe)
            await workers.start(self._services.run)
            self._services.recall(adoption.orders())
            await adoption.workers(self._services, self._resources)
            async with trio.open_nursery() as proxies:
                count = self._services.config.proxies
                await proxies.start(self._proxies.run, count)
                await adoption.close_rest()
                self._adopting = False
                workers.start_soon(self._keep_journal)
                await self._open_doors(adoption.orders())
                await self._proxies.leave(self._last_requests())
            self._services.close()
            await self._services.gone.wait()
            workers.cancel_scope.cancel()
        await self._prober.aclose()
        self._sockets.close()
        self._places.journal.unlink(missing_ok=True)

    async def _open_doors(self, orders: Sequence[journal.Order]) -> None:
        """Answer commands and signals until told to stop."""
        keeper_pid = int(os.environ.get("WEBQX_SV_KEEPER_PID", "0")) or None
        survey = Survey(self._services, self._proxies, keeper_pid)
        logs = LogReader(self._places.logs, self._output, self._services)
        handlers = Handlers(
            self._services, survey, self._registry, logs, self._apply_file, self._stopping.set
        )
        async with trio.open_nursery() as doors:
            await doors.start(serve, str(self._places.socket), handlers.handle)
            await doors.start(self._obey_signals)
            doors.start_soon(self._start_wanted, orders)
            doors.start_soon(self._sockets.keep_trying)
            self._store.notify(b"READY=1")
            self._registry.tell("started", f"daemon pid {os.getpid()}")
            await self._stopping.wait()
            self._store.notify(b"STOPPING=1")
            self._registry.tell("stopping", "all services and the daemon")
            doors.cancel_scope.cancel()

    async def _start_wanted(self, orders: Sequence[journal.Order]) -> None:
        """Have running what an earlier daemon had, or what `start` asked for."""
        if orders:
            names = [order.service for order in orders if not order.stopped]
        else:
            names = list(self._asked.start) or [s.name for s in self._services.config.services]
        for supervisor in self._services.all():
            if supervisor.service.name in names:
                await supervisor.start()

    async def _obey_signals(self, *, task_status: trio.TaskStatus[None]) -> None:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as received:
            task_status.started()
            async for number in received:
                if number == signal.SIGHUP:
                    await self._apply_on_signal()
                else:
                    self._stopping.set()

    async def _apply_on_signal(self) -> None:
        try:
            _, failures = await self._apply_file()
        except WebqxError as error:
            self._registry.tell("refused", f"SIGHUP: {error}")
            return
        for failure in failures:
            self._registry.tell("failed", failure.reason, service=failure.name)

    async def _apply_file(self) -> tuple[Sequence[Change], list[Failure]]:
        async with self._applying:
            new = await compile_apart(str(self._places.file))
            changes, failures = await self._services.apply(new)
            self._proxies.resize(new.proxies)
            wanted.write(self._places.wanted, wanted.Wanted(self._services.config))
            self._save()
            return changes, failures

    def _table(self, version: int) -> Table:
        return table.build(version, self._services.config, self._services.all())

    def _last_requests(self) -> float:
        drains = [service.stop.drain for service in self._services.config.services]
        return min(LAST_REQUESTS, max(drains, default=0.0))

    async def _keep_journal(self) -> None:
        while True:
            self._save()
            await self._registry.next_change()

    def _save(self) -> None:
        if self._adopting:
            return
        supervisors = self._services.all()
        workers = (worker.entry() for each in supervisors for worker in each.everyone)
        entries = journal.Entries(
            boot_id=boot_id(),
            orders=tuple(each.order() for each in supervisors),
            workers=tuple(entry for entry in workers if entry is not None),
            proxies=self._proxies.entries(),
        )
        if entries != self._saved:
            self._saved = entries
            journal.write(self._places.journal, entries)
