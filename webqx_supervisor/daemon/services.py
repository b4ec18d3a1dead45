"""All services of one services.toml: find them by name, and make what runs match the file."""

import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

import trio

from webqx_supervisor.core import ports, reconcile, selection
from webqx_supervisor.core.order import followers, forerunners
from webqx_supervisor.core.sides import Sides
from webqx_supervisor.daemon import means
from webqx_supervisor.daemon.attendance import Attendance
from webqx_supervisor.daemon.dependencies import Dependencies
from webqx_supervisor.daemon.inorder import in_order, restart_in_order
from webqx_supervisor.daemon.journal import Order
from webqx_supervisor.daemon.launch import Resources
from webqx_supervisor.daemon.sockets import ListeningSockets
from webqx_supervisor.daemon.supervisor import Supervisor
from webqx_supervisor.daemon.worker import Worker
from webqx_supervisor.model.config import Config
from webqx_supervisor.model.errors import NotReady
from webqx_supervisor.model.service import Service
from webqx_supervisor.process.identity import Identity
from webqx_supervisor.process.spawn import Entry
from webqx_supervisor.process.terminal import Terminal

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Failure:
    """A service that did not come up, or could not be reloaded."""

    name: str
    reason: str
    lines: tuple[str, ...] = field(default=())
    """The last that the worker wrote."""
    kept: bool = False
    """It goes on as it was: what was to replace it did not get ready."""


class Services:
    """One supervisor for each service that is wanted."""

    def __init__(
        self,
        config: Config,
        resources: Resources,
        sockets: ListeningSockets,
        profiles: tuple[str, ...] = (),
    ) -> None:
        self.config = config
        self.profiles = profiles
        """Those that are active."""
        self._sockets = sockets
        self._resources = resources
        self._supervisors: dict[str, Supervisor] = {}
        self._nursery: trio.Nursery | None = None
        self._dependencies = Dependencies(resources.registry, self._supervisors.get)
        self._closing = trio.Event()
        self.gone = trio.Event()
        resources.ledger.follow(self.leaders)

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Hold the nursery of the supervisors; ends when `close` was called and all are gone."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for service in self.config.services:
                await self._supervise(service)
            task_status.started()
            await self._closing.wait()
            leaving = self.all()
            order = followers([each.service for each in leaving])
            await in_order(leaving, Supervisor.leave, order)
        self.gone.set()

    def close(self) -> None:
        """Let all workers leave, and `run` end."""
        self._closing.set()

    def recall(self, orders: Iterable[Order]) -> None:
        """Take over what was asked for by hand of an earlier daemon."""
        for order in orders:
            if order.service in self._supervisors:
                self._supervisors[order.service].recall(order)

    def all(self) -> list[Supervisor]:
        """Return the supervisors in the order of services.toml, those on their way out last."""
        order = {service.name: at for at, service in enumerate(self.config.services)}
        everyone = self._supervisors.values()
        return sorted(everyone, key=lambda each: order.get(each.service.name, len(order)))

    def leaders(self) -> list[tuple[str, Identity]]:
        """Return the cookie and the process of each worker."""
        everyone = [worker.started for each in self.all() for worker in each.everyone]
        return [(each.cookie, each.process.identity) for each in everyone if each is not None]

    async def memory(self) -> dict[int, int]:
        """Return the octets that the tree of each worker has resident, by the worker's pid."""
        return await self._resources.ledger.memory()

    def named(self, words: Sequence[str]) -> list[Supervisor]:
        """Return those that names, groups and globs mean; all without words.

        Raises NoSuchService.
        """
        return self._known(selection.select(words, self.config))

    def to_start(self, words: Sequence[str]) -> list[Supervisor]:
        """Return the same without those that no active profile wants. Raises NoSuchService."""
        up = {each.service.name for each in self.all() if not each.stopped}
        return self._known(selection.to_start(words, self.config, self.profiles, up))

    def one(self, name: str) -> Supervisor:
        """Return the one of this name. Raises NoSuchService, UsageError for a group or glob."""
        return self._supervisors[selection.one(name, self.config)]

    async def secrets(self, service: Service) -> dict[str, str]:
        """Return the secrets of a service as they are now. Raises CannotStart."""
        return await self._resources.secrets.read(service)

    def guest(self, service: Service, worker: Worker | None) -> Entry:
        """Return what a process takes on to be beside a worker. Raises CannotStart."""
        started = worker.started if worker else None
        cookie = started.cookie if started else ""
        return means.of_a_guest(service, cookie, self._resources.private)

    def terminal(self, worker: Worker) -> Terminal | None:
        """Return the terminal of a worker's process, if it has one."""
        started = worker.started
        return self._resources.output.terminal(started.cookie) if started else None

    def wants(self, service: Service) -> bool:
        """Say whether a service is started with all the others."""
        return selection.is_active(service, self.profiles)

    def _known(self, names: Iterable[str]) -> list[Supervisor]:
        # In the midst of an apply a new service may have no supervisor yet.
        return [self._supervisors[name] for name in names if name in self._supervisors]

    async def settle(self, supervisors: Iterable[Supervisor]) -> list[Failure]:
        """Wait until all these are up or will not be soon; return those that are not."""
        failures = []
        for supervisor in supervisors:
            name = supervisor.service.name
            failed = await supervisor.settle()
            if failed:
                worker = failed[0]
                failures.append(Failure(name, worker.reason, tuple(worker.last_lines)))
            elif unbound := self._unbound(name):
                failures.append(Failure(name, unbound))
        return failures

    def try_listeners_again(self) -> None:
        """Bind what could not be bound before; for a start by hand."""
        self._sockets.try_again()

    async def each(
        self, supervisors: Iterable[Supervisor], verb: Callable[[Supervisor], Awaitable[None]]
    ) -> None:
        """Do the same to all of these, side by side."""
        async with trio.open_nursery() as nursery:
            for supervisor in supervisors:
                nursery.start_soon(verb, supervisor)

    async def stop(self, supervisors: Sequence[Supervisor]) -> None:
        """Stop these, each after those that depend on it."""
        order = followers([each.service for each in supervisors])
        await in_order(supervisors, Supervisor.stop, order)
        for each in supervisors:
            if each.stopped:  # nobody has started it meanwhile
                self._sockets.rest(each.service.name)

    async def restart(self, supervisors: Sequence[Supervisor]) -> None:
        """Stop these in reverse order, then start them in order."""
        await restart_in_order(supervisors)

    async def come_to_rest(self) -> None:
        """Return when every verb that is being carried out is done; let none begin any more."""
        for supervisor in self.all():
            await supervisor.come_to_rest()

    async def reload(self, supervisors: Iterable[Supervisor]) -> list[Failure]:
        """Reload these, side by side; return those that failed and so stayed as they were."""
        failures: list[Failure] = []
        async with trio.open_nursery() as nursery:
            for supervisor in supervisors:
                nursery.start_soon(self._reload, supervisor, None, failures)
        return failures

    async def apply(self, new: Config) -> tuple[tuple[reconcile.Change, ...], list[Failure]]:
        """Make what runs match `new`; touch nothing that did not change. Return what was done.

        A service that cannot be reloaded keeps its old definition and its old workers.
        """
        old, changes = self.config, reconcile.plan(self.config, new)
        sides = Sides(old, new)
        self._listen(sides.before())
        # What goes, goes first: its ports may be wanted again.
        for change in changes:
            if isinstance(change, reconcile.Removed):
                await self._remove(self._supervisors[change.service])
        unreloaded: list[Failure] = []

        async def make_so(supervisor: Supervisor) -> None:
            service = new.service(supervisor.service.name)
            assert service is not None, "what is not in it was removed"
            await self._change(service, changes, unreloaded, sides)

        for service in new.services:
            if service.name not in self._supervisors:
                await self._supervise(service)
        await in_order(self.all(), make_so, forerunners(new.services))
        kept = {failure.name for failure in unreloaded}
        self.config = replace(
            self.config,
            services=tuple(
                (old.service(each.name) if each.name in kept else None) or each
                for each in new.services
            ),
        )
        others = [each for each in self.all() if each.service.name not in kept and not each.stopped]
        done = (each for each in changes if not _is_reload_of(each, kept))
        return tuple(done), unreloaded + await self.settle(others)

    async def _change(
        self,
        service: Service,
        changes: Sequence[reconcile.Change],
        failures: list[Failure],
        sides: Sides,
    ) -> None:
        """Carry out, in order, what is to change of one service."""
        was_wanted = self.wants(self._supervisors[service.name].service)
        for change in changes:
            match change:
                case reconcile.Added(service.name):
                    if self.wants(service):
                        await self._supervisors[service.name].start(by_hand=False)
                case reconcile.Reloaded(service.name):
                    await self._reload_as(service, failures, sides)
                case reconcile.Retuned(service.name):
                    self._supervisors[service.name].retune(service)
                case reconcile.Scaled(service.name, after=after):
                    supervisor = self._supervisors[service.name]
                    if supervisor.stopped:
                        supervisor.wanted = after
                    else:
                        await supervisor.scale(after)
        if self.wants(service) and not was_wanted:  # its profile kept it down until now
            await self._supervisors[service.name].start()

    async def _reload_as(self, new: Service, failures: list[Failure], sides: Sides) -> None:
        """Reload a service to its new definition, and change who accepts if that is part of it."""
        name, changing = new.name, new.name in sides.changing
        if changing:
            self._listen(sides.during(self.config, name))
        await self._reload(self._supervisors[name], new, failures)
        if changing:
            replaced = all(failure.name != name for failure in failures)
            self._listen(sides.after(self.config, name, replaced=replaced))

    def _listen(self, config: Config) -> None:
        self.config = config
        self._sockets.follow(config.listeners)

    async def _reload(
        self, supervisor: Supervisor, service: Service | None, failures: list[Failure]
    ) -> None:
        try:
            await supervisor.reload(service)
        except NotReady as error:
            name = supervisor.service.name
            failures.append(Failure(name, str(error), error.lines, kept=True))

    def _unbound(self, name: str) -> str:
        """Return why an address of this service is not listened on; "" when all are."""
        listeners = self.config.listeners_of(name)
        problems = self._sockets.problems.items()
        return next((problem for (each, _), problem in problems if each in listeners), "")

    async def _supervise(self, service: Service) -> Supervisor:
        supervisor = Supervisor(
            service,
            self._resources,
            gate=self._dependencies.until_met,
            reserved=lambda: self._ports_of_others(service.name),
        )
        self._supervisors[service.name] = supervisor
        assert self._nursery is not None, "run() comes first"
        await self._nursery.start(supervisor.run)
        self._nursery.start_soon(Attendance(supervisor, self._resources, self._dependencies).run)
        return supervisor

    def _ports_of_others(self, name: str) -> set[int]:
        """Return the ports that other services count on, or have now: reloads take spare ones."""
        others = (each for each in self._supervisors.values() if each.service.name != name)
        workers = (worker for each in others for worker in each.everyone)
        taken = {worker.port for worker in workers if worker.port is not None}
        return ports.reserved_by_others(self.config.services, name) | taken

    async def _remove(self, supervisor: Supervisor) -> None:
        await supervisor.stop()
        supervisor.close()
        del self._supervisors[supervisor.service.name]
        self._resources.registry.changed()


def _is_reload_of(change: reconcile.Change, names: Collection[str]) -> bool:
    return isinstance(change, reconcile.Reloaded) and change.service in names
