"""One worker's life, from its first start to its last exit.

A Worker is a place in a service (an instance number and a port) with a process in it most of
the time. Its task starts the process, watches it, and after an exit asks core.restart what
follows. A reload puts a new Worker beside the old one and then asks the old one to leave.
"""

import logging
import math
import random
import signal
import time
from collections.abc import Awaitable, Callable
from functools import partial

import trio

from webqx_supervisor.core.lifecycle import Occasion, step
from webqx_supervisor.core.restart import Finish, GiveUp, Restarts, finish
from webqx_supervisor.daemon import hooks, launch
from webqx_supervisor.daemon.drain import Drain
from webqx_supervisor.daemon.journal import Finished, WorkerEntry
from webqx_supervisor.daemon.launch import Resources, Started
from webqx_supervisor.daemon.monitor import Monitor
from webqx_supervisor.daemon.race import either
from webqx_supervisor.model.errors import CannotStart
from webqx_supervisor.model.evidence import Death
from webqx_supervisor.model.exits import Exit
from webqx_supervisor.model.gateway import Upstream, UpstreamState, worker_id
from webqx_supervisor.model.service import Kind, Service
from webqx_supervisor.model.status import WorkerState
from webqx_supervisor.process import tree

log = logging.getLogger(__name__)

DUMP_TIME = 1.0
"""What a dump may take to reach the log, in seconds."""
HOPELESS = 3
"""So many exits in a row without a healthy time count as a failed start."""

_DOWN = (WorkerState.BACKOFF, WorkerState.EXITED, WorkerState.FATAL, WorkerState.STOPPED)


class Worker:
    """What is seen of one worker, and the task that lives it.

    `on_trial` is a worker that a reload or a scale-up has yet to prove: an exit before it is
    ready ends it instead of being healed.
    """

    remote: str | None = None
    """Where it is, if that is elsewhere (daemon.remote)."""

    def __init__(
        self, service: Service, instance: int, port: int | None, resources: Resources
    ) -> None:
        self.service = service
        self.instance = instance
        self.port = port
        self.state = WorkerState.STOPPED
        self.healthy = False
        self.reason = "waits for its time" if service.schedule.cron else ""
        self.restarts = 0
        self.started: Started | None = None
        self.on_trial = False
        self.exit_code: int | None = None
        self.well = False  # EXITED with success
        self.gone = trio.Event()
        self.last_lines: list[str] = []
        self._resources = resources
        self._history = Restarts(service.restart)
        self._leaving = trio.Event()
        self._drain = Drain(resources)
        self._nudged = trio.Event()
        self._burying = False
        self._verdict = ""
        self._ready_at = 0.0
        self._is_blocked: Callable[[], bool] = _never

    def __repr__(self) -> str:
        """Return `<Worker api:1 RUNNING pid 4711 port 3001>`."""
        return f"<Worker {self.name} {self.state} pid {self.pid} port {self.port}>"

    @property
    def name(self) -> str:
        """The worker in a person's words: `api:1`."""
        return f"{self.service.name}:{self.instance}"

    @property
    def pid(self) -> int | None:
        """The pid of its process, None between two of them."""
        return self.started.process.pid if self.started else None

    @property
    def identity(self) -> str:
        """How tables and figures name it, or would if it had a process."""
        return worker_id(self.service.name, self.instance, self.pid or 0)

    @property
    def upstream(self) -> Upstream | None:
        """How the proxies see it; None while it takes and holds no requests."""
        in_rotation = self.state in (WorkerState.RUNNING, WorkerState.DRAINING)
        if not in_rotation or self.port is None or self.pid is None:
            return None
        state = self._upstream_state()
        return Upstream(
            self.identity, "127.0.0.1", self.port, self.pid, state, ready_at=self._ready_at
        )

    @property
    def blocked(self) -> bool:
        """Whether it waits for a dependency that will itself not be up soon."""
        return self._is_blocked()

    @property
    def coming(self) -> bool:
        """Whether it is about to be up, so that requests may wait for it."""
        if self.state is WorkerState.STOPPED:
            return not (self.blocked or self._leaving.is_set() or self.gone.is_set())
        return self.state in (WorkerState.STARTING, WorkerState.BACKOFF)

    @property
    def settled(self) -> bool:
        """Whether its start has come to an end, good or bad: see `failed`."""
        if self.service.schedule.cron:  # nobody waits for its time
            return True
        if self._burying:  # its last words are still to come
            return False
        up = self.state is WorkerState.RUNNING and self.service.kind is not Kind.TASK
        return up or self.failed or self.state is WorkerState.EXITED

    @property
    def completed(self) -> bool:
        """Whether it is a task that has come to its end with success."""
        return self.service.kind is Kind.TASK and self.well

    @property
    def failed(self) -> bool:
        """Whether it is down and will not be up in a moment."""
        about_to_be_tried = self._nudged.is_set() and not self.blocked
        if about_to_be_tried or self.service.schedule.cron:
            return False
        if self.state is WorkerState.EXITED:
            return not self.well
        gave_up = self.blocked or self.state is WorkerState.FATAL
        return gave_up or self._history.streak >= HOPELESS

    def adopt(self, started: Started, entry: WorkerEntry) -> None:
        """Take over a process that an earlier daemon started; call before `live`."""
        self.started, self.state, self.restarts = started, entry.state, entry.restarts
        self.healthy = entry.state is WorkerState.RUNNING

    def rest(self, finished: Finished) -> None:
        """Take over that it has exited for good under an earlier daemon; call before `live`."""
        self.state, self.well, self.reason = WorkerState.EXITED, finished.well, finished.reason
        self.exit_code = finished.exit_code

    def retune(self, service: Service) -> None:
        """Take over a changed policy (health, stop, restart, logs) without touching the process."""
        if service.restart != self.service.restart:
            self._history = Restarts(service.restart)
        self.service = service

    def leave(self, *, replaced: bool = True) -> None:
        """Ask it to end for good; `gone` tells when.

        Unless it is `replaced` by others, nobody takes over from it: streams without an end are
        ended at once, instead of holding up the drain until its deadline.
        """
        self._drain.replaced = replaced
        self._leaving.set()
        self.nudge()

    def nudge(self) -> None:
        """Start at once, by hand: forget the backoff."""
        self._history.started_by_hand()
        self._nudged.set()

    async def live(self, gate: Callable[[], Awaitable[None]]) -> None:
        """Keep a process in this place until told to leave; `gate` holds back each start."""
        try:
            asleep = self.state is WorkerState.EXITED or self.service.schedule.cron
            if self.started is None and asleep:
                await self._rest(math.inf)
            while not self._leaving.is_set():
                if self.started is None:
                    await self._unless_leaving(gate)
                if self._leaving.is_set():
                    break
                try:
                    rest = await self._one_process()
                except Exception:  # a fault of ours costs this process, not the daemon
                    log.exception("the task of %s failed", self.name)
                    rest = await self._give_up_on_process()
                if self.on_trial:
                    return
                await self._rest(rest)
        finally:
            if not self.on_trial and self.state is not WorkerState.STOPPED:
                self._go(Occasion.STOPPED)
            self.gone.set()
            self._resources.registry.changed()

    async def _one_process(self) -> float:
        """Start, watch and bury one process; return how long to rest before the next, in s."""
        if self.started is None:
            self._nudged, self.well = trio.Event(), False
            self._go(Occasion.START)
            try:
                await self._unless_leaving(lambda: hooks.run("before_start", self, self._resources))
                if self._leaving.is_set():
                    self._go(Occasion.STOPPED)
                    return 0.0
                self.started = await launch.start(
                    self.service, self.instance, self.port, self._resources
                )
            except CannotStart as error:
                self.last_lines = getattr(error, "lines", [])
                return self._could_not_start(str(error))
            self._resources.save()
        return await self._watch(self.started)

    async def _watch(self, started: Started) -> float:
        async with trio.open_nursery() as nursery:
            monitor = Monitor(self, started, self._resources)
            ready = self.state is WorkerState.RUNNING
            nursery.start_soon(monitor.attend, ready)
            if self.service.hooks.after_ready and not ready:
                nursery.start_soon(hooks.once_ready, self, self._resources)
            await self._unless_leaving(started.process.wait)
            nursery.cancel_scope.cancel()  # one that leaves gets neither ready nor ill
        if self._leaving.is_set():
            await self._see_off(started)
        self._burying = True
        rest, death = self._saw_exit(started, await started.process.wait())
        await tree.kill_leftovers(started.process.identity, started.cookie)
        self.last_lines = await launch.forget(started.cookie, self._resources)
        if death is not None:
            self._resources.evidence.last_words(death, self.last_lines)
        self._burying = False
        self._resources.registry.changed()
        return rest

    async def _give_up_on_process(self) -> float:
        """End what nobody watches any longer; return how long to rest before the next, in s."""
        self.reason, self.healthy = "internal error, see the daemon's log", False
        if self.state not in _DOWN:
            self._go(Occasion.GIVE_UP)
        if self.started is not None:
            started = self.started
            await self.end(started)
            await started.process.wait()  # or it stays a zombie
            self.started, self._verdict, self._burying = None, "", False
            self.last_lines = await launch.forget(started.cookie, self._resources)
        self._tell("fatal", self.reason)
        self._resources.save()
        return self.service.restart.retry_fatal

    async def _see_off(self, started: Started) -> None:
        if self.state is WorkerState.RUNNING:
            hook = partial(hooks.attempt, "before_stop", self, self._resources)
            await either(hook, started.process.wait)
        if self.state is WorkerState.RUNNING:
            self._go(Occasion.DRAIN)
        if self.state is WorkerState.DRAINING and self.port is not None:
            await self._drain.until_idle(self.identity, started.process, self.service.stop.drain)
        self._go(Occasion.STOP)
        await self.end(started)

    async def end(self, started: Started, verdict: str = "") -> None:
        """Stop signal, grace, kill: the whole tree. `verdict` says why, for the exit's text."""
        self._verdict = verdict
        stop = self.service.stop
        number = signal.Signals[stop.signal]
        await tree.end(started.process.identity, started.cookie, number, stop.grace)

    async def hung(self, started: Started, reason: str) -> None:
        """Take it out of the rotation, have it say in its log where it hangs, and end it."""
        verdict = f"hung: {reason}"
        self.healthy, self.reason, self._verdict = False, verdict, verdict
        self._tell("hung", reason, started.process.pid)
        if name := self.service.health.dump_signal:
            started.process.send_signal(signal.Signals[name])
            started.process.send_signal(signal.SIGCONT)  # a stopped process heeds nothing else
            await trio.sleep(DUMP_TIME)  # or less: its exit cancels this
        await self.end(started, verdict)

    def _saw_exit(self, started: Started, ended: Exit) -> tuple[float, Death | None]:
        """Take the exit in, decide what follows, tell it; all without a pause.

        Returns how long to rest, and the death, unless it was wished.
        """
        uptime = trio.current_time() - started.since
        pid = started.process.pid
        verdict, self._verdict = self._verdict, ""
        self.started, self.healthy = None, False
        self.exit_code = ended.code
        rest, death = 0.0, None
        self.reason = f"pid {pid} {ended} after {uptime:.1f} s"
        last = finish(self.service.restart, ended, forced=bool(verdict))
        if self._leaving.is_set():
            self._go(Occasion.STOPPED)
            self._tell("stopped", self.reason, pid)
        elif last is not None and last.well and not self.on_trial:
            rest = self._after_exit(uptime, last)
            self._tell("completed", self.reason, pid)
        else:
            death = self._resources.evidence.died(
                self.service, self.instance, pid, ended, verdict, uptime
            )
            self.reason = death.text
            rest = self._after_exit(uptime, last)
            self._tell("exited", self.reason, pid)
        self._resources.save()
        return rest, death

    def _after_exit(self, uptime: float, last: Finish | None) -> float:
        if self.on_trial and self.state is WorkerState.STARTING:
            self._go(Occasion.GIVE_UP)
            return 0.0
        self.on_trial = False
        if last is not None:
            self.well = last.well
            self._go(Occasion.FINISH)
            return math.inf
        jitter = random.random()  # noqa: S311 - spreads restarts, guards no secret
        match self._history.exited(trio.current_time(), uptime, jitter):
            case GiveUp(reason, retry_after):
                self.reason = f"{reason}; last: {self.reason}"
                self._go(Occasion.GIVE_UP)
                return retry_after
            case decision:
                self.restarts += 1
                self._go(Occasion.EXIT)
                return decision.after

    def _could_not_start(self, reason: str) -> float:
        self.reason = reason
        self._go(Occasion.UNSTARTABLE)
        self._tell("fatal", reason)
        return self.service.restart.retry_fatal

    async def _rest(self, seconds: float) -> None:
        """Wait for the next start; a nudge ends it, and so does `leave`."""
        with trio.move_on_after(seconds):
            await self._nudged.wait()

    async def _unless_leaving(self, wait: Callable[[], Awaitable[object]]) -> None:
        """Wait for `wait`, or for the word to leave, whichever comes first."""
        await either(wait, self._leaving.wait)

    def waits(self, reason: str, is_blocked: Callable[[], bool]) -> None:
        """Take in what holds back the start, and how to ask whether that will not come soon.

        Asked anew each time: what it waits for may have been started a moment ago.
        """
        self._is_blocked = is_blocked
        if self.reason != reason:
            self.reason = reason
            self._resources.registry.changed()

    def waits_no_more(self) -> None:
        """Take in that nothing holds back the start."""
        if self._is_blocked is not _never:
            self.waits("", _never)

    def ready(self, uptime: float) -> None:
        """Take in that it answers: from now on it is in the rotation."""
        self.healthy, self.on_trial, self.reason = True, False, ""
        self._ready_at = time.monotonic()  # a clock that the proxies have too
        self._go(Occasion.READY)
        where = f" on port {self.port}" if self.port is not None else ""
        kind = "started" if self.service.kind is Kind.TASK else "ready"
        self._tell(kind, f"pid {self.pid}{where} after {uptime:.2f} s", self.pid)

    def judged(self, *, healthy: bool, reason: str) -> None:
        """Take in the verdict of the live probes: in the rotation, or out of it."""
        self.healthy, self.reason = healthy, "" if healthy else reason
        if healthy:
            self._ready_at = time.monotonic()
        self._tell("healthy" if healthy else "unhealthy", reason, self.pid)

    def _upstream_state(self) -> UpstreamState:
        up = self.state is WorkerState.RUNNING and self.healthy
        return UpstreamState.UP if up else self._drain.state

    def _go(self, occasion: Occasion) -> None:
        self.state = step(self.state, occasion)
        self._resources.registry.changed()

    def _tell(self, kind: str, text: str, pid: int | None = None) -> None:
        self._resources.registry.tell(
            kind, text, service=self.service.name, instance=self.instance, pid=pid
        )


def _never() -> bool:
    return False
