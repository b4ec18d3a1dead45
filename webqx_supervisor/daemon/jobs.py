"""Run the tasks of a schedule when their time has come."""

from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.daemon.supervisor import Supervisor
from webqx_supervisor.daemon.worker import Worker
from webqx_supervisor.model.service import Overlap


async def run_due(supervisor: Supervisor, registry: Registry) -> None:
    """Start a run of each worker; `schedule.overlap` says what becomes of one that still runs."""
    for worker in list(supervisor.workers.values()):
        if worker.started is None:
            worker.nudge()
        else:
            await _overlap(worker, supervisor.service.schedule.overlap, registry)


async def _overlap(worker: Worker, overlap: Overlap, registry: Registry) -> None:
    started = worker.started
    assert started is not None, "it runs"
    text = f"pid {worker.pid} still runs"
    if overlap is Overlap.SKIP:
        text += ", so this run is left out"
    elif overlap is Overlap.QUEUE:
        text += ", the next run follows at once"
        worker.nudge()
    else:
        text += " and is ended for the next run"
        worker.nudge()
    registry.tell("overlap", text, service=worker.service.name, instance=worker.instance)
    if overlap is Overlap.KILL:
        await worker.end(started, "still ran when its next run was due")
