"""One service: as many workers as wanted. Start, stop, restart, reload, scale, one at a time.

Every verb holds the service's lock, so that two of them never interleave. What a verb does to
several workers it does to all at once, except `reload`, which goes one by one.
"""

import math
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress

import trio

from webqx_supervisor.core import ports
from webqx_supervisor.core.lifecycle import ASLEEP, summary
from webqx_supervisor.core.reconcile import resize
from webqx_supervisor.daemon.entries import finished
from webqx_supervisor.daemon.journal import Finished, Order
from webqx_supervisor.daemon.launch import Resources
from webqx_supervisor.daemon.remote import Remote
from webqx_supervisor.daemon.worker import Worker
from webqx_supervisor.model.errors import CannotStart, NotReady
from webqx_supervisor.model.service import Kind, Service
from webqx_supervisor.model.status import WorkerState

_RESTING = (WorkerState.BACKOFF, WorkerState.FATAL, WorkerState.EXITED)


class Supervisor:
    """The supervisor of one service: `run` opens the workers' nursery, lives until all are gone."""

    def __init__(
        self,
        service: Service,
        resources: Resources,
        *,
        gate: Callable[[Worker], Awaitable[None]],
        reserved: Callable[[], Collection[int]],
    ) -> None:
        self.service = service
        self.wanted = service.instances
        self.stopped = True
        """Not asked for yet, or stopped by hand: `apply` and a new daemon leave it so."""
        self.workers: dict[int, Worker] = {}
        self.passing: list[Worker] = []
        """Workers beside the numbered ones: newcomers on trial, and old ones that drain."""
        self._resources = resources
        self._gate = gate
        self._reserved = reserved
        self._lock = trio.Lock()
        self._restarting = False
        self._renewed_at = -math.inf
        self._finished: dict[int, Finished] = {}
        self._nursery: trio.Nursery | None = None
        self.closing = trio.Event()
        """It is told to let everyone leave."""
        self.tuned = trio.Event()
        """Set when another definition of the service comes, which has an event of its own."""
        self._gone = trio.Event()

    @property
    def everyone(self) -> list[Worker]:
        """All workers in the order of their numbers; of one number, the old one first."""
        everyone = [*self.passing, *self.workers.values()]
        return sorted(everyone, key=lambda worker: worker.instance)

    @property
    def state(self) -> str:
        """The word for the whole service."""
        if self.asleep and not self.workers:
            return ASLEEP
        wanted = 0 if self.stopped else self.wanted
        return summary(wanted, [(w.state, w.healthy) for w in self.workers.values()])

    @property
    def asleep(self) -> bool:
        """Whether it has no workers because nobody has asked for any: a request wakes it."""
        return self._has_scaled_to_zero and not self.stopped

    @property
    def expecting(self) -> bool:
        """Whether a worker is about to come, so that requests may wait for it."""
        return self._restarting or self.asleep or any(worker.coming for worker in self.everyone)

    @property
    def up(self) -> bool | None:
        """Whether requests find a worker, one that they wake if it sleeps.

        None where nobody asks it to run: stopped by hand, or a task.
        """
        if self.asleep:
            return True
        if self.stopped or not self.wanted or self.service.kind is Kind.TASK:
            return None
        return any(w.state is WorkerState.RUNNING and w.healthy for w in self.everyone)

    @property
    def well(self) -> bool:
        """Whether it is as it is to be: it serves, is not asked to, or its work is done."""
        workers = self.workers.values()
        if self.state == WorkerState.EXITED:
            return all(w.well for w in workers if w.state is WorkerState.EXITED)
        waits = self.service.schedule.cron and self.state == WorkerState.STOPPED
        unasked = self.stopped or self.asleep or not self.wanted
        return bool(waits) or unasked or self.state == WorkerState.RUNNING

    @property
    def reason(self) -> str:
        """Why it is not up, as far as one reason tells it."""
        reasons = (worker.reason for worker in self.workers.values() if worker.reason)
        return next(reasons, "stopped" if not self.workers else "")

    @property
    def renewed_at(self) -> float:
        """When it last began anew, the whole or a worker that had ended; on trio's clock."""
        again = (w.started.since for w in self.workers.values() if w.restarts and w.started)
        return max([self._renewed_at, *again])

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hold the nursery of the workers; ends when `close` was called and all are gone."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            task_status.started()
            await self.closing.wait()
            await self._dismiss(self.everyone)
        self._gone.set()

    async def leave(self) -> None:
        """Let everyone leave, and `run` end; return when it has."""
        self.close()
        await self._gone.wait()

    def close(self) -> None:
        """Let everyone leave, and `run` end."""
        self.closing.set()

    def recall(self, order: Order) -> None:
        """Take over what was asked for by hand of an earlier daemon."""
        self.wanted = self.service.instances if self.service.remote else order.instances
        self.stopped = order.stopped
        self._finished = {each.instance: each for each in order.finished}

    def order(self) -> Order:
        """Return what the next daemon is to take over."""
        everyone = (finished(worker) for worker in self.workers.values())
        done = tuple(each for each in everyone if each is not None)
        return Order(self.service.name, self.wanted, self.stopped, done)

    async def start(self, *, by_hand: bool = True) -> None:
        """Have all wanted workers started; `by_hand` also those that rest or were given up."""
        async with self._lock:
            if by_hand and self._has_scaled_to_zero:
                self.wanted = max(1, self.service.instances)
            self.stopped = False
            for worker in self.workers.values():
                if by_hand and worker.state in _RESTING and not worker.completed:
                    worker.nudge()
            self._fill()
        self._resources.save()

    async def stop(self) -> None:
        """Stop all workers: drain, signal, grace, kill."""
        async with self._lock:
            self.stopped = True
            self._resources.save()  # first: a daemon that dies meanwhile is not to start them
            await self._dismiss(self.everyone)
        self._resources.save()

    async def restart(self, between: Callable[[], Awaitable[None]] | None = None) -> None:
        """Stop all workers and start them anew, when `between` is done; meanwhile requests wait."""
        async with self._lock:
            self._restarting = True
            for worker in self.workers.values():
                if worker.started is not None:
                    self._resources.life.restarted(self.service.name, worker.instance, "restart")
            try:
                await self._dismiss(self.everyone)
                if between is not None:
                    await between()
                self.stopped, self._renewed_at = False, trio.current_time()
                self._fill()
            finally:
                self._restarting = False
        self._resources.save()

    async def scale(self, wanted: int) -> None:
        """Have `wanted` workers: fill holes lowest first, let the highest numbers leave."""
        async with self._lock:
            leaving = self._resize(wanted)
        await _until_gone(leaving)
        self._resources.save()

    def resize(self, wanted: int) -> bool:
        """Do the same without waiting for those that leave; not while a verb is carried out.

        Returns whether it was done.
        """
        if self._lock.locked() or self.stopped:
            return False
        self._resize(wanted)
        return True

    async def reload(
        self, service: Service | None = None, only: Callable[[Worker], bool] | None = None
    ) -> None:
        """Replace the workers one by one, each by one that has proven itself; nothing is lost.

        `only` says which of them, asked when their turn comes. With `service` the newcomers
        follow that new definition. Raises NotReady at the first newcomer that fails; all workers
        that are left go on as they were. A task has nothing to lose: it runs again when its
        definition is new, and only then.
        """
        async with self._lock:
            new = service or self.service
            if self.service.remote or new.remote:
                await self._move(new)
            elif Kind.TASK in (self.service.kind, new.kind):
                if service is not None:
                    await self._run_again(service)
            else:
                await self._renew(new, only)
        self._resources.save()

    async def come_to_rest(self) -> None:
        """Return when the verb that is being carried out is done; let none begin any more."""
        await self._lock.acquire()

    def retune(self, service: Service) -> None:
        """Take over policies that no process sees."""
        self._take(service)
        for worker in self.everyone:
            worker.retune(service)

    def adopt(self, worker: Worker) -> None:
        """Take in a worker whose process an earlier daemon started."""
        unwanted = self.stopped or worker.instance > self.wanted
        leaving = worker.state not in (WorkerState.STARTING, WorkerState.RUNNING)
        if unwanted or leaving or worker.instance in self.workers:
            self._join(worker, self.passing)
            worker.leave()
        else:
            self._join(worker)

    @property
    def _has_scaled_to_zero(self) -> bool:
        autoscale = self.service.autoscale
        return self.wanted == 0 and autoscale is not None and autoscale.min == 0

    async def settle(self) -> list[Worker]:
        """Wait until every wanted worker is up or will not be soon; return those that failed."""
        await self._resources.registry.until(
            lambda: all(worker.settled for worker in self.workers.values())
        )
        return [worker for worker in self.workers.values() if worker.failed]

    async def _renew(self, service: Service, only: Callable[[Worker], bool] | None) -> None:
        for instance in sorted(self.workers):
            if only is None or only(self.workers[instance]):
                await self._replace(self.workers[instance], service)
        self._begun_anew(service)

    async def _run_again(self, task: Service) -> None:
        await self._dismiss(self.everyone)
        self._begun_anew(task)

    def _begun_anew(self, service: Service) -> None:
        self._renewed_at = trio.current_time()
        self._take(service)
        if not self.stopped:
            self._fill()
        self._resources.registry.changed()

    def _take(self, service: Service) -> None:
        if service != self.service:
            self.service = service
            self.tuned.set()
            self.tuned = trio.Event()

    async def _move(self, service: Service) -> None:
        """Leave what is elsewhere, or go there; that can be neither started nor tried out."""
        if service == self.service:
            return
        old = list(self.workers.values())
        self.passing += old
        self.workers.clear()
        self._take(service)
        self.wanted = service.instances
        if not self.stopped:
            self._fill()
        await self._dismiss(old)

    async def _replace(self, old: Worker, service: Service) -> None:
        new = self._create(service, old.instance)
        new.on_trial, new.restarts = True, old.restarts
        self._join(new, self.passing)
        judged = False
        try:
            await self._resources.registry.until(
                lambda: not new.on_trial or new.gone.is_set() or new.blocked
            )
            if new.blocked:  # by what it waits for, and will wait for in vain
                reason = new.reason
                new.leave()
                await new.gone.wait()
                new.reason = reason
            judged = True
        finally:
            if not judged:  # cancelled: nobody is left to give it the place
                new.leave()
        if new.gone.is_set():
            raise NotReady(f"{new.name}: {new.reason}", new.last_lines)
        self.passing.remove(new)
        self.passing.append(old)
        self.workers[old.instance] = new
        self._resources.registry.changed()
        self._resources.life.restarted(service.name, old.instance, "reload")
        old.leave()
        await old.gone.wait()
        self._resources.save()

    def _resize(self, wanted: int) -> list[Worker]:
        """Have others start or leave; those that leave drain beside the numbered ones."""
        self.wanted, self.stopped = wanted, False
        self._resources.save()
        _, numbers = resize(wanted, self.workers)
        leaving = [self.workers.pop(each) for each in numbers]
        self.passing += leaving
        self._fill()
        for worker in leaving:
            worker.leave(replaced=wanted > 0)
        self._resources.registry.changed()
        self._resources.save()
        return leaving

    def _fill(self) -> None:
        starting, _ = resize(self.wanted, self.workers)
        for instance in starting:
            self._join(self._create(self.service, instance))

    def _create(self, service: Service, instance: int) -> Worker:
        if service.remote:
            return Remote(service, instance, self._resources)
        port = None
        if service.port is not None:
            taken = [worker.port for worker in self.everyone if worker.port is not None]
            with suppress(CannotStart):  # the worker says so itself, and is FATAL
                port = ports.pick(service.port, taken, self._reserved())
        worker = Worker(service, instance, port, self._resources)
        if done := self._finished.pop(instance, None):
            worker.rest(done)
        return worker

    def _others_serve(self, worker: Worker) -> bool:
        others = (each for each in self.workers.values() if each is not worker)
        return any(each.state is WorkerState.RUNNING and each.healthy for each in others)

    def _join(self, worker: Worker, room: list[Worker] | None = None) -> None:
        worker.has_peers = lambda: self._others_serve(worker)
        if room is None:
            self.workers[worker.instance] = worker
        else:
            room.append(worker)
        assert self._nursery is not None, "run() comes first"
        self._nursery.start_soon(self._live, worker)

    async def _live(self, worker: Worker) -> None:
        """Live one worker's life, then clear its place: whoever asked it to leave may be gone."""
        await worker.live(lambda: self._gate(worker))
        if self.workers.get(worker.instance) is worker:
            del self.workers[worker.instance]
        if worker in self.passing:
            self.passing.remove(worker)
        self._resources.registry.changed()

    async def _dismiss(self, leaving: list[Worker], *, replaced: bool = False) -> None:
        for worker in leaving:
            worker.leave(replaced=replaced)
        await _until_gone(leaving)


async def _until_gone(leaving: list[Worker]) -> None:
    for worker in leaving:
        await worker.gone.wait()
