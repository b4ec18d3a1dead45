"""The past: the last day every 10 s, the last 30 days every 10 min.

store: the file · record: what writes it and asks it.
"""

from collections.abc import Mapping

from webqx_supervisor.config.places import Places
from webqx_supervisor.daemon.history.record import Gauge, Record, Sources
from webqx_supervisor.daemon.ledger import SHARED
from webqx_supervisor.daemon.metrics import Metrics
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.daemon.services import Services
from webqx_supervisor.daemon.status import Survey
from webqx_supervisor.model.status import ServiceStatus, WorkerState


def record_of(
    services: Services, survey: Survey, metrics: Metrics, registry: Registry, places: Places
) -> Record:
    """Return the record of these services."""

    async def gauges() -> Mapping[str, Gauge]:
        return {each.name: _gauge(each) for each in (await survey.take(age=SHARED)).services}

    sources = Sources(
        states=lambda: {each.service.name: each.up for each in services.all()},
        gauges=gauges,
        traffic=metrics.services,
        workers=metrics.workers,
        objectives=lambda: {each.name: each.slo for each in services.config.services},
    )
    return Record(places.history, registry, sources)


def _gauge(status: ServiceStatus) -> Gauge:
    workers = status.workers
    return Gauge(
        in_flight=sum(worker.in_flight for worker in workers),
        cpu_percent=sum(worker.cpu_percent for worker in workers),
        rss_bytes=sum(worker.rss_bytes for worker in workers),
        workers_up=sum(
            worker.state is WorkerState.RUNNING and worker.healthy for worker in workers
        ),
        restarts=sum(worker.restarts for worker in workers),
    )
