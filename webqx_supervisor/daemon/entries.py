"""What the journal keeps of a worker."""

from webqx_supervisor.daemon.journal import Finished, WorkerEntry
from webqx_supervisor.daemon.worker import Worker
from webqx_supervisor.model.status import WorkerState


def entry(worker: Worker) -> WorkerEntry | None:
    """Return what is kept of its process; None while it has none."""
    if worker.started is None:
        return None
    identity = worker.started.process.identity
    return WorkerEntry(
        service=worker.service.name,
        instance=worker.instance,
        port=worker.port,
        pid=identity.pid,
        start_time=identity.start_time,
        cookie=worker.started.cookie,
        state=worker.state,
        restarts=worker.restarts,
        started_at=worker.started.started_at,
        cgroup=worker.started.cgroup,
    )


def finished(worker: Worker) -> Finished | None:
    """Return what is kept of one that has exited for good; None of others."""
    if worker.state is not WorkerState.EXITED:
        return None
    return Finished(worker.instance, worker.well, worker.reason, worker.exit_code)
