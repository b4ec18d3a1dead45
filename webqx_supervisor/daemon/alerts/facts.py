"""What holds now, for each rule."""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from webqx_supervisor.core import selection
from webqx_supervisor.core.alerting.alarms import Finding
from webqx_supervisor.core.slo import Standing
from webqx_supervisor.daemon.services import Services
from webqx_supervisor.daemon.supervisor import Supervisor
from webqx_supervisor.model.alerts import Condition, Rule
from webqx_supervisor.model.link import Count
from webqx_supervisor.model.resilience import BreakerState
from webqx_supervisor.model.status import WorkerState

SAMPLED = (Condition.MEMORY, Condition.DISK, Condition.CERTIFICATE, Condition.BREAKER_OPEN)
"""What no event tells of: it has to be looked at."""
DAY = 86400.0


@dataclass
class World:
    """What is looked at. `folder` is the state folder; `counts` are the figures of the proxies.

    `memory` has the octets of each worker's whole tree, by its pid.
    """

    services: Services
    folder: Path
    standings: Callable[[], Mapping[str, tuple[Standing, ...]]]
    """How the objectives of each service stand."""
    counts: tuple[Count, ...] = ()
    memory: Mapping[int, int] = field(default_factory=dict)

    def certificates(self) -> Iterator[str]:
        """Yield the files of all certificates in use."""
        if file := self.services.config.dashboard.certificate:
            yield file


def findings(rules: Iterable[Rule], world: World) -> list[Finding]:
    """Return all that holds now; two rules may find the same, for other receivers."""
    found = []
    for rule in rules:
        for subject, text in _LOOKS[rule.on](rule, world):
            found.append(Finding(rule.on, subject, text, rule.patience, rule.to))
    return found


def _chosen(rule: Rule, world: World) -> Iterator[Supervisor]:
    groups = selection.groups_of(world.services.config)
    chosen = selection.among(rule.services, groups) if rule.services else groups
    for supervisor in world.services.all():
        if supervisor.service.name in chosen:
            yield supervisor


def _down(rule: Rule, world: World) -> Iterator[tuple[str, str]]:
    for supervisor in _chosen(rule, world):
        if supervisor.up is False:
            yield supervisor.service.name, supervisor.reason or f"it is {supervisor.state}"


def _crash_loop(rule: Rule, world: World) -> Iterator[tuple[str, str]]:
    for supervisor in _chosen(rule, world):
        for worker in supervisor.workers.values():
            ended = worker.state is WorkerState.EXITED
            if worker.failed and not ended and not worker.blocked:
                yield worker.name, worker.reason


def _failed(rule: Rule, world: World) -> Iterator[tuple[str, str]]:
    for supervisor in _chosen(rule, world):
        for worker in supervisor.workers.values():
            if worker.state is WorkerState.EXITED and not worker.well:
                yield worker.name, worker.reason


def _breaker_open(rule: Rule, world: World) -> Iterator[tuple[str, str]]:
    opened = {each.upstream for each in world.counts if each.breaker is BreakerState.OPEN}
    for supervisor in _chosen(rule, world):
        for worker in supervisor.workers.values():
            if worker.identity in opened:
                yield worker.name, "it answered badly and gets no requests"


def _memory(rule: Rule, world: World) -> Iterator[tuple[str, str]]:
    for supervisor in _chosen(rule, world):
        for worker in supervisor.everyone:
            used = world.memory.get(worker.pid or 0, 0)
            if used > rule.limit:
                yield worker.name, f"it takes {_size(used)}, over {_size(rule.limit)}"


def _disk(rule: Rule, world: World) -> Iterator[tuple[str, str]]:
    try:
        usage_now = shutil.disk_usage(world.folder)
    except OSError:  # it is being mended, or its disk is gone: that is told by others
        return
    free = usage_now.free / usage_now.total if usage_now.total else 1.0
    if free < rule.limit:
        left = f"{free:.1%} of the disk of {world.folder} are free ({_size(usage_now.free)})"
        yield "disk", left


def _certificate(
    rule: Rule, world: World, now: Callable[[], float] = time.time
) -> Iterator[tuple[str, str]]:
    for file in world.certificates():
        end = _end_of(Path(file))
        if end is not None and end - now() < rule.limit:
            days = (end - now()) / DAY
            how = f"ends in {days:.1f} days" if days > 0 else "has ended"
            yield file, f"the certificate {how}"


def _end_of(file: Path) -> float | None:
    """Return when the first certificate of a file ends, None if there is none to be read."""
    from cryptography import x509  # noqa: PLC0415 - 10 MB, for who has certificates

    try:
        return x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc.timestamp()
    except (OSError, ValueError):
        return None


def _burn_rate(rule: Rule, world: World) -> Iterator[tuple[str, str]]:
    for supervisor in _chosen(rule, world):
        name = supervisor.service.name
        for standing in world.standings().get(name, ()):
            if standing.alarm:
                yield name, standing.alarm


def _size(octets: float) -> str:
    return f"{octets / 2**20:.0f} MB"


_LOOKS: dict[Condition, Callable[[Rule, World], Iterator[tuple[str, str]]]] = {
    Condition.DOWN: _down,
    Condition.CRASH_LOOP: _crash_loop,
    Condition.FAILED: _failed,
    Condition.BREAKER_OPEN: _breaker_open,
    Condition.MEMORY: _memory,
    Condition.DISK: _disk,
    Condition.CERTIFICATE: _certificate,
    Condition.BURN_RATE: _burn_rate,
}
