"""What a service has to do at one moment: its requests by the proxies' figures, its CPU."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import trio

from webqx_supervisor.daemon.worker import Worker
from webqx_supervisor.model.gateway import read_worker_id
from webqx_supervisor.model.link import Report
from webqx_supervisor.model.status import WorkerState
from webqx_supervisor.process import treeusage

CPU_LOOK = 5.0
"""s between two looks at the CPU: each goes through all processes of the machine."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests over all proxies; `waited` s the oldest in a queue. See core.autoscale."""

    in_flight: int = 0
    queued: int = 0
    waited: float = 0.0
    active: bool = False


class TrafficMeter:
    """Reads what the proxies report of one service."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._answered: dict[tuple[int, str], int] = {}

    def read(self, reports: Sequence[Report], upstreams: Collection[str]) -> Traffic:
        """Return the traffic; in flight at these upstreams, for what drains needs no worker."""
        answered, in_flight = {}, 0
        for report in reports:
            for count in report.counts:
                if read_worker_id(count.upstream)[0] == self._service:
                    answered[report.pid, count.upstream] = count.answered
                    in_flight += count.in_flight if count.upstream in upstreams else 0
        mine = [each for report in reports for each in report.queues]
        queues = [queue for queue in mine if queue.service == self._service]
        before, self._answered = self._answered, answered
        return Traffic(
            in_flight=in_flight,
            queued=sum(queue.waiting for queue in queues),
            waited=max((queue.waited for queue in queues), default=0.0),
            active=any(number > before.get(which, 0) for which, number in answered.items()),
        )


class CpuMeter:
    """Measures what the ready workers of one service use, with all their processes."""

    def __init__(self) -> None:
        self._looked_at = 0.0
        self._used: dict[str, float] = {}
        self._cores = 0.0

    async def read(self, workers: Sequence[Worker]) -> float:
        """Return the cores used lately; one that was not ready then counts from the next look on.

        What it takes to come up is no load.
        """
        now = trio.current_time()
        if now - self._looked_at < CPU_LOOK:
            return self._cores
        ready = [w.started for w in workers if w.started and w.state is WorkerState.RUNNING]
        trees = [(each.process.identity, each.cookie) for each in ready]
        usages = await trio.to_thread.run_sync(treeusage.of_trees, trees) if trees else []
        used = {each.cookie: u.cpu_seconds for each, u in zip(ready, usages, strict=True)}
        spent = [used[each] - self._used[each] for each in used.keys() & self._used.keys()]
        self._cores = sum(max(0.0, each) for each in spent) / (now - self._looked_at)
        self._looked_at, self._used = now, used
        return self._cores
