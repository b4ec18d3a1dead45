"""From what is seen and what was counted to the samples of all metrics."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from webqx_supervisor.core import counting, metrics, traffic
from webqx_supervisor.core.counting import Entries, Key, Kind
from webqx_supervisor.core.exposition import Samples
from webqx_supervisor.core.traffic import Traffic
from webqx_supervisor.model.resilience import BreakerState
from webqx_supervisor.model.status import (
    ProxyStatus,
    ServiceStatus,
    Status,
    WorkerState,
    WorkerStatus,
)

_BREAKERS = (BreakerState.CLOSED, BreakerState.HALF_OPEN, BreakerState.OPEN)
_CLASSES = tuple(f"{number}xx" for number in range(1, counting.CLASSES + 1))


@dataclass(frozen=True, slots=True)
class Process:
    """What one process uses. `fds` is None where nobody may ask."""

    cpu_seconds: float
    rss_bytes: int
    fds: int | None


@dataclass(frozen=True, slots=True)
class Sight:
    """All that is known at one moment.

    `wanted` are the scopes (core.counting) of what there is: anything else was counted for what is
    gone. `processes` are by pid, `proxies` maps the pids of proxies to their numbers.
    """

    status: Status
    entries: Entries
    wanted: Collection[Key]
    processes: Mapping[int, Process] = field(default_factory=dict)
    proxies: Mapping[int, int | None] = field(default_factory=dict)
    python: str = ""


def samples(sight: Sight) -> Samples:
    """Return the samples of all metrics."""
    found = Samples()
    entries = {key: numbers for key, numbers in sight.entries.items() if _is_there(key, sight)}
    _routes(found, entries)
    _queues(found, entries)
    _listeners(found, entries)
    for service in sight.status.services:
        _service(found, service, entries, sight)
    for proxy in sight.status.proxies:
        _proxy(found, proxy, sight)
    _daemon(found, sight)
    return found


def _is_there(key: Key, sight: Sight) -> bool:
    return counting.scope(key) in sight.wanted or counting.is_overflow(key)


def _routes(found: Samples, entries: Entries) -> None:
    for route, seen in sorted(traffic.by_route(entries).items()):
        found.add(metrics.IN_FLIGHT, route, seen.in_flight)
        found.add(metrics.RETRIES, route, seen.retries)
        found.add(metrics.SENT, route, seen.sent)
        found.add(metrics.RECEIVED, route, seen.received)
        for name, count in zip(_CLASSES, seen.answered, strict=True):
            found.add(metrics.REQUESTS, (*route, name), count)
        for status, count in seen.errors:
            found.add(metrics.ERRORS, (*route, _error(status)), count)
    for key, numbers in sorted(entries.items()):
        if key[0] == Kind.ANSWERS:
            times = traffic.histogram(numbers, counting.ANSWERS_MICROS, counting.ANSWERS_BUCKETS)
            if times.count:
                found.add_histogram(metrics.DURATIONS, (*key[1:3], f"{key[3]}xx"), times)
        elif key[0] == Kind.ROUTE and numbers[counting.TCP_CARRIED] + numbers[counting.TCP_REFUSED]:
            found.add(metrics.TCP, (*key[1:], "carried"), numbers[counting.TCP_CARRIED])
            found.add(metrics.TCP, (*key[1:], "refused"), numbers[counting.TCP_REFUSED])


def _error(status: int) -> str:
    return {counting.CUT: "cut", counting.OTHER_STATUS: "other"}.get(status, str(status))


def _queues(found: Samples, entries: Entries) -> None:
    for service, (waiting, times) in sorted(traffic.waits(entries).items()):
        found.add(metrics.WAITING, (service,), waiting)
        found.add_histogram(metrics.WAITS, (service,), times)


def _listeners(found: Samples, entries: Entries) -> None:
    for key, numbers in sorted(entries.items()):
        if key[0] == Kind.LISTENER:
            found.add(metrics.LISTENER_OPEN, key[1:], max(0, numbers[counting.OPEN]))
            found.add(metrics.LISTENER_ACCEPTED, key[1:], numbers[counting.ACCEPTED])
            found.add(metrics.LISTENER_TURNED_AWAY, key[1:], numbers[counting.TURNED_AWAY])


def _service(found: Samples, service: ServiceStatus, entries: Entries, sight: Sight) -> None:
    found.add(metrics.WANTED, (service.name,), service.instances)
    answered = traffic.by_worker(
        {key: each for key, each in entries.items() if key[:2] == (Kind.WORKER, service.name)}
    )
    for instance in sorted({worker.instance for worker in service.workers}):
        # Of one number there may be two: one that comes, and one that still drains.
        workers = [worker for worker in service.workers if worker.instance == instance]
        names = (service.name, str(instance))
        _worker(found, names, workers)
        _use(found, names, workers, sight.processes)
        _answers(found, names, answered.get((service.name, instance), Traffic()))
        _life(found, names, entries.get((Kind.LIFE, *names)), workers)


def _worker(found: Samples, names: tuple[str, str], workers: list[WorkerStatus]) -> None:
    best = _best(workers)
    found.add(metrics.WORKER_IN_FLIGHT, names, sum(each.in_flight for each in workers))
    found.add(metrics.WORKER_HEALTHY, names, any(each.healthy for each in workers))
    for state in WorkerState:
        found.add(metrics.WORKER_STATE, (*names, state.value), best.state is state)
    found.add(metrics.WORKER_UPTIME, names, best.uptime_s)
    if best.breaker is not None:
        found.add(metrics.BREAKER_STATE, names, _BREAKERS.index(best.breaker))


def _best(workers: list[WorkerStatus]) -> WorkerStatus:
    """Return which of those that share a number stands for it."""
    return max(workers, key=lambda each: (each.healthy, each.state is WorkerState.RUNNING))


def _use(
    found: Samples,
    names: tuple[str, str],
    workers: list[WorkerStatus],
    processes: Mapping[int, Process],
) -> None:
    used = [processes[each.pid] for each in workers if each.pid in processes and each.pid]
    if not used:
        return
    found.add(metrics.WORKER_CPU, names, sum(each.cpu_seconds for each in used))
    found.add(metrics.WORKER_MEMORY, names, sum(each.rss_bytes for each in workers))
    fds = [each.fds for each in used if each.fds is not None]
    if fds:
        found.add(metrics.WORKER_FDS, names, sum(fds))


def _answers(found: Samples, names: tuple[str, str], seen: Traffic) -> None:
    for name, count in zip(_CLASSES, seen.answered, strict=True):
        found.add(metrics.WORKER_REQUESTS, (*names, name), count)
    found.add(metrics.WORKER_FAILURES, names, seen.failures)
    found.add_histogram(metrics.WORKER_DURATIONS, names, seen.durations)


def _life(
    found: Samples,
    names: tuple[str, str],
    numbers: counting.Numbers | None,
    workers: Iterable[WorkerStatus],
) -> None:
    numbers = numbers or (0,) * counting.NUMBERS
    for reason in counting.RESTARTS:
        count = numbers[counting.restarted(reason)]
        found.add(metrics.WORKER_RESTARTS, (*names, reason), count)
    probes = {outcome: numbers[counting.probed(outcome)] for outcome in counting.PROBES}
    if any(probes.values()):
        for outcome, count in probes.items():
            found.add(metrics.WORKER_PROBES, (*names, outcome), count)
    if any(worker.breaker is not None for worker in workers):
        found.add(metrics.BREAKER_OPENED, names, numbers[counting.BREAKER_OPENED])


def _proxy(found: Samples, proxy: ProxyStatus, sight: Sight) -> None:
    number = sight.proxies.get(proxy.pid)
    if number is None:  # it has come this very moment
        return
    names = (str(number),)
    found.add(metrics.PROXY_CONNECTIONS, names, proxy.connections)
    found.add(metrics.PROXY_UPTIME, names, proxy.uptime_s)
    used = sight.processes.get(proxy.pid)
    if used is not None:
        found.add(metrics.PROXY_CPU, names, used.cpu_seconds)
        found.add(metrics.PROXY_MEMORY, names, used.rss_bytes)
        if used.fds is not None:
            found.add(metrics.PROXY_FDS, names, used.fds)


def _daemon(found: Samples, sight: Sight) -> None:
    daemon = sight.status.daemon
    used = sight.processes.get(daemon.pid)
    if used is not None:
        found.add(metrics.DAEMON_CPU, (), used.cpu_seconds)
        found.add(metrics.DAEMON_MEMORY, (), used.rss_bytes)
        if used.fds is not None:
            found.add(metrics.DAEMON_FDS, (), used.fds)
    found.add(metrics.DAEMON_UPTIME, (), daemon.uptime_s)
    found.add(metrics.BUILD, (daemon.version, sight.python), 1)
