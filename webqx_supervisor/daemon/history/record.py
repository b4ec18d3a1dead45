"""Write the past down, every 10 s, and answer what is asked of it."""

import logging
import math
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import trio

from webqx_supervisor.core.slo import Standing, standings
from webqx_supervisor.core.traffic import Traffic, served
from webqx_supervisor.core.uptime import Uptime
from webqx_supervisor.daemon.history.store import COARSE, FINE, KEPT, Store
from webqx_supervisor.daemon.registry import Registry
from webqx_supervisor.model.history import Point, Served, Slo, Tally

log = logging.getLogger(__name__)
T = TypeVar("T")
Place = tuple[str, int]
"""A service's name, and the number of a worker."""

SLO_EVERY = 60.0
"""s between two looks at the objectives."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """What a service is at this moment."""

    in_flight: int = 0
    cpu_percent: float = 0.0
    rss_bytes: int = 0
    workers_up: int = 0
    restarts: int = 0


@dataclass
class _Span:
    """Where the span of one table began."""

    at: float
    traffic: Mapping[str, Traffic]
    workers: Mapping[Place, Traffic]
    uptime: Uptime


@dataclass(frozen=True, slots=True)
class Sources:
    """What is asked about the services, by name."""

    states: Callable[[], Mapping[str, bool | None]]
    """Whether each is up, None where nobody wants it to be; asked at every change: be cheap."""
    gauges: Callable[[], Awaitable[Mapping[str, Gauge]]]
    traffic: Callable[[], Mapping[str, Traffic]]
    """What each has answered so far."""
    workers: Callable[[], Mapping[Place, Traffic]]
    """What each worker has."""
    objectives: Callable[[], Mapping[str, Slo]]
    """What each is held to."""


class Record:
    """The past of all services, in the file at `path`."""

    def __init__(
        self,
        path: Path,
        registry: Registry,
        sources: Sources,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._registry = registry
        self._sources = sources
        self._clock = clock
        self._store: Store | None = None
        self._one = trio.CapacityLimiter(1)
        self._spans: dict[int, _Span] = {}
        self._complained = False
        self.latest: Mapping[str, Point] = {}
        """The latest point of each service."""
        self.served: Mapping[Place, Served] = {}
        """What each worker answered in the same time."""
        self.standings: Mapping[str, tuple[Standing, ...]] = {}
        """How the objectives of each service stand."""

    async def run(self) -> None:
        """Write until cancelled."""
        await self._in_thread(self._begin)
        self._spans = {table: self._span() for table in (FINE, COARSE)}
        slo_at = trio.current_time()
        while True:
            table = await self._until_due()
            await self._write(table)
            if trio.current_time() >= slo_at and any(
                slo != Slo() for slo in self._sources.objectives().values()
            ):
                slo_at = trio.current_time() + SLO_EVERY
                await self._judge()

    async def points(self, service: str, seconds: float) -> list[Point]:
        """Return the points of the last so many s."""
        table = FINE if seconds <= KEPT[FINE] else COARSE
        now = self._clock()
        return await self._in_thread(
            lambda store: store.points(table, service, now - seconds, now), []
        )

    async def _until_due(self) -> int:
        """Return the table whose next point is due, having seen each change until then."""
        table = min(self._spans, key=self._due)
        while (left := self._due(table) - self._clock()) > 0:
            with trio.move_on_after(left):
                await self._registry.next_change()
            self._see()
        return table

    def _due(self, table: int) -> float:
        began = self._spans[table].at
        # One that begins in the future is due: the clock was set back.
        return began + table if began <= self._clock() else -math.inf

    def _see(self) -> None:
        states, now = self._sources.states(), trio.current_time()
        for span in self._spans.values():
            span.uptime.see(states, now)

    def _span(self) -> _Span:
        uptime = Uptime()
        uptime.see(self._sources.states(), trio.current_time())
        sources = self._sources
        return _Span(self._clock(), sources.traffic(), sources.workers(), uptime)

    async def _write(self, table: int) -> None:
        self._see()
        gauges = await self._sources.gauges()
        span, now = self._spans[table], self._span()
        points = {
            name: _point(name, gauge, span, now, self._clock()) for name, gauge in gauges.items()
        }
        self._spans[table] = now
        if table == FINE:
            self.latest, self.served = points, _served(span, now, self._clock())
        rows = list(points.items())
        if table == FINE:
            await self._in_thread(lambda store: store.add(FINE, rows))
        else:
            await self._in_thread(lambda store: store.add_coarse(rows))
            await self._in_thread(partial(Store.prune, now=self._clock()))

    async def _judge(self) -> None:
        wanted = {name: slo for name, slo in self._sources.objectives().items() if slo != Slo()}
        now = self._clock()

        def judge(store: Store) -> dict[str, tuple[Standing, ...]]:
            def past(name: str, seconds: float) -> Tally:
                return store.tally(name, now - seconds)

            return {
                name: tuple(standings(slo, partial(past, name))) for name, slo in wanted.items()
            }

        before, self.standings = self.standings, await self._in_thread(judge, self.standings)
        if before != self.standings:
            self._registry.changed()

    def _begin(self, store: Store) -> None:
        if store.put_aside:
            log.warning("%s cannot be read; it was put aside and begun anew", self._path)
        store.prune(self._clock())

    async def _in_thread(self, work: Callable[[Store], T], otherwise: T | None = None) -> T:
        """Do something with the file; what the disk refuses costs the point, not the daemon."""

        def do() -> T:
            if self._store is None:
                self._store = Store(self._path)
            return work(self._store)

        try:
            done = await trio.to_thread.run_sync(do, limiter=self._one)
        except (sqlite3.Error, OSError) as error:
            if not self._complained:
                log.warning("no history can be kept: %s", error)
            self._complained = True
            return otherwise  # type: ignore[return-value]  # None is for work without a result
        self._complained = False
        return done

    async def aclose(self) -> None:
        """Close the file."""
        with trio.CancelScope(shield=True):
            if self._store is not None:
                await trio.to_thread.run_sync(self._store.close, limiter=self._one)


def _served(span: _Span, now: _Span, at: float) -> dict[Place, Served]:
    seconds = max(at - span.at, 0.0)
    return {
        worker: served(span.workers.get(worker, Traffic()), traffic, seconds)
        for worker, traffic in now.workers.items()
    }


def _point(name: str, gauge: Gauge, span: _Span, now: _Span, at: float) -> Point:
    before, after = span.traffic.get(name, Traffic()), now.traffic.get(name, Traffic())
    did = served(before, after, max(at - span.at, 0.0))
    up_s, due_s = span.uptime.take(name)
    return Point(
        at=int(at),
        span=did.span,
        up_s=up_s,
        due_s=due_s,
        requests=did.requests,
        errors=did.errors,
        p50=did.p50,
        p99=did.p99,
        in_flight=gauge.in_flight,
        cpu_percent=gauge.cpu_percent,
        rss_bytes=gauge.rss_bytes,
        workers_up=gauge.workers_up,
        restarts=gauge.restarts,
    )
