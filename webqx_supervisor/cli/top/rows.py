"""From one answer of `status` after the other: what each row of the screen shows. No clock here."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

REMEMBERED = 120
"""So many rates are kept of each row, one for every look."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a service, or (`worker`) one of its workers. `rates`: requests/s, latest last."""

    name: str
    service: str
    worker: bool
    state: str
    well: bool
    detail: str
    """A service's `2/3` workers up; a worker's pid."""
    cpu_percent: float
    rss_bytes: int
    in_flight: int
    restarts: int
    instances: int
    reason: str
    says: str = ""
    """What a worker says of itself by sd_notify(3)."""
    p50: float | None = None
    p99: float | None = None
    """s, in the last 10 s, as p50 is."""
    errors: float | None = None
    """Answers with a status from 500 up, a second, in the same time."""
    rates: tuple[float, ...] = ()

    @property
    def rate(self) -> float | None:
        """Requests a second by the last two looks, None after the first."""
        return self.rates[-1] if self.rates else None


@dataclass
class Rates:
    """Turns the counts of two looks into rates, and remembers them."""

    _before: dict[str, tuple[float, int, int | None]] = field(default_factory=dict)
    _rates: dict[str, deque[float]] = field(default_factory=dict)

    def look(self, services: Iterable[Mapping[str, Any]], now: float) -> list[Row]:
        """Take in the services of `status` at `now` s; return the rows, workers behind theirs."""
        rows, seen = [], {}
        for service in services:
            workers = []
            added = 0.0
            known = False
            for worker in service["workers"]:
                name = f"{service['name']}:{worker['instance']}"
                while name in seen:  # a newcomer beside the one that it is to replace
                    name += "+"
                rate = self._rate(name, worker, now)
                seen[name] = (now, worker["requests"], worker["pid"])
                if rate is not None:
                    known, added = True, added + rate
                    self._keep(name, rate)
                workers.append(_worker_row(name, service, worker, self._of(name)))
            if known:
                self._keep(service["name"], added)
            rows += [_service_row(service, self._of(service["name"])), *workers]
        self._before = seen
        self._forget_all_but({row.name for row in rows})
        return rows

    def _rate(self, name: str, worker: Mapping[str, Any], now: float) -> float | None:
        then, count, pid = self._before.get(name, (now, 0, None))
        if now <= then:
            return None
        requests: int = worker["requests"]
        same = pid == worker["pid"] and requests >= count
        return (requests - (count if same else 0)) / (now - then)

    def _keep(self, name: str, rate: float) -> None:
        self._rates.setdefault(name, deque(maxlen=REMEMBERED)).append(rate)

    def _of(self, name: str) -> tuple[float, ...]:
        return tuple(self._rates.get(name, ()))

    def _forget_all_but(self, names: set[str]) -> None:
        self._rates = {name: kept for name, kept in self._rates.items() if name in names}


def _service_row(service: Mapping[str, Any], rates: tuple[float, ...]) -> Row:
    workers = service["workers"]
    p50, p99, errors = _latest(service)
    up = sum(worker["state"] == "RUNNING" and worker["healthy"] for worker in workers)
    return Row(
        name=service["name"],
        service=service["name"],
        worker=False,
        state=service["state"],
        well=service.get("well", True),
        detail=f"{up}/{service['instances']}",
        cpu_percent=sum(worker["cpu_percent"] for worker in workers),
        rss_bytes=sum(worker["rss_bytes"] for worker in workers),
        in_flight=sum(worker["in_flight"] for worker in workers),
        restarts=sum(worker["restarts"] for worker in workers),
        instances=service["instances"],
        reason=next((worker["reason"] for worker in workers if worker.get("reason")), ""),
        p50=p50,
        p99=p99,
        errors=errors,
        rates=rates,
    )


def _worker_row(
    name: str, service: Mapping[str, Any], worker: Mapping[str, Any], rates: tuple[float, ...]
) -> Row:
    p50, p99, errors = _latest(worker)
    return Row(
        name=name,
        service=service["name"],
        worker=True,
        state=worker["state"],
        well=worker["healthy"] if worker["state"] == "RUNNING" else service.get("well", True),
        detail=str(worker["pid"] or worker.get("remote") or ""),
        cpu_percent=worker["cpu_percent"],
        rss_bytes=worker["rss_bytes"],
        in_flight=worker["in_flight"],
        restarts=worker["restarts"],
        instances=service["instances"],
        reason=worker.get("reason", ""),
        says=worker.get("status_text", ""),
        p50=p50,
        p99=p99,
        errors=errors,
        rates=rates,
    )


def _latest(of: Mapping[str, Any]) -> tuple[float | None, float | None, float | None]:
    """Return p50, p99 and errors a second in the last 10 s, if a service or a worker tells them."""
    latest = of.get("latest") or {}
    errors = latest["errors"] / latest["span"] if latest.get("span") else None
    return latest.get("p50"), latest.get("p99"), errors


def matching(rows: Iterable[Row], pattern: str) -> Iterator[Row]:
    """Yield the rows of services and workers with `pattern` in their name or state."""
    wanted = pattern.lower()
    rows = list(rows)
    hits = {row.name for row in rows if wanted in row.name.lower() or wanted in row.state.lower()}
    whole = {row.service for row in rows if row.name in hits and not row.worker}
    parents = {row.service for row in rows if row.name in hits}
    for row in rows:
        if row.name in hits or row.service in whole or (not row.worker and row.service in parents):
            yield row
