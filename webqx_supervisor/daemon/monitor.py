"""Watch over a worker's process while it lives: first until it is ready, then whether it is well.

Probes tell that, where there are any, its watchdog, and its traffic (daemon.hang).
"""

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Protocol

import trio

from webqx_supervisor.core.health import Health, Verdict
from webqx_supervisor.daemon.hang import HangWatch
from webqx_supervisor.daemon.launch import Resources, Started
from webqx_supervisor.daemon.rounds import Rounds
from webqx_supervisor.daemon.starting import Start, Starting
from webqx_supervisor.model.readiness import Check, Means

Ending = Callable[[], Awaitable[None]]
"""How a process is to end."""
Watch = Callable[[], Awaitable[Ending]]


class Patient(Starting, Protocol):
    """What this file asks of a worker."""

    retuned: trio.Event
    healthy: bool

    def ready(self, uptime: float) -> None:
        """Take in that it is ready."""

    def judged(self, *, healthy: bool, reason: str) -> None:
        """Take in a changed verdict of the probes."""

    async def end(self, started: Started, verdict: str = "") -> None:
        """End the process, so that it is replaced."""

    async def hung(self, started: Started, reason: str) -> None:
        """Do the same with one that hangs, and have it say where."""

    async def not_live(self, started: Started, reason: str, *, silent: bool) -> None:
        """Do the same with one whose `live` has failed."""

    async def bows_out(self, started: Started) -> None:
        """Let it end as it has said that it will."""


class Monitor:
    """The watch over one process; each new process gets a new one."""

    def __init__(self, worker: Patient, started: Started, resources: Resources) -> None:
        self._worker = worker
        self._started = started
        self._resources = resources

    async def attend(self, ready: bool) -> None:
        """Say when it is ready (unless it is `ready` already), then end it once it is to be."""
        if not ready:
            why_not = await Start(self._worker, self._started, self._resources).until_ready()
            if why_not:
                await self._worker.end(self._started, why_not)
                return
            self._worker.ready(trio.current_time() - self._started.since)
        ending = None
        while ending is None:
            ending = await self._until_over()
        await ending()

    async def _until_over(self) -> Ending | None:
        """Return how it is to end, whoever finds that out; None when there is more to watch."""
        endings: list[Ending | None] = []
        if not (self._worker.healthy or self._is_asked):  # and was by a policy that is no more
            self._worker.judged(healthy=True, reason="")

        async def note(watch: Callable[[], Awaitable[Ending | None]]) -> None:
            endings.append(await watch())
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(note, self._worker.retuned.wait)
            for watch in self._watches():
                nursery.start_soon(note, watch)
        return endings[0]

    @property
    def _is_asked(self) -> bool:
        service = self._worker.service
        ready = service.readiness.ready
        return (ready is not None and ready.is_asked) or service.health.path is not None

    def _watches(self) -> Iterator[Watch]:
        health, said = self._worker.service.health, self._worker.service.readiness
        voice, port = self._started.voice, self._worker.port
        if voice.notifies:
            yield self._bows_out
            yield self._watchdog
        if said.ready is not None and said.ready.is_asked:
            yield partial(self._ask_whether_ready, said.ready)
        if said.live is not None:
            yield partial(self._ask_whether_live, said.live)
        if port is not None:
            if health.path:
                yield self._probe_on
            yield partial(self._by_traffic, port)

    async def _by_traffic(self, port: int) -> Ending:
        watch = HangWatch(self._worker, self._started, self._resources)
        return self._hung(await watch.until_hung(port))

    async def _watchdog(self) -> Ending:
        return self._hung(await self._started.voice.until_silent(trio.current_time()))

    async def _bows_out(self) -> Ending:
        voice = self._started.voice
        await voice.until(lambda: voice.stopping)
        return partial(self._worker.bows_out, self._started)

    async def _ask_whether_ready(self, check: Check) -> Ending:
        """Ask again and again; one that is not only leaves the rotation, until it is again."""
        health = Health(check.rise, check.fall, healthy=self._worker.healthy)
        rounds = self._rounds()
        while True:
            answer, verdict = await rounds.next(check)
            self._take(health, verdict, answer.text)

    async def _ask_whether_live(self, check: Check) -> Ending:
        health = Health(check.rise, check.fall, healthy=True)
        rounds = self._rounds()
        while True:
            answer, verdict = await rounds.next(check)
            if verdict is Verdict.SPARED:
                continue
            if health.saw(verdict is Verdict.OK) is False:
                reason = f"{answer.text}, {check.fall} times in a row"
                return partial(self._worker.not_live, self._started, reason, silent=answer.silent)

    async def _probe_on(self) -> Ending:
        """Ask `health.path`; return when it is silent. An ill one only leaves the rotation."""
        rise, fall = self._worker.service.health.rise, self._worker.service.health.fall
        health = Health(rise, fall, healthy=self._worker.healthy)
        rounds, silent = self._rounds(), 0
        while True:
            policy = self._worker.service.health
            answer, verdict = await rounds.next(
                Check(
                    Means.HTTP,
                    path=policy.path or "/",
                    interval=policy.interval,
                    timeout=policy.timeout,
                )
            )
            if verdict is Verdict.SPARED:
                continue
            silent = 0 if answer.status is not None else silent + 1
            self._take(health, verdict, answer.text)
            if silent >= 2 * policy.fall:
                return self._hung(f"{answer.text}, {silent} times in a row")

    def _take(self, health: Health, verdict: Verdict, reason: str) -> None:
        change = None if verdict is Verdict.SPARED else health.saw(verdict is Verdict.OK)
        if change is not None:
            self._worker.judged(healthy=change, reason=reason)

    def _rounds(self) -> Rounds:
        return Rounds(self._worker, self._started, self._resources)

    def _hung(self, reason: str) -> Ending:
        return partial(self._worker.hung, self._started, reason)
