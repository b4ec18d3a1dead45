"""The daemon: order of birth, order of shutdown.

Nesting is shutdown order: the doors close first, then the proxies finish what is in flight,
and the workers leave last.
"""

import logging
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

import trio

from webqx_supervisor import __version__
from webqx_supervisor.config import wanted
from webqx_supervisor.config.places import Places, digest
from webqx_supervisor.control import fdstore
from webqx_supervisor.control.server import Handler, serve
from webqx_supervisor.core import selection
from webqx_supervisor.core.reconcile import Change
from webqx_supervisor.daemon import journal, table
from webqx_supervisor.daemon.adoption import Adoption
from webqx_supervisor.daemon.audit import AuditLog
from webqx_supervisor.daemon.auditdoor import AuditDoor, view
from webqx_supervisor.daemon.autoscale import Autoscaling
from webqx_supervisor.daemon.compile import compile_apart
from webqx_supervisor.daemon.credentials import CredentialStore
from webqx_supervisor.daemon.entries import entry
from webqx_supervisor.daemon.evidence import Evidence
from webqx_supervisor.daemon.handlers import Handlers, Pulse
from webqx_supervisor.daemon.hearing import Hearing
from webqx_supervisor.daemon.keyfetch import Fetcher
from webqx_supervisor.daemon.launch import Resources
from webqx_supervisor.daemon.logs import LogReader
from webqx_supervisor.daemon.looking import Looking
from webqx_supervisor.daemon.orphans import Orphans
from webqx_supervisor.daemon.pauses import Pauses
from webqx_supervisor.daemon.probe import Prober
from webqx_supervisor.daemon.proxies import Proxies
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.daemon.renewal import Renewal
from webqx_supervisor.daemon.secrets import Secrets
from webqx_supervisor.daemon.services import Failure, Services
from webqx_supervisor.daemon.sockets import ListeningSockets
from webqx_supervisor.daemon.statefolder import StateFolder
from webqx_supervisor.daemon.status import Notes
from webqx_supervisor.daemon.tracing import Exporting
from webqx_supervisor.daemon.views import Views
from webqx_supervisor.model.errors import WebqxError
from webqx_supervisor.model.gateway import Table
from webqx_supervisor.process import cgroups
from webqx_supervisor.process.identity import boot_id
from webqx_supervisor.process.output import Output

log = logging.getLogger(__name__)

LOOK = 1.0
"""s between two looks at whether the state folder is still there."""
LAST_REQUESTS = 10.0
"""When everything stops, what is in flight gets so many seconds at most."""


class Daemon:
    """The parts, put together; `run` is their life."""

    def __init__(self, places: Places, asked: wanted.Wanted, output: Output) -> None:
        self._places = places
        self._asked = asked
        self._inherited = fdstore.inherited()
        lock = self._inherited.pop(fdstore.LOCK, [])  # open as long as we live: one daemon only
        self._saved = journal.read(places.journal)
        self._adopting = True  # until then the journal of the daemon before counts
        self._store = fdstore.FdStore()
        self._watchdog = fdstore.watchdog()
        self._store.recall({fdstore.LOCK: lock, **self._inherited})
        self._folder = StateFolder(places, self._store, lock[0] if lock else None)
        secrets = Secrets()
        output.mask = secrets.masked_lines
        self._registry = Registry(mask=secrets.masked)
        self._orphans = Orphans()
        self._stopping = trio.Event()
        self._applying = trio.Lock()
        self._output = output
        self._prober = Prober()
        self._sockets = ListeningSockets(self._store, self._registry)
        self._proxies: Proxies
        self._renewal = Renewal(places.state_dir, self._store, output, self._save_all)
        resources = Resources(
            registry=self._registry,
            output=output,
            store=self._store,
            prober=self._prober,
            logs=places.logs,
            idle=lambda upstream: self._proxies.idle(upstream),  # noqa: PLW0108 - comes later
            traffic=lambda upstream: self._proxies.figures.traffic(upstream),  # noqa: PLW0108
            counts=lambda: self._proxies.figures.counts(),  # noqa: PLW0108
            silence=lambda upstream: self._proxies.figures.silence(upstream),  # noqa: PLW0108
            save=self._save,
            evidence=Evidence(self._registry, places.deaths),
            secrets=secrets,
            sockets=self._sockets,
            ground=cgroups.find(
                f"{asked.config.name}-{digest(places.state_dir)[:8]}",
                by_systemd=self._renewal.by_systemd,
            ),
            private=places.private,
        )
        self._resources = resources
        self._proxies_are_new = False
        self._fetcher = Fetcher()
        self._audit = AuditLog(places, self._registry)
        self._exporting = Exporting(self._registry, str(places.spans))
        self._exporting.follow(asked.config.tracing)
        self._credentials = CredentialStore(self._registry, self._fetcher, places.keys)
        self._credentials.follow(asked.config.routes)
        self._services = Services(asked.config, resources, self._sockets, asked.profiles)
        before = self._saved.pauses if self._saved.boot_id == boot_id() else ()
        self.pauses = Pauses(self._registry, lambda: self._services.config, before)
        self._proxies = Proxies(
            self._table,
            self._sockets,
            self._store,
            self._registry,
            [str(places.logs)],
            Hearing(
                resources,
                self._credentials,
                lambda services: self._autoscaling.requests_wait(services),  # noqa: PLW0108 - later
            ).hear,
        )
        self._autoscaling = Autoscaling(
            self._services.all, self._proxies.figures.survey, self._registry
        )
        self.views: Views

    async def run(self) -> None:
        """Live until told to stop; then let everything end in order."""
        self.views = Views(
            self._services,
            self._proxies,
            self._resources,
            self._places,
            Notes(
                keeper_pid=lambda: self._renewal.keeper_pid,
                paused=self.pauses.all,
                autoscale=self._autoscaling.status,
            ),
        )
        self.views.dashboard.adopt(self._inherited)
        adoption = Adoption(
            self._saved, self._inherited, self._orphans, self._store, self._renewal.keeper_pid
        )
        self._sockets.adopt(self._inherited)
        still_there = adoption.proxies(self._sockets)
        adoption.handed(self._services.config.listeners, self._sockets)
        self._sockets.follow(self._services.config.listeners)
        # Before the workers: they may hold requests of any.
        self._proxies.adopt(still_there, self._inherited)
        self._proxies.counters.keep(self._resources.life)
        async with trio.open_nursery() as workers:
            for pipe in self._inherited.pop("orphans", []):
                workers.start_soon(self._orphans.listen, pipe)
            workers.start_soon(self._credentials.run)
            workers.start_soon(self._exporting.run)
            workers.start_soon(self._sign_of_life)
            await workers.start(self._services.run)
            self._services.recall(adoption.orders())
            await adoption.workers(self._services, self._resources)
            async with trio.open_nursery() as proxies:
                count = self._services.config.proxies
                await proxies.start(self._proxies.run, count)
                await adoption.close_rest()
                self._adopting = False
                workers.start_soon(self._keep_journal)
                workers.start_soon(self._resources.evidence.watch, self._services.memory)
                workers.start_soon(self._resources.evidence.keep_saved)
                await self._audit.begin(self._services.config.audit)
                workers.start_soon(self._audit.run)
                await self._open_doors(adoption.orders())
                await self._proxies.leave(self._last_requests())
            self._services.close()
            await self._services.gone.wait()
            workers.cancel_scope.cancel()
        self._resources.ground.leave()
        await self._audit.end("stopped")
        self._resources.evidence.save()
        await self._prober.aclose()
        await self._fetcher.aclose()
        self._sockets.close()
        self._places.journal.unlink(missing_ok=True)
        if self._renewal.by_systemd:  # which may outlive us, and starts another one some day
            self._store.remove(fdstore.LOCK)

    async def _sign_of_life(self) -> None:
        """Tell systemd that this loop turns, to the very end, if it wants to know (WatchdogSec)."""
        while self._watchdog is not None:
            self._store.notify(b"WATCHDOG=1")
            await trio.sleep(self._watchdog)

    async def _open_doors(self, orders: Sequence[journal.Order]) -> None:
        """Answer commands and signals until told to stop."""
        logs = LogReader(self._places.logs, self._output, self._services)
        evidence = self._resources.evidence
        looking = Looking(self._services, self.views, self._registry, logs, evidence)
        handlers = Handlers(self._services, self._registry, looking, self)
        look = partial(view, self._services, self.pauses)
        door = AuditDoor(self._audit, handlers.handle, look)
        async with trio.open_nursery() as doors:
            await doors.start(serve, str(self._places.socket), door.handle)
            await doors.start(self._obey_signals, door)
            doors.start_soon(self._start_wanted, orders)
            doors.start_soon(self._replace_old_proxies)
            doors.start_soon(self._sockets.keep_trying)
            doors.start_soon(self.views.run, partial(door.handle, via="dashboard"))
            doors.start_soon(self._autoscaling.run)
            doors.start_soon(self._mind_folder, doors, door.handle)
            self._store.notify(b"READY=1")
            self._registry.tell("started", f"daemon pid {os.getpid()}")
            await self._stopping.wait()
            self._store.notify(b"STOPPING=1")
            self._registry.tell("stopping", "all services and the daemon")
            doors.cancel_scope.cancel()

    async def _mind_folder(self, doors: trio.Nursery, handle: Handler) -> None:
        """Have the state folder mended when somebody removed it, and daemon.log kept short."""
        while True:
            await trio.sleep(LOOK)
            if self._folder.log_is_long():
                with suppress(OSError):  # a full disk: it is tried again
                    await trio.to_thread.run_sync(self._folder.put_log_aside)
            if self._folder.is_whole():
                continue
            try:
                if not self._folder.mend():
                    log.warning("another daemon has taken over the state folder of this one")
                    continue
                self._write_wanted()
                if not self._places.socket.exists():  # it may lie elsewhere, see Places
                    await doors.start(serve, str(self._places.socket), handle)
            except (OSError, WebqxError) as error:
                log.warning("cannot mend the state folder: %s", error)
                continue
            self._saved = journal.Entries()
            self._save_all()
            self._exporting.restart()
            self._registry.tell("mended", f"the state folder {self._places.state_dir} was gone")

    async def _start_wanted(self, orders: Sequence[journal.Order]) -> None:
        """Have running what an earlier daemon had, or what `start` asked for."""
        if orders:
            names = [order.service for order in orders if not order.stopped]
        else:
            services = self._services
            everyone = [each.name for each in services.config.services if services.wants(each)]
            names = list(self._asked.start) or everyone
        for supervisor in self._services.all():
            if supervisor.service.name in names:
                await supervisor.start(by_hand=False)

    async def _replace_old_proxies(self) -> None:
        """Do the second half of an upgrade that the daemon before has begun."""
        if self._saved.renewing:
            drains = [service.stop.drain for service in self._services.config.services]
            await self._proxies.renew(max(drains, default=LAST_REQUESTS))
        self._proxies_are_new = True
        self._save()

    def shut_down(self) -> None:
        """Have everything end: doors, proxies, workers."""
        self._stopping.set()

    def pulse(self) -> Pulse:
        """Say how the daemon itself is."""
        return Pulse(
            pid=os.getpid(),
            version=__version__,
            kept=self._renewal.is_kept,
            renewing=not self._proxies_are_new,
        )

    async def renew(self, *, proxies: bool) -> Callable[[], object]:
        """Get ready to give way to the code on the disk; return what does it, without a way back.

        Raises NotReady when that code cannot be loaded.
        """
        await self._renewal.check()
        await self._applying.acquire()  # what is being done is done to its end
        await self._services.come_to_rest()
        self._audit.will_end("upgraded")
        return lambda: self._renewal.carry_out(proxies=proxies)

    async def _obey_signals(self, door: AuditDoor, *, task_status: trio.TaskStatus[None]) -> None:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as received:
            task_status.started()
            async for number in received:
                if number == signal.SIGHUP:
                    await self._apply_on_signal(door)
                else:
                    await self._audit.tell("signal", signal=signal.Signals(number).name)
                    self._stopping.set()

    async def _apply_on_signal(self, door: AuditDoor) -> None:
        try:
            failures = await door.hang_up(self.apply)
        except WebqxError as error:
            self._registry.tell("refused", f"SIGHUP: {error}")
            return
        for failure in failures:
            self._registry.tell("failed", failure.reason, service=failure.name)

    async def apply(self, environment: str | None = None) -> tuple[Sequence[Change], list[Failure]]:
        """Compile services.toml and make it so, in the environment that was chosen before or now.

        Raises ConfigError, with nothing changed.
        """
        async with self._applying:
            if environment is None:
                environment = self._services.config.environment
            new = await compile_apart(str(self._places.file), environment)
            self._credentials.follow(new.routes)
            changes, failures = await self._services.apply(new)
            self._proxies.resize(new.proxies)
            await self._audit.follow(new.audit)
            self._proxies.counters.forget_all_but(new)
            self.views.follow(new)
            self._exporting.follow(new.tracing)
            self._write_wanted()
            self._save()
            return changes, failures

    def activate(self, profiles: Sequence[str]) -> None:
        """Have these profiles active as well, also for the next daemon. Raises NoSuchService."""
        selection.check_profiles(profiles, self._services.config)
        active = tuple(dict.fromkeys((*self._services.profiles, *profiles)))
        if active != self._services.profiles:
            self._services.profiles = active
            self._write_wanted()

    def _write_wanted(self) -> None:
        services = self._services
        wanted.write(
            self._places.wanted, wanted.Wanted(services.config, profiles=services.profiles)
        )

    async def in_force(self) -> None:
        """Return when every proxy follows what is wanted now, or within 5 s."""
        with trio.move_on_after(5):
            await self._proxies.follow()

    def _table(self, version: int) -> Table:
        suspects = self._resources.evidence.suspects
        config, supervisors = self._services.config, self._services.all()
        config = replace(config, routes=self.pauses.over(config.routes))
        credentials = self._credentials.current
        spans = str(self._places.spans)
        return table.build(version, config, supervisors, suspects, credentials, spans)

    def _last_requests(self) -> float:
        drains = [service.stop.drain for service in self._services.config.services]
        return min(LAST_REQUESTS, max(drains, default=0.0))

    async def _keep_journal(self) -> None:
        while True:
            self._save()
            await self._registry.next_change()

    def _save_all(self) -> None:
        self._save()
        self._resources.evidence.save()

    def _save(self) -> None:
        if self._adopting:
            return
        supervisors = self._services.all()
        workers = (entry(worker) for each in supervisors for worker in each.everyone)
        entries = journal.Entries(
            boot_id=boot_id(),
            orders=tuple(each.order() for each in supervisors),
            workers=tuple(each for each in workers if each is not None),
            proxies=self._proxies.entries(),
            pauses=self.pauses.all(),
            renewing=self._renewal.due or (self._saved.renewing and not self._proxies_are_new),
        )
        if entries != self._saved:
            self._saved = entries
            journal.write(self._places.journal, entries)
