"""The metrics of this moment: everything is looked at, and told in the words of Prometheus."""

import os
import platform

from webqx_supervisor.core import counting, scrape, traffic
from webqx_supervisor.core.counting import Entries
from webqx_supervisor.core.scrape import Process, Sight
from webqx_supervisor.core.traffic import Histogram, Traffic
from webqx_supervisor.daemon.counters import Counters
from webqx_supervisor.daemon.services import Services
from webqx_supervisor.daemon.status import Survey
from webqx_supervisor.model.status import Status
from webqx_supervisor.process import table, usage


class Metrics:
    """What can be asked of everything that was counted."""

    def __init__(self, services: Services, survey: Survey, counters: Counters) -> None:
        self._services = services
        self._survey = survey
        self._counters = counters

    async def text(self) -> str:
        """Return all metrics, as Prometheus reads them; asks the proxies for their figures."""
        status = await self._survey.take()
        config = self._services.config
        sight = Sight(
            status,
            self._counters.entries(),
            counting.scopes(
                map(counting.route_key, config.routes),
                (service.name for service in config.services),
                (listener.name for listener in config.listeners),
            ),
            _processes(status),
            {row.pid: self._counters.number(row.pid) for row in status.proxies},
            platform.python_version(),
        )
        return scrape.samples(sight).text()

    def entries(self) -> Entries:
        """Return everything that was counted, as it stands now; see core.traffic for what it says.

        by_route(), by_service(), by_worker() and waits() there read it.
        """
        return self._counters.entries()

    def routes(self) -> dict[tuple[str, str], Traffic]:
        """Return what came of the requests of each (route, service) so far."""
        return traffic.by_route(self.entries())

    def services(self) -> dict[str, Traffic]:
        """Return what came of the requests for each service so far."""
        return traffic.by_service(self.entries())

    def workers(self) -> dict[tuple[str, int], Traffic]:
        """Return what each (service, instance) has answered so far."""
        return traffic.by_worker(self.entries())

    def waits(self) -> dict[str, tuple[int, Histogram]]:
        """Return, for each service, how many requests wait now, and how long others have."""
        return traffic.waits(self.entries())


def _processes(status: Status) -> dict[int, Process]:
    pids = {os.getpid(), *(proxy.pid for proxy in status.proxies)}
    pids |= {worker.pid for each in status.services for worker in each.workers if worker.pid}
    found = {}
    for pid in pids:
        used = usage.sample(pid)
        if used is not None:
            found[pid] = Process(used.cpu_seconds, used.rss_bytes, table.descriptors(pid))
    return found
