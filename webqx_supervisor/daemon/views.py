"""Everything that shows what runs, and tells of it: status, metrics, history, alerts, dashboard."""

from dataclasses import replace

import trio

from webqx_supervisor.config.places import Places
from webqx_supervisor.control.server import Handler
from webqx_supervisor.daemon.alerts import watch_over
from webqx_supervisor.daemon.dashboard.door import Door
from webqx_supervisor.daemon.dashboard.sessions import Sessions
from webqx_supervisor.daemon.history import record_of
from webqx_supervisor.daemon.launch import Resources
from webqx_supervisor.daemon.metrics import Metrics
from webqx_supervisor.daemon.metricsdoor import ScrapeDoor
from webqx_supervisor.daemon.proxies import Proxies
from webqx_supervisor.daemon.services import Services
from webqx_supervisor.daemon.status import Notes, Survey
from webqx_supervisor.model.config import Config


class Views:
    """They all look at the same services and proxies; `run` keeps those going that need it."""

    def __init__(
        self,
        services: Services,
        proxies: Proxies,
        resources: Resources,
        places: Places,
        notes: Notes,
    ) -> None:
        registry = resources.registry
        notes = replace(notes, latest=lambda: self.record.latest, served=lambda: self.record.served)
        self.survey = Survey(services, proxies, resources, notes)
        self.metrics = Metrics(services, self.survey, proxies.counters)
        self.record = record_of(services, self.survey, self.metrics, registry, places)
        self.alerts = watch_over(
            services, resources.counts, lambda: self.record.standings, registry, places
        )
        self.dashboard = Door(
            lambda: services.config.dashboard,
            Sessions(places.sessions),
            registry,
            resources.store,
        )
        self._scrapes = ScrapeDoor(registry, self.metrics.text)
        self._scrapes.follow(services.config.metrics)

    def follow(self, config: Config) -> None:
        """Take over what is wanted now."""
        self._scrapes.follow(config.metrics)

    async def run(self, handle: Handler) -> None:
        """Serve, watch and record until cancelled; `handle` does what the dashboard asks for."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._scrapes.run)
                nursery.start_soon(self.dashboard.run, handle, self.survey.take)
                nursery.start_soon(self.alerts.run)
                nursery.start_soon(self.record.run)
        finally:
            await self.record.aclose()
