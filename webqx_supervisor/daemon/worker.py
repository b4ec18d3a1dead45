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

from webqx_supervisor.core import quota as rules
from webqx_supervisor.core.lifecycle import Occasion
from webqx_supervisor.core.quarantine import OVER_MEMORY
from webqx_supervisor.core.restart import Finish, GiveUp, Restarts, finish
from webqx_supervisor.daemon import hooks, launch
from webqx_supervisor.daemon.journal import Finished, WorkerEntry
from webqx_supervisor.daemon.launch import Started
from webqx_supervisor.daemon.monitor import Monitor
from webqx_supervisor.daemon.place import Place
from webqx_supervisor.daemon.race import either
from webqx_supervisor.model.errors import CannotStart
from webqx_supervisor.model.evidence import Death
from webqx_supervisor.model.exits import Exit
from webqx_supervisor.model.service import Kind, Service
from webqx_supervisor.model.status import WorkerState
from webqx_supervisor.process import cgroups, tree

log = logging.getLogger(__name__)

DUMP_TIME = 1.0
"""What a dump may take to reach the log, in seconds."""
_DOWN = (WorkerState.BACKOFF, WorkerState.EXITED, WorkerState.FATAL, WorkerState.STOPPED)


class Worker(Place):
    """The task that lives one worker's life."""

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
        if service != self.service:
            self.service = service
            self.retuned.set()
            self.retuned = trio.Event()

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
        started = self.started
        started.voice.on_told = self._resources.save
        started.voice.mask = partial(self._resources.secrets.masked_lines, self.service.name)
        started.voice.remark = lambda text: self._tell("notified", text, started.process.pid)
        async with trio.open_nursery() as listening:
            listening.start_soon(started.voice.listen)
            rest, death = await self._accompany(started)
            listening.cancel_scope.cancel()
        await self._bury(started, death)
        return rest

    async def _accompany(self, started: Started) -> tuple[float, Death | None]:
        """Watch over the process until it ends, and see it off when it is to leave before.

        Returns how long to rest before the next, in s, and its death, unless it was wished.
        """
        async with trio.open_nursery() as nursery:
            monitor = Monitor(self, started, self._resources)
            ready = self.state is WorkerState.RUNNING
            nursery.start_soon(monitor.attend, ready)
            if self.service.hooks.after_ready and not ready:
                nursery.start_soon(hooks.once_ready, self, self._resources)
            await self._unless_leaving(started.process.wait)
            ended = None
            if not self._leaving.is_set():  # at once: to end a command that asks it takes a moment
                ended = self._saw_exit(started, await started.process.wait())
            nursery.cancel_scope.cancel()  # one that leaves gets neither ready nor ill
        if ended is None:
            await self._see_off(started)
            ended = self._saw_exit(started, await started.process.wait())
        return ended

    async def _bury(self, started: Started, death: Death | None) -> None:
        """Clear away what is left of one whose end is known."""
        await tree.kill_leftovers(started.process.identity, started.cookie, started.cgroup)
        self.last_lines = await launch.forget(started.cookie, self._resources)
        started.voice.close(self._resources.store)
        if death is not None:
            self._resources.evidence.last_words(death, self.last_lines)
        self._burying = False
        self._resources.registry.changed()

    async def _give_up_on_process(self) -> float:
        """End what nobody watches any longer; return how long to rest before the next, in s."""
        self.reason, self.healthy = "internal error, see the daemon's log", False
        if self.state not in _DOWN:
            self._go(Occasion.GIVE_UP)
        if self.started is not None:
            started = self.started
            await self.end(started)
            await started.process.wait()  # or it stays a zombie
            await tree.kill_leftovers(started.process.identity, started.cookie, started.cgroup)
            self.started, self._verdict, self._burying = None, "", False
            self.last_lines = await launch.forget(started.cookie, self._resources)
            started.voice.close(self._resources.store)
        self._tell("fatal", self.reason)
        self._resources.save()
        return self.service.restart.retry_fatal

    async def _see_off(self, started: Started) -> None:
        if self.state is WorkerState.RUNNING:
            hook = partial(hooks.attempt, "before_stop", self, self._resources)
            await either(hook, started.process.wait)
        if self.state is WorkerState.RUNNING:
            self._go(Occasion.DRAIN)
        if self.state is WorkerState.DRAINING:
            await self._until_idle(started)
        self._go(Occasion.STOP)
        await self.end(started)

    async def end(self, started: Started, verdict: str = "") -> None:
        """Stop signal, grace, kill: the whole tree. `verdict` says why, for the exit's text."""
        self._verdict = verdict
        stop = self.service.stop
        identity, cookie = started.process.identity, started.cookie
        if stop.shutdown_with_message and started.voice.shut_down():
            await self._in_its_grace(started, started.process.wait)
            await tree.kill_leftovers(identity, cookie, started.cgroup)
            return
        number = signal.Signals[stop.signal]
        limit = trio.CancelScope(deadline=trio.current_time() + stop.grace)
        await either(
            lambda: tree.end(identity, cookie, number, limit, started.cgroup),
            lambda: started.voice.grant(limit),
        )

    async def cut_off(self, started: Started, verdict: str) -> None:
        """Kill the whole tree at once, as the kernel does with what is over a limit."""
        if self.started is started:  # else it has ended meanwhile
            self._verdict = verdict
        await tree.kill_leftovers(started.process.identity, started.cookie, started.cgroup)

    async def hung(self, started: Started, reason: str) -> None:
        """Take it out of the rotation, have it say in its log where it hangs, and end it."""
        verdict = f"hung: {reason}"
        self.healthy, self.reason, self._verdict = False, verdict, verdict
        self._tell("hung", reason, started.process.pid)
        await self._dump(started)
        await self.end(started, verdict)

    async def not_live(self, started: Started, reason: str, *, silent: bool) -> None:
        """Replace it: at once, or after what is in flight where others can take its place."""
        verdict = f"not live: {reason}"
        self.healthy, self.reason, self._verdict = False, verdict, verdict
        self._tell("unhealthy", verdict, started.process.pid)
        if self.has_peers():
            await self._until_idle(started)
        if silent:
            await self._dump(started)
        await self.end(started, verdict)

    async def bows_out(self, started: Started) -> None:
        """Give it no more requests, and the time to end by itself, as it has said it will."""
        self.healthy, self.reason = False, "it is stopping (STOPPING=1)"
        self._tell("stopping", "it said STOPPING=1", started.process.pid)
        await self._until_idle(started)
        grace = self.service.stop.grace
        await self._in_its_grace(started, started.process.wait)
        await self.end(started, f"it said STOPPING=1 and did not end within {grace:g} s")

    async def _in_its_grace(self, started: Started, wait: Callable[[], Awaitable[object]]) -> None:
        with trio.move_on_after(self.service.stop.grace) as limit:
            await either(wait, lambda: started.voice.grant(limit))

    async def _until_idle(self, started: Started) -> None:
        if self.port is not None:
            await self._drain.until_idle(self.identity, started.process, self.service.stop.drain)

    async def _dump(self, started: Started) -> None:
        if name := self.service.health.dump_signal:
            started.process.send_signal(signal.Signals[name])
            started.process.send_signal(signal.SIGCONT)  # a stopped process heeds nothing else
            await trio.sleep(DUMP_TIME)  # or less: its exit cancels this

    def _saw_exit(self, started: Started, ended: Exit) -> tuple[float, Death | None]:
        """Take the exit in, decide what follows, tell it; all without a pause.

        Returns how long to rest, and the death, unless it was wished.
        """
        uptime = trio.current_time() - started.since
        pid = started.process.pid
        verdict, self._verdict = self._verdict or self._overrun(started, ended), ""
        self._burying = True
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
            self.reason, before = death.text, self.restarts
            rest = self._after_exit(uptime, last)
            if self.restarts > before:
                self._resources.life.restarted(self.service.name, self.instance, death.cause)
            self._tell("exited", self.reason, pid)
        self._resources.save()
        return rest, death

    def _overrun(self, started: Started, ended: Exit) -> str:
        """Return what the kernel has killed it for, if its cgroup says so."""
        if ended.is_kill and started.cgroup and cgroups.oom_kills(started.cgroup):
            limit = rules.size(self.service.quota.memory)
            return f"{OVER_MEMORY} of {limit}, killed by the kernel"
        return ""

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
