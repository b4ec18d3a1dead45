"""Have as many workers of a service as its load asks for: look, decide, resize.

The proxies are asked for their figures every few seconds, and not at all for what sleeps: they say
by themselves when requests wait for a worker.
"""

import math
import time
from collections.abc import Awaitable, Callable, Collection, Sequence

import trio

from webqx_supervisor.core.autoscale import Autoscaler, Observation
from webqx_supervisor.daemon.headroom import Look, room_beside
from webqx_supervisor.daemon.load import CpuMeter, TrafficMeter
from webqx_supervisor.daemon.race import either
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.daemon.supervisor import Supervisor
from webqx_supervisor.model.autoscale import Autoscale
from webqx_supervisor.model.link import Report
from webqx_supervisor.model.status import AutoscaleStatus, WorkerState
from webqx_supervisor.process.memory import headroom

KIND = "autoscale"
"""What the events are called."""
BUSY_LOOK = 1.0
"""s between two looks while requests come."""
IDLE_LOOK = 5.0
"""s between two looks while none do."""
HELD_LOOK = 2.0
"""s for which it holds that the memory has no room for another worker."""
_DOWN = (WorkerState.BACKOFF, WorkerState.FATAL)


class _Scaling:
    """One service that scales by its load."""

    def __init__(
        self, supervisor: Supervisor, policy: Autoscale, registry: Registry, memory: Look
    ) -> None:
        self.supervisor = supervisor
        self.busy = True
        """It has something to do, so that it is looked at more often."""
        self.decided, self.decided_at = "", 0.0
        self.held = ""
        """Why there are not as many as the load asks for; "" if there are."""
        self._cpu = CpuMeter()
        self._held_told_at = self._held_until = -math.inf
        self._memory = memory
        self._present = supervisor.wanted
        self._registry = registry
        self._rule = Autoscaler(policy, trio.current_time())
        self._size = 0
        self._traffic = TrafficMeter(supervisor.service.name)

    async def look(
        self, policy: Autoscale, reports: Sequence[Report], *, complete: bool, waited_for: bool
    ) -> None:
        """Look at the load, and do what follows.

        Unless the reports are `complete` there is more to do than they say: nobody leaves, and what
        is known to be `waited_for` is woken.
        """
        supervisor, now = self.supervisor, trio.current_time()
        if supervisor.wanted != self._present:  # that was by hand
            self._present = supervisor.wanted
            self._rule.begin_anew(now)
        self._rule.policy = policy
        seen = await self._observe(policy, reports, woken=waited_for and not complete)
        if supervisor.stopped or supervisor.wanted != self._present:
            return  # meanwhile, by hand
        self.busy = seen.active
        decision = self._rule.decide(seen, now)
        to = decision.to if complete else max(decision.to, seen.present)
        if to > max(seen.present, policy.min):
            to = await self._as_far_as_memory_goes(max(seen.present, policy.min), to)
        elif self.held:
            self.held = ""
            self._registry.changed()
        unchanged = supervisor.wanted == self._present and supervisor.service.autoscale == policy
        if to != self._present and unchanged:
            self._resize(to, decision.why)

    async def _observe(
        self, policy: Autoscale, reports: Sequence[Report], *, woken: bool
    ) -> Observation:
        supervisor = self.supervisor
        workers = list(supervisor.workers.values())
        traffic = self._traffic.read(reports, [worker.identity for worker in workers])
        queued = traffic.queued or int(woken and supervisor.asleep)
        cpu = await self._cpu.read(workers) if policy.target_cpu else 0.0
        return Observation(
            present=self._present,
            ready=sum(worker.state is WorkerState.RUNNING for worker in workers),
            in_flight=traffic.in_flight,
            queued=queued,
            waited=traffic.waited,
            cpu=cpu,
            active=traffic.active or traffic.in_flight > 0 or queued > 0,
            failing=any(worker.failed or worker.state in _DOWN for worker in workers),
        )

    async def _as_far_as_memory_goes(self, present: int, to: int) -> int:
        """Return how many of `to` workers there may be; tell it once if that is fewer."""
        now = trio.current_time()
        if now < self._held_until:
            return present
        room = await room_beside(self.supervisor.everyone, self._size, self._memory)
        self._size = room.size
        if room.workers >= to - present:
            self.held = ""
            return to
        present += room.workers
        self._held_until = now + HELD_LOOK
        if now - self._held_told_at >= self._rule.policy.cooldown:
            self._held_told_at = now
            self._registry.tell(
                KIND, f"stays at {present}: {room.text}", service=self.supervisor.service.name
            )
        self.held = room.text
        return present

    def _resize(self, to: int, why: str) -> None:
        """Do it, unless a verb is being carried out: then it is decided anew at the next look."""
        before = self.supervisor.wanted
        if not self.supervisor.resize(to):
            return
        self._present = to
        self.decided, self.decided_at = f"from {before} to {to}: {why}", time.time()
        self._registry.tell(KIND, self.decided, service=self.supervisor.service.name)

    def status(self, policy: Autoscale) -> AutoscaleStatus:
        """Return what a person sees of it."""
        return AutoscaleStatus(
            min=policy.min,
            max=policy.max,
            decided=self.decided,
            decided_at=self.decided_at or None,
            held=self.held,
        )


class Autoscaling:
    """All services that scale by their load. `survey` is that of daemon.figures."""

    def __init__(
        self,
        supervisors: Callable[[], list[Supervisor]],
        survey: Callable[[], Awaitable[tuple[Sequence[Report], bool]]],
        registry: Registry,
        memory: Look = headroom,
    ) -> None:
        self._supervisors = supervisors
        self._survey = survey
        self._registry = registry
        self._memory = memory
        self._scalings: dict[Supervisor, _Scaling] = {}
        self._waited_for: set[str] = set()
        self._called = trio.Event()

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await self._rest()
            self._called, names = trio.Event(), self._waited_for
            self._waited_for = set()
            await self._look(names)

    def requests_wait(self, services: Collection[str]) -> None:
        """Take in that requests wait for a worker of these."""
        self._waited_for.update(services)
        self._called.set()

    def status(self, supervisor: Supervisor) -> AutoscaleStatus | None:
        """Return what a person sees of a service; None if it does not scale by its load."""
        policy = supervisor.service.autoscale
        return None if policy is None else self._scaling(supervisor, policy).status(policy)

    async def _rest(self) -> None:
        """Wait until it is time for a look: at once when requests wait, never while all sleep."""
        if not self._attended():
            await either(self._called.wait, lambda: self._registry.until(self._attended))
        busy = any(self._scalings[each].busy for each in self._attended() if each in self._scalings)
        with trio.move_on_after(BUSY_LOOK if busy else IDLE_LOOK):
            await self._called.wait()

    async def _look(self, names: Collection[str]) -> None:
        supervisors = self._supervisors()
        self._scalings = {
            each: scaling for each, scaling in self._scalings.items() if each in supervisors
        }
        reports, complete = await self._survey()
        for supervisor in supervisors:
            policy = supervisor.service.autoscale
            if policy is not None and not supervisor.stopped:
                waited_for = supervisor.service.name in names
                await self._scaling(supervisor, policy).look(
                    policy, reports, complete=complete, waited_for=waited_for
                )

    def _attended(self) -> list[Supervisor]:
        """Return those whose load must be looked at: not those that are down, or sleep."""
        return [
            each
            for each in self._supervisors()
            if each.service.autoscale is not None and not (each.stopped or each.asleep)
        ]

    def _scaling(self, supervisor: Supervisor, policy: Autoscale) -> _Scaling:
        found = self._scalings.get(supervisor)
        if found is None:
            found = _Scaling(supervisor, policy, self._registry, self._memory)
            self._scalings[supervisor] = found
        return found
