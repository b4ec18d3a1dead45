"""Hold workers back until what their service depends on is there, before every start."""

import math
from collections.abc import Callable
from functools import partial

from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.daemon.supervisor import Supervisor
from webqx_supervisor.daemon.worker import Worker
from webqx_supervisor.model.service import Kind, Service
from webqx_supervisor.model.status import WorkerState


class Dependencies:
    """Knows every supervisor by `find`."""

    def __init__(self, registry: Registry, find: Callable[[str], Supervisor | None]) -> None:
        self._registry = registry
        self._find = find

    async def until_met(self, worker: Worker) -> None:
        """Return when all is there that this worker's service depends on."""
        for name, condition in worker.service.depends_on:
            await self._registry.until(partial(self._met, worker, name, condition))
        worker.waits_no_more()

    def renewed(self, service: Service) -> float:
        """Return when the last of those that take this service along began anew.

        On trio's clock; before all times while one of them is not there (yet).
        """
        conditions, latest = dict(service.depends_on), -math.inf
        for name in service.restart_with:
            supervisor = self._find(name)
            if supervisor is None or not _are_there(supervisor, conditions[name]):
                return -math.inf
            latest = max(latest, supervisor.renewed_at)
        return latest

    def _met(self, worker: Worker, name: str, condition: str) -> bool:
        supervisor = self._find(name)
        if supervisor is None:
            return True
        if _are_there(supervisor, condition):
            return True
        stopped = ", which is stopped" if supervisor.stopped else ""
        reason = f"waits for {name} ({condition}){stopped}"
        worker.waits(reason, partial(_will_not_be_up, supervisor))
        return False


def _are_there(supervisor: Supervisor, condition: str) -> bool:
    if supervisor.asleep:  # it answers whoever asks
        return True
    workers = supervisor.workers.values()
    return bool(workers) and all(_is_there(worker, condition) for worker in workers)


def _is_there(worker: Worker, condition: str) -> bool:
    completed = worker.service.kind is Kind.TASK and worker.well
    match condition:
        case "completed":
            return completed
        case "started":
            return completed or worker.state in (WorkerState.STARTING, WorkerState.RUNNING)
        case "healthy":
            return worker.state is WorkerState.RUNNING and worker.healthy
        case _:
            return worker.state is WorkerState.RUNNING


def _will_not_be_up(supervisor: Supervisor) -> bool:
    unwanted = supervisor.stopped or supervisor.wanted == 0
    return unwanted or any(worker.failed for worker in supervisor.workers.values())
