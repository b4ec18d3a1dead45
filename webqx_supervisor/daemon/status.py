"""Put together what is seen now: the answer of `status` and of `describe`."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import trio

from webqx_supervisor import __version__
from webqx_supervisor.core import quota as rules
from webqx_supervisor.daemon.launch import Resources
from webqx_supervisor.daemon.proxies import Proxies
from webqx_supervisor.daemon.services import Services
from webqx_supervisor.daemon.supervisor import Supervisor
from webqx_supervisor.daemon.worker import Worker
from webqx_supervisor.model.gateway import Pause
from webqx_supervisor.model.history import Point, Served
from webqx_supervisor.model.link import Count, Report
from webqx_supervisor.model.resilience import BreakerState
from webqx_supervisor.model.status import (
    AutoscaleStatus,
    DaemonStatus,
    ProxyStatus,
    ServiceStatus,
    Status,
    WorkerState,
    WorkerStatus,
)
from webqx_supervisor.process import usage
from webqx_supervisor.process.usage import Usage

SHORTEST_SPAN = 1.0
"""CPU use is measured over at least so many seconds."""


class CpuMeter:
    """CPU use between two looks; the first look at a process covers its whole life."""

    def __init__(self) -> None:
        self._looks: dict[int, tuple[float, float, float]] = {}

    def percent(self, pid: int, cpu_seconds: float, born: float, now: float) -> float:
        """Return the share of one core, in percent, since the look before."""
        then, used, percent = self._looks.get(pid, (born, 0.0, 0.0))
        if then < born:  # a recycled pid
            then, used, percent = born, 0.0, 0.0
        if now - then >= SHORTEST_SPAN:
            percent = max(0.0, 100 * (cpu_seconds - used) / (now - then))
            self._looks[pid] = (now, cpu_seconds, percent)
        return round(percent, 1)

    def forget_all_but(self, pids: Iterable[int]) -> None:
        """Drop the processes that are gone."""
        self._looks = {pid: self._looks[pid] for pid in pids if pid in self._looks}


@dataclass(frozen=True, slots=True)
class Notes:
    """What others know that stands in a Status as well."""

    keeper_pid: Callable[[], int | None] = lambda: None
    paused: Callable[[], tuple[Pause, ...]] = tuple
    autoscale: Callable[[Supervisor], AutoscaleStatus | None] = lambda _: None
    latest: Callable[[], Mapping[str, Point]] = dict
    """What each service did in the last 10 s."""
    served: Callable[[], Mapping[tuple[str, int], Served]] = dict
    """What each of its workers answered in that time."""


class Survey:
    """Looks at everything and writes it down as a Status."""

    def __init__(
        self,
        services: Services,
        proxies: Proxies,
        resources: Resources,
        notes: Notes,
    ) -> None:
        self._services = services
        self._proxies = proxies
        self._resources = resources
        self._notes = notes
        self._born = trio.current_time()
        self._meter = CpuMeter()

    async def take(
        self, supervisors: Sequence[Supervisor] | None = None, age: float = 0.0
    ) -> Status:
        """Return what is seen now, of these services or all; asks the proxies for their figures.

        What the workers use may have been seen `age` s ago, by somebody else.
        """
        reports = {report.pid: report for report in await self._proxies.figures.reports()}
        counts = [count for report in reports.values() for count in report.counts]
        config = self._services.config
        used = await self._usages(age)
        chosen = self._services.all() if supervisors is None else supervisors
        status = Status(
            daemon=DaemonStatus(
                pid=os.getpid(),
                version=__version__,
                uptime_s=round(trio.current_time() - self._born, 1),
                name=config.name,
                file=config.file,
                keeper_pid=self._notes.keeper_pid(),
                profiles=self._services.profiles,
                environment=config.environment,
            ),
            proxies=self._proxy_rows(reports),
            services=tuple(self._service(each, counts, used) for each in chosen),
            paused=self._notes.paused(),
        )
        self._meter.forget_all_but(leader.pid for _, leader in self._services.leaders())
        return status

    def limits(self, supervisor: Supervisor) -> list[str]:
        """Return the limits of the service's workers, and what holds them to these."""
        ground, quota = self._resources.ground, supervisor.service.quota
        measures = list(rules.measures(quota, ground.controllers))
        if rules.unheld(quota, ground.controllers):
            measures.append(f"not all by cgroup: {ground.why_not}")
        return measures

    def _proxy_rows(self, reports: dict[int, Report]) -> tuple[ProxyStatus, ...]:
        rows = []
        for proxy in self._proxies.running:
            pid = proxy.process.pid
            report, used = reports.get(pid), usage.sample(pid)
            row = ProxyStatus(
                pid=pid,
                connections=report.connections if report else 0,
                requests=report.requests if report else 0,
                uptime_s=round(trio.current_time() - proxy.since, 1),
                rss_bytes=used.rss_bytes if used else 0,
            )
            rows.append(row)
        return tuple(rows)

    async def _usages(self, age: float) -> dict[str, Usage]:
        """Return what the tree of each worker uses, by its cookie."""
        trees = await self._resources.ledger.look(age)
        everyone = [worker.started for each in self._services.all() for worker in each.everyone]
        groups = {each.cookie: each.cgroup for each in everyone if each is not None}
        return await trio.to_thread.run_sync(usage.of_trees, trees, groups)

    def _service(
        self, supervisor: Supervisor, counts: list[Count], usages: Mapping[str, Usage]
    ) -> ServiceStatus:
        config = self._services.config
        name = supervisor.service.name
        listeners = config.listeners_of(name)
        binds = [bind for each in config.listeners if each.name in listeners for bind in each.binds]
        return ServiceStatus(
            name=name,
            state=supervisor.state,
            instances=supervisor.wanted,
            workers=tuple(self._worker(each, counts, usages) for each in supervisor.everyone),
            listen=tuple(binds),
            groups=supervisor.service.groups,
            profiles=supervisor.service.profiles,
            inactive=supervisor.stopped and not self._services.wants(supervisor.service),
            autoscale=self._notes.autoscale(supervisor),
            latest=self._notes.latest().get(name),
            well=supervisor.well,
        )

    def _worker(
        self, worker: Worker, counts: list[Count], usages: Mapping[str, Usage]
    ) -> WorkerStatus:
        now, started = trio.current_time(), worker.started
        used = usages.get(started.cookie) if started else None
        mine = [count for count in counts if count.upstream == worker.identity]
        percent = 0.0
        if started and used:
            percent = self._meter.percent(started.process.pid, used.cpu_seconds, started.since, now)
        return WorkerStatus(
            instance=worker.instance,
            pid=worker.pid,
            port=worker.port,
            state=worker.state,
            healthy=worker.healthy,
            restarts=worker.restarts,
            uptime_s=round(now - started.since, 1) if started else 0.0,
            cpu_percent=percent,
            rss_bytes=used.rss_bytes if used else 0,
            processes=used.processes if used else 0,
            threads=used.threads if used else 0,
            in_flight=sum(count.in_flight for count in mine),
            requests=sum(count.answered for count in mine),
            reason=worker.remark,
            exit_code=worker.exit_code if worker.state is WorkerState.EXITED else None,
            breaker=worst(count.breaker for count in mine),
            remote=worker.remote,
            status_text=worker.status_text,
            latest=self._notes.served().get((worker.service.name, worker.instance)),
        )


def worst(states: Iterable[BreakerState | None]) -> BreakerState | None:
    """Return what stands for the breakers of several proxies: the one that lets least through."""
    found = set(states)
    order = (BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED)
    return next((state for state in order if state in found), None)
