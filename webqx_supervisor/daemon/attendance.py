"""What is done to a service from time to time without being asked: as long as it is supervised."""

import random
import time
from collections.abc import Awaitable, Callable, Iterator

import trio

from webqx_supervisor.core import cron
from webqx_supervisor.daemon.dependencies import Dependencies
from webqx_supervisor.daemon.jobs import run_due
from webqx_supervisor.daemon.launch import Resources
from webqx_supervisor.daemon.quotas import QuotaWatch
from webqx_supervisor.daemon.race import either
from webqx_supervisor.daemon.rolling import Rolling
from webqx_supervisor.daemon.supervisor import Supervisor
from webqx_supervisor.daemon.watching import Watching

LONGEST_SLEEP = 30.0
"""s after which the wall clock is looked at again: it may have been set."""

Watch = Callable[[], Awaitable[None]]


class Attendance:
    """The attendance of one service. `wall_clock` gives Unix time, `luck` a number in [0, 1)."""

    def __init__(
        self,
        supervisor: Supervisor,
        resources: Resources,
        dependencies: Dependencies,
        *,
        wall_clock: Callable[[], float] = time.time,
        luck: Callable[[], float] = random.random,
    ) -> None:
        self._supervisor = supervisor
        self._resources = resources
        self._wall_clock = wall_clock
        self._dependencies = dependencies
        self._rolling = Rolling(supervisor, resources, luck)
        self._quotas = QuotaWatch(supervisor, resources, self._rolling)

    async def run(self) -> None:
        """Attend until the supervisor closes; what the service wants is read anew at a change."""
        await either(self._attend, self._supervisor.closing.wait)

    async def _attend(self) -> None:
        while True:
            tuned = self._supervisor.tuned
            async with trio.open_nursery() as nursery:
                for watch in self._watches():
                    nursery.start_soon(watch)
                await tuned.wait()
                nursery.cancel_scope.cancel()

    def _renewed(self) -> float:
        return self._dependencies.renewed(self._supervisor.service)

    def _watches(self) -> Iterator[Watch]:
        rolling, schedule = self._supervisor.service.rolling, self._supervisor.service.schedule
        if rolling.max_age or rolling.max_requests:
            yield self._rolling.by_limits
        quota = self._supervisor.service.quota
        if quota.memory_soft:
            yield self._quotas.by_memory
        if quota.memory or quota.pids or quota.cpu:
            yield self._quotas.enforce
        if rolling.cron:
            yield lambda: self._at_each_time(
                rolling.cron, rolling.time_zone, self._rolling.by_clock
            )
        if self._supervisor.service.restart_with:
            yield lambda: self._rolling.with_others(self._renewed)
        if self._supervisor.service.watch.paths:
            yield Watching(self._supervisor, self._resources.registry).run
        if schedule.cron:

            async def due(*_: float) -> None:
                await run_due(self._supervisor, self._resources.registry)

            yield lambda: self._at_each_time(schedule.cron, schedule.time_zone, due)

    async def _at_each_time(
        self, expression: str, zone: str, act: Callable[[float, float], Awaitable[None]]
    ) -> None:
        """Call `act` with the time that has come and the one after it. What was missed is lost."""
        while True:
            tick = cron.next_time(expression, zone, self._wall_clock())
            while (left := tick - self._wall_clock()) > 0:  # noqa: ASYNC110 - no event tells the time
                await trio.sleep(min(left, LONGEST_SLEEP))
            await act(tick, cron.next_time(expression, zone, tick))
