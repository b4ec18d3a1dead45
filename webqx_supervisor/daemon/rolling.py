"""Replace workers that have had their time: by a gated reload, one after the other."""

from collections.abc import Callable

import trio

from webqx_supervisor.core import rolling
from webqx_supervisor.daemon.launch import Resources, Started
from webqx_supervisor.daemon.supervisor import Supervisor
from webqx_supervisor.daemon.worker import Worker
from webqx_supervisor.model.errors import NotReady
from webqx_supervisor.model.gateway import worker_id
from webqx_supervisor.model.status import WorkerState

LOOK = 1.0
"""s between two looks at ages and counts."""


class _Limits:
    """Those of one process."""

    def __init__(self, supervisor: Supervisor, luck: Callable[[], float]) -> None:
        wanted, share = supervisor.service.rolling, luck()
        self.max_age = rolling.drawn(wanted.max_age, share)
        self.max_requests = rolling.drawn(wanted.max_requests, share)
        self.odometer = rolling.Odometer()


class Rolling:
    """The rolling restarts of one service; `luck` gives a random number in [0, 1)."""

    def __init__(
        self, supervisor: Supervisor, resources: Resources, luck: Callable[[], float]
    ) -> None:
        self._supervisor = supervisor
        self._resources = resources
        self._luck = luck
        self._limits: dict[str, _Limits] = {}

    async def by_limits(self) -> None:
        """Replace each worker that is too old or has answered too much; until cancelled."""
        self._limits = {}
        while True:
            await trio.sleep(LOOK)
            answered = await self._answered()
            running = [(worker, worker.started) for worker in self._running()]
            self._limits = {
                started.cookie: self._limits.get(started.cookie)
                or _Limits(self._supervisor, self._luck)
                for _, started in running
                if started
            }
            for worker, started in running:
                reason = self._over(worker, started, answered) if started else ""
                if reason:
                    await self.roll(f"{worker.name} pid {worker.pid} {reason}", only(started))

    async def by_clock(self, tick: float, following: float) -> None:
        """Replace all workers that run now, after a delay that is this service's own."""
        began = trio.current_time()
        await trio.sleep(rolling.delay(tick, following, self._luck()))

        def is_old(worker: Worker) -> bool:
            return worker.started is not None and worker.started.since <= began

        await self.roll("cron_restart", is_old)

    async def with_others(self, renewed: Callable[[], float]) -> None:
        """Replace the workers that are older than what `renewed` says when it is so."""

        def is_old(worker: Worker) -> bool:
            return worker.started is not None and worker.started.since < renewed()

        while True:
            await self._resources.registry.until(lambda: any(map(is_old, self._running())))
            names = ", ".join(self._supervisor.service.restart_with)
            await self.roll(f"restart_with {names}", is_old)

    async def roll(self, reason: str, wanted: Callable[[Worker], bool]) -> None:
        """Reload those wanted. One that cannot be replaced goes on; that is left alone a while."""
        service = self._supervisor.service
        tell = self._resources.registry.tell
        tell("rolling", reason, service=service.name)
        try:
            await self._supervisor.reload(only=wanted)
        except NotReady as error:
            tell("failed", f"{error}; the old worker goes on", service=service.name)
            await trio.sleep(service.restart.retry_fatal)

    def _running(self) -> list[Worker]:
        everyone = self._supervisor.workers.values()
        return [worker for worker in everyone if worker.state is WorkerState.RUNNING]

    async def _answered(self) -> dict[str, int]:
        """Return how many requests each upstream has answered; nothing when that is not known."""
        counts = None
        if self._supervisor.service.rolling.max_requests:
            counts = await self._resources.counts()
        answered: dict[str, int] = {}
        for count in counts or ():
            answered[count.upstream] = answered.get(count.upstream, 0) + count.answered
        return answered

    def _over(self, worker: Worker, started: Started, answered: dict[str, int]) -> str:
        limits = self._limits[started.cookie]
        identity = worker_id(worker.service.name, worker.instance, started.process.pid)
        requests = limits.odometer.read(answered[identity]) if identity in answered else 0
        age = trio.current_time() - started.since
        return rolling.reason(age, limits.max_age, requests, limits.max_requests)


def only(started: Started | None) -> Callable[[Worker], bool]:
    """Return what picks the worker of this process."""
    return lambda worker: worker.started is started
